"""Keys and values of maps as JSON values and as what people type, by their BTF type; errors name the field.

`codec` has values for programs in Python; here enums are names, pointers hexadecimal, structs objects.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable
from typing import Any

from eunomia.btf import types as kinds
from eunomia.btf.types import Btf, Type
from eunomia.kernel.addresses import address_of, address_text

JSON_KINDS: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "text",
    bool: "true or false",
    type(None): "null",
    float: "a fraction",
}
Show = Callable[[bytes], Any]
Read = Callable[[Any, str], bytes]
HEX = "hex:"
MAX_TEXT = 1 << 20


class Typed:
    """A type of `size` bytes; without BTF, whole numbers of up to 8 bytes and hexadecimal bytes.

    Attributes:
        size: in bytes.
        is_section: whether it is a section of global variables.
    """

    __slots__ = ("_btf", "_letter", "_read", "_show", "is_section", "size", "type_id")

    def __init__(self, btf: Btf | None, type_id: int, size: int) -> None:
        self.size = size
        self.type_id = type_id
        known = btf is not None and type_id > 0 and btf.sizeof(type_id) == size
        self._btf = btf if known else None
        if btf is not None and known:
            self._show, self._read = coding(btf, type_id)
        else:
            self._show, self._read = untyped(size)
        self._letter = plain_letter(btf, type_id) if btf is not None and known else ""
        self.is_section = btf is not None and known and btf.resolve(type_id).kind == kinds.DATASEC

    def show(self, data: bytes) -> Any:
        """Return bytes as a value that json can write."""
        return self._show(data)

    def show_all(self, data: memoryview) -> Iterable[Any]:
        """Return the values that lie behind each other in data, each `size` bytes; of plain numbers fast."""
        if self._letter:
            return data.cast("B").cast(self._letter)  # type: ignore[call-overload, no-any-return]  # the letter is computed
        size, show = self.size, self._show
        return (show(bytes(data[at : at + size])) for at in range(0, len(data), size))

    def read(self, value: Any, where: str) -> bytes:
        """Return the bytes of a JSON value.

        Raises:
            ValueError: it does not fit; the message begins with where, or the path of the field below it.
        """
        if isinstance(value, str) and value.startswith(HEX):
            return from_hex(value, self.size, where)
        return self._read(value, where)

    def parse(self, text: str, where: str) -> bytes:
        """Return the bytes of what somebody typed: JSON for structs and arrays, else the value itself.

        Raises:
            ValueError: it does not fit.
        """
        if len(text) > MAX_TEXT:
            raise ValueError(f"{where}: {len(text)} characters, at most {MAX_TEXT}")
        if text[:1] in ("{", "[", '"'):
            try:
                return self.read(json.loads(text), where)
            except (json.JSONDecodeError, RecursionError) as exc:
                if text[0] != '"' and not self.is_text:
                    raise ValueError(f"{where}: malformed JSON: {exc}") from None
        return self.read(text, where)

    @property
    def is_text(self) -> bool:
        """Whether it is a char array, which may begin with a bracket."""
        if self._btf is None:
            return False
        resolved = self._btf.resolve(self.type_id)
        return resolved.kind == kinds.ARRAY and is_char(self._btf, resolved.array[0])

    @property
    def has_padding(self) -> bool:
        """Whether it has bits that no member shows."""
        return self._btf is not None and has_padding(self._btf, self.type_id)

    def variables(self) -> dict[str, tuple[Typed, int]]:
        """Return the variables of a section: their types and where they are in it."""
        if self._btf is None or not self.is_section:
            return {}
        found = {}
        for variable, offset, size in self._btf.resolve(self.type_id).variables:
            entry = self._btf.type(variable)
            if offset + size <= self.size:
                found[entry.name] = (Typed(self._btf, entry.ref, size), offset)
        return found

    def name(self) -> str:
        """Return how C calls it, "" where it is not known."""
        from eunomia.btf.cdecl import declaration

        return declaration(self._btf, self.type_id) if self._btf is not None else ""


def has_padding(btf: Btf, type_id: int) -> bool:
    """Whether a type has bits between, in or behind its members that none of them shows."""
    resolved = btf.resolve(type_id)
    if resolved.kind == kinds.ARRAY:
        return has_padding(btf, resolved.array[0])
    if resolved.kind not in (kinds.STRUCT, kinds.UNION):
        return False
    if any(has_padding(btf, member.type) for member in resolved.members):
        return True
    sizes = [member.bit_size or btf.sizeof(member.type) * 8 for member in resolved.members]
    return (max(sizes, default=0) if resolved.kind == kinds.UNION else sum(sizes)) < resolved.size * 8


def plain_letter(btf: Btf, type_id: int) -> str:
    """Return the struct module's letter of a plain number, "" of all else."""
    resolved = btf.resolve(type_id)
    if resolved.kind != kinds.INT or resolved.int_encoding & kinds.BOOL:
        return ""
    letter = {1: "B", 2: "H", 4: "I", 8: "Q"}.get(resolved.size, "")
    return letter.lower() if resolved.int_encoding & kinds.SIGNED else letter


def from_hex(text: str, size: int, where: str) -> bytes:
    """Return the bytes of `hex:0a0b`."""
    try:
        data = bytes.fromhex(text.removeprefix(HEX))
    except ValueError:
        raise ValueError(f"{where}: {text!r} is not hexadecimal") from None
    if len(data) != size:
        raise ValueError(f"{where}: {len(data)} bytes, expected {size}")
    return data


def untyped(size: int) -> tuple[Show, Read]:
    """Bytes without a type."""

    def show(data: bytes) -> Any:
        return int.from_bytes(data, "little") if size in (1, 2, 4, 8) else f"{HEX}{data.hex()}"

    def read(value: Any, where: str) -> bytes:
        if size > 8:
            raise ValueError(f"{where}: it has no type, expected {HEX} and {2 * size} digits")
        return whole(value, where, size, False)

    return show, read


def coding(btf: Btf, type_id: int) -> tuple[Show, Read]:
    """Return how values of a type are shown and read."""
    resolved = btf.resolve(type_id)
    size = btf.sizeof(type_id)
    if resolved.kind in (kinds.INT, kinds.PTR, kinds.ENUM, kinds.ENUM64):
        return scalar(resolved, size)
    if resolved.kind == kinds.FLOAT and size in (4, 8):
        return floating(struct.Struct("<f" if size == 4 else "<d"))
    if resolved.kind == kinds.ARRAY:
        return array(btf, resolved, size)
    if resolved.kind in (kinds.STRUCT, kinds.UNION):
        return structure(btf, resolved)
    if resolved.kind == kinds.DATASEC:
        return section(btf, resolved)
    return untyped(size)


def whole(value: Any, where: str, size: int, signed: bool) -> bytes:
    """Return the bytes of a whole number, given as such or as text (decimal, 0x…)."""
    number = value
    if isinstance(value, str):
        try:
            number = int(value, 0)
        except ValueError:
            raise ValueError(f"{where}: {value!r} is no whole number") from None
    if isinstance(number, bool) or not isinstance(number, int):
        raise ValueError(f"{where}: expected a whole number, got {what(value)}")
    low, high = (-(1 << (8 * size - 1)), (1 << (8 * size - 1)) - 1) if signed else (0, (1 << (8 * size)) - 1)
    if not low <= number <= high:
        raise ValueError(f"{where}: {number} is not from {low} to {high}")
    return number.to_bytes(size, "little", signed=signed)


def what(value: Any) -> str:
    """Name the kind of a JSON value."""
    return JSON_KINDS.get(type(value), "a number")


def scalar(resolved: Type, size: int) -> tuple[Show, Read]:
    """An integer, bool, enum or pointer."""
    is_int = resolved.kind == kinds.INT
    if is_int and resolved.int_encoding & kinds.BOOL:
        return any, lambda value, where: truth(value, where).to_bytes(size, "little")
    if resolved.kind == kinds.PTR:
        return lambda data: hex(int.from_bytes(data, "little")), lambda value, where: whole(value, where, size, False)
    signed = bool(resolved.int_encoding & kinds.SIGNED if is_int else resolved.flag)
    names = dict(resolved.values) if not is_int else {}
    numbers = {number: name for name, number in names.items()}

    def show(data: bytes) -> Any:
        number = int.from_bytes(data, "little", signed=signed)
        return numbers.get(number, number)

    def read(value: Any, where: str) -> bytes:
        if isinstance(value, str) and value in names:
            value = names[value]
        elif isinstance(value, str) and names and not value.lstrip("-").isdigit():
            some = ", ".join(list(names)[:12]) + (", …" if len(names) > 12 else "")
            raise ValueError(f"{where}: {value!r} is none of {some}")
        if isinstance(value, str) and size == 4 and value.count(".") == 3:
            return address_of(value, size, where)
        return whole(value, where, size, signed)

    return show, read


def truth(value: Any, where: str) -> bool:
    """Return a bool, also out of `true`, `false`, `1`, `0`."""
    words = {"true": True, "false": False, "1": True, "0": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    if value in (True, False):
        return bool(value)
    raise ValueError(f"{where}: {value!r} is neither true nor false")


def floating(form: struct.Struct) -> tuple[Show, Read]:
    """A float or double."""

    def read(value: Any, where: str) -> bytes:
        try:
            return form.pack(float(value))
        except (ValueError, TypeError, OverflowError):
            raise ValueError(f"{where}: {value!r} is no number that fits") from None

    return lambda data: form.unpack(data)[0], read


def is_char(btf: Btf, type_id: int) -> bool:
    """Whether a type is char."""
    resolved = btf.resolve(type_id)
    return resolved.kind == kinds.INT and resolved.size == 1 and resolved.name == "char"


def array(btf: Btf, resolved: Type, size: int) -> tuple[Show, Read]:
    """An array: text for char, an array of values otherwise."""
    element, count = resolved.array
    if is_char(btf, element):
        return characters(count)
    step = btf.sizeof(element)
    show, read_one = coding(btf, element)

    def read(value: Any, where: str) -> bytes:
        if isinstance(value, str) and step == 1:
            return address_of(value, size, where)
        if not isinstance(value, list):
            raise ValueError(f"{where}: expected an array of {count}, got {what(value)}")
        if len(value) != count:
            raise ValueError(f"{where}: {len(value)} elements, expected {count}")
        return b"".join(read_one(each, f"{where}[{index}]") for index, each in enumerate(value))

    return lambda data: [show(data[at : at + step]) for at in range(0, size, step or 1)], read


def characters(count: int) -> tuple[Show, Read]:
    """A char array: text up to its NUL."""

    def read(value: Any, where: str) -> bytes:
        if not isinstance(value, str):
            raise ValueError(f"{where}: expected text, got {what(value)}")
        data = value.encode("utf-8", "surrogateescape")
        if len(data) > count:
            raise ValueError(f"{where}: {len(data)} bytes of text, at most {count}")
        if b"\0" in data:
            raise ValueError(f"{where}: text with a NUL")
        return data.ljust(count, b"\0")

    return lambda data: data.split(b"\0", 1)[0].decode("utf-8", "backslashreplace"), read


def structure(btf: Btf, resolved: Type) -> tuple[Show, Read]:
    """A struct or union: an object of its members; those of anonymous members stand in their place."""
    fields = list(flatten(btf, resolved, 0))
    names = [name for name, *_ in fields]
    name, size, is_union = resolved.name, resolved.size, resolved.kind == kinds.UNION

    def show(data: bytes) -> Any:
        return {field: shown(data) for field, shown, *_ in fields}

    def read(value: Any, where: str) -> bytes:
        if isinstance(value, list) and not is_union and len(value) == len(names):
            value = dict(zip(names, value, strict=True))
        if isinstance(value, str) and is_prefix(names, size):
            return address_of(value, size, where)
        if not isinstance(value, dict):
            kind = f"{'union' if is_union else 'struct'} {name}".rstrip()
            raise ValueError(f"{where}: expected an object of {kind} ({', '.join(names)}), got {what(value)}")
        unknown = [key for key in value if key not in names]
        if unknown:
            raise ValueError(f"{where}.{unknown[0]}: there is no such member (there are {', '.join(names)})")
        number = 0
        for field, _, take, bit, bits in fields:
            if field in value:
                part = int.from_bytes(take(value[field], f"{where}.{field}"), "little")
                number |= (part & ((1 << bits) - 1)) << bit
        return number.to_bytes(size, "little")

    return show, read


def is_prefix(names: list[str], size: int) -> bool:
    """Whether a struct is the key of a trie: the length of a prefix, and an address."""
    return len(names) > 1 and names[0] in ("prefixlen", "prefix_len", "prefix") and size in (8, 20)


def flatten(btf: Btf, resolved: Type, base: int) -> Any:
    """Yield (name, show out of the whole, read, bit offset, bits) of each member, anonymous ones opened."""
    for member in resolved.members:
        bit = base + member.bit_offset
        inner = btf.resolve(member.type)
        if not member.name and inner.kind in (kinds.STRUCT, kinds.UNION):
            yield from flatten(btf, inner, bit)
            continue
        size = btf.sizeof(member.type)
        show, read = coding(btf, member.type)
        bits, signed = member.bit_size or size * 8, is_signed(inner)
        yield member.name, cut(show, bit, bits, size, signed), bounded(read, bits, size, signed), bit, bits


def is_signed(resolved: Type) -> bool:
    """Whether numbers of a type have a sign."""
    return resolved.kind == kinds.INT and bool(resolved.int_encoding & kinds.SIGNED)


def cut(show: Show, bit: int, bits: int, size: int, signed: bool) -> Show:
    """Show a member out of the bytes of its struct."""
    if bit % 8 == 0 and bits == size * 8:
        return lambda data: show(data[bit // 8 : bit // 8 + size])

    def shown(data: bytes) -> Any:
        number = int.from_bytes(data, "little") >> bit & ((1 << bits) - 1)
        if signed and number >> (bits - 1):
            number -= 1 << bits
        return show(number.to_bytes(size, "little", signed=signed))

    return shown


def bounded(read: Read, bits: int, size: int, signed: bool) -> Read:
    """Refuse numbers that a bit field has no room for."""
    if bits == size * 8:
        return read

    def reading(value: Any, where: str) -> bytes:
        data = read(value, where)
        number = int.from_bytes(data, "little", signed=signed)
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        if not low <= number <= high:
            raise ValueError(f"{where}: {number} is not from {low} to {high}")
        return data

    return reading


def section(btf: Btf, resolved: Type) -> tuple[Show, Read]:
    """A section of global variables: an object of all of them; to be written whole only."""
    parts = []
    for variable, offset, size in resolved.variables:
        entry = btf.type(variable)
        if offset + size <= resolved.size:
            parts.append((entry.name, offset, size, coding(btf, entry.ref)))

    def show(data: bytes) -> Any:
        return {name: each[0](data[offset : offset + size]) for name, offset, size, each in parts}

    def read(value: Any, where: str) -> bytes:
        raise ValueError(f"{where}: a section is written one variable at a time")

    return show, read


def lpm_text(data: bytes, shown: Any) -> Any:
    """Return the key of a trie as `10.0.0.0/8` where its bytes are an address, else as its type says."""
    length = int.from_bytes(data[:4], "little")
    rest = data[4:]
    if len(rest) in (4, 16) and length <= 8 * len(rest):
        return f"{address_text(rest)}/{length}"
    return shown
