"""A whole map as NumPy array or Arrow table, read in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from eunomia._native import lib
from eunomia.btf.plan import SAMPLE, Plan
from eunomia.btf.plan import Source as PlanSource
from eunomia.events import arrow, numeric
from eunomia.events.batch import Rows
from eunomia.events.layout import Layout

if TYPE_CHECKING:
    import numpy
    import pyarrow

    from eunomia.kernel.map import Map


class Shape:
    """What the elements of a map look like."""

    def __init__(self, of: Map) -> None:
        plan = Plan(of.btf)
        key, value = of.type_ids
        source = PlanSource(of.name, SAMPLE)
        self.key = source.key_type = plan.add(key) if key else plan.add_blob(of.key_size)
        self.value = source.value_type = plan.add(value) if value else plan.add_blob(of.value_size)
        self.layout = Layout(plan.to_bytes([source]))
        self.cpus = int(lib.eu_possible_cpus()) if of.is_per_cpu else 0
        self.key_size, self.value_size = of.key_size, of.value_size
        self.step = (of.value_size + 7) // 8 * 8 if of.is_per_cpu else of.value_size  # of one CPU's value


def to_numpy(of: Map) -> numpy.ndarray[Any, Any]:
    """Return the elements of a map as an array of `key` and `value`; see `Map.to_numpy`."""
    module = numeric.load()
    shape = Shape(of)
    key, value = _reader(shape, shape.key, shape.key_size), _reader(shape, shape.value, shape.step)
    one = numeric.dtype(shape.layout, shape.value)
    element = module.dtype(
        [("key", numeric.dtype(shape.layout, shape.key)), ("value", (one, (shape.cpus,)) if shape.cpus else one)]
    )
    keys, values, count = _contents(of)
    out = module.empty(count, element)
    out["key"] = key(keys)
    out["value"] = value(values).reshape(count, shape.cpus) if shape.cpus else value(values)
    return out  # type: ignore[no-any-return]


def _contents(of: Map) -> tuple[memoryview, memoryview, int]:
    keys, values, count = bytearray(), bytearray(), 0
    for some_keys, some_values, number in of.read_batches():
        keys += some_keys
        values += some_values
        count += number
    return memoryview(keys), memoryview(values), count


def _reader(shape: Shape, index: int, step: int) -> Callable[[memoryview], Any]:
    """Return what makes an array of the values that lie `step` bytes apart."""
    module, layout = numeric.load(), shape.layout
    raw = numeric.dtype(layout, index, as_bytes=True)
    spaced = module.dtype({"names": ["value"], "formats": [raw], "offsets": [0], "itemsize": step})

    def read(data: memoryview) -> Any:
        array = module.frombuffer(data, raw if raw.itemsize == step else spaced)
        if raw.itemsize != step:
            array = module.ascontiguousarray(array["value"])
        array = numeric.clean(layout, index, array)
        return numeric.spread(layout, index, array, raw.itemsize) if numeric.has_bits(layout, index) else array

    return read


def to_arrow(of: Map, enums: str) -> pyarrow.Table:
    """Return the elements of a map as a table of the columns `key` and `value`; see `Map.to_arrow`."""
    module = arrow.load()
    arrow.check_enums(enums)
    shape = Shape(of)
    keys, values, count = _contents(of)
    columns = arrow.Columns(shape.layout, enums)
    key_field, key = columns.column("key", _rows(shape, shape.key, keys, count).to_c(), shape.key, 0)
    rows = _rows(shape, shape.value, values, count * max(1, shape.cpus), shape.step)
    field, value = columns.column("value", rows.to_c(), shape.value, 0)
    if shape.cpus:
        value = module.FixedSizeListArray.from_arrays(value, shape.cpus)
        field = module.field("value", value.type, metadata=field.metadata)
    schema = module.schema([key_field, field], metadata={"eunomia.map": of.name})
    return module.Table.from_arrays([key, value], schema=schema)


def _rows(shape: Shape, index: int, data: memoryview, count: int, step: int = 0) -> Rows:
    rows = Rows(shape.layout, index, "")
    rows.count, rows.data = count, data
    rows.stride = step or shape.key_size
    return rows
