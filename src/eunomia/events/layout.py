"""A plan's types as Python sees them: one generated class for each struct, and readers from bytes to values."""

from __future__ import annotations

import struct
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from eunomia._native import lib
from eunomia.events.kinds import ARRAY, BOOL, ENUM, FLOAT, INT, POINTER, STRING, STRUCT, UINT, UNION
from eunomia.events.run import read_plan
from eunomia.events.unpacking import Unpacker

SIGNED = 1

_HEADER = struct.Struct("<4sHH8I")
_ROWS = {
    "types": struct.Struct("<BBHIIIII"),
    "members": struct.Struct("<IIIHHI"),
    "values": struct.Struct("<qII"),
    "sources": struct.Struct("<IBBH6I8I"),
    "records": struct.Struct("<IIIIIIQ"),
}

# (bytes, offset of the value, end of what it may take of the record) -> value
Reader = Callable[[Any, int, int], Any]
# the bytes of many values of one size -> the values
ManyReader = Callable[[Any], list[Any]]


class Event(tuple[Any, ...]):
    """A decoded record: a tuple of its members in declaration order, each also an attribute.

    Subclasses are generated, one for each C struct or union, and named like it. Integers, pointers and bit fields are
    int, bool is bool, char arrays are str (bad UTF-8 replaced), other arrays tuples, nested structs are Events, enums
    are `EnumValue`, what cannot be decoded is bytes. Members of anonymous structs and unions are the parent's own.
    """

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def _asdict(self) -> dict[str, Any]:
        """Return name to value; nested events become dicts too."""
        return {name: _plain(value) for name, value in zip(self._fields, self, strict=True)}

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
        return f"{type(self).__name__}({inner})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self).__name__, self._fields, tuple(self)))


class _Texts(dict[bytes, str]):
    """Text of short char arrays: what names processes comes again and again."""

    __slots__ = ()

    def __missing__(self, data: bytes) -> str:
        if len(self) >= 1024:
            self.clear()
        made = self[data] = text(data)
        return made


def text(data: bytes) -> str:
    """Return what a char array says, up to its first NUL."""
    return data.partition(b"\0")[0].decode(errors="replace")


def _rebuild(name: str, fields: tuple[str, ...], values: tuple[Any, ...]) -> Event:
    return tuple.__new__(event_class(name, fields), values)


def _plain(value: Any) -> Any:
    if isinstance(value, Event):
        return value._asdict()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


class EnumValue(int):
    """A number of a C enum that knows its `name` ("" where the enum has none for it)."""

    name: str

    def __new__(cls, value: int, name: str) -> EnumValue:
        made = super().__new__(cls, value)
        made.name = name
        return made

    def __str__(self) -> str:
        return self.name or int.__repr__(self)

    def __repr__(self) -> str:
        return str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return (EnumValue, (int(self), self.name))


def event_class(name: str, fields: tuple[str, ...]) -> type[Event]:
    """Return a new subclass of Event with these members."""
    space: dict[str, Any] = {"__slots__": (), "__doc__": f"C type `{name}`: {', '.join(fields)}.", "_fields": fields}
    for position, field in enumerate(fields):
        if field not in space and not (field.startswith("__") and field.endswith("__")) and field != "_asdict":
            space[field] = property(itemgetter(position))
    return type(name or "anonymous", (Event,), space)


class Source:
    """A source of a plan: `kind`, and of ring and perf buffers the records that it delivers."""

    __slots__ = ("kind", "map", "records")

    def __init__(self, map_name: str, kind: int, records: list[tuple[int, ...]]) -> None:
        self.map = map_name
        self.kind = kind
        self.records = records


class Layout:
    """The types of a plan.

    Raises:
        PackageError: the plan is damaged (the C core checks it, bounds and cycles included).
    """

    def __init__(self, plan: bytes) -> None:
        lib.eu_plan_free(read_plan(plan))
        header = _HEADER.unpack_from(plan)
        at = header[2]
        rows: dict[str, list[tuple[int, ...]]] = {}
        for (kind, form), count in zip(_ROWS.items(), header[4:9], strict=True):
            rows[kind] = list(form.iter_unpack(plan[at : at + count * form.size]))
            at += count * form.size
        self._strings = plan[at : at + header[9]]
        self._types, self._members, self._values = rows["types"], rows["members"], rows["values"]
        self._readers: dict[int, Reader] = {}
        self._many: dict[int, ManyReader] = {}
        self._classes: dict[int, type[Event]] = {}
        self._texts = _Texts()
        self.sources = [
            Source(self._string(row[0]), row[1], rows["records"][row[4] : row[4] + row[5]]) for row in rows["sources"]
        ]

    def _string(self, offset: int) -> str:
        return self._strings[offset : self._strings.index(b"\0", offset)].decode(errors="replace")

    def kind(self, index: int) -> int:
        """Return what a type is: UINT, INT, ... STRUCT."""
        return int(self._types[index][0])

    def name(self, index: int) -> str:
        """Return the C name of a type, "" where it has none."""
        return self._string(self._types[index][6])

    def element(self, index: int) -> tuple[int, int]:
        """Return type and number of the elements of an array; 0: to the end of the record."""
        return self._types[index][4], self._types[index][5]

    def is_signed(self, index: int) -> bool:
        """Return whether a whole number or an enum can be negative."""
        kind, flags, *_ = self._types[index]
        return kind == INT or (kind == ENUM and bool(flags & SIGNED))

    def size(self, index: int) -> int:
        """Return the bytes of a type."""
        return self._types[index][3]

    def is_flexible(self, index: int) -> bool:
        """Return whether a type goes on to the end of the record."""
        kind, _, _, size, first, count, *_ = self._types[index]
        if kind in (STRUCT, UNION):
            return any(self.is_flexible(self._members[i][1]) for i in range(first, first + count))
        return (kind == STRING and not size) or (kind == ARRAY and not count)

    def reader(self, index: int) -> Reader:
        """Return the function that reads a value of a type."""
        found = self._readers.get(index)
        if found is None:
            found = self._readers[index] = self._make(index)
        return found

    def reader_of_many(self, index: int) -> ManyReader:
        """Return the function that reads the values of a type that lie behind each other; of one with a size."""
        read, size = self.reader(index), self.size(index)
        quick = self._many.get(index)
        if quick:
            return quick
        return lambda data: [read(data, at, at + size) for at in range(0, len(data), size)]

    def _make(self, index: int) -> Reader:
        kind, _, _, size, first, count, *_ = self._types[index]
        signed = self.is_signed(index)

        def number(data: Any, at: int) -> int:
            return int.from_bytes(data[at : at + size], "little", signed=signed)

        if kind in (STRUCT, UNION):
            return self._struct(index)
        if kind == STRING:
            return _text_reader(size)
        if kind == ARRAY:
            return self._array(first, count)
        if kind == FLOAT and size in (4, 8):
            form = struct.Struct("<f" if size == 4 else "<d")
            return lambda data, at, end: form.unpack_from(data, at)[0]
        if kind == BOOL:
            return lambda data, at, end: any(data[at : at + size])
        if kind == ENUM:
            values = self.enum(index)
            return lambda data, at, end: enum_value(values, number(data, at))
        if kind in (UINT, INT, POINTER):
            return lambda data, at, end: number(data, at)
        return lambda data, at, end: bytes(data[at : at + size])

    def enum(self, index: int) -> dict[int, EnumValue]:
        """Return the values of an enum by number; of several names the first."""
        _, _, _, size, first, count, *_ = self._types[index]
        every = (1 << 64) - 1 if size == 8 and not self.is_signed(index) else -1  # a plan holds all numbers as signed
        values: dict[int, EnumValue] = {}
        for number, name, _ in self._values[first : first + count]:
            values.setdefault(number & every, EnumValue(number & every, self._string(name)))
        return values

    def _array(self, element: int, count: int) -> Reader:
        read, step = self.reader(element), self.size(element)
        if not step:
            return lambda data, at, end: ()

        def array(data: Any, at: int, end: int) -> tuple[Any, ...]:
            number = count or max(0, end - at) // step
            return tuple(read(data, at + i * step, at + (i + 1) * step) for i in range(number))

        return array

    def flat(
        self, index: int, offset: int = 0, anonymous: tuple[int, ...] = (STRUCT, UNION)
    ) -> list[tuple[str, int, int, int]]:
        """Return name, type, bit offset and bits of the members, those of anonymous ones of these kinds among them."""
        _, _, _, _, first, count, *_ = self._types[index]
        found = []
        for name, member, bits, width, *_ in self._members[first : first + count]:
            if name:
                found.append((self._string(name), member, offset * 8 + bits, width))
            elif self._types[member][0] in anonymous:
                found += self.flat(member, offset + bits // 8, anonymous)
        return found

    def event_type(self, index: int) -> type[Event]:
        """Return the class of a struct's or union's values."""
        found = self._classes.get(index)
        if found is None:
            found = event_class(self.name(index), tuple(name for name, *_ in self.flat(index)))
            self._classes[index] = found
        return found

    def _struct(self, index: int) -> Reader:
        is_plain = self.kind(index) == STRUCT and not self.is_flexible(index)
        words = {"enum": enum_value, "text": text, "texts": self._texts}
        made = Unpacker(self, index, words).readers() if is_plain else None
        if made is None:
            return self._general(index)
        if self.size(index):
            self._many[index] = made[1]
        return made[0]

    def _general(self, index: int) -> Reader:
        """Structs that go on to the end of the record, unions."""
        made = self.event_type(index)
        readers = [self._member(member, bits, width) for _, member, bits, width in self.flat(index)]
        new = tuple.__new__

        def read(data: Any, at: int, end: int) -> Event:
            return new(made, [one(data, at, end) for one in readers])

        return read

    def _member(self, member: int, bits: int, width: int) -> Reader:
        offset = bits // 8
        if width:
            return self._bits(member, bits, width)
        read, size = self.reader(member), self.size(member)
        if self.is_flexible(member):
            return lambda data, at, end: read(data, at + offset, end)
        return lambda data, at, end: read(data, at + offset, at + offset + size)

    def _bits(self, member: int, bits: int, width: int) -> Reader:
        kind, flags, *_ = self._types[member]
        offset, shift = divmod(bits, 8)
        length = (shift + width + 7) // 8
        signed = kind == INT or (kind == ENUM and bool(flags & SIGNED))
        values = self.enum(member) if kind == ENUM else None

        def read(data: Any, at: int, end: int) -> Any:
            value = int.from_bytes(data[at + offset : at + offset + length], "little") >> shift & (1 << width) - 1
            if signed and value >> width - 1:
                value -= 1 << width
            if kind == BOOL:
                return bool(value)
            return value if values is None else enum_value(values, value)

        return read


def enum_value(values: dict[int, EnumValue], number: int) -> EnumValue:
    """Return a number as a value of an enum, without a name where it has none."""
    found = values.get(number)
    return EnumValue(number, "") if found is None else found


def _text_reader(size: int) -> Reader:
    def read(data: Any, at: int, end: int) -> str:
        return text(bytes(data[at : at + size if size else end]))

    return read
