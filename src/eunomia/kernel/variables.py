"""Global variables of a live object by name: what its sections of variables hold, and what it shares in an arena."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eunomia._native import check, ffi, lib
from eunomia.kernel.codec import make

if TYPE_CHECKING:
    from eunomia.kernel.map import Map

ARENA, ARENA_SECTION = 33, ".addr_space.1"  # BPF_MAP_TYPE_ARENA; libbpf's name for variables in one


def read_variables(of: Map, index: int) -> dict[str, Any]:
    """Return what the variables of a map are now, by name; `Map.variables` calls it.

    Raises:
        ValueError: the map holds no variables.
        OSError: the object is not loaded.
    """
    owner = of.owner
    name = ARENA_SECTION if of.type == ARENA else of.section
    section = owner.package.types.sections.get(name or "")
    btf = owner.package.types.btf
    if section is None or btf is None:
        raise ValueError(f"map {of.name} holds no variables: it is neither an object's section nor an arena with some")
    if of.type == ARENA and owner.loaded:
        room = ffi.new("char[]", section.size)
        check(lib.eu_map_read_initial(owner.handle(), index, 0, room, section.size), f"read map {of.name}")
        data = bytes(ffi.buffer(room))
    else:
        data = bytes(of[0])
    return {
        each.name: make(btf, each.type)[0](data[each.offset : each.offset + each.size]) for each in section.variables
    }
