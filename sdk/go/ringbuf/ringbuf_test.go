//go:build !wasip1

package ringbuf

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"eunomia.dev/ebpf/internal/buffer"
	"eunomia.dev/ebpf/internal/host"
	"eunomia.dev/ebpf/linux"
)

// rings is a host with a queue of records for each descriptor.
func rings(t *testing.T, queues map[int32][]string) {
	t.Helper()
	host.Fake.PollBatch = func(fd int32, data []byte, timeoutMs int32) int32 {
		at := 0
		for len(queues[fd]) > 0 {
			record := queues[fd][0]
			size := min(len(record), len(data)-8)
			if at > 0 && at+8+len(record) > len(data) {
				break
			}
			binary.LittleEndian.PutUint32(data[at:], uint32(size))
			binary.LittleEndian.PutUint32(data[at+4:], uint32(len(record)))
			copy(data[at+8:], record[:size])
			at = min(len(data), (at+8+size+7)&^7)
			queues[fd] = queues[fd][1:]
		}
		if at == 0 && timeoutMs > 0 {
			time.Sleep(time.Duration(timeoutMs) * time.Millisecond)
		}
		return int32(at)
	}
	host.Fake.Wait = func(fds []int32, timeoutMs int32) int32 {
		for i, fd := range fds {
			if len(queues[fd]) > 0 {
				return int32(i)
			}
		}
		time.Sleep(time.Duration(timeoutMs) * time.Millisecond)
		return -int32(linux.EAGAIN)
	}
}

func reader(fd int32, size int) *Reader { return &Reader{buffer.New(fd, size), size} }

func TestRecordsComeInOrderWithTheirSizes(t *testing.T) {
	rings(t, map[int32][]string{1: {"one", "", "three of them"}})
	r := reader(1, 4096)

	var got []string
	for range 3 {
		record, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(record.RawSample))
	}

	if !slices.Equal(got, []string{"one", "", "three of them"}) {
		t.Fatalf("%q", got)
	}
}

func TestADeadlineEndsARead(t *testing.T) {
	rings(t, nil)
	r := reader(1, 4096)
	r.SetDeadline(time.Now().Add(30 * time.Millisecond))

	_, err := r.Read()

	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestCloseEndsAReadThatWaits(t *testing.T) {
	rings(t, nil)
	r := reader(1, 4096)
	go func() {
		time.Sleep(10 * time.Millisecond)
		r.Close()
	}()

	_, err := r.Read()

	if !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

func TestACutRecordIsToldAndTheNextLikeItFits(t *testing.T) {
	long := strings.Repeat("x", 5000)
	rings(t, map[int32][]string{1: {long, long}})
	r := reader(1, 4096)

	first, err := r.Read()
	if !errors.Is(err, linux.ENOSPC) || len(first.RawSample) != 4088 || !strings.Contains(err.Error(), "record of 5000 bytes cut to 4088") {
		t.Fatal(err, len(first.RawSample))
	}
	for len(first.RawSample) != 5000 {
		if first, err = r.Read(); err != nil && !errors.Is(err, linux.ENOSPC) {
			t.Fatal(err)
		}
		if errors.Is(err, linux.ENOSPC) {
			rings(t, map[int32][]string{1: {long}}) // both came in one batch with the old room
		}
	}
}

func TestTwoReadersDoNotHoldEachOtherUp(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as in a guest
	queues := map[int32][]string{}
	for range 500 {
		queues[1], queues[2] = append(queues[1], "a"), append(queues[2], "b")
	}
	rings(t, queues)
	counts := make(chan int)
	for fd := range int32(2) {
		go func() {
			r, many := reader(fd+1, 4096), 0
			for r.SetDeadline(time.Now().Add(200 * time.Millisecond)); ; many++ {
				if _, err := r.Read(); err != nil {
					counts <- many
					return
				}
			}
		}()
	}

	if a, b := <-counts, <-counts; a != 500 || b != 500 {
		t.Fatal(a, b)
	}
}
