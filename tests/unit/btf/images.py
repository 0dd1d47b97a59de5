"""Kernels for tests, byte by byte: BTF, a vmlinux around it, images around that, and packages of distributions."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import subprocess
import tarfile

RELEASE = "5.4.0-91-generic"
BANNER = f"Linux version {RELEASE} (builder@host) #1 SMP\n\0".encode()


def btf(*names: str) -> bytes:
    """One struct without members for each name; `orig_ax` makes it an x86 kernel's."""
    strings, types = b"\0", b""
    for name in names:
        types += struct.pack("<III", len(strings), 4 << 24, 0)
        strings += name.encode() + b"\0"
    return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings


def vmlinux(types: bytes, machine: int = 62, section: bytes = b".BTF", banner: bytes = BANNER) -> bytes:
    """An ELF file with one section of types, and the banner."""
    names = b"\0" + section + b"\0.shstrtab\0"
    body = types + names + banner
    table = 64 + len(body)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, machine, 1, 0, 0, table, 0, 64, 0, 0, 64, 3, 2)
    sections = bytes(64)
    sections += struct.pack("<IIQQQQIIQQ", 1, 1, 2, 0, 64, len(types), 0, 0, 1, 0)
    sections += struct.pack("<IIQQQQIIQQ", 2 + len(section), 3, 0, 0, 64 + len(types), len(names), 0, 0, 1, 0)
    return header + body + sections


def bzimage(payload: bytes, release: str = RELEASE) -> bytes:
    """A bzImage of one set-up sector around a packed kernel."""
    head = bytearray(1024)
    head[0x1F1] = 1
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x20E, 0x100)
    struct.pack_into("<II", head, 0x248, 64, len(payload))
    words = f"{release} (builder@host) #1\0".encode()
    head[0x300 : 0x300 + len(words)] = words
    return bytes(head) + bytes(64) + payload


def flat(types: bytes, magic: bytes = b"ARM\x64") -> bytes:
    """An Image: no sections; something that only begins like BTF stands before the types."""
    head = bytearray(4096)
    head[56:60] = magic
    return bytes(head) + types[:20] + bytes(12) + types + BANNER


def zboot(payload: bytes) -> bytes:
    """An EFI image around a packed Image."""
    return b"MZ\0\0zimg" + struct.pack("<II", 512, len(payload)) + bytes(8) + b"gzip".ljust(488, b"\0") + payload


def lz4_legacy(data: bytes) -> bytes:
    """Literals only, in blocks of 8 MiB, and the length behind them as kernels have it."""
    out = b"\x02\x21\x4c\x18"
    for at in range(0, len(data), 8 << 20):
        part = data[at : at + (8 << 20)]
        rest = len(part) - 15
        sizes = b"\xff" * (rest // 255) + bytes([rest % 255])
        block = b"\xf0" + sizes + part
        out += struct.pack("<I", len(block)) + block
    return out


def packed(kind: str, data: bytes) -> bytes:
    """A payload as the kernel's build makes it: its length stands behind all but gzip's."""
    if kind == "gzip":
        return gzip.compress(data, mtime=0)
    if kind == "zstd":
        body = subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout
    elif kind == "lz4":
        body = lz4_legacy(data)
    elif kind == "lzma":
        body = lzma.compress(data, format=lzma.FORMAT_ALONE)
    else:
        body = lzma.compress(data)
    return body + struct.pack("<I", len(data))


def deb(
    files: dict[str, bytes],
    *,
    version: str = "5.4.0-91.102",
    architecture: str = "amd64",
    maintainer: str = "Ubuntu Kernel Team <kernel-team@lists.ubuntu.com>",
    kind: str = "xz",
) -> bytes:
    """A .deb with these files."""
    fields = f"Package: linux-image\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {maintainer}\n"
    control = gzip.compress(_tar({"./control": fields.encode()}), mtime=0)
    members = {"debian-binary": b"2.0\n", "control.tar.gz": control, f"data.tar.{kind}": _data(kind, _tar(files))}
    out = b"!<arch>\n"
    for name, data in members.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    return out


def _data(kind: str, data: bytes) -> bytes:
    return data if kind == "none" else packed(kind, data)[: None if kind == "gzip" else -4]


def _tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()
