"""What is no part of a program: BTF, configuration, privileges, limits, lockdown, JIT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eunomia.kernel.preflight.reach import MISSING
from eunomia.kernel.preflight.report import Finding
from eunomia.kernel.preflight.target import CAPABILITIES, NET_ADMIN, SYS_RESOURCE, read
from eunomia.package.needs import needs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.btf.types import Btf
    from eunomia.kernel.preflight.analysis import Analysis

KTIME_GET_COARSE_NS, ATTACH_COOKIE = 160, 174  # the first came with memory control groups' accounting (5.11)
TRACING, STRUCT_OPS, EXT, LSM = 26, 27, 28, 29
NEEDS_JIT = frozenset((TRACING, STRUCT_OPS, EXT, LSM))
TP_BTF, ITER = 23, 28


def findings(analysis: Analysis) -> Iterator[Finding]:
    """Yield what the machine must have."""
    yield from _btf(analysis)
    yield from _configuration(analysis)
    if analysis.target.live:
        yield from _capabilities(analysis)
        yield from _limits(analysis)
        yield from _jit(analysis)


def relocation_btf(analysis: Analysis) -> Btf | None:
    """Return the types that relocations are resolved against: the kernel's, else the archive's as a run takes it."""
    target = analysis.target
    if target.btf is not None or not target.live:
        return target.btf
    from eunomia.btf.types import Btf
    from eunomia.errors import PackageError
    from eunomia.kernel.archive import archived_btf

    found = archived_btf(analysis.package) if analysis.package.btf_archive else None
    try:
        return Btf.from_bytes(found) if found else None
    except PackageError:
        return None


def _btf(analysis: Analysis) -> Iterator[Finding]:
    why = needs_of(analysis.obj).btf
    if not why:
        return
    if relocation_btf(analysis) is not None:
        yield Finding("machine", "kernel BTF", "yes", since="4.18", detail=f"for {why}")
    else:
        yield Finding(
            "machine",
            "kernel BTF",
            "no",
            since="4.18",
            detail=f"{why}: this kernel has no BTF",
            advice="give a BTF file of this kernel (ecli run --btf FILE), or a package with a BTF archive",
        )


class Externs:
    """Values of `extern … __kconfig` variables, as libbpf sets them; None where they are not known."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._target = analysis.target

    def value(self, name: str) -> int | None:
        """Return the value of an extern; MISSING for a weak symbol that is not there."""
        kind, weak = self._analysis.extern_kind(name)
        target = self._target
        if kind == "kfunc":
            return MISSING if weak and target.has_function(name) is False else None
        if kind == "symbol":
            return MISSING if weak and target.symbols and name not in target.symbols else None
        if kind != "kconfig":
            return None
        if name == "LINUX_KERNEL_VERSION":
            return target.version_code
        if name == "LINUX_HAS_BPF_COOKIE":
            known = target.knows("helper", ATTACH_COOKIE)
            return None if known is None else int(known)
        if name == "LINUX_HAS_SYSCALL_WRAPPER":
            spelled = [target.has_function(f"__{arch}_sys_bpf") for arch in ("x64", "arm64", "s390x")]
            return 1 if any(spelled) else None
        return self._configured(name, weak)

    def _configured(self, name: str, weak: bool) -> int | None:
        settings = self._target.configuration if self._target.live else None
        if settings is None:
            return None
        text = settings.get(name)
        if text is None:
            return 0 if weak else None
        if text in ("y", "m", "n"):
            return {"n": 0, "y": 1, "m": 2}[text]
        try:
            return int(text, 0)
        except ValueError:
            return None


def externs(analysis: Analysis) -> Externs:
    """Return the values of the object's externs."""
    return Externs(analysis)


def _configuration(analysis: Analysis) -> Iterator[Finding]:
    wanted = {
        name: weak
        for name, (kind, weak) in analysis.externs.items()
        if kind == "kconfig" and name.startswith("CONFIG_")
    }
    settings = analysis.target.configuration if analysis.target.live else None
    for name, weak in wanted.items():
        if not analysis.target.live:
            yield Finding("configuration", name, "unknown", not weak, detail="the configuration is not in BTF")
        elif settings is None:
            advice = "give it: ecli run --kconfig FILE, or put the kernel's configuration to /boot"
            yield Finding(
                "configuration",
                name,
                "no",
                detail="there is no /boot/config-* nor /proc/config.gz of this kernel",
                advice=advice,
            )
        elif name not in settings and not weak:
            yield Finding(
                "configuration",
                name,
                "no",
                detail="not set in this kernel's configuration",
                advice="declare it __weak, then it is 0",
            )
        else:
            yield Finding("configuration", name, "yes", detail=f"is {settings.get(name, 'not set, and weak')}")


def _capabilities(analysis: Analysis) -> Iterator[Finding]:
    target = analysis.target
    for name in needs_of(analysis.obj).capabilities:
        held = target.holds(CAPABILITIES[name])
        if name == "CAP_DAC_READ_SEARCH" and not held:
            held = target.tracefs >= 0
        where = "CAP_NET_ADMIN is for network programs" if CAPABILITIES[name] == NET_ADMIN else ""
        yield Finding(
            "capability",
            name,
            "yes" if held else "no",
            since="5.8" if name in ("CAP_BPF", "CAP_PERFMON") else "",
            detail="held" if held else where or "not held",
            advice="" if held else "run with sudo",
        )
    unprivileged = read("/proc/sys/kernel/unprivileged_bpf_disabled")
    if unprivileged and not target.may_probe:
        meaning = {"0": "allowed, for socket filters", "1": "disabled until reboot", "2": "disabled"}.get(
            unprivileged, "unknown"
        )
        yield Finding("machine", "unprivileged bpf", "yes", False, detail=meaning)


def _limits(analysis: Analysis) -> Iterator[Finding]:
    import resource

    target = analysis.target
    if target.knows("helper", KTIME_GET_COARSE_NS) is not False:
        return  # maps are not counted against it
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    wanted = sum(
        _memory(each.max_entries, each.key_size, each.value_size, each.type) for each in analysis.obj.maps.values()
    )
    wanted += sum(each.size for each in analysis.obj.data_sections) + (256 << 10)
    fits = resource.RLIM_INFINITY in (soft, hard) or max(soft, hard) >= wanted or target.holds(SYS_RESOURCE)
    yield Finding(
        "machine",
        "RLIMIT_MEMLOCK",
        "yes" if fits else "no",
        detail=f"maps need about {wanted} bytes, and count against it before Linux 5.11 (limit {hard})",
        advice="" if fits else "raise it (ulimit -l unlimited), or run with sudo",
    )


def _memory(entries: int, key: int, value: int, kind: int) -> int:
    if kind == 27:  # a ring buffer's entries are its bytes
        return entries
    return min(entries, 1 << 24) * (-(-key // 8) * 8 + -(-value // 8) * 8 + 64)


def _jit(analysis: Analysis) -> Iterator[Finding]:
    if read("/proc/sys/net/core/bpf_jit_enable") != "0":
        return
    names = tuple(
        name for name, (kind, attach) in analysis.types.items() if kind in NEEDS_JIT and attach not in (TP_BTF, ITER)
    )
    if names:
        yield Finding(
            "machine",
            "BPF JIT",
            "no",
            programs=names,
            detail="it is off, and these programs run as native code only",
            fatal=any(analysis.is_fatal(name) for name in names),
            advice="sysctl net.core.bpf_jit_enable=1",
        )
