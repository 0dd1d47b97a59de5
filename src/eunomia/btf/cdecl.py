"""C declarations of BTF types, spelled as libbpf's btf_dump spells them."""

from __future__ import annotations

from eunomia.btf.types import (
    ARRAY,
    CONST,
    ENUM,
    ENUM64,
    FUNC_PROTO,
    FWD,
    MODIFIERS,
    PTR,
    RESTRICT,
    STRUCT,
    TYPE_TAG,
    TYPEDEF,
    UNION,
    VOLATILE,
)
from eunomia.errors import PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.btf.types import Btf, Type

_CHAINED = frozenset((PTR, VOLATILE, CONST, RESTRICT, FUNC_PROTO, TYPE_TAG))
_QUALIFIERS = {VOLATILE: "volatile", CONST: "const", RESTRICT: "restrict"}
_MAX_CHAIN = 64
_MAX_DEPTH = 16
_MAX_TEXT = 4096


def declaration(btf: Btf, type_id: int, name: str = "", *, strip_modifiers: bool = False) -> str:
    """Return the C declaration of `name` with this type; without a name, the type alone (`char[16]`).

    Args:
        strip_modifiers: leave out const, volatile, restrict and type tags everywhere, as skeletons do.

    Source: libbpf 1.5 `btf_dump__emit_type_decl`, `btf_dump_emit_type_chain`. An anonymous struct's definition is on
    one line here.
    """
    writer = _Writer(btf, strip_modifiers)
    writer.declare(type_id, name, 0)
    return "".join(writer.parts)


def member_type(btf: Btf, type_id: int) -> str:
    """Return a member's type as `export_types` spells it: outer qualifiers dropped, "composite" and "enum" by kind."""
    kind = btf.type(type_id).kind
    if kind in {STRUCT, UNION}:
        return "composite"
    if kind in {ENUM, ENUM64}:
        return "enum"
    return declaration(btf, btf.strip(type_id))


class _Writer:
    __slots__ = ("btf", "length", "parts", "strip")

    def __init__(self, btf: Btf, strip: bool) -> None:
        self.btf = btf
        self.strip = strip
        self.parts: list[str] = []
        self.length = 0

    def put(self, text: str) -> None:
        self.length += len(text)
        if self.length > _MAX_TEXT:
            raise PackageError(f"read BTF: a declaration is longer than {_MAX_TEXT} characters")
        self.parts.append(text)

    def declare(self, type_id: int, name: str, depth: int) -> None:
        chain: list[Type] = []
        for _step in range(_MAX_CHAIN):
            found = self.btf.type(type_id)
            if not (self.strip and found.kind in MODIFIERS):
                chain.append(found)
            if found.kind in _CHAINED:
                type_id = found.ref
            elif found.kind == ARRAY:
                type_id = found.array[0]
            else:
                break
        else:
            raise PackageError(f"read BTF: a declaration of more than {_MAX_CHAIN} steps")
        if depth > _MAX_DEPTH:
            raise PackageError(f"read BTF: declarations nested deeper than {_MAX_DEPTH}")
        self.chain(chain, name, depth)

    def chain(self, chain: list[Type], name: str, depth: int) -> None:
        after_pointer = True
        while chain:
            found = chain.pop()
            kind = found.kind
            if kind == PTR:
                self.put("*" if after_pointer else " *")
            elif kind in _QUALIFIERS:
                self.put(" " + _QUALIFIERS[kind])
            elif kind == TYPE_TAG:
                self.qualifiers(chain)
                form = " __attribute__((%s))" if found.flag else ' __attribute__((btf_type_tag("%s")))'
                self.put(form % found.name)
            elif kind == ARRAY:
                self.array(found, chain, name, after_pointer, depth)
                return
            elif kind == FUNC_PROTO:
                self.function(found, chain, name, after_pointer, depth)
                return
            else:
                self.qualifiers(chain)
                self.base(found, depth)
            after_pointer = kind == PTR
        self.name(name, after_pointer)

    def name(self, name: str, after_pointer: bool) -> None:
        if name:
            self.put(name if after_pointer else " " + name)

    def qualifiers(self, chain: list[Type]) -> None:
        while chain and chain[-1].kind in _QUALIFIERS:
            self.put(_QUALIFIERS[chain.pop().kind] + " ")

    def base(self, found: Type, depth: int) -> None:
        kind = found.kind
        if kind in {STRUCT, UNION, FWD}:
            self.put("union" if found.is_union else "struct")
            if found.name:
                self.put(" " + found.name)
            elif kind != FWD:
                self.body(found, depth)
        elif kind in {ENUM, ENUM64}:
            self.put("enum " + found.name if found.name else "enum { " + ", ".join(n for n, _ in found.values) + " }")
        elif kind == 0:
            self.put("void")
        elif kind == TYPEDEF or found.name:
            self.put(found.name)

    def body(self, found: Type, depth: int) -> None:
        self.put(" {")
        for member in found.members:
            self.put(" ")
            self.declare(member.type, member.name, depth + 1)
            self.put(f": {member.bit_size};" if member.bit_size else ";")
        self.put(" }")

    def array(self, found: Type, chain: list[Type], name: str, after_pointer: bool, depth: int) -> None:
        while chain and chain[-1].kind in MODIFIERS:  # gcc repeats the element's qualifiers on the array
            chain.pop()
        count = found.array[1]
        if not chain:
            self.name(name, after_pointer)
            self.put(f"[{count}]")
            return
        several = chain[-1].kind == ARRAY
        if name and not after_pointer:
            self.put(" ")
        self.put("" if several else "(")
        self.chain(chain, name, depth)
        self.put("" if several else ")")
        self.put(f"[{count}]")

    def function(self, found: Type, chain: list[Type], name: str, after_pointer: bool, depth: int) -> None:
        while chain and chain[-1].kind in MODIFIERS:
            chain.pop()
        if chain:
            self.put(" (")
            self.chain(chain, name, depth)
            self.put(")")
        else:
            self.name(name, after_pointer)
        params = found.params
        self.put("(")
        if not params or (len(params) == 1 and params[0][1] == 0):
            self.put("void)")
            return
        for index, (param, type_id) in enumerate(params):
            self.put(", " if index else "")
            if type_id == 0 and index == len(params) - 1:
                self.put("...")
            else:
                self.declare(type_id, param, depth + 1)
        self.put(")")
