"""Objects that libbpf would follow out of its memory, or for ever: refused before it sees them."""

from __future__ import annotations

from pathlib import Path
from struct import pack, pack_into, unpack_from

import pytest

from eunomia._native import ffi, lib, text
from eunomia.btf.elf import SHT_SYMTAB, STT_FUNC, ElfFile
from eunomia.package import Package

BUILTIN = Path(__file__).resolve().parents[3] / "src/eunomia/builtin"
SHDR, SYM = 64, 24


@pytest.fixture(scope="module")
def elf() -> bytes:
    return bytes(Package.open(str(BUILTIN / "execsnoop.json")).object)


def opening(data: bytes) -> str:
    """Return why an object is not opened, "" where it is."""
    obj = lib.eu_open(ffi.from_buffer(data), len(data), ffi.new("struct eu_open_options *"))
    if not obj:
        return text(lib.eu_error())
    lib.eu_close(obj)
    return ""


def header(data: bytes, index: int) -> int:
    return int(unpack_from("<Q", data, 40)[0]) + SHDR * index


def function(data: bytes) -> tuple[int, int, int]:
    """Return where the symbol of the first program stands, where its bytes begin, and how many they are."""
    file = ElfFile(data)
    table = next(each for each in file.sections if each.type == SHT_SYMTAB)
    place = next(
        index for index, each in enumerate(file.symbols) if each.type == STT_FUNC and file.sections[each.section].size
    )
    symbol = file.symbols[place]
    start = unpack_from("<Q", data, header(data, symbol.section) + 24)[0] + symbol.value
    return unpack_from("<Q", data, header(data, table.index) + 24)[0] + SYM * place, start, symbol.size


def with_types(data: bytes, *types: bytes, names: bytes = b"\0.kconfig\0") -> bytes:
    """Return the object with other types, behind its end."""
    body = b"".join(types)
    btf = pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(body), len(body), len(names)) + body + names
    section = ElfFile(data).section(".BTF")
    assert section is not None
    changed = bytearray(data + b"\0" * (-len(data) % 4))
    pack_into("<QQ", changed, header(data, section.index) + 24, len(changed), len(btf))
    return bytes(changed + btf)


def one(kind: int, count: int = 0, size: int = 0, *tail: int, name: int = 0) -> bytes:
    return pack(f"<III{len(tail)}I", name, kind << 24 | count, size, *tail)


INT, ARRAY, STRUCT, TYPEDEF, VAR, DATASEC = 1, 3, 4, 8, 14, 15
NUMBER = one(INT, 0, 4, 32)


def test_a_whole_object_is_opened(elf: bytes) -> None:
    assert opening(elf) == ""
    assert not opening(with_types(elf, NUMBER, one(TYPEDEF, 0, 1))).startswith("open object : damaged")


def test_sections_are_within_the_file(elf: bytes) -> None:
    assert opening(elf[:-1]).endswith("its section table does not fit (is it complete?)")
    for offset, value in ((60, 0), (60, 0xFFFF), (62, 0xFFFF), (58, 40)):
        changed = bytearray(elf)
        pack_into("<H", changed, offset, value)
        assert opening(bytes(changed)).endswith("its section table does not fit (is it complete?)"), offset
    for size in (len(elf), 1 << 63):
        changed = bytearray(elf)
        pack_into("<Q", changed, header(elf, 2) + 32, size)
        assert opening(bytes(changed)).endswith("a section ends behind the file (is it complete?)")


def test_sections_are_not_many_times_the_same_bytes(elf: bytes) -> None:
    changed = bytearray(elf)
    for index, section in enumerate(ElfFile(elf).sections):
        if section.type == 1:
            pack_into("<QQ", changed, header(elf, index) + 24, 0, len(elf))

    assert opening(bytes(changed)).endswith("sections overlap")


@pytest.mark.parametrize(
    ("value", "size", "why"),
    [
        (2**64 - 8, 16, "a function crosses the end of its section"),
        (0, 2**63, "a function crosses the end of its section"),
        (4, 8, "a function of half instructions"),
    ],
)
def test_a_program_is_within_its_section(elf: bytes, value: int, size: int, why: str) -> None:
    symbol, _, _ = function(elf)
    changed = bytearray(elf)
    pack_into("<QQ", changed, symbol + 8, value, size)

    assert opening(bytes(changed)) == f"open object : damaged ELF file: {why}"


def test_a_program_does_not_end_with_half_an_instruction(elf: bytes) -> None:
    _, start, size = function(elf)
    changed = bytearray(elf)
    changed[start + size - 8] = 0x18  # of 16 bytes: libbpf writes to the second half

    assert opening(bytes(changed)).endswith("a function ends in the middle of an instruction")


@pytest.mark.parametrize(
    ("types", "why"),
    [
        ([one(TYPEDEF, 0, 2), one(TYPEDEF, 0, 1)], "a type that is made of itself"),
        ([one(STRUCT, 1, 8, 0, 2, 65), NUMBER], "a member outside of its struct"),
        ([one(STRUCT, 0, 1 << 30)], "a struct of more than 512 MiB"),
        (
            [one(VAR, 0, 3, 0), one(DATASEC, 1, 8, 1, 2**32 - 8, 16), NUMBER],
            "a variable beyond 512 MiB of its section",
        ),
        (
            [one(VAR, 0, 3, 0), one(DATASEC, 1, 8, 1, 0, 8, name=1), one(STRUCT, 1, 8, 0, 3, 0)],
            "a variable of .kconfig that is neither a number nor text",
        ),
        (
            [one(VAR, 0, 3, 0), one(DATASEC, 1, 8, 1, 0, 8, name=1), one(ARRAY, 0, 0, 4, 4, 2**31), NUMBER],
            "a variable of .kconfig that is neither a number nor text",
        ),
        ([NUMBER[:-1]], "a type is cut off, or of an unknown kind"),
        ([NUMBER, one(STRUCT, 9, 8)], "a type is cut off, or of an unknown kind"),
        ([one(30)], "a type is cut off, or of an unknown kind"),
    ],
)
def test_types_lead_nowhere_else(elf: bytes, types: list[bytes], why: str) -> None:
    assert opening(with_types(elf, *types)) == f"open object : damaged ELF file: {why}"
