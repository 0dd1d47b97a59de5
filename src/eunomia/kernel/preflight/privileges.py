"""Which capabilities a package needs on this very kernel: the table's, and what differs by kernel, found by trying."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from eunomia._native import lib
from eunomia.package.privileges import BPF, NUMBERS, PERFMON, READ, SYS_ADMIN, Need, needs_capabilities, row_of

if TYPE_CHECKING:
    from collections.abc import Container

    from eunomia.btf.object import ObjectBtf
    from eunomia.kernel.preflight.target import Target

PERF_NOTE = "this kernel asks for it where events are opened (kernel.perf_event_paranoid)"
UPROBE_NOTE = "this kernel asks for it where uprobes are attached"
TRACEFS_NOTE = "tracefs is not mounted [mount -t tracefs none /sys/kernel/tracing]"
GUARDED_NOTE = "this kernel asks for it at every use (kernel.unprivileged_bpf_disabled, before Linux 5.19)"
UPROBE_MULTI = 48  # BPF_TRACE_UPROBE_MULTI, since Linux 6.6
EVENTS = frozenset(("tracepoints", "kprobes", "performance events"))


def needed(
    obj: ObjectBtf, target: Target, programs: Container[str] | None = None, *, is_root: bool | None = None
) -> dict[str, Need]:
    """Return what an object needs on the running kernel, by capability, in order of names.

    Args:
        obj: the object.
        target: the running kernel.
        programs: names of those that are loaded; None: all.
        is_root: for user 0, who owns files that others need capabilities for; None: for this process.
    """
    if is_root is None:
        is_root = os.geteuid() == 0
    found = needs_capabilities(obj, programs)
    perf, uprobe = lib.eu_perf_capability(0), lib.eu_perf_capability(1)
    is_mounted, is_guarded = tracefs_is_mounted(), lib.eu_bpf_is_guarded()
    for program in obj.programs:
        row = row_of(program.section)
        if row is None or (programs is not None and program.name not in programs):
            continue
        if is_guarded:
            _add(found, BPF, program.name, GUARDED_NOTE)
        if row.title in EVENTS and perf == NUMBERS[SYS_ADMIN]:
            _add(found, SYS_ADMIN, program.name, PERF_NOTE)
            if "syscall" in program.section.split("/")[0]:  # libbpf tries a kprobe for its name when it loads
                found[SYS_ADMIN].add(program.name, "load")
        if row.title == "uprobes" and uprobe == NUMBERS[PERFMON]:
            _take(found, SYS_ADMIN, program.name)
        elif row.title == "uprobes" and uprobe >= 0:
            found[SYS_ADMIN].note = UPROBE_NOTE
        elif row.title == "USDT" and target.knows("attach type", UPROBE_MULTI) is False and uprobe >= 0:
            _add(found, SYS_ADMIN if uprobe == NUMBERS[SYS_ADMIN] else PERFMON, program.name, UPROBE_NOTE)
        if READ in row.attach and is_root:
            _take(found, READ, program.name)  # root owns tracefs
        if READ in row.attach and not is_mounted:
            _add(found, SYS_ADMIN, program.name, TRACEFS_NOTE)
    return dict(sorted(found.items()))


def tracefs_is_mounted() -> bool:
    """Tell whether tracepoint ids can be read where they are for everybody who may."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
            return any(" - tracefs " in line for line in mounts)
    except OSError:
        return False


def _add(found: dict[str, Need], capability: str, program: str, note: str) -> None:
    need = found.setdefault(capability, Need(capability))
    need.add(program, "attach")
    need.note = need.note or note


def _take(found: dict[str, Need], capability: str, program: str) -> None:
    need = found.get(capability)
    if need is not None and program in need.programs:
        need.programs.remove(program)
        if not need.programs:
            del found[capability]
