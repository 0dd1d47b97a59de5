"""Does an object depend on the architecture that it was compiled for?"""

from __future__ import annotations

import os
import re
from struct import iter_unpack

from eunomia.btf.core import FIELD_BYTE_OFFSET, iter_records, iter_types
from eunomia.btf.elf import SHF_ALLOC, SHT_REL
from eunomia.btf.types import STRUCT
from eunomia.compiler.registers import TYPES
from eunomia.errors import CompileError, PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from eunomia.btf.object import ObjectBtf

# What a source asks the preprocessor to tell architectures apart.
_ASKS = re.compile(rb"\b(?:__TARGET_ARCH_\w+|bpf_target_\w+)\b")
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.MULTILINE)
_MAX_FILES = 200


def is_specific(obj: ObjectBtf, source: str, folders: list[str], other: Callable[[], ObjectBtf]) -> bool:
    """Tell whether an object does something else, or fails, on another architecture than its own.

    Args:
        obj: the object.
        source: path of its source.
        folders: where its includes lie.
        other: compiles it for another architecture; called only where the object alone does not tell.
    """
    if reads_registers(obj):
        return True
    if not (has_registers(obj) or asks_for_architecture(source, folders)):
        return False
    try:
        return not is_same_code(obj, other())
    except (CompileError, PackageError):
        return True


def reads_registers(obj: ObjectBtf) -> bool:
    """Tell whether a CO-RE record of an object reads registers by the names of one architecture."""
    btf = obj.btf
    if btf is None:
        return False
    try:
        return any(
            name in TYPES or name.startswith(("pt_regs___arm64", "pt_regs___s390"))
            for record in iter_records(obj)
            if record.kind == FIELD_BYTE_OFFSET
            for name in iter_types(btf, record)
            if not name.startswith("user_pt_regs___")
        )
    except PackageError:
        return True


def has_registers(obj: ObjectBtf) -> bool:
    """Tell whether an object knows the members of a structure of registers, which it may read without CO-RE."""
    return obj.btf is not None and any(each.name in TYPES and each.vlen for each in obj.btf.of_kind(STRUCT))


def asks_for_architecture(source: str, folders: list[str]) -> bool:
    """Tell whether a source, or a header of its own that it includes, asks for the target architecture's macros."""
    waiting, seen = [os.path.abspath(source)], set[str]()
    while waiting and len(seen) < _MAX_FILES:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        try:
            with open(path, "rb") as file:
                text = file.read()
        except OSError:
            continue
        if _ASKS.search(text):
            return True
        for name in _INCLUDE.findall(text):
            word = os.fsdecode(name)
            if os.path.basename(word) != "vmlinux.h":
                waiting += [os.path.normpath(os.path.join(each, word)) for each in (os.path.dirname(path), *folders)]
    return False


def is_same_code(one: ObjectBtf, other: ObjectBtf) -> bool:
    """Tell whether two objects of one source do the same, whatever types their BTF has besides."""
    return _content(one) == _content(other)


def _content(obj: ObjectBtf) -> tuple[object, ...]:
    sections = obj.elf.sections
    bytes_of = {each.name: (each.data, each.size) for each in sections if each.flags & SHF_ALLOC and each.name}
    names = [symbol.name or f"section {symbol.section}" for symbol in obj.elf.symbols]
    calls = {
        each.name: [(offset, info & 0xFFFFFFFF, names[info >> 32]) for offset, info in _pairs(each.data)]
        for each in sections
        if each.type == SHT_REL and not each.name.startswith(".rel.BTF")
    }
    btf = obj.btf
    asked = sorted(
        (record.section, record.offset, *iter_types(btf, record), record.access, record.kind)
        for record in (iter_records(obj) if btf is not None else ())
        if btf is not None
    )
    maps = [
        (each.name, each.type, each.key_size, each.value_size, each.max_entries, each.flags)
        for each in obj.maps.values()
    ]
    return bytes_of, calls, asked, maps


def _pairs(data: bytes) -> list[tuple[int, int]]:
    return list(iter_unpack("<QQ", data[: len(data) // 16 * 16]))
