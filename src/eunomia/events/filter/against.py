"""A field compared with a constant, by the field's kind."""

from __future__ import annotations

from struct import pack, unpack

from eunomia.events.filter import code
from eunomia.events.filter.code import FALSE, TRUE, Condition, Test, negate
from eunomia.events.filter.constants import Constants
from eunomia.events.filter.fields import Place
from eunomia.events.filter.numbers import Number, range_of
from eunomia.events.filter.parser import Field, Literal, Node
from eunomia.events.filter.scope import KINDS
from eunomia.events.filter.tokens import ADDRESS, NUMBER, STRING, parse_network
from eunomia.events.filter.values import names
from eunomia.events.kinds import BOOL, INT, UINT

RELATIONS = {"==": code.EQ, "<": code.LT, "<=": code.LE, ">": code.GT, ">=": code.GE}


class Against(Constants):
    """Conditions on one field."""

    __slots__ = ()

    def never(self, field: Field, place: Place, operator: str, right: Node) -> Condition:
        """Raise what is to be said of a field that nothing can be compared with."""
        kind = self.class_of(place)
        inside = {
            "struct": f": name a field within it, as in {field.text}.x",
            "array": f": {field.text}[0] is its first element",
        }
        raise self.error(f"{field.text} is {KINDS[kind]}{inside.get(kind, '')}", field)

    def against_number(self, field: Field, place: Place, mask: Node | None, operator: str, right: Node) -> Condition:
        """Return the condition on a whole number."""
        if isinstance(right, Literal) and right.kind == ADDRESS and mask is None and place.size in {4, 16}:
            return self.against_address(field, place, operator, right)
        values = self.values(field, place, right)
        if place.kind == BOOL and mask is None:
            return self.truth(place, operator, values[0])
        number = self.number(place, mask, field, named=_is_named(right))
        return number.within([range_of(operator, *value) for value in values])

    def truth(self, place: Place, operator: str, value: tuple[int, int]) -> Condition:
        """A bool is 1 unless it is 0."""
        low, high = range_of(operator, *value)
        is_true = negate(Number(place).within([(0, 0)]))
        holds = [(low is None or low <= each) and (high is None or each <= high) for each in (0, 1)]
        return {(True, True): TRUE, (False, False): FALSE, (False, True): is_true}.get(
            (holds[0], holds[1]), negate(is_true)
        )

    def against_float(self, field: Field, place: Place, operator: str, right: Node) -> Condition:
        """Return the condition on a float."""
        numerator, denominator = self.values(field, place, right)[0]
        try:
            value = numerator / denominator
        except OverflowError:
            value = float("inf") if numerator > 0 else float("-inf")
        return self.floating(place, operator, value)

    def floating(self, place: Place, operator: str, value: float) -> Condition:
        """Return the comparison of a float with a number."""
        if place.size == 4:  # 0.1 means the nearest number of the field's width
            try:
                (value,) = unpack("<f", pack("<f", value))
            except OverflowError:
                value = float("inf") if value > 0 else float("-inf")
        a = int.from_bytes(pack("<d", value), "little")
        flags = code.IS_FLOAT | (code.VALUE if place.in_value else 0)
        return Test(code.FLOAT_OP, place.offset, place.size, a, bits=RELATIONS[operator], flags=flags)

    def against_string(self, field: Field, place: Place, operator: str, right: Node) -> Condition:
        """Return the condition that a string is a text."""
        from eunomia.events.filter.texts import equal

        if operator != "==":
            raise self.error(f"{field.text} is a string: it can be compared by ==, !=, ~, !~ and in", field)
        return equal(place, self.text_of(field, right))

    def pattern(self, field: Field, place: Place, mask: Node | None, right: Node) -> Condition:
        """Return the condition that a string, or the name of a value, matches a pattern."""
        from eunomia.events.filter.texts import glob

        if not isinstance(right, Literal) or right.kind != STRING:
            raise self.error('expected a pattern in quotes, as in "ssh*"', right)
        kind = self.class_of(place)
        if kind == "string":
            return glob(place, right.value)
        known = names(self.fields, place) if kind == "number" and mask is None else {}
        if not known:
            raise self.error(
                f"{field.text} is {KINDS[kind]}: patterns are for strings and for values with names", field
            )
        values = [value for name, each in known.items() if matches(right.value, name.encode()) for value in each]
        return self.number(place, None, field, named=True).within([(value, value) for value in values])

    def against_address(self, field: Field, place: Place, operator: str, right: Node) -> Condition:
        """Return the condition that an address is one, or lies in a network."""
        from eunomia.events.filter.addresses import network

        if operator != "==":
            raise self.error(f"{field.text} is an address: it can be compared by ==, != and in", field)
        found = None
        if isinstance(right, Literal) and right.kind in {ADDRESS, STRING}:
            found = right.value if right.kind == ADDRESS else parse_network(right.value.decode(errors="replace"))
        elif isinstance(right, Literal) and right.kind == NUMBER and place.kind in {UINT, INT}:
            return Number(place).within([range_of("==", *right.value[:2])]) if place.size <= 8 else FALSE
        if found is None:
            raise self.error(f"{field.text} is an address, as in 10.1.2.3, 10.0.0.0/8 or fe80::/10", right)
        if place.size == 4 and len(found[0]) == 16 and (found[0][:12] != bytes(10) + b"\xff\xff" or found[1] < 96):
            raise self.error(f"{field.text} holds IPv4 addresses only", right)
        return network(place, *found, is_either=self.decoder(place) != "ip6")

    def against_bytes(self, field: Field, place: Place, operator: str, right: Node) -> Condition:
        """Return the condition on bytes."""
        if operator != "==":
            raise self.error(f"{field.text} is {place.size} bytes: they can be compared by ==, != and in", field)
        if isinstance(right, Literal) and right.kind == ADDRESS and place.size == 16:
            return self.against_address(field, place, operator, right)
        wanted = self.bytes_of(field, place, right)
        flags = code.VALUE if place.in_value else 0
        return Test(code.BYTES, place.offset, place.size, 0, len(wanted), flags=flags, data=wanted)


def _is_named(node: Node) -> bool:
    return isinstance(node, Field) or (isinstance(node, Literal) and node.kind in {"word", STRING})


def matches(pattern: bytes, text: bytes) -> bool:
    """Whether text matches a pattern, as the C core finds it."""
    from eunomia._native import lib

    return bool(lib.eu_glob(pattern, len(pattern), text, len(text)))
