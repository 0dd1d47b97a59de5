"""Decoding many keys or values of a map at once: what makes `items()` of large maps cheap."""

from __future__ import annotations

import struct
from collections import namedtuple
from collections.abc import Callable, Iterable
from typing import Any

from eunomia.btf import types as kinds
from eunomia.btf.types import Btf, Type

Bulk = Callable[[memoryview], Iterable[Any]]

_LETTERS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_FLOATS = {4: "f", 8: "d"}


def bulk(btf: Btf, type_id: int) -> Bulk | None:
    """Return a decoder of many values that lie behind each other, or None where only one at a time can be decoded.

    Its values are those of `codec.make`: a test compares them.
    """
    resolved = btf.resolve(type_id)
    letter = _letter(btf, type_id)
    if letter:
        return lambda data: data.cast("B").cast(letter)  # type: ignore[call-overload]  # the letter is computed
    if resolved.kind == kinds.STRUCT:
        return _struct(btf, resolved)
    return None


def _letter(btf: Btf, type_id: int) -> str:
    """Return the struct module's letter of a scalar, "" where it has none."""
    resolved, size = btf.resolve(type_id), btf.sizeof(type_id)
    if resolved.kind == kinds.FLOAT:
        return _FLOATS.get(size, "")
    if resolved.kind == kinds.PTR:
        return "Q"
    if resolved.kind in (kinds.ENUM, kinds.ENUM64):
        letter = _LETTERS[size]
        return letter.lower() if resolved.flag else letter
    if resolved.kind != kinds.INT:
        return ""
    if resolved.int_encoding & 4:
        return "?" if size == 1 else ""
    letter = _LETTERS.get(size, "")
    return letter.lower() if resolved.int_encoding & 1 else letter


def _struct(btf: Btf, resolved: Type) -> Bulk | None:
    """A struct of scalars and char arrays, without bit fields, nested types or members that overlap."""
    form, at, texts, names = "<", 0, [], []
    for position, member in enumerate(resolved.members):
        offset, bits_over = divmod(member.bit_offset, 8)
        if not member.name or member.bit_size or bits_over or offset < at:
            return None
        letter, size = _letter(btf, member.type), btf.sizeof(member.type)
        if not letter:
            letter = _char_array(btf, member.type)
            if not letter:
                return None
            texts.append(position)
        form += f"{offset - at}x{letter}"
        at = offset + size
        names.append(member.name)
    packed = struct.Struct(f"{form}{resolved.size - at}x")
    kind: Any = namedtuple(resolved.name or "anonymous", names, rename=True)  # type: ignore[misc]  # names are the kernel's
    make = kind._make
    if not packed.size:
        return None
    if not texts:
        return lambda data: map(make, packed.iter_unpack(data))

    def decode(data: memoryview) -> Iterable[Any]:
        for fields in packed.iter_unpack(data):
            values = list(fields)
            for position in texts:
                values[position] = values[position].partition(b"\0")[0].decode(errors="replace")
            yield make(values)

    return decode


def _char_array(btf: Btf, type_id: int) -> str:
    resolved = btf.resolve(type_id)
    if resolved.kind != kinds.ARRAY:
        return ""
    element, count = resolved.array
    of = btf.resolve(element)
    return f"{count}s" if of.kind == kinds.INT and of.name == "char" and btf.sizeof(element) == 1 else ""
