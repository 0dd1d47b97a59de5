"""Which fields say whose an event is: process, thread, name, user, control group; by their names and types."""

from __future__ import annotations

from eunomia.events.filter.fields import Fields, Place, RecordType
from eunomia.events.kinds import INT, STRING, UINT

# The likeliest first: where a record has `tgid` and `pid`, the latter is the thread.
NAMES = {
    "pid": ("tgid", "pid", "process_id", "host_pid", "pid_tgid"),
    "tid": ("tid", "thread_id", "host_tid"),
    "comm": ("comm", "task", "task_comm", "command", "proc_name", "process_name", "process"),
    "uid": ("uid", "user_id"),
    "cgroup": ("cgroup_id", "cgid", "cgroup", "cgroupid", "cgrp_id", "cgroup_inode"),
}


class Roles:
    """The fields of a plan's record types by what they say.

    Nested ones count too (`task.pid`); of several the one that lies least deep, then the first.
    """

    __slots__ = ("_fields", "_paths")

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._paths: dict[str, list[tuple[str, ...]]] = {}
        for path in sorted((tuple(name.split(".")) for name in fields.names()), key=len):
            self._paths.setdefault(path[-1], []).append(path)

    def place(self, of: RecordType, role: str) -> Place | None:
        """Return the field of a record type that says this of its events, None where it has none."""
        path, place = self._find(of, role)
        return _upper_half(place) if place is not None and path[-1] == "pid_tgid" else place

    def _find(self, of: RecordType, role: str) -> tuple[tuple[str, ...], Place | None]:
        for name in NAMES[role]:
            for path in self._paths.get(name, ()):
                place = self._fields.find(of, path)
                if place is not None and _fits(place, role):
                    return path, place
        return (), None

    def is_process(self, of: RecordType) -> bool:
        """Whether what is called pid is the process for certain: the kernel, and many tools, call threads so."""
        path, _ = self._find(of, "pid")
        return path[-1:] not in {("pid",), ("host_pid",)} or self.place(of, "tid") is not None

    def name(self, role: str) -> str:
        """Return what an annotation calls a role: its field, the role itself where no record says it; "": unclear."""
        found = {self._find(of, role)[0] for of in self._fields.record_types} - {()}
        return ".".join(found.pop()) if len(found) == 1 else "" if found else role


def _fits(place: Place, role: str) -> bool:
    if role == "comm":
        return place.kind == STRING
    if place.bits or place.kind not in {UINT, INT}:
        return False
    return place.size == 8 if role == "cgroup" else place.size in {2, 4, 8}


def _upper_half(place: Place) -> Place:
    """bpf_get_current_pid_tgid(): the process is in the upper 32 bits."""
    if place.size == 8:
        place.offset += 4
        place.size = 4
        place.signed = False
    return place
