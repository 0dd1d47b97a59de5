"""Which instructions of a program can run on a kernel: constants are followed through branches, as the verifier does.

Answers of CO-RE questions (`bpf_core_field_exists`), read-only variables and the kernel's configuration are
constants when a
program is verified; what they switch off is never looked at, so what is missing there does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eunomia.kernel.preflight.code import Code, Function, Insn, Unit

MASK64, MASK32 = (1 << 64) - 1, (1 << 32) - 1
LD, LDX, ST, STX, ALU, JMP, JMP32, ALU64 = range(8)
LD_IMM64, FUNC = 0x18, 4
_STATES_A_PLACE = 24  # then constants that differ are forgotten, so that loops end
_MAX_STEPS = 400_000
_SIZES = (4, 2, 1, 8)

# A register: None (anything), a number, ("data", section index, offset), ("extern", name, 0), or ("stack", 0, offset).
Value = int | tuple[str, int | str, int] | None
Slots = tuple[tuple[int, int, Value], ...]  # (offset, bytes, what was stored) in the frame, by offset
Registers = tuple[Any, ...]  # eleven Values, then Slots
Place = tuple[int, int]  # section index, instruction
FRAME, SLOTS = 10, 11
NOTHING: Registers = (*(None,) * 10, ("stack", 0, 0), ())
_SOMEWHERE = -1 << 40  # an offset on the stack that is not known


@dataclass(slots=True)
class Reached:
    """What a program can run: places, helpers with their places, calls of externs. `complete` False: given up."""

    places: set[Place] = field(default_factory=set)
    helpers: dict[int, Place] = field(default_factory=dict)
    externs: dict[str, Place] = field(default_factory=dict)
    maps: dict[str, Place] = field(default_factory=dict)
    complete: bool = True


class Explorer:
    """Walks a program.

    Args:
        code: the object's.
        patched: the number that a CO-RE relocation gives an instruction (unit, number), None: unknown.
        read: bytes of a read-only section at an offset, None where they are not constant.
        extern: value of an extern variable, None: unknown.
        small_spills: whether this verifier follows numbers of less than 8 bytes on the stack, other than 0.
    """

    def __init__(
        self,
        code: Code,
        patched: Callable[[Unit, int], tuple[bool, int | None]],
        read: Callable[[int, int, int], int | None],
        extern: Callable[[str], int | None],
        *,
        small_spills: bool = True,
    ) -> None:
        self._code = code
        self._patched = patched
        self._read = read
        self._extern = extern
        self._small_spills = small_spills

    def run(self, program: Function) -> Reached:
        """Return what the program can reach, its subprograms and callbacks included."""
        reached = Reached()
        work: list[tuple[int, int, Registers]] = [(program.unit.section.index, program.start, NOTHING)]
        seen: dict[Place, set[Registers]] = {}
        steps = 0
        while work:
            section, at, registers = work.pop()
            unit = self._code.units.get(section)
            if unit is None or not 0 <= at < len(unit.insns):
                continue
            states = seen.setdefault((section, at), set())
            if len(states) >= _STATES_A_PLACE:
                registers = NOTHING
            if registers in states or NOTHING in states:
                continue
            states.add(registers)
            reached.places.add((section, at))
            steps += 1
            if steps > _MAX_STEPS:
                reached.complete = False
                break
            work.extend(self._step(unit, at, registers, reached))
        return reached

    def _step(
        self, unit: Unit, at: int, registers: Registers, reached: Reached
    ) -> Iterator[tuple[int, int, Registers]]:
        insn = unit.insns[at]
        section = unit.section.index
        kind = insn.code & 7
        if insn.code == LD_IMM64:
            value, callback = self._load_imm64(unit, at, reached)
            if callback is not None:
                yield (*callback, NOTHING)
            yield section, at + 2, _set(registers, insn.dst, value)
        elif kind in (ALU, ALU64):
            is_patched, number = self._patched(unit, at)
            imm = number if is_patched else insn.imm
            yield section, at + 1, _set(registers, insn.dst, _alu(insn, registers, imm, is_patched))
        elif kind == LDX:
            yield section, at + 1, _set(registers, insn.dst, self._load(insn, registers))
        elif kind == STX and insn.code >> 5 == 6:  # atomic: may fetch into its source, or R0
            yield section, at + 1, _set(_set(self._store(insn, registers, None), insn.src, None), 0, None)
        elif kind in (ST, STX):
            yield (
                section,
                at + 1,
                self._store(insn, registers, registers[insn.src] if kind == STX and insn.src < 11 else None),
            )
        elif kind in (JMP, JMP32):
            yield from self._jump(unit, at, registers, reached)
        elif kind == LD:  # legacy packet access: result in R0, R1-R5 are lost
            yield section, at + 1, _after_call(registers)
        else:
            yield section, at + 1, registers

    def _load_imm64(self, unit: Unit, at: int, reached: Reached) -> tuple[Value, Place | None]:
        insn = unit.insns[at]
        symbol = unit.relocations.get(at)
        if symbol is None:
            is_patched, number = self._patched(unit, at)
            if is_patched:
                return number, None
            high = unit.insns[at + 1].imm if at + 1 < len(unit.insns) else 0
            return (insn.imm & MASK32) | (high & MASK32) << 32, None
        target = self._code.section_of(symbol)
        if target is None:
            reached.externs.setdefault(symbol.name, (unit.section.index, at))
            known = self._extern(symbol.name)
            # an address: of a missing weak symbol it is 0, the others' is not told
            return (0 if known == MISSING else ("extern", symbol.name, 0)), None
        if target.is_executable:
            return None, (target.index, (symbol.value + insn.imm) // 8)
        if target.name in (".maps", "maps"):
            reached.maps.setdefault(symbol.name, (unit.section.index, at))
            return None, None
        return ("data", target.index, symbol.value + insn.imm), None

    def _load(self, insn: Insn, registers: Registers) -> Value:
        base = registers[insn.src] if insn.src < 11 else None
        if not isinstance(base, tuple) or insn.code >> 5 != 3:
            return None
        size = _SIZES[insn.code >> 3 & 3]
        if base[0] == "stack":
            wanted = (base[2] + insn.off, size)
            return next((value for offset, length, value in registers[SLOTS] if (offset, length) == wanted), None)
        if base[0] == "extern":
            return self._extern(str(base[1]))
        return self._read(int(base[1]), base[2] + insn.off, size)

    def _store(self, insn: Insn, registers: Registers, value: Value) -> Registers:
        """Return the registers after a store: what is known of the stack changes, if it went there."""
        base = registers[insn.dst] if insn.dst < 11 else None
        if not isinstance(base, tuple) or base[0] != "stack":
            return registers
        if base[2] == _SOMEWHERE:
            return (*registers[:SLOTS], ())
        start, size = base[2] + insn.off, _SIZES[insn.code >> 3 & 3]
        kept = [each for each in registers[SLOTS] if each[0] >= start + size or each[0] + each[1] <= start]
        # zeroes are followed byte by byte, other numbers where a register's place on the stack begins
        if size < 8 and value != 0 and not (isinstance(value, int) and self._small_spills and start % 8 == 0):
            value = None
        if isinstance(value, int) and size < 8:
            value &= (1 << 8 * size) - 1
        if value is not None:
            kept.append((start, size, value))
        return (*registers[:SLOTS], tuple(sorted(kept, key=lambda each: each[0])))

    def _jump(
        self, unit: Unit, at: int, registers: Registers, reached: Reached
    ) -> Iterator[tuple[int, int, Registers]]:
        insn = unit.insns[at]
        section, operation = unit.section.index, insn.code >> 4
        if insn.code == 0x85:
            yield from self._call(unit, at, registers, reached)
        elif operation == 9:  # exit
            return
        elif operation == 0:
            yield section, at + 1 + (insn.imm if insn.code & 7 == JMP32 else insn.off), registers
        else:
            outcome = _compare(insn, registers)
            if outcome is not False:
                yield section, at + 1 + insn.off, _learn(insn, registers, operation == 1)
            if outcome is not True:
                yield section, at + 1, _learn(insn, registers, operation == 5)

    def _call(
        self, unit: Unit, at: int, registers: Registers, reached: Reached
    ) -> Iterator[tuple[int, int, Registers]]:
        insn = unit.insns[at]
        section = unit.section.index
        symbol = unit.relocations.get(at)
        if symbol is not None and self._code.section_of(symbol) is None:
            reached.externs.setdefault(symbol.name, (section, at))
        elif symbol is not None:
            yield symbol.section, symbol.value // 8 + insn.imm + 1, _into_call(registers)
        elif insn.src == 1:
            yield section, at + 1 + insn.imm, _into_call(registers)
        elif insn.src == 0:
            reached.helpers.setdefault(insn.imm, (section, at))
        yield section, at + 1, _after_call(registers)


MISSING = -1 << 70  # what `extern` says of a weak symbol that is not there


def _set(registers: Registers, number: int, value: Value) -> Registers:
    return (*registers[:number], value, *registers[number + 1 :]) if number < FRAME else registers


def _after_call(registers: Registers) -> Registers:
    """Return what is known after a call: who got an address on the stack may have written there."""
    is_shared = any(isinstance(each, tuple) and each[0] == "stack" for each in registers[1:6])
    return (*NOTHING[:6], *registers[6:SLOTS], () if is_shared else registers[SLOTS])


def _into_call(registers: Registers) -> Registers:
    """Return what a called function knows: its arguments, but for addresses on its caller's stack."""
    given = (None if isinstance(each, tuple) and each[0] == "stack" else each for each in registers[1:6])
    return (None, *given, *NOTHING[6:])


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def _alu(insn: Insn, registers: Registers, imm: int | None, is_patched: bool) -> Value:
    if insn.dst > 10 or insn.src > 10:
        return None
    operation, wide = insn.code >> 4, insn.code & 7 == ALU64
    by_register = bool(insn.code & 8)
    left, right = registers[insn.dst], registers[insn.src] if by_register else imm
    if isinstance(right, int):
        right &= MASK64 if wide else MASK32
    if operation == 11:  # mov; with an offset it extends a sign
        return None if insn.off or (isinstance(right, tuple) and not wide) else right
    if isinstance(left, tuple) and left[0] == "stack":
        if operation == 0 and isinstance(right, int) and wide and left[2] != _SOMEWHERE:
            return ("stack", 0, left[2] + _signed(right, 64))
        return ("stack", 0, _SOMEWHERE)
    if isinstance(left, tuple) and operation == 0 and isinstance(right, int) and wide:
        return (left[0], left[1], left[2] + _signed(right, 64)) if left[0] == "data" else None
    if operation == 5 and 0 in (left, right):
        return 0
    if not isinstance(left, int) or not isinstance(right, int) or insn.off:
        return None
    return _compute(operation, left, right, wide)


def _compute(operation: int, left: int, right: int, wide: bool) -> int | None:
    mask, bits = (MASK64, 64) if wide else (MASK32, 32)
    left &= mask
    shift = right & (bits - 1)
    results = {
        0: left + right,
        1: left - right,
        2: left * right,
        3: left // right if right else 0,
        4: left | right,
        5: left & right,
        6: left << shift,
        7: left >> shift,
        8: -left,
        9: left % right if right else left,
        10: left ^ right,
        12: _signed(left, bits) >> shift,
    }
    value = results.get(operation)
    return None if value is None else value & mask


def _operands(insn: Insn, registers: Registers) -> tuple[Value, Value]:
    if insn.dst > 10 or insn.src > 10:
        return None, None
    return registers[insn.dst], registers[insn.src] if insn.code & 8 else insn.imm & MASK64


def _compare(insn: Insn, registers: Registers) -> bool | None:
    """Return how a conditional jump goes, None where it cannot be told."""
    left, right = _operands(insn, registers)
    operation = insn.code >> 4
    if isinstance(left, tuple) and right == 0 and operation in (1, 5):
        return operation == 5  # an address is not 0
    if not isinstance(left, int) or not isinstance(right, int):
        return None
    bits = 64 if insn.code & 7 == JMP else 32
    left, right = left & ((1 << bits) - 1), right & ((1 << bits) - 1)
    a, b = _signed(left, bits), _signed(right, bits)
    outcomes = {
        1: left == right,
        2: left > right,
        3: left >= right,
        4: bool(left & right),
        5: left != right,
        6: a > b,
        7: a >= b,
        10: left < right,
        11: left <= right,
        12: a < b,
        13: a <= b,
    }
    return outcomes.get(operation)


def _learn(insn: Insn, registers: Registers, is_equal: bool) -> Registers:
    """Return the registers of a branch on which the two sides are equal."""
    if is_equal and not insn.code & 8 and insn.code & 7 == JMP and insn.dst < 10 and registers[insn.dst] is None:
        return _set(registers, insn.dst, insn.imm & MASK64)
    return registers
