"""Plans: how records of event sources and sampled maps are laid out, as bytes for the C core (native/plan.h)."""

from __future__ import annotations

from struct import pack

from eunomia.btf.decoders import DECODERS, STATIC_MAP, infer
from eunomia.btf.types import (
    ARRAY,
    BOOL,
    CHAR,
    ENUM,
    ENUM64,
    FLOAT,
    INT,
    MODIFIERS,
    POINTER_SIZE,
    PTR,
    SIGNED,
    STRUCT,
    TYPEDEF,
    UNION,
    VAR,
)
from eunomia.errors import PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eunomia.btf.decoders import StaticMap
    from eunomia.btf.types import Btf, Type

    Decoders = Mapping[str, int | StaticMap]

VERSION = 1
NONE = 0xFFFFFFFF
K_UINT, K_INT, K_BOOL, K_FLOAT, K_POINTER, K_STRING, K_ARRAY, K_STRUCT, K_UNION, K_ENUM, K_OPAQUE = range(1, 12)
_SCALARS = frozenset((K_UINT, K_INT, K_BOOL, K_FLOAT, K_POINTER, K_ENUM))
RING, PERF, SAMPLE = 1, 2, 3
PLAIN, LOG2_HIST, LINEAR_HIST, STACKS = range(4)
CLEAR, SYMBOLS, FINAL = 1, 2, 4
SIGNED_FLAG, MAPPED = 1, 2
MATCH_SIZE, MATCH_VALUE = 1, 2
ROLES = ("pid", "cpu_id", "comm", "kstack_sz", "ustack_sz", "kstack", "ustack")
ROLE_STACK_MAP = 7
IN_VALUE = 0x80000000
_MAX_DEPTH = 32  # the C core refuses deeper ones
_MAX_TYPES = 20_000
_MAX_SIZE = 16 << 20


class Record:
    """One type that a source delivers: index of a plan type, its size, and what tells it from the source's others."""

    __slots__ = ("flags", "size", "type", "value", "value_offset", "value_size")

    def __init__(self, type_index: int, size: int) -> None:
        self.type = type_index
        self.size = size
        self.flags = self.value_offset = self.value_size = self.value = 0


class Source:
    """A map whose records or elements are shown. Types are indexes that `Plan.add` returned."""

    __slots__ = (
        "flags",
        "interval_ms",
        "key_type",
        "kind",
        "map",
        "records",
        "roles",
        "stack_map",
        "style",
        "unit",
        "value_type",
    )

    def __init__(self, map_name: str, kind: int) -> None:
        self.map = map_name
        self.kind = kind
        self.style = PLAIN
        self.flags = self.interval_ms = 0
        self.records: list[Record] = []
        self.key_type = self.value_type = NONE
        self.unit = ""
        self.roles: dict[str, int] = {}
        self.stack_map = ""


class Plan:
    """Collects types, each once, and writes them out.

    Source: native/plan.h, version 1; docs/reference/plan.md.
    """

    def __init__(self, btf: Btf | None) -> None:
        self._btf = btf
        self._types: list[bytes] = []
        self._sizes: list[int] = []
        self._members: list[bytes] = []
        self._values: list[bytes] = []
        self._strings: dict[str, int] = {"": 0}
        self._strings_size = 1
        self._known: dict[tuple[object, ...], int] = {}
        self._named: dict[int, dict[str, int]] = {}
        self._open: set[int] = set()

    def size(self, index: int) -> int:
        """Return the size in bytes of a type that was added."""
        return self._sizes[index]

    def member_names(self, index: int) -> dict[str, int]:
        """Return the members of a struct that was added: name to index."""
        return self._named.get(index, {})

    def is_number(self, index: int, member: int) -> bool:
        """Whether a member of a struct that was added is a whole number, as a stack's id is."""
        first = int.from_bytes(self._types[index][8:12], "little")
        kind = self._types[int.from_bytes(self._members[first + member][4:8], "little")][0]
        return kind in {K_INT, K_UINT}

    def add(self, type_id: int, decoders: Decoders | None = None, alone: str = "") -> int:
        """Add a BTF type and all that it consists of.

        Args:
            decoders: by member name (`saddr`, or `inner.saddr` for a nested one), as `decoders.parse` returns them.
            alone: the word by which `decoders` means the type itself, where it is a scalar (`key`, `value`).

        Returns:
            Its index in the plan.
        """
        decoders = decoders or {}
        index = self._type(type_id, decoders, "", 0)
        index, own = self._told(index, decoders.get(alone, 0) if alone else 0, alone)
        return self._renamed(index, self._declared_name(type_id), own)

    def add_members(self, name: str, rows: Sequence[tuple[str, int, int]], decoders: Decoders | None = None) -> int:
        """Add a struct that is in no BTF.

        Args:
            rows: name, byte offset and BTF type id of each member.

        Raises:
            PackageError: two members overlap, or a type is not there.
        """
        btf = self._need_btf()
        decoders = decoders or {}
        members, end = [], 0
        for member, offset, type_id in sorted(rows, key=lambda row: row[1]):
            if offset < end:
                raise PackageError(f"field `{member}` overlaps with other fields")
            if not 0 < type_id < len(btf):
                raise PackageError(f"field `{member}`: type {type_id} is not in the object's BTF")
            index = self._type(type_id, decoders, member + ".", 1)
            end = offset + self._sizes[index]
            if end > _MAX_SIZE:
                raise PackageError(f"field `{member}`: offset {offset} is not within a record")
            told = decoders[member] if member in decoders else infer(btf, member, type_id)
            index, decoder = self._told(index, told, member)
            members.append((member, index, offset * 8, 0, decoder))
        return self._struct(K_STRUCT, name, end, members)

    def add_bytes(self) -> int:
        """Add the type of a record of which nothing is known: its bytes, in hexadecimal."""
        byte = self._put(K_UINT, 1, name="unsigned char")
        rest = self._put(K_ARRAY, 0, byte, 0)
        return self._struct(K_STRUCT, "", 0, [("data", rest, 0, 0, DECODERS["bytes"])])

    def add_blob(self, size: int, told: int | StaticMap = 0) -> int:
        """Add bytes of a known size whose type is not known: a number where one has that size."""
        kind = K_UINT if size in {1, 2, 4, 8, 16} else K_OPAQUE
        index, decoder = self._told(self._put(kind, size), told, "bytes")
        return self._renamed(index, "", decoder)

    def to_bytes(self, sources: Sequence[Source]) -> bytes:
        """Return the plan of these sources."""
        records: list[bytes] = []
        rows: list[bytes] = []
        for source in sources:
            first = len(records)
            records += [
                pack("<IIIIIIQ", r.type, r.size, r.flags, r.value_offset, r.value_size, 0, r.value & (1 << 64) - 1)
                for r in source.records
            ]
            roles = [source.roles.get(role, NONE) for role in ROLES]
            roles.append(self._string(source.stack_map) if source.stack_map else NONE)
            rows.append(
                pack(
                    "<IBBH6I8I",
                    self._string(source.map),
                    source.kind,
                    source.style,
                    source.flags,
                    first,
                    len(records) - first,
                    source.key_type,
                    source.value_type,
                    source.interval_ms,
                    self._string(source.unit),
                    *roles,
                )
            )
        strings = b"".join(text.encode() + b"\0" for text in self._strings)
        body = b"".join((*self._types, *self._members, *self._values, *rows, *records, strings))
        counts = (len(self._types), len(self._members), len(self._values), len(rows), len(records), len(strings), 0)
        return pack("<4sHH8I", b"EUPL", VERSION, 40, 40 + len(body), *counts) + body

    def _need_btf(self) -> Btf:
        if self._btf is None:
            raise PackageError("`$.bpf_object`: has no BTF, the types of its events are not known [compile with -g]")
        return self._btf

    def _string(self, text: str) -> int:
        text = text.replace("\0", "")
        found = self._strings.get(text)
        if found is None:
            found = self._strings[text] = self._strings_size
            self._strings_size += len(text.encode()) + 1
        return found

    def _put(
        self, kind: int, size: int, first: int = 0, count: int = 0, *, name: str = "", flags: int = 0, decoder: int = 0
    ) -> int:
        if size > _MAX_SIZE:
            raise PackageError(f"read BTF: type `{name}` has {size} bytes, more than any record")
        row = pack("<BBHIIIII", kind, flags, decoder, size, first, count, self._string(name), 0)
        found = self._known.get((row,))
        if found is None:
            found = self._known[(row,)] = len(self._types)
            if found >= _MAX_TYPES:
                raise PackageError(f"read BTF: events consist of more than {_MAX_TYPES} types")
            self._types.append(row)
            self._sizes.append(size)
        return found

    def _declared_name(self, type_id: int) -> str:
        btf = self._need_btf()
        found = btf.type(btf.strip(type_id))
        return found.name if found.kind == TYPEDEF else ""

    def _renamed(self, index: int, name: str, decoder: int) -> int:
        """The same type under the typedef's name: it names the column of a key that is no struct."""
        row = self._types[index]
        kind = row[0]
        if kind in {K_STRUCT, K_UNION} or not (name or decoder):
            return index
        name_at = self._string(name) if name else int.from_bytes(row[16:20], "little")
        row = row[:2] + pack("<H", decoder) + row[4:16] + pack("<II", name_at, 0)
        found = self._known.get((row,))
        if found is None:
            found = self._known[(row,)] = len(self._types)
            self._types.append(row)
            self._sizes.append(self._sizes[index])
        return found

    def _type(self, type_id: int, decoders: Decoders, prefix: str, depth: int) -> int:
        btf = self._need_btf()
        found = btf.resolve(type_id)
        name = found.name
        if found.kind in {STRUCT, UNION} and not name:
            name = _typedef_name(btf, type_id)
        # members below know their decoders by path: a struct is shared only where no decoder can be meant
        mine = (
            tuple((path, number) for path, number in decoders.items() if path.startswith(prefix))
            if prefix
            else tuple(decoders.items())
        )
        key = (found.id, name, prefix if mine else "", mine)
        index = self._known.get(key)
        if index is None:
            if depth > _MAX_DEPTH or found.id in self._open:
                raise PackageError(
                    f"read BTF: type {found.id} `{name}` contains itself or is nested deeper than {_MAX_DEPTH}"
                )
            self._open.add(found.id)
            index = self._known[key] = self._make(found, name, decoders, prefix, depth)
            self._open.discard(found.id)
        return index

    def _make(self, found: Type, name: str, decoders: Decoders, prefix: str, depth: int) -> int:
        btf, kind = self._need_btf(), found.kind
        if kind == INT:
            return self._int(found)
        if kind == PTR:
            return self._put(K_POINTER, POINTER_SIZE)
        if kind in {STRUCT, UNION}:
            return self._members_of(found, name, decoders, prefix, depth)
        if kind in {ENUM, ENUM64}:
            return self._enum(found)
        if kind == ARRAY:
            element, count = found.array
            if _is_char(btf, element):
                return self._put(K_STRING, count)
            index = self._type(element, decoders, prefix, depth + 1)
            return self._put(K_ARRAY, count * self._sizes[index], index, count)
        if kind == FLOAT and found.size in {4, 8}:
            return self._put(K_FLOAT, found.size, name=name)
        if kind == VAR:
            return self._type(found.ref, decoders, prefix, depth + 1)
        return self._put(K_OPAQUE, found.size if kind == FLOAT else 0, name=name)

    def _int(self, found: Type) -> int:
        size, encoding = found.size, found.int_encoding
        if size not in {1, 2, 4, 8, 16}:
            return self._put(K_OPAQUE, size, name=found.name)
        kind = K_BOOL if encoding & BOOL else K_INT if encoding & SIGNED else K_UINT
        return self._put(kind, size, name=found.name)

    def _enum(self, found: Type) -> int:
        if found.size not in {1, 2, 4, 8}:
            return self._put(K_OPAQUE, found.size, name=found.name)
        values = found.values
        first = len(self._values)
        self._values += [pack("<QII", value & (1 << 64) - 1, self._string(name), 0) for name, value in values]
        # a 32-bit enum is shown signed, as upstream does: before clang 15 the flag is never set
        flags = SIGNED if found.kind == ENUM or found.flag else 0
        return self._put(K_ENUM, found.size, first, len(values), name=found.name, flags=flags)

    def _told(self, index: int, told: int | StaticMap, name: str) -> tuple[int, int]:
        """Type and decoder of a value of which decoders.parse said `told`: a static map makes an enum of its number."""
        if isinstance(told, int):
            return index, told
        row = self._types[index]
        kind, size = row[0], self._sizes[index]
        if kind == K_ARRAY:
            element, _decoder = self._told(int.from_bytes(row[8:12], "little"), told, name)
            return self._put(K_ARRAY, size, element, int.from_bytes(row[12:16], "little")), STATIC_MAP
        if kind not in {K_UINT, K_INT, K_ENUM} or size > 8:
            raise PackageError(f"`decode.{name}`: a static map needs a whole number")
        known = self._known.get((told,))
        if known is None:
            known = self._known[(told,)] = len(self._values)
            self._values += [pack("<QII", value & (1 << 64) - 1, self._string(text), 0) for value, text in told]
        is_signed = kind == K_INT or (kind == K_ENUM and row[1] & SIGNED_FLAG)
        return self._put(K_ENUM, size, known, len(told), flags=MAPPED | (SIGNED_FLAG if is_signed else 0)), STATIC_MAP

    def _members_of(self, found: Type, name: str, decoders: Decoders, prefix: str, depth: int) -> int:
        btf = self._need_btf()
        rows = []
        for member in found.members:
            path = prefix + member.name
            # an anonymous member's members are addressed like the parent's own
            below = path + "." if member.name else prefix
            index = self._type(member.type, decoders, below, depth + 1)
            size = self._sizes[index]
            end = member.bit_offset + (member.bit_size or size * 8)
            if end > found.size * 8 or (not member.bit_size and member.bit_offset % 8):
                raise PackageError(f"read BTF: member `{path}` lies beyond its {found.size} bytes")
            if member.bit_size and (self._types[index][0] not in _SCALARS or member.bit_size > 64):
                raise PackageError(f"read BTF: bit field `{path}` is no whole number of up to 64 bits")
            told = decoders[path] if path in decoders else infer(btf, member.name, member.type)
            index, decoder = self._told(index, told, path)
            rows.append((member.name, index, member.bit_offset, member.bit_size, decoder))
        return self._struct(K_UNION if found.kind == UNION else K_STRUCT, name, found.size, rows)

    def _struct(self, kind: int, name: str, size: int, rows: Sequence[tuple[str, int, int, int, int]]) -> int:
        first = len(self._members)
        self._members += [
            pack("<IIIHHI", self._string(member), index, offset, bits, decoder, 0)
            for member, index, offset, bits, decoder in rows
        ]
        made = self._put(kind, size, first, len(rows), name=name)
        self._named.setdefault(made, {row[0]: position for position, row in enumerate(rows)})
        return made


def _typedef_name(btf: Btf, type_id: int) -> str:
    """The innermost typedef before an anonymous struct."""
    name = ""
    found = btf.type(type_id)
    while found.kind == TYPEDEF or found.kind in MODIFIERS:
        name = found.name if found.kind == TYPEDEF else name
        found = btf.type(found.ref)
    return name


def _is_char(btf: Btf, type_id: int) -> bool:
    found = btf.resolve(type_id)
    return found.kind == INT and found.size == 1 and (found.name == "char" or bool(found.int_encoding & CHAR))
