"""Ending runs: SIGTERM by pidfd, patience, then SIGKILL; and taking away what they pinned."""

from __future__ import annotations

import os
import select
import signal
from dataclasses import dataclass

from eunomia.life.runs import open_process, read_states
from eunomia.life.survey import Found


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a run ended: `killed` where it did not in time, `lines` what it wrote to its log about itself."""

    name: str
    pid: int
    killed: bool
    lines: tuple[str, ...] = ()


def stop(found: Found, timeout: float = 10.0) -> Stopped:
    """End the process of a run, and wait for that.

    Args:
        timeout: seconds until it is killed.

    Raises:
        ProcessLookupError: it has none (it is pinned only), or it has ended meanwhile.
        PermissionError: it is another user's.
    """
    run = read_states().runs.get(found.name)
    process = open_process(run) if run is not None and run.pid == found.pid else -1
    if process < 0:
        raise ProcessLookupError(3, f"stop {found.name or found.pid}: it has ended")
    try:
        mark = _size(found.log)
        signal.pidfd_send_signal(process, signal.SIGTERM)
        if run is not None and run.kind == "guest" and not wait(process, timeout / 2):
            signal.pidfd_send_signal(process, signal.SIGTERM)  # it may ignore the first one
            timeout /= 2
        killed = not wait(process, timeout)
        if killed:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            wait(process, None)
        return Stopped(found.name, found.pid, killed, _last_words(found.log, mark))
    finally:
        os.close(process)


def wait(process: int, timeout: float | None) -> bool:
    """Wait until the process behind a pidfd has ended; tell whether it has."""
    return bool(select.select([process], [], [], timeout)[0])


def _size(log: str) -> tuple[int, int]:
    try:
        status = os.stat(log)
    except OSError:
        return 0, 0
    return status.st_ino, status.st_size


def _last_words(log: str, mark: tuple[int, int]) -> tuple[str, ...]:
    """Return the lines of ecli itself that a log has got since: the account of its events."""
    from eunomia.life.logs import open_log

    if not log:
        return ()
    try:
        fd = open_log(log)
    except OSError:
        return ()
    try:
        inode, at = mark
        status = os.fstat(fd)
        if status.st_ino != inode:
            at = 0
        text = os.pread(fd, 1 << 20, max(at, status.st_size - (1 << 20))).decode(errors="replace")
    finally:
        os.close(fd)
    return tuple(line.removeprefix("ecli: ") for line in text.splitlines() if line.startswith("ecli: "))
