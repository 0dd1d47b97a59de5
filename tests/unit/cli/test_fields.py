"""--fields before anything is loaded."""

from __future__ import annotations

import pytest

from eunomia.btf.plan import RING, Plan, Record, Source
from eunomia.cli.fields import check_fields
from eunomia.cli.parser import UsageError
from eunomia.errors import PackageError


def plan() -> bytes:
    """The plan of a ring buffer whose records are bytes: their field is called data."""
    made = Plan(None)
    source = Source("rb", RING)
    source.records.append(Record(made.add_bytes(), 0))
    return made.to_bytes([source])


def test_fields_that_exist_are_accepted() -> None:
    check_fields(plan(), ["data", "data[3]"])


def test_one_that_does_not_is_a_mistake_of_the_command_line() -> None:
    with pytest.raises(UsageError) as caught:
        check_fields(plan(), ["data", "dada"])

    assert str(caught.value) == "--fields: no field dada [did you mean data? fields: data]"


def test_a_damaged_plan_is_said_to_be_damaged() -> None:
    with pytest.raises(PackageError, match="not a plan"):
        check_fields(b"x" * 100, ["data"])
