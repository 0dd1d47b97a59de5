"""A small writer of Wasm modules, for tests: types, imports, one memory, data, exports, function bodies."""

from __future__ import annotations

from collections.abc import Sequence

_VALUES = {"i": 0x7F, "I": 0x7E, "f": 0x7D, "F": 0x7C}
HEADER = b"\0asm\1\0\0\0"
UNREACHABLE, END, LOOP, BRANCH = b"\x00", b"\x0b", b"\x03\x40", b"\x0c\x00"


def unsigned(number: int) -> bytes:
    """Return LEB128."""
    out = bytearray()
    while True:
        number, low = number >> 7, number & 127
        out.append(low | (128 if number else 0))
        if not number:
            return bytes(out)


def signed(number: int) -> bytes:
    """Return signed LEB128."""
    out = bytearray()
    while True:
        low, number = number & 127, number >> 7
        done = (number == 0 and not low & 64) or (number == -1 and low & 64)
        out.append(low | (0 if done else 128))
        if done:
            return bytes(out)


def text(name: str) -> bytes:
    """Return a name with its length."""
    data = name.encode()
    return unsigned(len(data)) + data


def section(number: int, body: bytes) -> bytes:
    """Return a section."""
    return bytes([number]) + unsigned(len(body)) + body


def vector(items: Sequence[bytes]) -> bytes:
    """Return items with their number before them."""
    return unsigned(len(items)) + b"".join(items)


def functype(core: str) -> bytes:
    """Return the type `ii:i`."""
    parameters, _, results = core.partition(":")
    sides = [vector([bytes([_VALUES[each]]) for each in side]) for side in (parameters, results)]
    return b"\x60" + b"".join(sides)


def const(number: int) -> bytes:
    """Return the instruction i32.const."""
    return b"\x41" + signed(number)


def call(function: int) -> bytes:
    """Return the instruction that calls a function: imports come first."""
    return b"\x10" + unsigned(function)


def module(
    imports: Sequence[tuple[str, str, str]] = (),
    body: bytes = b"",
    *,
    data: Sequence[tuple[int, bytes]] = (),
    export: str = "_start",
    pages: int = 2,
    most: int | None = None,
    custom: Sequence[tuple[str, bytes]] = (),
) -> bytes:
    """Return a module with one function without parameters.

    Args:
        imports: (module, name, type) of functions.
        body: instructions of the function, without its end.
        data: (address, bytes) for the memory; an address of -1: passive.
        export: the function's name, "" for none. The memory is exported as `memory`, where it has pages.
    """
    types = [functype(core) for _, _, core in imports] + [functype(":")]
    imported = [text(where) + text(name) + b"\0" + unsigned(i) for i, (where, name, _) in enumerate(imports)]
    exports = ([text(export) + b"\0" + unsigned(len(imports))] if export else []) + (
        [text("memory") + b"\2" + unsigned(0)] if pages else []
    )
    code = b"\0" + body + END
    limits = unsigned(0 if most is None else 1) + unsigned(pages) + (unsigned(most) if most is not None else b"")
    pieces = [(b"\0" + const(at) + END if at >= 0 else b"\1") + unsigned(len(piece)) + piece for at, piece in data]
    return b"".join(
        [
            HEADER,
            *(section(0, text(name) + content) for name, content in custom),
            section(1, vector(types)),
            section(2, vector(imported)) if imported else b"",
            section(3, vector([unsigned(len(imports))])),
            section(5, vector([limits])) if pages else b"",
            section(7, vector(exports)),
            section(12, unsigned(len(pieces))) if pieces else b"",
            section(10, vector([unsigned(len(code)) + code])),
            section(11, vector(pieces)) if pieces else b"",
        ]
    )
