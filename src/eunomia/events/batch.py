"""Many records at once: typed events when iterated, or whole as NumPy array, Arrow record batch, dicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from operator import index as whole
from typing import TYPE_CHECKING, Any, overload

from eunomia._native import ffi, lib
from eunomia.events.layout import Event, Layout

if TYPE_CHECKING:
    import numpy
    import pandas
    import pyarrow

CHUNK = 512  # events that are decoded at a time


class Rows:
    """The records of one type, in order of arrival, in memory of their own.

    Attributes:
        layout, type: what they look like.
        name: of the C type; the map's where it has none.
        data: their bytes. Each record takes `stride`; of a type that goes on to the end of the record (stride 0),
            record i begins at `starts[i]` and came with `lengths[i]` bytes.
    """

    __slots__ = ("count", "data", "layout", "lengths", "name", "starts", "stride", "type")

    def __init__(self, layout: Layout, index: int, name: str) -> None:
        self.layout = layout
        self.type = index
        self.name = name
        self.count = 0
        self.stride = layout.size(index)
        self.data = memoryview(b"")
        self.starts: memoryview | None = None
        self.lengths: memoryview | None = None

    def fill(self, part: Any) -> None:
        """Take over the memory of a `struct eu_part`."""
        self.count = part.count
        self.data = own(part.data, part.used)
        if part.starts:
            self.stride = 0
            self.starts = own(part.starts, 8 * self.count).cast("Q")
            self.lengths = own(part.lengths, 4 * self.count).cast("I")

    def cut(self, start: int, stop: int) -> Rows:
        """Return the records from start to before stop, on the same memory."""
        part = Rows(self.layout, self.type, self.name)
        part.count, part.stride, part.data = stop - start, self.stride, self.data
        if self.starts is None or self.lengths is None:
            part.data = self.data[start * self.stride : stop * self.stride]
        else:
            part.starts, part.lengths = self.starts[start:stop], self.lengths[start:stop]
        return part

    def to_c(self) -> Any:
        """Return the `struct eu_rows`; it is valid as long as these rows."""
        rows = ffi.new("struct eu_rows *", {"count": self.count, "stride": self.stride})
        rows.data = ffi.from_buffer(self.data) if len(self.data) else ffi.NULL
        if self.starts is not None and self.lengths is not None and self.count:
            rows.starts = ffi.from_buffer("uint64_t[]", self.starts)
            rows.lengths = ffi.from_buffer("uint32_t[]", self.lengths)
        return rows

    def events(self) -> Iterator[Any]:
        """Iterate the values, decoded some hundreds at a time."""
        return chain.from_iterable(map(self._decode, range(0, self.count, CHUNK)))

    def _decode(self, start: int) -> list[Any]:
        stop = min(start + CHUNK, self.count)
        if self.starts is not None and self.lengths is not None:
            read = self.layout.reader(self.type)
            spans = zip(self.starts[start:stop], self.lengths[start:stop], strict=True)
            return [read(self.data, at, at + size) for at, size in spans]
        if not self.stride:
            read = self.layout.reader(self.type)
            return [read(b"", 0, 0) for _ in range(start, stop)]
        return self.layout.reader_of_many(self.type)(self.data[start * self.stride : stop * self.stride])


def own(pointer: Any, size: int) -> memoryview:
    """Return memory that C handed over; it is freed with the last view of it."""
    if not pointer:
        return memoryview(b"")
    return memoryview(ffi.buffer(ffi.gc(ffi.cast("char *", pointer), lib.eu_release), size))


class Batch(Sequence[Any]):
    """Records of one event source, oldest first; made by `EventStream.batches`. It owns its bytes.

    As a sequence it holds typed events, decoded when they are asked for; slices are batches on the same memory.
    `to_numpy` and `to_arrow` take it whole, without any Python for a single event.

    Attributes:
        map: the event source.
        types: names of the C types that this source delivers.
    """

    __slots__ = ("_order", "_places", "_rows", "map", "types")

    def __init__(self, map_name: str, rows: Sequence[Rows], order: memoryview | None = None) -> None:
        self.map = map_name
        self._rows = rows
        self._order = order  # index of the rows of each record; None: there is one type only
        self._places: list[int] | None = None
        self.types: tuple[str, ...] = tuple(each.name for each in rows)

    def __len__(self) -> int:
        return self._rows[0].count if self._order is None else len(self._order)

    def __iter__(self) -> Iterator[Any]:
        if self._order is None:
            return self._rows[0].events()
        return map(next, map([each.events() for each in self._rows].__getitem__, self._order))

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> Batch: ...
    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            if step != 1:
                raise ValueError("slice of a batch: the step must be 1")
            return self._cut(start, max(start, stop))
        at = whole(place)
        at += len(self) if at < 0 else 0
        if not 0 <= at < len(self):
            raise IndexError(f"batch of {len(self)} events: index {place} is out of range")
        if self._order is None:
            return next(self._rows[0].cut(at, at + 1).events())
        row = self._order[at]
        within = self._within()[at]
        return next(self._rows[row].cut(within, within + 1).events())

    def _within(self) -> list[int]:
        """The place of each record among those of its type."""
        if self._places is None:
            assert self._order is not None
            counts = [0] * len(self._rows)
            places = []
            for row in self._order:
                places.append(counts[row])
                counts[row] += 1
            self._places = places
        return self._places

    def _cut(self, start: int, stop: int) -> Batch:
        if self._order is None:
            return Batch(self.map, [self._rows[0].cut(start, stop)])
        before, within = self._order[:start].tolist(), self._order[start:stop].tolist()
        firsts = [before.count(row) for row in range(len(self._rows))]
        ends = [first + within.count(row) for row, first in enumerate(firsts)]
        rows = [each.cut(first, end) for each, first, end in zip(self._rows, firsts, ends, strict=True)]
        return Batch(self.map, rows, self._order[start:stop])

    @property
    def nbytes(self) -> int:
        """The bytes of its records."""
        return sum(each.data.nbytes for each in self._rows)

    def of_type(self, name: str) -> Batch:
        """Return the records of one C type, on the same memory.

        Raises:
            ValueError: the source delivers no such type.
        """
        return Batch(self.map, [self._one(name, "of_type")])

    def by_type(self) -> dict[str, Batch]:
        """Return the records apart by the name of their C type."""
        return {each.name: Batch(self.map, [each]) for each in self._rows}

    def _one(self, name: str | None, what: str) -> Rows:
        if name is None and len(self._rows) == 1:
            return self._rows[0]
        for each in self._rows:
            if each.name == name:
                return each
        if name is None:
            raise ValueError(f'{what}: map {self.map} delivers {", ".join(self.types)} [say type="{self.types[0]}"]')
        raise ValueError(f"{what}: type {name}: map {self.map} delivers {', '.join(self.types)}")

    def to_numpy(self, type: str | None = None, *, raw: bool = False) -> numpy.ndarray[Any, Any]:
        """Return the records as a structured array whose dtype mirrors the C struct, padding included.

        It is a view of the batch's memory, without a copy, but where a char array has bytes behind its first NUL
        (they are made zero, in a copy), where the struct has bit fields (they become columns behind the others), and
        where its last array goes on to the end of the record (it gets as many elements as the longest record of this
        batch has).

        Args:
            type: name of the C type; may be left out where the source delivers one.
            raw: leave char arrays as they came, whatever stands behind their NUL.

        Raises:
            MissingDependencyError: NumPy is not installed.
            ValueError: there is no such type, or it must be said which.
        """
        from eunomia.events.numeric import structured

        return structured(self._one(type, "to_numpy"), raw)

    def to_arrow(self, type: str | None = None, *, enums: str = "name") -> pyarrow.RecordBatch:
        """Return the records as a pyarrow RecordBatch: a column for each member, nested structs and arrays kept.

        Args:
            type: name of the C type; may be left out where the source delivers one.
            enums: "name": dictionary-encoded names; "number": integers. The field's metadata has both.

        Raises:
            MissingDependencyError: pyarrow is not installed.
            ValueError: there is no such type, or it must be said which.
        """
        from eunomia.events.arrow import record_batch

        return record_batch(self._one(type, "to_arrow"), self.map, enums)

    def to_pandas(self, type: str | None = None) -> pandas.DataFrame:
        """Return the records as a pandas DataFrame, by way of Arrow. Needs pyarrow and pandas."""
        from eunomia.events.arrow import data_frame

        return data_frame(self.to_arrow(type))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the events as dicts, nested ones too."""
        return [event._asdict() if isinstance(event, Event) else {"value": event} for event in self]

    def __repr__(self) -> str:
        counts = ", ".join(f"{each.count} {each.name}" for each in self._rows)
        return f"<Batch of {self.map}: {counts}>"


class Kinds:
    """The types that one source delivers, as the C core numbers them, and batches of them.

    A type may stand twice in a plan, by its size and for what else comes; the core uses the first of these only.
    """

    def __init__(self, layout: Layout, source: str, records: Sequence[Sequence[int]]) -> None:
        self._layout = layout
        self.source = source
        self._types = [row[0] for row in records]
        firsts = {index: place for place, index in reversed(list(enumerate(self._types)))}
        self._used = sorted(firsts.values())
        self._names = _distinct([layout.name(self._types[place]) or source for place in self._used])

    def take(self, batcher: Any) -> Batch:
        """Return what a `struct eu_batcher` has collected."""
        parts, order = ffi.new("struct eu_part[]", max(1, len(self._types))), ffi.new("uint16_t **")
        count = lib.eu_batcher_take(batcher, parts, order)
        places = own(order[0], 2 * count).cast("H") if len(self._types) > 1 else None
        rows = []
        for place, name in zip(self._used, self._names, strict=True):
            each = Rows(self._layout, self._types[place], name)
            each.fill(parts[place])
            rows.append(each)
        if len(rows) == 1:
            return Batch(self.source, rows)
        return Batch(self.source, rows, places if places is None else self._renumbered(places))

    def _renumbered(self, places: memoryview) -> memoryview:
        if self._used == list(range(len(self._used))):
            return places
        from array import array

        row: Mapping[int, int] = {place: number for number, place in enumerate(self._used)}
        return memoryview(array("H", [row[place] for place in places]))


def _distinct(names: Sequence[str]) -> list[str]:
    """Two C types may have one name, in different files."""
    found: list[str] = []
    for name in names:
        number = 2
        distinct = name
        while distinct in found:
            distinct = f"{name}_{number}"
            number += 1
        found.append(distinct)
    return found
