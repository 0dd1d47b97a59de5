"""Whatever a record's type and bytes are: the C renderer says what a slow one in Python says, and text stays text."""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from plans import (
    ARRAY,
    BOOL,
    ENUM,
    FLOAT,
    INT,
    OPAQUE,
    POINTER,
    STRING,
    STRUCT,
    UINT,
    UNION,
    Member,
    PlanWriter,
    Type,
    array,
    cell_text,
    expected,
    header,
    is_cell,
    paths,
    render,
)

from eunomia.events.layout import EnumValue, Event, Layout

_numbers = count()
SCALARS = [(UINT, n) for n in (1, 2, 4, 8, 16)] + [(INT, n) for n in (1, 2, 4, 8, 16)] + [(BOOL, 1), (POINTER, 8)]
SCALARS += [(FLOAT, 4), (FLOAT, 8), (OPAQUE, 5), (OPAQUE, 200)]

scalars = st.sampled_from(SCALARS).map(lambda pair: Type(*pair))
enums = st.builds(
    lambda size, signed, numbers: Type(ENUM, size, signed, values=[(n, f"V{i}") for i, n in enumerate(numbers)]),
    st.sampled_from([1, 2, 4, 8]),
    st.booleans(),
    st.lists(st.one_of(st.integers(0, 100), st.sampled_from([-1, -128, 127])), unique=True, max_size=5),
)
strings = st.one_of(st.integers(1, 40), st.sampled_from([16, 16, 256, 4100])).map(lambda size: Type(STRING, size))


def record_type(kind: int, parts: list[tuple[str, Any]], gap: int) -> Type:
    """A struct or union whose members get unique names; "bits" makes bit fields, "anonymous" ones without a name."""
    made = Type(kind, 0, name="thing")
    at = 0
    for position, (how, part) in enumerate(parts):
        if kind == UNION:
            at = 0
        name = f"m{position}_{next(_numbers)}"
        if how == "bits":
            base, bits = part
            made.members.append(Member(name, base, at, bits))
            at += bits
        else:
            at = -(-at // 8) * 8 + 8 * gap
            is_group = part.kind in (STRUCT, UNION)
            made.members.append(Member("" if how == "anonymous" and is_group else name, part, at))
            at += part.size * 8
        made.size = max(made.size, -(-at // 8))
    return made


def groups(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    bits = st.tuples(st.sampled_from([Type(UINT, 4), Type(INT, 4), Type(INT, 8), Type(BOOL, 1)]), st.integers(1, 33))
    bits = bits.map(lambda pair: (pair[0], min(pair[1], pair[0].size * 8)))
    part = st.one_of(st.tuples(st.sampled_from(["plain", "anonymous"]), inner), st.tuples(st.just("bits"), bits))
    return st.one_of(
        st.builds(record_type, st.sampled_from([STRUCT, UNION]), st.lists(part, max_size=6), st.integers(0, 2)),
        st.builds(array, inner, st.sampled_from([1, 2, 3, 4, 17])),
    )


types = st.recursive(st.one_of(scalars, enums, strings), groups, max_leaves=12)
records = (
    st.builds(
        record_type,
        st.just(STRUCT),
        st.lists(st.tuples(st.just("plain"), types), min_size=1, max_size=8),
        st.integers(0, 3),
    )
    .filter(lambda kind: kind.size < 10_000)
    .filter(lambda kind: len(kind.members) > 0)
)
tails = st.sampled_from([None, Type(STRING, 0), Type(ARRAY, 0, element=Type(UINT, 2))])
contents = st.one_of(
    st.binary(max_size=600), st.text(max_size=300).map(lambda value: value.encode("utf-8", "surrogatepass"))
)


def filled(kind: Type, tail: Type | None, data: bytes) -> bytes:
    """The record: the type's size, and what a flexible array brings beyond it."""
    if tail is not None:
        kind.members.append(Member("tail", tail, kind.size * 8))
    need = max(kind.size, 1)
    data = (data * (need // max(len(data), 1) + 1))[:need] if data else bytes(need)
    return data[: kind.size] + (data[:7] if tail is not None else b"")


def plain(value: Any) -> Any:
    """A typed event as JSON would show it."""
    if isinstance(value, EnumValue):
        return value.name or int(value)
    if isinstance(value, Event):
        return {name: plain(item) for name, item in zip(value._fields, value, strict=True)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and value - value != 0:
        return None
    return value


def wide(value: Any) -> Any:
    """128-bit numbers are strings in JSON and int in Python."""
    if isinstance(value, dict):
        return {key: wide(item) for key, item in value.items()}
    if isinstance(value, list):
        return [wide(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@settings(max_examples=60, deadline=None)
@given(records, tails, contents)
def test_json_and_typed_events_say_what_the_slow_renderer_says(kind: Type, tail: Type | None, data: bytes) -> None:
    record = filled(kind, tail, data)
    plan = PlanWriter().source(kind).to_bytes()

    line = render(plan, record)
    layout = Layout(plan)
    event = layout.reader(layout.sources[0].records[0][0])(record, 0, len(record))

    wanted = expected(kind, record)
    assert json.loads(line) == wanted
    assert wide(wanted) == wide(plain(event))


def raw_strings(kind: Type, data: bytes) -> dict[str, bytes]:
    """The bytes of each string by its path."""
    found = {}

    def look(kind: Type, at: int, prefix: str) -> None:
        for member in kind.members:
            begin = at + member.bit_offset // 8
            if member.type.kind in (STRUCT, UNION):
                look(member.type, begin, f"{prefix}{member.name}." if member.name else prefix)
            elif member.type.kind == STRING:
                found[prefix + member.name] = (
                    data[begin : begin + member.type.size] if member.type.size else data[begin:]
                )

    look(kind, 0, "")
    return found


@settings(max_examples=60, deadline=None)
@given(records, tails, contents)
def test_csv_says_what_the_slow_renderer_says(kind: Type, tail: Type | None, data: bytes) -> None:
    record = filled(kind, tail, data)
    plan = PlanWriter().source(kind).to_bytes()
    wanted = paths(kind, record)
    strings = raw_strings(kind, record)

    row = next(csv.reader(io.StringIO(render(plan, record, "csv").decode(), newline="")), [])

    assert header(plan) == ",".join(path for path, _, _ in wanted) + "\n"
    assert len(row) == len(wanted)
    for cell, (path, type_, value) in zip(row, wanted, strict=True):
        assert cell == cell_text(strings[path]) if type_.kind == STRING else is_cell(cell, type_, value), path


@settings(max_examples=60, deadline=None)
@given(records, tails, contents, st.randoms(use_true_random=False))
def test_chosen_fields_are_the_values_of_their_paths(kind: Type, tail: Type | None, data: bytes, dice: Random) -> None:
    record = filled(kind, tail, data)
    plan = PlanWriter().source(kind).to_bytes()
    every = paths(kind, record) + paths(kind, record, deep=False)
    for path, type_, value in list(every):
        if type_.kind == ARRAY and value and type_.element:
            every.append((f"{path}[{len(value) - 1}]", type_.element, value[-1]))
    chosen = {path: value for path, _, value in dice.sample(every, dice.randint(1, len(every)))}

    line = render(plan, record, fields=",".join(chosen))

    found = json.loads(line)
    assert found == chosen
    assert list(found) == list(chosen)


@settings(max_examples=40, deadline=None)
@given(records, tails, contents, st.booleans())
def test_text_never_has_a_control_character(kind: Type, tail: Type | None, data: bytes, compat: bool) -> None:
    record = filled(kind, tail, data)

    line = render(PlanWriter().source(kind).to_bytes(), record, "text", compat=compat).decode()

    assert not [c for c in line if ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066\u200f"]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 3))
def test_any_bytes_as_a_plan_give_an_error_or_a_plan(data: bytes, flags: int) -> None:
    kind = Type(STRUCT, 8, members=[Member("a", Type(UINT, 4), 0), Member("b", array(Type(UINT, 1), 4), 32)])
    good = PlanWriter().source(kind).to_bytes()
    at = 12 + (data[0] if data else 0) * 4 % (len(good) - 16)
    damaged = good[:at] + (data[1:5].ljust(4, b"\0") if len(data) > 1 else b"\xff" * 4) + good[at + 4 :]

    for plan in (data, damaged):
        with suppress(OSError):
            render(plan, bytes(8), "json" if flags & 1 else "text", compat=flags >> 1)
