// Package link attaches programs.
package link

import (
	"fmt"
	"strconv"
	"strings"

	"eunomia.dev/ebpf"
	"eunomia.dev/ebpf/internal/host"
)

// Link is a program that is attached. It stays so until Close, or until the collection or the guest ends.
type Link interface {
	// Close detaches.
	Close() error
}

type hostLink struct{ number int32 }

// Close detaches. The second call does nothing.
func (l *hostLink) Close() error {
	if l.number <= 0 {
		return nil
	}
	number := l.number
	l.number = 0
	return host.Failure(host.Detach(number), "detach")
}

// Attach attaches a program to a target in the words of eunomia (docs/reference/attaching.md); "" is where its section says.
func Attach(program *ebpf.Program, target string) (Link, error) {
	if program == nil {
		return nil, fmt.Errorf("attach: the program is nil")
	}
	object, name, _ := program.Handle()
	if object == 0 {
		return nil, fmt.Errorf("attach program %s: %w", name, ebpf.ErrClosed)
	}
	number := host.Attach(object, name, target)
	if err := host.Failure(number, "attach program %s", name); err != nil {
		return nil, err
	}
	return &hostLink{number}, nil
}

// cookies are not known to hosts: a program that asks for one would read 0.
func noCookie(cookies ...uint64) error {
	for _, cookie := range cookies {
		if cookie != 0 {
			return fmt.Errorf("attach with a cookie: %w by hosts", ebpf.ErrNotSupported)
		}
	}
	return nil
}

// TracepointOptions say more of a tracepoint. There must be no cookie.
type TracepointOptions struct{ Cookie uint64 }

// Tracepoint attaches to a tracepoint.
func Tracepoint(group, name string, program *ebpf.Program, opts *TracepointOptions) (Link, error) {
	if opts != nil {
		if err := noCookie(opts.Cookie); err != nil {
			return nil, err
		}
	}
	return Attach(program, "tp:"+word(group)+"/"+word(name))
}

// KprobeOptions change where a kprobe is. There must be no cookie.
type KprobeOptions struct {
	Cookie uint64
	Offset uint64
	// RetprobeMaxActive and TraceFSPrefix have no meaning here: the host uses neither.
	RetprobeMaxActive int
	TraceFSPrefix     string
}

// Kprobe attaches to a function of the kernel. Which end of it, the program's section says. The name of a system call
// (sys_openat) stands for the machine's function of it.
func Kprobe(symbol string, program *ebpf.Program, opts *KprobeOptions) (Link, error) {
	return kprobe(symbol, program, opts, false)
}

// Kretprobe attaches to the return of a function of the kernel.
func Kretprobe(symbol string, program *ebpf.Program, opts *KprobeOptions) (Link, error) {
	return kprobe(symbol, program, opts, true)
}

func kprobe(symbol string, program *ebpf.Program, opts *KprobeOptions, isReturn bool) (Link, error) {
	offset := ""
	if opts != nil {
		if err := noCookie(opts.Cookie); err != nil {
			return nil, err
		}
		if opts.Offset != 0 && !isReturn {
			offset = "+" + strconv.FormatUint(opts.Offset, 10)
		}
	}
	if strings.HasPrefix(symbol, "sys_") && offset == "" {
		symbol = symbol + "|__x64_" + symbol + "|__arm64_" + symbol
	}
	return probe("kprobe:"+word(symbol)+offset, program, isReturn)
}

// A program's section decides which end of a function it is called at, so one that says otherwise is a mistake.
func probe(target string, program *ebpf.Program, isReturn bool) (Link, error) {
	if program != nil {
		_, name, section := program.Handle()
		if kind, _, _ := strings.Cut(section, "/"); isReturn != strings.Contains(kind, "ret") {
			return nil, fmt.Errorf("attach program %s to %s: its section is %q, which is the other end of the function", name, target, section)
		}
	}
	return Attach(program, target)
}

// TracingOptions names a program of fentry, fexit, fmod_ret or tp_btf, whose section says where it attaches.
type TracingOptions struct {
	Program    *ebpf.Program
	AttachType ebpf.AttachType
	Cookie     uint64
}

// AttachTracing attaches a program of fentry, fexit, fmod_ret or tp_btf.
func AttachTracing(opts TracingOptions) (Link, error) {
	if err := noCookie(opts.Cookie); err != nil {
		return nil, err
	}
	return Attach(opts.Program, "")
}

// LSMOptions names a program of lsm.
type LSMOptions struct {
	Program *ebpf.Program
	Cookie  uint64
}

// AttachLSM attaches a program to its security hook.
func AttachLSM(opts LSMOptions) (Link, error) {
	if err := noCookie(opts.Cookie); err != nil {
		return nil, err
	}
	return Attach(opts.Program, "")
}

// RawTracepointOptions says where a raw tracepoint attaches. The name "" leaves it to the section.
type RawTracepointOptions struct {
	Name    string
	Program *ebpf.Program
}

// AttachRawTracepoint attaches to a raw tracepoint.
func AttachRawTracepoint(opts RawTracepointOptions) (Link, error) {
	if opts.Name == "" {
		return Attach(opts.Program, "")
	}
	return Attach(opts.Program, "raw_tp:"+word(opts.Name))
}

// CgroupOptions says where a program of control groups attaches.
type CgroupOptions struct {
	Path    string // of the host, or of a directory that it was given by --dir
	Attach  ebpf.AttachType
	Program *ebpf.Program
}

// AttachCgroup attaches a program to a control group.
func AttachCgroup(opts CgroupOptions) (Link, error) {
	target := "cgroup:" + word(opts.Path)
	if opts.Program != nil {
		if _, _, section := opts.Program.Handle(); section == "cgroup/skb" {
			target += map[ebpf.AttachType]string{
				ebpf.AttachCGroupInetIngress: ",ingress", ebpf.AttachCGroupInetEgress: ",egress",
			}[opts.Attach]
		}
	}
	return Attach(opts.Program, target)
}

// word protects what separates options in a target.
func word(name string) string {
	return strings.NewReplacer(`\`, `\\`, ",", `\,`).Replace(name)
}
