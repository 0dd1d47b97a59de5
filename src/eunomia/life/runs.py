"""State files, read: what this user's runs say of themselves, and whether they live.

What is in the directory is not trusted: files of others, links, and what is no state are passed over with a note.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from typing import Any

from eunomia._native import lib, text
from eunomia.life.state import VERSION, is_name

MAX_FILE = 64 << 10
SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Run:
    """What a state file says.

    Attributes:
        name: unique among the runs of a user.
        package: the package's name.
        pid, start: of its process; start in clock ticks after boot, so that a reused pid is another.
        since: when it was started, seconds since 1970.
        argv: its command line.
        log: path of its log, "" where it has none.
        pins: folder of its pins, "" where it has none.
        digest: SHA-256 of the package's object; of detached and pinned runs only.
        kind: "guest", or "" of a package.
        is_alive: whether its process runs.
    """

    name: str
    package: str
    pid: int
    start: int
    since: float
    argv: tuple[str, ...] = ()
    log: str = ""
    pins: str = ""
    digest: str = ""
    origin: str = ""
    kind: str = ""
    is_alive: bool = False


@dataclass(slots=True)
class States:
    """The state files of this user: `runs` by name, and in `notes` what was passed over and why."""

    runs: dict[str, Run] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_states() -> States:
    """Read the state directory; without one there are no runs.

    Raises:
        PermissionError: it is another user's, or others may write to it.
        OSError: it cannot be read.
    """
    found = States()
    folder = open_directory()
    if folder < 0:
        return found
    try:
        for name in sorted(os.listdir(folder)):
            if not name.endswith(SUFFIX):
                continue
            try:
                run = read_state(folder, name)
            except (OSError, ValueError) as exc:
                found.notes.append(
                    f"state file {name} is passed over: {exc.strerror if isinstance(exc, OSError) else exc}"
                )
                continue
            if run is not None:
                found.runs[run.name] = run
    finally:
        os.close(folder)
    return found


def open_directory() -> int:
    """Return a descriptor of the state directory, -1 where there is none.

    Raises:
        PermissionError: it is another user's, or others may write to it.
    """
    folder: int = lib.eu_state_open(0)
    if folder < 0 and lib.eu_errno() != 2:
        raise OSError(lib.eu_errno(), text(lib.eu_error()))
    return folder


def read_state(folder: int, name: str) -> Run | None:
    """Read one file of the directory; None where it has gone meanwhile.

    Raises:
        OSError: it cannot be read.
        ValueError: it is another user's, no file, or no state.
    """
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no file")
        if status.st_uid != os.geteuid():
            raise ValueError(f"it belongs to user {status.st_uid}")
        data = os.read(fd, MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise ValueError(f"it has more than {MAX_FILE} bytes")
        run = parse(data, bool(lib.eu_state_is_locked(fd)))
    finally:
        os.close(fd)
    if f"{run.name}{SUFFIX}" != name:
        raise ValueError(f"it says that its name is {run.name!r}")
    return run


def parse(data: bytes, is_locked: bool) -> Run:
    """Return the run that the bytes of a state file tell of.

    Raises:
        ValueError: they are no state.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"it is no JSON: {exc}") from None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ValueError(f"it is no state of version {VERSION}")
    run = Run(
        name=member(document, "name", str),
        package=member(document, "package", str),
        pid=member(document, "pid", int),
        start=member(document, "start", int),
        since=float(member(document, "since", (int, float))),
        argv=tuple(str(word) for word in member(document, "argv", list, [])),
        log=member(document, "log", str, ""),
        pins=member(document, "pins", str, ""),
        digest=member(document, "digest", str, ""),
        origin=member(document, "origin", str, ""),
        kind=member(document, "kind", str, ""),
        is_alive=is_locked,
    )
    if not is_name(run.name):
        raise ValueError("its name is none")
    if not 0 < run.pid < 1 << 31:
        raise ValueError(f"it says that its process is {run.pid}")
    return run


def member(document: dict[str, Any], name: str, kinds: type | tuple[type, ...], default: Any = None) -> Any:
    """Return a member of a document, of the right type.

    Raises:
        ValueError: it is missing and has no default, or is of another type.
    """
    value = document.get(name, default)
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise ValueError(f"its {name} is {'missing' if value is None else 'of the wrong type'}")
    return value


def open_process(run: Run) -> int:
    """Return a pidfd of a run's process, -1 where it has ended.

    Raises:
        OSError: the kernel gives none (5.3+).
    """
    try:
        fd = os.pidfd_open(run.pid)
    except ProcessLookupError:
        return -1
    if lib.eu_process_start(run.pid) == run.start:  # asked after it is held: the number cannot be reused from here on
        return fd
    os.close(fd)
    return -1
