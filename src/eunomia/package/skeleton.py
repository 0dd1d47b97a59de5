"""The skeleton of an object: what upstream's fork of bpftool prints as JSON, without anything of our own sections."""

from __future__ import annotations

from eunomia.btf.cdecl import declaration, member_type
from eunomia.btf.object import ARENA, HIDDEN_SECTIONS
from eunomia.errors import PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.btf.object import DataSection, ObjectBtf
    from eunomia.btf.types import Type

_MAP_NAME = 15  # BPF_OBJ_NAME_LEN without its NUL
_LOADABLE = (".rodata", ".bss")  # upstream's loader refuses a package with others


def object_name(name: str) -> str:
    """Return libbpf's object name for a file: `dir/kprobe-link.bpf.o` becomes `kprobe_link_bpf`.

    Source: bpftool `get_obj_name`.
    """
    return sanitise(name.rsplit("/", 1)[-1].removesuffix(".o")[:63]) or "_"


def sanitise(text: str) -> str:
    """Return text with every character that cannot be in a C identifier replaced by `_`."""
    return "".join(c if c == "_" or (c.isascii() and c.isalnum()) else "_" for c in text)


def map_name(obj_name: str, section: str) -> str:
    """Return libbpf's name of the map that it makes of a section.

    Source: libbpf 1.5 `internal_map_name`.
    """
    suffix = min(max(7, len(section)), _MAP_NAME)
    prefix = 0 if "." in section[1:] else min(_MAP_NAME - suffix, len(obj_name))
    name = obj_name[:prefix] + section[:suffix]
    return "".join(c if c in "_." or (c.isascii() and c.isalnum()) else "_" for c in name)


def skeleton(obj: ObjectBtf, name: str) -> dict[str, Any]:
    """Return the `bpf_skel` of an object.

    Args:
        name: libbpf object name (`object_name` makes it from a file's name).

    Source: bpftool gen skeleton, as upstream's fork writes it in JSON.
    """
    sections = [section.name for section in obj.data_sections]
    maps: list[dict[str, Any]] = [{"ident": user, "name": user} for user in obj.maps]
    for section in [*sections, *([".kconfig"] if _has_kconfig(obj) else [])]:
        entry: dict[str, Any] = {"ident": sanitise(section[1:]), "name": map_name(name, section)}
        found = obj.sections.get(section)
        if found is not None and any(not variable.is_static for variable in found.variables):
            entry["mmaped"] = True
        maps.append(entry)
    maps += [{"ident": user, "name": user} for user in _struct_ops(obj)]
    arena = [entry for entry in maps if entry["name"] in obj.maps and obj.maps[entry["name"]].type == ARENA]
    for entry in arena:
        entry["mmaped"] = True
    progs = [{"attach": program.section, "link": True, "name": program.name} for program in obj.programs]
    data = [variables_of(obj, obj.sections[section]) for section in sections if section in obj.sections]
    return {
        "data_sections": [section for section in data if section["name"] in _LOADABLE and section["variables"]],
        "maps": maps,
        "obj_name": name,
        "progs": progs,
    }


def other_sections(obj: ObjectBtf) -> list[dict[str, Any]]:
    """Return the sections of variables that upstream refuses (`.data`, `.kconfig`, custom ones), for meta.eunomia."""
    names = [section.name for section in obj.data_sections if section.name in obj.sections]
    names += [".kconfig"] if _has_kconfig(obj) else []
    rows = [variables_of(obj, obj.sections[name]) for name in names if name not in _LOADABLE]
    return [row for row in rows if row["variables"]]


def variables_of(obj: ObjectBtf, section: DataSection) -> dict[str, Any]:
    """Return one entry of `data_sections`: the variables that are not static."""
    btf = obj.btf
    assert btf is not None
    variables = [
        {"name": variable.name, "type": declaration(btf, variable.type, strip_modifiers=True)}
        for variable in section.variables
        if not variable.is_static
    ]
    return {"name": section.name, "variables": variables}


def export_type(obj: ObjectBtf, found: Type) -> dict[str, Any]:
    """Return one entry of `export_types` for a struct of the object's BTF."""
    btf = obj.btf
    if btf is None:
        raise PackageError("`$.bpf_object`: has no BTF (compile with -g)")
    members = [
        {"name": member.name or "(anon)", "type": member_type(btf, member.type)}
        for member in btf.resolve(found.id).members
    ]
    struct = btf.resolve(found.id)
    return {"members": members, "name": struct.name or found.name, "size": struct.size, "type_id": struct.id}


def _has_kconfig(obj: ObjectBtf) -> bool:
    section = obj.sections.get(".kconfig")
    return section is not None and bool(section.variables)


def _struct_ops(obj: ObjectBtf) -> list[str]:
    names = []
    for section in (".struct_ops", ".struct_ops.link"):
        found = obj.sections.get(section)
        names += [variable.name for variable in found.variables] if found is not None else []
    return names


def is_ours(section: str) -> bool:
    """Whether a section belongs to eunomia itself and is shown to nobody."""
    return section.startswith(HIDDEN_SECTIONS)
