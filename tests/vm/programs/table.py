"""One small program for each program type: how it is attached, what provokes it, and how that is counted.

NAME.bpf.c beside this file is the source. `cell.py` runs a case, in a VM or on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vm.programs import places, triggers

if TYPE_CHECKING:
    from vm.programs.cell import Live

    Fire = Callable[[Live], int | None]


@dataclass(frozen=True)
class Case:
    """A cell's row.

    Attributes:
        name: of the case, and of its source.
        section: the program type, as sections name it: the row's title.
        fire: provokes it. Returns how often it fired, or None where the global `hits` counts.
        place: what it attaches to; yields the words of the targets.
        targets: by program, as in `--attach PROGRAM=TARGET`; `{iface}` and the like are words of the place.
        skip: programs that are loaded and not attached.
        base: a program of the source that is off, and runs in an object of its own before: what others attach to, the
            word `base` being its id.
        modules: of the kernel, where they are not built in.
    """

    name: str
    section: str
    fire: Fire
    place: Callable[[], AbstractContextManager[places.Words]] = places.anywhere
    targets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    skip: tuple[str, ...] = ()
    base: str = ""
    modules: tuple[str, ...] = ()

    def filled(self, words: places.Words) -> dict[str, list[str]]:
        """Return the targets with the place's words in them."""
        return {name: [each.format(**words) for each in targets] for name, targets in self.targets.items()}

    def arguments(self, words: places.Words) -> list[str]:
        """Return what the command line gets: `--attach PROGRAM=TARGET` for each."""
        pairs = [f"{name}={target}" for name, targets in self.filled(words).items() for target in targets]
        return [
            *(word for pair in pairs for word in ("--attach", pair)),
            *(word for name in self.skip for word in ("--skip", name)),
        ]


def _on(kind: str) -> dict[str, tuple[str, ...]]:
    """One target for the program `handle`."""
    return {"handle": (kind,)}


def _group(name: str, fire: Fire) -> Case:
    """A program of control groups, attached to one that the process is in."""
    return Case(f"cgroup_{name}", f"cgroup/{name}", fire, places.cgroup, _on("cgroup:{cgroup}"))


TRACING = (
    Case("tp", "tp", triggers.fsync),
    Case("raw_tp", "raw_tp", triggers.fork),
    Case("raw_tp_w", "raw_tp.w", triggers.run_packet, places.network, {"packet": ("socket:lo",)}),
    Case("tp_btf", "tp_btf", triggers.fork),
    Case("kprobe", "kprobe", triggers.rmdir),
    Case("kretprobe", "kretprobe", triggers.rmdir),
    Case("kprobe_multi", "kprobe.multi", triggers.rmdir),
    Case("kretprobe_multi", "kretprobe.multi", triggers.rmdir),
    Case("kprobe_session", "kprobe.session", triggers.rmdir),
    Case("ksyscall", "ksyscall", triggers.fsync),
    Case("kretsyscall", "kretsyscall", triggers.fsync),
    Case("fentry", "fentry", triggers.rmdir),
    Case("fexit", "fexit", triggers.rmdir),
    Case("fmod_ret", "fmod_ret", triggers.denied_rmdir),
    Case("fentry_s", "fentry.s", triggers.fsync),
    Case("uprobe", "uprobe", triggers.getppid),
    Case("uretprobe", "uretprobe", triggers.getppid),
    Case("uprobe_s", "uprobe.s", triggers.getppid),
    Case("uprobe_multi", "uprobe.multi", triggers.getppid),
    Case("uretprobe_multi", "uretprobe.multi", triggers.getppid),
    Case("usdt", "usdt", triggers.call_marked, places.marked_binary, _on("usdt:{binary}:eunomia:called,pid={pid}")),
    Case("perf_event", "perf_event (cpu_clock)", triggers.busy, targets=_on("perf:cpu_clock,freq=99")),
    Case(
        "perf_page_faults", "perf_event (page_faults)", triggers.page_faults, targets=_on("perf:page_faults,period=1")
    ),
    Case("iter_task", "iter/task", triggers.iterate_tasks),
    Case("iter_task_file", "iter/task_file", triggers.iterate_files),
    Case("iter_bpf_map", "iter/bpf_map", triggers.iterate_maps),
    Case("iter_bpf_map_elem", "iter/bpf_map_elem", triggers.iterate_elements, targets=_on("iter:,map=walked")),
    Case("iter_cgroup", "iter/cgroup", triggers.iterate_groups, places.cgroup, _on("iter:,cgroup={cgroup}")),
    Case("lsm", "lsm", triggers.denied_rmdir),
    Case("lsm_s", "lsm.s", triggers.denied_rmdir),
    Case("lsm_cgroup", "lsm_cgroup", triggers.udp4, places.cgroup, _on("cgroup:{cgroup}")),
)
NETWORK = (
    Case("xdp", "xdp (native)", triggers.over_veth, places.veth, _on("iface:{iface},native"), modules=("veth",)),
    Case("xdp_generic", "xdp (generic)", triggers.udp4, places.network, _on("iface:lo,generic")),
    Case("xdp_frags", "xdp.frags", triggers.over_veth, places.veth, _on("iface:{iface}"), modules=("veth",)),
    Case(
        "tc",
        "tc (clsact)",
        triggers.udp4,
        places.network,
        _on("tc:lo:egress,handle=7,prio=3"),
        modules=("sch_ingress", "cls_bpf"),
    ),
    Case("tcx", "tcx", triggers.udp4, places.network, _on("tcx:lo:ingress")),
    Case("netkit", "netkit", triggers.over_netkit, places.netkit, _on("netkit:{iface}")),
    Case("socket", "socket", triggers.udp4, places.network, _on("socket:lo")),
    Case("sockops", "sockops", triggers.tcp, places.cgroup, _on("cgroup:{cgroup}")),
    Case("sk_msg", "sk_msg", triggers.send_through_map, places.network, _on("map:sockets")),
    Case("sk_skb", "sk_skb/stream_verdict", triggers.drop_through_map, places.network),
    Case("sk_skb_verdict", "sk_skb/verdict", triggers.receive_through_map, places.network, _on("map:sockets")),
    Case("sk_lookup", "sk_lookup", triggers.udp4, places.network, _on("netns:self")),
    Case("sk_reuseport", "sk_reuseport", triggers.loopback, places.reuseport, _on("socket:,fd={fd}")),
    Case(
        "flow_dissector",
        "flow_dissector",
        triggers.over_veth,
        places.veth,
        _on("netns:self"),
        modules=("veth",),
    ),
    Case(
        "lwt_in",
        "lwt_in",
        triggers.forwarded,
        places.veth,
        _on("route:10.79.0.0/24,dev={iface}"),
        modules=("veth",),
    ),
    Case(
        "lwt_out",
        "lwt_out",
        triggers.routed,
        places.veth,
        _on("route:10.79.0.0/24,dev={iface}"),
        modules=("veth",),
    ),
    Case(
        "lwt_xmit",
        "lwt_xmit",
        triggers.routed,
        places.veth,
        _on("route:10.79.0.0/24,dev={iface},headroom=14"),
        modules=("veth",),
    ),
    Case(
        "lwt_seg6local",
        "lwt_seg6local",
        triggers.segment_routed,
        places.veth,
        _on("route:fd79::1/128,dev={iface}"),
        modules=("veth",),
    ),
    Case("netfilter", "netfilter", triggers.udp4, places.network, _on("netfilter:ipv4:input")),
    Case("cgroup_skb_ingress", "cgroup_skb/ingress", triggers.udp4, places.cgroup, _on("cgroup:{cgroup}")),
    Case("cgroup_skb_egress", "cgroup_skb/egress", triggers.udp4, places.cgroup, _on("cgroup:{cgroup}")),
    _group("sock_create", triggers.udp4),
    _group("sock_release", triggers.udp4),
    _group("post_bind4", triggers.udp4),
    _group("post_bind6", triggers.udp6),
    _group("bind4", triggers.udp4),
    _group("bind6", triggers.udp6),
    _group("connect4", triggers.connect4),
    _group("connect6", triggers.connect6),
    _group("connect_unix", triggers.unix_socket),
    _group("sendmsg4", triggers.udp4),
    _group("sendmsg6", triggers.udp6),
    _group("sendmsg_unix", triggers.unix_socket),
    _group("recvmsg4", triggers.udp4),
    _group("recvmsg6", triggers.udp6),
    _group("recvmsg_unix", triggers.unix_socket),
    _group("getpeername4", triggers.connect4),
    _group("getpeername6", triggers.connect6),
    _group("getpeername_unix", triggers.unix_socket),
    _group("getsockname4", triggers.connect4),
    _group("getsockname6", triggers.connect6),
    _group("getsockname_unix", triggers.unix_socket),
    _group("getsockopt", triggers.socket_options),
    _group("setsockopt", triggers.socket_options),
    _group("sysctl", triggers.read_sysctl),
    _group("dev", triggers.open_null),
)
OTHERS = (
    Case("struct_ops", "struct_ops", triggers.congestion_control, places.network),
    Case("syscall", "syscall", triggers.run_syscall, skip=("handle",)),
    Case("tail_call", "tail call", triggers.fsync),
    Case("freplace", "freplace", triggers.fsync, targets=_on("prog:{base}"), base="base"),
    Case("fentry_prog", "fentry of a program", triggers.fsync, targets=_on("prog:{base}"), base="base"),
    Case("timer", "timer", triggers.set_timer, places.network, _on("tc:lo"), modules=("sch_ingress", "cls_bpf")),
    Case("ringbuf", "ring buffer", triggers.read_events),
    Case("user_ringbuf", "user ring buffer", triggers.submit_samples),
    Case("arena", "arena", triggers.share_memory),
    Case("perf_buffer", "perf buffer", triggers.read_events),
)
CASES = TRACING + NETWORK + OTHERS
BY_NAME = {case.name: case for case in CASES}
