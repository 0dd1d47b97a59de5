"""A field compared with another one."""

from __future__ import annotations

from eunomia.events.filter import code
from eunomia.events.filter.against import RELATIONS, Against
from eunomia.events.filter.code import UNKNOWN, Condition, Test
from eunomia.events.filter.constants import UNITS
from eunomia.events.filter.fields import Place
from eunomia.events.filter.parser import Field, Node
from eunomia.events.filter.scope import KINDS

FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


class Pairs(Against):
    """Conditions on two fields."""

    __slots__ = ()

    def two(self, field: Field, place: Place, mask: Node | None, operator: str, right: Node) -> Condition:
        """Return the condition that two fields are related."""
        if operator == "~":
            raise self.error('expected a pattern in quotes, as in "ssh*"', right)
        other_field, other_mask = self.operand(right)
        other = self.find(other_field)
        if other is None:
            return UNKNOWN
        kinds = {self.class_of(place), self.class_of(other)}
        if kinds <= {"number", "float"}:
            return self.two_numbers((field, place, mask), (other_field, other, other_mask), operator, kinds)
        both = f"{field.text} and {other_field.text}"
        if len(kinds) > 1:
            names_ = [KINDS[self.class_of(each)] for each in (place, other)]
            raise self.error(f"{field.text} is {names_[0]}, {other_field.text} is {names_[1]}", right)
        if operator != "==":
            raise self.error(f"{both} can be compared by == and != only", right)
        flags = [code.VALUE if each.in_value else 0 for each in (place, other)]
        if kinds == {"string"}:
            second = Test(code.STRING, other.offset, other.size, flags=flags[1])
            return Test(code.STRING, place.offset, place.size, flags=flags[0], second=second)
        if kinds & {"struct", "array"}:
            return self.never(field, place, operator, right)
        if place.size != other.size:
            raise self.error(f"{field.text} has {place.size} bytes, {other_field.text} {other.size}", right)
        second = Test(code.SAME, other.offset, other.size, flags=flags[1])
        return Test(code.SAME, place.offset, place.size, flags=flags[0], second=second)

    def two_numbers(
        self,
        left: tuple[Field, Place, Node | None],
        right: tuple[Field, Place, Node | None],
        operator: str,
        kinds: set[str],
    ) -> Condition:
        """Return the same of two numbers."""
        units = [UNITS.get(self.decoder(each[1])) for each in (left, right)]
        if None not in units and units[0] != units[1]:
            raise self.error(f"{left[0].text} and {right[0].text} have different units", right[0])
        if "float" in kinds:
            tests = [self._float_operand(*each) for each in (left, right)]
            tests[0].b = RELATIONS[operator]
            tests[0].second = tests[1]
            return tests[0]
        if operator in {">", ">="}:
            left, right, operator = right, left, FLIPPED[operator]
        first, second = (self.number(place, mask, field) for field, place, mask in (left, right))
        return first.load(second.operand(), {"==": 0, "<": 1, "<=": 2}[operator])

    def _float_operand(self, field: Field, place: Place, mask: Node | None) -> Test:
        if self.class_of(place) == "number":
            if mask is not None:
                raise self.error(f"{field.text}: bits cannot be compared with a float", field)
            test = self.number(place, None, field).load()
            test.code, test.a = code.FLOATS, 0
            return test
        flags = code.IS_FLOAT | (code.VALUE if place.in_value else 0)
        return Test(code.FLOATS, place.offset, place.size, flags=flags)
