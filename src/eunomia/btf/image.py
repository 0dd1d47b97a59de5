"""Kernel images: the BTF, the release and the machine of a vmlinux, a vmlinuz or an Image, packed or not."""

from __future__ import annotations

from struct import Struct

from eunomia.btf.compressed import compression, unpack
from eunomia.btf.elf import ElfFile
from eunomia.errors import PackageError

_BTF_HEADER = Struct("<HBBIIIII")
_BTF_START = b"\x9f\xeb\x01\x00\x18\x00\x00\x00\x00\x00\x00\x00"  # version 1, header of 24 bytes, types right behind it
_BIG_ENDIAN = b"\xeb\x9f"
_MACHINES = {62: "x86_64", 183: "aarch64", 243: "riscv64", 21: "ppc64le", 22: "s390x", 258: "loongarch64"}
# A type that only this architecture's kernels have.
_TYPES = (
    (b"\0orig_ax\0", "x86_64"),
    (b"\0user_fpsimd_state\0", "aarch64"),
    (b"\0__riscv_d_ext_state\0", "riscv64"),
    (b"\0paca_struct\0", "ppc64le"),
    (b"\0loongarch_fpu\0", "loongarch64"),
)
_DEEPEST = 3  # an Image.gz in an EFI image


class Image:
    """What a kernel image says: `btf` raw, `release` as in uname -r and `machine` as in uname -m; "" where unknown."""

    __slots__ = ("btf", "machine", "release")

    def __init__(self, btf: bytes, release: str, machine: str) -> None:
        self.btf = btf
        self.release = release
        self.machine = machine


def is_btf(data: bytes) -> bool:
    """Whether bytes are raw BTF, by a header that fits them."""
    if len(data) < _BTF_HEADER.size:
        return False
    magic, version, _flags, size, types, nr_types, strings, nr_strings = _BTF_HEADER.unpack_from(data)
    room = len(data) - size
    return bool(
        magic == 0xEB9F
        and version == 1
        and size >= _BTF_HEADER.size
        and types + nr_types <= room
        and strings + nr_strings <= room
        and nr_strings > 0
        and data[size + strings + nr_strings - 1] == 0
    )


def is_image(start: bytes) -> bool:
    """Whether the first KiB of a file may be a kernel's: BTF, ELF, bzImage, Image, or one of these packed."""
    return (
        start[:4] == b"\x7fELF"
        or start[:2] in {b"\x9f\xeb", _BIG_ENDIAN}
        or start[0x202:0x206] == b"HdrS"
        or start[4:8] == b"zimg"
        or _is_flat(start)
        or compression(start) is not None
    )


def read_image(data: bytes, depth: int = 0) -> Image:
    """Return what a kernel image says of its types.

    Args:
        data: the file, or raw BTF; an mmap will do.
        depth: how often it was unpacked.

    Raises:
        PackageError: not a kernel, damaged, or without BTF.
        MissingDependencyError: packed with zstd, which nothing here reads.

    Source: Documentation/arch/x86/boot.rst, arch/arm64/booting.rst, drivers/firmware/efi/libstub/zboot-header.S.
    """
    start = bytes(data[:1024])
    if start[:2] == b"\x9f\xeb":
        return _raw(bytes(data))
    if len(start) < 64:
        raise PackageError("read kernel image: cut short")
    if start[:2] == _BIG_ENDIAN:
        raise PackageError("read BTF: of a big-endian kernel, which is not supported")
    if start[:4] == b"\x7fELF":
        return _elf(data)
    if depth == _DEEPEST:
        raise PackageError("read kernel image: packed too often")
    if start[0x202:0x206] == b"HdrS":
        return _bzimage(bytes(data), depth)
    if start[4:8] == b"zimg":
        offset, size = Struct("<II").unpack_from(start, 8)
        return read_image(unpack(_payload(bytes(data), offset, size, start[24:56].startswith(b"gzip"))), depth + 1)
    if compression(start):
        return read_image(unpack(bytes(data)), depth + 1)
    if _is_flat(start):
        return _flat(bytes(data))
    raise PackageError("read kernel image: neither BTF nor a kernel (vmlinux, vmlinuz, bzImage, Image)")


def _is_flat(start: bytes) -> bool:
    return start[56:60] in {b"ARM\x64", b"RSC\x05"} or (start[:2] == b"MZ" and start[56:60] == b"\xcd\x23\x82\x81")


def _raw(data: bytes) -> Image:
    if not is_btf(data):
        raise PackageError("read BTF: damaged")
    return Image(data, "", machine_of(data))


def machine_of(btf: bytes) -> str:
    """Return the machine (uname -m) whose kernel has these types, "" where they do not tell."""
    return next((machine for name, machine in _TYPES if name in btf), "")


def _elf(data: bytes) -> Image:
    if bytes(data[4:6]) != b"\x02\x01":
        raise PackageError("read kernel image: not 64-bit little-endian, which alone is supported")
    elf = ElfFile(data)
    section = elf.section(".BTF")
    if section is None or not section.data:
        raise PackageError("read kernel image: it has no .BTF section (built without CONFIG_DEBUG_INFO_BTF)")
    btf = section.data
    if not is_btf(btf):
        raise PackageError("read kernel image: its .BTF section is damaged")
    return Image(btf, _banner(data), _MACHINES.get(elf.machine, ""))


def _bzimage(data: bytes, depth: int) -> Image:
    if len(data) < 0x250:
        raise PackageError("read kernel image: cut short")
    sectors = data[0x1F1] or 4
    name = int.from_bytes(data[0x20E:0x210], "little")
    offset, size = Struct("<II").unpack_from(data, 0x248)
    inner = read_image(unpack(_payload(data, (sectors + 1) * 512 + offset, size, is_gzip=False)), depth + 1)
    words = data[0x200 + name : 0x200 + name + 256].split(b"\0")[0].split() if name else []
    return Image(inner.btf, words[0].decode("ascii", "replace") if words else inner.release, inner.machine or "x86_64")


def _payload(data: bytes, offset: int, size: int, is_gzip: bool) -> bytes:
    """The packed kernel; behind all but gzip's the build puts its length."""
    payload = data[offset : offset + size]
    if len(payload) != size or size < 8:
        raise PackageError("read kernel image: cut short")
    return payload if is_gzip or compression(payload) == "gzip" else payload[:-4]


def _flat(data: bytes) -> Image:
    """An Image has no section table: its BTF is what looks like it."""
    best = b""
    at = data.find(_BTF_START)
    while at >= 0:
        _magic, _version, _flags, size, _types, nr_types, strings, nr_strings = _BTF_HEADER.unpack_from(
            data + bytes(32), at
        )
        end = at + size + strings + nr_strings
        if strings == nr_types and end <= len(data) and end - at > len(best) and is_btf(data[at:end]):
            best = data[at:end]
        at = data.find(_BTF_START, at + 4)
    if not best:
        raise PackageError("read kernel image: no BTF in it (built without CONFIG_DEBUG_INFO_BTF)")
    return Image(best, _banner(data), machine_of(best))


def _banner(data: bytes) -> str:
    """The release in `Linux version RELEASE (…`; the printf format of the same words has none."""
    import re

    found = re.search(rb"Linux version ([0-9][!-~]{0,64}) \(", data)
    return found[1].decode("ascii") if found else ""
