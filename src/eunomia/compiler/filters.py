"""`@filter` annotations: the fields that they name must be there."""

from __future__ import annotations

from eunomia._native import ffi, lib, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.compiler.diagnostics import Reporter
    from eunomia.package.model import Package

# Meant also where no record has such a field, as of a histogram of one process: eunomia.events.filter.pushdown
ROLES = frozenset(("pid", "tid", "comm", "uid", "cgroup"))


def check_filters(package: Package, source: str, variables: dict[str, dict[str, Any]], report: Reporter) -> None:
    """Warn of every `@filter` whose field no record has.

    Args:
        package: just made.
        source: the C text.
        variables: annotations by variable.
        report: gets the warnings.
    """
    from eunomia.compiler.annotations import read
    from eunomia.compiler.comments import attach

    names = {name for name, entry in variables.items() if "filter" in entry}
    data = package.plan()
    plan = lib.eu_plan_read(data, len(data))
    if not plan:
        return
    try:
        for name, comment in attach(source, names).items():
            for annotation in read(comment):
                if annotation.key == "filter" and name in names:
                    _check(plan, variables[name]["filter"], annotation.offset, report)
    finally:
        lib.eu_plan_free(plan)


def _check(plan: Any, value: Any, offset: int, report: Reporter) -> None:
    field = value["field"] if isinstance(value, dict) else value
    if field in ROLES:
        return
    keep = ffi.new("char[]", field.encode())
    if lib.eu_fields_check(plan, b"@filter", keep) < 0:
        report.warning(offset, text(lib.eu_error()))
