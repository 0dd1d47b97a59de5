"""What a package asks of a kernel and of who runs it, read from its object: for `ecli inspect` and for people."""

from __future__ import annotations

from eunomia.btf.object import MAP_TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.btf.object import ObjectBtf

# Kernels that have something first. Source: include/uapi/linux/bpf.h's history; reference kernels.md.
_MAP_FLOORS = {
    "stack_trace": "4.6", "cgroup_array": "4.8", "lru_hash": "4.10", "lru_percpu_hash": "4.10", "lpm_trie": "4.11",
    "array_of_maps": "4.12", "hash_of_maps": "4.12", "devmap": "4.14", "sockmap": "4.14", "cpumap": "4.15",
    "xskmap": "4.18", "sockhash": "4.18", "cgroup_storage": "4.19", "percpu_cgroup_storage": "4.20", "queue": "4.20",
    "stack": "4.20", "sk_storage": "5.2", "devmap_hash": "5.4", "struct_ops": "5.6", "ringbuf": "5.8",
    "inode_storage": "5.10", "task_storage": "5.11", "bloom_filter": "5.16", "user_ringbuf": "6.1",
    "cgrp_storage": "6.2",
    "arena": "6.9",
}  # fmt: skip
# Prefix of a section: (program type, first kernel, the capability besides CAP_BPF).
_SECTIONS = (
    ("kprobe.multi", "kprobe", "5.18", "CAP_PERFMON"), ("kretprobe.multi", "kprobe", "5.18", "CAP_PERFMON"),
    ("kprobe.session", "kprobe", "6.10", "CAP_PERFMON"), ("uprobe.multi", "kprobe", "6.6", "CAP_PERFMON"),
    ("uretprobe.multi", "kprobe", "6.6", "CAP_PERFMON"), ("kprobe", "kprobe", "4.1", "CAP_PERFMON"),
    ("kretprobe", "kprobe", "4.1", "CAP_PERFMON"), ("ksyscall", "kprobe", "4.1", "CAP_PERFMON"),
    ("kretsyscall", "kprobe", "4.1", "CAP_PERFMON"), ("uprobe", "kprobe", "4.1", "CAP_PERFMON"),
    ("uretprobe", "kprobe", "4.1", "CAP_PERFMON"), ("usdt", "kprobe", "4.1", "CAP_PERFMON"),
    ("tp_btf", "tracing", "5.5", "CAP_PERFMON"), ("tracepoint", "tracepoint", "4.7", "CAP_PERFMON"),
    ("tp/", "tracepoint", "4.7", "CAP_PERFMON"),
    ("perf_event", "perf_event", "4.9", "CAP_PERFMON"), ("raw_tracepoint", "raw_tracepoint", "4.17", "CAP_PERFMON"),
    ("raw_tp", "raw_tracepoint", "4.17", "CAP_PERFMON"),
    ("fentry", "tracing", "5.5", "CAP_PERFMON"), ("fexit", "tracing", "5.5", "CAP_PERFMON"),
    ("fmod_ret", "tracing", "5.7", "CAP_PERFMON"), ("iter", "tracing", "5.8", "CAP_PERFMON"),
    ("lsm", "lsm", "5.7", "CAP_PERFMON"), ("freplace", "ext", "5.6", ""), ("struct_ops", "struct_ops", "5.6", ""),
    ("syscall", "syscall", "5.14", ""),
    ("tcx/", "sched_cls", "6.6", "CAP_NET_ADMIN"),
    ("tc", "sched_cls", "4.1", "CAP_NET_ADMIN"),
    ("classifier", "sched_cls", "4.1", "CAP_NET_ADMIN"), ("action", "sched_act", "4.1", "CAP_NET_ADMIN"),
    ("netkit", "sched_cls", "6.7", "CAP_NET_ADMIN"), ("xdp", "xdp", "4.8", "CAP_NET_ADMIN"),
    ("cgroup", "cgroup", "4.10", "CAP_NET_ADMIN"), ("sockops", "sock_ops", "4.13", "CAP_NET_ADMIN"),
    ("sk_skb", "sk_skb", "4.14", "CAP_NET_ADMIN"), ("sk_msg", "sk_msg", "4.17", "CAP_NET_ADMIN"),
    ("lwt", "lwt", "4.10", "CAP_NET_ADMIN"), ("sk_lookup", "sk_lookup", "5.9", "CAP_NET_ADMIN"),
    ("sk_reuseport", "sk_reuseport", "4.19", "CAP_NET_ADMIN"),
    ("flow_dissector", "flow_dissector", "4.20", "CAP_NET_ADMIN"),
    ("netfilter", "netfilter", "6.4", "CAP_NET_ADMIN"), ("socket", "socket_filter", "3.19", "CAP_NET_ADMIN"),
)  # fmt: skip
_KERNEL_BTF = ("tp_btf", "fentry", "fexit", "fmod_ret", "iter", "lsm", "struct_ops")


class Needs:
    """The least kernel with what asks for it, kernel BTF with the reason, capabilities."""

    __slots__ = ("btf", "capabilities", "kernel", "reasons")

    def __init__(self) -> None:
        self.kernel = ""
        self.reasons: dict[str, str] = {}
        self.btf = ""
        self.capabilities: list[str] = []


def program_type(section: str) -> tuple[str, str, str]:
    """Return (type, first kernel, capability) of a program's section; empty where libbpf does not know it."""
    bare = section.removeprefix("?")
    for prefix, kind, floor, capability in _SECTIONS:
        if bare == prefix.rstrip("/") or bare.startswith(
            (prefix.rstrip("/") + "/", prefix.rstrip("/") + ".", prefix.rstrip("/") + "_")
        ):
            return kind, floor, capability
    return "", "", ""


def needs_of(obj: ObjectBtf) -> Needs:
    """Return what an object needs. Helpers and kfuncs that its code calls are not looked at."""
    found = Needs()
    for definition in obj.maps.values():
        floor = _MAP_FLOORS.get(definition.type_name) if definition.type < len(MAP_TYPES) else None
        if floor:
            found.reasons[f"map type {definition.type_name}"] = floor
    capabilities = {"CAP_BPF"}
    for program in obj.programs:
        kind, floor, capability = program_type(program.section)
        if floor:
            found.reasons[f"program type {kind} ({program.section.split('/')[0]})"] = floor
        if capability:
            capabilities.add(capability)
        if kind == "tracepoint":
            capabilities.add("CAP_DAC_READ_SEARCH")  # tracefs, which has its id, is readable by root only
        if program.section.split("/")[0].split(".")[0] in _KERNEL_BTF:
            found.btf = f"{program.section.split('/')[0]} program {program.name}"
    if obj.data_sections:
        found.reasons["global variables"] = "5.2"
    if relocations(obj):
        found.btf = found.btf or "CO-RE relocations"
    found.capabilities = sorted(capabilities)
    found.kernel = max(found.reasons.values(), key=_version, default="")
    return found


def relocations(obj: ObjectBtf) -> int:
    """Return the number of CO-RE records in `.BTF.ext`; 0 where it is absent or damaged.

    Source: struct btf_ext_header and btf_ext_info_sec, libbpf src/btf.h.
    """
    section = obj.elf.section(".BTF.ext")
    data = section.data if section is not None else b""
    if len(data) < 32 or data[:2] != b"\x9f\xeb":
        return 0

    def word(at: int) -> int:
        return int.from_bytes(data[at : at + 4], "little")

    header, at, size = word(4), word(24), word(28)
    if header < 32 or size < 4 or header + at + size > len(data):
        return 0
    start, end = header + at, header + at + size
    record, position, count = word(start), start + 4, 0
    while record and position + 8 <= end:
        number = word(position + 4)
        count += number
        position += 8 + number * record
    return count


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor)
