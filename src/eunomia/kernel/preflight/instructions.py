"""Instructions that not every kernel has: atomic operations, callbacks, those of -mcpu=v4."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, NamedTuple

from eunomia._native import ffi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.kernel.preflight.analysis import Analysis
    from eunomia.kernel.preflight.code import Insn
    from eunomia.kernel.preflight.reach import Place, Reached
    from eunomia.kernel.preflight.report import Finding, Status

LD_IMM64, STX_ATOMIC, LDX_SIGNED = 0x18, (0xC3, 0xDB), (0x81, 0x89, 0x91)
EXIT = pack("<BBhi", 0x95, 0, 0, 0)
ZERO = pack("<BBhi", 0xB7, 0, 0, 0)


class Feature(NamedTuple):
    """Something that instructions do: its first kernel, a program that shows it, and what shows it in BTF alone."""

    name: str
    since: str
    code: bytes
    kind: str
    number: int
    advice: str = ""


# Source: Documentation/bpf/standardization/instruction-set.rst, and the kernel's history of it.
ATOMICS = Feature(
    "atomic operations that return a value, or other than add",
    "5.12",
    # r0 = 0; *(u64 *)(r10 - 8) = r0; r0 = atomic_fetch_add((u64 *)(r10 - 8), r0); r0 = 0; exit
    ZERO + pack("<BBhi", 0x7B, 0x0A, -8, 0) + pack("<BBhi", 0xDB, 0x0A, -8, 1) + ZERO + EXIT,
    "helper",
    163,
)
CALLBACKS = Feature(
    "callback functions",
    "5.13",
    b"",
    "helper",
    164,
    "a loop in place of bpf_loop() and the like; asking first does not help, the function must not be there",
)
V4 = Feature(
    "instructions of -mcpu=v4 (sign extension, unconditional byte swap, signed division, long jumps)",
    "6.6",
    ZERO + pack("<BBhi", 0xBF, 0x00, 8, 0) + ZERO + EXIT,  # r0 = (s8)r0
    "attach type",
    48,
)
MAY_GOTO = Feature("may_goto", "6.9", ZERO + pack("<BBhi", 0xE5, 0, 0, 0) + EXIT, "map type", 33)
ACQUIRE = Feature(
    "load-acquire and store-release",
    "6.15",
    ZERO + pack("<BBhi", 0x7B, 0x0A, -8, 0) + pack("<BBhi", 0xDB, 0xA0, -8, 0x100) + ZERO + EXIT,
    "",
    0,
)


def findings(analysis: Analysis, program: str, reached: Reached) -> Iterator[Finding]:
    """Yield the instructions that a program can reach and older kernels do not know."""
    told: dict[str, Place] = {}
    for section, at in sorted(reached.places):
        feature = _feature(analysis, section, at)
        if feature is None or feature.name in told:
            continue
        told[feature.name] = (section, at)
        yield _finding(analysis, program, feature, (section, at))
    taken = next(_function_addresses(analysis, program), None)
    if taken is not None:
        yield _finding(analysis, program, CALLBACKS, taken)


def _function_addresses(analysis: Analysis, program: str) -> Iterator[Place]:
    """Yield where a program takes a function's address, reached or not: libbpf appends the function all the same."""
    start = next(each for each in analysis.programs if each.name == program)
    todo = [(start.unit, start.start)]
    seen: set[Place] = set()
    while todo:
        unit, begin = todo.pop()
        if (unit.section.index, begin) in seen:
            continue
        seen.add((unit.section.index, begin))
        for at in range(begin, begin + analysis.code.size_at(unit, begin)):
            symbol = unit.relocations.get(at)
            section = analysis.code.section_of(symbol) if symbol is not None else None
            if symbol is None or section is None or section.index not in analysis.code.units:
                continue
            if unit.insns[at].code == LD_IMM64:
                yield unit.section.index, at
            else:
                todo.append((analysis.code.units[section.index], symbol.value // 8 + unit.insns[at].imm + 1))


def _feature(analysis: Analysis, section: int, at: int) -> Feature | None:
    unit = analysis.code.units[section]
    insn = unit.insns[at]
    if at in unit.core:
        return None
    if insn.code in STX_ATOMIC and insn.imm:
        return ACQUIRE if insn.imm in (0x100, 0x110) else ATOMICS
    if insn.code == 0xE5:
        return MAY_GOTO
    return V4 if _is_v4(insn) else None


def _is_v4(insn: Insn) -> bool:
    moves_signed = insn.code in (0xBF, 0xBC) and insn.off in (8, 16, 32)
    divides_signed = insn.code & 0xF7 in (0x37, 0x34, 0x97, 0x94) and insn.off == 1
    return insn.code in LDX_SIGNED or moves_signed or divides_signed or insn.code in (0xD7, 0x06)


def _finding(analysis: Analysis, program: str, feature: Feature, place: Place) -> Finding:
    target = analysis.target
    known = target.knows(feature.kind, feature.number) if feature.kind else None
    if feature.code and target.may_probe:
        answer = target.probe("code", ffi.from_buffer(feature.code), len(feature.code) // 8)
        known = bool(answer) if answer >= 0 else known
    status: Status = "unknown" if known is None else "yes" if known else "no"
    detail = "" if known else "not told by BTF" if known is None else "this kernel does not have them"
    advice = (feature.advice or "another way to write it, or clang's -mcpu=v3") if known is False else ""
    return analysis.finding("instruction", feature.name, status, program, place, feature.since, detail, advice)
