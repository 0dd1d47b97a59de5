"""Keys and values of maps: bytes to typed Python values and back, by the object's BTF."""

from __future__ import annotations

import operator
import struct
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from eunomia.btf import types as kinds
from eunomia.btf.types import Btf, Type
from eunomia.kernel.bulk import bulk

Decode = Callable[[bytes], Any]
Encode = Callable[[Any], bytes]
Field = tuple[str, Decode, Encode, int, int]  # name, decoder of the whole struct, encoder, bit offset, bits


class Codec:
    """One C type of `size` bytes: `decode(bytes)` and `encode(value)`.

    Without BTF, values are bytes; whole numbers are taken too.
    """

    __slots__ = ("_bulk", "_decode", "_encode", "size", "what")

    def __init__(self, btf: Btf | None, type_id: int, size: int, what: str) -> None:
        self.size = size
        self.what = what
        coding: tuple[Decode, Encode] = make(btf, type_id) if btf and type_id else (bytes, self._untyped)
        self._decode, self._encode = coding
        self._bulk = bulk(btf, type_id) if btf and type_id else None

    def _untyped(self, value: Any) -> bytes:
        # of values without a type only whole numbers have an obvious form; bytes(5) would be five zeroes
        return operator.index(value).to_bytes(self.size, "little", signed=value < 0)

    def decode(self, data: bytes) -> Any:
        """Return the value that `size` bytes hold."""
        return self._decode(data)

    def decode_all(self, data: memoryview) -> Iterable[Any]:
        """Return the values that lie behind each other in data, each `size` bytes."""
        if self._bulk:
            return self._bulk(data)
        size, decode = self.size, self._decode
        return (decode(bytes(data[at : at + size])) for at in range(0, len(data), size))

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a value; bytes are taken as they are.

        Raises:
            ValueError: it does not fit the type.
        """
        if isinstance(value, (bytes, bytearray, memoryview)):
            data = bytes(value)
        else:
            try:
                data = self._encode(value)
            except (struct.error, TypeError, OverflowError, AttributeError, ValueError) as exc:
                raise ValueError(f"{self.what}: {value!r}: {exc}") from None
        if len(data) != self.size:
            raise ValueError(f"{self.what}: {len(data)} bytes, expected {self.size}")
        return data


def make(btf: Btf, type_id: int) -> tuple[Decode, Encode]:
    """Return decoder and encoder of a type."""
    resolved = btf.resolve(type_id)
    size = btf.sizeof(type_id)
    if resolved.kind in (kinds.INT, kinds.ENUM, kinds.ENUM64, kinds.PTR):
        return integer(resolved, size)
    if resolved.kind == kinds.FLOAT and size in (4, 8):
        packer = struct.Struct("<f" if size == 4 else "<d")
        return lambda data: packer.unpack(data)[0], packer.pack
    if resolved.kind == kinds.ARRAY:
        return array(btf, resolved)
    if resolved.kind == kinds.STRUCT:
        return structure(btf, resolved)
    return bytes, bytes


def integer(resolved: Type, size: int) -> tuple[Decode, Encode]:
    """An integer, enum, bool or pointer."""
    is_int = resolved.kind == kinds.INT
    signed = bool(resolved.int_encoding & 1) if is_int else resolved.kind != kinds.PTR and bool(resolved.flag)
    if is_int and resolved.int_encoding & 4:
        return lambda data: bool(data[0]), lambda value: bool(value).to_bytes(size, "little")
    names = dict(resolved.values) if resolved.kind in (kinds.ENUM, kinds.ENUM64) else {}

    def encode(value: Any) -> bytes:
        return int(names.get(value, value)).to_bytes(size, "little", signed=signed)

    return lambda data: int.from_bytes(data[:size], "little", signed=signed), encode


def array(btf: Btf, resolved: Type) -> tuple[Decode, Encode]:
    """An array: text for char, a tuple otherwise."""
    element, count = resolved.array
    size = btf.sizeof(element)
    of = btf.resolve(element)
    if of.kind == kinds.INT and size == 1 and of.name == "char":
        return lambda data: data.split(b"\0", 1)[0].decode(errors="replace"), lambda value: fit_text(value, count)
    decode, encode = make(btf, element)

    def pack(values: Any) -> bytes:
        if len(values) != count:
            raise ValueError(f"{len(values)} elements, expected {count}")
        return b"".join(encode(value) for value in values)

    return lambda data: tuple(decode(data[i * size : (i + 1) * size]) for i in range(count)), pack


def fit_text(value: str, room: int) -> bytes:
    """Return text as a NUL-padded char array."""
    data = value.encode()
    if len(data) > room:
        raise ValueError(f"{len(data)} bytes of text, expected at most {room}")
    return data.ljust(room, b"\0")


def structure(btf: Btf, resolved: Type) -> tuple[Decode, Encode]:
    """A struct: a named tuple of its members; those of anonymous members stand in their place. Padding is zero."""
    fields: list[Field] = list(members(btf, resolved, 0))
    kind: Any = namedtuple(resolved.name or "anonymous", [name for name, *_ in fields], rename=True)  # type: ignore[misc]  # names are the kernel's
    size = resolved.size

    def decode(data: bytes) -> Any:
        return kind._make(read(data) for _, read, _, _, _ in fields)

    def by_name(values: Any) -> dict[str, Any]:
        wanted = f"expected a dict, or {len(kind._fields)} of ({', '.join(kind._fields)})"
        if not isinstance(values, (tuple, list)):
            raise TypeError(f"{kind.__name__}: {wanted}, got {type(values).__name__}")
        if len(values) != len(kind._fields):
            raise ValueError(f"{kind.__name__}: {wanted}, got {len(values)}")
        return dict(zip(kind._fields, values, strict=True))

    def encode(value: Any) -> bytes:
        given = value if isinstance(value, dict) else by_name(value)
        unknown = set(given) - set(kind._fields)
        if unknown:
            raise ValueError(f"no member {', '.join(sorted(map(str, unknown)))}")
        number = 0
        slots: list[str] = list(kind._fields)
        for name, (_, _, write, bit, bits) in zip(slots, fields, strict=True):
            if name in given:
                number |= (int.from_bytes(write(given[name]), "little") & ((1 << bits) - 1)) << bit
        return number.to_bytes(size, "little")

    return decode, encode


def members(btf: Btf, resolved: Type, base: int) -> Iterator[Field]:
    """Yield (name, decode from the whole struct, encode, bit offset, bits) of each member, anonymous structs opened."""
    for member in resolved.members:
        bit = base + member.bit_offset
        inner = btf.resolve(member.type)
        if not member.name and inner.kind == kinds.STRUCT:
            yield from members(btf, inner, bit)
            continue
        size = btf.sizeof(member.type)
        if member.bit_size:
            yield bit_field(member.name, inner, bit, member.bit_size, max(size, 1))
            continue
        decode, encode = make(btf, member.type)
        yield member.name, part(decode, bit // 8, size), encode, bit, size * 8


def part(decode: Decode, at: int, size: int) -> Decode:
    """Decode the bytes of a member out of its struct's."""
    return lambda data: decode(data[at : at + size])


def bit_field(name: str, inner: Type, bit: int, bits: int, size: int) -> Field:
    """A bit field, signed where its type is."""
    signed = inner.kind == kinds.INT and bool(inner.int_encoding & 1)

    def decode(data: bytes) -> int:
        number = int.from_bytes(data, "little") >> bit & ((1 << bits) - 1)
        return number - (1 << bits) if signed and number >> (bits - 1) else number

    def encode(value: int) -> bytes:
        return (int(value) & ((1 << bits) - 1)).to_bytes(max(size, 16), "little")

    return name, decode, encode, bit, bits
