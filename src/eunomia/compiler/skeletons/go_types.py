"""Go definitions of layouts: every byte of padding a field; functions where Go cannot have a field."""

from __future__ import annotations

from eunomia.compiler.skeletons.flat import Flat, View
from eunomia.compiler.skeletons.layout import Aggregate, Array, Scalar
from eunomia.compiler.skeletons.names import Free, camel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from eunomia.compiler.skeletons.flat import Slot
    from eunomia.compiler.skeletons.layout import Constants, Shape

HELPERS = """\
func PREFIXBytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

func PREFIXValueAt[T any](from []byte) (v T) {
	copy(PREFIXBytesOf(&v), from)
	return v
}

func PREFIXUnmarshalInto[T any](v *T, name string, from []byte) error {
	to := PREFIXBytesOf(v)
	if len(from) < len(to) {
		return fmt.Errorf("%s: %d bytes, expected %d", name, len(from), len(to))
	}
	copy(to, from)
	return nil
}

func PREFIXBitsAt(from []byte, shift, width uint) uint64 {
	var v uint64
	for i := min(len(from), 8) - 1; i >= 0; i-- {
		v = v<<8 | uint64(from[i])
	}
	v >>= shift
	if len(from) > 8 {
		v |= uint64(from[8]) << (64 - shift)
	}
	return v & (1<<width - 1)
}

func PREFIXPutBitsAt(to []byte, shift, width uint, v uint64) {
	for i := shift; i < shift+width; i++ {
		to[i/8] = to[i/8]&^(1<<(i%8)) | byte(v&1)<<(i%8)
		v >>= 1
	}
}
"""


class GoTypes:
    """Writes the types of one file.

    Args:
        prefix: what all names begin with, so that files can share a package: `bootstrap`.
        without: names of types that are defined elsewhere: they are used, not defined.
    """

    __slots__ = ("_aligns", "_constants", "_free", "_names", "lines", "prefix", "without")

    def __init__(self, prefix: str, without: Collection[str] = ()) -> None:
        self.prefix = prefix
        self.without = without
        self.lines: list[str] = []
        self._free = Free(*(f"{prefix}{word}" for word in _TAKEN))
        self._constants = self._free
        self._names: dict[int, str] = {}
        self._aligns: dict[int, int] = {}

    def constants(self, enum: Constants) -> None:
        """Add the names of an enum as constants without a type."""
        if enum.name in self.without or not enum.values:
            return
        self.lines.append("const (")
        rows = []
        for name, value in enum.values:
            fits = value if enum.shape.signed else value & (1 << enum.shape.size * 8) - 1
            rows.append((self._free.take(self.prefix + name), f"= {fits}"))
        self.lines += [*aligned(rows), ")", ""]

    def define(self, aggregate: Aggregate, wanted: str) -> str:
        """Add a struct or union and all that it holds, unless it is there; return its name."""
        key = aggregate.id or id(aggregate)
        if key in self._names:
            return self._names[key]
        left_out = bool(aggregate.name) and aggregate.name in self.without
        name = self.prefix + camel(aggregate.name or wanted)
        name = self._names[key] = name if left_out else self._free.take(name)
        flat = Flat(aggregate)
        kinds = {id(slot): self.spell(slot.shape, f"{wanted}_{slot.name}") for slot in flat.slots if slot.shape}
        seen = [slot for slot in flat.slots if slot.size and self._fits(slot, aggregate.size)]
        self._aligns[key] = max((self._align(slot.shape) for slot in seen), default=1)
        views = [View(slot.name, slot.offset, slot.shape) for slot in flat.slots if slot.shape and slot not in seen]
        views = [view for view in [*views, *flat.views] if view.shape.size]
        spelled = [(view, self.spell(view.shape, f"{wanted}_{view.name}")) for view in views]
        if not left_out:
            self.lines += self._struct(name, flat, kinds, {id(slot) for slot in seen}, spelled)
        return name

    def spell(self, shape: Shape, wanted: str) -> str:
        """Return a type's name in Go; what has none gets `wanted`."""
        if isinstance(shape, Array):
            return f"[{shape.count}]{self.spell(shape.element, wanted)}"
        if isinstance(shape, Aggregate):
            return self.define(shape, wanted)
        return _scalar(shape)

    def _fits(self, slot: Slot, size: int) -> bool:
        """Whether Go puts a field where it belongs: Go knows no packed structs."""
        align = self._align(slot.shape)
        return slot.offset % align == 0 and size % align == 0

    def _align(self, shape: Shape | None) -> int:
        while isinstance(shape, Array):
            shape = shape.element
        if isinstance(shape, Aggregate):
            return self._aligns[shape.id]
        return 1 if shape is None else shape.align

    def _struct(
        self, name: str, flat: Flat, kinds: dict[int, str], seen: set[int], views: list[tuple[View, str]]
    ) -> Iterator[str]:
        size = flat.aggregate.size
        free = Free("MarshalBinary", "UnmarshalBinary")
        asserts = [f"var _ [0]struct{{}} = [unsafe.Sizeof({name}{{}}) - {size}]struct{{}}{{}}"]
        rows = []
        empty = []
        for slot in flat.slots:
            if not slot.size:
                empty += [f"// {slot.name} begins at {slot.offset}."] if slot.shape is not None else []
            elif slot.shape is None or id(slot) not in seen:
                rows.append(("_", f"[{slot.size}]byte"))
            else:
                field = free.take(camel(slot.name))
                rows.append((field, kinds[id(slot)]))
                asserts.append(
                    f"var _ [0]struct{{}} = [unsafe.Offsetof({name}{{}}.{field}) - {slot.offset}]struct{{}}{{}}"
                )
        yield from empty
        if flat.aggregate.uses:
            yield f"// {name}: {flat.aggregate.uses}."
        yield f"type {name} struct {{"
        yield from aligned(rows)
        yield "}"
        yield ""
        yield from asserts
        yield ""
        yield f"func (v *{name}) MarshalBinary() ([]byte, error) {{"
        yield f"\treturn append([]byte(nil), {self.prefix}BytesOf(v)...), nil"
        yield "}"
        yield ""
        yield f"func (v *{name}) UnmarshalBinary(from []byte) error {{"
        yield f'\treturn {self.prefix}UnmarshalInto(v, "{flat.aggregate.name or name}", from)'
        yield "}"
        yield ""
        for view, kind in views:
            yield from self._functions(name, view, kind, free)

    def _functions(self, name: str, view: View, kind: str, free: Free) -> Iterator[str]:
        get, put = free.take(camel(view.name)), free.take(f"Set{camel(view.name)}")
        before: list[str] = []
        bytes_of = f"{self.prefix}BytesOf(v)"
        if view.bits is None:
            read = f"{self.prefix}ValueAt[{kind}]({bytes_of}[{view.offset}:])"
            write = f"copy({bytes_of}[{view.offset}:], {self.prefix}BytesOf(&value))"
        else:
            at, size, shift = view.bytes
            width = view.bits.width
            place = f"{bytes_of}[{at}:{at + size}], {shift}, {width}"
            word = f"{self.prefix}BitsAt({place})"
            read = f"{kind}({word})"
            value = "uint64(value)"
            if kind == "bool":
                read, value = f"{word} != 0", "bit"
                before = ["\tvar bit uint64", "\tif value {", "\t\tbit = 1", "\t}"]
            elif view.bits.base.signed:
                read = f"{kind}(int64({word}<<{64 - width}) >> {64 - width})"
            write = f"{self.prefix}PutBitsAt({place}, {value})"
        yield f"func (v *{name}) {get}() {kind} {{"
        yield f"\treturn {read}"
        yield "}"
        yield ""
        yield f"func (v *{name}) {put}(value {kind}) {{"
        yield from before
        yield f"\t{write}"
        yield "}"
        yield ""


def aligned(rows: list[tuple[str, str]]) -> list[str]:
    """Lines of two columns, as gofmt has them."""
    width = max((len(name) for name, _rest in rows), default=0)
    return [f"\t{name:{width}} {rest}" for name, rest in rows]


_TAKEN = (
    *("BytesOf", "ValueAt", "UnmarshalInto", "BitsAt", "PutBitsAt"),
    *("Object", "Objects", "Maps", "Programs", "Variables"),
)


def _scalar(shape: Scalar) -> str:
    if shape.kind == "bytes":
        return f"[{shape.size}]byte"
    if shape.kind in {"bool", "char"}:
        return "bool" if shape.kind == "bool" else "byte"
    if shape.kind == "float":
        return f"float{shape.size * 8}"
    if shape.size == 16:
        return "[2]uint64"
    return f"{'' if shape.signed else 'u'}int{shape.size * 8}"
