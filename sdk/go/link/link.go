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

// TracepointOptions is here for compatibility.
type TracepointOptions struct{}

// Tracepoint attaches to a tracepoint.
func Tracepoint(group, name string, program *ebpf.Program, _ *TracepointOptions) (Link, error) {
	return Attach(program, "tp:"+word(group)+"/"+word(name))
}

// KprobeOptions change where a kprobe is.
type KprobeOptions struct{ Offset uint64 }

// Kprobe attaches to a function of the kernel. Which end of it, the program's section says.
func Kprobe(symbol string, program *ebpf.Program, opts *KprobeOptions) (Link, error) {
	target := "kprobe:" + word(symbol)
	if opts != nil && opts.Offset != 0 {
		target += "+" + strconv.FormatUint(opts.Offset, 10)
	}
	return probe(target, program, false)
}

// Kretprobe attaches to the return of a function of the kernel.
func Kretprobe(symbol string, program *ebpf.Program, _ *KprobeOptions) (Link, error) {
	return probe("kprobe:"+word(symbol), program, true)
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
func AttachTracing(opts TracingOptions) (Link, error) { return Attach(opts.Program, "") }

// LSMOptions names a program of lsm.
type LSMOptions struct {
	Program *ebpf.Program
	Cookie  uint64
}

// AttachLSM attaches a program to its security hook.
func AttachLSM(opts LSMOptions) (Link, error) { return Attach(opts.Program, "") }

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

// XDPAttachFlags say how XDP attaches.
type XDPAttachFlags uint32

// How XDP attaches.
const (
	XDPGenericMode XDPAttachFlags = 1 << (iota + 1)
	XDPDriverMode
	XDPOffloadMode
)

// XDPOptions says where XDP attaches. A guest knows interfaces by their names.
type XDPOptions struct {
	Program       *ebpf.Program
	InterfaceName string
	Flags         XDPAttachFlags
}

// AttachXDP attaches to an interface.
func AttachXDP(opts XDPOptions) (Link, error) {
	mode := map[XDPAttachFlags]string{XDPGenericMode: ",generic", XDPDriverMode: ",native", XDPOffloadMode: ",offload"}[opts.Flags]
	return Attach(opts.Program, "iface:"+word(opts.InterfaceName)+mode)
}

// TCXOptions says where a program of tc attaches.
type TCXOptions struct {
	Program       *ebpf.Program
	InterfaceName string
	Attach        ebpf.AttachType // AttachTCXIngress, AttachTCXEgress
}

// AttachTCX attaches to the packets of an interface, by link. Kernel: 6.6+; elsewhere Attach with "tc:eth0:ingress".
func AttachTCX(opts TCXOptions) (Link, error) {
	way := ":ingress"
	if opts.Attach == ebpf.AttachTCXEgress {
		way = ":egress"
	}
	return Attach(opts.Program, "tcx:"+word(opts.InterfaceName)+way)
}

// Executable is a program or library whose functions can be probed.
type Executable struct{ path string }

// UprobeOptions say more of where a uprobe attaches.
type UprobeOptions struct {
	Offset uint64
	PID    int // only in this process
}

// OpenExecutable names a program or library of the host: its path, or a name that the host looks up. Whether it is there, attaching says.
func OpenExecutable(path string) (*Executable, error) {
	if path == "" {
		return nil, fmt.Errorf("the path of an executable is empty")
	}
	return &Executable{path}, nil
}

// Uprobe attaches to a function. Which end of it, the program's section says.
func (e *Executable) Uprobe(symbol string, program *ebpf.Program, opts *UprobeOptions) (Link, error) {
	return probe(e.target(symbol, opts), program, false)
}

// Uretprobe attaches to the return of a function.
func (e *Executable) Uretprobe(symbol string, program *ebpf.Program, opts *UprobeOptions) (Link, error) {
	return probe(e.target(symbol, opts), program, true)
}

func (e *Executable) target(symbol string, opts *UprobeOptions) string {
	target := "uprobe:" + word(e.path) + ":" + word(symbol)
	if opts != nil && opts.Offset != 0 {
		target += "+" + strconv.FormatUint(opts.Offset, 10)
	}
	if opts != nil && opts.PID != 0 {
		target += ",pid=" + strconv.Itoa(opts.PID)
	}
	return target
}

// word protects what separates options in a target.
func word(name string) string {
	return strings.NewReplacer(`\`, `\\`, ",", `\,`).Replace(name)
}
