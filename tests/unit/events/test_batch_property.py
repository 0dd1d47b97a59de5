"""Whatever a record's type and bytes are: NumPy, Arrow and typed events say what a slow reading of the bytes says."""

from __future__ import annotations

import math
from struct import unpack
from typing import Any

import numpy
from batches import batch
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import (
    ARRAY,
    BOOL,
    ENUM,
    FLOAT,
    OPAQUE,
    STRING,
    STRUCT,
    UNION,
    PlanWriter,
    Type,
    enum_name,
    expected,
    is_open,
    is_signed,
)
from test_render_property import contents, filled, plain, records, tails, wide


def members(kind: Type, data: bytes) -> list[tuple[str, Type, Any]]:
    """Name, type and bytes of the members, or the number of a bit field; anonymous ones in their parent's place."""
    found: list[tuple[str, Type, Any]] = []
    for member in kind.members:
        at = member.bit_offset // 8
        if member.bits:
            number = int.from_bytes(data, "little") >> member.bit_offset & (1 << member.bits) - 1
            if is_signed(member.type) and number >> member.bits - 1:
                number -= 1 << member.bits
            found.append((member.name, member.type, number))
        elif member.name:
            found.append(
                (member.name, member.type, data[at:] if is_open(member.type) else data[at : at + member.type.size])
            )
        else:
            found += members(member.type, data[at:])
    return found


def elements(kind: Type, data: bytes) -> list[bytes]:
    assert kind.element is not None
    step = kind.element.size
    count = kind.count or (len(data) // step if step else 0)
    return [data[i * step : (i + 1) * step] for i in range(count)]


def scalar(kind: Type, data: Any) -> Any:
    number = data if isinstance(data, int) else int.from_bytes(data[: kind.size], "little", signed=is_signed(kind))
    if kind.kind == ENUM:
        return enum_name(kind, number) or str(number)
    return bool(number) if kind.kind == BOOL else number


def in_arrow(kind: Type, data: Any) -> Any:
    """What Arrow's to_pylist gives."""
    if kind.kind in (STRUCT, UNION):
        return {name: in_arrow(inner, part) for name, inner, part in members(kind, data)}
    if kind.kind == ARRAY:
        assert kind.element is not None
        return [in_arrow(kind.element, part) for part in elements(kind, data)]
    if kind.kind == STRING:
        return bytes(data).partition(b"\0")[0].decode(errors="replace")
    if kind.kind == FLOAT:
        value = unpack("<f" if kind.size == 4 else "<d", data)[0]
        return None if math.isnan(value) else value
    if kind.kind == OPAQUE or kind.size == 16:
        return bytes(data)
    return scalar(kind, data)


def without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def check_array(kind: Type, made: Any, data: Any) -> None:
    """Compare one element of a NumPy array with its bytes."""
    if kind.kind in (STRUCT, UNION):
        for name, inner, part in members(kind, data):
            check_array(inner, made[name], part)
    elif kind.kind == ARRAY:
        assert kind.element is not None
        for place, part in enumerate(elements(kind, data) if kind.element.size else []):
            check_array(kind.element, made[place], part)
    elif kind.kind == STRING:
        assert bytes(made).partition(b"\0")[0] == bytes(data).partition(b"\0")[0]
    elif kind.kind == FLOAT:
        assert made.tobytes() == data
    elif kind.kind == OPAQUE or kind.size == 16:
        assert bytes(made) == data
    elif kind.kind == BOOL:
        assert bool(made) == scalar(kind, data)
    else:
        wanted = data if isinstance(data, int) else int.from_bytes(data, "little", signed=is_signed(kind))
        assert int(made) == wanted


@settings(max_examples=80)
@given(records, tails, contents, st.integers(0, 3))
def test_batch_says_what_the_bytes_say(kind: Type, tail: Type | None, data: bytes, shift: int) -> None:
    first = filled(kind, tail, data)
    turned = first[shift:] + first[:shift]
    raw = [first, turned, first[: kind.size] if tail is not None else first]
    made = batch(PlanWriter().source(kind).to_bytes(), raw)

    arrow, array = made.to_arrow(), made.to_numpy()

    arrow.validate(full=True)
    assert [without_nan(row) for row in arrow.to_pylist()] == [in_arrow(kind, record) for record in raw]
    assert len(made) == len(array) == 3
    assert isinstance(array, numpy.ndarray)
    for place, record in enumerate(raw):
        check_array(kind, array[place], record)
        assert wide(plain(list(made)[place])) == wide(expected(kind, record))
