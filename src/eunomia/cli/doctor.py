"""`ecli doctor`: will tools run on this machine, and if not, what to do about it."""

from __future__ import annotations

import os
import sys

from eunomia.cli.parser import JSON, VERBOSE, Command
from eunomia.cli.privileges import BPF, PERFMON, has

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OK, LIMITED, MISSING = "ok", "limited", "missing"
COMMAND = Command(
    "doctor",
    "",
    "check this machine: kernel, privileges, BTF, tracefs, compiler",
    (JSON, VERBOSE),
    details="Exit codes: 0 tools can run here, perhaps with limits; 1 something that every tool needs is missing.",
)
NEEDED_FOR = {
    "DAC_READ_SEARCH": "tracepoints",
    "NET_ADMIN": "network programs",
    "SYS_PTRACE": "user symbols",
    "SYSLOG": "kernel symbols",
}
CAPABILITIES = {
    2: "DAC_READ_SEARCH",
    12: "NET_ADMIN",
    19: "SYS_PTRACE",
    21: "SYS_ADMIN",
    34: "SYSLOG",
    38: "PERFMON",
} | {39: "BPF"}


class Check:
    """One fact: its name, ok, limited or missing, what was found, and what to do."""

    __slots__ = ("advice", "found", "name", "state")

    def __init__(self, name: str, state: str, found: str, advice: str = "") -> None:
        self.name = name
        self.state = state
        self.found = found
        self.advice = advice


def read(path: str) -> str:
    """Return a small file's text without its last new line, "" when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(4096).strip()
    except OSError:
        return ""


def kernel() -> Check:
    """The release: programs of this kind need 4.18 at least, ring buffers 5.8."""
    name = os.uname()
    numbers = tuple(int(part) for part in name.release.split("-")[0].split(".")[:2] if part.isdecimal())
    found = f"{name.release} {name.machine}"
    if numbers >= (5, 8):
        return Check("kernel", OK, found)
    if numbers >= (4, 18):
        return Check("kernel", LIMITED, found, "ring buffers are there since 5.8; tools with perf buffers run")
    return Check("kernel", MISSING, found, "use Linux 4.18 or newer, better 5.8")


def core() -> Check:
    """The C extension and its libbpf."""
    from eunomia.cli.version import libbpf

    version = libbpf()
    if version.startswith("missing"):
        return Check(
            "libbpf", MISSING, version, "install the wheel for this machine, or run the set-up of the checkout again"
        )
    return Check("libbpf", OK, f"{version}, built in")


def privileges() -> Check:
    """What loading needs; what some tools need beside it is named when it is not there."""
    from eunomia._native import lib

    mine = lib.eu_capabilities()
    held = [name for number, name in CAPABILITIES.items() if mine >> number & 1]
    found = f"uid {os.geteuid()}, " + (f"CAP_{', CAP_'.join(held)}" if held else "no capabilities that matter")
    if not (has(mine, BPF) and has(mine, PERFMON)):
        return Check("privileges", MISSING, found, "run with sudo, or give CAP_BPF and CAP_PERFMON")
    lacking = [
        name for number, name in CAPABILITIES.items() if not mine >> number & 1 and number not in (BPF, PERFMON, 21)
    ]
    if lacking:
        needs = "; ".join(f"{name}: {NEEDED_FOR[name]}" for name in lacking)
        return Check("privileges", LIMITED, found, f"without CAP_{', CAP_'.join(lacking)} some tools fail ({needs})")
    return Check("privileges", OK, found)


def btf() -> Check:
    """The kernel's types, which CO-RE relocates against."""
    from eunomia.cli.version import KERNEL_BTF

    try:
        return Check("btf", OK, f"{KERNEL_BTF}, {os.stat(KERNEL_BTF).st_size} bytes")
    except OSError:
        advice = "give a BTF file of this kernel, as BTFHub has them (ecli run --btf FILE), or use another kernel"
        return Check("btf", LIMITED, f"no {KERNEL_BTF}", advice)


def tracefs() -> Check:
    """Where tracepoints have their ids; reached without mounting it for others (fsopen, Linux 5.2)."""
    try:
        from eunomia._native import error, lib
    except ImportError:
        return Check("tracefs", MISSING, "not tried: the extension is missing", "see libbpf above")
    if lib.eu_tracefs() >= 0:
        mounted = next(
            (path for path in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing") if os.path.isdir(f"{path}/events")),
            "",
        )
        return Check("tracefs", OK, f"mounted at {mounted}" if mounted else "reached by fsopen, not mounted")
    cause = error("open tracefs").strerror or "not reachable"
    return Check("tracefs", LIMITED, cause, "run as root, or: mount -t tracefs tracefs /sys/kernel/tracing")


def events() -> Check:
    """Which ways of attaching this kernel has; tools with others will not attach."""
    known = {"tracepoint": "tracepoints", "kprobe": "kprobes", "uprobe": "uprobes"}
    there = [text for name, text in known.items() if os.path.isdir(f"/sys/bus/event_source/devices/{name}")]
    gone = [text for name, text in known.items() if text not in there]
    if not gone:
        return Check("probes", OK, ", ".join(there))
    return Check(
        "probes",
        LIMITED,
        f"{', '.join(there) or 'none'}; no {', '.join(gone)}",
        f"tools with {' and '.join(gone)} do not attach here",
    )


def cgroup2() -> Check:
    """Where cgroup programs attach."""
    for line in read_lines("/proc/self/mounts"):
        parts = line.split()
        if len(parts) > 2 and parts[2] == "cgroup2":
            return Check("cgroup2", OK, f"mounted at {parts[1]}")
    return Check(
        "cgroup2", LIMITED, "not mounted", "only cgroup programs need it: mount -t cgroup2 none /sys/fs/cgroup"
    )


def read_lines(path: str) -> Iterator[str]:
    """Yield the lines of a file of /proc, none when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError:
        return


def lockdown() -> Check:
    """Lockdown "confidentiality" forbids reading kernel memory from programs."""
    text = read("/sys/kernel/security/lockdown")
    mode = text.partition("[")[2].partition("]")[0]
    if mode == "confidentiality":
        return Check(
            "lockdown", LIMITED, mode, "programs cannot read kernel memory: boot with lockdown=integrity or none"
        )
    return Check("lockdown", OK, mode or "not in use")


def unprivileged() -> Check:
    """Who may use bpf(2) without privileges: for information."""
    text = read("/proc/sys/kernel/unprivileged_bpf_disabled")
    return Check(
        "unprivileged bpf", OK, {"0": "allowed", "1": "disabled until reboot", "2": "disabled"}.get(text, "unknown")
    )


def jit() -> Check:
    """Without the JIT compiler programs are interpreted, and fentry does not attach."""
    text = read("/proc/sys/net/core/bpf_jit_enable")
    if text == "0":
        return Check(
            "jit", LIMITED, "off", "programs run slowly and fentry does not attach: sysctl net.core.bpf_jit_enable=1"
        )
    return Check("jit", OK, {"1": "on", "2": "on, with debug output"}.get(text, "always on or unknown"))


def memlock() -> Check:
    """Before Linux 5.11 maps count against RLIMIT_MEMLOCK; libbpf raises it where it may."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    shown = "unlimited" if soft == resource.RLIM_INFINITY else f"{soft} bytes"
    allowed = "unlimited" if hard == resource.RLIM_INFINITY else f"{hard} bytes"
    return Check("memlock", OK, f"{shown}, may be raised to {allowed} (matters before Linux 5.11 only)")


def python() -> Check:
    """The interpreter, for information: an older one than 3.11 does not come here."""
    import platform

    return Check("python", OK, f"{platform.python_version()} {sys.executable}")


def compiler() -> Check:
    """What ecc compiles with; not needed to run packages."""
    from eunomia.errors import EunomiaError

    try:
        from eunomia.compiler.toolchain import find
    except ModuleNotFoundError:
        hint = "only ecc and .bpf.c sources need it: pip install 'eunomia[compile]'"
        return Check("compiler", LIMITED, "not installed", hint)
    try:
        return Check("compiler", OK, find().describe())
    except (EunomiaError, OSError) as exc:
        return Check(
            "compiler",
            LIMITED,
            str(exc),
            "only ecc and .bpf.c sources need one: apt install clang, or pip install ziglang",
        )


def guests() -> Check:
    """The engine that runs Wasm guests; packages do not need it."""
    from eunomia.errors import EunomiaError, missing_part

    try:
        from eunomia.wasm import engine

        path = engine.library()
    except ModuleNotFoundError as exc:
        if missing_part(exc.name or "") is None:
            raise
        return Check("wasm guests", LIMITED, str(missing_part(exc.name or "")), "only `ecli run GUEST.wasm` needs it")
    except EunomiaError as exc:
        return Check("wasm guests", LIMITED, str(exc), "only `ecli run GUEST.wasm` needs it")
    kept = engine.cache()
    return Check(
        "wasm guests", OK, f"wasmtime {engine.version(path)}; {f'compiled ones in {kept}' if kept else 'no cache'}"
    )


def builtins() -> Check:
    """The built-in tools of this installation."""
    from eunomia import builtin

    count = len(builtin.names())
    if count:
        return Check("built-in tools", OK, str(count))
    return Check("built-in tools", LIMITED, "none", "in a checkout the set-up command compiles them")


CHECKS: tuple[Callable[[], Check], ...] = (
    kernel,
    core,
    privileges,
    btf,
    tracefs,
    events,
    cgroup2,
    lockdown,
    unprivileged,
    jit,
    memlock,
    python,
    builtins,
    guests,
    compiler,
)


def main(argv: list[str]) -> int:
    """Run `ecli doctor`; 1 when something is missing that every tool needs."""
    values = COMMAND.parse(argv)
    values.no_more_than(0)
    found = [check() for check in CHECKS]
    failed = any(each.state == MISSING for each in found)
    if values["json"]:
        import json

        rows = [{name: getattr(each, name) for name in ("name", "state", "found", "advice")} for each in found]
        sys.stdout.write(json.dumps({"ok": not failed, "checks": rows}, indent=2) + "\n")
        return int(failed)
    from eunomia.cli.help import width
    from eunomia.cli.report import clean

    indent = " " * 28
    import textwrap

    for each in found:
        sys.stdout.write(f"{each.state:<9} {each.name:<17} {clean(each.found)}\n")
        if each.advice:
            lines = textwrap.wrap(each.advice, width() - 30, break_on_hyphens=False, break_long_words=False)
            sys.stdout.write("".join(f"{indent}{'> ' if not at else '  '}{line}\n" for at, line in enumerate(lines)))
    sys.stdout.write("\n" + ("something is missing: see above\n" if failed else "tools can run here\n"))
    return int(failed)
