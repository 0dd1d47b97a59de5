"""Values that generated Rust and Go types must read, told from BTF and an image of bytes alone."""

from __future__ import annotations

from collections.abc import Iterator

from eunomia.btf.types import INT, STRUCT, UNION, Btf


def image_of(size: int, index: int) -> bytes:
    """Bytes that differ from their neighbours."""
    return bytes((7 * at + 31 * index + 1) & 0xFF for at in range(size))


def values(btf: Btf, type_id: int, image: bytes, base: int = 0) -> Iterator[tuple[str, int]]:
    """Yield name and value of the integers and bit fields that a struct has, also through members without a name."""
    for member in btf.resolve(type_id).members:
        target = btf.resolve(member.type)
        if not member.name and target.kind in (STRUCT, UNION):
            yield from values(btf, target.id, image, base + member.bit_offset)
        if not member.name or target.kind != INT or target.name in {"char", "_Bool"} or target.size > 8:
            continue
        width = member.bit_size or target.size * 8
        value = int.from_bytes(image, "little") >> (base + member.bit_offset) & (1 << width) - 1
        is_signed = bool(target.int_encoding & 1)
        yield member.name, value - (1 << width) if is_signed and value >> width - 1 else value
