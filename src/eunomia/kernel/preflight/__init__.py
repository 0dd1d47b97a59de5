"""Will a package run on a kernel, and if not, why: found out before anything of it is loaded.

report = package.check()            # or eunomia.kernel.preflight.check(package, kernel_btf="other.btf")
report.runs                         # "yes", "no", "unknown"
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eunomia.kernel.preflight.report import Finding, Report, Verified

if TYPE_CHECKING:
    from eunomia.package.model import Package

__all__ = ["Finding", "Report", "Verified", "check"]


def check(package: Package, kernel_btf: str | None = None, load: bool = False) -> Report:
    """Find out whether a package runs here, or on the kernel whose types a file has.

    Nothing of the package is loaded unless `load` is given; where privileges allow, the kernel is asked by loading and
    attaching empty programs of its own for a moment.

    Args:
        package: the package.
        kernel_btf: raw BTF, or a vmlinux, of another kernel: what it tells is said, the rest is unknown.
        load: load the package too, and report what the verifier says of each program. Needs the privileges of a run.

    Raises:
        PackageError: the object is damaged, or the file is no BTF.
        OSError: the file cannot be read.
        ValueError: kernel_btf and load together.
    """
    from eunomia.kernel.preflight.analysis import Analysis
    from eunomia.kernel.preflight.target import Target

    if load and kernel_btf is not None:
        raise ValueError("load: only the running kernel can be asked, not one of which there is a BTF file")
    target = Target(kernel_btf)
    report = Report(package.name, target.name, target.live, Analysis(package, target).findings())
    if load:
        from eunomia.kernel.preflight.verify import verify

        verify(package, report)
    return report
