"""Conditions on strings."""

from __future__ import annotations

from eunomia.events.filter.code import CONTAINS, EQUAL, GLOB, PREFIX, SUFFIX, VALUE, Condition, Test
from eunomia.events.filter.numbers import masked_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.events.filter.fields import Place

_SPECIAL = frozenset(b"*?[\\")
_WORDS = 16  # bytes that are compared as numbers


def equal(place: Place, text: bytes) -> Condition:
    """Return the condition that a string is this text."""
    if place.size and len(text) > place.size:
        from eunomia.events.filter.code import FALSE

        return FALSE
    ended = text if len(text) == place.size else text + b"\0"
    if len(ended) <= _WORDS and place.size and len(ended) <= place.size:
        return _quick(place, ended) or _test(EQUAL, place, text)
    return _test(EQUAL, place, text)


def glob(place: Place, pattern: bytes) -> Condition:
    """Return the condition that a string as a whole matches a pattern; the usual ones need no search."""
    from eunomia.events.filter.code import TRUE

    plain = literal(pattern)
    if plain is not None:
        return equal(place, plain)
    if not pattern.strip(b"*"):
        return TRUE
    start, end = pattern[:1] == b"*", pattern[-1:] == b"*" and pattern[-2:-1] != b"\\"
    middle = literal(pattern[1 if start else 0 : -1 if end else None])
    if middle is None:
        return _with_start(place, pattern)
    if start and end:
        return _test(CONTAINS, place, middle)
    if start:
        return _test(SUFFIX, place, middle)
    if place.size and len(middle) <= min(_WORDS, place.size):
        return _quick(place, middle) or _test(PREFIX, place, middle)
    return _test(PREFIX, place, middle)


def _with_start(place: Place, pattern: bytes) -> Condition:
    """A pattern that needs a search: first what stands before its first special character, which is one comparison."""
    from eunomia.events.filter.code import both

    size = next((at for at, byte in enumerate(pattern) if byte in _SPECIAL), len(pattern))
    search = _test(GLOB, place, pattern)
    start = _quick(place, pattern[:size]) if 0 < size <= min(_WORDS, place.size) else None
    return both(start, search) if start is not None else search


def literal(pattern: bytes) -> bytes | None:
    """Return the text that a pattern stands for where it is the only one, else None."""
    text, at = bytearray(), 0
    while at < len(pattern):
        byte = pattern[at]
        if byte == ord("\\") and at + 1 < len(pattern):
            at += 1
            byte = pattern[at]
        elif byte in _SPECIAL and not (byte == ord("[") and b"]" not in pattern[at + 2 :]):
            return None
        text.append(byte)
        at += 1
    return bytes(text)


def _quick(place: Place, start: bytes) -> Condition | None:
    """The first bytes as one or two numbers, where the record surely has as many bytes to read."""
    room = 8 if len(start) <= 8 else 16
    if place.offset + room > place.whole:
        return None
    return masked_bytes(place, 0, (b"\xff" * len(start)).ljust(room, b"\0"), start.ljust(room, b"\0"))


def _test(code: int, place: Place, text: bytes) -> Test:
    return Test(code, place.offset, place.size, 0, len(text), flags=VALUE if place.in_value else 0, data=text)
