"""Whether a uprobe's code may change the registers of the process that it observes: a store through its context.

Kernels let it from 6.19 on (kernel/trace/bpf_trace.c: kprobe_prog_is_valid_access), and nothing but the code tells.
What may be the context is followed through registers, stack slots and calls; in doubt it is the context.
"""

from __future__ import annotations

from struct import iter_unpack

from eunomia.btf.elf import SHT_REL, STT_FUNC, ElfFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Place = tuple[int, int]  # section, instruction
    Insn = tuple[int, int, int, int]  # opcode, registers, offset, immediate
    # registers with the context, and with an address in a stack; slots with the context; the callers' stacks have it
    State = tuple[int, int, frozenset[int], bool]

_LD, _LDX, _ST, _STX, _ALU, _JMP, _JMP32, _ALU64 = range(8)
_FRAME, _ARGUMENTS = 10, 0b111110
_ANY = 4096  # a slot: whichever
_MOV, _CALL, _EXIT, _JA, _LD_IMM64 = 0xB0, 0x80, 0x90, 0x00, 0x18
_DEEP = 16  # more calls one in the other than the kernel takes


def may_change_registers(elf: ElfFile, sections: Iterable[str]) -> bool:
    """Tell whether code that begins in one of these sections may store through its context.

    Raises:
        PackageError: the tables of the file are damaged.
    """
    code = _Code(elf)
    wanted = {name.removeprefix("?") for name in sections}
    places = [
        (symbol.section, symbol.value // 8)
        for symbol in elf.symbols
        if symbol.type == STT_FUNC and symbol.section in code.insns
        if elf.sections[symbol.section].name.removeprefix("?") in wanted
    ]
    return any(code.effects(place, (1 << 1, 1 << _FRAME, frozenset(), False))[0] for place in places)


class _Code:
    """The instructions of an object, and what its functions do with a context that they get."""

    def __init__(self, elf: ElfFile) -> None:
        self.insns: dict[int, list[Insn]] = {}
        self._targets: dict[Place, Place] = {}
        self._known: dict[tuple[Place, State], tuple[bool, bool, bool]] = {}
        for section in elf.sections:
            if section.is_executable:
                data = section.data
                self.insns[section.index] = list(iter_unpack("<BBhi", data[: len(data) // 8 * 8]))
        for section in elf.sections:
            if section.type == SHT_REL and section.info in self.insns:
                self._targets.update(self._relocated(elf, section.info, section.data))

    def _relocated(self, elf: ElfFile, section: int, data: bytes) -> Iterator[tuple[Place, Place]]:
        """Yield where calls and addresses of functions lead that a linker has left open."""
        insns = self.insns[section]
        for offset, info in iter_unpack("<QQ", data[: len(data) // 16 * 16]):
            at, index = offset // 8, info >> 32
            if at < len(insns) and index < len(elf.symbols) and elf.symbols[index].section in self.insns:
                symbol = elf.symbols[index]
                opcode, _, _, number = insns[at]
                more = number // 8 if opcode == _LD_IMM64 else number + 1
                yield (section, at), (symbol.section, symbol.value // 8 + more)

    def effects(self, place: Place, entry: State, depth: int = 0) -> tuple[bool, bool, bool]:
        """Return whether a function may change registers, return the context, or put it into its caller's stack."""
        key = (place, entry)
        if key not in self._known:
            self._known[key] = (True, True, True)  # within itself, which the kernel does not take
            self._known[key] = (True, True, True) if depth > _DEEP else self._follow(place, entry, depth)
        return self._known[key]

    def _follow(self, place: Place, entry: State, depth: int) -> tuple[bool, bool, bool]:
        section, start = place
        insns = self.insns.get(section, [])
        states: dict[int, State] = {start: entry}
        waiting, returns, leaks = [start], False, False
        while waiting:
            at = waiting.pop()
            if not 0 <= at < len(insns):
                continue
            insn, state = insns[at], states[at]
            if _stores(insn, state[0]):
                return True, True, True
            after, changes, leak = self._step((section, at), insn, state, depth)
            if changes:
                return True, True, True
            leaks |= leak
            if insn[0] & 0xF7 == _EXIT | _JMP:
                returns |= bool(state[0] & 1)
            for following in _next(at, insn):
                joined = _join(states[following], after) if following in states else after
                if states.get(following) != joined:
                    states[following] = joined
                    waiting.append(following)
        return False, returns, leaks

    def _step(self, place: Place, insn: Insn, state: State, depth: int) -> tuple[State, bool, bool]:
        """Return the state after an instruction; whether a function that it calls changes registers; if it leaks."""
        opcode, registers, _, _ = insn
        kind, target, source = opcode & 7, registers & 15, registers >> 4
        if kind in (_ALU, _ALU64):
            return _computed(insn, state), False, False
        if kind == _LDX:
            return _loaded(insn, state), False, False
        if kind in (_ST, _STX):
            return _stored(insn, state)
        if kind == _LD:
            changes = False
            if opcode == _LD_IMM64 and place in self._targets:  # of a callback: its context is in somebody's stack
                changes = self.effects(self._targets[place], _callback(state), depth + 1)[0]
            return _without(state, 1 << target if opcode == _LD_IMM64 else 0b111111), changes, False
        if opcode & 0xF7 != _CALL | _JMP:
            return state, False, False
        if source != 1:
            return _without(state, 0b111111), False, False
        callee = self._targets.get(place, (place[0], place[1] + 1 + insn[3]))
        held = bool(state[2]) or state[3]
        entry: State = (state[0] & _ARGUMENTS, state[1] & _ARGUMENTS | 1 << _FRAME, frozenset(), held)
        changes, returns, leaks = self.effects(callee, entry, depth + 1)
        context, stack, slots, above = _without(state, 0b111111)
        return (context | returns, stack, slots | {_ANY} if leaks else slots, above or leaks), changes, leaks


def _callback(state: State) -> State:
    return 0, _ARGUMENTS | 1 << _FRAME, frozenset(), bool(state[2]) or state[3] or bool(state[0])


def _stores(insn: Insn, context: int) -> bool:
    return insn[0] & 7 in (_ST, _STX) and bool(context >> (insn[1] & 15) & 1)


def _without(state: State, registers: int) -> State:
    return state[0] & ~registers, state[1] & ~registers | 1 << _FRAME, state[2], state[3]


def _given(state: State, target: int, source: int) -> State:
    """A register gets what another one has."""
    bare = _without(state, 1 << target)
    return bare[0] | (state[0] >> source & 1) << target, bare[1] | (state[1] >> source & 1) << target, *bare[2:]


def _computed(insn: Insn, state: State) -> State:
    opcode, registers, _, _ = insn
    target, source, of_register = registers & 15, registers >> 4, opcode & 8
    if opcode & 7 == _ALU:
        return _without(state, 1 << target)
    if opcode & 0xF0 == _MOV:
        return _given(state, target, source) if of_register else _without(state, 1 << target)
    if not of_register:
        return state
    other = _given(state, target, source)
    return state[0] | other[0], state[1] | other[1], state[2], state[3]


def _loaded(insn: Insn, state: State) -> State:
    opcode, registers, offset, _ = insn
    target, source = registers & 15, registers >> 4
    context, stack, slots, above = _without(state, 1 << target)
    if opcode & 0x18 == 0x18 and state[1] >> source & 1:
        is_context = bool({offset, _ANY} & slots) if source == _FRAME else above or bool(slots)
        context |= is_context << target
    return context, stack, slots, above


def _stored(insn: Insn, state: State) -> tuple[State, bool, bool]:
    opcode, registers, offset, _ = insn
    base, source = registers & 15, registers >> 4
    context, stack, slots, above = state
    of_context = opcode & 7 == _STX and context >> source & 1
    if opcode & 7 == _STX and opcode & 0xE0 == 0xC0:  # atomic: it may bring a number back
        return state, False, False
    if base == _FRAME:
        kept = frozenset(each for each in slots if abs(each - offset) >= 8)
        return (context, stack, kept | {offset} if of_context else kept, above), False, False
    if of_context and stack >> base & 1:
        return (context, stack, slots | {_ANY}, True), False, True
    return state, False, False


def _next(at: int, insn: Insn) -> Iterator[int]:
    opcode, _, offset, number = insn
    kind, operation = opcode & 7, opcode & 0xF0
    if kind not in (_JMP, _JMP32) or operation == _CALL:
        yield at + (2 if opcode == _LD_IMM64 else 1)
    elif operation == _JA:
        yield at + 1 + (number if kind == _JMP32 else offset)
    elif operation != _EXIT:
        yield at + 1
        yield at + 1 + offset


def _join(one: State, other: State) -> State:
    return one[0] | other[0], one[1] | other[1], one[2] | other[2], one[3] or other[3]
