"""Options that count and order: whether the program has what they ask for, said before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eunomia._native import lib, text
from eunomia.cli.parser import UsageError
from eunomia.events.run import read_plan

if TYPE_CHECKING:
    from eunomia.events.run import RunOptions


def check_aggregation(plan: bytes, options: RunOptions) -> None:
    """Refuse --count-by, --hist, --sort and --top where the program has no such fields, or no rows.

    Raises:
        UsageError: it lists the fields there are, or says which option is missing.
    """
    keep: list[Any] = []
    read = read_plan(plan)
    try:
        if lib.eu_aggregate_check(read, options.to_c(keep)):
            raise UsageError(text(lib.eu_error()))
    finally:
        lib.eu_plan_free(read)
