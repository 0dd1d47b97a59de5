"""What a package asks of a kernel and of who runs it, read from its object: for `ecli inspect` and for people."""

from __future__ import annotations

from eunomia.btf.object import MAP_TYPES
from eunomia.package.privileges import needs_capabilities

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
# Prefix of a section: (program type, first kernel).
_SECTIONS = (
    ("kprobe.multi", "kprobe", "5.18"), ("kretprobe.multi", "kprobe", "5.18"),
    ("kprobe.session", "kprobe", "6.10"), ("uprobe.multi", "kprobe", "6.6"),
    ("uretprobe.multi", "kprobe", "6.6"), ("kprobe", "kprobe", "4.1"),
    ("kretprobe", "kprobe", "4.1"), ("ksyscall", "kprobe", "4.1"),
    ("kretsyscall", "kprobe", "4.1"), ("uprobe", "kprobe", "4.1"),
    ("uretprobe", "kprobe", "4.1"), ("usdt", "kprobe", "4.1"),
    ("tp_btf", "tracing", "5.5"), ("tracepoint", "tracepoint", "4.7"),
    ("tp/", "tracepoint", "4.7"),
    ("perf_event", "perf_event", "4.9"), ("raw_tracepoint", "raw_tracepoint", "4.17"),
    ("raw_tp", "raw_tracepoint", "4.17"),
    ("fentry", "tracing", "5.5"), ("fexit", "tracing", "5.5"),
    ("fmod_ret", "tracing", "5.7"), ("iter", "tracing", "5.8"),
    ("lsm", "lsm", "5.7"), ("freplace", "ext", "5.6"), ("struct_ops", "struct_ops", "5.6"),
    ("syscall", "syscall", "5.14"),
    ("tcx/", "sched_cls", "6.6"),
    ("tc", "sched_cls", "4.1"),
    ("classifier", "sched_cls", "4.1"), ("action", "sched_act", "4.1"),
    ("netkit", "sched_cls", "6.7"), ("xdp", "xdp", "4.8"),
    ("cgroup", "cgroup", "4.10"), ("sockops", "sock_ops", "4.13"),
    ("sk_skb", "sk_skb", "4.14"), ("sk_msg", "sk_msg", "4.17"),
    ("lwt", "lwt", "4.10"), ("sk_lookup", "sk_lookup", "5.9"),
    ("sk_reuseport", "sk_reuseport", "4.19"),
    ("flow_dissector", "flow_dissector", "4.20"),
    ("netfilter", "netfilter", "6.4"), ("socket", "socket_filter", "3.19"),
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


def program_type(section: str) -> tuple[str, str]:
    """Return (type, first kernel) of a program's section; empty where libbpf does not know it."""
    bare = section.removeprefix("?")
    for prefix, kind, floor in _SECTIONS:
        if bare == prefix.rstrip("/") or bare.startswith(
            (prefix.rstrip("/") + "/", prefix.rstrip("/") + ".", prefix.rstrip("/") + "_")
        ):
            return kind, floor
    return "", ""


def needs_of(obj: ObjectBtf) -> Needs:
    """Return what an object needs. Helpers and kfuncs that its code calls are not looked at."""
    found = Needs()
    for definition in obj.maps.values():
        floor = _MAP_FLOORS.get(definition.type_name) if definition.type < len(MAP_TYPES) else None
        if floor:
            found.reasons[f"map type {definition.type_name}"] = floor
    for program in obj.programs:
        kind, floor = program_type(program.section)
        if floor:
            found.reasons[f"program type {kind} ({program.section.split('/')[0]})"] = floor
        if program.section.split("/")[0].split(".")[0] in _KERNEL_BTF:
            found.btf = f"{program.section.split('/')[0]} program {program.name}"
    if obj.data_sections:
        found.reasons["global variables"] = "5.2"
    if relocations(obj):
        found.btf = found.btf or "CO-RE relocations"
    found.capabilities = list(needs_capabilities(obj))
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
