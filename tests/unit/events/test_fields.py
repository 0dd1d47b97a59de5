"""--fields: these, in this order; what does not exist is said with the names that do."""

from __future__ import annotations

from struct import pack

import pytest
from plans import ARRAY, SAMPLE, UINT, Member, PlanWriter, Type, array, chars, header, reading, render, struct, u

from eunomia._native import lib, text

POINT = struct("point", ("x", u(2)), ("y", u(2)))
EVENT = struct(
    "event", ("pid", u(4)), ("comm", chars(4)), ("at", POINT), ("args", array(u(1), 3)), ("path", array(POINT, 2))
)
PLAN = PlanWriter().source(EVENT).to_bytes()
RECORD = pack("<I4s2H3B4H", 7, b"sh", 1, 2, 3, 4, 5, 6, 7, 8, 9)


@pytest.mark.parametrize(
    ("fields", "as_json", "as_text", "as_csv"),
    [
        ("comm,pid", '{"comm":"sh","pid":7}', "sh   7", "sh,7"),
        ("at.y, at.x", '{"at.y":2,"at.x":1}', "2     1", "2,1"),
        ("args[1]", '{"args[1]":4}', "4", "4"),
        ("path[1].y,args", '{"path[1].y":9,"args":[3,4,5]}', "9         [3,4,5]", '9,"[3,4,5]"'),
        ("at", '{"at":{"x":1,"y":2}}', '{"x":1,"y":2}', '"{""x"":1,""y"":2}"'),
        ("path[0]", '{"path[0]":{"x":6,"y":7}}', '{"x":6,"y":7}', '"{""x"":6,""y"":7}"'),
        ("pid,pid", '{"pid":7}', "7", "7"),
    ],
)
def test_chosen_fields_come_in_the_order_of_the_list(fields: str, as_json: str, as_text: str, as_csv: str) -> None:
    shown = [render(PLAN, RECORD, form, fields=fields).decode() for form in ("json", "text", "csv")]

    assert shown == [as_json, as_text, as_csv]


def test_headers_name_them_as_they_were_asked_for() -> None:
    assert header(PLAN, "csv", fields="at.y,comm") == "at.y,comm\n"
    assert header(PLAN, "text", fields="at.y,comm") == "AT.Y  COMM\n"


def test_the_list_of_the_last_call_does_not_stay() -> None:
    with reading(PLAN) as made:
        assert made
    assert [render(PLAN, RECORD, fields=name) for name in ("pid", "comm")] == [b'{"pid":7}', b'{"comm":"sh"}']


def test_bit_fields_and_members_of_anonymous_structs_are_found() -> None:
    inner = Type(7 + 1, 4, members=[Member("low", Type(UINT, 4), 0, 4), Member("high", Type(UINT, 4), 4, 20)])
    plan = PlanWriter().source(struct("event", ("a", u(1)), ("", inner))).to_bytes()

    assert render(plan, b"\0" + pack("<I", 0xABCDE5), fields="high,low") == b'{"high":703710,"low":5}'


def test_an_element_beyond_the_record_is_not_there() -> None:
    plan = PlanWriter().source(struct("event", ("n", u(1)), ("list", Type(ARRAY, 0, element=u(2))))).to_bytes()

    record = pack("<BHH", 1, 20, 30)

    assert render(plan, record, fields="list[1],n") == b'{"list[1]":30,"n":1}'
    assert render(plan, record, fields="list[2],n") == b'{"list[2]":null,"n":1}'
    assert render(plan, record, "text", fields="list[2],n").split() == [b"-", b"1"]
    assert render(plan, record, "csv", fields="list[2],n") == b",1"


def test_a_type_that_lacks_a_field_leaves_it_out() -> None:
    one, two = struct("one", ("pid", u(4)), ("x", u(4))), struct("two", ("pid", u(4)))
    plan = PlanWriter().source(one, two, flags=1).to_bytes()

    assert render(plan, pack("<I", 7), fields="x,pid") == b'{"pid":7}'
    assert render(plan, pack("<I", 7), "text", fields="x,pid").split() == [b"two", b"-", b"7"]
    assert render(plan, pack("<I", 7), "csv", fields="x,pid") == b"two,,7"
    assert render(plan, pack("<II", 7, 8), "csv", fields="x,pid") == b"one,8,7"


def problem(plan: bytes, fields: str) -> str:
    with reading(plan) as made:
        return "" if not lib.eu_fields_check(made, b"--fields", fields.encode()) else text(lib.eu_error())


@pytest.mark.parametrize("fields", ["pid", "at.x,comm", " at.x , comm ", "args[2]", "path[1].x", "args"])
def test_what_exists_is_accepted(fields: str) -> None:
    assert problem(PLAN, fields) == ""


@pytest.mark.parametrize(
    "fields",
    ["pidd", "at.z", "args[3]", "args[", "args[]", "args[-1]", "args[1", "args[1]x", "args[99999999999]", "pid.x",
     "at[0]", "at.", ".pid", "at..x", "pid[0]", "path.x", "path[1]y", "x" * 300],
)  # fmt: skip
def test_what_does_not_exist_is_refused(fields: str) -> None:
    assert problem(PLAN, f"comm,{fields}").startswith("--fields: no field ")


def test_the_message_names_what_was_meant_and_what_there_is() -> None:
    assert problem(PLAN, "comn") == (
        "--fields: no field comn [did you mean comm? fields: pid, comm, at.x, at.y, args, path]"
    )
    assert problem(PLAN, " ,") == "--fields: expected names of fields"


def test_names_of_several_types_are_listed_once() -> None:
    one, two = struct("one", ("pid", u(4)), ("x", u(4))), struct("two", ("pid", u(4)), ("y", u(4)))

    assert problem(PlanWriter().source(one, two, flags=1).to_bytes(), "nothing") == (
        "--fields: no field nothing [fields: pid, x, y]"
    )


def test_an_event_that_is_no_struct_is_called_value() -> None:
    plan = PlanWriter().source(u(4)).to_bytes()

    assert problem(plan, "value") == ""
    assert render(plan, pack("<I", 5), "csv", fields="value") == b"5"
    assert SAMPLE == 3
