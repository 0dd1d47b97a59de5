// Shows processes as they begin and end. The kernel's half is examples/bootstrap.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"

	"eunomia.dev/ebpf"
	"eunomia.dev/ebpf/link"
	"eunomia.dev/ebpf/ringbuf"
	"eunomia.dev/ebpf/signal"
)

func main() {
	minDuration := flag.Uint64("d", 0, "only processes that end after so many milliseconds or more")
	flag.Parse()
	if err := run(*minDuration); err != nil {
		fmt.Fprintln(os.Stderr, "bootstrap:", err)
		os.Exit(1)
	}
}

func run(minDuration uint64) error {
	spec, err := loadBootstrap()
	if err != nil {
		return err
	}
	if err := spec.Variables["min_duration_ms"].Set(minDuration); err != nil {
		return err
	}
	var objects bootstrapObjects
	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		return err
	}
	defer objects.Close()

	for _, program := range []*ebpf.Program{objects.OnExec, objects.OnExit} {
		attached, err := link.Attach(program, "")
		if err != nil {
			return err
		}
		defer attached.Close()
	}
	events, err := ringbuf.NewReader(objects.Events)
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-stop
		events.Close()
	}()
	return show(events)
}

func show(events *ringbuf.Reader) error {
	fmt.Printf("%-8s %-5s %-16s %-7s %-7s %s\n", "TIME", "EVENT", "COMM", "PID", "PPID", "FILENAME/EXIT CODE")
	var event bootstrapEvent
	for {
		record, err := events.Read()
		if errors.Is(err, ringbuf.ErrClosed) {
			return nil
		}
		if err == nil {
			err = event.UnmarshalBinary(record.RawSample)
		}
		if err != nil {
			return err
		}
		fmt.Printf("%-8s %-5s %-16s %-7d %-7d ", time.Now().Format(time.TimeOnly), words[event.Event], text(event.Comm[:]), event.Pid, event.Ppid)
		if event.Event == 0 {
			fmt.Println(text(event.Filename[:]))
		} else {
			fmt.Printf("[%d] (%dms)\n", event.Code, event.Age/1e6)
		}
	}
}

var words = [...]string{"EXEC", "EXIT"}

func text(raw []byte) string {
	before, _, _ := bytes.Cut(raw, []byte{0})
	return string(before)
}
