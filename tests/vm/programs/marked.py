"""An executable file with one function, `called(int)`, that is a USDT probe, and how to call it.

Few programs come with such probes, so the file is written here: `nop; ret` and the note of <sys/sdt.h>.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import struct

# machine of ELF, the code, where the first argument is when it runs
_BY_MACHINE = {
    "x86_64": (62, bytes.fromhex("90c3"), b"-4@%edi"),
    "aarch64": (183, bytes.fromhex("1f2003d5c0035fd6"), b"-4@x0"),
}
_CODE_AT = 0x1000
_NAMES = b"\0.text\0.note.stapsdt\0.shstrtab\0"


def write(path: str, provider: str = "eunomia", name: str = "called") -> None:
    """Write the file.

    Source: the System V ABI, chapter 4; https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation
    """
    machine, code, argument = _BY_MACHINE[platform.machine()]
    text = b"\0".join((provider.encode(), name.encode(), argument, b""))
    note = struct.pack("<III8sQQQ", 8, 24 + len(text), 3, b"stapsdt", _CODE_AT, 0, 0) + text
    note += bytes(-len(note) % 4)
    note_at = _CODE_AT + 0x100
    names_at = note_at + len(note)
    sections_at = (names_at + len(_NAMES) + 7) & ~7
    sections = bytes(64)
    sections += struct.pack("<IIQQQQIIQQ", 1, 1, 6, _CODE_AT, _CODE_AT, len(code), 0, 0, 16, 0)
    sections += struct.pack("<IIQQQQIIQQ", 7, 7, 0, 0, note_at, len(note), 0, 0, 4, 0)
    sections += struct.pack("<IIQQQQIIQQ", 21, 3, 0, 0, names_at, len(_NAMES), 0, 0, 1, 0)
    size = sections_at + len(sections)
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, _CODE_AT, 64, sections_at, 0, 64, 56, 1, 64, 4, 3)
    head += struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, size, size, 0x1000)
    image = head.ljust(_CODE_AT, b"\0") + code.ljust(0x100, b"\0") + note + _NAMES
    with open(path, "wb") as file:
        file.write(image.ljust(sections_at, b"\0") + sections)


def map_code(path: str) -> int:
    """Map the file's code as the loader does, and return its address; it stays until the process ends.

    Where a page may be written, the kernel puts no probe.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    with open(path, "rb") as file:
        at = libc.mmap(None, 0x1000, mmap.PROT_READ | mmap.PROT_EXEC, mmap.MAP_PRIVATE, file.fileno(), _CODE_AT)
    if at is None or at == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), f"map {path}")
    return int(at)


def call(address: int, value: int) -> None:
    """Call the function at its address."""
    ctypes.CFUNCTYPE(None, ctypes.c_int)(address)(value)
