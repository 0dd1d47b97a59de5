// Shows programs as they are executed. The kernel's half is @NAME@.bpf.c; `ecc build-wasm` makes @NAME@_bpf.go of it.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"syscall"

	"eunomia.dev/ebpf/link"
	"eunomia.dev/ebpf/ringbuf"
	"eunomia.dev/ebpf/signal"
)

func main() {
	pid := flag.Uint("pid", 0, "only this `process`; 0: all")
	flag.Parse()
	if err := run(uint32(*pid)); err != nil {
		fmt.Fprintln(os.Stderr, "@NAME@:", err)
		os.Exit(1)
	}
}

func run(pid uint32) error {
	spec, err := load@CAMEL@()
	if err != nil {
		return err
	}
	if err := spec.Variables["wanted_pid"].Set(pid); err != nil {
		return err
	}
	var objects @LOWER@Objects
	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		return err
	}
	defer objects.Close()
	attached, err := link.Tracepoint("sched", "sched_process_exec", objects.OnExec, nil)
	if err != nil {
		return err
	}
	defer attached.Close()
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

	fmt.Println("PID     COMM             FILENAME")
	for {
		record, err := events.Read()
		if errors.Is(err, ringbuf.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		var event @LOWER@Event
		if err := event.UnmarshalBinary(record.RawSample); err != nil {
			return err
		}
		fmt.Printf("%-7d %-16s %s\n", event.Pid, text(event.Comm[:]), text(event.Filename[:]))
	}
}

// text returns what a NUL ends.
func text(raw []byte) string {
	before, _, _ := bytes.Cut(raw, []byte{0})
	return string(before)
}
