"""From a filter's tree and a plan's fields to conditions on the bytes of each record type."""

from __future__ import annotations

from eunomia.errors import FilterError
from eunomia.events.filter.code import FALSE, TRUE, UNKNOWN, Condition, Group, either, negate
from eunomia.events.filter.fields import Place, RecordType
from eunomia.events.filter.numbers import Range, range_of
from eunomia.events.filter.pairs import FLIPPED, Pairs
from eunomia.events.filter.parser import Bare, Bits, Compare, Field, Literal, Logic, Node, Within
from eunomia.events.filter.scope import KINDS
from eunomia.events.filter.tokens import ADDRESS
from eunomia.events.filter.values import has_low_names
from eunomia.events.kinds import BOOL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Compiler(Pairs):
    """Compiles conditions for one record type after the other.

    Args:
        text: of the filter, for messages.
    """

    __slots__ = ()

    def conditions(self, node: Node) -> list[tuple[RecordType, Condition]]:
        """Return the condition of each record type.

        Raises:
            FilterError: no record type has a field that is named, or what is asked of it makes no sense for any.
        """
        if isinstance(node, Logic):
            parts = [self.conditions(part) for part in node.parts]
            return [
                (row[0][0], Group(node.kind, [condition for _, condition in row])) for row in zip(*parts, strict=True)
            ]
        found: list[tuple[RecordType, Condition]] = []
        failure: FilterError | None = None
        works = False
        for of in self.fields.record_types:
            self.of = of
            condition: Condition = UNKNOWN
            try:
                condition = self._leaf(node)
                works = works or condition is not UNKNOWN
            except FilterError as exc:
                failure = failure or exc
            found.append((of, condition))
        if not works:
            raise failure or self._unknown(node)
        return found

    def _unknown(self, node: Node) -> FilterError:
        """What to say of a leaf whose fields no record type has together."""
        for field in self._fields_in(node):
            if not self.exists(field):
                return self.no_field(field)
        return self.error("no type of records has all of these fields", node)

    def _fields_in(self, node: Node) -> Iterable[Field]:
        if isinstance(node, Field):
            yield node
        elif isinstance(node, Bits | Compare):
            yield from self._fields_in(node.left)
            if isinstance(node, Compare):
                yield from self._fields_in(node.right)
        elif isinstance(node, Within):
            yield from self._fields_in(node.left)
        elif isinstance(node, Bare):
            yield from self._fields_in(node.operand)

    def _leaf(self, node: Node) -> Condition:
        if isinstance(node, Compare):
            return self._compare(node)
        if isinstance(node, Within):
            return self._set(node)
        assert isinstance(node, Bare)
        return self._bare(node.operand)

    def _bare(self, node: Node) -> Condition:
        if isinstance(node, Literal):
            raise self.error("a constant alone is no condition", node)
        if isinstance(node, Field) and node.path in {("true",), ("false",)} and not self.exists(node):
            return TRUE if node.path[0] == "true" else FALSE
        field, mask = self.operand(node)
        place = self.find(field)
        if place is None:
            return UNKNOWN
        kind = self.class_of(place)
        if mask is None and kind == "float":
            return negate(self.floating(place, "==", 0.0))
        if kind != "number":
            raise self.error(f"{field.text} is {KINDS[kind]}: compare it with something", field)
        return negate(self.number(place, mask, field).within([(0, 0)]))

    def _compare(self, node: Compare) -> Condition:
        left, right, operator = node.left, node.right, node.operator
        if not self.is_field(left):
            if not self.is_field(right):
                if isinstance(left, Field):
                    raise self.no_field(left)
                raise self.error("this compares constants: one side must be a field", node)
            if operator not in FLIPPED:
                raise self.error(f"`{operator}` has the field on its left and the pattern on its right", node)
            left, right, operator = right, left, FLIPPED[operator]
        field, mask = self.operand(left)
        place = self.find(field)
        if place is None:
            return UNKNOWN
        if operator in {"!=", "!~"}:
            return negate(self._related(field, place, mask, "==" if operator == "!=" else "~", right))
        return self._related(field, place, mask, operator, right)

    def _related(self, field: Field, place: Place, mask: Node | None, operator: str, right: Node) -> Condition:
        kind = self.class_of(place)
        if self.is_field(right) and not self.is_name(right, place):
            return self.two(field, place, mask, operator, right)
        if operator == "~":
            return self.pattern(field, place, mask, right)
        compare: Callable[[Field, Place, str, Node], Condition] = {
            "number": lambda *of: self.against_number(of[0], of[1], mask, of[2], of[3]),
            "float": self.against_float,
            "string": self.against_string,
            "address": self.against_address,
            "bytes": self.against_bytes,
        }.get(kind, self.never)
        if mask is not None and kind != "number":
            raise self.error(f"{field.text} is {KINDS[kind]}: `&` is for whole numbers", field)
        return compare(field, place, operator, right)

    def _set(self, node: Within) -> Condition:
        field, mask = self.operand(node.left)
        place = self.find(field)
        if place is None:
            return UNKNOWN
        kind = self.class_of(place)
        if kind == "number" and not any(isinstance(item, Literal) and item.kind == ADDRESS for item in node.items):
            return self._number_set(field, place, mask, node)
        parts = []
        for item in node.items:
            if isinstance(item, tuple):
                parts.append(self._range(field, place, mask, item))
            else:
                parts.append(self._related(field, place, mask, "==", item))
        return either(*parts)

    def _range(self, field: Field, place: Place, mask: Node | None, item: tuple[Node, Node]) -> Condition:
        if self.class_of(place) != "float":
            raise self.error(f"{field.text} is {KINDS[self.class_of(place)]}: ranges are for numbers", item[0])
        low, high = (self._related(field, place, mask, op, each) for op, each in zip((">=", "<="), item, strict=True))
        return Group("and", [low, high])

    def _number_set(self, field: Field, place: Place, mask: Node | None, node: Within) -> Condition:
        if place.kind == BOOL and mask is None:
            singles = [item for item in node.items if not isinstance(item, tuple)]
            if len(singles) != len(node.items):
                raise self.error(f"{field.text} is true or false: it has no ranges", node)
            return either(*(self.truth(place, "==", self.values(field, place, item)[0]) for item in singles))
        if mask is None and has_low_names(place) and any(isinstance(item, Node) for item in node.items):
            parts = [item for item in node.items if isinstance(item, tuple)]
            rest = Within(node.left, [*parts], node.end)
            each = [
                self.against_number(field, place, None, "==", item) for item in node.items if isinstance(item, Node)
            ]
            return either(*each, self._number_set(field, place, mask, rest)) if parts else either(*each)
        ranges: list[Range] = []
        for item in node.items:
            if not isinstance(item, tuple):
                ranges += [range_of("==", *value) for value in self.values(field, place, item)]
                continue
            first, last = (self.values(field, place, each)[0] for each in item)
            if first[0] * last[1] > last[0] * first[1]:
                raise FilterError("the range is empty", self.text, item[0].start, item[1].end)
            ranges.append((range_of(">=", *first)[0], range_of("<=", *last)[1]))
        return self.number(place, mask, field).within(ranges)
