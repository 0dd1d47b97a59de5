"""BTF, the kernel's type format: all kinds from 1 (INT) to 19 (ENUM64), read lazily and with every bound checked."""

from __future__ import annotations

from struct import Struct, error, iter_unpack, unpack_from

from eunomia.errors import PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

VOID, INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE = range(10)
CONST, RESTRICT, FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(10, 20)
KIND_NAMES = [
    "VOID",
    "INT",
    "PTR",
    "ARRAY",
    "STRUCT",
    "UNION",
    "ENUM",
    "FWD",
    "TYPEDEF",
    "VOLATILE",
    "CONST",
    "RESTRICT",
    "FUNC",
    "FUNC_PROTO",
    "VAR",
    "DATASEC",
    "FLOAT",
    "DECL_TAG",
    "TYPE_TAG",
    "ENUM64",
]
SIGNED, CHAR, BOOL = 1, 2, 4
STATIC, GLOBAL, EXTERN = 0, 1, 2
MODIFIERS = frozenset((VOLATILE, CONST, RESTRICT, TYPE_TAG))
TRANSPARENT = frozenset((TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG))

_MAGIC = 0xEB9F
_HEADER = Struct("<HBBIIIII")
_TYPE = Struct("<III")
# bytes that follow a type's 12: fixed, and for each of its vlen elements
_FIXED = (0, 4, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 4, 0, 0)
_EACH = (0, 0, 0, 0, 12, 12, 8, 0, 0, 0, 0, 0, 0, 8, 0, 12, 0, 0, 0, 12)
_MAX_TYPES = 2_000_000  # a whole vmlinux has some 150,000
_MAX_CHAIN = 64  # typedefs and qualifiers in a row, dimensions of an array
POINTER_SIZE = 8


class Member:
    """A member of a struct or union; `bit_size` is 0 unless it is a bit field."""

    __slots__ = ("bit_offset", "bit_size", "name", "type")

    def __init__(self, name: str, type_id: int, bit_offset: int, bit_size: int) -> None:
        self.name = name
        self.type = type_id
        self.bit_offset = bit_offset
        self.bit_size = bit_size


class Type:
    """One type. Which attributes mean something depends on `kind`, as in the kernel's documentation of BTF.

    `ref` is the type that this one refers to (PTR, TYPEDEF, qualifiers, FUNC, VAR, FUNC_PROTO's return type, tags);
    `size` the bytes of INT, STRUCT, UNION, ENUM, FLOAT, DATASEC, ENUM64.

    Source: Documentation/bpf/btf.rst, include/uapi/linux/btf.h.
    """

    __slots__ = ("_at", "_btf", "_members", "flag", "id", "kind", "name", "ref", "size", "vlen")

    def __init__(self, btf: Btf, type_id: int, at: int) -> None:
        name, info, word = _TYPE.unpack_from(btf._data, at) if type_id else (0, 0, 0)
        self._btf = btf
        self._at = at + 12
        self._members: list[Member] | None = None
        self.id = type_id
        self.kind: int = info >> 24 & 31
        self.vlen: int = info & 0xFFFF
        self.flag: int = info >> 31
        self.name = btf.string(name)
        self.size: int = word
        self.ref: int = word

    @property
    def kind_name(self) -> str:
        """The kind as the kernel writes it: `INT`, `STRUCT`…"""
        return KIND_NAMES[self.kind]

    @property
    def members(self) -> list[Member]:
        """Members of a STRUCT or UNION, in declaration order."""
        if self._members is None:
            self._members = list(self._iter_members())
        return self._members

    def _iter_members(self) -> Iterator[Member]:
        string = self._btf.string
        for name, type_id, offset in iter_unpack("<III", self._extra(12)):
            if self.flag:
                yield Member(string(name), type_id, offset & 0xFFFFFF, offset >> 24)
                continue
            # before clang 8, and from pahole: the width of a bit field is in its integer type
            target = self._btf.resolve(type_id)
            bits = target.int_bits if target.kind == INT else 0
            if bits and bits != target.size * 8:
                yield Member(string(name), type_id, offset + target.int_offset, bits)
            else:
                yield Member(string(name), type_id, offset, 0)

    @property
    def values(self) -> list[tuple[str, int]]:
        """Names and values of an ENUM (as signed 32-bit, which is what it holds) or ENUM64 (signed by its flag)."""
        string = self._btf.string
        if self.kind == ENUM:
            return [(string(name), value) for name, value in iter_unpack("<Ii", self._extra(8))]
        rows = iter_unpack("<III", self._extra(12))
        values = [(string(name), low | high << 32) for name, low, high in rows]
        return [(name, value - (1 << 64) if self.flag and value >> 63 else value) for name, value in values]

    @property
    def params(self) -> list[tuple[str, int]]:
        """Names and types of a FUNC_PROTO's parameters; type 0 at the end: variable arguments."""
        return [(self._btf.string(name), type_id) for name, type_id in iter_unpack("<II", self._extra(8))]

    @property
    def variables(self) -> list[tuple[int, int, int]]:
        """(VAR's type id, offset, size) of a DATASEC, as stored: in a relocatable object offsets may be 0."""
        return list(iter_unpack("<III", self._extra(12)))

    @property
    def array(self) -> tuple[int, int]:
        """(element type, number of elements) of an ARRAY."""
        element, _index, count = unpack_from("<III", self._btf._data, self._at)
        return element, count

    @property
    def int_encoding(self) -> int:
        """SIGNED, CHAR and BOOL bits of an INT."""
        return self._word() >> 24 & 15

    @property
    def int_bits(self) -> int:
        """Width of an INT in bits."""
        return self._word() & 0xFF

    @property
    def int_offset(self) -> int:
        """Offset of an INT's bits in its bytes; 0 but for old bit fields."""
        return self._word() >> 16 & 0xFF

    @property
    def linkage(self) -> int:
        """STATIC, GLOBAL or EXTERN of a VAR or FUNC."""
        return self.vlen if self.kind == FUNC else self._word()

    @property
    def component(self) -> int:
        """Index of the member or parameter that a DECL_TAG is on, -1: the declaration itself."""
        word = self._word()
        return word - (1 << 32) if word >> 31 else word

    @property
    def is_union(self) -> bool:
        """For STRUCT, UNION and FWD: whether the keyword is `union`."""
        return self.kind == UNION or (self.kind == FWD and bool(self.flag))

    def _word(self) -> int:
        word: int = unpack_from("<I", self._btf._data, self._at)[0]
        return word

    def _extra(self, each: int) -> bytes:
        return self._btf._data[self._at : self._at + self.vlen * each]


class Btf:
    """The types of an object. Ids are those of the file: 1 is the first type, 0 is void."""

    __slots__ = ("_cache", "_data", "_names", "_offsets", "_strings")

    def __init__(self, data: bytes, offsets: list[int], strings: bytes) -> None:
        self._data = data
        self._offsets = offsets
        self._strings = strings
        self._cache: dict[int, Type] = {}
        self._names: dict[str, list[int]] | None = None

    @classmethod
    def from_bytes(cls, data: bytes) -> Btf:
        """Read raw BTF, as in an object's `.BTF` section.

        Raises:
            PackageError: the bytes are not BTF, are cut off, or hold a kind that is not known.
        """
        try:
            magic, version, _flags, header, types, types_size, strings, strings_size = _HEADER.unpack_from(data)
        except error:
            raise PackageError(f"read BTF: {len(data)} bytes, its header alone has {_HEADER.size}") from None
        if magic != _MAGIC:
            what = (
                "big-endian BTF is not supported" if magic == 0x9FEB else f"magic {magic:#06x}, expected {_MAGIC:#06x}"
            )
            raise PackageError(f"read BTF: {what}")
        if version != 1:
            raise PackageError(f"read BTF: version {version}, expected 1")
        if header < _HEADER.size or max(types + types_size, strings + strings_size) > len(data) - header:
            raise PackageError(f"read BTF: sections of the header do not fit in {len(data)} bytes (truncated?)")
        start = header + types
        offsets = _walk(data, start, start + types_size)
        return cls(data, offsets, data[header + strings : header + strings + strings_size])

    def __len__(self) -> int:
        """Number of ids: one more than the highest, because 0 is void."""
        return len(self._offsets)

    def string(self, offset: int) -> str:
        """Return the string at an offset of the string table; "" where there is none."""
        if not offset:
            return ""
        end = self._strings.find(b"\0", offset)
        return self._strings[offset:end].decode("utf-8", "replace") if end > 0 else ""

    def type(self, type_id: int) -> Type:
        """Return a type by its id.

        Raises:
            PackageError: there is no such id.
        """
        found = self._cache.get(type_id)
        if found is None:
            if not 0 <= type_id < len(self._offsets):
                raise PackageError(f"read BTF: type {type_id} is not there, the last one is {len(self._offsets) - 1}")
            found = self._cache[type_id] = Type(self, type_id, self._offsets[type_id])
        return found

    def resolve(self, type_id: int) -> Type:
        """Return the type behind typedefs, qualifiers and type tags."""
        found = self.type(type_id)
        for _step in range(_MAX_CHAIN):
            if found.kind not in TRANSPARENT:
                return found
            found = self.type(found.ref)
        raise PackageError(f"read BTF: type {type_id} is a chain of more than {_MAX_CHAIN} typedefs and qualifiers")

    def strip(self, type_id: int) -> int:
        """Return the id behind outer qualifiers and type tags; typedefs stay."""
        for _step in range(_MAX_CHAIN):
            found = self.type(type_id)
            if found.kind not in MODIFIERS:
                return type_id
            type_id = found.ref
        raise PackageError(f"read BTF: type {type_id} is a chain of more than {_MAX_CHAIN} qualifiers")

    def sizeof(self, type_id: int) -> int:
        """Return the size of a type in bytes; 0 for void, functions and incomplete types."""
        total = 1
        for _step in range(_MAX_CHAIN):
            found = self.resolve(type_id)
            if found.kind == ARRAY:
                type_id, count = found.array
                total *= count
                continue
            if found.kind == PTR:
                return total * POINTER_SIZE
            if found.kind == VAR:
                type_id = found.ref
                continue
            return total * found.size if found.kind in _SIZED else 0
        raise PackageError(f"read BTF: type {type_id} is an array of more than {_MAX_CHAIN} dimensions")

    def find(self, name: str, *kinds: int) -> Type | None:
        """Return the first type with this name and one of these kinds (none given: any), or None."""
        for type_id in self._by_name().get(name, ()):
            found = self.type(type_id)
            if not kinds or found.kind in kinds:
                return found
        return None

    def find_spelled(self, text: str) -> Type | None:
        """Return a type by what C calls it: `struct event`, `event`, `event_t`, `unsigned int`; or None."""
        words = text.split()
        kinds = _KEYWORDS.get(words[0]) if len(words) == 2 else None
        if kinds is not None:
            return self.find(words[1], *kinds)
        return self.find(text, STRUCT, UNION) or self.find(text, TYPEDEF, INT, FLOAT, ENUM, ENUM64)

    def of_kind(self, kind: int) -> Iterator[Type]:
        """Yield all types of one kind, in the order of their ids."""
        data = self._data
        for type_id in range(1, len(self._offsets)):
            # the top byte of info; its highest bit is kind_flag
            if data[self._offsets[type_id] + 7] & 31 == kind:
                yield self.type(type_id)

    def _by_name(self) -> dict[str, list[int]]:
        if self._names is None:
            names: dict[str, list[int]] = {}
            for type_id in range(1, len(self._offsets)):
                name = int.from_bytes(self._data[self._offsets[type_id] : self._offsets[type_id] + 4], "little")
                if name:
                    names.setdefault(self.string(name), []).append(type_id)
            self._names = names
        return self._names


_SIZED = frozenset((INT, STRUCT, UNION, ENUM, FLOAT, DATASEC, ENUM64))
_KEYWORDS = {"struct": (STRUCT,), "union": (UNION,), "enum": (ENUM, ENUM64)}


def _walk(data: bytes, start: int, end: int) -> list[int]:
    """Return where each type begins; index 0, void, is a place that is never read."""
    offsets = [0]
    at = start
    while at < end:
        if end - at < 12 or len(offsets) > _MAX_TYPES:
            raise PackageError(f"read BTF: type {len(offsets)} is cut off")
        kind = data[at + 7] & 31
        if not 0 < kind < 20:
            raise PackageError(f"read BTF: type {len(offsets)} has kind {kind}, known are 1 to 19")
        offsets.append(at)
        each = _EACH[kind]
        at += 12 + _FIXED[kind] + (each * (data[at + 4] | data[at + 5] << 8) if each else 0)
    if at != end:
        raise PackageError(f"read BTF: type {len(offsets) - 1} is cut off")
    return offsets
