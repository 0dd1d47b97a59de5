"""Types to relocate against that are not the running kernel's own: a file of the user's, or the package's archive."""

from __future__ import annotations

import os

from eunomia.kernel.object import KERNEL_BTF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.package.model import Package


def archived_btf(package: Package) -> bytes | None:
    """Return the archive's BTF for the running kernel; None where that has its own or the archive has none.

    Source: layout of BTFHub: `ID/VERSION_ID/machine/release.btf`, names of /etc/os-release.
    """
    return None if os.access(KERNEL_BTF, os.R_OK) else package.archived_btf(*_this_kernel())


def chosen_btf(path: str) -> bytes | None:
    """Return the BTF in a file that the user chose; None where libbpf reads that file itself.

    Args:
        path: as `eunomia.btf.kernels.read_kernel_btf` takes it.

    Raises:
        OSError: it cannot be read.
        LoadError: it holds no kernel's BTF.
    """
    from eunomia.btf.kernels import is_raw_btf, read_kernel_btf
    from eunomia.errors import LoadError, PackageError

    try:
        return None if is_raw_btf(path) else read_kernel_btf(path)
    except PackageError as exc:
        raise LoadError(str(exc)) from exc


def in_memory(btf: bytes) -> int:
    """Return the descriptor of a memfd with BTF, for its path below /proc/self/fd; the caller closes it."""
    descriptor = os.memfd_create("eunomia-kernel-btf")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(btf)
    return descriptor


def missing_btf(package: Package) -> str:
    """Say in a line that this kernel has no BTF and what its user can do."""
    distribution, version, machine, release = _this_kernel()
    kernel = " ".join(filter(None, (distribution, version, machine, release)))
    text = f"it needs the kernel's types (BTF), and this kernel ({kernel}) has no {KERNEL_BTF}"
    if package.btf_archive:
        text += f"; of the {len(package.btf_archive)} in the package's archive none is for it"
    if package.archive_damage:
        text += f"; its archive is damaged: {package.archive_damage}"
    return f"{text} [--btf FILE: its vmlinux, .deb or BTF; or pack it: ecc --kernels FILE]"


def _this_kernel() -> tuple[str, str, str, str]:
    """ID and VERSION_ID of os-release, machine and release of uname."""
    import platform

    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {}
    uname = os.uname()
    return system.get("ID", ""), system.get("VERSION_ID", ""), uname.machine, uname.release
