"""A small writer of plans, and what rendering a type must give, written in the slow and obvious way."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from struct import pack, unpack
from typing import Any

from eunomia._native import ffi, lib, text

UINT, INT, BOOL, FLOAT, POINTER, STRING, ARRAY, STRUCT, UNION, ENUM, OPAQUE = range(1, 12)
NONE = 0xFFFFFFFF
RING, PERF, SAMPLE = 1, 2, 3


@dataclass
class Member:
    name: str
    type: Type
    bit_offset: int
    bits: int = 0
    decoder: int = 0


@dataclass
class Type:
    """A C type: what native/plan.h says of it."""

    kind: int
    size: int
    signed: bool = False
    name: str = ""
    element: Type | None = None
    count: int = 0
    members: list[Member] = field(default_factory=list)
    values: list[tuple[int, str]] = field(default_factory=list)


def u(size: int) -> Type:
    return Type(UINT, size)


def s(size: int) -> Type:
    return Type(INT, size)


def chars(size: int) -> Type:
    return Type(STRING, size)


def array(element: Type, count: int) -> Type:
    return Type(ARRAY, element.size * count, element=element, count=count)


def struct(name: str, *fields: tuple[str, Type], decoders: dict[str, int] | None = None) -> Type:
    """A packed struct."""
    made = Type(STRUCT, 0, name=name)
    for label, kind in fields:
        made.members.append(Member(label, kind, made.size * 8, 0, (decoders or {}).get(label, 0)))
        made.size += kind.size
    return made


class PlanWriter:
    """Writes plans as native/plan.h has them; `damage` may change the parts before they are joined."""

    def __init__(self) -> None:
        self.types: list[bytes] = []
        self.members: list[bytes] = []
        self.values: list[bytes] = []
        self.sources: list[bytes] = []
        self.records: list[bytes] = []
        self.strings = b"\0"

    def string(self, value: str) -> int:
        if not value:
            return 0
        at = len(self.strings)
        self.strings += value.encode() + b"\0"
        return at

    def add(self, kind: Type) -> int:
        first = count = 0
        if kind.element is not None:
            first, count = self.add(kind.element), kind.count
        if kind.kind in (STRUCT, UNION):
            rows = [(member, self.add(member.type)) for member in kind.members]
            first, count = len(self.members), len(rows)
            self.members += [
                pack("<IIIHHI", self.string(m.name), index, m.bit_offset, m.bits, m.decoder, 0) for m, index in rows
            ]
        if kind.kind == ENUM:
            first, count = len(self.values), len(kind.values)
            self.values += [pack("<qII", number, self.string(name), 0) for number, name in kind.values]
        self.types.append(
            pack("<BBHIIIII", kind.kind, kind.signed, 0, kind.size, first, count, self.string(kind.name), 0)
        )
        return len(self.types) - 1

    def source(
        self, *records: Type, kind: int = RING, flags: int = 0, values: tuple[int, ...] = (), style: int = 0,
        roles: dict[int, int] | None = None, source_flags: int = 0,
    ) -> PlanWriter:  # fmt: skip
        first = len(self.records)
        for position, record in enumerate(records):
            value = values[position] if values else 0
            self.records.append(pack("<IIIIIIQ", self.add(record), record.size, flags, 0, 4 if values else 0, 0, value))
        row = [(roles or {}).get(i, NONE) for i in range(8)]
        self.sources.append(
            pack("<IBBH6I8I", self.string("rb"), kind, style, source_flags, first, len(records), NONE, NONE, 0, 0, *row)
        )
        return self

    def table(self, key: Type, value: Type, style: int = 0) -> PlanWriter:
        """Add a sampled map."""
        types = self.add(key), self.add(value)
        self.sources.append(
            pack("<IBBH6I8I", self.string("map"), SAMPLE, style, 0, len(self.records), 0, *types, 1000, 0, *[NONE] * 8)
        )
        return self

    def to_bytes(self) -> bytes:
        rows = (self.types, self.members, self.values, self.sources, self.records)
        body = b"".join(b"".join(part) for part in rows) + self.strings
        counts = [len(part) for part in rows]
        return pack("<4sHH8I", b"EUPL", 1, 40, 40 + len(body), *counts, len(self.strings), 0) + body


FORMATS = {"text": 0, "json": 1, "csv": 4}
ROOM = 1 << 20


@contextmanager
def reading(plan: bytes) -> Iterator[Any]:
    """The C core's plan; OSError where it refuses it."""
    made = lib.eu_plan_read(plan, len(plan))
    if not made:
        raise OSError(lib.eu_errno(), text(lib.eu_error()))
    try:
        yield made
    finally:
        lib.eu_plan_free(made)


def render(plan: bytes, record: bytes, form: str = "json", source: int = 0, fields: str = "", **options: Any) -> bytes:
    """Render a record as the C core does; raise OSError where it refuses the plan or the record."""
    with reading(plan) as made:
        names = ffi.new("char[]", fields.encode())
        c_format = ffi.new("struct eu_format *", {"format": FORMATS[form], "fields": names, **options})
        out = ffi.new("char[]", ROOM)
        # a buffer of its own and exact size: what lies behind it is not the record
        data = ffi.new("char[]", record) if record else ffi.new("char[1]")
        first = _taken(out, lib.eu_render(made, source, c_format, data, len(record), out, ROOM))
        # what came up once is copied from then on
        assert _taken(out, lib.eu_render(made, source, c_format, data, len(record), out, ROOM)) == first
        return first


def header(plan: bytes, form: str = "csv", source: int = 0, fields: str = "", kind: int = 0, **options: Any) -> str:
    """The header above such lines."""
    with reading(plan) as made:
        names = ffi.new("char[]", fields.encode())
        c_format = ffi.new("struct eu_format *", {"format": FORMATS[form], "fields": names, **options})
        out = ffi.new("char[]", ROOM)
        return _taken(out, lib.eu_render_header(made, source, c_format, kind, out, ROOM)).decode()


def _taken(out: Any, length: int) -> bytes:
    if length < 0:
        raise OSError(-length, text(lib.eu_error()))
    return bytes(ffi.buffer(out, length))


class Single:
    """A 32-bit float: equal to every number that rounds to it."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and pack("<f", other) == self.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        return f"Single({unpack('<f', self.data)[0]!r})"


def expected(kind: Type, data: bytes) -> Any:
    """What json.loads of the rendered value must give."""
    if kind.kind in (STRUCT, UNION):
        return dict(members(kind, data))
    if kind.kind == STRING:
        return (data[: kind.size] if kind.size else data).split(b"\0")[0].decode(errors="replace")
    if kind.kind == ARRAY:
        assert kind.element is not None
        step = kind.element.size
        count = kind.count or (len(data) // step if step else 0)
        return [expected(kind.element, data[i * step : (i + 1) * step]) for i in range(count)] if step else []
    data = data[: kind.size]
    if kind.kind == FLOAT:
        value = unpack("<f" if kind.size == 4 else "<d", data)[0]
        if not math.isfinite(value):
            return None
        return Single(data) if kind.size == 4 and value else value
    if kind.kind == OPAQUE:
        return data.hex()
    return scalar(kind, int.from_bytes(data, "little", signed=is_signed(kind)))


def is_signed(kind: Type) -> bool:
    return kind.kind == INT or (kind.kind == ENUM and kind.signed)


def enum_name(kind: Type, value: int) -> str:
    """The first name of a number, "" without one. A plan's numbers are 64 bits with a sign, whatever the enum has."""
    whole = (1 << 64) - 1 if kind.size == 8 and not kind.signed else -1
    return next((name for number, name in kind.values if number & whole == value), "")


def scalar(kind: Type, value: int) -> Any:
    if kind.kind == BOOL:
        return bool(value)
    if kind.kind == ENUM:
        return enum_name(kind, value) or value
    return str(value) if kind.size == 16 else value


def members(kind: Type, data: bytes) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for member in kind.members:
        offset = member.bit_offset // 8
        if member.bits:
            if not member.name:
                continue
            value = int.from_bytes(data, "little") >> member.bit_offset & (1 << member.bits) - 1
            if is_signed(member.type) and value >> member.bits - 1:
                value -= 1 << member.bits
            found.append((member.name, scalar(member.type, value)))
        elif member.name:
            end = len(data) if is_open(member.type) else offset + member.type.size
            found.append((member.name, expected(member.type, data[offset:end])))
        elif member.type.kind in (STRUCT, UNION):
            found += members(member.type, data[offset:])
    return found


def is_open(kind: Type) -> bool:
    """Whether it goes on to the end of the record."""
    if kind.kind in (STRUCT, UNION):
        return any(is_open(member.type) for member in kind.members)
    return (kind.kind == STRING and not kind.size) or (kind.kind == ARRAY and not kind.count)


def paths(kind: Type, data: bytes, prefix: str = "", deep: bool = True) -> list[tuple[str, Type, Any]]:
    """Every field that CSV has a column for: its path, its type and its value as `expected` gives it.

    Args:
        deep: open structs within the record; else name them too.
    """
    if kind.kind not in (STRUCT, UNION):
        return [("value", kind, expected(kind, data))]
    found: list[tuple[str, Type, Any]] = []
    for member in kind.members:
        is_group = member.type.kind in (STRUCT, UNION)
        inner = data[member.bit_offset // 8 :]
        if not member.bits and is_group and (deep or not member.name):
            below = f"{prefix}{member.name}." if member.name else prefix
            found += paths(member.type, inner, below, deep)
        elif member.name:
            alone = Type(STRUCT, kind.size, members=[member])
            found.append((prefix + member.name, member.type, dict(members(alone, data))[member.name]))
    return found


UNSAFE = {0x200E, 0x200F, 0xFEFF, *range(0x202A, 0x202F), *range(0x2028, 0x202A), *range(0x2066, 0x206A)}


def cell_text(raw: bytes) -> str:
    """What a cell of CSV says of the bytes of a string."""
    shown = ""
    for c in raw.split(b"\0")[0].decode(errors="replace"):
        if (ord(c) < 32 and c not in "\t\r\n") or 0x7F <= ord(c) < 0xA0 or ord(c) in UNSAFE:
            shown += "".join(f"\\x{byte:02x}" for byte in c.encode())
        else:
            shown += c
    return shown


def is_cell(cell: str, kind: Type, value: Any) -> bool:
    """Whether a cell, as a reader of CSV gets it, says this value."""
    if kind.kind == FLOAT:
        return cell == "null" if value is None else bool(value == float(cell))
    if kind.kind in (ARRAY, STRUCT, UNION):
        return bool(json.loads(cell) == value)
    if kind.kind == POINTER:
        return int(cell, 16) == int(value)
    if kind.kind == BOOL:
        return cell == ("true" if value else "false")
    return cell == str(value)
