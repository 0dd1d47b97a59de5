"""Values of options from their text: counts, sizes, times, shares; ValueError says what was expected."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def parse_seconds(text: str) -> float:
    """Return seconds from `10`, `0.5`, `200ms`, `10s`, `5m` or `1h`; more than 0."""
    number, factor = text, 1.0
    for suffix, scale in (("ms", 0.001), ("us", 1e-6), ("s", 1.0), ("m", 60.0), ("h", 3600.0)):
        if text.endswith(suffix):
            number, factor = text[: -len(suffix)], scale
            break
    try:
        value = float(number) * factor
    except ValueError:
        value = -1.0
    if not 0 < value < 1e10:
        raise ValueError(f"{text!r} is not a time in seconds above 0, as in 10, 0.5, 200ms or 5m")
    return value


def parse_size(text: str) -> int:
    """Return bytes from `65536`, `64K`, `16M`, `1G` or `1T` (powers of 1024, also written KiB or KB); more than 0."""
    number = text.upper().removesuffix("B").removesuffix("I")
    scale = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}.get(number[-1:], 1)
    if scale > 1:
        number = number[:-1]
    value = int(number) * scale if _is_decimal(number) else 0
    if not 0 < value < 1 << 63:
        raise ValueError(f"{text!r} is not a size in bytes above 0, as in 65536, 64K or 16M")
    return value


def parse_count(text: str) -> int:
    """Return an integer of 1 or more."""
    value = int(text) if _is_decimal(text) else 0
    if not 0 < value < 1 << 63:
        raise ValueError(f"{text!r} is not a whole number above 0")
    return value


def parse_index(text: str) -> int:
    """Return an integer of 0 or more."""
    if not _is_decimal(text):
        raise ValueError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def parse_one_in(text: str) -> int:
    """Return N of `1/N`."""
    number = text.removeprefix("1/")
    value = int(number) if number != text and _is_decimal(number) else 0
    if not 0 < value < 1 << 63:
        raise ValueError(f"{text!r} is not of the form 1/N, as in 1/100")
    return value


def parse_rate(text: str) -> float:
    """Return a number above 0, which need not be whole."""
    value = _real(text)
    if not 0 < value < 1e15:
        raise ValueError(f"{text!r} is not a number above 0, as in 1000 or 0.5")
    return value


def parse_share(text: str) -> float:
    """Return a share from 0 to 1, from `0.01` or `1%`."""
    value = _real(text[:-1]) / 100 if text.endswith("%") else _real(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text!r} is not a share from 0 to 1, as in 0.01 or 1%")
    return value


def parse_number(text: str) -> int:
    """Return an integer, decimal or 0x hexadecimal."""
    try:
        return int(text, 0)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


def _real(text: str) -> float:
    """Return what text says, or -1: only digits, a point and an exponent, no `nan`, `inf` or `1_000`."""
    try:
        return float(text) if text.strip("0123456789.eE+-") == "" else -1.0
    except ValueError:
        return -1.0


def _is_decimal(text: str) -> bool:
    return len(text) < 20 and text.isascii() and text.isdecimal()


CONVERT: dict[str, Callable[[str], Any]] = {
    "count": parse_count,
    "index": parse_index,
    "number": parse_number,
    "one-in": parse_one_in,
    "rate": parse_rate,
    "seconds": parse_seconds,
    "share": parse_share,
    "size": parse_size,
}
