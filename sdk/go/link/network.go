package link

import (
	"fmt"
	"strconv"

	"eunomia.dev/ebpf"
)

// device is an interface in a target, which takes its number too.
func device(number int, name string) string {
	if name == "" && number > 0 {
		return strconv.Itoa(number)
	}
	return word(name)
}

// XDPAttachFlags say how XDP attaches.
type XDPAttachFlags uint32

// How XDP attaches.
const (
	XDPGenericMode XDPAttachFlags = 1 << (iota + 1)
	XDPDriverMode
	XDPOffloadMode
)

// XDPOptions says where XDP attaches: the interface by its number or its name. A guest does not learn numbers from package net.
type XDPOptions struct {
	Program       *ebpf.Program
	Interface     int
	InterfaceName string
	Flags         XDPAttachFlags
}

// AttachXDP attaches to an interface.
func AttachXDP(opts XDPOptions) (Link, error) {
	mode := map[XDPAttachFlags]string{XDPGenericMode: ",generic", XDPDriverMode: ",native", XDPOffloadMode: ",offload"}[opts.Flags]
	return Attach(opts.Program, "iface:"+device(opts.Interface, opts.InterfaceName)+mode)
}

// TCXOptions says where a program of tc attaches.
type TCXOptions struct {
	Program       *ebpf.Program
	Interface     int
	InterfaceName string
	Attach        ebpf.AttachType // AttachTCXIngress, AttachTCXEgress
}

// AttachTCX attaches to the packets of an interface, by link. Kernel: 6.6+; elsewhere Attach with "tc:eth0:ingress".
func AttachTCX(opts TCXOptions) (Link, error) {
	way := ":ingress"
	if opts.Attach == ebpf.AttachTCXEgress {
		way = ":egress"
	}
	return Attach(opts.Program, "tcx:"+device(opts.Interface, opts.InterfaceName)+way)
}

// NetkitOptions says where a program of a netkit device attaches.
type NetkitOptions struct {
	Program       *ebpf.Program
	Interface     int
	InterfaceName string
	Attach        ebpf.AttachType // AttachNetkitPrimary, AttachNetkitPeer
}

// AttachNetkit attaches to one end of a netkit device. Kernel: 6.7+
func AttachNetkit(opts NetkitOptions) (Link, error) {
	end := ":primary"
	if opts.Attach == ebpf.AttachNetkitPeer {
		end = ":peer"
	}
	return Attach(opts.Program, "netkit:"+device(opts.Interface, opts.InterfaceName)+end)
}

// NetfilterHook is a place on the way of packets.
type NetfilterHook uint32

// The places on the way of packets, as the kernel numbers them.
const (
	NetfilterInetPreRouting NetfilterHook = iota
	NetfilterInetLocalIn
	NetfilterInetForward
	NetfilterInetLocalOut
	NetfilterInetPostRouting
)

var hooks = [...]string{"prerouting", "input", "forward", "output", "postrouting"}

// NetfilterProtocolFamily is IPv4 or IPv6.
type NetfilterProtocolFamily uint32

// The kinds of packets, as the kernel numbers them.
const (
	NetfilterProtoIPv4 NetfilterProtocolFamily = 2
	NetfilterProtoIPv6 NetfilterProtocolFamily = 10
)

// NetfilterAttachFlags say more of how a program of netfilter attaches.
type NetfilterAttachFlags uint32

// NetfilterIPDefrag has packets put together first.
const NetfilterIPDefrag NetfilterAttachFlags = 1

// NetfilterOptions says where a program of netfilter attaches.
type NetfilterOptions struct {
	Program        *ebpf.Program
	ProtocolFamily NetfilterProtocolFamily
	HookNumber     NetfilterHook
	Priority       int32
	NetfilterFlags NetfilterAttachFlags
}

// AttachNetfilter attaches to a hook of netfilter. Kernel: 6.4+
func AttachNetfilter(opts NetfilterOptions) (Link, error) {
	family := map[NetfilterProtocolFamily]string{NetfilterProtoIPv4: "ipv4", NetfilterProtoIPv6: "ipv6"}[opts.ProtocolFamily]
	if family == "" || int(opts.HookNumber) >= len(hooks) {
		return nil, fmt.Errorf("attach netfilter: family %d, hook %d: no such place", opts.ProtocolFamily, opts.HookNumber)
	}
	target := "netfilter:" + family + ":" + hooks[opts.HookNumber] + ",prio=" + strconv.Itoa(int(opts.Priority))
	if opts.NetfilterFlags&NetfilterIPDefrag != 0 {
		target += ",defrag"
	}
	return Attach(opts.Program, target)
}
