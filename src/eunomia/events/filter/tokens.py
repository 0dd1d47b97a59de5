"""A filter's text as tokens: names, numbers with their units, strings, addresses, operators."""

from __future__ import annotations

from eunomia.errors import FilterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME, NUMBER, STRING, ADDRESS, MAC, OPERATOR, END = "name", "number", "string", "address", "mac", "operator", "end"

_OPERATORS = ("&&", "||", "==", "!=", "<=", ">=", "!~", "..", *"<>~!&|^()[]{},.-")
_HEX = frozenset("0123456789abcdefABCDEF")
_DIGITS = frozenset("0123456789")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$")
_TIMES = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
}
_SIZES = {"k": 1 << 10, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_ESCAPES = {"n": b"\n", "t": b"\t", "r": b"\r", "e": b"\x1b", "\\": b"\\", '"': b'"', "'": b"'"}
_MEANT = {"=": "==", "=~": "~", "<>": "!=", "===": "==", "~=": "~"}


class Token:
    """A token and where it stands.

    `value` is a name or operator as text; of a number (numerator, denominator, unit) with unit "" or "time" (then it
    counts nanoseconds); of a string its bytes; of an address (bytes, bits of the network); of a MAC its 6 bytes.
    """

    __slots__ = ("end", "kind", "start", "value")

    def __init__(self, kind: str, value: Any, start: int, end: int) -> None:
        self.kind = kind
        self.value = value
        self.start = start
        self.end = end


def tokens(text: str) -> list[Token]:
    """Return the tokens of a text, an END last.

    Raises:
        FilterError: a character or literal that is none.
    """
    found = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token = _token(text, at)
        found.append(token)
        at = token.end
    found.append(Token(END, "", len(text), len(text)))
    return found


def _token(text: str, at: int) -> Token:
    char = text[at]
    if char in "\"'":
        return _string(text, at)
    address = _address(text, at)
    if address is not None:
        return address
    if char in _DIGITS:
        return _number(text, at)
    if char in _WORD:
        end = _run(text, at, _WORD)
        return Token(NAME, text[at:end], at, end)
    for wrong in ("===", "=~", "~=", "<>", "="):
        if text.startswith(wrong, at) and (wrong != "=" or text[at + 1 : at + 2] != "="):
            raise FilterError(f"unknown operator `{wrong}` (did you mean {_MEANT[wrong]}?)", text, at, at + len(wrong))
    for operator in _OPERATORS:
        if text.startswith(operator, at):
            return Token(OPERATOR, operator, at, at + len(operator))
    raise FilterError(f"unexpected character {char!r}", text, at, at + 1)


def _run(text: str, at: int, allowed: frozenset[str]) -> int:
    """Return where a run of allowed characters ends."""
    while at < len(text) and text[at] in allowed:
        at += 1
    return at


def _string(text: str, at: int) -> Token:
    quote, place, value = text[at], at + 1, b""
    while place < len(text) and text[place] != quote:
        char = text[place]
        place += 1
        if char != "\\":
            value += char.encode("utf-8", "surrogateescape")
            continue
        escaped = text[place : place + 1]
        if escaped == "x" and place + 2 < len(text) and {text[place + 1], text[place + 2]} <= _HEX:
            value += bytes.fromhex(text[place + 1 : place + 3])
            place += 3
            continue
        # anything else stays as it is: patterns have escapes of their own, as in "a\*b"
        value += _ESCAPES.get(escaped, b"\\" + escaped.encode("utf-8", "surrogateescape"))
        place += 1
    if place >= len(text):
        raise FilterError("the string does not end", text, at, len(text))
    if b"\0" in value:
        raise FilterError("a string cannot contain NUL", text, at, place + 1)
    return Token(STRING, value, at, place + 1)


def _number(text: str, at: int) -> Token:
    """A number: decimal, 0x, 0b, 0o or as C's octal; with a fraction, an exponent, or a unit."""
    base = {"0x": 16, "0b": 2, "0o": 8}.get(text[at : at + 2].lower(), 10)
    if base != 10:
        end = _run(text, at + 2, _WORD)
        return _whole(text, at, end, text[at + 2 : end], base)
    end = _run(text, at, _DIGITS)
    numerator, denominator, exponent = int(text[at:end]), 1, 0
    if text[end : end + 1] == "." and text[end + 1 : end + 2] in _DIGITS:
        start, end = end + 1, _run(text, end + 1, _DIGITS)
        denominator = 10 ** (end - start)
        numerator = numerator * denominator + int(text[start:end])
    elif end - at > 1 and text[at] == "0":
        whole = _run(text, end, _WORD)
        return _whole(text, at, whole, text[at:whole], 8)
    mark = end + 1 + (text[end + 1 : end + 2] in {"+", "-"})
    if text[end : end + 1] in {"e", "E"} and text[mark : mark + 1] in _DIGITS:
        start, end = end + 1, _run(text, mark, _DIGITS)
        exponent = int(text[start:end])
    if end - at > 400 or abs(exponent) > 400:
        raise FilterError("the number is too long", text, at, end)
    numerator, denominator = numerator * 10 ** max(exponent, 0), denominator * 10 ** max(-exponent, 0)
    return _with_unit(text, at, end, numerator, denominator)


def _whole(text: str, at: int, end: int, digits: str, base: int) -> Token:
    try:
        value = int(digits, base)
    except ValueError:
        raise FilterError(f"`{text[at:end]}` is not a number", text, at, end) from None
    return Token(NUMBER, (value, 1, ""), at, end)


def _with_unit(text: str, at: int, end: int, numerator: int, denominator: int) -> Token:
    last = end
    while last < len(text) and (text[last] in _WORD or text[last] == "µ"):
        last += 1
    unit = text[end:last]
    if not unit:
        return Token(NUMBER, (numerator, denominator, ""), at, end)
    if unit in _TIMES:
        return Token(NUMBER, (numerator * _TIMES[unit], denominator, "time"), at, last)
    size = unit.removesuffix("B").removesuffix("i")
    if size in _SIZES:
        return Token(NUMBER, (numerator * _SIZES[size], denominator, ""), at, last)
    known = "ns us ms s m h d for times, k M G T for sizes"
    raise FilterError(f"unknown unit `{unit}` [{known}]", text, end, last)


def _address(text: str, at: int) -> Token | None:
    """An IPv4 or IPv6 address or network, or a MAC address, where one begins here."""
    end = _run(text, at, _HEX)
    if text[end : end + 1] == ":":
        end = _run(text, at, _HEX | frozenset(":."))
        if text[at:end].count(":") == 5 and "::" not in text[at:end]:
            return _mac(text, at, end)
    else:
        end = at
        for dots in range(4):
            start, end = end, _run(text, end, _DIGITS)
            if start == end or (dots < 3 and text[end : end + 1] != "."):
                return None
            end += dots < 3
    return _network(text, at, end)


def _mac(text: str, at: int, end: int) -> Token:
    parts = text[at:end].split(":")
    if any(len(part) != 2 or not set(part) <= _HEX for part in parts):
        raise FilterError(f"`{text[at:end]}` is not a MAC address", text, at, end)
    return Token(MAC, bytes.fromhex("".join(parts)), at, end)


def _network(text: str, at: int, end: int) -> Token:
    last = end
    if text[end : end + 1] == "/":
        last = _run(text, end + 1, _WORD)
    found = parse_network(text[at:last])
    if found is None:
        raise FilterError(f"`{text[at:last]}` is not an address or network", text, at, last)
    return Token(ADDRESS, found, at, last)


def parse_network(text: str) -> tuple[bytes, int] | None:
    """Return the 4 or 16 bytes of an address and the bits of its network, None for what is none."""
    from _socket import AF_INET, AF_INET6, inet_pton

    address, slash, bits = text.partition("/")
    try:
        packed: bytes = inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    except (OSError, ValueError):
        return None
    whole = len(packed) * 8
    if not slash:
        return packed, whole
    if not bits or len(bits) > 3 or not set(bits) <= _DIGITS or int(bits) > whole:
        return None
    return packed, int(bits)
