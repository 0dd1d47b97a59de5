"""From an object, its annotations and event types to the meta of a package."""

from __future__ import annotations

from eunomia.btf.object import PERF_EVENT_ARRAY, RINGBUF
from eunomia.btf.types import ARRAY, INT, STRUCT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.btf.object import ObjectBtf
    from eunomia.btf.types import Btf, Type
    from eunomia.compiler.diagnostics import Reporter
    from eunomia.compiler.event_types import Sites


def annotate(meta: dict[str, Any], others: list[dict[str, Any]], source: str, report: Reporter) -> None:
    """Put the annotations of a source into the variables, maps, programs and `doc` of a package's meta.

    Args:
        meta: with its `bpf_skel`.
        others: sections of variables that are not in `bpf_skel`.
        source: the C text.
        report: gets the mistakes.
    """
    skeleton = meta["bpf_skel"]
    targets: dict[str, tuple[str, dict[str, Any]]] = {}
    for section in [*skeleton["data_sections"], *others]:
        targets.update((variable["name"], ("variable", variable)) for variable in section["variables"])
    targets.update((entry["name"], ("map", entry)) for entry in skeleton["maps"] or ())
    targets.update((entry["name"], ("program", entry)) for entry in skeleton["progs"] or ())
    doc: dict[str, Any] = {}
    targets["LICENSE"] = ("licence", doc)
    if "/**" not in source and "///" not in source and "/*!" not in source and "//!" not in source:
        return
    from eunomia.compiler.annotations import read
    from eunomia.compiler.comments import attach
    from eunomia.compiler.rules import check

    for name, comment in attach(source, targets).items():
        target, entry = targets[name]
        for annotation in read(comment):
            if check(target, annotation, report):
                entry[annotation.key] = annotation.value
    if doc:
        skeleton["doc"] = doc


def event_types(obj: ObjectBtf, sites: Sites, maps: list[dict[str, Any]]) -> dict[str, list[int]]:
    """Return the type ids of each map's records: as annotated, else as the sites tell."""
    btf = obj.btf
    if btf is None:
        return {}
    found = {name: [type_id for type_id in types if _tells(btf, type_id)] for name, types in sites.types.items()}
    for entry in maps:
        names = _annotated(entry.get("event_type"))
        types = [each.id for each in (btf.find_spelled(name) for name in names) if each is not None]
        if types:
            found[entry["name"]] = types
    return {name: types for name, types in found.items() if types and name in obj.maps}


def missing_types(obj: ObjectBtf, maps: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return (map, type name) for every annotated event type that the object does not have."""
    btf = obj.btf
    return [
        (entry["name"], name)
        for entry in maps
        for name in _annotated(entry.get("event_type"))
        if btf is None or not btf.find_spelled(name)
    ]


def _annotated(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [name for name in value if isinstance(name, str)]
    if isinstance(value, dict) and isinstance(value.get("types"), dict):
        return list(dict.fromkeys(name for name in value["types"].values() if isinstance(name, str)))
    return []


def _tells(btf: Btf, type_id: int) -> bool:
    """Whether a type says more than "bytes"."""
    kind = btf.resolve(type_id)
    return not (kind.kind == INT and kind.size == 1)


def export_types(
    obj: ObjectBtf, by_map: dict[str, list[int]], header: list[str], maps: list[dict[str, Any]]
) -> list[Type]:
    """Return the structs for `export_types`, the one that upstream's loader is to use first.

    It exports one map, the last in the meta that is sampled, a ring buffer or a perf buffer, as the first of these types.
    """
    btf = obj.btf
    if btf is None:
        return []
    ids: list[int] = []
    candidates = [entry for entry in maps if "sample" in entry or _is_buffer(obj, entry["name"])]
    for entry in reversed(candidates):
        definition = obj.maps.get(entry["name"])
        if "sample" in entry and definition is not None:
            ids.append(definition.value_type)
        else:
            ids += by_map.get(entry["name"], [])
    named = set(header)
    ids += [struct.id for struct in btf.of_kind(STRUCT) if struct.name in named]
    structs = [btf.resolve(type_id) for type_id in ids if type_id]
    return list({struct.id: struct for struct in structs if struct.kind == STRUCT and struct.name}.values())


def _is_buffer(obj: ObjectBtf, name: str) -> bool:
    definition = obj.maps.get(name)
    return definition is not None and definition.type in (RINGBUF, PERF_EVENT_ARRAY)


def spelled(btf: Btf, type_id: int) -> str | int:
    """Return what C calls a type, or its id where no name leads to it."""
    found = btf.type(type_id)
    if found.name and btf.find_spelled(found.name) is not None and btf.find_spelled(found.name) is btf.type(found.id):
        return found.name
    if found.kind == STRUCT and found.name:
        return f"struct {found.name}"
    return type_id if found.kind == ARRAY or not found.name else found.name
