"""What is inside a kernel image: the vmlinux of an x86 bzImage, and the BTF of a vmlinux."""

from __future__ import annotations

import lzma
import struct
import subprocess
import zlib
from pathlib import Path

_BTF_MAGIC = b"\x9f\xeb\x01"


def vmlinux(image: Path) -> bytes | None:
    """Return the ELF file inside a bzImage, None where there is none or nothing here unpacks it.

    QEMU starts it by the PVH entry: under TCG half a second sooner than the image that unpacks itself.
    Source: Documentation/arch/x86/boot.rst, `payload_offset`, `payload_length`.
    """
    data = image.read_bytes()
    if data[0x202:0x206] != b"HdrS":
        return None
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = ((data[0x1F1] or 4) + 1) * 512 + offset
    unpacked = _unpack(data[start : start + length])
    return unpacked if unpacked[:4] == b"\x7fELF" else None


def _unpack(data: bytes) -> bytes:
    try:
        if data[:2] == b"\x1f\x8b":
            return zlib.decompressobj(31).decompress(data)
        if data[:6] == b"\xfd7zXZ\0":
            return lzma.LZMADecompressor().decompress(data)
        if data[:4] == b"\x28\xb5\x2f\xfd":
            return subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=False).stdout
        if data[:4] == b"\x02\x21\x4c\x18":
            return subprocess.run(["lz4", "-dcq"], input=data, capture_output=True, check=False).stdout
    except (OSError, zlib.error, lzma.LZMAError):
        return b""
    return data


def btf(image: bytes) -> bytes | None:
    """Return the largest BTF blob of an unpacked image, the kernel's own."""
    best, at = b"", image.find(_BTF_MAGIC)
    while at >= 0:
        if len(image) - at > 24:
            header, types, types_size, strings, strings_size = struct.unpack_from("<5I", image, at + 4)
            size = header + max(types + types_size, strings + strings_size)
            if 24 <= header <= 64 and types_size and strings_size and len(best) < size <= len(image) - at:
                best = image[at : at + size]
        at = image.find(_BTF_MAGIC, at + 1)
    return best if len(best) > 500_000 else None
