//go:build !wasip1

package link

import (
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
