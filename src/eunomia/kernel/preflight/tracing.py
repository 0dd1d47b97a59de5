"""Attach targets in the kernel: tracepoints, functions, LSM hooks, iterators, system calls."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from eunomia._native import ffi, lib
from eunomia.btf.types import FUNC, TYPEDEF
from eunomia.kernel.preflight.found import OPEN, Found

if TYPE_CHECKING:
    from eunomia.kernel.preflight.target import Target

EINVAL, ENOTSUPP = 22, 524
TRACING, TRACE_FENTRY = 26, 24
SLEEPABLE = 16  # BPF_F_SLEEPABLE
# System calls that newer architectures never had. Source: include/uapi/asm-generic/unistd.h.
_WITHOUT_OLD_CALLS = frozenset(("arm64", "riscv", "loongarch"))
_OLD_CALLS = frozenset(
    ("open", "link", "unlink", "mknod", "chmod", "chown", "mkdir", "rmdir", "lchown", "access", "rename", "readlink",
     "symlink", "utimes", "stat", "lstat", "newstat", "newlstat", "pipe", "dup2", "epoll_create", "inotify_init",
     "eventfd", "signalfd", "alarm", "getpgrp", "pause", "time", "utime", "creat", "getdents", "futimesat", "select",
     "poll", "epoll_wait", "ustat", "fork", "vfork", "sysfs", "uselib")
)  # fmt: skip
BTF_FAMILIES = {
    "tp_btf": ("btf_trace_", TYPEDEF, "tracepoint"),
    "fentry": ("", FUNC, "function"),
    "fexit": ("", FUNC, "function"),
    "fmod_ret": ("", FUNC, "function"),
    "lsm": ("bpf_lsm_", FUNC, "LSM hook"),
    "lsm_cgroup": ("bpf_lsm_", FUNC, "LSM hook"),
    "iter": ("bpf_iter_", FUNC, "iterator"),
}


def tracepoint(target: Target, _family: str, name: str, _types: tuple[int, int]) -> Found:
    event = name.rpartition("/")[2]
    if target.live and target.lockdown == "confidentiality":
        return Found("no", "the kernel is locked down (confidentiality): it opens no tracepoint", OPEN)
    if target.live and target.tracefs >= 0:
        try:
            os.stat(f"events/{name}/id", dir_fd=target.tracefs)
            return Found("yes", "in tracefs")
        except FileNotFoundError:
            return Found("no", "not in this kernel's tracefs", _other_category(target, event))
        except OSError:  # tracefs cannot be looked into: BTF is asked
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
    if target.arch in _WITHOUT_OLD_CALLS and name in _OLD_CALLS:
        return False  # its function is there for 32-bit programs
    return True if _syscall_function(target, name) else None


def _syscall_function(target: Target, name: str) -> str:
    spelled = (f"__{arch}_sys_{name}" for arch in ("x64", "arm64", "riscv", "s390x"))
    return next((each for each in (*spelled, f"__se_sys_{name}", f"sys_{name}") if target.has_function(each)), "")


def _like(target: Target, name: str, prefix: str = "", kind: int = FUNC) -> str:
    near = target.close_functions(name, prefix, kind)
    return f"similar names: {', '.join(near)}" if near else ""


def raw_tracepoint(target: Target, _family: str, name: str, _types: tuple[int, int]) -> Found:
    known = target.has_tracepoint(name)
    if known is None:
        return Found("unknown", "no kernel BTF to look in")
    return Found("yes") if known else Found("no", "not in this kernel", _like(target, name, "btf_trace_", TYPEDEF))


MOST_KPROBES = 1024  # native/attach_many.c


def btf_target(target: Target, family: str, name: str, types: tuple[int, int]) -> Found:
    """A program that attaches to a type of the kernel's BTF: is it there, and what says an empty program for it."""
    base = family.split(".", maxsplit=1)[0]
    prefix, kind, noun = BTF_FAMILIES[base]
    module, colon, function = name.rpartition(":")
    if target.btf is None:
        return Found("no", "this kernel has no BTF", "use a kprobe or raw_tp program, or a kernel with BTF")
    if not target.has(kind, prefix + function):
        where = "this kernel's BTF" if target.live else "this BTF (another one than vmlinux's is not looked at)"
        return Found("no", f"{noun} {name} is not in {where}", _like(target, function, prefix, kind))
    type_id = target.type_id(prefix + function, kind)
    if base.startswith("lsm") and target.live:
        active = _lsm_active(target)
        if active is not None:
            return active
    if not target.live:
        return _by_types(target, family, function, name)
    if not target.may_probe or not type_id or (module and colon):
        return Found("yes", "in BTF; whether programs may be attached was not tried")
    flags = SLEEPABLE if family.endswith(".s") else 0
    if base == "lsm_cgroup":
        return _lsm_cgroup(target, types, type_id, name)
    number, attaching = target.try_program(*types, type_id, flags, attaching=base != "iter")
    return _tried(number, attaching, f"{noun} {name}", base)


def _by_types(target: Target, family: str, function: str, name: str) -> Found:
    """A type that another kernel's BTF has: what else it takes to attach there, as far as types tell."""
    base = family.split(".", maxsplit=1)[0]
    if base in ("tp_btf", "iter"):
        return Found("yes")  # no function calls these programs
    what = f"{BTF_FAMILIES[base][2]} {name}"
    callable_here = target.has_direct_calls
    if callable_here is False:
        return _tried(ENOTSUPP, True, what, base)
    if callable_here is None:
        return Found("unknown", f"{what}: whether functions can call programs (direct calls of ftrace) is not in BTF")
    if base.startswith("lsm"):
        return Found("unknown", f'{what} is there; whether "bpf" is among the LSMs that it boots with is not in BTF')
    if family.endswith(".s"):
        return Found("unknown", f"{what} is there; whether programs there may sleep is not in BTF")
    if base == "fmod_ret" and not function.startswith("security_"):
        return Found("unknown", f"{what} is there; whether it allows error injection is not in BTF")
    return Found("yes")


def program(target: Target, name: str) -> Found:
    """Another program's function, to be traced or replaced: what an empty program for a kernel function says."""
    if target.has_trampolines is False:
        detail = f"program {name}: this kernel has no trampolines for this architecture (error 524)"
        return Found("no", detail, "a newer kernel: arm64 has them since 6.0")
    if not target.live:
        return Found("unknown", f"prog:{name} of another machine is not looked at")
    type_id = target.type_id("vfs_read", FUNC) if target.may_probe else 0
    number, _ = target.try_program(TRACING, TRACE_FENTRY, type_id, 0, attaching=False) if type_id else (0, False)
    return _tried(number, False, f"program {name}", "fentry and freplace") if number else Found("yes")


def _lsm_cgroup(target: Target, types: tuple[int, int], type_id: int, name: str) -> Found:
    """It attaches to control groups, by the trampoline that fentry has too."""
    number = -target.probe("load", *types, type_id, 0)
    if number:
        return _tried(number, False, f"LSM hook {name}", "lsm_cgroup")
    number, attaching = target.try_program(TRACING, TRACE_FENTRY, type_id, 0, attaching=True)
    return _tried(number, attaching, f"LSM hook {name}", "lsm_cgroup")


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


def kprobe(target: Target, family: str, name: str, types: tuple[int, int]) -> Found:
    symbol = name.partition("+")[0]
    if "." in family:
        return _kprobe_multi(target, family, name, types)
    if not target.live:
        if target.has_function(symbol):
            return Found("yes", "its BTF has the function")
        advice = _like(target, symbol)
        return Found("unknown", "not in its BTF, which does not name all functions", advice)
    if not pmu("kprobe"):
        return Found("no", "this kernel has no kprobes", "it needs CONFIG_KPROBES; use a tracepoint or tp_btf")
    if any(each in name for each in "*?["):
        return _kprobes(target, name, family.startswith("kret"))
    return kprobe_symbol(target, symbol, family.startswith("kret"))


def _kprobes(target: Target, pattern: str, is_return: bool) -> Found:
    """A probe of its own for each function that matches: one of them is tried."""
    matching = [each for each in target.symbols if fnmatchcase(each, pattern)]
    if not matching:
        return Found("no" if target.symbols else "unknown", f"no function matches {pattern}")
    if len(matching) > MOST_KPROBES:
        return Found(
            "unknown",
            f"{len(matching)} functions match; a probe for each is made for {MOST_KPROBES} at most",
            "a narrower pattern",
        )
    tried = [kprobe_symbol(target, each, is_return) for each in sorted(matching)[:20]]
    return next((each for each in tried if each.status == "yes"), tried[0])


def kprobe_symbol(target: Target, symbol: str, is_return: bool) -> Found:
    if target.lockdown == "confidentiality":
        return Found("no", "the kernel is locked down (confidentiality): it makes no kprobes", OPEN)
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


def _kprobe_multi(target: Target, family: str, pattern: str, types: tuple[int, int]) -> Found:
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
    if family.endswith(".multi") and pmu("kprobe"):
        return _kprobes(target, pattern, family.startswith("kret"))  # what a run does without links to many
    advice = "it needs CONFIG_FPROBE, Linux 5.18 or newer (sessions 6.10); use kprobe programs"
    return Found("no", f"this kernel attaches none: {os.strerror(number).lower()}", advice)


def ksyscall(target: Target, family: str, name: str, _types: tuple[int, int]) -> Found:
    function = _syscall_function(target, name)
    if target.live and not pmu("kprobe"):
        return Found("no", "this kernel has no kprobes", "it needs CONFIG_KPROBES; use a tracepoint")
    if function and target.live:
        return kprobe_symbol(target, function, family.startswith("kret"))
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


def pmu(name: str) -> bool:
    events = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
    return os.path.isdir(f"/sys/bus/event_source/devices/{name}") or any(
        os.path.exists(f"{folder}/{name}_events") for folder in events
    )
