"""Layouts of BTF types with every offset told: what definitions in C, Rust and Go are written from.

In the kernel pointers and `long` have 8 bytes, in a 32-bit guest 4: so nothing is left to the guest's compiler, and
events, keys, values and variables are read as they are, without serialisation.
"""

from __future__ import annotations

from itertools import pairwise

from eunomia.btf.types import (
    ARRAY,
    BOOL,
    ENUM,
    ENUM64,
    FLOAT,
    INT,
    PTR,
    SIGNED,
    STRUCT,
    TYPEDEF,
    UNION,
)
from eunomia.errors import PackageError
from eunomia.package.skeleton import sanitise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from eunomia.btf.types import Btf, Member, Type

MAX_DEPTH = 32
MAX_FIELDS = 100_000  # of all definitions together; a whole kernel's task_struct has some thousands


class Scalar:
    """A value of 1, 2, 4, 8 or 16 bytes: `kind` is int, bool, char, float, pointer, enum; or `bytes`, of any size."""

    __slots__ = ("kind", "signed", "size")

    def __init__(self, kind: str, size: int, *, signed: bool = False) -> None:
        self.kind = kind
        self.size = size
        self.signed = signed

    @property
    def align(self) -> int:
        """Its natural alignment, 8 at most: languages and their versions differ about integers of 16 bytes."""
        return 1 if self.kind == "bytes" else min(self.size, 8)


class Array:
    """`count` elements of one shape."""

    __slots__ = ("count", "element")

    def __init__(self, element: Shape, count: int) -> None:
        self.element = element
        self.count = count

    @property
    def size(self) -> int:
        """Bytes of all elements."""
        return self.element.size * self.count

    @property
    def align(self) -> int:
        """That of an element."""
        return self.element.align


class Bits:
    """A bit field: `at` is the distance of its lowest bit from the start of its storage, `base` its declared type."""

    __slots__ = ("at", "base", "name", "width")

    def __init__(self, name: str, at: int, width: int, base: Scalar) -> None:
        self.name = name
        self.at = at
        self.width = width
        self.base = base


class Field:
    """A member at its offset in bytes. `bits`: it is the storage of these bit fields, and has no name of its own."""

    __slots__ = ("bits", "name", "offset", "shape")

    def __init__(self, name: str, offset: int, shape: Shape, bits: list[Bits] | None = None) -> None:
        self.name = name
        self.offset = offset
        self.shape = shape
        self.bits = bits or []

    @property
    def end(self) -> int:
        """Offset of the byte behind it."""
        return self.offset + self.shape.size


class Aggregate:
    """A struct or union. `name` is its tag, or its typedef's name (`is_typedef`), or "" where it has none.

    `uses` says what has this type: "records of events". `align` is the largest that its members ask for and that its
    offsets and its size keep, 1 for a packed one.
    """

    __slots__ = ("align", "fields", "id", "is_typedef", "is_union", "name", "size", "uses")

    def __init__(self, found: Type, name: str, *, is_typedef: bool = False) -> None:
        self.id = found.id
        self.name = name
        self.is_typedef = is_typedef
        self.is_union = found.kind == UNION
        self.size = found.size
        self.fields: list[Field] = []
        self.align = 1
        self.uses = ""

    @property
    def spelled(self) -> str:
        """Its type in C: `struct event`, `event_t`."""
        return self.name if self.is_typedef else f"{'union' if self.is_union else 'struct'} {self.name}"

    def set_align(self) -> None:
        """Find out `align` when all fields are there."""
        wanted = max((field.shape.align for field in self.fields), default=1)
        kept = all(field.offset % field.shape.align == 0 for field in self.fields) and self.size % wanted == 0
        self.align = wanted if kept else 1


class Constants:
    """The names and values of an enum. `name` is its tag or typedef, "" for none."""

    __slots__ = ("is_typedef", "name", "shape", "values")

    def __init__(self, name: str, shape: Scalar, values: list[tuple[str, int]], *, is_typedef: bool) -> None:
        self.name = name
        self.shape = shape
        self.values = values
        self.is_typedef = is_typedef

    @property
    def spelled(self) -> str:
        """Its type in C."""
        return self.name if self.is_typedef or not self.name else f"enum {self.name}"


Shape = Scalar | Array | Aggregate


class Layouts:
    """The shapes of an object's types.

    Attributes:
        named: the aggregates that have a name, each behind those that it holds.
        enums: the enums that anything here is of.
    """

    __slots__ = ("_btf", "_building", "_nr_fields", "_shapes", "_typedefs", "_used", "btf", "enums", "named")

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self.named: list[Aggregate] = []
        self.enums: list[Constants] = []
        self._shapes: dict[int, Shape] = {}
        self._building: set[int] = set()
        self._used: set[str] = set()
        self._nr_fields = 0
        self._typedefs = _typedefs(btf)

    def shape(self, type_id: int, depth: int = 0) -> Shape:
        """Return the shape of a type.

        Raises:
            PackageError: a type holds itself, is nested too deeply, or has members outside itself.
        """
        found = self.btf.resolve(type_id)
        shape = self._shapes.get(found.id)
        if shape is not None:
            return shape
        if depth > MAX_DEPTH or found.id in self._building:
            raise PackageError(f"read BTF: type {found.id} {found.name} is nested deeper than {MAX_DEPTH}")
        if found.kind in (STRUCT, UNION):
            shape = self._aggregate(found, depth)
        elif found.kind == ARRAY:
            element, count = found.array
            shape = Array(self.shape(element, depth + 1), count)
        else:
            shape = self._scalar(found)
        self._shapes[found.id] = shape
        return shape

    def add(self, aggregate: Aggregate, fields: Iterable[Field]) -> None:
        """Give fields to an aggregate that is not in BTF (a section of variables)."""
        aggregate.fields = list(fields)
        aggregate.set_align()

    def _scalar(self, found: Type) -> Scalar:
        kind, size = found.kind, found.size
        if kind == PTR:
            return Scalar("pointer", 8)
        if kind in (ENUM, ENUM64) and size in (1, 2, 4, 8):
            signed = bool(found.flag) or any(value < 0 for _name, value in found.values)
            return self._enum(found, Scalar("enum", size, signed=signed))
        if kind == FLOAT and size in (4, 8):
            return Scalar("float", size)
        if kind == INT and size in (1, 2, 4, 8, 16):
            encoding = found.int_encoding
            if encoding & BOOL and size == 1:
                return Scalar("bool", 1)
            if found.name == "char":
                return Scalar("char", 1, signed=True)
            return Scalar("int", size, signed=bool(encoding & SIGNED))
        return Scalar("bytes", self.btf.sizeof(found.id))

    def _enum(self, found: Type, shape: Scalar) -> Scalar:
        typedef = "" if found.name else self._typedefs.get(found.id, "")
        name = self._unique("typedef" if typedef else "tag", typedef or found.name)
        values = [(identifier(each), value) for each, value in found.values]
        self.enums.append(Constants(name, shape, values, is_typedef=bool(typedef)))
        return shape

    def _aggregate(self, found: Type, depth: int) -> Aggregate:
        typedef = "" if found.name else self._typedefs.get(found.id, "")
        name = self._unique("typedef" if typedef else "tag", typedef or found.name)
        made = Aggregate(found, name, is_typedef=bool(typedef))
        self._building.add(found.id)
        self._nr_fields += found.vlen
        if self._nr_fields > MAX_FIELDS:
            raise PackageError(f"read BTF: more than {MAX_FIELDS} members in the types of events, maps and variables")
        made.fields = self._fields(found, depth)
        self._building.discard(found.id)
        made.set_align()
        if name:
            self.named.append(made)
        return made

    def _fields(self, found: Type, depth: int) -> list[Field]:
        fields: list[Field] = []
        group: list[Member] = []
        for member in found.members:
            end = member.bit_offset + (member.bit_size or self.btf.sizeof(member.type) * 8)
            if end > found.size * 8:
                raise PackageError(f"read BTF: {found.name or 'struct'}.{member.name} ends behind its struct")
            if member.bit_size and member.name:
                if found.kind == UNION or (group and member.bit_offset < group[-1].bit_offset):
                    fields += self._storage(group)
                    group = []
                group.append(member)
            elif not member.bit_size:
                fields += self._storage(group)
                group = []
                shape = self.shape(member.type, depth + 1)
                fields.append(Field(identifier(member.name), member.bit_offset // 8, shape))
        fields += self._storage(group)
        if found.kind == STRUCT and any(after.offset < before.end for before, after in pairwise(fields)):
            return [Field("bytes", 0, Scalar("bytes", found.size))]  # no C struct: members overlap
        return fields

    def _storage(self, group: list[Member]) -> list[Field]:
        """The storage of bit fields that follow each other: as few bytes as they need."""
        if not group:
            return []
        start = group[0].bit_offset // 8
        size = (group[-1].bit_offset + group[-1].bit_size + 7) // 8 - start
        bits = []
        for member in group:
            base = self.shape(member.type)
            plain = base if isinstance(base, Scalar) else Scalar("int", 8)
            bits.append(Bits(identifier(member.name), member.bit_offset - start * 8, member.bit_size, plain))
        unit = Scalar("int", size) if size in (1, 2, 4, 8) and start % size == 0 else Scalar("bytes", size)
        return [Field("", start, unit, bits)]

    def _unique(self, space: str, name: str) -> str:
        """A name for a type that no other one has: linked objects may have several of one name. "" for none."""
        name = identifier(name)
        wanted, number = name, 1
        while name and f"{space} {wanted}" in self._used:
            number += 1
            wanted = f"{name}__{number}"
        self._used.add(f"{space} {wanted}")
        return wanted


def identifier(name: str) -> str:
    """A name that is one in every language, and nothing else: packages come from anywhere. "" stays."""
    plain = sanitise(name)
    return f"_{plain}" if plain[:1].isdigit() else plain


def _typedefs(btf: Btf) -> dict[int, str]:
    """The name of each struct, union or enum that has one only through a typedef."""
    names: dict[int, str] = {}
    for typedef in btf.of_kind(TYPEDEF):
        target = btf.type(btf.strip(typedef.ref))
        if target.kind in (STRUCT, UNION, ENUM, ENUM64) and not target.name:
            names.setdefault(target.id, typedef.name)
    return names
