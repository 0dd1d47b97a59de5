"""Logs of detached runs: where they are, their last lines, and following them through rotation without polling."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

from eunomia._native import check, lib

if TYPE_CHECKING:
    from collections.abc import Iterator

ROTATE_SIZE = 16 << 20
ROTATE_KEEP = 4
PIECE = 1 << 16


def directory() -> str:
    """Return where logs are: $EUNOMIA_LOG_DIR, else /var/log/eunomia for root, else $XDG_STATE_HOME/eunomia."""
    given = os.environ.get("EUNOMIA_LOG_DIR")
    if given:
        return given
    if os.geteuid() == 0:
        return "/var/log/eunomia"
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(state, "eunomia")


def path_of(name: str) -> str:
    """Return the path of the log of a run."""
    return os.path.join(directory(), f"{name}.log")


def create(name: str) -> int:
    """Begin a new log; the one before becomes NAME.log.1, as rotation does it.

    Returns:
        A descriptor that appends; the caller closes it.

    Raises:
        OSError: the folder cannot be made or written to, or is another user's.
    """
    folder, path = directory(), path_of(name)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        status = os.stat(folder)
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise PermissionError(1, "others may write to it, or it is another user's [chown it, chmod 700]")
        check(lib.eu_rotate_files(os.fsencode(path), ROTATE_KEEP), f"rotate {path}")
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as exc:
        cause = exc.strerror or str(exc)
        raise OSError(exc.errno, f"log {path}: {cause[:1].lower()}{cause[1:]}") from exc


def open_log(path: str) -> int:
    """Open a log to read it.

    Raises:
        FileNotFoundError: there is none.
    """
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)


def tail_offset(fd: int, lines: int) -> int:
    """Return where the last `lines` lines of an open file begin."""
    end = os.fstat(fd).st_size
    wanted, at = lines + 1, end
    if lines <= 0:
        return end
    if end and os.pread(fd, 1, end - 1) != b"\n":
        wanted -= 1
    while at:
        start = max(0, at - PIECE)
        piece = os.pread(fd, at - start, start)
        place = len(piece)
        while (place := piece.rfind(b"\n", 0, place)) >= 0:
            wanted -= 1
            if not wanted:
                return start + place + 1
        at = start
    return 0


def read(path: str, lines: int | None = None, *, follow: bool = False, process: int = -1) -> Iterator[bytes]:
    """Yield pieces of a log.

    Args:
        path: of the log.
        lines: how many of its last lines; None: all.
        follow: go on with what is appended, also to the file that rotation puts in its place.
        process: pidfd of its writer; following ends when that has ended and all is read. -1: following never ends.

    Raises:
        OSError: it cannot be read.
    """
    fd = open_log(path)
    watch = -1
    try:
        if follow:
            watch = _watch(path)
        at = 0 if lines is None else tail_offset(fd, lines)
        while True:
            ended = not follow or _has_ended(process)  # asked before the last reading, so that nothing is missed
            while piece := os.pread(fd, PIECE, at):
                at += len(piece)
                yield piece
            fresh = _replaced(path, fd) if follow else -1
            if fresh >= 0:
                while piece := os.pread(fd, PIECE, at):  # what came before it was renamed
                    at += len(piece)
                    yield piece
                os.close(fd)
                os.close(watch)
                fd, at, watch = fresh, 0, _watch(path)
                continue
            if at > os.fstat(fd).st_size:
                at = 0  # somebody has emptied it
                continue
            if ended:
                return
            _sleep(watch, process)
    finally:
        os.close(fd)
        if watch >= 0:
            os.close(watch)


def _watch(path: str) -> int:
    return check(lib.eu_watch_open(os.fsencode(os.path.dirname(path) or "."), os.fsencode(path)), f"watch {path}")


def _replaced(path: str, fd: int) -> int:
    """Return a descriptor of the file that has taken the log's name, -1 where none has."""
    try:
        there, mine = os.stat(path), os.fstat(fd)
        if (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino):
            return open_log(path)
    except OSError:  # between the old log and the new one there is none: the watch tells when it comes
        pass
    return -1


def _has_ended(process: int) -> bool:
    return process >= 0 and bool(select.select([process], [], [], 0)[0])


def _sleep(watch: int, process: int) -> None:
    select.select([watch, process] if process >= 0 else [watch], [], [])
    lib.eu_watch_drain(watch)
