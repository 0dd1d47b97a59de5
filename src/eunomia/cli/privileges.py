"""May this process load BPF programs? Asked before anything is tried halfway."""

from __future__ import annotations

import errno

SYS_ADMIN, PERFMON, BPF = 21, 38, 39


def effective() -> int:
    """Return the effective capabilities of this thread as a bit set.

    Source: proc_pid_status(5), CapEff.
    """
    try:
        with open("/proc/self/status", "rb", buffering=0) as file:
            status = file.read(8192)
    except OSError:
        return 0
    return int(status.partition(b"CapEff:")[2].partition(b"\n")[0].strip() or b"0", 16)


def has(capabilities: int, number: int) -> bool:
    """Return whether a capability is in the set; CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON, as in the kernel."""
    return bool(capabilities >> number & 1 or (number in (PERFMON, BPF) and capabilities >> SYS_ADMIN & 1))


def require_capabilities(program: str) -> None:
    """Raise PermissionError where loading cannot succeed."""
    mine = effective()
    if not (has(mine, BPF) and has(mine, PERFMON)):
        raise PermissionError(errno.EPERM, f"run {program}: needs root, or CAP_BPF and CAP_PERFMON [run with sudo]")
