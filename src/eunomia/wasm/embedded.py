"""BPF objects and packages in the data of a guest: as they are, as base64 or hexadecimal text, by zlib, or as JSON."""

from __future__ import annotations

import base64
import binascii
import json
import zlib

from eunomia.btf.elf import EM_BPF, EM_NONE
from eunomia.errors import EunomiaError
from eunomia.package import Package

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FOUND = 64
MAX_OBJECT = 64 << 20
_ELF, _BASE64_ELF, _HEX_ELF = b"\x7fELF\x02\x01\x01", b"f0VMRgIB", b"7f454c460201"
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
_HEX = frozenset(b"0123456789abcdefABCDEF")
_ZLIB = (b"\x78\x9c", b"\x78\xda", b"\x78\x01", b"\x78\x5e")


class Embedded:
    """An object or package that was found.

    Attributes:
        form: `ELF`, `base64`, `hexadecimal`, `zlib`, `package`.
        elf: the object's bytes; of a package those of its object.
        package: the package, where it is one.
    """

    __slots__ = ("elf", "form", "package")

    def __init__(self, form: str, elf: bytes, package: Package | None = None) -> None:
        self.form = form
        self.elf = elf
        self.package = package


def find_in(wasm: bytes) -> list[Embedded]:
    """Return what is in a guest: in a module's data, or anywhere in a component.

    Raises:
        GuestError: the bytes are neither, or damaged.
    """
    from eunomia.wasm.guest import is_component
    from eunomia.wasm.module import Module, iter_data

    return find(iter((wasm,)) if is_component(wasm) else iter_data(Module(wasm, "guest")))


def find(pieces: Iterator[bytes]) -> list[Embedded]:
    """Return what is in the pieces of a guest's data; each object once."""
    found: list[Embedded] = []
    seen: set[bytes] = set()
    for data in pieces:
        for one in _in_piece(data):
            if one.elf not in seen and len(found) < MAX_FOUND:
                seen.add(one.elf)
                found.append(one)
    return found


def _in_piece(data: bytes) -> Iterator[Embedded]:
    yield from _packages(data)
    for at in _places(data, _ELF):
        elf = cut(data[at : at + MAX_OBJECT])
        if elf:
            yield Embedded("ELF", elf)
    for at in _places(data, _BASE64_ELF):
        elf = cut(_from_base64(data, at))
        if elf:
            yield Embedded("base64", elf)
    for magic in (_HEX_ELF, _HEX_ELF.upper()):
        for at in _places(data, magic):
            text = _run(data, at, _HEX)
            elf = cut(bytes.fromhex(text[: len(text) & ~1].decode()))
            if elf:
                yield Embedded("hexadecimal", elf)
    for magic in _ZLIB:
        for at in _places(data, magic):
            elf = cut(_inflated(data[at : at + MAX_OBJECT]))
            if elf:
                yield Embedded("zlib", elf)


def _packages(data: bytes) -> Iterator[Embedded]:
    """Packages as JSON text: from the brace before their `bpf_object`."""
    for at in _places(data, b'"bpf_object"'):
        start = data.rfind(b"\0", 0, at) + 1
        brace = data.find(b"{", start, at)
        if brace < 0:
            continue
        end = data.find(b"\0", at)
        text = data[brace : end if end > 0 else len(data)].decode(errors="replace")
        try:
            _, length = json.JSONDecoder().raw_decode(text)
            package = Package.from_bytes(text[:length].encode(), "embedded package")
        except (ValueError, RecursionError, EunomiaError):
            continue
        yield Embedded("package", package.object, package)


def _places(data: bytes, magic: bytes) -> Iterator[int]:
    at = data.find(magic)
    count = 0
    while at >= 0 and count < 4096:
        yield at
        count += 1
        at = data.find(magic, at + 1)


def _run(data: bytes, at: int, alphabet: frozenset[int]) -> bytes:
    end, most = at, min(len(data), at + 2 * MAX_OBJECT)
    while end < most and data[end] in alphabet:
        end += 1
    return data[at:end]


def _from_base64(data: bytes, at: int) -> bytes:
    text = _run(data, at, _BASE64).partition(b"=")[0]
    try:
        return base64.b64decode(text[: len(text) & ~3] + _tail(text))
    except binascii.Error:
        return b""


def _tail(text: bytes) -> bytes:
    rest = text[len(text) & ~3 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def _inflated(data: bytes) -> bytes:
    try:
        head = zlib.decompressobj().decompress(data[:4096], 16)
        return zlib.decompressobj().decompress(data, MAX_OBJECT) if head.startswith(_ELF) else b""
    except zlib.error:
        return b""


def cut(data: bytes) -> bytes:
    """Return the object that data begins with, by what its header and section table say; b"" where it is none."""
    if len(data) < 64 or not data.startswith(_ELF):
        return b""

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], "little")

    machine, sections, entry, count = number(18, 2), number(40, 8), number(58, 2), number(60, 2)
    if machine not in (EM_BPF, EM_NONE) or entry != 64 or not count:
        return b""
    end = sections + entry * count
    for at in range(sections, min(end, len(data) - 63), 64):
        if number(at + 4, 4) != 8:  # SHT_NOBITS has no bytes
            end = max(end, number(at + 24, 8) + number(at + 32, 8))
    return data[:end] if 64 <= end <= len(data) else b""
