"""Compressed bytes, told by their first bytes: what kernel images and packages of distributions are packed with."""

from __future__ import annotations

from eunomia.errors import MissingDependencyError, PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

LIMIT = 1 << 30  # of what comes out
_MAGICS = (
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"\x5d\0\0", "lzma"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"\x89LZO\0", "lzo"),
)
_LZ4_BLOCK = 8 << 20  # what a block of the legacy frame holds, at most


def compression(start: bytes) -> str | None:
    """Return the name of the compression that bytes begin with, None for others."""
    return next((name for magic, name in _MAGICS if start.startswith(magic)), None)


def damage() -> tuple[type[Exception], ...]:
    """Return what the decompressors that are in use raise for damaged bytes."""
    import lzma
    import sys
    import zlib

    zstd = (getattr(sys.modules.get(name), "ZstdError", None) for name in ("compression.zstd", "zstandard"))
    return lzma.LZMAError, zlib.error, EOFError, ValueError, OSError, *filter(None, zstd)


def unpack(data: bytes, limit: int = LIMIT) -> bytes:
    """Return what compressed bytes hold; what stands behind their end is ignored.

    Args:
        data: of one of the kinds that compression() names.
        limit: of the result, in bytes.

    Raises:
        PackageError: damaged, cut short, larger than the limit, or of a kind that cannot be read.
        MissingDependencyError: zstd or lz4, and nothing here reads it.
    """
    kind = compression(bytes(data[:8]))
    try:
        if kind in {"gzip", "xz", "lzma", "bzip2"}:
            found = _by_library(kind, data, limit)
        elif kind == "zstd":
            found = _zstd(data, limit)
        elif kind == "lz4":
            found = _lz4(data, limit)
        else:
            raise PackageError(f"unpack: {kind or 'unknown'} compression cannot be read")
    except damage() as exc:
        raise PackageError(f"unpack {kind}: {exc}") from exc
    if len(found) > limit:
        raise PackageError(f"unpack {kind}: more than {limit} bytes")
    return found


def _by_library(kind: str, data: bytes, limit: int) -> bytes:
    import bz2
    import lzma
    import zlib

    found: bytes
    try:
        if kind == "gzip":
            gzip = zlib.decompressobj(31)
            found, ended = gzip.decompress(data, limit + 1), gzip.eof
        else:
            other = bz2.BZ2Decompressor() if kind == "bzip2" else lzma.LZMADecompressor()
            found, ended = other.decompress(data, limit + 1), other.eof
    except (zlib.error, lzma.LZMAError) as exc:
        raise PackageError(f"unpack {kind}: {str(exc).lower()}") from exc
    if not ended and len(found) <= limit:
        raise PackageError(f"unpack {kind}: cut short")
    return found


def _zstd(data: bytes, limit: int) -> bytes:
    import io

    with open_zstd(io.BytesIO(data)) as file:
        return file.read(limit + 1)


def open_zstd(file: IO[bytes]) -> IO[bytes]:
    """Return a file of what a zstd file holds, by Python 3.14, PyPI's zstandard or the command zstd.

    Raises:
        MissingDependencyError: none of them is there.
    """
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14

        return zstd.open(file)  # type: ignore[no-any-return,unused-ignore]
    except ImportError:  # an older Python
        pass
    try:
        import zstandard  # type: ignore[import-not-found,unused-ignore]

        return zstandard.ZstdDecompressor(max_window_size=1 << 31).stream_reader(file)  # type: ignore[no-any-return,unused-ignore]
    except ImportError:
        return _by_command(file)


def _by_command(file: IO[bytes]) -> IO[bytes]:
    import shutil
    import subprocess
    import tempfile

    command = shutil.which("zstd")
    if not command:
        raise MissingDependencyError("unpack zstd: nothing here reads it [apt install zstd, or pip install zstandard]")
    with tempfile.TemporaryFile() as copy:  # a command wants a descriptor
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        done = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it
        result = subprocess.run(
            [command, "-dcq", "--long=31"], stdin=copy, stdout=done, stderr=subprocess.PIPE, check=False
        )
    done.seek(0)
    if result.returncode:
        done.close()
        raise PackageError(f"unpack zstd: {result.stderr.decode('utf-8', 'replace').strip()[-200:] or 'damaged'}")
    return done


def _lz4(data: bytes, limit: int) -> bytes:
    """The legacy frame, which is what `lz4 -l` and kernels write: blocks of 8 MiB, each with its size in front."""
    try:
        from lz4.block import LZ4BlockError, decompress  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as exc:
        raise MissingDependencyError("unpack lz4: nothing here reads it [pip install lz4]") from exc
    found = bytearray()
    at = 4
    while at + 4 <= len(data) and len(found) <= limit:
        size = int.from_bytes(data[at : at + 4], "little")
        at += 4
        if size == 0x184C2102:  # another frame begins
            continue
        if size > len(data) - at:
            break  # the length that the kernel's build puts behind the payload
        try:
            found += decompress(data[at : at + size], uncompressed_size=_LZ4_BLOCK)
        except LZ4BlockError as exc:
            raise PackageError("unpack lz4: damaged") from exc
        at += size
    return bytes(found)
