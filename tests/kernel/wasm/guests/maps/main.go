// What the SDK for Go does with maps, variables, links and errors of a real kernel; the test compares what it prints.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"eunomia.dev/ebpf"
	"eunomia.dev/ebpf/features"
	"eunomia.dev/ebpf/link"
	"eunomia.dev/ebpf/linux"
	"eunomia.dev/ebpf/ringbuf"
	"eunomia.dev/ebpf/rlimit"
)

//go:embed kills.bpf.o
var object []byte

func must(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func main() {
	must(rlimit.RemoveMemlock())
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	must(err)
	spec.Maps["counts"].MaxEntries = 3000
	must(spec.RewriteConstants(map[string]any{"step": uint32(5)}))
	coll, err := ebpf.NewCollection(spec)
	must(err)
	defer coll.Close()
	elements(coll.Maps["counts"])
	perCPU(coll.Maps["per_cpu"])
	failures(coll)
	events(coll)
}

func elements(counts *ebpf.Map) {
	keys, values := make([]uint32, 3000), make([]uint64, 3000)
	for i := range keys {
		keys[i], values[i] = uint32(i), uint64(i)*2
	}
	many, err := counts.BatchUpdate(keys, values, nil)
	must(err)
	full := counts.Put(uint32(9999), uint64(1))
	fmt.Println("batch", many, counts.MaxEntries(), errors.Is(full, linux.E2BIG))
	must(counts.Delete(uint32(7)))
	var key uint32
	var value, sum uint64
	seen := 0
	walk := counts.Iterate()
	for walk.Next(&key, &value) {
		seen++
		sum += value
	}
	must(walk.Err())
	fmt.Println("iterated", seen, sum)
	missing := counts.Lookup(uint32(7), &value)
	again := counts.Update(uint32(8), uint64(1), ebpf.UpdateNoExist)
	fmt.Println("errors", errors.Is(missing, ebpf.ErrKeyNotExist), errors.Is(missing, fs.ErrNotExist), errors.Is(again, ebpf.ErrKeyExist))
	must(counts.LookupAndDelete(uint32(8), &value))
	fmt.Println("taken", value, counts.Lookup(uint32(8), &value))
}

func perCPU(m *ebpf.Map) {
	values := make([]uint32, ebpf.MustPossibleCPU())
	for i := range values {
		values[i] = uint32(i) + 10
	}
	must(m.Put(uint32(0), values))
	var got []uint32
	must(m.Lookup(uint32(0), &got))
	fmt.Println("per cpu", len(got) == len(values), got[0], got[len(got)-1] == uint32(len(got))+9)
}

func failures(coll *ebpf.Collection) {
	_, err := link.Attach(coll.Programs["on_kill"], "tp:syscalls/no_such_call")
	fmt.Println("attach", err != nil)
	bad, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	must(err)
	bad.Programs["broken"].Autoload = true
	_, err = ebpf.NewCollection(bad)
	var verifier *ebpf.VerifierError
	fmt.Println("verifier", errors.As(err, &verifier), len(verifier.Log) > 0)
	_, err = ebpf.LoadCollectionSpecFromReader(bytes.NewReader([]byte("no object")))
	fmt.Println("no object:", err)
	fmt.Println("features", features.HaveMapType(ebpf.RingBuf), errors.Is(features.HaveTracepoint("a", "b"), ebpf.ErrNotSupported))
}

func events(coll *ebpf.Collection) {
	attached, err := link.Tracepoint("syscalls", "sys_enter_kill", coll.Programs["on_kill"], nil)
	must(err)
	reader, err := ringbuf.NewReader(coll.Maps["events"])
	must(err)
	must(coll.Variables["enabled"].Set(uint32(1)))
	ticks := 0
	ticker := time.NewTicker(10 * time.Millisecond)
	go func() {
		for range ticker.C {
			ticks++
		}
	}()
	reader.SetDeadline(time.Now().Add(200 * time.Millisecond))
	_, err = reader.Read()
	fmt.Println("deadline", errors.Is(err, os.ErrDeadlineExceeded), ticks >= 2)
	reader.SetDeadline(time.Time{})
	fmt.Println("ready")
	for want := uint32(0); want < 1000; want++ {
		record, err := reader.Read()
		must(err)
		if got := uint32(record.RawSample[0]) | uint32(record.RawSample[1])<<8; got != want*5 {
			fmt.Println("record", got, "expected", want*5)
			os.Exit(1)
		}
	}
	var calls uint64
	must(coll.Variables["calls"].Get(&calls))
	must(attached.Close())
	fmt.Println("records 1000 calls", calls)
}
