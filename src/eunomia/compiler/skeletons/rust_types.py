"""Rust definitions of layouts: `repr(C)` with every byte of padding a member, packed where the kernel's side is."""

from __future__ import annotations

from eunomia.compiler.skeletons.flat import Flat
from eunomia.compiler.skeletons.layout import Aggregate, Array, Scalar
from eunomia.compiler.skeletons.names import RUST_TYPES, Free, rust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from eunomia.compiler.skeletons.flat import Slot, View
    from eunomia.compiler.skeletons.layout import Constants, Shape


class RustTypes:
    """Writes the types of one file.

    Args:
        without: names of types that are defined elsewhere: they are used, not defined.
    """

    __slots__ = ("_aligns", "_constants", "_done", "_free", "_names", "lines", "without")

    def __init__(self, without: Collection[str] = ()) -> None:
        self.without = without
        self.lines: list[str] = []
        self._free = Free(*RUST_TYPES)
        self._constants = Free()
        self._names: dict[int, str] = {}
        self._aligns: dict[int, int] = {}
        self._done: set[int] = set()

    def constants(self, enum: Constants) -> None:
        """Add an enum: the name of an integer type, and a constant for each of its names."""
        kind = _scalar(enum.shape)
        if enum.name in self.without:
            return
        if enum.name:
            self.lines.append(f"pub type {rust(self._free.take(enum.name))} = {kind};")
        for name, value in enum.values:
            fits = value if enum.shape.signed else value & (1 << enum.shape.size * 8) - 1
            self.lines.append(f"pub const {rust(self._constants.take(name))}: {kind} = {fits};")

    def define(self, aggregate: Aggregate, wanted: str) -> str:
        """Add a struct or union and all that it holds, unless it is there; return its name."""
        key = id(aggregate) if not aggregate.id else aggregate.id
        if key in self._names:
            return self._names[key]
        left_out = bool(aggregate.name) and aggregate.name in self.without
        name = self._names[key] = rust(aggregate.name if left_out else self._free.take(aggregate.name or wanted))
        flat = Flat(aggregate)
        kinds = {id(slot): self.spell(slot.shape, f"{wanted}_{slot.name}") for slot in flat.slots if slot.shape}
        self._aligns[key] = self._align(flat)
        views = [(view, self.spell(view.shape, f"{wanted}_{view.name}")) for view in flat.views]
        if not left_out:
            self.lines += self._struct(name, flat, kinds, self._aligns[key])
            self.lines += _functions(name, views)
        return name

    def spell(self, shape: Shape, wanted: str) -> str:
        """Return a type's name in Rust; what has none gets `wanted`."""
        if isinstance(shape, Array):
            return f"[{self.spell(shape.element, wanted)}; {shape.count}]"
        if isinstance(shape, Aggregate):
            return self.define(shape, wanted)
        return _scalar(shape)

    def _align(self, flat: Flat) -> int:
        """Its natural alignment, if that gives the offsets wanted; else 0: it is packed."""
        most = 1
        for slot in flat.slots:
            align = self._natural(slot)
            if not align or slot.offset % align:
                return 0
            most = max(most, align)
        return 0 if flat.aggregate.size % most else most

    def _natural(self, slot: Slot) -> int:
        """Alignment in Rust; 0 where it depends on Rust's version."""
        shape = slot.shape
        while isinstance(shape, Array):
            shape = shape.element
        if isinstance(shape, Aggregate):
            return self._aligns[shape.id] or 1
        if shape is None or shape.kind == "bytes":
            return 1
        return shape.size if shape.size <= 8 else 0

    @staticmethod
    def _struct(name: str, flat: Flat, kinds: dict[int, str], align: int) -> Iterator[str]:
        size = flat.aggregate.size
        if flat.aggregate.uses:
            yield f"/// {flat.aggregate.uses[:1].upper()}{flat.aggregate.uses[1:]}."
        yield f"#[repr({'C' if align else 'C, packed'})]"
        yield "#[derive(Clone, Copy, Debug)]"
        yield f"pub struct {name} {{"
        own = {slot.name for slot in flat.slots if slot.shape}
        for slot in flat.slots:
            kind = kinds[id(slot)] if slot.shape else f"[u8; {slot.size}]"
            field = slot.name if slot.shape else slot.name or f"pad_{slot.offset}"
            while not slot.shape and field in own:
                field += "_"
            note = " // bool" if slot.shape and _is_bool(slot.shape) else ""
            yield f"    pub {rust(field)}: {kind},{note}"
        yield "}"
        yield f"const _: () = assert!(::core::mem::size_of::<{name}>() == {size});"
        yield f"unsafe impl ::eunomia::Pod for {name} {{}}"
        yield f"impl ::core::default::Default for {name} {{"
        yield "    fn default() -> Self {"
        yield "        ::eunomia::Pod::zeroed()"
        yield "    }"
        yield "}"


def _functions(name: str, views: list[tuple[View, str]]) -> Iterator[str]:
    """Functions `field()` and `set_field()` for members of unions and bit fields."""
    if not views:
        return
    free = Free()
    yield f"impl {name} {{"
    for view, kind in views:
        get, put = free.take(view.name), free.take(f"set_{view.name}")
        if view.bits is None:
            read, write = f"self.get_at({view.offset})", f"self.put_at({view.offset}, value)"
        else:
            at, size, shift = view.bytes
            place = f"{at}, {size}, {shift}, {view.bits.width}"
            signed = view.bits.base.signed
            read = f"self.bits{'_signed' if signed else ''}_at({place}) as {kind}"
            write = f"self.put_bits_at({place}, value as u64)"
        yield f"    pub fn {rust(get)}(&self) -> {kind} {{"
        yield f"        ::eunomia::Pod::{_call(read)}"
        yield "    }"
        yield f"    pub fn {rust(put)}(&mut self, value: {kind}) {{"
        yield f"        ::eunomia::Pod::{_call(write)}"
        yield "    }"
    yield "}"


def _call(method: str) -> str:
    """`self.get_at(4)` as a call of the trait's function, whatever names the struct's own functions have."""
    function, _paren, rest = method.removeprefix("self.").partition("(")
    return f"{function}(self, {rest}"


def _is_bool(shape: Shape) -> bool:
    return isinstance(shape, Scalar) and shape.kind == "bool"


def _scalar(shape: Scalar) -> str:
    if shape.kind == "bytes":
        return f"[u8; {shape.size}]"
    if shape.kind == "float":
        return f"f{shape.size * 8}"
    if shape.kind in {"bool", "char"}:
        return "u8"
    return f"{'i' if shape.signed else 'u'}{shape.size * 8}"
