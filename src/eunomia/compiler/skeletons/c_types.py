"""C and C++ definitions of layouts: packed, with every byte of padding a member, and assertions of the sizes."""

from __future__ import annotations

from zlib import crc32

from eunomia.compiler.skeletons.layout import MAX_FIELDS, Aggregate, Array, Constants, Scalar
from eunomia.compiler.skeletons.names import BPF, BPF_ENUMS, CPLUSPLUS, LIBBPF_ENUMS, LIBC
from eunomia.errors import PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from eunomia.compiler.skeletons.layout import Bits, Field, Shape

ASSERT = """\
#ifndef EUNOMIA_ASSERT
#ifdef __cplusplus
#define EUNOMIA_ASSERT(truth, text) static_assert(truth, text)
#else
#define EUNOMIA_ASSERT(truth, text) _Static_assert(truth, text)
#endif
#endif
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpacked-not-aligned" /* every place is told, and asserted */
#endif
"""
END = """\
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
"""


class CTypes:
    """Writes the types of one file.

    Args:
        prefix: what begins the names of types whose own names the C library has.
        without: names of types that somebody else defines: they are used, not defined.
    """

    __slots__ = ("_names", "_nr_lines", "_pads", "prefix", "without")

    def __init__(self, prefix: str, without: Collection[str] = ()) -> None:
        self.prefix = prefix
        self.without = without
        self._pads = 0
        self._names: frozenset[str] = frozenset()
        self._nr_lines = 0

    def constants(self, enum: Constants) -> list[str]:
        """Return the definition of an enum; none where it, or one of its names, is defined elsewhere."""
        if enum.name in self.without or any(name in self.without for name, _value in enum.values) or not enum.values:
            return []
        rows = [f"\t{name} = {_number(value)}," for name, value in enum.values]
        if enum.is_typedef:
            return _once(enum.values[0][0], ["typedef enum {", *rows, f"}} {enum.name};"])
        lines = _once(enum.values[0][0], [f"enum {enum.name} {{".replace("  ", " "), *rows, "};"])
        header = _header(enum)
        return [f"#ifndef {header}", *lines[:-1], "#endif", ""] if header else lines

    def definition(self, aggregate: Aggregate) -> list[str]:
        """Return the definition of a struct or union, the assertion of its size, and its bit fields' functions."""
        if aggregate.name in self.without:
            return []
        spelled = self.spelled(aggregate)
        body = self.body(aggregate, "")
        if aggregate.is_typedef:
            text = [f"typedef {_keyword(aggregate)} {{", *body, f"}} {_attributes(aggregate)} {aggregate.name};"]
        else:
            text = [f"{spelled} {{", *body, f"}} {_attributes(aggregate)};"]
        text.append(f'EUNOMIA_ASSERT(sizeof({spelled}) == {aggregate.size}, "size of {spelled}");')
        made = _once(spelled.rpartition(" ")[2], [*text, *self._accessors(aggregate, aggregate, 0, "")])
        return [f"/* {aggregate.uses} */", *made] if aggregate.uses else made

    def spelled(self, aggregate: Aggregate) -> str:
        """Return an aggregate's type as this file calls it."""
        name = aggregate.name
        if (name in LIBC or name in BPF) and name not in self.without and not aggregate.is_typedef:
            return f"{_keyword(aggregate)} {self.prefix}_{aggregate.name}"
        return aggregate.spelled

    def body(self, aggregate: Aggregate, indent: str) -> list[str]:
        """Return the members, each behind the padding that it needs."""
        if not indent:
            self._pads, self._names = 0, frozenset(_all_names(aggregate, 0))
        inner = indent + "\t"
        lines: list[str] = []
        at = 0
        for field in aggregate.fields:
            if field.offset > at and not aggregate.is_union:
                lines.append(self._pad(field.offset - at, inner))
            lines += self._field(field, inner)
            at = field.end
        widest = max((field.end for field in aggregate.fields), default=0)
        if aggregate.size > widest or not lines:
            lines.append(self._pad(aggregate.size if aggregate.is_union else aggregate.size - at, inner))
        self._nr_lines += len(lines)
        if self._nr_lines > MAX_FIELDS:
            raise PackageError(f"read BTF: {aggregate.name or 'a struct'} has more than {MAX_FIELDS} members")
        return lines

    def declare(self, shape: Shape, name: str, indent: str) -> list[str]:
        """Return the declaration of a member or variable."""
        dimensions = ""
        while isinstance(shape, Array):
            dimensions += f"[{shape.count}]"
            shape = shape.element
        if isinstance(shape, Scalar):
            if shape.kind == "bytes" or shape.size == 16:
                dimensions += "" if shape.size == 16 and shape.kind == "int" else f"[{shape.size}]"
            return _guarded(f"{c_type(shape)} ", name, f"{dimensions};", indent)
        if shape.name:
            return _guarded(f"{self.spelled(shape)} ", name, f"{dimensions};", indent)
        end = f"{indent}}} {_attributes(shape)}"
        return [
            f"{indent}{_keyword(shape)} {{",
            *self.body(shape, indent),
            *(_guarded(f"{end} ", name, f"{dimensions};", "") if name else [f"{end};"]),
        ]

    def _field(self, field: Field, indent: str) -> list[str]:
        if not field.bits:
            return self.declare(field.shape, field.name, indent)
        unit = self.declare(field.shape, self._free("__bits"), indent + "\t")
        rows: list[str] = []
        at = 0
        for bits in field.bits:
            while bits.at > at:
                hole = min(bits.at - at, 32)
                rows.append(f"{indent}\t\tuint32_t : {hole};")
                at += hole
            rows += _guarded(f"{c_type(bits.base)} ", bits.name, f" : {bits.width};", indent + "\t\t")
            at += bits.width
        end = [f"{indent}\t}} __attribute__((packed));", f"{indent}}};"]
        return [f"{indent}union {{", *unit, f"{indent}\tstruct {{", *rows, *end]

    def _pad(self, size: int, indent: str) -> str:
        return f"{indent}uint8_t {self._free('__pad')}[{size}];"

    def _free(self, stem: str) -> str:
        while True:
            name = f"{stem}{self._pads}"
            self._pads += 1
            if name not in self._names:
                return name

    def _accessors(self, top: Aggregate, part: Aggregate, base: int, path: str) -> Iterable[str]:
        """Functions `TYPE_get_FIELD` and `TYPE_set_FIELD` for the bit fields, those of nameless members too."""
        owner = self.spelled(top).partition(" ")[2] or top.name
        for field in part.fields:
            shape = field.shape
            for bits in field.bits:
                yield from _accessor(f"{owner}_%s_{path}{bits.name}", self.spelled(top), base + field.offset, bits)
            if isinstance(shape, Aggregate) and not shape.name:
                name = f"{path}{field.name}_" if field.name else path
                yield from self._accessors(top, shape, base + field.offset, name)


def c_type(shape: Scalar) -> str:
    """Return the type of a scalar: `int32_t`, `bool`, `char`, `double`; that of a byte for what is only bytes."""
    if shape.kind in {"bool", "char"}:
        return shape.kind
    if shape.kind == "float":
        return "double" if shape.size == 8 else "float"
    if shape.kind == "bytes":
        return "uint8_t"
    if shape.size == 16:
        return "__int128" if shape.signed else "unsigned __int128"
    return f"{'' if shape.signed else 'u'}int{shape.size * 8}_t"


def _accessor(name: str, owner: str, base: int, bits: Bits) -> list[str]:
    """Two functions over the bytes that a bit field lies in; more than 8 where it is 64 bits across a boundary."""
    start, shift = base + bits.at // 8, bits.at % 8
    size = (shift + bits.width + 7) // 8
    kind = c_type(bits.base)
    word = "uint64_t" if size <= 8 else "unsigned __int128"
    mask = f"({word})0x{(1 << bits.width) - 1:x}"
    value = f"({kind})(word >> {shift} & {mask})"
    if bits.base.signed and kind != "bool":
        value = f"({kind})((int64_t)((uint64_t)(word >> {shift}) << {64 - bits.width}) >> {64 - bits.width})"
    return [
        f"static inline {kind} {name % 'get'}(const {owner} *from)",
        "{",
        f"\t{word} word = 0;",
        f"\t__builtin_memcpy(&word, (const char *)from + {start}, {size});",
        f"\treturn {value};",
        "}",
        f"static inline void {name % 'set'}({owner} *to, {kind} value)",
        "{",
        f"\t{word} word = 0;",
        f"\t__builtin_memcpy(&word, (const char *)to + {start}, {size});",
        f"\tword = (word & ~({mask} << {shift})) | (({word})value & {mask}) << {shift};",
        f"\t__builtin_memcpy((char *)to + {start}, &word, {size});",
        "}",
    ]


def _header(enum: Constants) -> str:
    """The guard of the header that has an enum, where skeletons include it: the program has it from there."""
    first = enum.values[0][0]
    if enum.name in BPF_ENUMS or (not enum.name and first.startswith(("BPF_", "TCP_BPF_", "BTF_F_"))):
        return "__LINUX_BPF_H__"
    return "__LIBBPF_LIBBPF_H" if enum.name in LIBBPF_ENUMS else ""


def _once(name: str, lines: list[str]) -> list[str]:
    """A definition that another generated header may have, too: the same one is passed over."""
    macro = f"EUNOMIA_{name}_{crc32(chr(10).join(lines).encode()):08x}"
    return [f"#ifndef {macro}", f"#define {macro}", *lines, "#endif", ""]


def _keyword(aggregate: Aggregate) -> str:
    return "union" if aggregate.is_union else "struct"


def _attributes(aggregate: Aggregate) -> str:
    return f"__attribute__((packed, aligned({aggregate.align})))" if aggregate.align > 1 else "__attribute__((packed))"


def _guarded(before: str, name: str, after: str, indent: str) -> list[str]:
    """A declaration; where its name is a word of C++, C++ sees it with `_` behind."""
    line = f"{indent}{before}{name}{after}"
    if name not in CPLUSPLUS:
        return [line]
    return ["#ifdef __cplusplus", f"{indent}{before}{name}_{after}", "#else", line, "#endif"]


def _number(value: int) -> str:
    if value == -(1 << 63):
        return "-9223372036854775807LL - 1"
    if value > 0x7FFFFFFFFFFFFFFF:
        return f"{value}ULL"
    return f"{value}LL" if value > 0xFFFFFFFF or value < -0x80000000 else str(value)


def _all_names(aggregate: Aggregate, depth: int) -> Iterable[str]:
    for field in aggregate.fields:
        yield field.name
        yield from (bits.name for bits in field.bits)
        if isinstance(field.shape, Aggregate) and not field.shape.name and depth < 32:
            yield from _all_names(field.shape, depth + 1)
