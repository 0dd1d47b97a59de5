// Package perf reads the records of a BPF_MAP_TYPE_PERF_EVENT_ARRAY.
package perf

import (
	"fmt"
	"os"
	"time"

	"eunomia.dev/ebpf"
	"eunomia.dev/ebpf/internal/buffer"
)

// ErrClosed is what reads return once the reader was closed.
var ErrClosed = os.ErrClosed

// Record is one record, or says how many were lost.
type Record struct {
	CPU         int // -1: the host does not tell
	RawSample   []byte
	LostSamples uint64 // not 0: this is no record
	Remaining   int
}

// Reader reads a perf buffer of all CPUs.
type Reader struct {
	r    *buffer.Reader
	size int
	lost uint64
}

// NewReader returns a reader. Buffers of CPUs have perCPUBuffer bytes where the map's spec asked for them before load; what is
// asked here only says how much to take at once.
func NewReader(array *ebpf.Map, perCPUBuffer int) (*Reader, error) {
	if array.Type() != ebpf.PerfEventArray {
		return nil, fmt.Errorf("%s is no perf event array: %w", array, ebpf.ErrMapIncompatible)
	}
	if perCPUBuffer < 1 {
		return nil, fmt.Errorf("perf: a buffer of %d bytes, expected 1 or more", perCPUBuffer)
	}
	// A record of perf has 64 KiB at most.
	return &Reader{r: buffer.New(int32(array.FD()), max(perCPUBuffer, 72<<10)), size: perCPUBuffer}, nil
}

// ReaderOptions say more of a reader. What they say is for the host to decide: it wakes readers by itself, and does not overwrite.
type ReaderOptions struct {
	Watermark, WakeupEvents int
	Overwritable            bool
}

// NewReaderWithOptions is NewReader. An overwritable buffer is an error.
func NewReaderWithOptions(array *ebpf.Map, perCPUBuffer int, opts ReaderOptions) (*Reader, error) {
	if opts.Overwritable {
		return nil, fmt.Errorf("perf: an overwritable buffer: %w", ebpf.ErrNotSupported)
	}
	return NewReader(array, perCPUBuffer)
}

// Read waits for the next record.
func (r *Reader) Read() (Record, error) {
	var record Record
	err := r.ReadInto(&record)
	return record, err
}

// ReadInto is Read into a record whose bytes are used again.
func (r *Reader) ReadInto(record *Record) error {
	record.CPU, record.LostSamples, record.RawSample = -1, 0, record.RawSample[:0]
	if r.r.Left() == 0 {
		if lost, err := r.r.Lost(); err == nil && lost > r.lost {
			record.LostSamples, r.lost = lost-r.lost, lost
			return nil
		}
	}
	sample, err := r.r.Next()
	record.RawSample = append(record.RawSample, sample...)
	record.Remaining = r.r.Left()
	if err == nil || err == os.ErrClosed || err == os.ErrDeadlineExceeded {
		return err
	}
	return fmt.Errorf("perf: %w", err)
}

// SetDeadline has reads end with os.ErrDeadlineExceeded then; the zero time takes that back.
func (r *Reader) SetDeadline(t time.Time) { r.r.SetDeadline(t) }

// BufferSize returns what NewReader was asked for.
func (r *Reader) BufferSize() int { return r.size }

// Close ends reads that wait.
func (r *Reader) Close() error {
	_ = r.r.Close()
	return nil
}
