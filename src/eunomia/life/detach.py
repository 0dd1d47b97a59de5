"""Runs that go on in the background: a process in a session of its own, which says when it has started."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from eunomia.life import logs

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 1 << 16


class _Background:
    """Of this process, while it is a detached run that has not said that it is ready: where to say so, and its log.

    The name of its log and a NUL are written to `ready` when that is begun, the name again when it is ready.
    """

    ready = -1
    log = -1


class Outcome:
    """What came of a start.

    Attributes:
        name: of the run that has started, "" if it has not.
        logged: the name of its log, "" where it did not come to have one.
        pid: of its process.
        code: exit code of one that has not started.
        signal: what it was killed by, 0: nothing.
    """

    __slots__ = ("code", "logged", "name", "pid", "signal")

    def __init__(self, name: str, logged: str, pid: int, code: int, number: int) -> None:
        self.name = name
        self.logged = logged
        self.pid = pid
        self.code = code
        self.signal = number


def start(work: Callable[[], int]) -> Outcome:
    """Fork a process that does `work`, and wait until it has called `ready` or ended.

    What it writes to standard error until then, is written to this process's, and if it ends to its log as well.
    Its exit code is what work returns.

    Raises:
        OSError: no process can be made.
    """
    told_read, told_write = os.pipe()
    ready_read, ready_write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(told_read)
        os.close(ready_read)
        _become(work, told_write, ready_write)
    os.close(told_write)
    os.close(ready_write)
    try:
        said = _pass_on(told_read)
        logged, name = _read_names(ready_read)
    except KeyboardInterrupt:
        os.kill(pid, signal.SIGTERM)  # it is not in this terminal's session
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(told_read)
        os.close(ready_read)
    if name:
        return Outcome(name, logged, pid, 0, 0)
    status = os.waitpid(pid, 0)[1]
    if logged:
        _write_last(logged, said)
    if os.WIFSIGNALED(status):
        return Outcome("", logged, pid, 1, os.WTERMSIG(status))
    return Outcome("", logged, pid, os.WEXITSTATUS(status), 0)


def _read_names(fd: int) -> tuple[str, str]:
    data = os.read(fd, PIECE)
    if data.endswith(b"\0"):
        data += os.read(fd, PIECE)
    logged, _, name = data.decode().partition("\0")
    return logged, name


def _write_last(name: str, said: bytes) -> None:
    with contextlib.suppress(OSError):  # it stands on standard error
        log = os.open(logs.path_of(name), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        os.write(log, said)
        os.close(log)


def _become(work: Callable[[], int], told: int, ready_fd: int) -> None:
    """Be the background process: a session of its own, its complaints to the one who waits. Never returns."""
    code = 1
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(told, 2)
        os.close(null)
        os.close(told)
        _Background.ready = ready_fd
        code = work()
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        pass  # a last write: nobody is left to be told
    finally:
        os._exit(code)  # nothing of the parent's is to be cleaned up here


def write_log(name: str) -> str:
    """Begin the log of this detached run: standard output goes to it now, standard error from `ready` on.

    Returns:
        Its path.
    """
    _Background.log = logs.create(name)
    os.dup2(_Background.log, 1)
    if _Background.ready >= 0:
        os.write(_Background.ready, name.encode() + b"\0")
    return logs.path_of(name)


def ready(name: str) -> None:
    """Tell the one who started this process that all is attached; does nothing in others, or again."""
    fd, _Background.ready = _Background.ready, -1
    if fd < 0:
        return
    sys.stderr.flush()
    os.dup2(1, 2)  # closes the pipe: the one who waits goes on
    os.close(_Background.log)
    _Background.log = -1
    with contextlib.suppress(OSError):  # the one who started it has been killed: it runs all the same
        os.write(fd, name.encode())
    os.close(fd)


def _pass_on(told: int) -> bytes:
    """Write what a starting process says to standard error, until it says no more; return the last of it."""
    said = b""
    while piece := os.read(told, PIECE):
        said = (said + piece)[-PIECE:]
        sys.stderr.write(piece.decode(errors="replace"))
        sys.stderr.flush()
    return said
