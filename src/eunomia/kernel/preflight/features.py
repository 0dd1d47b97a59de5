"""What the running kernel offers, as plain data."""

from __future__ import annotations

import os
from typing import Any

from eunomia._native import ffi, lib
from eunomia.btf.types import FUNC, TYPEDEF
from eunomia.kernel.preflight import tables
from eunomia.kernel.preflight.network import cgroup2
from eunomia.kernel.preflight.target import NET_ADMIN, PERFMON, Target, read

KPROBE, TRACING, STRUCT_OPS, EXT, LSM, SYSCALL = 2, 26, 27, 28, 29, 31
TP_BTF, FENTRY, FEXIT, MODIFY_RETURN, LSM_MAC, ITER = 23, 24, 25, 26, 27, 28
KPROBE_MULTI, LSM_CGROUP, KPROBE_SESSION = 42, 43, 56
STRUCT_OPS_MAP = 26
_SHOWN_BY = {20: "lirc_prog_attach", 32: "bpf_nf_link_attach"}  # lirc_mode2, netfilter: options of their own
# Ways of attaching that an enum's value shows, where nothing can be tried without an interface or a binary.
_BY_ENUM = {"perf link": 41, "struct_ops link": 44, "netfilter": 45, "tcx": 46, "uprobe.multi": 48, "netkit": 54,
            "uprobe.session": 57}  # fmt: skip
_TRIED = (
    ("tp_btf", TRACING, TP_BTF, "btf_trace_sched_switch", TYPEDEF),
    ("fentry", TRACING, FENTRY, "vfs_read", FUNC),
    ("fexit", TRACING, FEXIT, "vfs_read", FUNC),
    ("fmod_ret", TRACING, MODIFY_RETURN, "security_file_open", FUNC),
    ("iter", TRACING, ITER, "bpf_iter_task", FUNC),
    ("lsm", LSM, LSM_MAC, "bpf_lsm_file_open", FUNC),
)


def features() -> dict[str, Any]:
    """Return what this kernel offers (docs/reference/check.md); nothing is cached.

    True and False are answers, None is unknown: not allowed to ask, and not told by BTF.
    """
    target = Target()
    helpers = {tables.PROGRAM_TYPES[kind]: _helpers(target, kind) for kind in range(1, len(tables.PROGRAM_TYPES))}
    known = [name for kind in helpers.values() for name in kind or ()]
    newest = max((n for n in range(1, 512) if target.knows("helper", n)), default=0)
    newest = newest or max((tables.HELPERS.index(name) + 1 for name in known), default=0)
    return {
        "kernel": os.uname().release,
        "machine": os.uname().machine,
        "probed": target.may_probe,
        "program_types": _program_types(target),
        "map_types": {tables.name_of("map type", n): _number(target, "map type", "map_type", n) for n in range(1, 34)},
        "helpers": helpers,
        "newest_helper": f"bpf_{tables.name_of('helper', newest)} (number {newest})" if newest else "",
        "attach": _attach(target),
        "system": _system(target),
    }


def _number(target: Target, kind: str, probe: str, number: int) -> bool | None:
    is_tried = not (kind == "map type" and number == STRUCT_OPS_MAP)  # it needs one of the kernel's own types
    if target.may_probe and is_tried:
        result = target.probe(probe, number)
        if result >= 0:
            return bool(result)
    return target.knows(kind, number)


def _program_types(target: Target) -> dict[str, bool | None]:
    found = {}
    for number in range(1, len(tables.PROGRAM_TYPES)):
        by_target = number in (TRACING, LSM, EXT)  # what they attach to decides: see "attach"
        there = (
            target.knows("program type", number) if by_target else _number(target, "program type", "prog_type", number)
        )
        if there and number in _SHOWN_BY and not (target.may_probe and target.holds(NET_ADMIN)):
            there = target.has_function(_SHOWN_BY[number]) or None  # its enum names what may not be built in
        found[tables.PROGRAM_TYPES[number]] = there
    return found


def _helpers(target: Target, kind: int) -> list[str] | None:
    """Return the helpers that programs of a type may call; None where libbpf cannot ask, or may not."""
    if not target.may_probe or kind in (TRACING, STRUCT_OPS, EXT, LSM) or target.probe("prog_type", kind) != 1:
        return None
    return [name for number, name in enumerate(tables.HELPERS, 1) if target.probe("helper", kind, number) == 1]


def _attach(target: Target) -> dict[str, bool | None]:
    found: dict[str, bool | None] = {}
    for name, kind, attach, subject, type_kind in _TRIED:
        there = target.has(type_kind, subject)
        if there and target.may_probe and not target.holds(PERFMON):
            there = None
        elif there and target.may_probe:
            number, _step = target.try_program(
                kind, attach, target.type_id(subject, type_kind), 0, attaching=name != "iter"
            )
            there = number == 0
        found[name] = there
    found["kprobe"] = os.path.isdir("/sys/bus/event_source/devices/kprobe")
    found["uprobe"] = os.path.isdir("/sys/bus/event_source/devices/uprobe")
    found["tracepoint"] = True if target.tracefs >= 0 else os.path.isdir("/sys/bus/event_source/devices/tracepoint")
    for name, attach in (("kprobe.multi", KPROBE_MULTI), ("kprobe.session", KPROBE_SESSION)):
        found[name] = _kprobe_multi(target, attach)
    for name, number in _BY_ENUM.items():
        found[name] = target.knows("attach type", number)
    if found["netkit"]:
        found["netkit"] = target.has_function("netkit_prog_attach") or target.has_function("netkit_xmit")
    found["lsm_cgroup"] = _lsm_cgroup(target)
    found["cookies"] = bool(target.probe("cookie")) if target.may_probe else target.knows("helper", 174)
    return found


def _lsm_cgroup(target: Target) -> bool | None:
    hook = target.type_id("bpf_lsm_socket_post_create", FUNC)
    if not target.may_probe or not target.holds(PERFMON) or not hook:
        return target.knows("attach type", LSM_CGROUP)
    if target.probe("load", LSM, LSM_CGROUP, hook, 0):
        return False
    return target.try_program(TRACING, FENTRY, hook, 0, attaching=True)[0] == 0  # by the trampoline that it needs


def _kprobe_multi(target: Target, attach: int) -> bool | None:
    if not target.may_probe:
        return None if target.knows("attach type", attach) else target.knows("attach type", attach)
    return not lib.eu_probe_kprobe_multi(b"vfs_read", attach, ffi.new("int *"))


def _system(target: Target) -> dict[str, Any]:
    jit = {"0": "off", "1": "on", "2": "on, with debug output"}.get(
        read("/proc/sys/net/core/bpf_jit_enable"), "unknown"
    )
    unprivileged = {"0": "allowed", "1": "disabled until reboot", "2": "disabled"}
    batch = target.probe("batch") if target.may_probe else -1
    return {
        "btf": target.btf is not None,
        "module_btf": sorted(set(target.module_names.values())),
        "ring_buffer": _number(target, "map type", "map_type", 27),
        "batch_operations": None if batch < 0 else bool(batch),
        "memlock_counts": None if target.knows("helper", 160) is None else not target.knows("helper", 160),
        "jit": jit,
        "lockdown": target.lockdown or "not in use",
        "lsm": [name for name in (target.security("lsm") or "").split(",") if name],
        "unprivileged_bpf": unprivileged.get(read("/proc/sys/kernel/unprivileged_bpf_disabled"), "unknown"),
        "cgroup2": cgroup2().detail.removeprefix("cgroup2 at "),
        "bpffs": _mount("bpf"),
        "configuration": "known" if target.configuration is not None else "not known",
        "may_load": target.may_probe,
    }


def _mount(kind: str) -> str:
    rows = (line.split() for line in read("/proc/self/mounts").splitlines())
    return next((row[1] for row in rows if len(row) > 2 and row[2] == kind), "not mounted")
