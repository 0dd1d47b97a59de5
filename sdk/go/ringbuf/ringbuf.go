// Package ringbuf reads the records of a BPF_MAP_TYPE_RINGBUF.
package ringbuf

import (
	"fmt"
	"os"
	"time"

	"eunomia.dev/ebpf"
	"eunomia.dev/ebpf/internal/buffer"
)

// ErrClosed is what reads return once the reader was closed.
var ErrClosed = os.ErrClosed

// Record is one record.
type Record struct {
	// RawSample is what the program put into the ring: whole records, of their true size.
	RawSample []byte
	// Remaining is how many bytes of records are there already that can be read without waiting.
	Remaining int
}

// Reader reads a ring. While it waits, other goroutines go on, but those that another host call blocks.
type Reader struct {
	r    *buffer.Reader
	size int
}

// NewReader returns a reader of a ring.
func NewReader(ring *ebpf.Map) (*Reader, error) {
	if ring.Type() != ebpf.RingBuf {
		return nil, fmt.Errorf("%s is no ring buffer: %w", ring, ebpf.ErrMapIncompatible)
	}
	return &Reader{buffer.New(int32(ring.FD()), int(ring.MaxEntries())), int(ring.MaxEntries())}, nil
}

// Read waits for the next record. Its bytes are the caller's.
func (r *Reader) Read() (Record, error) {
	var record Record
	err := r.ReadInto(&record)
	return record, err
}

// ReadInto is Read into a record whose bytes are used again.
func (r *Reader) ReadInto(record *Record) error {
	sample, err := r.r.Next()
	if sample == nil && err != nil {
		return wrap(err)
	}
	record.RawSample = append(record.RawSample[:0], sample...)
	record.Remaining = r.r.Left()
	return wrap(err)
}

// ReadBatch waits for records and calls f for each that is there, up to the first error. A sample is valid during the call.
func (r *Reader) ReadBatch(f func(sample []byte) error) (int, error) {
	for many := 0; ; many++ {
		if many > 0 && r.r.Left() == 0 {
			return many, nil
		}
		sample, err := r.r.Next()
		if err == nil {
			err = f(sample)
		}
		if err != nil {
			return many, wrap(err)
		}
	}
}

// SetDeadline has reads end with os.ErrDeadlineExceeded then; the zero time takes that back.
func (r *Reader) SetDeadline(t time.Time) { r.r.SetDeadline(t) }

// Lost returns how many records did not fit into the ring, as far as the kernel says.
func (r *Reader) Lost() (uint64, error) { return r.r.Lost() }

// BufferSize returns the size of the ring.
func (r *Reader) BufferSize() int { return r.size }

// Close ends reads that wait.
func (r *Reader) Close() error {
	_ = r.r.Close()
	return nil
}

func wrap(err error) error {
	if err == nil || err == os.ErrClosed || err == os.ErrDeadlineExceeded {
		return err
	}
	return fmt.Errorf("ringbuf: %w", err)
}
