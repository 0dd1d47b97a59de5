// Package features asks what the kernel has. A nil error is yes; ebpf.ErrNotSupported is no.
package features

import (
	"fmt"
	"strconv"

	"eunomia.dev/ebpf"
	"eunomia.dev/ebpf/internal/host"
)

const (
	fentry = iota + 1
	rawTracepoint
	mapType
	programType
	kprobe
	tracepoint
	member
	kernelBTF
	helper
)

// HaveMapType tells whether the kernel has maps of a type.
func HaveMapType(t ebpf.MapType) error {
	return ask(mapType, strconv.Itoa(int(t)), "map type "+t.String())
}

// HaveProgramType tells whether the kernel has programs of a type.
func HaveProgramType(t ebpf.ProgramType) error {
	return ask(programType, strconv.Itoa(int(t)), "program type "+t.String())
}

// HaveProgramHelper tells whether programs of a type may call a helper, by the kernel's number of it.
func HaveProgramHelper(t ebpf.ProgramType, number uint32) error {
	return ask(helper, fmt.Sprintf("%d:%d", t, number), fmt.Sprintf("helper %d for %s", number, t))
}

// HaveFentry tells whether a function of the kernel can be traced by fentry and fexit.
func HaveFentry(function string) error { return ask(fentry, function, "fentry of "+function) }

// HaveBTFTracepoint tells whether a tracepoint has a type, for tp_btf.
func HaveBTFTracepoint(name string) error { return ask(rawTracepoint, name, "tp_btf of "+name) }

// HaveKprobe tells whether a function of the kernel can be traced by kprobe.
func HaveKprobe(function string) error { return ask(kprobe, function, "kprobe of "+function) }

// HaveTracepoint tells whether there is a tracepoint.
func HaveTracepoint(category, name string) error {
	return ask(tracepoint, category+":"+name, "tracepoint "+category+":"+name)
}

// HaveMember tells whether the kernel's types have a structure, or member: "task_struct.on_cpu".
func HaveMember(name string) error { return ask(member, name, "structure "+name) }

// HaveBTF tells whether the kernel has its types.
func HaveBTF() error { return ask(kernelBTF, "", "types of the kernel") }

func ask(what int32, name, words string) error {
	answer := host.Probe(what, name)
	if answer == 0 {
		return fmt.Errorf("%s: %w", words, ebpf.ErrNotSupported)
	}
	return host.Failure(answer, "%s", words)
}
