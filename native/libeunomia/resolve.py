"""Resolve what a relocatable object calls in its own text, which `ld -r` leaves to each final link.

A third of libeunomia.a were such entries, 24 bytes each.
"""

from __future__ import annotations

import struct
from pathlib import Path

_SECTION, _SYMBOL, _ENTRY = struct.Struct("<IIQQQQIIQQ"), struct.Struct("<IBBHQQ"), struct.Struct("<QQq")
_SHT_RELA, _STT_TLS, _STT_IFUNC = 4, 6, 10
_X86, _ARM = 62, 183
_PC32, _PLT32 = 2, 4  # of x86-64: 32 bits, relative
_JUMP26, _CALL26 = 282, 283  # of AArch64: 26 bits of words, relative


def resolve(path: Path) -> None:
    """Write the distances of calls within .text into it, and drop their entries; the file is rewritten in place."""
    data = bytearray(path.read_bytes())
    machine = struct.unpack_from("<H", data, 18)[0]
    start = struct.unpack_from("<Q", data, 40)[0]
    count, names = struct.unpack_from("<HH", data, 60)
    places = [start + index * 64 for index in range(count)]
    sections = [list(_SECTION.unpack_from(data, place)) for place in places]
    text_names = sections[names][4]

    def name(section: list[int]) -> bytes:
        begin = text_names + section[0]
        return bytes(data[begin : data.index(0, begin)])

    text = next(index for index, section in enumerate(sections) if name(section) == b".text")
    for place, section in zip(places, sections, strict=True):
        if section[1] != _SHT_RELA or section[7] != text:
            continue
        symbols = sections[section[6]][4]
        kept = bytearray()
        for at in range(section[4], section[4] + section[5], 24):
            entry = bytes(data[at : at + 24])
            if not _applied(data, entry, machine=machine, base=sections[text][4], text=text, symbols=symbols):
                kept += entry
        data[section[4] : section[4] + len(kept)] = kept
        section[5] = len(kept)
        _SECTION.pack_into(data, place, *section)
    path.write_bytes(data)


def _applied(data: bytearray, entry: bytes, *, machine: int, base: int, text: int, symbols: int) -> bool:
    """Apply one entry where its target is local and in the same section; tell whether it was."""
    offset, info, addend = _ENTRY.unpack(entry)
    _, kind, _, where, value, _ = _SYMBOL.unpack_from(data, symbols + (info >> 32) * 24)
    if where != text or kind >> 4 or kind & 15 in (_STT_TLS, _STT_IFUNC):
        return False
    distance = value + addend - offset
    relocation = info & 0xFFFFFFFF
    if machine == _X86 and relocation in (_PC32, _PLT32) and -(1 << 31) <= distance < 1 << 31:
        struct.pack_into("<i", data, base + offset, distance)
        return True
    if machine == _ARM and relocation in (_JUMP26, _CALL26) and -(1 << 27) <= distance < 1 << 27:
        word = struct.unpack_from("<I", data, base + offset)[0]
        struct.pack_into("<I", data, base + offset, (word & 0xFC000000) | (distance >> 2 & 0x03FFFFFF))
        return True
    return False
