"""May this process load a package's programs? Asked before anything is tried halfway."""

from __future__ import annotations

import errno

from eunomia._native import lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.package.model import Package

SYS_ADMIN, PERFMON, BPF = 21, 38, 39


def has(capabilities: int, number: int) -> bool:
    """Return whether a capability is in the set; CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON, as in the kernel."""
    return bool(capabilities >> number & 1 or (number in (PERFMON, BPF) and capabilities >> SYS_ADMIN & 1))


def require_capabilities(program: str, package: Package, verb: str = "run") -> None:
    """Raise PermissionError where loading cannot succeed, with the capabilities that are missing."""
    mine = lib.eu_capabilities()
    if has(mine, BPF) and has(mine, PERFMON):
        return  # all that most need; the few that need CAP_NET_ADMIN too say so when the kernel has refused them
    from eunomia.package.privileges import lacking, needs_capabilities

    needs = needs_capabilities(package.types)
    words = lacking((name for name, need in needs.items() if "load" in need.steps), mine)
    if words:
        raise PermissionError(
            errno.EPERM,
            f"{verb} {program}: needs {words} [run with sudo; `ecli check {program}` prints the command with no more]",
        )
