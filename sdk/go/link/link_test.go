//go:build !wasip1

package link

import (
	"errors"
	"testing"

	"eunomia.dev/ebpf"
)

func TestNamesAreProtectedInTargets(t *testing.T) {
	e, err := OpenExecutable("/opt/a,b")
	if err != nil {
		t.Fatal(err)
	}

	target := e.target("main", &UprobeOptions{Offset: 4, PID: 7})

	if target != `uprobe:/opt/a\,b:main+4,pid=7` {
		t.Fatal(target)
	}
}

func TestACookieIsAnErrorAndNotLeftOut(t *testing.T) {
	e := &Executable{"/bin/true"}
	for _, attach := range []func() (Link, error){
		func() (Link, error) { return Tracepoint("a", "b", &ebpf.Program{}, &TracepointOptions{Cookie: 1}) },
		func() (Link, error) { return Kretprobe("do_exit", &ebpf.Program{}, &KprobeOptions{Cookie: 1}) },
		func() (Link, error) { return e.Uprobe("main", &ebpf.Program{}, &UprobeOptions{Cookie: 1}) },
		func() (Link, error) {
			return KprobeMulti(&ebpf.Program{}, KprobeMultiOptions{Symbols: []string{"a", "b"}, Cookies: []uint64{0, 1}})
		},
	} {
		if l, err := attach(); l != nil || !errors.Is(err, ebpf.ErrNotSupported) {
			t.Error(l, err)
		}
	}
}

func TestANilProgramIsAnErrorAndNoCrash(t *testing.T) {
	for _, attach := range []func(*ebpf.Program) (Link, error){
		func(p *ebpf.Program) (Link, error) { return Tracepoint("sched", "sched_switch", p, nil) },
		func(p *ebpf.Program) (Link, error) { return Kprobe("do_exit", p, nil) },
		func(p *ebpf.Program) (Link, error) { return AttachCgroup(CgroupOptions{Path: "/x", Program: p}) },
		func(p *ebpf.Program) (Link, error) { return AttachTracing(TracingOptions{Program: p}) },
	} {
		if l, err := attach(nil); l != nil || err == nil {
			t.Error(l, err)
		}
	}
}
