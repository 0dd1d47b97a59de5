"""Attach targets of other kinds: interfaces, control groups, namespaces, maps of sockets, performance events."""

from __future__ import annotations

import os
import socket
from struct import pack
from typing import TYPE_CHECKING, Any

from eunomia._native import ffi, lib, text
from eunomia.kernel.preflight import struct_ops, tracing
from eunomia.kernel.preflight.found import Found
from eunomia.kernel.preflight.target import read

if TYPE_CHECKING:
    from eunomia.kernel.preflight.analysis import Analysis
    from eunomia.kernel.preflight.report import Status
    from eunomia.kernel.preflight.target import Target

ENOENT, LOOPBACK = 2, 1
SCHED_CLS, XDP = 3, 6
SK_SKB, SK_MSG, FLOW_DISSECTOR, STRUCT_OPS, SK_LOOKUP = 14, 16, 22, 27, 30
BY_ITSELF = frozenset((SK_SKB, SK_MSG, FLOW_DISSECTOR, STRUCT_OPS, SK_LOOKUP))
SOCKMAP, SOCKHASH = 15, 18
# Source: .ndo_bpf in drivers/net of Linux 6.12.
_NATIVE_XDP = frozenset(
    ("veth", "tun", "virtio_net", "bonding", "ena", "gve", "mana", "hv_netvsc", "vif", "vmxnet3", "atlantic", "bnxt_en",
     "nicvf", "fsl_dpaa2_eth", "fsl_enetc", "fec", "i40e", "ice", "igb", "igc", "ixgbe", "ixgbevf", "mvneta", "mvpp2",
     "mlx4_en", "mlx5_core", "nfp", "qede", "sfc", "stmmac", "st_gmac", "rvu-nicpf", "lan966x", "tsnep", "netdevsim")
)  # fmt: skip
_WITHOUT_XDP = frozenset(
    ("dummy", "bridge", "netkit", "802.1Q VLAN Support", "ipvlan", "macvlan", "vxlan", "e1000e", "e1000")
)
TCX, NETKIT = 46, 54  # BPF_TCX_INGRESS, BPF_NETKIT_PRIMARY


def device(analysis: Analysis, section: str, settings: dict[str, Any], types: tuple[int, int]) -> Found | None:
    """Judge a program of an interface that annotations name, or else of the loopback interface."""
    hook = settings.get("tchook")
    index = settings.get("ifindex", hook.get("ifindex") if isinstance(hook, dict) else None)
    index = index if isinstance(index, int) and index > 0 else LOOPBACK
    if not analysis.target.live:
        return _way(analysis, section, index, types)
    try:
        socket.if_indextoname(index)
    except OSError:
        return Found("no", f"there is no interface {index}", "ip link shows the interfaces; --iface NAME is another")
    return _way(analysis, section, index, types)


def chosen(analysis: Analysis, kind: str, name: str, options: dict[str, str], types: tuple[int, int]) -> Found:
    """Judge a target that was chosen on the command line or by annotation."""
    target = analysis.target
    if kind in ("iface", "tc", "tcx", "netkit"):
        return _interface(analysis, kind, name if kind == "iface" else name.partition(":")[0], options, types)
    if kind == "map":
        return by_itself(analysis, types, name) or Found("yes")
    if kind == "prog":
        return tracing.program(target, name)
    if not target.live:
        return Found("unknown", f"{kind}:{name} of another machine is not looked at")
    if kind == "netns":
        return _netns(name)
    if kind == "route" and "dev" in options:
        return _no_interface(options["dev"]) or Found("yes", f"interface {options['dev']}")
    if kind == "socket" and name:
        return _no_interface(name) or Found("yes", f"interface {name}")
    if kind == "iter" and "cgroup" in options:
        return _path(options["cgroup"])
    return Found("yes")


def _interface(analysis: Analysis, kind: str, name: str, options: dict[str, str], types: tuple[int, int]) -> Found:
    if not analysis.target.live:
        return _way(analysis, kind, 0, types) or Found("unknown", "interfaces of another machine are not looked at")
    missing = _no_interface(name)
    if missing is not None:
        return missing
    index = int(name) if name.isdecimal() else socket.if_nametoindex(name)
    way = _way(analysis, kind if kind != "iface" else "", index, types, options)
    return way or Found("yes", f"interface {name}")


def _no_interface(name: str) -> Found | None:
    try:
        if not name.isdecimal():
            socket.if_nametoindex(name)
    except OSError:
        return Found("no", f"interface {name}: no such interface", "`ip link` shows those of this network namespace")
    return None


def _way(
    analysis: Analysis, way: str, index: int, types: tuple[int, int], options: dict[str, str] | None = None
) -> Found | None:
    """Judge how a program gets to an interface: XDP's slot, tcx, netkit, or a filter of clsact."""
    target = analysis.target
    if types[0] == XDP:
        return _xdp(analysis, index, options or {}) if target.live else None
    for kind, number, config in (("netkit", NETKIT, "CONFIG_NETKIT"), ("tcx", TCX, "Linux 6.6 or newer")):
        if way.startswith(kind):
            known = target.knows("attach type", number)
            if kind == "netkit" and known:
                known = target.has_function("netkit_xmit") or target.has_function("netkit_prog_attach")
            if known is False:
                return Found("no", f"this kernel has no {kind}", f"it needs {config}; tc:NAME works with every kernel")
            if known is None:
                return Found("unknown", "no BTF to look in")
            return _netkit_device(index) if kind == "netkit" and target.live else None
    return _clsact(target) if target.live else None


def _netkit_device(index: int) -> Found | None:
    name = socket.if_indextoname(index)
    if index != LOOPBACK and driver_of(name) in ("netkit", ""):
        return None
    return Found("no", f"interface {name}: it is no netkit device", "ip link add … type netkit makes one")


def driver_of(name: str) -> str:
    """Return the driver of an interface of this network namespace, "" where it does not say.

    /sys/class/net shows the namespace that it was mounted in. Source: struct ethtool_drvinfo, linux/ethtool.h.
    """
    import fcntl

    info = ffi.new("char[196]")
    info[0:4] = pack("<I", 3)  # ETHTOOL_GDRVINFO
    request = pack("16sQ16x", name.encode()[:15], int(ffi.cast("uintptr_t", info)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            fcntl.ioctl(sock, 0x8946, request)  # SIOCETHTOOL
        except OSError:
            return ""
    return text(info + 4)


def _xdp(analysis: Analysis, index: int, options: dict[str, str]) -> Found | None:
    name = socket.if_indextoname(index)
    there = lib.eu_probe_xdp_slot(index)
    if there > 0 and "replace" not in options:
        linked = lib.eu_probe_xdp_link(index, there) > 0
        instead = "a link holds it: end the process" if linked else f"iface:{name},replace takes its place"
        return Found(
            "no",
            f"interface {name}: its XDP slot is taken by program {there}",
            f"`bpftool prog show id {there}` shows it; {instead}",
        )
    holder = lib.eu_probe_xdp_link(index, there) if there > 0 else 0
    if holder > 0:
        return Found(
            "no",
            f"interface {name}: its XDP slot is held by link {holder}, which nobody else can replace",
            f"end the process that holds it: `bpftool link show id {holder}` shows it",
        )
    if "native" not in options and "offload" not in options:
        return None
    driver = driver_of(name)
    if index == LOOPBACK or driver in _WITHOUT_XDP:
        detail = f"interface {name}: its driver has no native XDP mode"
        return Found("no", detail, f"iface:{name},generic works with every interface")
    if driver in _NATIVE_XDP and "native" in options:
        return Found("yes", f"interface {name}: driver {driver} has native XDP")
    detail = f"interface {name}: whether driver {driver or 'without a name'} has this mode shows when it attaches"
    return Found("unknown", detail)


def _clsact(target: Target) -> Found | None:
    """Filters of classic tc need two parts of the kernel that may be modules."""
    for module, symbol, config in (
        ("sch_ingress", "clsact_init", "CONFIG_NET_SCH_INGRESS"),
        ("cls_bpf", "cls_bpf_classify", "CONFIG_NET_CLS_BPF"),
    ):
        there = target.has_part(module, symbol)
        if there is False:
            return Found(
                "no",
                f"this kernel has no {module}",
                f"it needs {config}, or its module where it can be loaded; or use tcx",
            )
    return None


def by_itself(analysis: Analysis, types: tuple[int, int], name: str = "", program: str = "") -> Found | None:
    """Judge what attaches to the package's own maps, or to this network namespace."""
    if types[0] in (SK_SKB, SK_MSG):
        maps = [each.name for each in analysis.obj.maps.values() if each.type in (SOCKMAP, SOCKHASH)]
        if name:
            return (
                Found("yes", f"map {name}")
                if name in maps
                else Found("no", f"map {name}: the package has no sockmap or sockhash of this name")
            )
        if len(maps) != 1:
            detail = f"it attaches to a sockmap or sockhash, and the package has {len(maps)}"
            return Found("no", detail, "ecli run --attach PROGRAM=map:NAME")
    return struct_ops.judge(analysis, program) if types[0] == STRUCT_OPS and program else None


def _netns(name: str) -> Found:
    known = f"/proc/{name}/ns/net" if name == "self" or name.isdecimal() else f"/run/netns/{name}"
    path = name if name.startswith("/") else known
    if os.path.exists(path):
        return Found("yes", path)
    return Found(
        "no",
        f"network namespace {path}: no such file",
        "`ip netns` lists those with names; netns:PID is that of a process",
    )


def _path(path: str) -> Found:
    found = cgroup2()
    mount = found.detail.removeprefix("cgroup2 at ")
    if found.status != "yes":
        return found
    full = path if path.startswith("/") else f"{mount}/{path}"
    if os.path.isdir(full) and os.path.exists(f"{full}/cgroup.procs"):
        return Found("yes", full)
    return Found("no", f"cgroup {full}: not a directory of cgroup v2", f"cgroup v2 is mounted at {mount}")


def cgroup(analysis: Analysis, _types: tuple[int, int]) -> Found:
    """Judge the kernel's part of attaching to control groups."""
    known = analysis.target.has_part("", "cgroup_bpf_prog_attach")
    if known is False and analysis.target.has_function("__cgroup_bpf_run_filter_skb") is False:
        return Found("no", "this kernel has no programs of control groups", "it needs CONFIG_CGROUP_BPF")
    return cgroup2()


def cgroup2() -> Found:
    """Where programs of cgroups attach."""
    for line in read("/proc/self/mounts").splitlines():
        parts = line.split()
        if len(parts) > 2 and parts[2] == "cgroup2":
            return Found("yes", f"cgroup2 at {parts[1]}")
    return Found("no", "cgroup2 is not mounted", "mount -t cgroup2 none /sys/fs/cgroup")


def perf_target(given: str) -> Found:
    """Judge perf:EVENT,… by opening the event for a moment."""
    number = -lib.eu_probe_perf_target(given.encode())
    words = text(lib.eu_error())
    if words:
        return Found("no", words)
    return _opened(number)


def perf_annotated(target: Target, settings: dict[str, Any]) -> Found | None:
    """Judge the event of a program's annotation."""
    from eunomia.errors import AttachError
    from eunomia.kernel.program import attach_options

    if "perf_event" not in settings:
        return None
    fixed = {key: value for key, value in settings["perf_event"].items() if key not in ("frequency", "period")}
    try:
        options = attach_options({**settings, "perf_event": fixed})
    except AttachError as exc:
        return Found("no", str(exc))
    if not target.holds(38) or options.perf_type < 0:
        return None
    return _opened(-target.probe("perf", options.perf_type, options.perf_config))


def _opened(number: int) -> Found:
    if not number:
        return Found("yes", "the event could be opened")
    status: Status = "unknown" if number in (1, 13) else "no"
    advice = "virtual machines often have no hardware counters: a software event, as cpu-clock, may do"
    return Found(status, f"perf event: {os.strerror(number).lower()}", advice if number == ENOENT else "")
