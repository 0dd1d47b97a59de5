"""Constants of filters: what numbers, names and bytes mean beside a field."""

from __future__ import annotations

from eunomia.errors import FilterError
from eunomia.events.filter.fields import Place
from eunomia.events.filter.numbers import Number
from eunomia.events.filter.parser import Bits, Field, Literal, Node
from eunomia.events.filter.scope import Scope
from eunomia.events.filter.tokens import MAC, NUMBER, STRING
from eunomia.events.filter.values import has_low_names, names, well_known
from eunomia.events.kinds import BOOL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# nanoseconds in one of what a duration's field counts
UNITS = {"duration_ns": 1, "duration_us": 1000, "duration_ms": 10**6, "duration_s": 10**9}


class Constants(Scope):
    """Values of constants."""

    __slots__ = ()

    def is_name(self, node: Node, place: Place) -> bool:
        """Whether a word is the name of one of the field's values; that goes before a field of that name."""
        return isinstance(node, Field) and len(node.path) == 1 and node.path[0] in names(self.fields, place)

    def number(self, place: Place, mask: Node | None, field: Field, *, named: bool = False) -> Number:
        """Return a field, or the bits of it that a mask leaves, as a number."""
        number = Number(place, is_port=self.decoder(place) == "port" and place.size >= 2 and not place.bits)
        if mask is None:
            return number.masked(0xFF) if named and has_low_names(place) else number
        return number.masked(self.constant(field, place, mask))

    def constant(self, field: Field, place: Place, node: Node) -> int:
        """Return the whole number of a mask."""
        if isinstance(node, Bits):
            left, right = self.constant(field, place, node.left), self.constant(field, place, node.right)
            return {"|": left | right, "&": left & right, "^": left ^ right}[node.operator]
        name = node.path[0] if isinstance(node, Field) and len(node.path) == 1 else ""
        flag = well_known(name) if isinstance(name, str) and name not in names(self.fields, place) else None
        if flag is not None:  # of flags a decoder need not know each alone
            return flag
        values = self.values(field, place, node)
        if len(values) != 1 or values[0][1] != 1:
            raise self.error("expected a whole number", node)
        return values[0][0]

    def values(self, field: Field, place: Place, node: Node) -> list[tuple[int, int]]:
        """Return the numbers (numerator, denominator) that a constant stands for: a name may be that of several."""
        if isinstance(node, Bits):
            return [(self.constant(field, place, node), 1)]
        if isinstance(node, Field):
            return self.named(field, place, str(node.path[0]) if len(node.path) == 1 else node.text, 1, node)
        if not isinstance(node, Literal):
            raise self.error("expected a constant", node)
        if node.kind == "word":
            return self.named(field, place, node.value[0], node.value[1], node)
        if node.kind == STRING:
            if len(node.value) == 1 and place.size == 1:
                return [(node.value[0], 1)]
            return self.named(field, place, node.value.decode(errors="replace"), 1, node)
        if node.kind == NUMBER:
            return [self.in_unit(field, place, node)]
        raise self.error(f"{field.text} is a number, this is an address", node)

    def whole(self, field: Field, place: Place, node: Node) -> int | None:
        """Return the only whole number that a constant stands for beside a field, None where there is none such.

        Raises:
            FilterError: it is no constant of this field.
        """
        if self.class_of(place) != "number" or (self.is_field(node) and not self.is_name(node, place)):
            return None
        values = self.values(field, place, node)
        return values[0][0] if len(values) == 1 and values[0][1] == 1 else None

    def in_unit(self, field: Field, place: Place, node: Literal) -> tuple[int, int]:
        """Return a number in the unit that the field counts."""
        numerator, denominator, unit = node.value
        if unit != "time":
            return numerator, denominator
        count = UNITS.get(self.decoder(place))
        if count is None:
            raise self.error(f"the unit of {field.text} is not known: write the number as it is shown", node)
        return numerator, denominator * count

    def named(self, field: Field, place: Place, name: str, sign: int, node: Node) -> list[tuple[int, int]]:
        """Return the numbers that a name stands for."""
        known = names(self.fields, place)
        if place.kind == BOOL and name in {"true", "false"}:
            return [(int(name == "true"), 1)]
        if name in known:
            values = known[name]
            # of an errno -ENOENT is what is shown as ENOENT, whichever way the field counts
            if sign < 0 and self.decoder(place) != "errno":
                values = [-value for value in values]
            return [(value, 1) for value in values]
        value = well_known(name)
        if value is not None and not known:
            return [(sign * value, 1)]
        raise self.no_name(field, name, list(known), node)

    def no_name(self, field: Field, name: str, known: Sequence[str], node: Node) -> FilterError:
        """Return the error for a name that no value has."""
        from difflib import get_close_matches

        if not known:
            if isinstance(node, Literal) and node.kind == STRING:
                return self.error(f"{field.text} is a number, this is a string", node)
            if isinstance(node, Field):
                return self.no_field(node)
            return self.error(f"no constant {name}", node)
        near = get_close_matches(name, known, 1, 0.5) or get_close_matches(name.upper(), known, 1, 0.5)
        listed = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
        meant = f"did you mean {near[0]}?" if near else f"it may be {listed}"
        return self.error(f"{field.text} is never {name} [{meant}]", node)

    def text_of(self, field: Field, node: Node) -> bytes:
        """Return the bytes of a string."""
        if isinstance(node, Literal) and node.kind == STRING:
            text: bytes = node.value
            return text
        shown = self.text[node.start : node.end]
        hint = f' [write "{shown}"]' if isinstance(node, Field | Literal) else ""
        raise self.error(f"{field.text} is a string, `{shown}` is none{hint}", node)

    def bytes_of(self, field: Field, place: Place, node: Node) -> bytes:
        """Return the bytes that a constant stands for, as many as the field has."""
        data: bytes | None = None
        if isinstance(node, Literal) and node.kind == MAC:
            data = node.value
        elif isinstance(node, Literal) and node.kind == STRING:
            try:
                data = bytes.fromhex(node.value.decode(errors="replace").translate({58: None, 45: None}))
            except ValueError:
                data = None
        elif isinstance(node, Literal) and node.kind == NUMBER and node.value[1:] == (1, "") and place.size == 16:
            low = -(1 << 127) if place.signed else 0
            if low <= node.value[0] < (1 << 128) + low:
                return int(node.value[0] & (1 << 128) - 1).to_bytes(16, "little")
        if data is None:
            raise self.error(f'{field.text} is {place.size} bytes: write them in hexadecimal, as in "00ff…"', node)
        if len(data) != place.size:
            raise self.error(f"{len(data)} bytes, {field.text} has {place.size}", node)
        return data
