"""The adapter to NumPy: plan types as dtypes, records as structured arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eunomia._native import ffi, lib
from eunomia.errors import MissingDependencyError
from eunomia.events.kinds import ARRAY, BOOL, ENUM, FLOAT, INT, OPAQUE, POINTER, STRING, STRUCT, UINT, UNION
from eunomia.events.layout import Layout

if TYPE_CHECKING:
    import numpy

    from eunomia.events.batch import Rows

    Array = numpy.ndarray[Any, Any]
    DType = numpy.dtype[Any]

_PLACES = 4096  # char arrays of one record that are looked at
_MOST = 1 << 30  # bytes of an array in which each record takes what the longest takes
_BITS = "\0bits{}"  # hidden fields of the raw dtype: the bytes that hold a bit field


def load() -> Any:
    """Return the numpy module.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import numpy
    except ModuleNotFoundError as exc:
        if exc.name != "numpy":
            raise  # it is there, and broken
        raise MissingDependencyError("make an array: NumPy is not installed [pip install numpy]") from None
    return numpy


def structured(rows: Rows, raw: bool) -> Array:
    """Return rows as an array: a view where it can be, see `Batch.to_numpy`."""
    layout, index = rows.layout, rows.type
    if rows.starts is not None:
        tail = max((length for length in rows.lengths or ()), default=0)
        source = dtype(layout, index, max(tail, layout.size(index)), as_bytes=True)
        if rows.count * source.itemsize > _MOST:
            of = f"{rows.count} records of type {rows.name}, the longest of {tail} bytes"
            raise ValueError(f"to_numpy: {of}, are more than 1 GiB [take smaller batches, or to_arrow()]")
        array = load().zeros(rows.count, source)
        if rows.count:
            lib.eu_gather_rows(rows.to_c(), source.itemsize, ffi.from_buffer(array.view("u1")))
        size = source.itemsize
    else:
        size = layout.size(index)
        source = dtype(layout, index, size, as_bytes=True)
        if not source.itemsize or not rows.count:
            array = load().zeros(rows.count, source)
        else:
            array = load().frombuffer(rows.data, source)
    if not raw:
        array = clean(layout, index, array)
    return array if not has_bits(layout, index) else spread(layout, index, array, size)


def clean(layout: Layout, index: int, array: Array) -> Array:
    """Return the array with zeroes behind the NUL of each char array: a copy where there is something else."""
    found = list(_char_arrays(layout, index, 0, array.dtype.itemsize))[:_PLACES]
    if not found or not len(array):
        return array
    places = ffi.new("uint32_t[]", [at for at, _ in found])
    sizes = ffi.new("uint32_t[]", [size for _, size in found])
    step = array.dtype.itemsize
    rows = ffi.new("struct eu_rows *", {"count": len(array), "stride": step})
    view = ffi.from_buffer(array.view("u1"))
    rows.data = view
    if not lib.eu_has_remains(rows, places, sizes, len(found)):
        return array
    copy = array.copy()
    lib.eu_clean_text(ffi.from_buffer(copy.view("u1")), len(copy), step, places, sizes, len(found))
    return copy


def _char_arrays(layout: Layout, index: int, at: int, end: int) -> Any:
    """Yield offset and size of the char arrays of a type; those in unions overlap others and are left as they are."""
    kind = layout.kind(index)
    if kind == STRING:
        size = layout.size(index) or end - at
        if size > 0:
            yield at, size
    elif kind == STRUCT:
        for _, member, bits, _ in layout.flat(index, anonymous=(STRUCT,)):
            yield from _char_arrays(layout, member, at + bits // 8, end)
    elif kind == ARRAY:
        element, count = layout.element(index)
        step = layout.size(element)
        if step and any(True for _ in _char_arrays(layout, element, 0, step)):
            for i in range(min(count or (end - at) // step, _PLACES)):
                yield from _char_arrays(layout, element, at + i * step, end)


def has_bits(layout: Layout, index: int) -> bool:
    """Return whether a type has bit fields somewhere."""
    kind = layout.kind(index)
    if kind in (STRUCT, UNION):
        return any(width or has_bits(layout, member) for _, member, _, width in layout.flat(index))
    return kind == ARRAY and has_bits(layout, layout.element(index)[0])


def dtype(layout: Layout, index: int, size: int = 0, *, as_bytes: bool = False) -> DType:
    """Return the dtype of a type.

    Args:
        size: bytes that a type which goes on to the end of the record gets.
        as_bytes: the layout in memory, with hidden fields where bit fields are; else with the bit fields as columns.
    """
    kind = layout.kind(index)
    if kind in (STRUCT, UNION):
        return _struct(layout, index, size, as_bytes)
    numpy = load()
    own = layout.size(index)
    if kind == ARRAY:
        element, count = layout.element(index)
        step = layout.size(element)
        if not step:  # of empty structs: NumPy knows no such arrays
            return numpy.dtype("V0")  # type: ignore[no-any-return]
        inner = dtype(layout, element, as_bytes=as_bytes)
        return numpy.dtype((inner, (count or size // step,)))  # type: ignore[no-any-return]
    if kind == STRING:
        return numpy.dtype(f"S{own or size}")  # type: ignore[no-any-return]
    return numpy.dtype(_scalar(layout, kind, index, own))  # type: ignore[no-any-return]


def _scalar(layout: Layout, kind: int, index: int, size: int) -> str:
    if kind == FLOAT and size in (2, 4, 8):
        return f"<f{size}"
    if kind == BOOL and size == 1:
        return "?"
    if kind in (UINT, INT, POINTER, ENUM, BOOL) and size in (1, 2, 4, 8):
        return f"<{'i' if layout.is_signed(index) else 'u'}{size}"
    assert kind in (UINT, INT, FLOAT, OPAQUE, BOOL, ENUM, POINTER)
    return f"V{size}"  # 128-bit integers, long double


def _struct(layout: Layout, index: int, size: int, as_bytes: bool) -> DType:
    names, formats, offsets = [], [], []
    itemsize, packs = max(size, layout.size(index)), not as_bytes and has_bits(layout, index)
    end = itemsize
    for position, (name, member, bits, width) in enumerate(layout.flat(index)):
        at = bits // 8
        if width and as_bytes:
            length = (bits % 8 + width + 7) // 8
            names.append(_BITS.format(position))
            formats.append(load().dtype(("u1", (length,))))
            offsets.append(at)
            continue
        inner = dtype(layout, member, itemsize - at, as_bytes=as_bytes)
        names.append(name)
        formats.append(inner)
        offsets.append(at)
        if packs and (width or inner.itemsize != layout.size(member)):
            offsets[-1] = end = (end + 7) // 8 * 8  # what is wider than in C goes behind the rest
            end += inner.itemsize
    return load().dtype(  # type: ignore[no-any-return]
        {"names": names, "formats": formats, "offsets": offsets, "itemsize": end}
    )


def spread(layout: Layout, index: int, array: Array, size: int) -> Array:
    """Return a copy in which bit fields are columns."""
    out: Array = load().zeros(len(array), dtype(layout, index, size))
    _spread(layout, index, array, out)
    return out


def _spread(layout: Layout, index: int, array: Any, out: Any) -> None:
    kind = layout.kind(index)
    if kind == ARRAY:
        _spread(layout, layout.element(index)[0], array, out)  # its dimension is the arrays' last one
        return
    if kind not in (STRUCT, UNION):
        out[...] = array
        return
    for position, (name, member, bits, width) in enumerate(layout.flat(index)):
        if width:
            _bits(layout.is_signed(member), array[_BITS.format(position)], bits % 8, width, out[name])
        elif has_bits(layout, member):
            _spread(layout, member, array[name], out[name])
        else:
            out[name] = array[name]


def _bits(is_signed: bool, data: Array, shift: int, width: int, out: Array) -> None:
    numpy = load()
    value = numpy.zeros(data.shape[:-1], "<u8")
    for place in range(data.shape[-1]):
        byte = data[..., place].astype("<u8")
        move = 8 * place - shift
        value |= byte << numpy.uint64(move) if move >= 0 else byte >> numpy.uint64(-move)
    if width < 64:
        value &= numpy.uint64((1 << width) - 1)
        if is_signed:
            sign = numpy.uint64(1 << width - 1)
            value = (value ^ sign) - sign
    out[...] = value.view("<i8") if is_signed else value
