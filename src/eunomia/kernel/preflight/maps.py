"""Maps: does the kernel have their types, take their sizes, and have the memory for them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from eunomia.kernel.preflight import tables
from eunomia.kernel.preflight.relocate import essential
from eunomia.kernel.preflight.report import Finding
from eunomia.kernel.preflight.target import SYS_RESOURCE, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.btf.object import MapDefinition
    from eunomia.kernel.preflight.analysis import Analysis
    from eunomia.kernel.preflight.report import Status

KTIME_GET_COARSE_NS = 160  # came with memory control groups' accounting of maps (5.11)
HASH, ARRAY, PERF_EVENT_ARRAY, PERCPU_HASH, PERCPU_ARRAY, STACK_TRACE = 1, 2, 4, 5, 6, 7
LRU_HASH, LRU_PERCPU_HASH, LPM_TRIE, QUEUE, STACK, RINGBUF, BLOOM, USER_RINGBUF = 9, 10, 11, 22, 23, 27, 30, 31
PER_CPU = frozenset((PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH))
# What can be made with one entry, no BTF and no other map.
_PLAIN = frozenset((HASH, ARRAY, PERCPU_HASH, PERCPU_ARRAY, LRU_HASH, LRU_PERCPU_HASH, LPM_TRIE, QUEUE, STACK))
_PREALLOCATED = frozenset((HASH, ARRAY, PERCPU_HASH, PERCPU_ARRAY, LRU_HASH, LRU_PERCPU_HASH, QUEUE, STACK))
NO_PREALLOC = 1  # BPF_F_NO_PREALLOC
_EACH_OF_HASH = 64  # struct htab_elem and its bucket
_MAX_VALUE = 32 << 10  # PCPU_MIN_UNIT_SIZE: what one CPU's part of a value may take
_IN_OTHER_WORDS = {7: "a value, or a key, is too large", 12: "out of memory", 22: "its sizes or flags are not taken"}
# Flags of maps that ask for BTF ids, descriptors or memory of the process: not tried.
_TRIED_FLAGS = 0x1 | 0x2 | 0x8 | 0x10 | 0x80 | 0x100 | 0x400


def findings(analysis: Analysis) -> Iterator[Finding]:
    """Yield what the object's maps need."""
    yield from _types(analysis)
    yield from _struct_ops(analysis)
    yield from _shapes(analysis)
    if analysis.target.live:
        yield from _memory(analysis)


def _types(analysis: Analysis) -> Iterator[Finding]:
    numbers: dict[int, list[str]] = {}
    for definition in analysis.obj.maps.values():
        numbers.setdefault(definition.type, []).append(definition.name)
    if analysis.obj.data_sections:
        numbers.setdefault(ARRAY, []).append("global variables")
    for number, names in numbers.items():
        if not number:
            continue
        status, how = analysis.ask("map type", number, "map_type", number)
        yield Finding(
            "map type",
            tables.name_of("map type", number),
            status,
            since=tables.since("map type", number),
            detail=": ".join(filter(None, (f"of {', '.join(names)}", how))),
            advice="" if status != "no" else "use another map type, or a newer kernel",
        )


def _struct_ops(analysis: Analysis) -> Iterator[Finding]:
    """Kinds of struct_ops: the kernel has a struct bpf_struct_ops_NAME for each that it takes."""
    btf = analysis.obj.btf
    for section in (".struct_ops", ".struct_ops.link"):
        found = analysis.obj.sections.get(section)
        for variable in found.variables if found is not None and btf is not None else ():
            name = btf.resolve(variable.type).name if btf is not None else ""
            known = analysis.target.has_struct(f"bpf_struct_ops_{essential(name)}")
            status: Status = "unknown" if known is None else "yes" if known else "no"
            detail = "" if known else "this kernel takes no such struct_ops"
            advice = "a kernel that is built with it" if status == "no" else ""
            yield Finding("map type", f"struct_ops {name}", status, detail=detail, advice=advice)
            if known and analysis.target.has_trampolines is False:
                detail = "this kernel has no trampolines for this architecture: its map cannot be attached (error 524)"
                yield Finding(
                    "attach target", section, "no", detail=detail, advice="a newer kernel: arm64 has them since 6.0"
                )
            if section == ".struct_ops.link" and known:
                yield from _struct_ops_link(analysis)


def _struct_ops_link(analysis: Analysis) -> Iterator[Finding]:
    known = analysis.target.knows("attach type", 44)  # BPF_STRUCT_OPS
    if known is not True:
        yield Finding(
            "attach type",
            "struct_ops link",
            "unknown" if known is None else "no",
            since="6.4",
            detail='SEC(".struct_ops.link"): this kernel has none' if known is False else "no BTF to look in",
            advice='SEC(".struct_ops") works with every kernel that has struct_ops' if known is False else "",
        )


def _shapes(analysis: Analysis) -> Iterator[Finding]:
    """Key and value sizes, and flags: the map is made with one entry for a moment."""
    for each in analysis.obj.maps.values():
        if each.type in PER_CPU and each.value_size > _MAX_VALUE:
            yield Finding(
                "map",
                each.name,
                "no",
                detail=f"its values have {each.value_size} bytes on each CPU, the kernel allows {_MAX_VALUE}",
                advice="several smaller values, or an array with one element for each CPU",
            )
        elif analysis.target.may_probe and each.type in _PLAIN and not each.flags & ~_TRIED_FLAGS:
            number = -analysis.target.probe("map", each.type, each.key_size, each.value_size, 1, each.flags)
            if (
                number in (7, 22)
                and analysis.target.probe("map_type", each.type) == 1
                and not _needs_btf(analysis, each)
            ):
                yield Finding(
                    "map",
                    each.name,
                    "no",
                    detail=f"this kernel does not make it: {_IN_OTHER_WORDS[number]} "
                    f"(key {each.key_size}, value {each.value_size} bytes, flags {each.flags:#x})",
                    advice="smaller values, or other flags",
                )


def _needs_btf(analysis: Analysis, each: MapDefinition) -> bool:
    """Whether values hold what the kernel finds by their BTF only: locks, timers, pointers of the kernel."""
    btf = analysis.obj.btf
    return btf is not None and any(name.startswith("bpf_") for name in _members(analysis, each.value_type))


def _members(analysis: Analysis, type_id: int, depth: int = 0) -> Iterator[str]:
    btf = analysis.obj.btf
    if btf is None or not type_id or depth > 4:
        return
    kind = btf.resolve(type_id)
    yield kind.name
    for member in kind.members if kind.kind in (4, 5) else ():
        yield from _members(analysis, member.type, depth + 1)


def memory(analysis: Analysis) -> int:
    """Return about how many bytes the maps take as soon as they are made."""
    sizes = analysis.plan.map_sizes
    cpus = _possible_cpus()
    total = sum(each.size for each in analysis.obj.data_sections)
    for each in analysis.obj.maps.values():
        total += _size(each, sizes.get(each.name, each.max_entries), cpus)
    return total


def _size(each: MapDefinition, entries: int, cpus: int) -> int:
    if each.type in (RINGBUF, USER_RINGBUF):  # its entries are its bytes
        return entries
    value = -(-each.value_size // 8) * 8 * (cpus if each.type in PER_CPU else 1)
    if each.type in (ARRAY, PERCPU_ARRAY, QUEUE, STACK):
        return entries * value
    if each.type in _PREALLOCATED and not each.flags & NO_PREALLOC:
        return entries * (-(-each.key_size // 8) * 8 + value + _EACH_OF_HASH)
    if each.type == STACK_TRACE:
        return entries * (each.value_size + 16)
    return entries * 8 if each.type in _PREALLOCATED else 0


def _possible_cpus() -> int:
    last = read("/sys/devices/system/cpu/possible").rpartition(",")[2].rpartition("-")[2]
    return int(last) + 1 if last.isdecimal() else os.cpu_count() or 1


def _memory(analysis: Analysis) -> Iterator[Finding]:
    wanted = memory(analysis)
    facts = dict(line.partition(":")[::2] for line in read("/proc/meminfo").splitlines())
    total, free = (int(facts.get(name, "0").split()[0] or 0) << 10 for name in ("MemTotal", "MemAvailable"))
    if free and wanted > free:
        yield Finding(
            "machine",
            "memory",
            "no" if wanted > total else "unknown",
            detail=f"its maps take about {megabytes(wanted)} at once; {megabytes(free)} of {megabytes(total)} are free",
            advice="fewer max_entries, or map_flags BPF_F_NO_PREALLOC",
        )
    yield from _memlock(analysis, wanted)


def megabytes(size: int) -> str:
    """Return a size for people."""
    return f"{size >> 20} MiB" if size >= 10 << 20 else f"{-(-size // 1024)} KiB"


def _memlock(analysis: Analysis, maps: int) -> Iterator[Finding]:
    import resource

    target = analysis.target
    if target.knows("helper", KTIME_GET_COARSE_NS) is not False:
        return  # maps are not counted against it
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    wanted = maps + (256 << 10)
    fits = resource.RLIM_INFINITY in (soft, hard) or max(soft, hard) >= wanted or target.holds(SYS_RESOURCE)
    yield Finding(
        "machine",
        "RLIMIT_MEMLOCK",
        "yes" if fits else "no",
        detail=f"maps and programs take about {megabytes(wanted)}, which counts against it before Linux 5.11 "
        f"(limit {megabytes(hard) if hard != resource.RLIM_INFINITY else 'none'})",
        advice="" if fits else "raise it (ulimit -l unlimited), or run with sudo",
    )
