"""From an object, its annotations and event types to the meta of a package."""

from __future__ import annotations

from eunomia.btf.object import PERF_EVENT_ARRAY, RINGBUF
from eunomia.btf.types import INT, STRUCT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.btf.object import ObjectBtf
    from eunomia.btf.types import Btf, Type
    from eunomia.compiler.diagnostics import Reporter
    from eunomia.compiler.event_types import Sites


def read_annotations(obj: ObjectBtf, source: str, report: Reporter) -> dict[str, dict[str, Any]]:
    """Return the annotations of a source, in the form that `Package.from_object` takes.

    Args:
        obj: the source's object: its variables, maps and programs are what annotations stand on.
        source: the C text.
        report: gets the mistakes.
    """
    found: dict[str, dict[str, Any]] = {"variables": {}, "maps": {}, "progs": {}, "doc": {}}
    if not any(marker in source for marker in ("/**", "///", "/*!", "//!")):
        return found
    from eunomia.compiler.annotations import read
    from eunomia.compiler.comments import attach
    from eunomia.compiler.rules import check

    targets = _targets(obj)
    for name, comment in attach(source, targets).items():
        target, group = targets[name]
        for annotation in read(comment):
            if check(target, annotation, report):
                entry = found["doc"] if target == "licence" else found[group].setdefault(name, {})
                entry[annotation.key] = annotation.value
    return found


def _targets(obj: ObjectBtf) -> dict[str, tuple[str, str]]:
    """What annotations can stand on, by name: the word for it, and the group of `annotations`."""
    targets: dict[str, tuple[str, str]] = {}
    for section in obj.sections.values():
        if section.name not in (".maps", "license", "version", ".ksyms"):
            targets.update((each.name, ("variable", "variables")) for each in section.variables if not each.is_static)
    targets.update((name, ("map", "maps")) for name in obj.maps)
    targets.update((program.name, ("program", "progs")) for program in obj.programs)
    targets["LICENSE"] = ("licence", "doc")
    return targets


def event_types(obj: ObjectBtf, sites: Sites, maps: dict[str, dict[str, Any]]) -> dict[str, list[int]]:
    """Return the type ids of each map's records: as annotated, else as the sites tell.

    Args:
        obj: has the types.
        sites: what the forced header recorded.
        maps: annotations of maps by name.
    """
    btf = obj.btf
    if btf is None:
        return {}
    found = {name: [type_id for type_id in types if _tells(btf, type_id)] for name, types in sites.types.items()}
    for name, entry in maps.items():
        names = _annotated(entry.get("event_type"))
        types = [each.id for each in (btf.find_spelled(name) for name in names) if each is not None]
        if types:
            found[name] = types
    return {name: types for name, types in found.items() if types and name in obj.maps}


def missing_types(obj: ObjectBtf, maps: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Return (map, type name) for every annotated event type that the object does not have."""
    btf = obj.btf
    return [
        (name, wanted)
        for name, entry in maps.items()
        for wanted in _annotated(entry.get("event_type"))
        if btf is None or not btf.find_spelled(wanted)
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
    obj: ObjectBtf, by_map: dict[str, list[int]], header: list[str], maps: dict[str, dict[str, Any]]
) -> list[Type]:
    """Return the structs for `export_types`, the one that upstream's loader is to use first.

    It exports one map, the last that is sampled, a ring buffer or a perf buffer, as the first of these types.
    """
    btf = obj.btf
    if btf is None:
        return []
    ids: list[int] = []
    for definition in reversed(obj.maps.values()):
        if "sample" in maps.get(definition.name, ()):
            ids.append(definition.value_type)
        elif definition.type in (RINGBUF, PERF_EVENT_ARRAY):
            ids += by_map.get(definition.name, [])
    named = set(header)
    ids += [struct.id for struct in btf.of_kind(STRUCT) if struct.name in named]
    structs = [btf.resolve(type_id) for type_id in ids if type_id]
    return list({struct.id: struct for struct in structs if struct.kind == STRUCT and struct.name}.values())


def spelled(btf: Btf, type_id: int) -> str | int:
    """Return what C calls a type, or its id where no name leads back to it."""
    found = btf.type(type_id)
    for name in (found.name, f"{found.kind_name.lower()} {found.name}"):
        if found.name and btf.find_spelled(name) is found:
            return name
    return type_id
