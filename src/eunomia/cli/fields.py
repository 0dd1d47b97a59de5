"""`--fields`: paths that no event has are refused before anything is loaded."""

from __future__ import annotations

from eunomia._native import lib, text
from eunomia.cli.parser import UsageError
from eunomia.events.run import read_plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def check_fields(plan: bytes, fields: Sequence[str]) -> None:
    """Check that each path is a field of one type of events, or of one sampled map, at least.

    Raises:
        UsageError: one is not; the message names those that are.
        PackageError: the plan is damaged.
    """
    read = read_plan(plan)
    try:
        if lib.eu_fields_check(read, b"--fields", ",".join(fields).encode("utf-8", "surrogateescape")):
            raise UsageError(text(lib.eu_error()))
    finally:
        lib.eu_plan_free(read)
