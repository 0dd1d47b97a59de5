"""Will a package run on a kernel, and if not, why: found out before anything of it is loaded.

report = package.check()            # or eunomia.kernel.preflight.check(package, kernel_btf="other.btf")
report.runs                         # "yes", "no", "unknown"
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eunomia.kernel.preflight.report import Finding, Report, Verified

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from eunomia.kernel.preflight.plan import Plan
    from eunomia.kernel.preflight.target import Target
    from eunomia.package.model import Package

__all__ = ["Finding", "Report", "Verified", "check", "check_plan", "of_another_architecture", "part_for"]


def check(
    package: Package,
    kernel_btf: str | None = None,
    load: bool = False,
    *,
    values: Mapping[str, Any] | None = None,
    targets: Mapping[str, Sequence[str]] | Sequence[str] | None = None,
    enable: Iterable[str] = (),
    skip: Iterable[str] = (),
    btf: str | None = None,
    target: Target | None = None,
) -> Report:
    """Find out whether a package runs here, or on the kernel whose types a file has.

    Nothing of the package is loaded unless `load` is given; where privileges allow, the kernel is asked by loading and
    attaching empty programs of its own for a moment.

    Args:
        package: the package.
        kernel_btf: raw BTF, or a vmlinux, of another kernel: what it tells is said, the rest is unknown.
        load: load the package too, and report what the verifier says of each program. Needs the privileges of a run.
        values: of the package's variables, by their names, as for `Package.load`.
        targets: what programs attach to, by their names, as for `Object.attach`; of a plain list each is for all
            programs that take its kind, as with `ecli run --attach`.
        enable: programs that are off (`SEC("?…")`), and are run all the same.
        skip: programs that are left out.
        btf: file with types to relocate against, as for `Package.load`.
        target: what is known of a kernel, to ask it for many packages: its types are read once.

    Raises:
        PackageError: the object is damaged, or the file is no BTF.
        OptionError: a value is none of a variable's.
        OSError: the file cannot be read.
        KeyError: enable or skip name no program.
        ValueError: kernel_btf and load together.
    """
    from eunomia.kernel.preflight.plan import open_plan
    from eunomia.kernel.preflight.target import Target

    if load and kernel_btf is not None:
        raise ValueError("load: only the running kernel can be asked, not one of which there is a BTF file")
    target = target or Target(kernel_btf)
    chosen = part_for(package, target)
    if chosen is None:
        return of_another_architecture(package, target)
    plan, live = open_plan(chosen, values, targets, enable=enable, skip=skip, btf=btf)
    try:
        return check_plan(plan, target, load)
    finally:
        if live is not None:
            live.close()


def part_for(package: Package, target: Target) -> Package | None:
    """Return a package as a kernel's architecture runs it; None where it has no object for that."""
    from eunomia.package.arches import choose

    arch = target.arch
    return choose(package, arch) if arch else package.here()


def of_another_architecture(package: Package, target: Target) -> Report:
    """Return the report on a package that has no object for the kernel's architecture."""
    from eunomia.kernel.preflight.machine import other_architecture

    return Report(package.name, target.name, target.live, [other_architecture(package, target.arch or "unknown")])


def check_plan(plan: Plan, target: Target, load: bool = False) -> Report:
    """Find out whether what a run would do works; see `check`."""
    from eunomia.kernel.preflight.analysis import Analysis

    report = Report(plan.package.name, target.name, target.live, Analysis(plan, target).findings())
    if load:
        from eunomia.kernel.preflight.verify import verify

        verify(plan, report)
    return report
