"""Layouts for languages without unions, bit fields and members that have no name: bytes, and functions on them."""

from __future__ import annotations

from eunomia.compiler.skeletons.layout import Aggregate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.compiler.skeletons.layout import Bits, Shape


class Slot:
    """A stretch of a struct. `shape` is None for bytes that only functions look into, and for padding (no name)."""

    __slots__ = ("name", "offset", "shape", "size")

    def __init__(self, name: str, offset: int, size: int, shape: Shape | None = None) -> None:
        self.name = name
        self.offset = offset
        self.size = size
        self.shape = shape


class View:
    """A member that is read and written by functions: a value at an offset, or a bit field's storage there."""

    __slots__ = ("bits", "name", "offset", "shape")

    def __init__(self, name: str, offset: int, shape: Shape, bits: Bits | None = None) -> None:
        self.name = name
        self.offset = offset
        self.shape = shape
        self.bits = bits

    @property
    def bytes(self) -> tuple[int, int, int]:
        """For a bit field: its first byte, how many there are, and the lowest bit in the first."""
        assert self.bits is not None
        shift = self.bits.at % 8
        return self.offset + self.bits.at // 8, (shift + self.bits.width + 7) // 8, shift


class Flat:
    """An aggregate as slots one behind the other without a gap, and views into those that are only bytes."""

    __slots__ = ("aggregate", "slots", "views")

    def __init__(self, aggregate: Aggregate) -> None:
        self.aggregate = aggregate
        self.views: list[View] = []
        slots: list[Slot] = []
        if aggregate.is_union:
            slots.append(Slot("bytes", 0, aggregate.size))
        self._walk(aggregate, 0, slots, seen=not aggregate.is_union)
        self.slots = list(_padded(slots, aggregate.size))

    def _walk(self, part: Aggregate, base: int, slots: list[Slot], *, seen: bool) -> None:
        for field in part.fields:
            at, shape = base + field.offset, field.shape
            if field.bits:
                if seen:
                    slots.append(Slot(f"bits_{at}", at, shape.size))
                self.views += [View(bits.name, at, bits.base, bits) for bits in field.bits]
            elif not field.name and isinstance(shape, Aggregate):
                if seen and shape.is_union:
                    slots.append(Slot(f"union_{at}", at, shape.size))
                self._walk(shape, at, slots, seen=seen and not shape.is_union)
            elif seen:
                slots.append(Slot(field.name, at, shape.size, shape))
            else:
                self.views.append(View(field.name, at, shape))


def _padded(slots: list[Slot], size: int) -> list[Slot]:
    padded: list[Slot] = []
    at = 0
    for slot in slots:
        if slot.offset > at:
            padded.append(Slot("", at, slot.offset - at))
        padded.append(slot)
        at = slot.offset + slot.size
    if size > at:
        padded.append(Slot("", at, size - at))
    return padded
