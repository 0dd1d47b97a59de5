"""Journals of guardians: what a run attached that the kernel ties to no descriptor, and undoing it after a crash."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eunomia._native import ffi, lib

HEAD = "eunomia-journal 1 "
SUFFIX = ".journal"
MAX_FILE = 1 << 20
STRUCT_OPS = 26  # BPF_MAP_TYPE_STRUCT_OPS
NUMBERS = ("kind", "ifindex", "prog_id", "flags", "point", "handle", "priority", "made_qdisc", "map_id")
LONG_NUMBERS = ("load_time", "netns")
MAX_MESSAGE = 512


@dataclass(frozen=True, slots=True)
class Entry:
    """One attachment: `values` by the names of struct eu_undo, `message` of a netlink request."""

    values: dict[str, int]
    message: bytes

    def __str__(self) -> str:
        """Say what it is, in the words of the kernel's tools."""
        value, kind = self.values, self.values["kind"]
        if kind == lib.EU_UNDO_TC:
            side = "egress" if value["point"] == 2 else "ingress"
            qdisc = " and the clsact qdisc" if value["made_qdisc"] else ""
            where = f"{side} of interface {value['ifindex']}"
            return f"tc filter {value['handle']:#x} of priority {value['priority']} at {where}{qdisc}"
        if kind == lib.EU_UNDO_XDP:
            return f"XDP program {value['prog_id']} of interface {value['ifindex']}"
        if kind == lib.EU_UNDO_STRUCT_OPS:
            return f"struct_ops map {value['map_id']}"
        if kind == lib.EU_UNDO_NETLINK:
            return "route with a program"
        return f"program {value['prog_id']} in a socket of another process"


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal: of which process, started when (clock ticks after boot), and what it would undo."""

    name: str
    pid: int
    start: int
    entries: tuple[Entry, ...]


def left_behind(folder: int) -> Iterator[Journal]:
    """Yield the journals of a state directory whose guardian and process are both dead.

    What is no journal, or another user's, is passed over: nothing in it is trusted.
    """
    for name in sorted(os.listdir(folder)):
        if not name.endswith(SUFFIX):
            continue
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except OSError:
            continue
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or lib.eu_state_is_locked(fd):
                continue
            found = parse(name, os.read(fd, MAX_FILE))
        except (OSError, ValueError):
            continue
        finally:
            os.close(fd)
        if lib.eu_process_start(found.pid) != found.start:  # else only its guardian was killed
            yield found


def parse(name: str, data: bytes) -> Journal:
    """Return what a journal says.

    Raises:
        ValueError: it is none.
    """
    lines = data.decode("ascii").splitlines()
    if not lines or not lines[0].startswith(HEAD):
        raise ValueError("it is no journal of version 1")
    head = _pairs(lines[0].removeprefix(HEAD))
    if set(head) != {"pid", "start"}:
        raise ValueError("its first line is damaged")
    return Journal(name, int(head["pid"]), int(head["start"]), tuple(_entry(line) for line in lines[1:]))


def _pairs(line: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in line.split()]
    found = {key: value for key, _, value in pairs}
    if len(found) != len(pairs) or not all(value.isdecimal() for key, value in found.items() if key != "message"):
        raise ValueError("a line of it is damaged")
    return found


def _entry(line: str) -> Entry:
    found = _pairs(line)
    message = bytes.fromhex(found.pop("message", ""))
    values = {key: int(value) for key, value in found.items()}
    if set(values) != {*NUMBERS, *LONG_NUMBERS} or len(message) > MAX_MESSAGE:
        raise ValueError("a line of it is damaged")
    if any(values[key] >= 1 << 32 for key in NUMBERS) or any(values[key] >= 1 << 64 for key in LONG_NUMBERS):
        raise ValueError("a number of it is too large")
    return Entry(values, message)


def undo(entry: Entry) -> str:
    """Undo an attachment where it is still there and still ours.

    Returns:
        What came of it: "removed", "gone" (it was not there any more, or is somebody else's), or why it stays.
    """
    kind, value = entry.values["kind"], entry.values
    if kind in (lib.EU_UNDO_FILTER, lib.EU_UNDO_REUSEPORT):
        return "stays until that process closes the socket: nobody else can reach it"
    place = namespace(value["netns"])
    if not place:
        return "gone"  # and so is its network namespace
    before = lib.eu_netns_enter(place.encode())
    if before < 0:
        return os.strerror(lib.eu_errno()).lower()
    try:
        return _undo_here(entry)
    finally:
        lib.eu_netns_leave(before)


def _undo_here(entry: Entry) -> str:
    request = _request(entry)
    kind, number = request.kind, request.prog_id
    is_ours = bool(number) and lib.eu_undo_is_loaded(number, request.load_time) == 1
    if kind == lib.EU_UNDO_TC and not is_ours:
        request.prog_id = 0  # its qdisc may be there yet
    elif (kind == lib.EU_UNDO_XDP and not is_ours) or (
        kind == lib.EU_UNDO_STRUCT_OPS and not _is_struct_ops(request.map_id)
    ):
        return "gone"
    if kind == lib.EU_UNDO_XDP:
        request.fd = lib.eu_open_id(lib.EU_PROGRAM, number)
    try:
        result = lib.eu_undo_apply(request)
    finally:
        if request.fd >= 0:
            os.close(request.fd)
    if result < 0:
        return os.strerror(-result).lower()
    return "removed" if result else "gone"


def _request(entry: Entry) -> Any:
    request = ffi.new("struct eu_undo *")
    for key, value in entry.values.items():
        setattr(request, key, value)
    request.message_size = len(entry.message)
    ffi.memmove(request.message, entry.message, len(entry.message))
    request.fd = request.other_fd = -1
    return request


def _is_struct_ops(number: int) -> bool:
    fd = lib.eu_open_id(lib.EU_MAP, number)
    if fd < 0:
        return False
    facts = ffi.new("struct eu_map_facts *")
    try:
        return bool(lib.eu_map_facts(fd, facts) == 0 and facts.type == STRUCT_OPS)
    finally:
        os.close(fd)


def namespace(inode: int) -> str:
    """Return a path of the network namespace with this inode, "" where there is none any more."""
    places = ["/proc/self/ns/net"]
    for folder in ("/run/netns", "/var/run/netns"):
        if os.path.isdir(folder):
            places += [os.path.join(folder, name) for name in os.listdir(folder)]
    places += [f"/proc/{name}/ns/net" for name in os.listdir("/proc") if name.isdigit()]
    for place in places:
        try:
            if os.stat(place).st_ino == inode:
                return place
        except OSError:
            continue
    return ""
