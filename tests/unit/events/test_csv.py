"""CSV: one header for all events of a run, RFC 4180's quotes, nothing that a terminal would obey."""

from __future__ import annotations

import csv
import io
from struct import pack
from typing import Any

import pytest
from plans import (
    ARRAY,
    ENUM,
    OPAQUE,
    STRING,
    UNION,
    Member,
    PlanWriter,
    Type,
    array,
    chars,
    header,
    render,
    s,
    struct,
    u,
)

POINT = struct("point", ("x", u(2)), ("y", s(2)))


def show(kind: Type, data: bytes, **options: Any) -> str:
    """A value between two others."""
    plan = PlanWriter().source(struct("event", ("a", u(1)), ("v", kind), ("b", u(1)))).to_bytes()
    line = render(plan, b"\1" + data + b"\2", "csv", **options).decode()
    assert line.startswith("1,")
    assert line.endswith(",2")
    return line[2:-2]


def test_structs_are_opened_and_arrays_are_json() -> None:
    event = struct("event", ("pid", u(4)), ("at", POINT), ("args", array(u(1), 3)), ("comm", chars(8)))
    plan = PlanWriter().source(event).to_bytes()

    assert header(plan) == "pid,at.x,at.y,args,comm\n"
    assert render(plan, pack("<IHh3B8s", 7, 1, -2, 1, 2, 3, b"sh"), "csv") == b'7,1,-2,"[1,2,3]",sh'


@pytest.mark.parametrize(
    ("raw", "cell"),
    [
        (b"plain", "plain"),
        (b"", '""'),
        (b"a,b", '"a,b"'),
        (b'say "hi"', '"say ""hi"""'),
        (b" blank ", '" blank "'),
        (b"two\nlines\r\n", '"two\nlines\r\n"'),
        (b"\ttab", '"\ttab"'),
        (b"\x1b[2J", "\\x1b[2J"),
        (b"\xff", "\ufffd"),
        (b"\xc2\x9b31m", "\\xc2\\x9b31m"),
        ("a\u202eb".encode(), "a\\xe2\\x80\\xaeb"),
        ("grün, rot".encode(), '"grün, rot"'),
        (b'"' * 16, '"' * 34),
        (b"\x01" * 16, "\\x01" * 16),
        (b"back\\slash", "back\\slash"),
    ],
)
def test_strings_are_quoted_where_they_must_be_and_made_safe(raw: bytes, cell: str) -> None:
    data = raw.ljust(16, b"\0")

    assert show(chars(16), data) == cell
    assert show(Type(STRING, 5000), raw.ljust(5000, b"\0")) == cell


@pytest.mark.parametrize(
    ("kind", "data", "cell"),
    [
        (u(8), b"\xff" * 8, "18446744073709551615"),
        (u(16), b"\xff" * 16, "340282366920938463463374607431768211455"),
        (Type(ENUM, 4, True, values=[(0, "E_A"), (1, 'odd, "name"')]), b"\0" * 4, "E_A"),
        (Type(ENUM, 4, True, values=[(0, "E_A"), (1, 'odd, "name"')]), b"\1\0\0\0", '"odd, ""name"""'),
        (Type(OPAQUE, 3), b"abc", "616263"),
        (array(chars(4), 2), b"a\0\0\0b,\0\0", '"[""a"",""b,""]"'),
        (array(POINT, 1), b"\1\0\2\0", '"[{""x"":1,""y"":2}]"'),
    ],
)
def test_values_are_as_in_text(kind: Type, data: bytes, cell: str) -> None:
    assert show(kind, data) == cell


def test_big_integers_stay_bare() -> None:
    assert show(u(8), b"\xff" * 8, big_ints=1) == "18446744073709551615"


def test_one_header_serves_several_types() -> None:
    one = struct("exec", ("pid", u(4)), ("comm", chars(4)))
    two = struct("exit", ("code", u(4)), ("pid", u(4)), ("at", POINT))
    plan = PlanWriter().source(one, flags=1).source(two, flags=1).to_bytes()

    assert header(plan) == header(plan, source=1) == "event,pid,comm,code,at.x,at.y\n"
    assert render(plan, pack("<I4s", 7, b"sh"), "csv") == b"exec,7,sh,,,"
    assert render(plan, pack("<IIHh", 1, 7, 3, 4), "csv", source=1) == b"exit,7,,1,3,4"


def test_a_field_called_event_keeps_its_name() -> None:
    one, two = struct("a", ("event", u(4))), struct("b", ("x", u(8)))
    plan = PlanWriter().source(one, two, flags=1).to_bytes()

    assert header(plan) == "$event,event,x\n"
    assert render(plan, pack("<I", 5), event_names=1) == b'{"$event":"a","event":5}'


def test_maps_with_one_type_are_told_apart_by_their_names() -> None:
    kind = struct("event", ("x", u(4)))
    plan = PlanWriter().source(kind).source(kind).to_bytes()

    assert render(plan, pack("<I", 5), event_names=1) == b'{"event":"rb","x":5}'


def test_members_of_an_anonymous_union_are_the_parents() -> None:
    inner = Type(UNION, 4, members=[Member("whole", u(4), 0), Member("low", u(2), 0)])
    plan = PlanWriter().source(struct("event", ("", inner), ("bits", u(1)))).to_bytes()

    assert header(plan) == "whole,low,bits\n"
    assert render(plan, b"\1\0\2\0\3", "csv") == b"131073,1,3"


def test_a_reader_of_csv_gets_back_what_was_written() -> None:
    event = struct("event", ("comm", chars(16)), ("rest", Type(STRING, 0)))
    plan = PlanWriter().source(event).to_bytes()

    line = render(plan, b'a "b", c\nd'.ljust(16, b"\0") + b",\r\n", "csv").decode()

    assert next(csv.reader(io.StringIO(line, newline=""))) == ['a "b", c\nd', ",\r\n"]


def test_what_goes_on_to_the_end_of_the_record_is_a_cell() -> None:
    event = struct("event", ("n", u(1)), ("list", Type(ARRAY, 0, element=u(1))))
    plan = PlanWriter().source(event).to_bytes()

    assert render(plan, b"\1\2\3", "csv") == b'1,"[2,3]"'


def test_more_columns_than_anybody_wants_are_refused() -> None:
    event = struct("event", *((f"m{i}", u(1)) for i in range(2100)))

    with pytest.raises(OSError, match=r"more than 1024 columns \[choose some: --fields\]"):
        header(PlanWriter().source(event).to_bytes())
