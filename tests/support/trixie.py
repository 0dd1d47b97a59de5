"""Programs of Debian's next release that this one has not, unpacked into a cache outside of the checkout."""

from __future__ import annotations

import platform
from pathlib import Path

from .vm import cache
from .vm.apt import Apt, Suite, unpack

ARCHES = {"x86_64": "amd64", "aarch64": "arm64"}


def program(name: str) -> Path:
    """Return the path of a program of trixie's package of the same name; its libraries are this machine's.

    Raises:
        VmError: the package could not be fetched.
    """
    arch = ARCHES[platform.machine()]
    target = cache.folder().parent / "trixie" / f"{name}-{arch}"
    with cache.locked(f"trixie-{name}"):
        if not target.exists():
            with cache.locked(f"apt-trixie-{arch}"):
                apt = Apt(arch, Suite("debian", "trixie"))
                apt.update()
                with cache.making(target) as new:
                    apt.download([name], new / "debs")
                    unpack(new / "debs", new / "root")
    return target / "root/usr/bin" / name
