"""Everything about a guest as plain data: what `ecli inspect` shows of it. Nothing is run, and no kernel is asked."""

from __future__ import annotations

import re
from typing import Any

from eunomia._native import lib
from eunomia.btf.object import MAP_TYPES, MapDefinition, ObjectBtf
from eunomia.errors import PackageError
from eunomia.package.calls import changes_of
from eunomia.wasm import kinds
from eunomia.wasm.embedded import Embedded, find
from eunomia.wasm.guest import is_component
from eunomia.wasm.interface import age_of, offered
from eunomia.wasm.module import External, Module, iter_data
from eunomia.wasm.policy import DEFAULTS
from eunomia.wasm.sizes import size_text

_PLACE = {"iface": "iface=NAME", "cgroup": "attach=cgroup:PATH"}
_PIN_BY_NAME = 1
_INTERFACE = re.compile(rb"[a-z][a-z0-9-]*:[a-z][a-z0-9-]*/[a-z][a-z0-9-]*@[0-9]+\.[0-9]+\.[0-9]+")


def describe(wasm: bytes, name: str) -> dict[str, Any]:
    """Return what is in a guest.

    Raises:
        GuestError: the bytes are no module or component, or damaged.
    """
    if is_component(wasm):
        return _component(wasm, name)
    module = Module(wasm, name)
    exports = {each.name for each in module.exports if each.kind == "function"}
    entry = next((entry for entry in ("_start", "bpf_main", "on_batch", "on_event") if entry in exports), "")
    host = offered(to_events=entry.startswith("on_"))
    imports = [_import(each, host) for each in module.imports]
    objects = [_object(one) for one in find(iter_data(module))]
    return {
        "name": name,
        "kind": "guest",
        "size": len(wasm),
        "entry": entry,
        "memory": {"pages": module.memory[0], "max_pages": module.memory[1]} if module.memory else None,
        "runs_here": all(row["known"] for row in imports),
        "interface": sorted({row["interface"] for row in imports if row["interface"]}),
        "imports": imports,
        "exports": [{"name": each.name, "kind": each.kind, "type": each.type} for each in module.exports],
        "sections": [{"name": section, "size": size} for section, size in module.sections],
        "objects": objects,
        "policy": options(objects),
    }


def _component(wasm: bytes, name: str) -> dict[str, Any]:
    """Return what is to be seen of a component: the names of interfaces in it, and objects in its modules' data."""
    objects = [_object(one) for one in find(iter((wasm,)))]
    return {
        "name": name,
        "kind": "component",
        "size": len(wasm),
        "interfaces": sorted({found.decode() for found in _INTERFACE.findall(wasm)}),
        "objects": objects,
        "policy": options(objects),
    }


def _import(found: External, host: dict[tuple[str, str], list[str]]) -> dict[str, Any]:
    module = found.module
    types = host.get((module, found.name))
    if types is None and module == "env":
        types = host.get(("wasm_bpf", found.name))
    known = types is not None and found.kind == "function" and found.type in types
    return {
        "module": module,
        "name": found.name,
        "kind": found.kind,
        "type": found.type,
        "known": known,
        "interface": age_of(module, found.name) if known else "",
        "expected": [] if known or types is None else types,
    }


def _object(found: Embedded) -> dict[str, Any]:
    row: dict[str, Any] = {"form": found.form, "size": len(found.elf), "programs": [], "maps": [], "error": ""}
    if found.package is not None:
        row["package"] = found.package.name
    try:
        obj = ObjectBtf(found.elf)
        row["programs"] = [_program(each.name, each.section, each.autoload, each.nr_insns) for each in obj.programs]
        row["maps"] = [
            {
                "name": each.name,
                "type": MAP_TYPES[each.type] if each.type < len(MAP_TYPES) else str(each.type),
                "key_size": each.key_size,
                "value_size": each.value_size,
                "max_entries": each.max_entries,
                "pinned": each.pinning == _PIN_BY_NAME,
            }
            for each in obj.maps.values()
        ]
        row["maps"] += [
            {"name": each.name, "type": "variables", "value_size": each.size, "pinned": False}
            for each in obj.data_sections
        ]
        helpers, kernel = changes_of(obj.elf, [(each["type"], each["attach"]) for each in row["programs"]])
        row["helpers"], row["kfuncs"], row["licence"] = sorted(helpers), sorted(kernel), obj.licence
        row["maps_size"] = sum(map(_size, obj.maps.values())) + sum(each.size for each in obj.data_sections)
    except PackageError as exc:
        row["error"] = str(exc)
    return row


def _size(each: MapDefinition) -> int:
    """Return what a map takes, about, without perf buffers, whose size is the guest's choice."""
    return int(lib.eu_map_size(min(each.type, 0x7FFFFFFF), each.key_size, each.value_size, each.max_entries, 0))


def _program(name: str, section: str, autoload: bool, instructions: int) -> dict[str, Any]:
    word = kinds.of_section(section)
    return {
        "name": name,
        "type": word,
        "attach": section,
        "autoload": autoload,
        "instructions": instructions,
        "allowed": word in kinds.OBSERVING,
    }


def options(objects: list[dict[str, Any]]) -> list[str]:
    """Return the options of `ecli run` by which the policy lets these objects load and attach."""
    found: dict[str, None] = {}
    for row in objects:
        changing = [each for each in row["programs"] if not each["allowed"]]
        for each in changing:
            found[f"--allow prog-type={each['type']}" if each["type"] else "--allow all"] = None
        for helper in row.get("helpers", ()):
            if helper != "setsockopt" or not changing:
                found[f"--allow helper={helper}"] = None
        for name in row.get("kfuncs", ()):
            found[f"--allow kfunc={name}"] = None
        for each in row["maps"]:
            if each["pinned"]:
                found[f"--allow pin=/sys/fs/bpf/{each['name']}"] = None
    size = sum(row.get("maps_size", 0) for row in objects)
    if size > DEFAULTS["map-size"]:
        found[f"--allow map-size={size_text(size)}"] = None
    return list(found)


def narrower(objects: list[dict[str, Any]]) -> list[str]:
    """Return the rules that name where programs attach, with those for whole types that they can stand for."""
    words = {each["type"] for row in objects for each in row["programs"] if not each["allowed"]}
    found = []
    for kind, place in _PLACE.items():
        there = ",".join(sorted(word for word in words if word and kinds.kind_of(word) == kind))
        if there:
            found.append(f"--allow {place} in place of prog-type={there}: there only")
    return found
