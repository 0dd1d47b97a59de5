"""The adapter to pyarrow: plan types as Arrow types, records as record batches; native/columns.c makes the columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eunomia._native import check, ffi, lib
from eunomia.errors import MissingDependencyError
from eunomia.events.batch import own
from eunomia.events.kinds import ARRAY, BOOL, ENUM, FLOAT, INT, POINTER, STRING, STRUCT, UINT, UNION
from eunomia.events.layout import Layout

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from eunomia.events.batch import Rows

ENUMS = ("name", "number")


def load() -> Any:
    """Return the pyarrow module.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import pyarrow
    except ModuleNotFoundError as exc:
        if exc.name != "pyarrow":
            raise  # it is there, and broken
        raise MissingDependencyError("make an Arrow table: pyarrow is not installed [pip install pyarrow]") from None
    return pyarrow


def check_enums(enums: str) -> None:
    """Raise ValueError where this is no way to write enums."""
    if enums not in ENUMS:
        raise ValueError(f"to_arrow: enums {enums!r}: one of {', '.join(ENUMS)}")


def record_batch(rows: Rows, source: str, enums: str = "name") -> pyarrow.RecordBatch:
    """Return rows as a record batch, a column for each member (`value` where the type is no struct)."""
    arrow = load()
    check_enums(enums)
    columns = Columns(rows.layout, enums)
    if rows.layout.kind(rows.type) in (STRUCT, UNION):
        fields, arrays = columns.members(rows.to_c(), rows.type, 0)
    else:
        field, array = columns.column("value", rows.to_c(), rows.type, 0)
        fields, arrays = [field], [array]
    schema = arrow.schema(fields, metadata={"eunomia.map": source, "eunomia.type": rows.name})
    if not arrays:
        struct = arrow.Array.from_buffers(arrow.struct([]), rows.count, [None])
        return arrow.RecordBatch.from_struct_array(struct)
    return arrow.RecordBatch.from_arrays(arrays, schema=schema)


def data_frame(batch: pyarrow.RecordBatch) -> pandas.DataFrame:
    """Return a record batch as a DataFrame.

    Raises:
        MissingDependencyError: pandas is not installed.
    """
    from importlib.util import find_spec

    if find_spec("pandas") is None:
        raise MissingDependencyError("make a data frame: pandas is not installed [pip install pandas]")
    return batch.to_pandas()


class Columns:
    """Makes Arrow arrays out of rows: a `struct eu_rows` and the offset of the value within a row."""

    def __init__(self, layout: Layout, enums: str) -> None:
        self._arrow = load()
        self._layout = layout
        self._enums = enums
        sizes = self._arrow
        self._floats = {2: sizes.float16(), 4: sizes.float32(), 8: sizes.float64()}
        self._ints = {1: sizes.int8(), 2: sizes.int16(), 4: sizes.int32(), 8: sizes.int64()}
        self._uints = {1: sizes.uint8(), 2: sizes.uint16(), 4: sizes.uint32(), 8: sizes.uint64()}

    def members(self, rows: Any, index: int, offset: int) -> tuple[list[Any], list[Any]]:
        """Return fields and arrays of a struct's members."""
        fields, arrays = [], []
        for name, member, bits, width in self._layout.flat(index):
            field, array = self.column(name, rows, member, offset * 8 + bits, width)
            fields.append(field)
            arrays.append(array)
        return fields, arrays

    def column(self, name: str, rows: Any, index: int, bits: int, width: int = 0) -> tuple[Any, Any]:
        """Return field and array of one value in each row, which begins at a bit of it."""
        array = self._bits(rows, index, bits, width) if width else self._array(rows, index, bits // 8)
        metadata = self._metadata(index) if self._layout.kind(index) == ENUM else None
        return self._arrow.field(name, array.type, metadata=metadata), array

    def _metadata(self, index: int) -> dict[str, str]:
        from json import dumps

        names = {str(value): int(value) for value in self._layout.enum(index).values()}
        return {"eunomia.enum": dumps(names, ensure_ascii=False)}

    def _array(self, rows: Any, index: int, offset: int) -> Any:
        kind, size = self._layout.kind(index), self._layout.size(index)
        if kind in (STRUCT, UNION):
            return self._struct(rows, index, offset)
        if kind == STRING:
            return self._text(rows, size, offset)
        if kind == ARRAY:
            return self._list(rows, index, offset)
        if kind == ENUM and self._enums == "name":
            return self._names(rows, index, offset)
        if kind == BOOL:
            bitmap = bytearray((rows.count + 7) // 8)
            lib.eu_gather_bitmap(rows, offset, size, ffi.from_buffer(bitmap))
            return self._of(self._arrow.bool_(), rows.count, bitmap)
        return self._plain(rows, self._scalar(index), offset, size)

    def _scalar(self, index: int) -> Any:
        kind, size = self._layout.kind(index), self._layout.size(index)
        found = None
        if kind == FLOAT:
            found = self._floats.get(size)
        elif kind in (UINT, INT, POINTER, ENUM, BOOL):
            found = (self._ints if self._layout.is_signed(index) else self._uints).get(size)
        return found or self._arrow.binary(size)  # 128-bit integers, long double, what has no type

    def _of(self, kind: Any, count: int, *buffers: Any) -> Any:
        held = [self._arrow.py_buffer(buffer) for buffer in buffers]
        return self._arrow.Array.from_buffers(kind, count, [None, *held])

    def _plain(self, rows: Any, kind: Any, offset: int, size: int) -> Any:
        if not size:
            return self._arrow.nulls(rows.count)
        data = _room(rows.count * size)
        lib.eu_gather(rows, offset, size, ffi.from_buffer(data))
        return self._of(kind, rows.count, data)

    def _bits(self, rows: Any, index: int, bits: int, width: int) -> Any:
        size = self._layout.size(index)
        data = _room(rows.count * size)
        lib.eu_gather_bits(rows, bits, width, self._layout.is_signed(index), size, ffi.from_buffer(data))
        whole = ffi.new("struct eu_rows *", {"data": ffi.from_buffer(data), "count": rows.count, "stride": size})
        return self._array(whole, index, 0)

    def _struct(self, rows: Any, index: int, offset: int) -> Any:
        fields, arrays = self.members(rows, index, offset)
        if not arrays:
            return self._arrow.Array.from_buffers(self._arrow.struct([]), rows.count, [None])
        return self._arrow.StructArray.from_arrays(arrays, fields=fields)

    def _text(self, rows: Any, size: int, offset: int) -> Any:
        offsets, text = _room(4 * (rows.count + 1)), ffi.new("void **")
        length = lib.eu_gather_text(rows, offset, size, ffi.from_buffer("int32_t[]", offsets), text)
        data = own(text[0], check(length, "make a column"))
        return self._of(self._arrow.utf8(), rows.count, offsets, data)

    def _list(self, rows: Any, index: int, offset: int) -> Any:
        element, count = self._layout.element(index)
        step = self._layout.size(element)
        if count:
            data = _room(rows.count * count * step)
            lib.eu_gather(rows, offset, count * step, ffi.from_buffer(data))
            return self._arrow.FixedSizeListArray.from_arrays(self._elements(data, element, rows.count * count), count)
        offsets, tails = _room(4 * (rows.count + 1)), ffi.new("void **")
        length = lib.eu_gather_tails(rows, offset, max(1, step), ffi.from_buffer("int32_t[]", offsets), tails)
        data = own(tails[0], check(length, "make a column"))
        values = self._elements(data, element, len(data) // max(1, step))
        starts = self._of(self._arrow.int32(), rows.count + 1, offsets)
        return self._arrow.ListArray.from_arrays(starts, values)

    def _elements(self, data: Any, element: int, count: int) -> Any:
        rows = ffi.new("struct eu_rows *", {"count": count, "stride": self._layout.size(element)})
        held = ffi.from_buffer(data)
        rows.data = held
        return self._array(rows, element, 0)

    def _names(self, rows: Any, index: int, offset: int) -> Any:
        """Dictionary-encoded names; numbers without a name are added to the dictionary as they are."""
        signed, size = self._layout.is_signed(index), self._layout.size(index)
        least = -(1 << 8 * size - 1) if signed else 0
        fitting = (each for each in self._layout.enum(index).values() if 0 <= each - least < 1 << 8 * size)
        values = sorted(fitting, key=_as_signed)
        numbers = ffi.new("int64_t[]", [_as_signed(value) for value in values])
        codes = _room(4 * rows.count)
        into = ffi.from_buffer("int32_t[]", codes)
        names = [str(value) for value in values]
        unknown = lib.eu_gather_codes(rows, offset, size, signed, numbers, len(values), into)
        if unknown:
            plain = self._plain(rows, self._scalar(index), offset, size)
            places: dict[int, int] = {int(value): place for place, value in enumerate(values)}
            for number in plain.unique().to_pylist():
                if number not in places:
                    places[number] = len(names)
                    names.append(str(number))
            known = self._arrow.array(list(places), self._scalar(index))
            from pyarrow import compute

            indices = compute.index_in(plain, value_set=known)
        else:
            indices = self._of(self._arrow.int32(), rows.count, codes)
        return self._arrow.DictionaryArray.from_arrays(indices, self._arrow.array(names, self._arrow.utf8()))


def _as_signed(value: int) -> int:
    """The number whose 64 bits these are, as the C core compares them."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _room(size: int) -> memoryview:
    """Memory that a column is written to."""
    block = lib.eu_block(size)
    if not block:
        raise MemoryError(f"make a column: no room for {size} bytes")
    return own(block, size)
