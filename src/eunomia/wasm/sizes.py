"""Numbers in policies: counts, and sizes with a unit."""

from __future__ import annotations

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_count(text: str) -> int:
    """Return a whole number above 0, or raise ValueError."""
    value = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not value:
        raise ValueError(f"{text!r} is not a whole number above 0")
    return value


def parse_size(text: str) -> int:
    """Return bytes from `65536`, `64K`, `16M`, `1G`, or raise ValueError."""
    number = text.upper().removesuffix("B").removesuffix("I")
    scale = _UNITS.get(number[-1:], 1)
    digits = number[:-1] if scale > 1 else number
    value = int(digits) * scale if digits.isascii() and digits.isdecimal() and len(digits) < 16 else 0
    if not 0 < value < 1 << 62:
        raise ValueError(f"{text!r} is not a size in bytes above 0, as in 65536, 64K or 16M")
    return value


def size_text(size: int) -> str:
    """Return a size that is at least this, as a rule takes it: `384M`."""
    for unit, scale in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if size >= scale:
            return f"{-(-size // scale)}{unit}"
    return str(size)
