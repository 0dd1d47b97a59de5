"""What a filter's names mean in one record type: fields, and of what kind they are."""

from __future__ import annotations

from eunomia.errors import FilterError
from eunomia.events.filter.fields import Fields, Place, RecordType
from eunomia.events.filter.parser import Bits, Field, Node, show_path
from eunomia.events.kinds import ARRAY, BOOL, ENUM, FLOAT, INT, OPAQUE, POINTER, STRUCT, UINT, UNION
from eunomia.events.kinds import STRING as STRING_KIND

KINDS = {
    "number": "a number",
    "float": "a number",
    "string": "a string",
    "address": "an address",
    "bytes": "bytes",
    "array": "an array",
    "struct": "a struct",
}
_LISTED = 24


class Scope:
    """The record type that is looked at, and the text, for messages."""

    __slots__ = ("_decoders", "fields", "of", "text")

    def __init__(self, fields: Fields, text: str) -> None:
        from eunomia.btf.decoders import NAMES

        self.fields = fields
        self.text = text
        self._decoders = dict(enumerate(NAMES))
        self.of = fields.record_types[0] if fields.record_types else RecordType(0, 0, (), False)

    def error(self, message: str, node: Node) -> FilterError:
        """Return an error at a node."""
        return FilterError(message, self.text, node.start, node.end)

    def no_field(self, field: Field) -> FilterError:
        """Return the error for a field that no record type has."""
        from difflib import get_close_matches

        if beyond := self._beyond(field):
            return beyond
        known = self.fields.names()
        near = (
            [name for name in known if name.endswith(f".{field.text}")]  # of an inner struct
            or get_close_matches(field.text, known, 1, 0.6)
            or get_close_matches(field.text.lower(), [name.lower() for name in known], 1, 0.6)
        )
        listed = ", ".join(known[:_LISTED]) + (", …" if len(known) > _LISTED else "")
        meant = f"did you mean {near[0]}? " if near else ""
        return self.error(f"no field {field.text} [{meant}fields: {listed or 'none'}]", field)

    def _beyond(self, field: Field) -> FilterError | None:
        """The error for an element that an array does not have; None: that is not what is wrong."""
        for place, part in enumerate(field.path):
            if not isinstance(part, int):
                continue
            before = field.path[:place]
            arrays = (self.fields.find(of, before) for of in self.fields.record_types)
            count = max((self.fields.count(array) for array in arrays if array), default=0)
            if 0 < count <= part:
                return self.error(f"{show_path(before)} has {count} elements, [0] to [{count - 1}]", field)
        return None

    def exists(self, field: Field) -> bool:
        """Whether some record type has a field."""
        return any(self.fields.find(of, field.path) is not None for of in self.fields.record_types)

    def find(self, field: Field) -> Place | None:
        """Return a field of this record type, None where it has none such."""
        return self.fields.find(self.of, field.path)

    def is_field(self, node: Node) -> bool:
        """Whether a node is a field, or bits of one."""
        if isinstance(node, Bits):
            return self.is_field(node.left) or self.is_field(node.right)
        return isinstance(node, Field) and self.exists(node)

    def operand(self, node: Node) -> tuple[Field, Node | None]:
        """Return the field of `field` or `field & mask`, and the mask."""
        if isinstance(node, Field):
            return node, None
        if isinstance(node, Bits):
            if node.operator != "&":
                raise self.error(f"`{node.operator}` joins constants only; bits are tested by `field & constant`", node)
            for field, mask in ((node.left, node.right), (node.right, node.left)):
                if isinstance(field, Field) and self.exists(field):
                    return field, mask
            if isinstance(node.left, Field):
                raise self.no_field(node.left)
        raise self.error("expected a field", node)

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
