"""CO-RE records of an object: what its code asks of the kernel's types, and through which types the way leads."""

from __future__ import annotations

from struct import unpack_from

from eunomia.btf.types import ARRAY, STRUCT, UNION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.btf.object import ObjectBtf
    from eunomia.btf.types import Btf

FIELD_BYTE_OFFSET = 0
_RECORD = 16
_MAX_RECORDS = 1_000_000


class CoreRecord:
    """One CO-RE relocation; `offset` is that of the instruction in its section.

    Source: struct bpf_core_relo, include/uapi/linux/bpf.h.
    """

    __slots__ = ("access", "kind", "offset", "section", "type_id")

    def __init__(self, section: str, offset: int, type_id: int, access: str, kind: int) -> None:
        self.section = section
        self.offset = offset
        self.type_id = type_id
        self.access = access
        self.kind = kind


def iter_records(obj: ObjectBtf) -> Iterator[CoreRecord]:
    """Yield the records of `.BTF.ext`; what is cut off is left out.

    Source: struct btf_ext_header and btf_ext_info_sec, libbpf src/btf.h.
    """
    section = obj.elf.section(".BTF.ext")
    data, btf = section.data if section is not None else b"", obj.btf
    if btf is None or len(data) < 32 or data[:2] != b"\x9f\xeb":
        return
    header, start, size = *unpack_from("<I", data, 4), *unpack_from("<II", data, 24)
    if header < 32 or size < 4 or header + start + size > len(data):
        return
    at, end = header + start + 4, header + start + size
    each = unpack_from("<I", data, at - 4)[0]
    budget = _MAX_RECORDS
    while each >= _RECORD and at + 8 <= end:
        name, count = unpack_from("<II", data, at)
        text, at = btf.string(name), at + 8
        count = min(count, (end - at) // each, budget)
        for place in range(at, at + count * each, each):
            offset, type_id, access, kind = unpack_from("<IIII", data, place)
            yield CoreRecord(text, offset, type_id, btf.string(access), kind)
        budget -= count
        at += count * each
        if not count:
            return


def iter_types(btf: Btf, record: CoreRecord) -> Iterator[str]:
    """Yield the names of the types on the way of a record's access, its root first."""
    found = btf.resolve(record.type_id)
    yield btf.type(record.type_id).name or found.name
    for word in record.access.split(":")[1:]:
        index = int(word) if word.isdecimal() and len(word) < 9 else -1
        if found.kind in (STRUCT, UNION) and 0 <= index < len(found.members):
            named = btf.type(found.members[index].type)
        elif found.kind == ARRAY:
            named = btf.type(found.array[0])
        else:
            return
        found = btf.resolve(named.id)
        yield named.name or found.name
