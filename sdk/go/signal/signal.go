// Package signal gives a guest its signals, which os/signal cannot: WASI has none. A guest that imports it is not ended by the
// first SIGINT or SIGTERM; the second one ends it.
package signal

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"

	"eunomia.dev/ebpf/internal/buffer"
	"eunomia.dev/ebpf/internal/host"
)

const interval = 50 * time.Millisecond // how long a signal may go unseen while the guest sleeps

var (
	lock     sync.Mutex
	watched  = map[chan<- os.Signal]map[syscall.Signal]bool{}
	watching sync.Once
)

// Linux numbers of signals, and what package syscall calls them.
var known = map[int32]syscall.Signal{2: syscall.SIGINT, 3: syscall.SIGQUIT, 9: syscall.SIGKILL, 13: syscall.SIGPIPE, 15: syscall.SIGTERM}

// Notify has signals sent to a channel, all if none are named. It does not wait for room in it.
func Notify(c chan<- os.Signal, signals ...os.Signal) {
	wanted := map[syscall.Signal]bool{}
	for _, s := range signals {
		if number, ok := s.(syscall.Signal); ok {
			wanted[number] = true
		}
	}
	lock.Lock()
	watched[c] = wanted
	lock.Unlock()
	watching.Do(func() {
		buffer.Interrupted = take
		go func() {
			for {
				time.Sleep(interval)
				take()
			}
		}()
	})
}

// Stop has no more signals sent to a channel.
func Stop(c chan<- os.Signal) {
	lock.Lock()
	delete(watched, c)
	lock.Unlock()
}

// NotifyContext returns a context that is done at the first of these signals.
func NotifyContext(parent context.Context, signals ...os.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	c := make(chan os.Signal, 1)
	Notify(c, signals...)
	go func() {
		select {
		case <-c:
			cancel()
		case <-ctx.Done():
		}
		Stop(c)
	}()
	return ctx, cancel
}

func take() {
	number := host.TakeSignal()
	if number == 0 {
		return
	}
	sig, ok := known[number]
	if !ok {
		sig = syscall.Signal(number)
	}
	lock.Lock()
	defer lock.Unlock()
	for c, wanted := range watched {
		if len(wanted) == 0 || wanted[sig] {
			select {
			case c <- sig:
			default:
			}
		}
	}
}
