"""Filters in the kernel: comparisons that a global variable of the package makes too, by its `@filter` annotation."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.events.filter.selection import Selection
    from eunomia.package.model import Package
    from eunomia.package.options import Settings


def push(package: Package, selection: Selection, settings: Settings, given: set[str]) -> list[str]:
    """Write what the kernel side can filter into settings."""
    return []
