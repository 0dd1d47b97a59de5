"""The processes and control groups that a filter asks for, kept up to date while events flow.

Events of processes: a small program of ours (tools/_follow) marks each new thread in mapped memory, as its parent or
its control group says; the threads that are there already are found in /proc. Control groups are looked up by id in C.
"""

from __future__ import annotations

import os

from eunomia._native import check, error, ffi, lib
from eunomia.errors import EunomiaError, UnsupportedError
from eunomia.events.filter.selection import GROUP_PROCESSES, PROCESSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, Self

    from eunomia.kernel.object import Object

PID_LIMIT = 4 << 20
_HOST_PIDS = 0xEFFFFFFC  # include/linux/proc_ns.h: PROC_PID_INIT_INO
_ROUNDS = 16


class Members:
    """Follows what a selection needs, until it is closed.

    Args:
        needs: of the selection.
        pids: processes whose threads are wanted, with `follow` those of their children too.
        folder: of the control group that is wanted.
        helper: the package of tools/_follow.

    Attributes:
        note: what does not work here, "" if all does.

    Raises:
        OSError: the kernel does not let us.
        EunomiaError: process ids here are not the kernel's, or the kernel refuses the helper.
    """

    __slots__ = ("_objects", "handle", "note")

    def __init__(self, needs: set[str], pids: Sequence[int], folder: str, *, follow: bool, helper: bytes) -> None:
        self._objects: list[Object] = []
        self.note = ""
        self.handle: Any = lib.eu_members_new()
        if not self.handle:
            raise error("choose processes")
        try:
            if "group" in needs:
                self._watch_group(folder)
            if "proc" in needs:
                _need_host_pids()
            if "processes" in needs:
                self._watch_processes(helper, pids, follow)
            if "group_processes" in needs:
                values = {"group": os.stat(folder).st_ino}
                self._watch(helper, GROUP_PROCESSES, values, lambda: threads_in(folder))
        except BaseException:
            self.close()
            raise

    def _watch_group(self, folder: str) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            check(lib.eu_members_group(self.handle, descriptor), "open control group")
        finally:
            os.close(descriptor)

    def _watch_processes(self, helper: bytes, pids: Sequence[int], follow: bool) -> None:
        try:
            self._watch(helper, PROCESSES, {"children": follow}, lambda: threads_of(pids, follow=follow))
        except (OSError, EunomiaError) as exc:
            if follow:
                raise
            self.note = f"--pid: threads that are made from now on are not known ({exc})"
            check(lib.eu_members_pids(self.handle, PROCESSES, -1, PID_LIMIT), "choose processes")
            for tid in threads_of(pids, follow=False):
                lib.eu_members_set_pid(self.handle, PROCESSES, tid, 1)

    def _watch(self, helper: bytes, number: int, values: dict[str, Any], listed: Callable[[], set[int]]) -> None:
        """Attach first, then read what is there: a thread that is made meanwhile is marked by one of the two."""
        from eunomia.kernel.object import Object
        from eunomia.package.model import Package

        _need_host_pids()
        package = Package.from_bytes(helper, "_follow")
        obj = Object.open(package)
        self._objects.append(obj)
        for section, offset, data in package.settings(values).writes:
            obj.write(section, offset, data)
        obj.programs["attach_task"].autoload = "group" in values
        obj.load()
        obj.attach()
        check(lib.eu_members_pids(self.handle, number, obj.maps["wanted"].fd, PID_LIMIT), "choose processes")
        marked: set[int] = set()
        for _ in range(_ROUNDS):
            found = listed()
            # what has left between two rounds may have been marked after its id was given to another
            for tid in marked - found:
                lib.eu_members_set_pid(self.handle, number, tid, 0)
            new = found - marked
            for tid in new:
                lib.eu_members_set_pid(self.handle, number, tid, 1)
            marked = found
            if not new:
                break

    def close(self) -> None:
        """Stop following; the run that uses them is closed by then."""
        handle, self.handle = self.handle, ffi.NULL
        if handle:
            lib.eu_members_free(handle)
        objects, self._objects = self._objects, []
        for obj in objects:
            obj.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _need_host_pids() -> None:
    """Raise UnsupportedError where the process ids of events, which are the kernel's, are not those of /proc."""
    if os.stat("/proc/self/ns/pid").st_ino != _HOST_PIDS:
        raise UnsupportedError(
            "follow processes: in a PID namespace of its own the process ids of events are not those of /proc"
            " [run it in the host's PID namespace]"
        )


def threads_of(pids: Sequence[int], *, follow: bool) -> set[int]:
    """Return the thread ids of processes, with `follow` those of their children and children's children too."""
    wanted = set(pids)
    if follow:
        children: dict[int, list[int]] = {}
        for pid in _processes():
            children.setdefault(parent_of(pid), []).append(pid)
        todo = list(wanted)
        while todo:
            new = [pid for pid in children.get(todo.pop(), ()) if pid not in wanted]
            wanted.update(new)
            todo += new
    return wanted | {tid for pid in wanted for tid in _threads(pid)}


def threads_in(folder: str) -> set[int]:
    """Return the thread ids of a control group and of those below it."""
    found: set[int] = set()
    for path, _, _ in os.walk(folder):
        try:
            with open(f"{path}/cgroup.threads") as file:
                found.update(int(line) for line in file)
        except OSError:
            continue  # it has just been removed
    found.discard(0)  # of another PID namespace
    return found


def parent_of(pid: int) -> int:
    """Return the process id of a process's parent, 0 where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # its name stands in parentheses, and may hold any character
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def _processes() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdecimal())


def _threads(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []
