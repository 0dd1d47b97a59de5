"""The names that a field's values have: of its enum, or as its decoder shows them; else well-known ones."""

from __future__ import annotations

from struct import pack

from eunomia.btf.decoders import DECODERS
from eunomia.events.filter.fields import Fields, Place
from eunomia.events.kinds import ENUM, INT, UINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PROBED = 1024  # signals, errors, system calls, states: all are below
_NONE = 0xFFFFFFFF
_NOT_NAMES = frozenset(DECODERS[name] for name in ("bytes", "string", "hex"))  # numbers in other clothes


def names(fields: Fields, place: Place) -> dict[str, list[int]]:
    """Return the names of a field's values, as they are shown, with all values that are shown so."""
    found: dict[str, list[int]] = {}
    for name, value in fields.enum_names(place).items():
        found.setdefault(name, []).append(value)
    if place.decoder and place.decoder not in _NOT_NAMES and place.kind in (UINT, INT, ENUM) and place.size <= 8:
        for name, values in decoded_names(place.kind, place.size, place.decoder).items():
            found.setdefault(name, []).extend(values)
    return found


def has_low_names(place: Place) -> bool:
    """Whether the names that a decoder shows are those of the lowest byte, as a block operation's below its flags."""
    if not place.decoder or place.kind not in (UINT, INT) or place.size < 2 or place.bits:
        return False
    found = decoded_names(place.kind, place.size, place.decoder).values()
    low = [[value for value in values if 0 <= value < 256] for values in found]
    return bool(low) and all(
        values and all(each + 256 * step in every for each in values for step in (1, 2, 3))
        for values, every in zip(low, found, strict=True)
    )


_cache: dict[tuple[int, int, int], dict[str, list[int]]] = {}


def decoded_names(kind: int, size: int, decoder: int) -> dict[str, list[int]]:
    """Return the names that a decoder shows for numbers of a type: it is asked for each (they are few).

    So a filter knows whatever the decoders know, those that come later too.
    """
    kind = UINT if kind == ENUM else kind
    known = _cache.get((kind, size, decoder))
    if known is None:
        known = _cache[kind, size, decoder] = _ask(kind, size, decoder)
    return known


def _ask(kind: int, size: int, decoder: int) -> dict[str, list[int]]:
    from eunomia._native import ffi, lib
    from eunomia.events.run import read_plan

    plan = read_plan(_plan(kind, size, decoder))
    found: dict[str, list[int]] = {}
    try:
        form = ffi.new("struct eu_format *", {"format": 1})
        out = ffi.new("char[]", 4096)
        for number in _candidates(kind, size):
            record = (number & (1 << 8 * size) - 1).to_bytes(size, "little")
            length = lib.eu_render(plan, 0, form, record, size, out, 4096)
            name = _name(bytes(ffi.buffer(out, max(length, 0))))
            if name:
                found.setdefault(name, []).append(number)
    finally:
        lib.eu_plan_free(plan)
    return found


def _candidates(kind: int, size: int) -> list[int]:
    limit = 1 << 8 * size
    if kind == INT:
        return [*range(min(_PROBED, limit // 2)), *range(-1, -min(_PROBED, limit // 2) - 1, -1)]
    bits = [1 << bit for bit in range(10, 8 * size)]
    return [*range(min(_PROBED, limit)), *bits]


def _name(line: bytes) -> str:
    """The word in `{"v":"WORD"}`, "" where the value is none."""
    text = line.decode(errors="replace")
    if not (text.startswith('{"v":"') and text.endswith('"}')):
        return ""
    word = text[6:-2]
    return word if word.isidentifier() else ""


def _plan(kind: int, size: int, decoder: int) -> bytes:
    """A plan of one struct with one member `v`."""
    types = pack("<BBHIIIII", kind, 0, 0, size, 0, 0, 0, 0) + pack("<BBHIIIII", 8, 0, 0, size, 0, 1, 0, 0)
    member = pack("<IIIHHI", 1, 0, 0, 0, decoder, 0)
    source = pack("<IBBH6I8I", 1, 1, 0, 0, 0, 1, _NONE, _NONE, 0, 0, *([_NONE] * 8))
    record = pack("<IIIIIIQ", 1, size, 0, 0, 0, 0, 0)
    body = types + member + source + record + b"\0v\0"
    return pack("<4sHH8I", b"EUPL", 1, 40, 40 + len(body), 2, 1, 0, 1, 1, 3, 0) + body


def well_known(name: str) -> int | None:
    """Return the number of a constant that every C program knows: ENOENT, SIGKILL, AF_INET, O_CREAT, S_IFREG."""
    prefixes = {"E": "errno", "SIG": "_signal", "AF_": "_socket", "IPPROTO_": "_socket", "O_": "posix", "S_I": "_stat"}
    for prefix, module in prefixes.items():
        if name.startswith(prefix):
            value: Any = getattr(__import__(module), name, None)
            if isinstance(value, int):
                return int(value)
    return None
