"""Kernels' types in files: raw BTF, kernel images, BTFHub's archive, kernel packages of Debian and Ubuntu."""

from __future__ import annotations

import os

from eunomia.btf.compressed import compression, unpack
from eunomia.btf.image import Image, is_image, machine_of, read_image
from eunomia.errors import PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ANY = "any"  # stands in an archive for what is not known of a kernel
MAX_BTF = 256 << 20
_MAX_FILE = 4 << 30
_MACHINES = {"x86_64", "aarch64", "arm64", "riscv64", "ppc64le", "s390x", "loongarch64"}
_ALIASES = {"amd64": "x86_64", "x86": "x86_64"}
_SUFFIXES = (".btf.tar.xz", ".tar.xz", ".btf.xz", ".btf.gz", ".btf.zst", ".btf.bz2", ".btf")
_PREFIXES = ("vmlinux-", "vmlinuz-", "btf-", "bzImage-", "Image-")
_IMAGES = ("vmlinux", "vmlinuz", "bzimage", "image")


class KernelBtf:
    """The types of one kernel, and what is known of it: names as in os-release and uname, "" for what is not.

    Attributes:
        place: where it belongs in a package's archive.
        btf: raw BTF.
        source: file that it came from.
    """

    __slots__ = ("btf", "place", "source")

    def __init__(self, place: str, btf: bytes, source: str) -> None:
        self.place = place
        self.btf = btf
        self.source = source


def read_kernel_btf(path: str) -> bytes:
    """Return the raw BTF of one kernel.

    Args:
        path: raw BTF, a kernel image (vmlinux, vmlinuz, bzImage, Image), one of these packed, BTFHub's .btf.tar.xz, or
            a kernel's .deb.

    Raises:
        OSError: it cannot be read.
        PackageError: it is none of these, damaged, or has no BTF.
    """
    return next(_of_file(path, os.path.basename(path))).btf


def is_raw_btf(path: str) -> bool:
    """Whether a file begins as raw BTF does, which libbpf reads by itself."""
    with open(path, "rb") as file:
        return file.read(2) == b"\x9f\xeb"


def iter_kernels(path: str, skipped: Callable[[str], None]) -> Iterator[KernelBtf]:
    """Yield the kernels of a file, or of all files of a folder and the folders in it.

    Args:
        path: a file as read_kernel_btf() takes it, or a folder.
        skipped: gets a line for each file of a folder that looks like a kernel's and gave none.

    Raises:
        OSError: it cannot be read.
        PackageError: the file is none, is damaged, or has no BTF.
    """
    if not os.path.isdir(path):
        yield from _of_file(path, path)
        return
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            file = os.path.join(folder, name)
            if not os.path.isfile(file) or not _may_be_kernel(file):
                continue
            try:
                yield from _of_file(file, os.path.relpath(file, path))
            except (OSError, PackageError) as exc:
                skipped(f"{file}: left out: {getattr(exc, 'strerror', None) or exc}")


def _may_be_kernel(path: str) -> bool:
    name = os.path.basename(path).lower()
    if name.endswith((*_SUFFIXES, ".deb", ".ddeb")):
        return True
    with open(path, "rb") as file:
        start = file.read(1024)
    return start[:2] == b"\x9f\xeb" or (name.startswith(_IMAGES) and is_image(start))


def _of_file(path: str, place: str) -> Iterator[KernelBtf]:
    from eunomia.btf.deb import MAGIC

    size = os.path.getsize(path)
    if size > _MAX_FILE:
        raise PackageError(f"read {path}: {size} bytes, at most {_MAX_FILE} are read")
    with open(path, "rb") as file:
        start = file.read(1024)
        if start.startswith(MAGIC):
            yield from _of_deb(path)
            return
        if not is_image(start):
            raise PackageError(f"read {path}: neither BTF, a kernel image nor a kernel package")
        data = _whole(file.fileno(), size)
    try:
        image = read_image(_first_of_tar(unpack(data)) if compression(start) else data)
    except PackageError as exc:
        raise PackageError(f"read {path}: {_cause(exc)}") from exc
    yield KernelBtf(_place(place, image), image.btf, path)


def _whole(descriptor: int, size: int) -> bytes:
    import mmap

    if size < 64 << 20:
        os.lseek(descriptor, 0, os.SEEK_SET)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()  # sysfs gives 4 KiB a call on kernels before 6.16
    return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)  # type: ignore[return-value]  # sliced as bytes are


def _cause(exc: PackageError) -> str:
    return str(exc).partition(": ")[2] or str(exc)


def _first_of_tar(data: bytes) -> bytes:
    """The .btf in a tar, as BTFHub packs them one by one; anything else as it is."""
    if data[257:262] != b"ustar":
        return data
    import io
    import tarfile

    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() and member.name.endswith(".btf") else None
                if content is not None:
                    return content.read(MAX_BTF)
    except (tarfile.TarError, EOFError, ValueError) as exc:
        raise PackageError(f"read tar: damaged ({exc})") from exc
    raise PackageError("read tar: no .btf in it")


def _of_deb(path: str) -> Iterator[KernelBtf]:
    from eunomia.btf.deb import Deb

    deb = Deb(path)
    count = 0
    for release, data in deb.iter_images():
        try:
            image = read_image(data)
        except PackageError as exc:
            raise PackageError(f"read {path}: kernel {release}: {_cause(exc)}") from exc
        count += 1
        place = "/".join(part or ANY for part in (deb.distribution, deb.version, deb.machine or image.machine, release))
        yield KernelBtf(f"{place}.btf", image.btf, path)
    if not count:
        raise PackageError(
            f"read {path}: no kernel image in it [linux-image-RELEASE, linux-image-unsigned-RELEASE,"
            " linux-binary-RELEASE, or the package with its vmlinux]"
        )


def _place(path: str, image: Image) -> str:
    """ID/VERSION_ID/MACHINE/RELEASE.btf, of a path that says so as BTFHub's do, else of what the image says."""
    folders = [part for part in path.split("/")[:-1] if part not in {"", ".", ".."}]
    release = _release(path.rsplit("/", 1)[-1]) or image.release or ANY
    machine = folders[-1] if folders else ""
    machine = _ALIASES.get(machine, machine)
    if machine not in _MACHINES:
        return f"{ANY}/{ANY}/{image.machine or machine_of(image.btf) or ANY}/{image.release or release}.btf"
    known = [*folders[-3:-1]] if len(folders) >= 3 else [ANY, ANY]
    return "/".join([*known, machine, f"{release}.btf"])


def _release(name: str) -> str:
    """The kernel release that a file is named for, "" for a name without one."""
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            name = name.removesuffix(suffix)
            break
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return "" if name.lower() in _IMAGES else name
