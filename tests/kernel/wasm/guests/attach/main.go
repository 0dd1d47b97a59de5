// Attaches to one place of each kind, and ends when something came from all of them.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"eunomia.dev/ebpf"
	"eunomia.dev/ebpf/link"
	"eunomia.dev/ebpf/perf"
)

func must(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func main() {
	var objects placesObjects
	must(loadPlacesObjects(&objects, nil))
	defer objects.Close()
	executable, err := link.OpenExecutable("libc.so.6")
	must(err)
	var links []link.Link
	for _, attach := range []func() (link.Link, error){
		func() (link.Link, error) {
			return link.AttachRawTracepoint(link.RawTracepointOptions{Name: "sys_enter", Program: objects.OnRaw})
		},
		func() (link.Link, error) { return link.AttachTracing(link.TracingOptions{Program: objects.OnTyped}) },
		func() (link.Link, error) {
			return link.AttachXDP(link.XDPOptions{Program: objects.OnPacket, InterfaceName: os.Args[1], Flags: link.XDPGenericMode})
		},
		func() (link.Link, error) {
			return link.AttachCgroup(link.CgroupOptions{Path: os.Args[2], Attach: ebpf.AttachCGroupInetEgress, Program: objects.OnSent})
		},
		func() (link.Link, error) { return executable.Uprobe("getppid", objects.OnCall, nil) },
		func() (link.Link, error) { return link.Tracepoint("syscalls", "sys_enter_kill", objects.OnKill, nil) },
	} {
		one, err := attach()
		must(err)
		links = append(links, one)
	}
	_, twice := link.AttachXDP(link.XDPOptions{Program: objects.OnPacket, InterfaceName: os.Args[1], Flags: link.XDPGenericMode})
	fmt.Println("attached", len(links), twice != nil)
	signals(objects.Signals)
	counters := map[string]*ebpf.Variable{
		"raw": objects.Raw, "typed": objects.Typed, "packets": objects.Packets, "sent": objects.Sent, "called": objects.Called,
	}
	for name, counter := range counters {
		for count := uint64(0); count == 0; time.Sleep(5 * time.Millisecond) {
			must(counter.Get(&count))
		}
		delete(counters, name)
	}
	for _, one := range links {
		must(one.Close())
	}
	before, after := uint64(0), uint64(1)
	for try := 0; before != after && try < 100; try++ { // the kernel lets go of a tracepoint's programs a while later
		must(objects.Raw.Get(&before))
		time.Sleep(50 * time.Millisecond)
		must(objects.Raw.Get(&after))
	}
	fmt.Println("all", before == after)
}

func signals(array *ebpf.Map) {
	reader, err := perf.NewReader(array, 4096)
	must(err)
	record, err := reader.Read()
	must(err)
	fmt.Println("perf", binary.LittleEndian.Uint64(record.RawSample), record.LostSamples)
	must(reader.Close())
	_, err = reader.Read()
	fmt.Println("closed", errors.Is(err, perf.ErrClosed))
}
