// Shows who executes what, and at the end how often each parent did.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"

	"eunomia.dev/ebpf"
	"eunomia.dev/ebpf/link"
	"eunomia.dev/ebpf/ringbuf"
	"eunomia.dev/ebpf/signal"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "execve:", err)
		os.Exit(1)
	}
}

func run() error {
	var objects execveObjects
	if err := loadExecveObjects(&objects, nil); err != nil {
		return err
	}
	defer objects.Close()
	attached, err := link.Tracepoint("syscalls", "sys_enter_execve", objects.OnExecve, nil)
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

	fmt.Println("waiting for programs to be executed")
	for err == nil {
		var event execveEvent
		_, err = events.ReadBatch(func(sample []byte) error {
			if err := event.UnmarshalBinary(sample); err != nil {
				return err
			}
			_, err := fmt.Printf("[%d] %s -> %s\n", event.Pid, text(event.Parent[:]), text(event.Command[:]))
			return err
		})
	}
	if !errors.Is(err, ringbuf.ErrClosed) {
		return err
	}
	return summary(objects.Executions)
}

func summary(executions *ebpf.Map) error {
	var parent uint32
	var count, sum uint64
	parents := 0
	elements := executions.Iterate()
	for elements.Next(&parent, &count) {
		parents++
		sum += count
	}
	fmt.Printf("%d executions by %d parents\n", sum, parents)
	return elements.Err()
}

func text(raw []byte) string {
	before, _, _ := bytes.Cut(raw, []byte{0})
	return string(before)
}
