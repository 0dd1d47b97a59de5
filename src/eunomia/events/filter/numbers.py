"""Conditions on whole numbers: comparisons, sets and bits become ranges of what the field can hold."""

from __future__ import annotations

from struct import pack

from eunomia.events.filter.code import (
    BIG_ENDIAN,
    BITMAP,
    FALSE,
    LOAD,
    MASK8,
    MASK16,
    MASK32,
    MASK64,
    RANGE,
    S8,
    S16,
    S32,
    SET,
    SIGNED,
    TRUE,
    U8,
    U16,
    U32,
    U64,
    VALUE,
    Condition,
    Test,
    both,
    either,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from eunomia.events.filter.fields import Place

_UNSIGNED = {1: U8, 2: U16, 4: U32, 8: U64}
_SIGNED = {1: S8, 2: S16, 4: S32, 8: U64}  # of 64 bits a range is the same modulo 2^64
_MASKS = {1: MASK8, 2: MASK16, 4: MASK32, 8: MASK64}
_FEW = 3
_BITMAP_LIMIT = 1 << 16

# inclusive bounds, None: none
Range = tuple[int | None, int | None]


class Number:
    """A whole number of a record: where it lies and what it may be. With a mask, only those bits of it.

    Args:
        is_port: of its bytes the first two, in network order.
    """

    __slots__ = ("high", "is_port", "low", "mask", "place")

    def __init__(self, place: Place, *, is_port: bool = False) -> None:
        self.place = place
        self.is_port = is_port
        self.mask: int | None = None
        bits = 16 if is_port else place.bits or place.size * 8
        signed = place.signed and not is_port
        self.low, self.high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)

    def masked(self, mask: int) -> Number:
        """Return the bits of it that are in mask, as a number without a sign; the sign goes on above, as in C."""
        bits = 16 if self.is_port else 64 if self.place.signed else self.place.bits or self.place.size * 8
        made = Number(self.place, is_port=self.is_port)
        made.mask = mask & (1 << bits) - 1
        made.low, made.high = 0, made.mask
        return made

    def load(self, second: Test | None = None, relation: int = 0) -> Test:
        """Return the test that loads it for the one behind it."""
        place = self.place
        flags = VALUE if place.in_value else 0
        if self.is_port:
            mask = 0xFFFF if self.mask is None else self.mask
            return Test(LOAD, place.offset, 2, mask, relation, flags=flags | BIG_ENDIAN, second=second)
        size = (place.shift + place.bits + 7) // 8 if place.bits else place.size
        mask = -1 if self.mask is None else self.mask
        flags |= SIGNED if place.signed else 0
        return Test(
            LOAD, place.offset, size, mask, relation, flags=flags, shift=place.shift, bits=place.bits, second=second
        )

    def operand(self) -> Test:
        """Return it as the other side of a comparison."""
        from eunomia.events.filter.code import FIELD

        test = self.load()
        test.code = FIELD
        return test

    def within(self, ranges: Sequence[Range]) -> Condition:
        """Return the condition that it lies in one of these ranges."""
        found = self._clipped(ranges)
        if not found:
            return FALSE
        if found == [(self.low, self.high)]:
            return TRUE
        if len(found) <= _FEW:
            return either(*(self._one(low, high) for low, high in found))
        first, span = found[0][0], found[-1][1] - found[0][0]
        if span < _BITMAP_LIMIT:
            bits = sum(((1 << high - low + 1) - 1) << low - first for low, high in found)
            data = bits.to_bytes(span // 8 + 1, "little")
            return self.load(Test(BITMAP, 0, len(data), first, span, data=data))
        data = b"".join(pack("<QQ", low - first, high - first) for low, high in found)
        return self.load(Test(SET, 0, len(found), first, span, data=data))

    def _clipped(self, ranges: Sequence[Range]) -> list[tuple[int, int]]:
        """Sort, join and cut ranges to what it may be."""
        cut = sorted(
            (self.low if low is None else max(low, self.low), self.high if high is None else min(high, self.high))
            for low, high in ranges
        )
        found: list[tuple[int, int]] = []
        for low, high in cut:
            if low > high:
                continue
            if found and low <= found[-1][1] + 1:
                found[-1] = (found[-1][0], max(found[-1][1], high))
            else:
                found.append((low, high))
        return found

    def _one(self, low: int, high: int) -> Condition:
        place = self.place
        flags = VALUE if place.in_value else 0
        is_plain = not place.bits and place.size in _UNSIGNED
        if self.is_port and low == high and self.mask is None:
            return Test(MASK16, place.offset, 2, 0xFFFF, int.from_bytes(low.to_bytes(2, "big"), "little"), flags=flags)
        mask = self.mask
        if mask is not None and mask < 1 << 8 * place.size and low == high and is_plain and not self.is_port:
            if low & ~mask:
                return FALSE
            return Test(_MASKS[place.size], place.offset, place.size, mask, low, flags=flags)
        if self.mask is None and is_plain and not self.is_port:
            code = (_SIGNED if place.signed else _UNSIGNED)[place.size]
            return Test(code, place.offset, place.size, low, high - low, flags=flags)
        return self.load(Test(RANGE, 0, 0, low, high - low))


def range_of(operator: str, numerator: int, denominator: int) -> Range:
    """Return the whole numbers for which `n operator numerator/denominator` is true; operator is not `!=`."""
    floor, ceiling = numerator // denominator, -(-numerator // denominator)
    if operator == "==":
        return (floor, floor) if floor == ceiling else (1, 0)
    return {"<": (None, ceiling - 1), "<=": (None, floor), ">": (floor + 1, None), ">=": (ceiling, None)}[operator]


def masked_bytes(place: Place, at: int, mask: bytes, value: bytes) -> Condition:
    """Return the condition that the bytes from `at` of the field are value, as far as mask says."""
    parts: list[Condition] = []
    done = 0
    while done < len(mask):
        size = next(size for size in (8, 4, 2, 1) if done + size <= len(mask))
        bits = int.from_bytes(mask[done : done + size], "little")
        if bits:
            wanted = int.from_bytes(value[done : done + size], "little") & bits
            flags = VALUE if place.in_value else 0
            parts.append(Test(_MASKS[size], place.offset + at + done, size, bits, wanted, flags=flags))
        done += size
    return both(*parts) if parts else TRUE
