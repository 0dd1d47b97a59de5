// Written for cilium/ebpf, as many programs are: all that is changed is the import path. Of bpf2go there is the line alone.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
)

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cc "$BPF_CLANG" -no-strip -type=event bpf bpf/kills.c -- -I./headers

func main() {
	log.SetFlags(0)
	stopper := make(chan os.Signal, 1)
	signal.Notify(stopper, os.Interrupt, syscall.SIGTERM)
	if err := rlimit.RemoveMemlock(); err != nil {
		log.Fatal(err)
	}

	spec, err := loadBpf()
	if err != nil {
		log.Fatalf("reading the object: %v", err)
	}
	if err := spec.Variables["base"].Set(uint32(100000)); err != nil {
		log.Fatalf("setting a variable: %v", err)
	}
	objs := struct {
		FirstStep  *ebpf.Program `ebpf:"first_step"`
		SecondStep *ebpf.Program `ebpf:"second_step"`
		bpfMaps
	}{}
	delete(spec.Programs, "never_loaded") // the verifier would refuse it
	opts := &ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{LogLevel: ebpf.LogLevelInstruction}}
	if err := spec.LoadAndAssign(&objs, opts); err != nil {
		var verifier *ebpf.VerifierError
		if errors.As(err, &verifier) {
			log.Fatalf("loading: %+v", verifier)
		}
		log.Fatalf("loading: %v", err)
	}
	defer objs.bpfMaps.Close()
	if err := objs.Steps.Put(uint32(0), uint32(objs.SecondStep.FD())); err != nil {
		log.Fatalf("putting a descriptor: %v", err)
	}
	if err := objs.Steps.Update(uint32(1), objs.SecondStep, ebpf.UpdateAny); err != nil {
		log.Fatalf("putting a program: %v", err)
	}

	tp, err := link.Tracepoint("syscalls", "sys_enter_kill", objs.FirstStep, nil)
	if err != nil {
		log.Fatalf("opening tracepoint: %s", err)
	}
	defer tp.Close()
	rd, err := ringbuf.NewReader(objs.Events)
	if err != nil {
		log.Fatalf("opening ringbuf reader: %s", err)
	}
	go func() {
		<-stopper
		rd.Close()
	}()
	fmt.Println("ready")

	var event bpfEvent
	for event.Number < 99 {
		record, err := rd.Read()
		if errors.Is(err, ringbuf.ErrClosed) {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		if err := binary.Read(bytes.NewBuffer(record.RawSample), binary.LittleEndian, &event); err != nil {
			log.Fatal(err)
		}
	}
	comm, _, _ := bytes.Cut(event.Comm[:], []byte{0})
	fmt.Printf("%s %d\n", comm, event.Number)

	var pid uint32
	var perCPU []uint64
	for entries := objs.PerProcess.Iterate(); entries.Next(&pid, &perCPU); {
		sum := uint64(0)
		for _, count := range perCPU {
			sum += count
		}
		fmt.Println(pid == event.Pid, sum)
	}
}
