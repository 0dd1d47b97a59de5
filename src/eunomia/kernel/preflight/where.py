"""Attach targets: does what a program's section names exist on the kernel."""

from __future__ import annotations

import os
import socket
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from eunomia._native import ffi, lib, text
from eunomia.btf.elf import ElfFile
from eunomia.btf.types import FUNC, TYPEDEF
from eunomia.errors import PackageError
from eunomia.kernel.preflight.report import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from eunomia.kernel.preflight.target import Target

ENOENT, EINVAL, ENOTSUPP = 2, 22, 524
SLEEPABLE = 16  # BPF_F_SLEEPABLE
TRACING, LSM, KPROBE = 26, 29, 2


class Found(NamedTuple):
    """Whether an attach target is there: what was found, what to do."""

    status: Status
    detail: str = ""
    advice: str = ""


def find(target: Target, section: str, prog_type: int, attach_type: int) -> Found | None:
    """Look for what a section names; None where it names nothing that the kernel must have."""
    family, _, name = section.partition("/")
    base = family.split(".")[0]
    check = _CHECKS.get(base)
    if check is None or not name:
        return None
    return check(target, family, name, (prog_type, attach_type))


def find_annotated(target: Target, section: str, settings: dict[str, Any]) -> Found | None:
    """Look for what a program's annotations name: an interface, a hardware event; None where they name nothing."""
    if section.startswith("netkit") and not target.has_function("netkit_xmit"):
        return Found(
            "no" if target.btf is not None else "unknown", "this kernel has no netkit", "it needs CONFIG_NETKIT"
        )
    if not target.live:
        return None
    if section.startswith("perf_event") and "perf_event" in settings:
        return _perf_event(target, settings)
    hook = settings.get("tchook")
    index = settings.get("ifindex", hook.get("ifindex") if isinstance(hook, dict) else None)
    if isinstance(index, int) and index > 0:
        try:
            return Found("yes", f"interface {socket.if_indextoname(index)}")
        except OSError:
            return Found("no", f"there is no interface {index}", "ip link shows the interfaces")
    return None


def _perf_event(target: Target, settings: dict[str, Any]) -> Found | None:
    from eunomia.errors import AttachError
    from eunomia.kernel.program import attach_options

    fixed = {key: value for key, value in settings["perf_event"].items() if key not in ("frequency", "period")}
    try:
        options = attach_options({**settings, "perf_event": fixed})
    except AttachError as exc:
        return Found("no", str(exc))
    if not target.holds(38) or options.perf_type < 0:
        return None
    number = -target.probe("perf", options.perf_type, options.perf_config)
    if not number:
        return Found("yes", "the event could be opened")
    advice = "virtual machines often have no hardware counters: a software event, as cpu_clock, may do"
    return Found("no", f"perf event: {os.strerror(number).lower()}", advice if number == ENOENT else "")


def _tracepoint(target: Target, _family: str, name: str, _types: tuple[int, int]) -> Found:
    event = name.rpartition("/")[2]
    if target.live and target.tracefs >= 0:
        try:
            os.stat(f"events/{name}/id", dir_fd=target.tracefs)
            return Found("yes", "in tracefs")
        except FileNotFoundError:
            return Found("no", "not in this kernel's tracefs", _other_category(target, event))
        except OSError:
            pass
    known = _syscall_event(target, event) if name.startswith("syscalls/") else target.has_tracepoint(event)
    if known:
        return Found("yes", "the kernel's BTF has it (its category was not looked at)")
    if known is None:
        return Found("unknown", "neither tracefs nor BTF can be read" if target.live else "not told by BTF alone")
    return Found("no", "not in this kernel's BTF", _like(target, event, "btf_trace_", TYPEDEF))


def _other_category(target: Target, event: str) -> str:
    try:
        folder = os.open("events", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=target.tracefs)
    except OSError:
        return ""
    try:
        for category in os.listdir(folder):
            try:
                os.stat(f"{category}/{event}", dir_fd=folder)
                return f"did you mean {category}/{event}?"
            except OSError:
                continue
    finally:
        os.close(folder)
    return _like(target, event, "btf_trace_", TYPEDEF)


def _syscall_event(target: Target, event: str) -> bool | None:
    name = event.removeprefix("sys_enter_").removeprefix("sys_exit_")
    return True if _syscall_function(target, name) else None


def _syscall_function(target: Target, name: str) -> str:
    spelled = (f"__{arch}_sys_{name}" for arch in ("x64", "arm64", "riscv", "s390x"))
    return next((each for each in (*spelled, f"__se_sys_{name}", f"sys_{name}") if target.has_function(each)), "")


def _like(target: Target, name: str, prefix: str = "", kind: int = FUNC) -> str:
    near = target.close_functions(name, prefix, kind)
    return f"similar names: {', '.join(near)}" if near else ""


def _raw_tracepoint(target: Target, _family: str, name: str, _types: tuple[int, int]) -> Found:
    known = target.has_tracepoint(name)
    if known is None:
        return Found("unknown", "no kernel BTF to look in")
    return Found("yes") if known else Found("no", "not in this kernel", _like(target, name, "btf_trace_", TYPEDEF))


def _btf_target(target: Target, family: str, name: str, types: tuple[int, int]) -> Found:
    """A program that attaches to a type of the kernel's BTF: is it there, and what says an empty program for it."""
    base = family.split(".", maxsplit=1)[0]
    prefix, kind, noun = _BTF_FAMILIES[base]
    module, colon, function = name.rpartition(":")
    if target.btf is None:
        return Found("no", "this kernel has no BTF", "use a kprobe or raw_tp program, or a kernel with BTF")
    if not target.has(kind, prefix + function):
        where = "this kernel's BTF" if target.live else "this BTF (another one than vmlinux's is not looked at)"
        return Found("no", f"{noun} {name} is not in {where}", _like(target, function, prefix, kind))
    type_id = target.type_id(prefix + function, kind)
    if base == "lsm" and target.live:
        active = _lsm_active(target)
        if active is not None:
            return active
    if not target.may_probe or not type_id or (module and colon):
        return Found("yes", "in BTF; whether programs may be attached was not tried" if target.live else "")
    flags = SLEEPABLE if family.endswith(".s") else 0
    number, attaching = target.try_program(*types, type_id, flags, attaching=base != "iter")
    return _tried(number, attaching, f"{noun} {name}", base)


def _lsm_active(target: Target) -> Found | None:
    active = target.security("lsm")
    if active and "bpf" not in active.split(","):
        advice = f"boot with lsm={active},bpf"
        return Found("no", f'"bpf" is not among the active LSMs ({active}): it would load and never run', advice)
    return None


def _tried(number: int, attaching: bool, what: str, base: str) -> Found:
    if not number:
        return Found("yes", "an empty program was attached to it")
    if number == ENOTSUPP:
        return Found(
            "no",
            f"attach {what}: error 524: this kernel has no direct calls into functions (ftrace)",
            "use a kprobe, or a kernel with DYNAMIC_FTRACE_WITH_DIRECT_CALLS",
        )
    if number in (1, 13) and not attaching:
        return Found(
            "no",
            (f"this kernel refuses {base} programs even to who may load others: locked down, or built without"),
            "use a tracepoint, raw_tp, tp_btf or kprobe program",
        )
    if number in (16, 17):
        return Found("unknown", f"attach {what}: in use at the moment")
    verb = "attach" if attaching else "load"
    advice = ""
    if base == "fmod_ret":
        advice = "only functions that allow error injection, and security_* hooks, take fmod_ret"
    return Found("no", f"{verb} an empty program for {what}: {os.strerror(number).lower()}", advice)


def _kprobe(target: Target, family: str, name: str, types: tuple[int, int]) -> Found:
    symbol = name.partition("+")[0]
    if "." in family:
        return _kprobe_multi(target, name, types)
    if not target.live:
        if target.has_function(symbol):
            return Found("yes", "its BTF has the function")
        advice = _like(target, symbol)
        return Found("unknown", "not in its BTF, which does not name all functions", advice)
    if not _pmu("kprobe"):
        return Found("no", "this kernel has no kprobes", "it needs CONFIG_KPROBES; use a tracepoint or tp_btf")
    return _kprobe_symbol(target, symbol, family.startswith("kret"))


def _kprobe_symbol(target: Target, symbol: str, is_return: bool) -> Found:
    if target.holds(38):
        result = target.probe("kprobe", symbol.encode(), int(is_return))
        if not result:
            return Found("yes", "a kprobe could be made")
        if result not in (-1, -13):
            missing = symbol not in target.symbols if target.symbols else None
            detail = "not in this kernel" if missing else f"no kprobe: {os.strerror(-result).lower()}"
            advice = _like(target, symbol) if missing else "the function is inlined, or may not be probed"
            return Found("no", detail, advice)
    if target.symbols and symbol not in target.symbols:
        return Found("no", "not in /proc/kallsyms", _like(target, symbol))
    return Found("yes", "in /proc/kallsyms") if target.symbols else Found("unknown", "/proc/kallsyms cannot be read")


def _kprobe_multi(target: Target, pattern: str, types: tuple[int, int]) -> Found:
    if not target.live:
        functions = target.btf.of_kind(FUNC) if target.btf is not None else iter(())
        match = any(fnmatchcase(each.name, pattern) for each in functions)
        return Found(
            "unknown", "functions match; whether it has CONFIG_FPROBE is not in BTF" if match else "no function matches"
        )
    match_name = next((each for each in target.symbols if fnmatchcase(each, pattern)), "")
    if not match_name:
        return Found("no", f"no function matches {pattern}")
    if not target.may_probe:
        return Found("unknown", "not tried: it needs CAP_BPF and CAP_PERFMON")
    step = ffi.new("int *")
    known = "vfs_read" if "vfs_read" in target.symbols else match_name
    number = -lib.eu_probe_kprobe_multi(known.encode(), types[1], step)
    if not number:
        return Found("yes", f"attached to {known} for a moment")
    advice = "it needs CONFIG_FPROBE, Linux 5.18 or newer; use kprobe programs"
    return Found("no", f"this kernel attaches none: {os.strerror(number).lower()}", advice)


def _ksyscall(target: Target, family: str, name: str, _types: tuple[int, int]) -> Found:
    function = _syscall_function(target, name)
    if target.live and not _pmu("kprobe"):
        return Found("no", "this kernel has no kprobes", "it needs CONFIG_KPROBES; use a tracepoint")
    if function and target.live:
        return _kprobe_symbol(target, function, family.startswith("kret"))
    if function:
        return Found("yes", f"its BTF has {function}")
    if target.live and target.symbols:
        spelled = [
            f"__{os.uname().machine.replace('x86_64', 'x64').replace('aarch64', 'arm64')}_sys_{name}",
            f"sys_{name}",
        ]
        there = [each for each in spelled if each in target.symbols]
        return Found("yes", f"function {there[0]}") if there else Found("no", f"this kernel has no system call {name}")
    return Found("unknown", "no function of that name in BTF")


def _pmu(name: str) -> bool:
    events = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
    return os.path.isdir(f"/sys/bus/event_source/devices/{name}") or any(
        os.path.exists(f"{folder}/{name}_events") for folder in events
    )


def _uprobe(target: Target, family: str, name: str, _types: tuple[int, int]) -> Found:
    if not target.live:
        return Found("unknown", "binaries of another machine are not looked at")
    if not _pmu("uprobe"):
        return Found("no", "this kernel has no uprobes", "it needs CONFIG_UPROBES")
    binary, _, function = name.partition(":")
    path = _binary(binary)
    if path is None:
        return Found(
            "no", f"binary {binary} was not found in PATH or among the libraries", "install it, or give its path"
        )
    plain = function.partition("+")[0]
    if not plain or plain.startswith("0x") or plain.isdigit() or ".multi" in family or "*" in plain:
        return Found("yes", path)
    count = int(lib.eu_probe_function(path.encode(), plain.encode()))
    if count > 0:
        return Found("yes", path)
    if count < 0:
        return Found("no", f"{path}: {os.strerror(-count).lower()}", "give the path of an ELF file")
    return Found("no", f"{path} has no function {plain}", "stripped? its debug symbols, or another name, may help")


def _binary(name: str) -> str | None:
    path = ffi.new("char[]", 4096)
    return text(path) if not lib.eu_probe_binary(name.encode(), path, 4096) else None


def _usdt(target: Target, family: str, name: str, types: tuple[int, int]) -> Found:
    binary, _, probe = name.partition(":")
    if not target.live or not probe:
        return Found("unknown", "where it attaches is not in the section")
    found = _uprobe(target, family, binary, types)
    if found.status != "yes":
        return found
    provider, _, event = probe.partition(":")
    try:
        with open(found.detail, "rb") as file:
            section = ElfFile(file.read(512 << 20)).section(".note.stapsdt")
    except (OSError, PackageError) as exc:
        return Found("unknown", str(exc))
    notes = section.data if section is not None else b""
    if f"{provider}\0{event}\0".encode() in notes:
        return Found("yes", found.detail)
    return Found("no", f"{found.detail} has no USDT probe {probe}", "was it built with its probes (sys/sdt.h)?")


def _cgroup(target: Target, _family: str, _name: str, _types: tuple[int, int]) -> Found:
    if not target.live:
        return Found("unknown", "whether cgroup2 is mounted is not in BTF")
    return cgroup2()


def cgroup2() -> Found:
    """Where programs of cgroups attach."""
    from eunomia.kernel.preflight.target import read

    for line in read("/proc/self/mounts").splitlines():
        parts = line.split()
        if len(parts) > 2 and parts[2] == "cgroup2":
            return Found("yes", f"cgroup2 at {parts[1]}")
    return Found("no", "cgroup2 is not mounted", "mount -t cgroup2 none /sys/fs/cgroup")


_BTF_FAMILIES = {
    "tp_btf": ("btf_trace_", TYPEDEF, "tracepoint"),
    "fentry": ("", FUNC, "function"),
    "fexit": ("", FUNC, "function"),
    "fmod_ret": ("", FUNC, "function"),
    "lsm": ("bpf_lsm_", FUNC, "LSM hook"),
    "iter": ("bpf_iter_", FUNC, "iterator"),
}
_CHECKS: dict[str, Callable[[Target, str, str, tuple[int, int]], Found]] = {
    "tp": _tracepoint,
    "tracepoint": _tracepoint,
    "raw_tp": _raw_tracepoint,
    "raw_tracepoint": _raw_tracepoint,
    "kprobe": _kprobe,
    "kretprobe": _kprobe,
    "ksyscall": _ksyscall,
    "kretsyscall": _ksyscall,
    "uprobe": _uprobe,
    "uretprobe": _uprobe,
    "usdt": _usdt,
    "cgroup": _cgroup,
    "cgroup_skb": _cgroup,
    **dict.fromkeys(_BTF_FAMILIES, _btf_target),
}
