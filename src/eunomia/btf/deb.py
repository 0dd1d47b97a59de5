"""Kernel packages of Debian and Ubuntu: the images in a .deb, and the distribution that it is for."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tarfile

from eunomia.btf.compressed import compression, damage, open_zstd
from eunomia.errors import PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, Any

MAGIC = b"!<arch>\n"
_MAX_IMAGE = 4 << 30
# boot/vmlinuz-R, usr/lib/modules/R/vmlinuz, and below usr/lib/debug the vmlinux of debugging packages
_IMAGE = re.compile(r"(?:^|/)(?:vmlinu[xz](?:\.efi)?-(?P<tail>[^/]+)|modules/(?P<folder>[^/]+)/vmlinu[xz](?:\.efi)?)$")
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64", "ppc64el": "ppc64le"}
_DEBIAN = {"4.19": "10", "5.10": "11", "6.1": "12", "6.12": "13"}
_UBUNTU = {"4.15": "18.04", "5.4": "20.04", "5.15": "22.04", "6.8": "24.04"}


class Deb:
    """A .deb: `distribution` and `version` as os-release has them ("" where not known), `machine` as uname has it."""

    __slots__ = ("_path", "distribution", "machine", "version")

    def __init__(self, path: str) -> None:
        self._path = path
        fields = _control(path)
        self.machine = _ARCHITECTURES.get(fields.get("architecture", ""), fields.get("architecture", ""))
        self.distribution, self.version = _release_of(fields)

    def iter_images(self) -> Iterator[tuple[str, bytes]]:
        """Yield (kernel release, image) of the kernels in it.

        Raises:
            PackageError: the package is damaged.
        """
        with open(self._path, "rb") as file, _tar(file, self._path, "data.tar") as tar:
            for member in tar:
                found = _IMAGE.search(member.name)
                if not found or not member.isreg():
                    continue
                if member.size > _MAX_IMAGE:
                    raise PackageError(f"read {self._path}: {member.name} has {member.size} bytes")
                content = tar.extractfile(member)
                if content is not None:
                    yield found["tail"] or found["folder"], _bytes_of(content, member.size)


def _bytes_of(content: IO[bytes], size: int) -> bytes:
    """Read an image; one with debugging information, hundreds of MB, is mapped from a file that has no name."""
    if size < 256 << 20:
        return content.read()
    import mmap
    import shutil
    import tempfile

    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(content, file, 1 << 20)
        file.flush()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # type: ignore[return-value]  # sliced as bytes are


def _control(path: str) -> dict[str, str]:
    with open(path, "rb") as file, _tar(file, path, "control.tar") as tar:
        for member in tar:
            content = tar.extractfile(member) if os.path.basename(member.name) == "control" else None
            if content is not None:
                lines = content.read(1 << 20).decode("utf-8", "replace").splitlines()
                pairs = (line.partition(":") for line in lines if line[:1].strip())
                return {name.lower(): value.strip() for name, _, value in pairs}
    raise PackageError(f"read {path}: a Debian package without its control file")


def _release_of(fields: dict[str, str]) -> tuple[str, str]:
    """The distribution, and which release of it: versions name it, or the kernel's series tells."""
    version = fields.get("version", "")
    series = ".".join(re.split(r"[.+~-]", version)[:2])
    if "ubuntu" in (fields.get("maintainer", "") + version).lower():
        backport = re.search(r"~(\d\d\.\d\d)(?:\.|$)", version)
        return "ubuntu", backport[1] if backport else _UBUNTU.get(series, "")
    named = re.search(r"[~+]?(?:deb|bpo)(\d{2})(?:\D|$)", version)
    return "debian", named[1] if named else _DEBIAN.get(series, "")


@contextlib.contextmanager
def _tar(file: IO[bytes], path: str, name: str) -> Iterator[tarfile.TarFile]:
    """The tar `name` with whatever suffix, read from its front to its back.

    Raises:
        PackageError: the package, or what is read of it meanwhile, is damaged.
    """
    try:
        with _member(file, path, name) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            yield tar
    except _damage() as exc:
        if isinstance(exc, OSError) and exc.errno:  # the machine's, not the package's
            raise
        raise PackageError(f"read {path}: a damaged Debian package ({exc})") from exc


def _damage() -> tuple[type[Exception], ...]:
    return tarfile.TarError, *damage()


def _member(file: IO[bytes], path: str, name: str) -> IO[bytes]:
    """Open a member of the archive, unpacked. Source: deb(5)."""
    if file.read(len(MAGIC)) != MAGIC:
        raise PackageError(f"read {path}: not a Debian package")
    while len(header := file.read(60)) == 60:
        if not header[48:58].strip().isdigit():
            break
        size = int(header[48:58])
        if header[:16].decode("ascii", "replace").strip().rstrip("/").startswith(name):
            return _unpacked(io.BufferedReader(_Part(file, size), 1 << 16))
        file.seek(size + size % 2, os.SEEK_CUR)
    raise PackageError(f"read {path}: a Debian package without {name}")


def _unpacked(part: Any) -> IO[bytes]:
    import bz2
    import gzip
    import lzma

    kind = compression(part.peek(8)[:8])
    if kind in {"xz", "lzma"}:
        return lzma.open(part)
    if kind == "gzip":
        return gzip.open(part)  # type: ignore[return-value]
    if kind == "bzip2":
        return bz2.open(part)
    plain: IO[bytes] = open_zstd(part) if kind == "zstd" else part
    return plain


class _Part(io.RawIOBase):
    """The next `size` bytes of a file as a file of their own."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._file.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)
