"""What runs and what is pinned: programs, maps and links by run, as the kernel tells it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from eunomia._native import lib
from eunomia.kernel.facts import Facts, LinkFacts, MapFacts, ProgramFacts, fd_facts, process_facts
from eunomia.life.pins import finished_folders, iter_pins
from eunomia.life.runs import Run, States, read_states

CORE = b"/eunomia/_native/_core"


@dataclass(slots=True)
class Found:
    """A run, or what one has left pinned.

    Attributes:
        name: as of its state file; "" for a process that has none.
        mode: "foreground", "detached", "pinned" (its process has ended), "python" (a process that uses the library).
        pid: 0 where its process has ended.
        since: seconds since 1970, 0.0: unknown.
        resident: memory of its process in bytes, 0 without one.
    """

    name: str
    mode: str
    package: str
    pid: int
    since: float
    command: tuple[str, ...] = ()
    log: str = ""
    pins: str = ""
    digest: str = ""
    resident: int = 0
    programs: dict[int, ProgramFacts] = field(default_factory=dict)
    maps: dict[int, MapFacts] = field(default_factory=dict)
    links: dict[int, LinkFacts] = field(default_factory=dict)


@dataclass(slots=True)
class Survey:
    """What was found, and notes on what was not."""

    found: list[Found]
    notes: list[str]


def survey(states: States | None = None) -> Survey:
    """Return all runs of this user, the processes that use the library, and what is pinned under /sys/fs/bpf/eunomia.

    Raises:
        PermissionError: the state directory is another user's.
    """
    states = states or read_states()
    found = [each for each in map(_of_run, states.runs.values()) if each is not None]
    known = {each.pid for each in found}
    found += [_of_process(pid) for pid in _users_of_the_library() if pid not in known]
    folders = {each.pins for each in found}
    found += [_of_pins(os.path.basename(path), path) for path in finished_folders() if path not in folders]
    return Survey(found, states.notes)


def _of_run(run: Run) -> Found | None:
    if not run.is_alive:
        return _of_pins(run.name, run.pins, run) if run.pins and os.path.isdir(run.pins) else None
    result = Found(
        run.name, "detached" if run.log else "foreground", run.package, run.pid, run.since, run.argv, run.log
    )
    result.pins, result.digest = run.pins, run.digest
    _add_process(result)
    return result


def _of_process(pid: int) -> Found:
    result = Found("", "python", "", pid, _started(pid), tuple(_command(pid)))
    _add_process(result)
    return result


def _of_pins(name: str, path: str, run: Run | None = None) -> Found:
    result = Found(name, "pinned", run.package if run else name, 0, run.since if run else 0.0, run.argv if run else ())
    result.pins, result.digest = path, run.digest if run else ""
    for pin in iter_pins(path):
        fd = lib.eu_open_pin(os.fsencode(pin), 0)
        if fd >= 0:
            try:
                add(result, fd_facts(fd))
            finally:
                os.close(fd)
    return result


def _add_process(result: Found) -> None:
    for facts in process_facts(result.pid):
        add(result, facts)
    try:
        with open(f"/proc/{result.pid}/statm", "rb") as file:
            result.resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pass  # it has ended meanwhile


def add(result: Found, facts: Facts | None) -> None:
    """Add an object of the kernel to where it belongs."""
    if isinstance(facts, ProgramFacts):
        result.programs[facts.id] = facts
    elif isinstance(facts, MapFacts):
        result.maps[facts.id] = facts
    elif facts is not None:
        result.links[facts.id] = facts


def _users_of_the_library() -> Iterator[int]:
    """Yield the processes that have this library loaded and hold a program, a map or a link."""
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            if os.stat(f"/proc/{pid}").st_uid != os.geteuid() or pid == os.getpid():
                continue
            with open(f"/proc/{pid}/maps", "rb") as file:
                if CORE not in file.read():
                    continue
        except OSError:
            continue
        if next(process_facts(pid), None) is not None:
            yield pid


def _command(pid: int) -> Iterable[str]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return [word.decode(errors="replace") for word in file.read().split(b"\0")[:-1]]
    except OSError:
        return []


def _started(pid: int) -> float:
    """Return when a process was started, in seconds since 1970."""
    try:
        with open("/proc/stat", "rb") as file:
            boot = int(file.read().partition(b"\nbtime ")[2].split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
    return boot + float(lib.eu_process_start(pid)) / os.sysconf("SC_CLK_TCK")
