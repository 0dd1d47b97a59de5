// Package buffer reads records of ring and perf buffers, many with one call of the host.
package buffer

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"time"

	"eunomia.dev/ebpf/internal/host"
	"eunomia.dev/ebpf/linux"
)

const (
	head   = 8           // u32 size of what follows, u32 true size
	atMost = 256 << 10   // bytes of one batch, as long as no record is larger
	slice  = 20          // ms: the other goroutines stand still for no longer
	long   = 3600 * 1000 // ms: nobody else is there
	growth = 64 << 20    // no record makes the buffer larger than this
)

// Interrupted is called when a signal ended a wait. Package signal sets it.
var Interrupted func()

var waiting []int32 // the buffers that goroutines wait for

// Reader reads one buffer.
type Reader struct {
	fd       int32
	room     []byte
	left     []byte // records that were taken and not read
	deadline time.Time
	isClosed bool
}

// New returns the reader of a buffer of so many bytes.
func New(fd int32, size int) *Reader {
	return &Reader{fd: fd, room: make([]byte, min(max(size, 4096), atMost))}
}

// SetDeadline has reads that still wait then end with os.ErrDeadlineExceeded. The zero time is none.
func (r *Reader) SetDeadline(t time.Time) { r.deadline = t }

// Close has reads end with os.ErrClosed.
func (r *Reader) Close() error {
	if r.isClosed {
		return os.ErrClosed
	}
	r.isClosed = true
	return nil
}

// Left returns how many bytes of records were taken and not read.
func (r *Reader) Left() int { return len(r.left) }

// Lost returns how many records the buffer lost, as far as the kernel says.
func (r *Reader) Lost() (uint64, error) {
	lost := host.Lost(r.fd)
	if lost < 0 {
		return 0, linux.Errno(-lost)
	}
	return uint64(lost), nil
}

// Next waits for a record. Its bytes are valid until the next call.
func (r *Reader) Next() ([]byte, error) {
	if r.isClosed {
		return nil, os.ErrClosed
	}
	if len(r.left) == 0 {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	return r.take()
}

func (r *Reader) take() ([]byte, error) {
	size, whole := binary.LittleEndian.Uint32(r.left), binary.LittleEndian.Uint32(r.left[4:])
	end := head + uint64(size)
	if end > uint64(len(r.left)) {
		r.left = nil
		return nil, fmt.Errorf("record of %d bytes in a batch of less: %w", size, linux.EIO)
	}
	sample := r.left[head:end:end]
	r.left = r.left[min(uint64(len(r.left)), (end+7)&^7):]
	if whole > size {
		r.grow(uint64(whole) + head)
		return sample, fmt.Errorf("record of %d bytes cut to %d: %w", whole, size, linux.ENOSPC)
	}
	return sample, nil
}

// grow makes room for records like one that had none. The bytes of the old room stay with who has them.
func (r *Reader) grow(size uint64) {
	if size = 1 << bits.Len64(size-1); size <= growth {
		r.room = make([]byte, size)
	}
}

// fill takes a batch, and waits for it. The host's calls stop all goroutines, so it lets the others run in between.
func (r *Reader) fill() error {
	waiting = append(waiting, r.fd)
	defer r.leave()
	for {
		runtime.Gosched()
		if r.isClosed {
			return os.ErrClosed
		}
		timeout, isLast := r.timeout()
		others := len(waiting) > 1
		if others {
			isLast = timeout == 0
			timeout = 0
		}
		answer := host.PollBatch(r.fd, r.room, timeout)
		if answer > 0 {
			r.left = r.room[:answer]
			return nil
		}
		if err := r.pause(answer); err != nil {
			return err
		}
		if isLast {
			return os.ErrDeadlineExceeded
		}
		if others {
			if err := r.waitForAny(); err != nil {
				return err
			}
		}
	}
}

// waitForAny waits with the goroutines that read other buffers, each of which looks after its own then.
func (r *Reader) waitForAny() error {
	runtime.Gosched()
	if r.isClosed {
		return nil
	}
	timeout, _ := r.timeout()
	answer := host.Wait(waiting, timeout)
	if answer < 0 && linux.Errno(-answer) != linux.EAGAIN {
		return r.pause(answer)
	}
	return nil
}

// pause handles an answer that brought no records.
func (r *Reader) pause(answer int32) error {
	if answer >= 0 {
		return nil
	}
	if linux.Errno(-answer) != linux.EINTR {
		return host.Failure(answer, "read buffer")
	}
	if Interrupted == nil {
		return linux.EINTR
	}
	Interrupted()
	return nil
}

// timeout returns for how many ms to wait, and whether the deadline comes with them.
func (r *Reader) timeout() (int32, bool) {
	most := int64(long)
	if runtime.NumGoroutine() > 1 {
		most = slice
	}
	if r.deadline.IsZero() {
		return int32(most), false
	}
	left := max(0, (time.Until(r.deadline) + time.Millisecond - 1).Milliseconds())
	return int32(min(most, left)), left <= most
}

func (r *Reader) leave() {
	for i, fd := range waiting {
		if fd == r.fd {
			waiting = append(waiting[:i], waiting[i+1:]...)
			return
		}
	}
}
