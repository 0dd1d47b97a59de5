"""Filters: which events pass. An expression becomes bytecode here, the C core runs it (native/filter_run.c).

The language is described in docs/reference/filter.md.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.package.model import Package

__all__ = ["compile_filter"]


def compile_filter(source: Package | bytes, expression: str) -> bytes:
    """Compile a filter for the records of a package.

    Args:
        source: the package, or its plan (`Package.plan()`).
        expression: as in `pid == 1234 && comm ~ "ssh*" && ret < 0`.

    Returns:
        Bytecode for `RunOptions(filter=...)`.

    Raises:
        FilterError: the expression is wrong; `start` and `end` say where.
        PackageError: the plan is damaged.
    """
    from eunomia.events.filter.selection import Selection

    made = Selection(source if isinstance(source, bytes) else source.plan())
    made.add_filter(expression)
    return made.to_bytes()
