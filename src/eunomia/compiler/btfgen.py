"""Minimal BTF for kernels that have none: from a local BTFHub archive, only the types that an object needs."""

from __future__ import annotations

import errno
import os

from eunomia.compiler import cache
from eunomia.errors import CompileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eunomia.package.model import Package

_BTFHUB = "https://github.com/aquasecurity/btfhub-archive"
_MAX_BTF = 64 << 20
_PACKED = (".btf.tar.xz", ".tar.xz")


def default_archive() -> str:
    """Return where upstream keeps the archive: $EUNOMIA_HOME, else the user's data folder."""
    home = os.environ.get("EUNOMIA_HOME")
    if not home:
        data = os.environ.get("XDG_DATA_HOME", "").partition(":")[0]
        home = os.path.join(data or os.path.expanduser("~/.local/share"), "eunomia")
    return os.path.join(home, "btfhub-archive")


def add_archive(package: Package, folder: str | None, note: Callable[[str], None]) -> Package:
    """Return the package with minimal BTF of every kernel in an archive.

    Args:
        package: gets the archive.
        folder: DISTRO/VERSION/ARCH/RELEASE.btf, or .btf.tar.xz as BTFHub has them; None: default_archive(). Keep in it
            only the kernels that you need: all of BTFHub are thousands.
        note: gets a line for each kernel that was left out.

    Raises:
        CompileError: there is no such folder, it holds no BTF, or a file of it is none.
    """
    root = folder or default_archive()
    if not os.path.isdir(root):
        raise CompileError(
            f"add BTF of other kernels: no archive in {root} [git clone --depth 1 {_BTFHUB},"
            " keep the kernels that you need, and give its folder with --btfhub-archive]"
        )
    found = {}
    for name, path in sorted(_files(root)):
        try:
            found[name] = _minimal(package.object, path)
        except OSError as exc:
            if exc.errno == errno.ENODATA:
                note("the object asks for no type of the kernel: it needs no BTF")
                return package
            raise CompileError(f"add BTF of {name}: {exc.strerror or exc}") from exc
        note(f"{name}: {len(found[name])} bytes of BTF")
    if not found:
        raise CompileError(f"add BTF of other kernels: {root} has no .btf and no .btf.tar.xz")
    package.btf_archive = found
    return package


def _files(root: str) -> Iterator[tuple[str, str]]:
    """(name in the archive, path) of every kernel's BTF."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for file in files:
            suffix = next((each for each in (*_PACKED, ".btf") if file.endswith(each)), None)
            if suffix:
                place = os.path.relpath(os.path.join(folder, file.removesuffix(suffix)), root)
                yield f"{place}.btf", os.path.join(folder, file)


def _minimal(elf: bytes, path: str) -> bytes:
    from eunomia._native import check, lib
    from eunomia.compiler import _WorkFolder

    with _WorkFolder() as work:
        source, output = path, os.path.join(work, "minimal.btf")
        if not path.endswith(".btf"):
            source = os.path.join(work, "whole.btf")
            with open(source, "wb") as file:
                file.write(_unpacked(path))
        check(lib.eu_minimal_btf(elf, len(elf), os.fsencode(source), os.fsencode(output)), "make minimal BTF")
        with open(output, "rb") as file:
            data = file.read()
        cache.remove(output)
        return data


def _unpacked(path: str) -> bytes:
    """The .btf inside of a .tar.xz."""
    import lzma
    import tarfile

    try:
        with tarfile.open(path, "r:xz") as tar:
            for member in tar:
                if member.isfile() and member.name.endswith(".btf"):
                    if member.size > _MAX_BTF:
                        raise CompileError(
                            f"read {path}: {member.name} has {member.size} bytes, at most {_MAX_BTF} are read"
                        )
                    file = tar.extractfile(member)
                    if file is not None:
                        return file.read()
    except (tarfile.TarError, lzma.LZMAError, EOFError) as exc:
        raise CompileError(f"read {path}: not a .tar.xz ({exc})") from exc
    raise CompileError(f"read {path}: no .btf in it")
