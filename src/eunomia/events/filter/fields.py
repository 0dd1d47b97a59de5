"""What the fields of a plan's record types are: where they lie, and of what kind."""

from __future__ import annotations

import struct

from eunomia.events.kinds import ARRAY, ENUM, INT, SAMPLE, STRUCT, UINT, UNION
from eunomia.events.run import read_plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER = struct.Struct("<4sHH8I")
_ROWS = ("<BBHIIIII", "<IIIHHI", "<qII", "<IBBH6I8I", "<IIIIIIQ")
_MAX_LISTED = 4096


class Place:
    """A field within a record type.

    Attributes:
        kind, size, signed: of its type; size 0: to the end of the record.
        type: index in the plan.
        decoder: number, 0: none.
        offset: bytes from the start of the record (in_value: of the map's value).
        shift, bits: of a bit field, from offset; bits 0: none.
        whole: bytes of the record or value that are surely there, for reading more than the field has.
    """

    __slots__ = ("bits", "decoder", "in_value", "kind", "offset", "shift", "signed", "size", "type", "whole")

    def __init__(self, kind: int, size: int, signed: bool, type_index: int) -> None:
        self.kind = kind
        self.size = size
        self.signed = signed
        self.type = type_index
        self.decoder = self.offset = self.shift = self.bits = self.whole = 0
        self.in_value = False


class RecordType:
    """One type of records: the plan's source and index within it, and the types of record, or key and value."""

    __slots__ = ("index", "is_sample", "source", "types")

    def __init__(self, source: int, index: int, types: tuple[int, ...], is_sample: bool) -> None:
        self.source = source
        self.index = index
        self.types = types
        self.is_sample = is_sample


class Fields:
    """The fields of all record types of a plan.

    Raises:
        PackageError: the plan is damaged (the C core checks it, bounds and cycles included).
    """

    __slots__ = ("_members", "_strings", "_types", "_values", "plan", "record_types")

    def __init__(self, plan: bytes) -> None:
        from eunomia._native import lib

        lib.eu_plan_free(read_plan(plan))
        header = _HEADER.unpack_from(plan)
        at, rows = header[2], []
        for form, count in zip(_ROWS, header[4:9], strict=True):
            size = struct.calcsize(form)
            rows.append(list(struct.iter_unpack(form, plan[at : at + count * size])))
            at += count * size
        self.plan = plan
        self._strings = plan[at : at + header[9]]
        self._types, self._members, self._values, sources, records = rows
        self.record_types: list[RecordType] = []
        for number, row in enumerate(sources):
            if row[1] == SAMPLE:
                self.record_types.append(RecordType(number, 0, (row[6], row[7]), True))
                continue
            for index in range(row[5]):
                self.record_types.append(RecordType(number, index, (records[row[4] + index][0],), False))

    def _string(self, offset: int) -> str:
        return self._strings[offset : self._strings.index(b"\0", offset)].decode(errors="replace")

    def find(self, of: RecordType, path: tuple[str | int, ...]) -> Place | None:
        """Return a record type's field by its path, None where it has none such.

        Of a sampled map `key.x` and `value.x` are meant exactly; `x` is the key's or else the value's. A key or value
        that is no struct is `key` or `value`, and also `count` where it is a number.
        """
        for in_value, index in enumerate(of.types):
            rest = path
            kind = self._types[index][0]
            if of.is_sample:
                if path[0] == ("value" if in_value else "key"):
                    rest = path[1:]
                elif in_value and path == ("count",) and kind in (UINT, INT):
                    rest = ()
                elif path[0] in {"key", "value"} or kind not in (STRUCT, UNION):
                    continue
            elif kind not in (STRUCT, UNION):
                rest = path[1:] if path[0] == "value" else path
            place = self._walk(index, rest)
            if place is not None:
                place.in_value = bool(in_value)
                place.whole = self._types[index][3]
                return place
        return None

    def _place(self, index: int, decoder: int) -> Place:
        kind, flags, own, size, *_ = self._types[index]
        place = Place(kind, size, kind == INT or (kind == ENUM and bool(flags & 1)), index)
        place.decoder = decoder or own
        return place

    def _walk(self, index: int, path: tuple[str | int, ...]) -> Place | None:
        place = self._place(index, 0)
        for part in path:
            if isinstance(part, int):
                if place.kind != ARRAY or place.bits:
                    return None
                _, _, _, _, element, count, *_ = self._types[place.type]
                step = self._types[element][3]
                if not step or (count and part >= count):
                    return None
                after = self._place(element, place.decoder)
                after.offset = place.offset + part * step
            else:
                found = self._member(place.type, part)
                if found is None:
                    return None
                _, member, bits, width, decoder, _ = found
                after = self._place(member, decoder)
                after.offset = place.offset + bits // 8
                after.shift, after.bits = (bits % 8, width) if width else (0, 0)
            place = after
        return place

    def _member(self, index: int, name: str) -> tuple[int, ...] | None:
        """Return the member of this name, that of an anonymous struct or union with its offset in the outer one."""
        kind, _, _, _, first, count, *_ = self._types[index]
        if kind not in (STRUCT, UNION):
            return None
        for row in self._members[first : first + count]:
            if row[0]:
                if self._string(row[0]) == name:
                    return row
            elif not row[3] and (inner := self._member(row[1], name)):
                return (inner[0], inner[1], inner[2] + row[2], *inner[3:])
        return None

    def enum_names(self, place: Place) -> dict[str, int]:
        """Return the names of an enum's values; {} of other types."""
        kind, _, _, _, first, count, *_ = self._types[place.type]
        if kind != ENUM:
            return {}
        return {self._string(name): number for number, name, _ in self._values[first : first + count]}

    def element(self, place: Place) -> Place:
        """Return the element of an array."""
        return self._place(self._types[place.type][4], 0)

    def count(self, place: Place) -> int:
        """Return how many elements an array has; 0: no array, or one that goes on to the end of the record."""
        return int(self._types[place.type][5]) if place.kind == ARRAY else 0

    def names(self) -> list[str]:
        """Return the paths of all fields that can be compared, each once, in the order of the plan."""
        found: dict[str, None] = {}
        for of in self.record_types:
            for in_value, index in enumerate(of.types):
                is_key = of.is_sample and not in_value
                prefix = "" if self._types[index][0] in (STRUCT, UNION) else "key" if is_key else "value"
                for name in self._below(index, prefix):
                    found.setdefault(name)
                    if len(found) >= _MAX_LISTED:
                        return list(found)
        return list(found)

    def _below(self, index: int, prefix: str) -> Iterator[str]:
        kind, _, _, _, first, count, *_ = self._types[index]
        if kind not in (STRUCT, UNION):
            if prefix:
                yield prefix
            return
        for name, member, *_ in self._members[first : first + count]:
            path = f"{prefix}.{self._string(name)}".lstrip(".") if name else prefix
            yield from self._below(member, path)
