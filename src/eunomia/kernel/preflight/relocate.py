"""CO-RE relocations resolved against a kernel's BTF, as libbpf does when it loads, but without a kernel.

Source: libbpf 1.5 src/relo_core.c (`bpf_core_parse_spec`, `bpf_core_spec_match`, `bpf_core_calc_relo`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eunomia.btf.types import ARRAY, ENUM, ENUM64, FLOAT, FUNC_PROTO, FWD, INT, PTR, STRUCT, TYPEDEF, UNION
from eunomia.errors import PackageError

if TYPE_CHECKING:
    from eunomia.btf.types import Btf, Type
    from eunomia.kernel.preflight.code import CoreRecord

(FIELD_OFFSET, FIELD_SIZE, FIELD_EXISTS, FIELD_SIGNED, FIELD_LSHIFT, FIELD_RSHIFT, TYPE_LOCAL, TYPE_TARGET, TYPE_EXISTS,
 TYPE_SIZE, ENUM_EXISTS, ENUM_VALUE, TYPE_MATCHES) = range(13)  # fmt: skip
QUESTIONS = frozenset((FIELD_EXISTS, TYPE_EXISTS, ENUM_EXISTS, TYPE_MATCHES))
_FIELDS = frozenset((FIELD_OFFSET, FIELD_SIZE, FIELD_EXISTS, FIELD_SIGNED, FIELD_LSHIFT, FIELD_RSHIFT))
_ENUMS = frozenset((ENUM, ENUM64))
_MAX_DEPTH = 64
_WORDS = {STRUCT: "struct", UNION: "union", ENUM: "enum", ENUM64: "enum", TYPEDEF: "type", INT: "type", FWD: "struct"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a relocation.

    Attributes:
        subject: what was asked for, as in `field task_struct.__state` or `struct bpf_iter__task`.
        found: whether the kernel has it; None where it cannot be told.
        value: the number that the instruction gets, where it may decide a branch; else None.
        detail: what is there instead, "" where there is nothing to say.
    """

    subject: str
    found: bool | None
    value: int | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Spec:
    root: Type
    parts: list[tuple[str, int]]  # (member's name, "" for an element of an array; index)
    text: str
    enumerator: str = ""


def essential(name: str) -> str:
    """Return a type's name without its `___flavour`."""
    at = name.rfind("___")
    return name[:at] if at > 0 and at + 3 < len(name) else name


class Resolver:
    """Resolves the relocations of one object against one kernel's types.

    Args:
        local: the object's types.
        target: the kernel's.
        elsewhere: names of types that modules have: what only these know cannot be told.
    """

    def __init__(self, local: Btf, target: Btf, elsewhere: frozenset[str] = frozenset()) -> None:
        self._local = local
        self._target = target
        self._elsewhere = elsewhere
        self._essentials: dict[str, list[int]] | None = None
        self._answers: dict[tuple[int, str, int], Answer] = {}

    def answer(self, record: CoreRecord) -> Answer:
        """Return what becomes of a record; damaged ones are `found` None."""
        key = (record.type_id, record.access, record.kind)
        if key not in self._answers:
            try:
                self._answers[key] = self._resolve(record)
            except (PackageError, ValueError, IndexError) as exc:
                self._answers[key] = Answer(f"relocation {record.access!r}", None, None, f"not understood: {exc}")
        return self._answers[key]

    def _resolve(self, record: CoreRecord) -> Answer:
        spec = self._parse(record)
        if record.kind == TYPE_LOCAL:
            return Answer(spec.text, True, None)
        found, best = [], ""
        candidates = self._candidates(spec.root)
        for candidate in candidates:
            value = self._match(spec, candidate, record.kind)
            if isinstance(value, int):
                found.append(value)
            else:
                best = value
        if found:
            agreed = found[0] if len(set(found)) == 1 else None
            unknown = record.kind in _FIELDS - {FIELD_EXISTS} or record.kind == TYPE_TARGET
            return Answer(spec.text, True, None if unknown or record.kind == TYPE_MATCHES else agreed)
        if not candidates and essential(spec.root.name) in self._elsewhere:
            return Answer(spec.text, None, None, "its type is in a module's BTF")
        missing = best or f"this kernel has no {_WORDS.get(spec.root.kind, 'type')} {essential(spec.root.name)}"
        return Answer(spec.text, False, 0 if record.kind in QUESTIONS else None, missing)

    def _parse(self, record: CoreRecord) -> _Spec:
        local = self._local
        indexes = [int(part) for part in record.access.split(":")] if record.access else []
        if record.kind not in _FIELDS:
            root = local.type(local.strip(record.type_id))
            word = _WORDS.get(root.kind, "type")
            if record.kind in (ENUM_EXISTS, ENUM_VALUE):
                root = local.resolve(root.id)
                name = root.values[indexes[0]][0]
                return _Spec(root, [], f"enum value {essential(name)} of enum {essential(root.name)}", essential(name))
            return _Spec(root, [], f"{word} {essential(root.name)}")
        root = local.resolve(record.type_id)
        parts: list[tuple[str, int]] = []
        shown = essential(root.name)
        at = root
        for index in indexes[1:]:
            if at.kind in (STRUCT, UNION):
                member = at.members[index]
                if member.name:
                    parts.append((member.name, index))
                    shown += f".{member.name}"
                at = local.resolve(member.type)
            elif at.kind == ARRAY:
                parts.append(("", index))
                shown += f"[{index}]"
                at = local.resolve(at.array[0])
            else:
                raise ValueError(f"{at.kind_name} has no members")
        return _Spec(root, parts, f"field {shown}" if parts else f"{_WORDS.get(root.kind, 'type')} {shown}")

    def _candidates(self, root: Type) -> list[Type]:
        if not root.name:
            raise ValueError("a type without a name")
        if self._essentials is None:
            self._essentials = {}
            for name, ids in self._target._by_name().items():
                if "___" in name:
                    self._essentials.setdefault(essential(name), []).extend(ids)
        wanted = essential(root.name)
        ids = [*self._target._by_name().get(wanted, ()), *self._essentials.get(wanted, ())]
        found = [self._target.type(each) for each in ids]
        return [each for each in found if each.kind == root.kind or (each.kind in _ENUMS and root.kind in _ENUMS)]

    def _match(self, spec: _Spec, candidate: Type, kind: int) -> int | str:
        """Return the value for this candidate, or what it lacks."""
        if kind in (ENUM_EXISTS, ENUM_VALUE):
            values = {essential(name): value for name, value in candidate.values}
            if spec.enumerator not in values:
                return f"its enum {candidate.name} has no {spec.enumerator}"
            return 1 if kind == ENUM_EXISTS else values[spec.enumerator]
        if kind not in _FIELDS:
            if kind != TYPE_MATCHES and not self._types_agree(spec.root.id, candidate.id):
                return f"its type {candidate.name} is another kind of type"
            return self._target.sizeof(candidate.id) if kind == TYPE_SIZE else 1
        return self._walk(spec, candidate)

    def _walk(self, spec: _Spec, candidate: Type) -> int | str:
        local, at = spec.root, candidate
        for name, index in spec.parts:
            if name:
                mine = _member(self._local, local, name, index)
                theirs = self._find_member(at, name, mine)
                if theirs is None:
                    return f"its {_WORDS.get(at.kind, 'type')} {at.name or 'without a name'} has no such member {name}"
                local, at = self._local.resolve(mine), self._target.resolve(theirs)
            else:
                if at.kind != ARRAY or (at.array[1] and index >= at.array[1]):
                    return f"it is no array there, or has no element {index}"
                local, at = self._local.resolve(local.array[0]), self._target.resolve(at.array[0])
        return 1

    def _find_member(self, struct: Type, name: str, mine: int, depth: int = 0) -> int | None:
        if struct.kind not in (STRUCT, UNION) or depth > _MAX_DEPTH:
            return None
        for member in struct.members:
            if member.name == name:
                return member.type if self._fields_agree(mine, member.type) else None
            if not member.name:
                found = self._find_member(self._target.resolve(member.type), name, mine, depth + 1)
                if found is not None:
                    return found
        return None

    def _fields_agree(self, mine: int, theirs: int) -> bool:
        for _step in range(_MAX_DEPTH):
            a, b = self._local.resolve(mine), self._target.resolve(theirs)
            if {a.kind, b.kind} <= {STRUCT, UNION} or {a.kind, b.kind} <= _ENUMS:
                return a.kind in (STRUCT, UNION) or _named_alike(a, b)
            if a.kind != b.kind:
                return False
            if a.kind != ARRAY:
                return a.kind in (PTR, FLOAT, INT) or (a.kind == FWD and _named_alike(a, b))
            mine, theirs = a.array[0], b.array[0]
        return False

    def _types_agree(self, mine: int, theirs: int, depth: int = 0) -> bool:
        """Whether two types are compatible as a whole; names of members do not matter to libbpf here."""
        a, b = self._local.resolve(mine), self._target.resolve(theirs)
        if depth > 32:
            return False
        if a.kind != b.kind:
            return {a.kind, b.kind} <= _ENUMS
        if a.kind == PTR:
            return self._types_agree(a.ref, b.ref, depth + 1)
        if a.kind == ARRAY:
            return self._types_agree(a.array[0], b.array[0], depth + 1)
        if a.kind == FUNC_PROTO:
            pairs = list(zip(a.params, b.params, strict=False))
            same = len(a.params) == len(b.params) and self._types_agree(a.ref, b.ref, depth + 1)
            return same and all(self._types_agree(x[1], y[1], depth + 1) for x, y in pairs)
        return True


def _named_alike(a: Type, b: Type) -> bool:
    return not a.name or not b.name or essential(a.name) == essential(b.name)


def _member(btf: Btf, struct: Type, name: str, index: int, depth: int = 0) -> int:
    """Return the type of a member of the object's struct; an anonymous struct's are in the one around it."""
    members = struct.members
    if index < len(members) and members[index].name == name:
        return members[index].type
    for member in members:
        inner = btf.resolve(member.type)
        if not member.name and inner.kind in (STRUCT, UNION) and depth < _MAX_DEPTH:
            try:
                return _member(btf, inner, name, index, depth + 1)
            except ValueError:
                continue
    raise ValueError(f"no member {name}")
