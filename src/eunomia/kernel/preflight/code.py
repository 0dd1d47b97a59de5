"""The instructions of an object: decoded, with what its ELF relocations and `.BTF.ext` say about each."""

from __future__ import annotations

from dataclasses import dataclass
from struct import iter_unpack, unpack_from
from typing import TYPE_CHECKING

from eunomia.btf.elf import SHT_REL, STT_FUNC

if TYPE_CHECKING:
    from collections.abc import Callable

    from eunomia.btf.elf import Section, Symbol
    from eunomia.btf.object import ObjectBtf

INSN = 8
_MAX_RECORDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Insn:
    """One instruction of 8 bytes, or the first half of a 16-byte one; `imm` and `off` are signed."""

    code: int
    dst: int
    src: int
    off: int
    imm: int


@dataclass(frozen=True, slots=True)
class Line:
    """A place in the source, from line info."""

    file: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


@dataclass(frozen=True, slots=True)
class CoreRecord:
    """One CO-RE relocation: what the source asked about a type of the kernel. `insn` counts from the section's start.

    Source: struct bpf_core_relo, include/uapi/linux/bpf.h.
    """

    insn: int
    type_id: int
    access: str
    kind: int


class Unit:
    """One executable section with everything that is known about its instructions, by their number in it."""

    __slots__ = ("core", "insns", "lines", "relocations", "section")

    def __init__(self, section: Section) -> None:
        self.section = section
        self.insns = _decode(section.data)
        self.relocations: dict[int, Symbol] = {}
        self.lines: list[tuple[int, Line]] = []
        self.core: dict[int, CoreRecord] = {}

    def line(self, insn: int) -> Line | None:
        """Return the source line of an instruction; None without line info."""
        from bisect import bisect_right

        at = bisect_right(self.lines, insn, key=lambda row: row[0])
        return self.lines[at - 1][1] if at else None


@dataclass(frozen=True, slots=True)
class Function:
    """A program: its unit, and the number of its first instruction there."""

    name: str
    section: str
    unit: Unit
    start: int
    size: int


class Code:
    """All executable sections of an object.

    Source: System V ABI (SHT_REL); struct btf_ext_header and btf_ext_info_sec, libbpf src/btf.h.
    """

    __slots__ = ("obj", "units")

    def __init__(self, obj: ObjectBtf) -> None:
        self.obj = obj
        sections = obj.elf.sections
        self.units = {each.index: Unit(each) for each in sections if each.is_executable and each.size}
        symbols = obj.elf.symbols
        for section in sections:
            unit = self.units.get(section.info) if section.type == SHT_REL else None
            if unit is None:
                continue
            data = section.data
            for offset, info in iter_unpack("<QQ", data[: len(data) // 16 * 16]):
                if info >> 32 < len(symbols):
                    unit.relocations[offset // INSN] = symbols[info >> 32]
        self._read_ext()

    @property
    def programs(self) -> list[Function]:
        """The programs of the object in libbpf's order."""
        found = []
        for symbol in self.obj.elf.symbols:
            unit = self.units.get(symbol.section)
            if symbol.type == STT_FUNC and unit is not None and unit.section.name != ".text":
                place = symbol.value // INSN
                found.append(Function(symbol.name, unit.section.name, unit, place, symbol.size // INSN))
        return sorted(found, key=lambda each: (each.unit.section.index, each.start))

    def size_at(self, unit: Unit, start: int) -> int:
        """Return the number of instructions of the function that begins there, 0 where none does."""
        sizes = (
            symbol.size // INSN
            for symbol in self.obj.elf.symbols
            if symbol.type == STT_FUNC and symbol.section == unit.section.index and symbol.value // INSN == start
        )
        return min(next(sizes, 0), len(unit.insns) - start)

    def section_of(self, symbol: Symbol) -> Section | None:
        """Return the section that a symbol is in, None where it is undefined."""
        sections = self.obj.elf.sections
        return sections[symbol.section] if 0 < symbol.section < len(sections) else None

    def _read_ext(self) -> None:
        section = self.obj.elf.section(".BTF.ext")
        btf = self.obj.btf
        data = section.data if section is not None else b""
        if btf is None or len(data) < 24 or data[:2] != b"\x9f\xeb":
            return
        header = unpack_from("<I", data, 4)[0]
        by_name = {unit.section.name: unit for unit in self.units.values()}
        lines: tuple[int, int] = unpack_from("<II", data, 16)
        for name, row in _records(data, header, lines, btf.string):
            unit = by_name.get(name)
            if unit is not None and len(row) >= 16:
                offset, file, text, place = unpack_from("<IIII", row)
                file_name = btf.string(file).rsplit("/", 1)[-1]
                line = Line(file_name, place >> 10, " ".join(btf.string(text).split()))
                unit.lines.append((offset // INSN, line))
        for unit in self.units.values():
            unit.lines.sort(key=lambda row: row[0])
        if header >= 32 and len(data) >= 32:
            core: tuple[int, int] = unpack_from("<II", data, 24)
            for name, row in _records(data, header, core, btf.string):
                unit = by_name.get(name)
                if unit is not None and len(row) >= 16:
                    offset, type_id, access, kind = unpack_from("<IIII", row)
                    record = CoreRecord(offset // INSN, type_id, btf.string(access), kind)
                    unit.core[record.insn] = record


def _records(data: bytes, header: int, part: tuple[int, int], string: Callable[[int], str]) -> list[tuple[str, bytes]]:
    """Return (section's name, record) of one part of .BTF.ext; what is cut off is left out."""
    offset, size = part
    start, end = header + offset, header + offset + size
    if size < 4 or end > len(data):
        return []
    each = unpack_from("<I", data, start)[0]
    found: list[tuple[str, bytes]] = []
    at = start + 4
    while 8 <= each <= 4096 and at + 8 <= end:
        name, count = unpack_from("<II", data, at)
        at += 8
        count = min(count, (end - at) // each)
        if len(found) + count > _MAX_RECORDS:
            break
        text = string(name)
        found += [(text, data[at + i * each : at + (i + 1) * each]) for i in range(count)]
        at += count * each
    return found


def _decode(data: bytes) -> list[Insn]:
    whole = data[: len(data) // INSN * INSN]
    return [Insn(code, regs & 15, regs >> 4, off, imm) for code, regs, off, imm in iter_unpack("<BBhi", whole)]
