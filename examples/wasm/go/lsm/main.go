// Forbids everybody to remove folders of one name, as long as it runs.
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
	name := flag.String("name", "precious", "the name of the folders that stay")
	flag.Parse()
	if err := run(*name); err != nil {
		fmt.Fprintln(os.Stderr, "lsm:", err)
		os.Exit(1)
	}
}

func run(name string) error {
	spec, err := loadLsm()
	if err != nil {
		return err
	}
	if err := spec.Variables["kept"].Set(name); err != nil {
		return err
	}
	var objects lsmObjects
	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		return err
	}
	defer objects.Close()
	rule, err := link.AttachLSM(link.LSMOptions{Program: objects.KeepFolder})
	if err != nil {
		return err
	}
	defer rule.Close()
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

	fmt.Printf("folders named %s stay\n", name)
	var event lsmEvent
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
		fmt.Printf("%s (process %d of user %d) may not remove %s\n", text(event.Comm[:]), event.Pid, event.Uid, text(event.Name[:]))
	}
}

func text(raw []byte) string {
	before, _, _ := bytes.Cut(raw, []byte{0})
	return string(before)
}
