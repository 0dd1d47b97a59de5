"""BTF for kernels that carry none, out of a package's archive."""

from __future__ import annotations

import os
import platform

from eunomia.kernel.object import KERNEL_BTF
from eunomia.package.model import Package


def kernel_btf(package: Package) -> str | None:
    """Return a path of the archive's BTF for the running kernel; None where that has its own or the archive has none.

    The path is a memfd, which lives as long as the process: libbpf reads it when the object loads.

    Source: layout of BTFHub: `ID/VERSION_ID/machine/release.btf`, names of /etc/os-release.
    """
    if os.access(KERNEL_BTF, os.R_OK):
        return None
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {}
    uname = os.uname()
    found = package.archived_btf(system.get("ID", ""), system.get("VERSION_ID", ""), uname.machine, uname.release)
    if found is None:
        return None
    descriptor = os.memfd_create("eunomia-archive-btf")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(found)
    return f"/proc/self/fd/{descriptor}"
