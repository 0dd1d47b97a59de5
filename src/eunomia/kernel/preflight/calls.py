"""What programs call: helpers and kfuncs, for the type of program and what it attaches to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eunomia.btf.types import FUNC
from eunomia.kernel.preflight import tables
from eunomia.kernel.preflight.found import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.kernel.preflight.analysis import Analysis
    from eunomia.kernel.preflight.code import Function
    from eunomia.kernel.preflight.reach import Reached
    from eunomia.kernel.preflight.report import Finding, Status

TRACING, STRUCT_OPS, EXT, LSM = 26, 27, 28, 29
BY_TARGET = frozenset((TRACING, EXT, LSM))  # libbpf's probe needs a target: trying the program's own says more
_ASK_BTF = BY_TARGET | {STRUCT_OPS}
CALL = 0x85
# libbpf calls bpf_probe_read (or _str) instead, where these are missing
_FALLBACK = {112: 4, 113: 4, 114: 45, 115: 45}
# What lockdown takes away: integrity bpf_probe_write_user, confidentiality what reads the kernel's memory.
RESTRICTED = {4: "confidentiality", 45: "confidentiality", 113: "confidentiality", 115: "confidentiality",
               36: "integrity"}  # fmt: skip
Answer = tuple["Status", str, str]


def findings(analysis: Analysis, program: Function, reached: Reached) -> Iterator[Finding]:
    """Yield the helpers and kfuncs that a program can reach."""
    for number, place in sorted(reached.helpers.items()):
        status, how, advice = _helper(analysis, program.name, number)
        name = f"bpf_{tables.name_of('helper', number)}"
        since = tables.since("helper", number)
        yield analysis.finding("helper", name, status, program.name, place, since, how, advice)
    for name, place in sorted(reached.externs.items()):
        kind, weak = analysis.externs.get(name, ("", False))
        if kind != "kfunc" or (not weak and analysis.target.has_function(name) is not True):
            continue  # of the others it is told for the whole object
        called = analysis.code.units[place[0]].insns[place[1]].code == CALL
        status, how, advice = _kfunc(analysis, program.name, name, called)
        since = tables.KFUNCS.get(name, "")
        yield analysis.finding("kfunc", name, status, program.name, place, since, how, advice)


def _helper(analysis: Analysis, program: str, number: int) -> Answer:
    target = analysis.target
    prog_type = analysis.types[program][0]
    known = target.knows("helper", number)
    fallback = _FALLBACK.get(number)
    if known is False and fallback:
        return "yes", f"missing; libbpf calls bpf_{tables.name_of('helper', fallback)} instead", ""
    if known is False:
        asked = f"bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_{tables.name_of('helper', number)})"
        return "no", "this kernel does not have it", f"ask {asked} first"
    result = _try(analysis, program, number) if target.may_probe else -1
    if result == 0:
        return _refused(analysis, prog_type, number)
    restricted = RESTRICTED.get(number)
    if restricted and target.live and target.lockdown in (restricted, "confidentiality"):
        return _refused(analysis, prog_type, number)
    if result == 1:
        return "yes", "", ""
    return ("unknown", "no BTF to look in", "") if known is None else ("yes", "", "")


def _try(analysis: Analysis, program: str, number: int) -> int:
    """Ask the kernel: 1 it may be called, 0 it may not, negative where it cannot be told."""
    prog_type = analysis.types[program][0]
    if prog_type not in _ASK_BTF:
        found = analysis.target.probe("helper", prog_type, number)
        return (
            analysis.target.probe("helper", prog_type, _FALLBACK[number])
            if not found and number in _FALLBACK
            else found
        )
    place = analysis.attach_id(program)
    return analysis.target.probe("call", *place, number, 0) if place is not None else -1


def _refused(analysis: Analysis, prog_type: int, number: int) -> Answer:
    restricted = RESTRICTED.get(number)
    if restricted and analysis.target.lockdown in (restricted, "confidentiality"):
        return (
            "no",
            f"the kernel is locked down ({analysis.target.lockdown})",
            OPEN if restricted != "integrity" else "boot with lockdown=none",
        )
    kind = tables.name_of("program type", prog_type)
    advice = "use a helper for this type, or another type of program"
    return "no", f"programs of type {kind} may not call it here", advice


def _kfunc(analysis: Analysis, program: str, name: str, called: bool) -> Answer:
    target = analysis.target
    known = target.has_function(name)
    if known is False:
        return (
            ("no", "this kernel does not have it", "ask bpf_ksym_exists() first")
            if called
            else ("guarded", "this kernel does not have it", "")
        )
    if known is None:
        return "unknown", "no BTF to look in", ""
    number = target.type_id(name, FUNC)
    place = analysis.attach_id(program)
    if called and number and place is not None and target.may_probe and not target.probe("call", *place, number, 1):
        kind = tables.name_of("program type", analysis.types[program][0])
        return "no", f"programs of type {kind} may not call it here", "use another type of program, or a helper"
    return "yes", "", ""
