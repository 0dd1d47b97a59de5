"""Where programs attach: does what was chosen for them, or what their sections name, exist on the kernel."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from eunomia.kernel.preflight import binaries, network, tracing
from eunomia.kernel.preflight.found import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eunomia.kernel.preflight.analysis import Analysis
    from eunomia.kernel.preflight.code import Function
    from eunomia.kernel.preflight.target import Target
    from eunomia.kernel.program import Program

UNATTACHED = frozenset((4, 31))  # sched_act, syscall: nothing attaches them
STRUCT_OPS, EXT = 27, 28
XDP_HAS_FRAGS = 32  # BPF_F_XDP_HAS_FRAGS
# Programs for which nothing has to be said: the kernel looks their section's name up when they are loaded.
LOADED_FOR = frozenset(("tp_btf", "fentry", "fexit", "fmod_ret", "lsm", "lsm_cgroup", "iter"))
_BY_SECTION: dict[str, Callable[[Target, str, str, tuple[int, int]], Found]] = {
    "tp": tracing.tracepoint,
    "tracepoint": tracing.tracepoint,
    "raw_tp": tracing.raw_tracepoint,
    "raw_tracepoint": tracing.raw_tracepoint,
    "kprobe": tracing.kprobe,
    "kretprobe": tracing.kprobe,
    "ksyscall": tracing.ksyscall,
    "kretsyscall": tracing.ksyscall,
    "uprobe": binaries.uprobe,
    "uretprobe": binaries.uprobe,
    "usdt": binaries.usdt,
    **dict.fromkeys(LOADED_FOR, tracing.btf_target),
}
# Kinds of targets that say what a section could have said.
_BY_KIND = {"tp": "tp", "raw_tp": "raw_tp", "kprobe": "", "uprobe": "", "usdt": "usdt"}  # "": as the section has it


def judge(analysis: Analysis, program: Function, section: str) -> Iterator[tuple[str, Found]]:
    """Yield what a program attaches to as a run would have it, and whether it is there."""
    types = analysis.types[program.name]
    family, _, name = section.partition("/")
    base = family.split(".")[0]
    plan, target = analysis.plan, analysis.target
    chosen = plan.attached.get(program.name)
    is_bound = bool(chosen) and chosen[0].startswith("prog:")  # type: ignore[index]  # to another program
    if base in LOADED_FOR and name and not is_bound:
        yield section, _first(target, base, family, name, types)
    if chosen is None:
        return  # loaded, and called by others
    live = plan.program(program.name)
    for each in chosen:
        yield each, _chosen(analysis, live, family, each, types)
    if not chosen:
        found = _by_default(analysis, live, program, section)
        if found is not None and (base not in LOADED_FOR or found.status != "yes"):
            yield section, found


def type_of(target: Target, section: str) -> tuple[int, int]:
    """Return the BTF id of what a section names, 0 where vmlinux has none, and the flags to load for it."""
    family, _, name = section.partition("/")
    base = family.split(".", maxsplit=1)[0]
    if base not in tracing.BTF_FAMILIES:
        return 0, 0
    prefix, kind, _noun = tracing.BTF_FAMILIES[base]
    found = (target.type_id(prefix + each, kind) for each in name.split("|"))
    return next((each for each in found if each), 0), flags_of(section)


def flags_of(section: str) -> int:
    """Return the flags that libbpf loads programs of a section with: they may sleep, they take XDP's fragments."""
    family = section.partition("/")[0]
    if family == "syscall" or family.endswith(".s"):
        return tracing.SLEEPABLE
    return XDP_HAS_FRAGS if family == "xdp.frags" or section.startswith("xdp.frags/") else 0


def _chosen(analysis: Analysis, live: Program | None, family: str, given: str, types: tuple[int, int]) -> Found:
    """Judge KIND:NAME[,OPTION…], as `--attach` and `@target` have it."""
    target = analysis.target
    refusal = live.refusal(given) if live is not None else ""
    if refusal:
        return _refused(refusal)
    kind, name, options = parse(given)
    if kind in _BY_KIND:
        if "pid" in options and target.live and not os.path.exists(f"/proc/{options['pid']}"):
            return Found("no", f"process {options['pid']}: no such process")
        return _first(target, _BY_KIND[kind] or family.split(".", maxsplit=1)[0], family, name, types)
    if kind == "cgroup" and target.live and live is not None:
        refusal = live.cgroup_refusal(name)
        return _refused(refusal) if refusal else network.cgroup(analysis, types)
    if kind == "perf" and target.live:
        return network.perf_target(given)
    return network.chosen(analysis, kind, name, options, types)


def _refused(line: str) -> Found:
    """Return a finding of a run's line, whose advice stands in brackets at its end."""
    said, bracket, advice = line.partition(" [")
    return Found("no", said, advice[:-1]) if bracket and line.endswith("]") else Found("no", line)


def _by_default(analysis: Analysis, live: Program | None, program: Function, section: str) -> Found | None:
    """Judge a program that attaches as its section and annotations say."""
    target, types = analysis.target, analysis.types[program.name]
    family, _, name = section.partition("/")
    base = family.split(".")[0]
    settings = analysis.plan.annotations.get(program.name, {})
    if base in _BY_SECTION and base not in LOADED_FOR and name:
        return _first(target, base, family, name, types)
    if base == "perf_event":
        return network.perf_annotated(target, settings) if target.live else None
    if types[0] in (network.XDP, network.SCHED_CLS):
        return network.device(analysis, section, settings, types)
    if types[0] in network.BY_ITSELF or base == "iter":
        return network.by_itself(analysis, types, program=program.name)
    if types[0] in UNATTACHED:
        detail = "programs of this kind are not attached: they are run by hand, or put into other tools' rules"
        return Found("no", detail, f"ecli test-run PACKAGE {program.name}")
    if types[0] == EXT:
        return Found(
            "no",
            "which program it replaces a function of is not told",
            f"ecli run --attach {program.name}=prog:NAME|ID|PATH",
        )
    forms = live.target_forms if live is not None else ""
    if forms and not (base in LOADED_FOR and name):
        shorter = "ecli run --attach-cgroup PATH, or " if forms.startswith("cgroup:") else ""
        advice = f"{shorter}ecli run --attach {program.name}={forms}"
        return Found("no", "its section does not say where to attach", advice)
    return None


def _first(target: Target, base: str, family: str, name: str, types: tuple[int, int]) -> Found:
    """Judge `first|second`: the first that there is; of a uprobe's, functions of one binary."""
    check = _BY_SECTION[base]
    prefix, colon, names = name.rpartition(":") if base in ("uprobe", "uretprobe") else ("", "", name)
    if "|" not in names or base == "usdt":
        return check(target, family, name, types)
    found = [check(target, family, f"{prefix}{colon}{each}", types) for each in names.split("|") if each]
    return next((each for status in ("yes", "unknown", "no") for each in found if each.status == status), found[0])


def parse(given: str) -> tuple[str, str, dict[str, str]]:
    """Return (kind, name, options) of a target that `eu_target_parse` takes; backslashes quote commas."""
    kind, _, rest = given.partition(":")
    parts, word, at = [], "", 0
    while at < len(rest):
        if rest[at] == "\\" and at + 1 < len(rest):
            at += 1
            word += rest[at]
        elif rest[at] == ",":
            parts.append(word)
            word = ""
        else:
            word += rest[at]
        at += 1
    name, *words = [*parts, word]
    return kind, name, {key: value for key, _, value in (each.partition("=") for each in words)}
