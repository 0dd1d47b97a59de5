"""Readers of structs as Python source, made for each type: one unpack takes a record apart, one expression joins it.

The source holds positions only, no names out of the package.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from eunomia.events.kinds import ARRAY, BOOL, ENUM, FLOAT, INT, OPAQUE, POINTER, STRING, STRUCT, UINT

if TYPE_CHECKING:
    from eunomia.events.layout import Layout, ManyReader, Reader

_LETTERS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_FLOATS = {4: "f", 8: "d"}
_SHORT_TEXT = 32  # bytes of a char array whose text is likely to come again
_MOST = 512  # members of one type


class Leaf:
    """A member that is not opened: its place in bits, and for a bit field its width."""

    __slots__ = ("bits", "end", "start", "type", "width")

    def __init__(self, layout: Layout, index: int, bits: int, width: int) -> None:
        self.type = index
        self.bits = bits
        self.width = width
        self.start = bits // 8
        self.end = (bits + width + 7) // 8 if width else self.start + layout.size(index)


class Unpacker:
    """Makes the readers of one struct.

    Args:
        layout: of its plan.
        index: the struct's type, which has a size of its own and does not go on to the end of the record.
        words: `enum(values, number)`, `text(data)`, `texts[data]`.
    """

    def __init__(self, layout: Layout, index: int, words: dict[str, Any]) -> None:
        self._layout = layout
        self._index = index
        self._space: dict[str, Any] = {"new": tuple.__new__, "number": int.from_bytes, **words}
        self._leaves: list[Leaf] = []
        self._values: dict[Leaf, str] = {}
        self._prelude: list[tuple[str, str]] = []
        self._form, self._at, self._cells = "<", 0, 0

    def readers(self) -> tuple[Reader, ManyReader] | None:
        """Return the reader of one value and that of many that lie behind each other; None: it has too many members."""
        tree = self._opened(self._index, 0)
        if len(self._leaves) > _MOST:
            return None
        for group in self._groups():
            self._add(group)
        size = self._layout.size(self._index)
        packed = struct.Struct(f"{self._form}{size - self._at}x")
        value = self._expression(tree)
        cells = "".join(f"f{position}, " for position in range(self._cells))
        lines = "".join(f" {name} = {source}\n" for name, source in self._prelude)
        loops = "".join(f" for {name} in ({source},)" for name, source in self._prelude)
        source = f"def read(data, at, end):\n ({cells}) = unpack(data, at)\n{lines} return {value}\n"
        source += f"def read_all(data):\n return [{value} for ({cells}) in unpack_all(data){loops}]"
        self._space |= {"unpack": packed.unpack_from, "unpack_all": packed.iter_unpack}
        exec(source, self._space)
        return self._space["read"], self._space["read_all"]

    def _opened(self, index: int, bits: int) -> tuple[int, list[Any]]:
        """A struct as a tree: its type and its members, leaves or such trees."""
        members: list[Any] = []
        for _, member, offset, width in self._layout.flat(index):
            if not width and self._layout.kind(member) == STRUCT and len(self._leaves) <= _MOST:
                members.append(self._opened(member, bits + offset))
            else:
                leaf = Leaf(self._layout, member, bits + offset, width)
                self._leaves.append(leaf)
                members.append(leaf)
        return index, members

    def _groups(self) -> list[list[Leaf]]:
        """Leaves that share bytes, in order of their offset: bit fields, members of unions."""
        groups: list[list[Leaf]] = []
        end = -1
        for leaf in sorted(self._leaves, key=lambda each: (each.start, each.end)):
            if leaf.start < end and groups:
                groups[-1].append(leaf)
            else:
                groups.append([leaf])
            end = max(end, leaf.end)
        return groups

    def _add(self, group: list[Leaf]) -> None:
        """Give a group its cell of the unpack, and each of its leaves an expression."""
        start, end = group[0].start, max(leaf.end for leaf in group)
        leaf, letter = group[0], self._letter(group[0])
        name = f"f{self._cells}"
        self._cells += 1
        self._form += f"{start - self._at}x"
        self._at = end
        if len(group) == 1 and letter:
            self._form += letter
            self._values[leaf] = self._named(leaf.type, name)
            return
        self._form += f"{end - start}s"
        if any(each.width for each in group):
            self._prelude.append((f"n{name}", f"number({name}, 'little')"))
        for each in group:
            if each.width:
                self._values[each] = self._bit_field(each, f"n{name}", each.bits - 8 * start)
            elif (each.start, each.end) == (start, end):
                self._values[each] = self._of_bytes(each.type, name)
            else:
                self._values[each] = self._of_bytes(each.type, f"{name}[{each.start - start}:{each.end - start}]")

    def _expression(self, node: Any) -> str:
        if isinstance(node, Leaf):
            return self._values[node]
        index, members = node
        kept = self._keep(self._layout.event_type(index))
        return f"new({kept}, ({''.join(self._expression(member) + ', ' for member in members)}))"

    def _keep(self, value: Any) -> str:
        name = f"k{len(self._space)}"
        self._space[name] = value
        return name

    def _letter(self, leaf: Leaf) -> str:
        """Return struct's letter of a plain scalar or char array, "" for everything else."""
        return "" if leaf.width else self._scalar(leaf.type) or self._chars(leaf.type)

    def _scalar(self, index: int) -> str:
        kind, size = self._layout.kind(index), self._layout.size(index)
        if kind == FLOAT:
            return _FLOATS.get(size, "")
        if kind == BOOL:
            return "?" if size == 1 else ""
        if kind not in (UINT, INT, POINTER, ENUM):
            return ""
        letter = _LETTERS.get(size, "")
        return letter.lower() if self._layout.is_signed(index) else letter

    def _chars(self, index: int) -> str:
        return f"{self._layout.size(index)}s" if self._layout.kind(index) == STRING else ""

    def _named(self, index: int, value: str) -> str:
        """A scalar or a char array out of what unpack gave."""
        kind = self._layout.kind(index)
        if kind == STRING:
            return f"texts[{value}]" if self._layout.size(index) <= _SHORT_TEXT else f"text({value})"
        return f"enum({self._keep(self._layout.enum(index))}, {value})" if kind == ENUM else value

    def _of_bytes(self, index: int, data: str) -> str:
        """Any value out of its own bytes."""
        kind, size = self._layout.kind(index), self._layout.size(index)
        letter = self._scalar(index)
        if letter:
            return self._named(index, f"{self._keep(struct.Struct('<' + letter).unpack)}({data})[0]")
        if kind == STRING:
            return self._named(index, data)
        if kind == OPAQUE:
            return data
        if kind == ARRAY:
            return self._array(index, data)
        if kind in (UINT, INT):
            return f"number({data}, 'little', signed={kind == INT})"
        return f"{self._keep(self._layout.reader(index))}({data}, 0, {size})"

    def _array(self, index: int, data: str) -> str:
        element, count = self._layout.element(index)
        letter, kind = self._scalar(element), self._layout.kind(element)
        if not self._layout.size(element):
            return f"{self._keep(self._layout.reader(index))}({data}, 0, 0)"
        if letter == "B" and kind != ENUM:
            return f"tuple({data})"
        many = f"{self._keep(self._layout.reader_of_many(element))}({data})"
        if letter or kind == STRING:
            packed = struct.Struct("<" + (f"{count}{letter}" if letter else self._chars(element) * count))
            many = f"{self._keep(packed.unpack)}({data})"
        if letter and kind != ENUM:
            return many
        if letter or kind == STRING:
            return f"tuple([{self._named(element, 'each')} for each in {many}])"
        return f"tuple({many})"

    def _bit_field(self, leaf: Leaf, number: str, shift: int) -> str:
        kind, mask = self._layout.kind(leaf.type), (1 << leaf.width) - 1
        value = f"({number} >> {shift} & {mask})"
        if kind == BOOL:
            return f"{value} != 0"
        if self._layout.is_signed(leaf.type):
            sign = 1 << leaf.width - 1
            value = f"(({value} ^ {sign}) - {sign})"
        return self._named(leaf.type, value)
