"""Minimal BTF for kernels that have none: of each only the types that an object needs, a few KB."""

from __future__ import annotations

import errno
import os

from eunomia.compiler import cache
from eunomia.errors import CompileError, PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eunomia.btf.kernels import KernelBtf
    from eunomia.package.model import Package

_BTFHUB = "https://github.com/aquasecurity/btfhub-archive"


def default_archive() -> str:
    """Return where upstream keeps the archive: $EUNOMIA_HOME, else the user's data folder."""
    home = os.environ.get("EUNOMIA_HOME")
    if not home:
        data = os.environ.get("XDG_DATA_HOME", "").partition(":")[0]
        home = os.path.join(data or os.path.expanduser("~/.local/share"), "eunomia")
    return os.path.join(home, "btfhub-archive")


def add_archive(
    package: Package, kernels: Sequence[str], note: Callable[[str], None], warn: Callable[[str], None]
) -> Package:
    """Return the package with minimal BTF of every kernel that is given.

    Args:
        package: gets the archive, beside what its archive holds already.
        kernels: folders of kernels' BTF in any layout, BTF files, kernel images, .deb packages; empty:
            default_archive(). All of BTFHub are thousands: keep in a folder only the kernels that you need.
        note: gets a line for each kernel.
        warn: gets a line for each file of a folder that was left out, and the sum.

    Raises:
        CompileError: a path is missing, holds no BTF, or a file that was named is none.
    """
    from eunomia.btf.kernels import iter_kernels

    objects = _Objects(package)
    found: dict[str, bytes] = {}
    for path in kernels or [_hub()]:
        if not os.path.exists(path):
            raise CompileError(f"add BTF of other kernels: {path}: no such file or folder")
        try:
            for kernel in iter_kernels(path, warn):
                elf = objects.of(kernel)
                if elf is None:
                    warn(f"{kernel.source}: left out: the package has no object for {_machine(kernel)}")
                    continue
                small = _minimal(elf, kernel)
                if small is None:
                    objects.without_types = True
                    continue
                if kernel.place not in found:
                    note(f"{kernel.place}: {len(small)} bytes of BTF")
                found[kernel.place] = small
        except (PackageError, OSError) as exc:
            raise CompileError(f"add BTF of other kernels: {getattr(exc, 'strerror', None) or exc}") from exc
    if not found and objects.without_types:
        note("the object asks for no type of the kernel: it needs no BTF")
        return package
    if not found:
        raise CompileError(
            "add BTF of other kernels: no kernel in "
            f"{' '.join(kernels) or default_archive()} [.btf, .btf.tar.xz, vmlinux, vmlinuz or .deb files]"
        )
    package.btf_archive = {**package.btf_archive, **found}
    warn(_sum(found))
    return package


class _Objects:
    """The package's object for each architecture, unpacked once."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._by_arch: dict[str, bytes | None] = {}
        self.without_types = False
        """Whether one asks for no type of the kernel."""

    def of(self, kernel: KernelBtf) -> bytes | None:
        """Return the object that runs on a kernel, None where there is none; the package's own for unknown machines."""
        from eunomia.btf.kernels import ANY
        from eunomia.package.arches import choose, kernel_name

        machine = _machine(kernel)
        if machine == ANY:
            return self._package.object
        arch = kernel_name(machine)
        if arch not in self._by_arch:
            chosen = choose(self._package, arch)
            self._by_arch[arch] = chosen.object if chosen else None
        return self._by_arch[arch]


def _machine(kernel: KernelBtf) -> str:
    return kernel.place.rsplit("/", 2)[-2]


def _hub() -> str:
    root = default_archive()
    if not os.path.isdir(root):
        raise CompileError(
            f"add BTF of other kernels: no archive in {root} [--kernels FILE|DIR names kernels: their BTF,"
            f" vmlinuz or .deb; or git clone --depth 1 {_BTFHUB} there, and keep the kernels that you need]"
        )
    return root


def _sum(found: dict[str, bytes]) -> str:
    sizes = [len(data) for data in found.values()]
    different = set(found.values())
    each = f"{min(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
    same = f", {len(different)} of them different" if len(different) < len(found) else ""
    kernels = f"{len(found)} kernel{'' if len(found) == 1 else 's'}"
    return f"packed BTF of {kernels}{same}: {each} bytes each, {sum(map(len, different))} in all"


def _minimal(elf: bytes, kernel: KernelBtf) -> bytes | None:
    """Return the types of a kernel that an object's relocations may ask for; None where it asks for none.

    Raises:
        CompileError: what the object needs is not in any file.
    """
    from eunomia._native import error, lib
    from eunomia.compiler import _WorkFolder

    with _WorkFolder() as work:
        source, output = os.path.join(work, "whole.btf"), os.path.join(work, "minimal.btf")
        with open(source, "wb") as file:
            file.write(kernel.btf)
        if lib.eu_minimal_btf(elf, len(elf), os.fsencode(source), os.fsencode(output)) < 0:
            failure = error("make minimal BTF")
            if failure.errno == errno.ENODATA:
                return None
            raise CompileError(f"add BTF of {kernel.source}: {failure.strerror}") from failure
        with open(output, "rb") as file:
            data = file.read()
        cache.remove(output)
        return data
