"""Which fields `--pid` and its like mean, and what goes into the kernel."""

from __future__ import annotations

from struct import pack
from typing import Any

import pytest
from filters import run
from plans import PlanWriter, Type, chars, s, struct, u

from eunomia.errors import FilterError
from eunomia.events.filter.fields import Fields
from eunomia.events.filter.pushdown import Wish, push, role_wishes
from eunomia.events.filter.selection import Selection
from eunomia.package.options import Option, Settings


def plan_of(*fields: tuple[str, Type]) -> bytes:
    return PlanWriter().source(struct("event", *fields)).to_bytes()


def test_process_is_tgid_where_there_is_one() -> None:
    plan = plan_of(("pid", u(4)), ("tgid", u(4)))
    selection = Selection(plan)
    selection.add_pids([7, 9], follow=False)

    assert run(plan, selection.to_bytes(), pack("<II", 1, 9))
    assert not run(plan, selection.to_bytes(), pack("<II", 9, 1))


def test_process_may_be_nested_or_half_of_a_number() -> None:
    nested = plan_of(("x", u(4)), ("task", struct("task", ("pid", s(4)))))
    whole = plan_of(("pid_tgid", u(8)))
    for plan, record in ((nested, pack("<Ii", 0, 7)), (whole, pack("<II", 1, 7))):
        selection = Selection(plan)
        selection.add_pids([7], follow=False)
        assert run(plan, selection.to_bytes(), record)


@pytest.mark.parametrize(
    ("names", "pushed", "is_exact"),
    [
        (["pid"], [], False),
        (["pid"], ["pid"], True),
        (["pid", "tid"], [], True),
        (["tgid"], [], True),
        (["tid"], [], False),
    ],
)
def test_pid_that_may_be_a_thread_is_looked_for_among_threads(
    names: list[str], pushed: list[str], is_exact: bool
) -> None:
    selection = Selection(plan_of(*((name, u(4)) for name in names)), frozenset(pushed), live=True)
    selection.add_pids([1], follow=False)

    assert selection.needs == (set() if is_exact else {"processes"})


def test_task_is_a_string_and_user_a_number() -> None:
    plan = plan_of(("comm", u(4)), ("task", chars(16)), ("uid", s(4)))
    selection = Selection(plan)
    selection.add_comm(b"ba*")
    selection.add_uid((1 << 32) - 2)

    assert run(plan, selection.to_bytes(), pack("<I16si", 0, b"bash", -2))
    assert not run(plan, selection.to_bytes(), pack("<I16si", 0, b"bash", 2))
    assert not run(plan, selection.to_bytes(), pack("<I16si", 0, b"sh", -2))
    assert selection.needs == set()


def test_what_records_do_not_say_is_asked_elsewhere() -> None:
    selection = Selection(plan_of(("tid", u(4))))
    selection.add_pids([1], follow=False)
    selection.add_uid(0)
    selection.add_group()

    assert selection.needs == {"processes", "proc", "group_processes"}


def test_group_is_told_by_an_id_of_64_bits() -> None:
    with_id, too_small = Selection(plan_of(("pid", u(4)), ("cgroup", u(8)))), Selection(plan_of(("cgroup", u(4))))
    with_id.add_group()

    assert with_id.needs == {"group"}
    with pytest.raises(FilterError, match=r"the events do not say of which control group they are \[fields: cgroup\]"):
        too_small.add_group()


def test_types_that_do_not_say_it_pass_where_the_kernel_filters() -> None:
    plan = plan_of(("slots", u(4)))
    selection = Selection(plan, frozenset(["pid"]))
    selection.add_pids([1], follow=False)

    assert run(plan, selection.to_bytes(), b"\0" * 4)


class Annotated:
    """A package with variables, each with its annotation."""

    def __init__(self, *variables: tuple[Option, Any]) -> None:
        self.variables = variables
        rows = [{"name": option.name, "filter": value} for option, value in variables]
        self.meta = {"bpf_skel": {"data_sections": [{"name": ".rodata", "variables": rows}]}}

    def options(self) -> list[Option]:
        return [option for option, _ in self.variables]


def variable(name: str, kind: str = "uint", size: int = 4, **extras: Any) -> Option:
    return Option(name, ".rodata", 8, size, 0, kind, "u32", extras)


def pushed(value: Any, wish: Wish, given: tuple[str, ...] = (), **extras: Any) -> list[bytes]:
    settings = Settings()
    push(Annotated((variable("v", **extras), value)), [wish], settings, set(given))  # type: ignore[arg-type]
    return [data for _, _, data in settings.writes]


@pytest.mark.parametrize(
    ("annotation", "wish", "written"),
    [
        ("pid", Wish("pid", "==", 7), 7),
        ({"field": "pid"}, Wish("pid", "==", 7), 7),
        ({"field": "lat", "op": ">="}, Wish("lat", ">=", 7), 7),
        ({"field": "lat", "op": ">="}, Wish("lat", ">", 7), 8),
        ({"field": "lat", "op": ">"}, Wish("lat", ">=", 7), 6),
        ({"field": "lat", "op": "<"}, Wish("lat", "<=", 7), 8),
        ({"field": "lat", "op": "<="}, Wish("lat", "<", 7), 6),
        ({"field": "lat", "op": "!="}, Wish("lat", "!=", 7), 7),
        ("pid", Wish("tpid", "==", 7), None),
        ("pid", Wish("pid", "!=", 7), None),
        ("pid", Wish("pid", ">=", 7), None),
        ({"field": "lat", "op": ">="}, Wish("lat", "==", 7), None),
        ("pid", Wish("pid", "==", 1 << 40), None),
        ("pid", Wish("pid", "==", "text"), None),
        ({"field": "pid", "op": "~"}, Wish("pid", "==", 7), None),
        (None, Wish("pid", "==", 7), None),
        ([1], Wish("pid", "==", 7), None),
    ],
)
def test_only_the_same_comparison_goes_into_the_kernel(annotation: Any, wish: Wish, written: int | None) -> None:
    assert pushed(annotation, wish) == ([] if written is None else [written.to_bytes(4, "little")])


def test_role_is_pushed_as_the_field_that_says_it() -> None:
    def names(*fields: str) -> str:
        return role_wishes(Fields(plan_of(*((name, u(4)) for name in fields))), {"pid": 7})["pid"].field

    assert names("pid", "tgid") == "tgid"  # its pid is the thread
    assert names("pid") == "pid"
    assert names("slots") == "pid"


def test_role_that_record_types_say_in_two_ways_is_not_pushed() -> None:
    plan = PlanWriter().source(struct("a", ("pid", u(4))), struct("b", ("tgid", u(4))), values=(1, 2)).to_bytes()

    assert role_wishes(Fields(plan), {"pid": 7})["pid"].field == ""


def test_value_that_the_user_gave_stays() -> None:
    assert pushed("pid", Wish("pid", "==", 7), ("v",)) == []


def test_comparison_that_would_show_more_stays_here() -> None:
    at_least = {"field": "lat", "op": ">="}

    assert pushed(at_least, Wish("lat", ">=", 5), initial=10) == []
    assert pushed(at_least, Wish("lat", ">=", 15), initial=10) == [b"\x0f\0\0\0"]
    assert pushed("pid", Wish("pid", "==", 7), initial=3) == []
    assert pushed("pid", Wish("pid", "==", 7), kind="int", default=-1) == [b"\7\0\0\0"]


def test_text_is_pushed_whole_where_it_fits() -> None:
    assert pushed("comm", Wish("comm", "==", "sh"), kind="string", size=8) == [b"sh".ljust(8, b"\0")]
    assert pushed("comm", Wish("comm", "==", "longer than it"), kind="string", size=8) == []


def test_comparisons_that_must_all_hold_are_found() -> None:
    plan = plan_of(("pid", u(4)), ("comm", chars(16)), ("lat", u(8)))
    selection = Selection(plan)
    selection.add_filter('7 == pid && (lat > 5 && comm == "sh") && (lat < 9 || pid == 1) && !(pid == 3) && pid != lat')

    found = [(wish.field, wish.operator, wish.value) for wish in selection.wishes]
    assert found == [("pid", "==", 7), ("lat", ">", 5), ("comm", "==", "sh")]


def test_alternatives_are_not_pushed() -> None:
    selection = Selection(plan_of(("pid", u(4))))
    selection.add_filter("pid == 1 || pid == 2")

    assert selection.wishes == []
