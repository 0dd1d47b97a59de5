"""ELF files of BPF objects: sections and symbols, read with every bound checked."""

from __future__ import annotations

from struct import Struct, iter_unpack

from eunomia.errors import PackageError

EM_NONE, EM_BPF, ET_REL = 0, 247, 1
_MACHINES = {3: "x86", 8: "MIPS", 20: "PowerPC", 21: "PowerPC 64", 22: "S/390", 40: "Arm", 62: "x86-64", 183: "AArch64"}
_MACHINES |= {243: "RISC-V", 258: "LoongArch"}
SHT_PROGBITS, SHT_SYMTAB, SHT_REL, SHT_NOBITS = 1, 2, 9, 8
SHF_ALLOC, SHF_EXECINSTR = 2, 4
STT_NOTYPE, STT_OBJECT, STT_FUNC = 0, 1, 2
STB_LOCAL = 0
STV_INTERNAL, STV_HIDDEN = 1, 2
_MAX_SECTIONS = 65_280  # SHN_LORESERVE: more need the extended numbering that no BPF object has
_HEADER = Struct("<16sHHIQQQIHHHHHH")
_SECTION = Struct("<IIQQQQIIQQ")
_SYMBOL = Struct("<IBBHQQ")


class Section:
    """A section: `data` is empty for SHT_NOBITS, `size` is what it has in memory."""

    __slots__ = ("_end", "_image", "_start", "flags", "index", "info", "link", "name", "size", "type")

    def __init__(self, index: int, header: tuple[int, ...], image: bytes) -> None:
        _name, self.type, self.flags, _addr, start, self.size, self.link, self.info, _align, _entry = header
        self.index = index
        self.name = ""
        self._image = image
        self._start = start
        self._end = start if self.type == SHT_NOBITS else start + self.size

    @property
    def data(self) -> bytes:
        """The bytes of the section in the file."""
        return self._image[self._start : self._end]

    @property
    def is_executable(self) -> bool:
        """Whether the section holds instructions."""
        return bool(self.flags & SHF_EXECINSTR)


class Symbol:
    """A symbol: `section` is an index into ElfFile.sections (0: undefined)."""

    __slots__ = ("binding", "name", "section", "size", "type", "value", "visibility")

    def __init__(self, row: tuple[int, int, int, int, int, int], name: str) -> None:
        _name, info, other, section, value, size = row
        self.name = name
        self.type = info & 15
        self.binding = info >> 4
        self.visibility = other & 3
        self.section = section
        self.value = value
        self.size = size

    @property
    def is_hidden(self) -> bool:
        """Whether the linker must not show it to other objects; libbpf treats such variables as static."""
        return self.visibility in {STV_INTERNAL, STV_HIDDEN}


class ElfFile:
    """A 64-bit little-endian ELF file.

    Raises:
        PackageError: the bytes are not such a file, or its tables point outside of it.

    Source: System V ABI, chapter 4; include/uapi/linux/elf.h.
    """

    __slots__ = ("_by_name", "_symbols", "data", "machine", "sections")

    def __init__(self, data: bytes) -> None:
        if data[:4] != b"\x7fELF":
            raise PackageError("read object: not an ELF file")
        if len(data) < _HEADER.size:
            raise PackageError(f"read object: {len(data)} bytes, an ELF header alone has {_HEADER.size}")
        if data[4:6] != b"\x02\x01":
            raise PackageError(
                "read object: not a 64-bit little-endian ELF file (big-endian objects are not supported)"
            )
        header = _HEADER.unpack_from(data)
        self.machine: int = header[2]
        self.data = data
        self.sections = _sections(data, header[6], header[11], header[12], header[13])
        self._by_name = {section.name: section for section in reversed(self.sections)}
        self._symbols: list[Symbol] | None = None

    def section(self, name: str) -> Section | None:
        """Return the first section with this name, or None."""
        return self._by_name.get(name)

    @property
    def symbols(self) -> list[Symbol]:
        """All symbols in the order of the table, read on first use."""
        if self._symbols is None:
            self._symbols = self._read_symbols()
        return self._symbols

    def _read_symbols(self) -> list[Symbol]:
        table = next((section for section in self.sections if section.type == SHT_SYMTAB), None)
        if table is None:
            return []
        if not 0 < table.link < len(self.sections):
            raise PackageError(
                f"read object: symbol table names section {table.link} for its strings, which is not there"
            )
        strings = self.sections[table.link].data
        data = table.data
        data = data[: len(data) // _SYMBOL.size * _SYMBOL.size]
        return [Symbol(row, _string(strings, row[0])) for row in iter_unpack("<IBBHQQ", data)]


def require_bpf(data: bytes) -> None:
    """Raise PackageError for an ELF file of another machine, or a linked one, as libbpf does.

    Source: libbpf 1.5 `bpf_object__elf_init` (EM_NONE is what clang before 3.7 wrote).
    """
    if len(data) < _HEADER.size or data[:6] != b"\x7fELF\x02\x01":
        return  # ElfFile says what it is instead
    kind, machine = _HEADER.unpack_from(data)[1:3]
    if machine not in {EM_NONE, EM_BPF}:
        name = _MACHINES.get(machine)
        raise PackageError(
            f"read object: made for {name or f'ELF machine {machine}'}, not for BPF"
            + (" [an executable: run it by itself]" if kind in {2, 3} else "")  # ET_EXEC, ET_DYN
        )
    if kind != ET_REL:
        raise PackageError(f"read object: not a BPF object: ELF type {kind}, expected {ET_REL} (relocatable)")


def _sections(data: bytes, offset: int, entry_size: int, count: int, names: int) -> list[Section]:
    if count == 0 and not offset:
        return []
    if not count or entry_size != _SECTION.size or count > _MAX_SECTIONS or offset + count * _SECTION.size > len(data):
        raise PackageError(
            f"read object: section table of {count} entries at {offset} does not fit in {len(data)} bytes (truncated?)"
        )
    headers = [_SECTION.unpack_from(data, offset + index * _SECTION.size) for index in range(count)]
    sections = [Section(index, header, data) for index, header in enumerate(headers)]
    for section, header in zip(sections, headers, strict=True):
        if section.type not in {0, SHT_NOBITS} and header[4] + header[5] > len(data):
            raise PackageError(
                f"read object: section {section.index} ends at {header[4] + header[5]}, past the file's end"
            )
    if not 0 < names < count:
        raise PackageError(f"read object: no section {names} for the names of sections")
    strings = sections[names].data
    for section, header in zip(sections, headers, strict=True):
        section.name = _string(strings, header[0])
    return sections


def _string(strings: bytes, offset: int) -> str:
    end = strings.find(b"\0", offset)
    if end < 0:
        return ""
    return strings[offset:end].decode("utf-8", "replace")
