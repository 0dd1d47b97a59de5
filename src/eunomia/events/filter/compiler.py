"""From a filter's tree and a plan's fields to conditions on the bytes of each record type."""

from __future__ import annotations

from struct import pack, unpack

from eunomia.errors import FilterError
from eunomia.events.filter import code
from eunomia.events.filter.code import FALSE, TRUE, UNKNOWN, Condition, Group, Test, either, negate
from eunomia.events.filter.fields import (
    ARRAY,
    BOOL,
    ENUM,
    FLOAT,
    INT,
    OPAQUE,
    POINTER,
    STRUCT,
    UINT,
    UNION,
    Fields,
    Place,
    RecordType,
)
from eunomia.events.filter.fields import STRING as STRING_KIND
from eunomia.events.filter.numbers import Number, Range, range_of
from eunomia.events.filter.parser import Bare, Bits, Compare, Field, Literal, Logic, Node, Within
from eunomia.events.filter.tokens import ADDRESS, MAC, NUMBER, STRING, parse_network
from eunomia.events.filter.values import has_low_names, names, well_known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_RELATIONS = {"==": code.EQ, "<": code.LT, "<=": code.LE, ">": code.GT, ">=": code.GE}
# nanoseconds in one of what a duration's field counts
_UNITS = {"duration_ns": 1, "duration_us": 1000, "duration_ms": 10**6, "duration_s": 10**9}
_LISTED = 24


class Compiler:
    """Compiles conditions for one record type after the other.

    Args:
        text: of the filter, for messages.
    """

    __slots__ = ("_decoders", "_of", "fields", "text")

    def __init__(self, fields: Fields, text: str) -> None:
        from eunomia.btf.decoders import NAMES

        self.fields = fields
        self.text = text
        self._decoders = dict(enumerate(NAMES))
        self._of = fields.record_types[0] if fields.record_types else RecordType(0, 0, (), False)

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
            self._of = of
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

    def _error(self, message: str, node: Node) -> FilterError:
        return FilterError(message, self.text, node.start, node.end)

    def _unknown(self, node: Node) -> FilterError:
        """What to say of a leaf whose fields no record type has together."""
        for field in self._fields_in(node):
            if not self._exists(field):
                return self.no_field(field)
        return self._error("no type of records has all of these fields", node)

    def no_field(self, field: Field) -> FilterError:
        """Return the error for a field that no record type has."""
        from difflib import get_close_matches

        known = self.fields.names()
        near = get_close_matches(field.text, known, 1, 0.6) or get_close_matches(
            field.text.lower(), [name.lower() for name in known], 1, 0.6
        )
        listed = ", ".join(known[:_LISTED]) + (", …" if len(known) > _LISTED else "")
        meant = f"did you mean {near[0]}? " if near else ""
        return self._error(f"no field {field.text} [{meant}fields: {listed or 'none'}]", field)

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

    def _exists(self, field: Field) -> bool:
        return any(self.fields.find(of, field.path) is not None for of in self.fields.record_types)

    def _find(self, field: Field) -> Place | None:
        return self.fields.find(self._of, field.path)

    # leaves

    def _leaf(self, node: Node) -> Condition:
        if isinstance(node, Compare):
            return self._compare(node)
        if isinstance(node, Within):
            return self._set(node)
        assert isinstance(node, Bare)
        return self._bare(node.operand)

    def _bare(self, node: Node) -> Condition:
        if isinstance(node, Literal):
            raise self._error("a constant alone is no condition", node)
        if isinstance(node, Field) and node.path in {("true",), ("false",)} and not self._exists(node):
            return TRUE if node.path[0] == "true" else FALSE
        field, mask = self._operand(node)
        place = self._find(field)
        if place is None:
            return UNKNOWN
        kind = self.class_of(place)
        if mask is None and kind == "float":
            return negate(self._floating(place, "==", 0.0))
        if kind != "number":
            raise self._error(f"{field.text} is {_NAMES[kind]}: compare it with something", field)
        return negate(self._number(place, mask, field).within([(0, 0)]))

    def _operand(self, node: Node) -> tuple[Field, Node | None]:
        """Return the field of `field` or `field & mask`, and the mask."""
        if isinstance(node, Field):
            return node, None
        if isinstance(node, Bits):
            if node.operator != "&":
                raise self._error(
                    f"`{node.operator}` joins constants only; bits are tested by `field & constant`", node
                )
            for field, mask in ((node.left, node.right), (node.right, node.left)):
                if isinstance(field, Field) and self._exists(field):
                    return field, mask
            if isinstance(node.left, Field):
                raise self.no_field(node.left)
        raise self._error("expected a field", node)

    def _is_field(self, node: Node) -> bool:
        if isinstance(node, Bits):
            return self._is_field(node.left) or self._is_field(node.right)
        return isinstance(node, Field) and self._exists(node)

    def _compare(self, node: Compare) -> Condition:
        left, right, operator = node.left, node.right, node.operator
        if not self._is_field(left):
            if not self._is_field(right):
                if isinstance(left, Field):
                    raise self.no_field(left)
                raise self._error("this compares constants: one side must be a field", node)
            if operator not in _FLIPPED:
                raise self._error(f"`{operator}` has the field on its left and the pattern on its right", node)
            left, right, operator = right, left, _FLIPPED[operator]
        field, mask = self._operand(left)
        place = self._find(field)
        if place is None:
            return UNKNOWN
        if operator in {"!=", "!~"}:
            return negate(self._related(field, place, mask, "==" if operator == "!=" else "~", right))
        return self._related(field, place, mask, operator, right)

    def _related(self, field: Field, place: Place, mask: Node | None, operator: str, right: Node) -> Condition:
        kind = self.class_of(place)
        if self._is_field(right) and not self._is_name(right, place):
            return self._two(field, place, mask, operator, right)
        if operator == "~":
            return self._pattern(field, place, mask, right)
        compare: Callable[[Field, Place, str, Node], Condition] = {
            "number": lambda *of: self._against_number(of[0], of[1], mask, of[2], of[3]),
            "float": self._against_float,
            "string": self._against_string,
            "address": self._against_address,
            "bytes": self._against_bytes,
        }.get(kind, self._never)
        if mask is not None and kind != "number":
            raise self._error(f"{field.text} is {_NAMES[kind]}: `&` is for whole numbers", field)
        return compare(field, place, operator, right)

    def _never(self, field: Field, place: Place, operator: str, right: Node) -> Condition:
        kind = self.class_of(place)
        inside = {
            "struct": f": name a field within it, as in {field.text}.x",
            "array": f": {field.text}[0] is its first element",
        }
        raise self._error(f"{field.text} is {_NAMES[kind]}{inside.get(kind, '')}", field)

    # what a field is

    def decoder(self, place: Place) -> str:
        """Return the name of a place's decoder, "" for none."""
        name = self._decoders.get(place.decoder, "")
        return "" if name == "as_is" else name

    def class_of(self, place: Place) -> str:
        """Return how a field is compared: number, float, string, address, bytes, array or struct."""
        decoder, kind, size = self.decoder(place), place.kind, place.size
        if decoder in {"ip", "ip4", "ip6"} and self._is_address(place, decoder):
            return "address"
        if kind in {UINT, INT, BOOL, POINTER, ENUM}:
            return "number" if size <= 8 else "bytes"
        if kind == FLOAT:
            return "float" if size in {4, 8} else "bytes"
        if decoder in {"mac", "bytes", "uuid"} and size and kind in {ARRAY, STRUCT, UNION, STRING_KIND}:
            return "bytes"
        if kind == STRING_KIND or (decoder == "string" and kind == ARRAY and self.fields.element(place).size == 1):
            return "string"
        if kind == ARRAY:
            return "bytes" if size and self.fields.element(place).size == 1 else "array"
        return "bytes" if kind == OPAQUE and size else "struct"

    def _is_address(self, place: Place, decoder: str) -> bool:
        """Source: eu_decode in native/decoders.c."""
        if place.kind == ARRAY and self.fields.element(place).size >= 4 and decoder == "ip4":
            return False
        return place.size in {"ip4": {4}, "ip6": {16}, "ip": {4, 16}}[decoder] and not place.bits

    def _is_name(self, node: Node, place: Place) -> bool:
        """Whether a word is the name of one of the field's values; that goes before a field of that name."""
        return isinstance(node, Field) and len(node.path) == 1 and node.path[0] in names(self.fields, place)

    # whole numbers

    def _number(self, place: Place, mask: Node | None, field: Field, *, named: bool = False) -> Number:
        number = Number(place, is_port=self.decoder(place) == "port" and place.size >= 2 and not place.bits)
        if mask is None:
            return number.masked(0xFF) if named and has_low_names(place) else number
        return number.masked(self._constant(field, place, mask))

    def _constant(self, field: Field, place: Place, node: Node) -> int:
        """Return the whole number of a mask."""
        if isinstance(node, Bits):
            left, right = self._constant(field, place, node.left), self._constant(field, place, node.right)
            return {"|": left | right, "&": left & right, "^": left ^ right}[node.operator]
        name = node.path[0] if isinstance(node, Field) and len(node.path) == 1 else ""
        flag = well_known(name) if isinstance(name, str) and name not in names(self.fields, place) else None
        if flag is not None:  # of flags a decoder need not know each alone
            return flag
        values = self._values(field, place, node)
        if len(values) != 1 or values[0][1] != 1:
            raise self._error("expected a whole number", node)
        return values[0][0]

    def _values(self, field: Field, place: Place, node: Node) -> list[tuple[int, int]]:
        """Return the numbers (numerator, denominator) that a constant stands for: a name may be that of several."""
        if isinstance(node, Bits):
            return [(self._constant(field, place, node), 1)]
        if isinstance(node, Field):
            return self._named(field, place, str(node.path[0]) if len(node.path) == 1 else node.text, 1, node)
        if not isinstance(node, Literal):
            raise self._error("expected a constant", node)
        if node.kind == "word":
            return self._named(field, place, node.value[0], node.value[1], node)
        if node.kind == STRING:
            if len(node.value) == 1 and place.size == 1:
                return [(node.value[0], 1)]
            return self._named(field, place, node.value.decode(errors="replace"), 1, node)
        if node.kind == NUMBER:
            return [self._in_unit(field, place, node)]
        raise self._error(f"{field.text} is a number, this is an address", node)

    def whole(self, field: Field, place: Place, node: Node) -> int | None:
        """Return the only whole number that a constant stands for beside a field, None where there is none such.

        Raises:
            FilterError: it is no constant of this field.
        """
        if self.class_of(place) != "number" or (self._is_field(node) and not self._is_name(node, place)):
            return None
        values = self._values(field, place, node)
        return values[0][0] if len(values) == 1 and values[0][1] == 1 else None

    def _in_unit(self, field: Field, place: Place, node: Literal) -> tuple[int, int]:
        numerator, denominator, unit = node.value
        if unit != "time":
            return numerator, denominator
        count = _UNITS.get(self.decoder(place))
        if count is None:
            raise self._error(f"the unit of {field.text} is not known: write the number as it is shown", node)
        return numerator, denominator * count

    def _named(self, field: Field, place: Place, name: str, sign: int, node: Node) -> list[tuple[int, int]]:
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
        raise self._no_name(field, name, list(known), node)

    def _no_name(self, field: Field, name: str, known: Sequence[str], node: Node) -> FilterError:
        from difflib import get_close_matches

        if not known:
            if isinstance(node, Literal) and node.kind == STRING:
                return self._error(f"{field.text} is a number, this is a string", node)
            if isinstance(node, Field):
                return self.no_field(node)
            return self._error(f"no constant {name}", node)
        near = get_close_matches(name, known, 1, 0.5) or get_close_matches(name.upper(), known, 1, 0.5)
        listed = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
        meant = f"did you mean {near[0]}?" if near else f"it may be {listed}"
        return self._error(f"{field.text} is never {name} [{meant}]", node)

    def _against_number(self, field: Field, place: Place, mask: Node | None, operator: str, right: Node) -> Condition:
        if isinstance(right, Literal) and right.kind == ADDRESS and mask is None and place.size in {4, 16}:
            return self._against_address(field, place, operator, right)
        values = self._values(field, place, right)
        if place.kind == BOOL and mask is None:
            return self._truth(place, operator, values[0])
        number = self._number(place, mask, field, named=_is_named(right))
        return number.within([range_of(operator, *value) for value in values])

    def _truth(self, place: Place, operator: str, value: tuple[int, int]) -> Condition:
        """A bool is 1 unless it is 0."""
        low, high = range_of(operator, *value)
        is_true = negate(Number(place).within([(0, 0)]))
        holds = [(low is None or low <= each) and (high is None or each <= high) for each in (0, 1)]
        return {(True, True): TRUE, (False, False): FALSE, (False, True): is_true}.get(
            (holds[0], holds[1]), negate(is_true)
        )

    # floats

    def _against_float(self, field: Field, place: Place, operator: str, right: Node) -> Condition:
        numerator, denominator = self._values(field, place, right)[0]
        try:
            value = numerator / denominator
        except OverflowError:
            value = float("inf") if numerator > 0 else float("-inf")
        return self._floating(place, operator, value)

    def _floating(self, place: Place, operator: str, value: float) -> Condition:
        if place.size == 4:  # 0.1 means the nearest number of the field's width
            try:
                (value,) = unpack("<f", pack("<f", value))
            except OverflowError:
                value = float("inf") if value > 0 else float("-inf")
        a = int.from_bytes(pack("<d", value), "little")
        flags = code.IS_FLOAT | (code.VALUE if place.in_value else 0)
        return Test(code.FLOAT_OP, place.offset, place.size, a, bits=_RELATIONS[operator], flags=flags)

    # strings, addresses, bytes

    def _against_string(self, field: Field, place: Place, operator: str, right: Node) -> Condition:
        from eunomia.events.filter.texts import equal

        if operator != "==":
            raise self._error(f"{field.text} is a string: it can be compared by ==, !=, ~, !~ and in", field)
        return equal(place, self._text(field, right))

    def _text(self, field: Field, node: Node) -> bytes:
        if isinstance(node, Literal) and node.kind == STRING:
            text: bytes = node.value
            return text
        shown = self.text[node.start : node.end]
        hint = f' [write "{shown}"]' if isinstance(node, Field | Literal) else ""
        raise self._error(f"{field.text} is a string, `{shown}` is none{hint}", node)

    def _pattern(self, field: Field, place: Place, mask: Node | None, right: Node) -> Condition:
        from eunomia.events.filter.texts import glob

        if not isinstance(right, Literal) or right.kind != STRING:
            raise self._error('expected a pattern in quotes, as in "ssh*"', right)
        kind = self.class_of(place)
        if kind == "string":
            return glob(place, right.value)
        known = names(self.fields, place) if kind == "number" and mask is None else {}
        if not known:
            raise self._error(
                f"{field.text} is {_NAMES[kind]}: patterns are for strings and for values with names", field
            )
        values = [value for name, each in known.items() if matches(right.value, name.encode()) for value in each]
        return self._number(place, None, field, named=True).within([(value, value) for value in values])

    def _against_address(self, field: Field, place: Place, operator: str, right: Node) -> Condition:
        from eunomia.events.filter.addresses import network

        if operator != "==":
            raise self._error(f"{field.text} is an address: it can be compared by ==, != and in", field)
        found = None
        if isinstance(right, Literal) and right.kind in {ADDRESS, STRING}:
            found = right.value if right.kind == ADDRESS else parse_network(right.value.decode(errors="replace"))
        elif isinstance(right, Literal) and right.kind == NUMBER and place.kind in {UINT, INT}:
            return Number(place).within([range_of("==", *right.value[:2])]) if place.size <= 8 else FALSE
        if found is None:
            raise self._error(f"{field.text} is an address, as in 10.1.2.3, 10.0.0.0/8 or fe80::/10", right)
        if place.size == 4 and len(found[0]) == 16 and (found[0][:12] != bytes(10) + b"\xff\xff" or found[1] < 96):
            raise self._error(f"{field.text} holds IPv4 addresses only", right)
        return network(place, *found, is_either=self.decoder(place) != "ip6")

    def _against_bytes(self, field: Field, place: Place, operator: str, right: Node) -> Condition:
        if operator != "==":
            raise self._error(f"{field.text} is {place.size} bytes: they can be compared by ==, != and in", field)
        if isinstance(right, Literal) and right.kind == ADDRESS and place.size == 16:
            return self._against_address(field, place, operator, right)
        wanted = self._bytes(field, place, right)
        flags = code.VALUE if place.in_value else 0
        return Test(code.BYTES, place.offset, place.size, 0, len(wanted), flags=flags, data=wanted)

    def _bytes(self, field: Field, place: Place, node: Node) -> bytes:
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
            raise self._error(f'{field.text} is {place.size} bytes: write them in hexadecimal, as in "00ff…"', node)
        if len(data) != place.size:
            raise self._error(f"{len(data)} bytes, {field.text} has {place.size}", node)
        return data

    # sets

    def _set(self, node: Within) -> Condition:
        field, mask = self._operand(node.left)
        place = self._find(field)
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
            raise self._error(f"{field.text} is {_NAMES[self.class_of(place)]}: ranges are for numbers", item[0])
        low, high = (self._related(field, place, mask, op, each) for op, each in zip((">=", "<="), item, strict=True))
        return Group("and", [low, high])

    def _number_set(self, field: Field, place: Place, mask: Node | None, node: Within) -> Condition:
        if place.kind == BOOL and mask is None:
            singles = [item for item in node.items if not isinstance(item, tuple)]
            if len(singles) != len(node.items):
                raise self._error(f"{field.text} is true or false: it has no ranges", node)
            return either(*(self._truth(place, "==", self._values(field, place, item)[0]) for item in singles))
        if mask is None and has_low_names(place) and any(isinstance(item, Node) for item in node.items):
            parts = [item for item in node.items if isinstance(item, tuple)]
            rest = Within(node.left, [*parts], node.end)
            each = [
                self._against_number(field, place, None, "==", item) for item in node.items if isinstance(item, Node)
            ]
            return either(*each, self._number_set(field, place, mask, rest)) if parts else either(*each)
        ranges: list[Range] = []
        for item in node.items:
            if not isinstance(item, tuple):
                ranges += [range_of("==", *value) for value in self._values(field, place, item)]
                continue
            first, last = (self._values(field, place, each)[0] for each in item)
            if first[0] * last[1] > last[0] * first[1]:
                raise FilterError("the range is empty", self.text, item[0].start, item[1].end)
            ranges.append((range_of(">=", *first)[0], range_of("<=", *last)[1]))
        return self._number(place, mask, field).within(ranges)

    # two fields

    def _two(self, field: Field, place: Place, mask: Node | None, operator: str, right: Node) -> Condition:
        if operator == "~":
            raise self._error('expected a pattern in quotes, as in "ssh*"', right)
        other_field, other_mask = self._operand(right)
        other = self._find(other_field)
        if other is None:
            return UNKNOWN
        kinds = {self.class_of(place), self.class_of(other)}
        if kinds <= {"number", "float"}:
            return self._two_numbers((field, place, mask), (other_field, other, other_mask), operator, kinds)
        both = f"{field.text} and {other_field.text}"
        if len(kinds) > 1:
            names_ = [_NAMES[self.class_of(each)] for each in (place, other)]
            raise self._error(f"{field.text} is {names_[0]}, {other_field.text} is {names_[1]}", right)
        if operator != "==":
            raise self._error(f"{both} can be compared by == and != only", right)
        flags = [code.VALUE if each.in_value else 0 for each in (place, other)]
        if kinds == {"string"}:
            second = Test(code.STRING, other.offset, other.size, flags=flags[1])
            return Test(code.STRING, place.offset, place.size, flags=flags[0], second=second)
        if kinds & {"struct", "array"}:
            return self._never(field, place, operator, right)
        if place.size != other.size:
            raise self._error(f"{field.text} has {place.size} bytes, {other_field.text} {other.size}", right)
        second = Test(code.SAME, other.offset, other.size, flags=flags[1])
        return Test(code.SAME, place.offset, place.size, flags=flags[0], second=second)

    def _two_numbers(
        self,
        left: tuple[Field, Place, Node | None],
        right: tuple[Field, Place, Node | None],
        operator: str,
        kinds: set[str],
    ) -> Condition:
        units = [_UNITS.get(self.decoder(each[1])) for each in (left, right)]
        if None not in units and units[0] != units[1]:
            raise self._error(f"{left[0].text} and {right[0].text} have different units", right[0])
        if "float" in kinds:
            tests = [self._float_operand(*each) for each in (left, right)]
            tests[0].b = _RELATIONS[operator]
            tests[0].second = tests[1]
            return tests[0]
        if operator in {">", ">="}:
            left, right, operator = right, left, _FLIPPED[operator]
        first, second = (self._number(place, mask, field) for field, place, mask in (left, right))
        return first.load(second.operand(), {"==": 0, "<": 1, "<=": 2}[operator])

    def _float_operand(self, field: Field, place: Place, mask: Node | None) -> Test:
        if self.class_of(place) == "number":
            if mask is not None:
                raise self._error(f"{field.text}: bits cannot be compared with a float", field)
            test = self._number(place, None, field).load()
            test.code, test.a = code.FLOATS, 0
            return test
        flags = code.IS_FLOAT | (code.VALUE if place.in_value else 0)
        return Test(code.FLOATS, place.offset, place.size, flags=flags)


_NAMES = {
    "number": "a number",
    "float": "a number",
    "string": "a string",
    "address": "an address",
    "bytes": "bytes",
    "array": "an array",
    "struct": "a struct",
}


def _is_named(node: Node) -> bool:
    return isinstance(node, Field) or (isinstance(node, Literal) and node.kind in {"word", STRING})


def matches(pattern: bytes, text: bytes) -> bool:
    """Whether text matches a pattern, as the C core finds it."""
    from eunomia._native import lib

    return bool(lib.eu_glob(pattern, len(pattern), text, len(text)))
