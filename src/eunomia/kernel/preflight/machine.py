"""What is no part of a program: BTF, configuration, privileges, limits, lockdown, JIT."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from eunomia.kernel.preflight.privileges import needed
from eunomia.kernel.preflight.reach import MISSING
from eunomia.kernel.preflight.report import Finding
from eunomia.kernel.preflight.target import read
from eunomia.package.arches import served
from eunomia.package.needs import needs_of
from eunomia.package.privileges import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.btf.types import Btf
    from eunomia.kernel.preflight.analysis import Analysis
    from eunomia.package.model import Package

ATTACH_COOKIE = 174
TRACING, STRUCT_OPS, EXT, LSM = 26, 27, 28, 29
NEEDS_JIT = frozenset((TRACING, STRUCT_OPS, EXT, LSM))
TP_BTF, ITER = 23, 28


def findings(analysis: Analysis) -> Iterator[Finding]:
    """Yield what the machine must have."""
    yield from _btf(analysis)
    yield from _configuration(analysis)
    if analysis.target.live:
        yield from _capabilities(analysis)
        yield from _jit(analysis)


def other_architecture(package: Package, arch: str) -> Finding:
    """Return the finding for a package without an object for the kernel's architecture."""
    there = served(package.whole)
    return Finding(
        "machine",
        f"object for {arch}",
        "no",
        detail=f"the package was made for {' and '.join(there)}, and this kernel is {arch}'s",
        advice=f"compile its source again: ecc --target-arch {','.join([*there, arch])}",
    )


def relocation_btf(analysis: Analysis) -> Btf | None:
    """Return the types that relocations are resolved against: the kernel's, else the archive's as a run takes it."""
    target = analysis.target
    path = analysis.plan.btf or os.environ.get("BTF_FILE_PATH")
    if not target.live or (target.btf is not None and not path):
        return target.btf
    from eunomia.btf.types import Btf
    from eunomia.errors import PackageError
    from eunomia.kernel.archive import archived_btf
    from eunomia.kernel.preflight.target import read_btf

    try:
        if path:
            return read_btf(path)
        found = archived_btf(analysis.package) if analysis.package.btf_archive else None
        return Btf.from_bytes(found) if found else None
    except (OSError, PackageError):
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
        kind, weak = self._analysis.externs.get(name, ("", False))
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
        settings = configuration(self._analysis)
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


def configuration(analysis: Analysis) -> dict[str, str] | None:
    """Return the kernel's configuration as the object sees it: what was given for the run goes before the kernel's."""
    known = analysis.target.configuration if analysis.target.live else None
    given = dict(line.partition("=")[::2] for line in analysis.plan.settings.kconfig.splitlines() if "=" in line)
    return {**(known or {}), **given} if known is not None or given else None


def externs(analysis: Analysis) -> Externs:
    """Return the values of the object's externs."""
    return Externs(analysis)


def _configuration(analysis: Analysis) -> Iterator[Finding]:
    wanted = {
        name: weak
        for name, (kind, weak) in analysis.externs.items()
        if kind == "kconfig" and name.startswith("CONFIG_")
    }
    settings = configuration(analysis)
    for name, weak in wanted.items():
        if not analysis.target.live and name not in (settings or ()):
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
    needs = needed(analysis.obj, target, analysis.plan.loaded)
    for name, need in needs.items():
        held = target.holds(NUMBERS[name])
        detail = f"{'held' if held else 'not held'}, to {' and '.join(need.steps)} it"
        yield Finding(
            "capability",
            name,
            "yes" if held else "no",
            programs=tuple(need.programs),
            since="5.8" if name in ("CAP_BPF", "CAP_PERFMON") else "",
            detail=f"{detail}; {need.note}" if need.note else detail,
            advice="" if held else "run with sudo",
        )
    unprivileged = read("/proc/sys/kernel/unprivileged_bpf_disabled")
    if unprivileged and not target.may_probe:
        meaning = {"0": "allowed, for socket filters", "1": "disabled until reboot", "2": "disabled"}.get(
            unprivileged, "unknown"
        )
        yield Finding("machine", "unprivileged bpf", "yes", False, detail=meaning)


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
