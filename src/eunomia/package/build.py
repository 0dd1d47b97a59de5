"""Making a meta from an object: skeleton, annotations, export types, and our own part, `meta.eunomia`."""

from __future__ import annotations

from eunomia import __version__
from eunomia.btf.object import PERF_EVENT_ARRAY, RINGBUF
from eunomia.btf.types import DECL_TAG, STRUCT
from eunomia.package import codec
from eunomia.package.check import check_meta, ours
from eunomia.package.guess import guess
from eunomia.package.skeleton import export_type, object_name, other_sections, skeleton
from eunomia.package.sources import build_plan
from eunomia.package.table import make_rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from eunomia.btf.object import ObjectBtf
    from eunomia.btf.types import Type

FORMAT = 1
_ACCOUNTING = "eunomia:accounting="


def build_meta(
    obj: ObjectBtf,
    name: str,
    *,
    annotations: Mapping[str, Any],
    event_types: Mapping[str, Any],
    exports: Sequence[str],
    producer: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the meta of an object; the arguments are those of `Package.from_object`."""
    skel = skeleton(obj, object_name(name))
    others = other_sections(obj)
    _annotate(skel, others, annotations)
    meta: dict[str, Any] = {"bpf_skel": skel, "eunomia_version": __version__}
    own: dict[str, Any] = {"version": FORMAT}
    if others:
        own["data_sections"] = others
    if event_types:
        import copy

        own["event_types"] = {key: copy.deepcopy(value) for key, value in event_types.items()}
    counts = accounting_version(obj)
    if counts:
        own["accounting"] = {"version": counts}
    if producer:
        own["producer"] = dict(producer)
    meta["eunomia"] = own
    found = list(_exports(obj, skel, event_types, exports))
    if found:
        meta["export_types"] = [export_type(obj, one) for one in found]
    check_meta(meta)
    seal(meta, obj)
    return meta


def seal(meta: dict[str, Any], obj: ObjectBtf) -> None:
    """Write the plan and the option table into `meta.eunomia`."""
    own = meta.setdefault("eunomia", {"version": FORMAT})
    own.pop("options", None)
    own.pop("plan", None)
    own["options"] = option_rows(meta, obj)
    own["plan"] = codec.pack(build_plan(meta, obj), 9)


def accounting_version(obj: ObjectBtf) -> int:
    """Return the version of the accounting that ecc put into an object, 0 where there is none.

    Source: compiler/include/eunomia_accounting.h
    """
    tags = obj.btf.of_kind(DECL_TAG) if obj.btf is not None else ()
    found = [tag.name.removeprefix(_ACCOUNTING) for tag in tags if tag.name.startswith(_ACCOUNTING)]
    return int(found[0]) if len(found) == 1 and found[0].isdecimal() and len(found[0]) < 4 else 0


def option_rows(meta: dict[str, Any], obj: ObjectBtf) -> list[list[Any]]:
    """Return the compact option table of a package, from its data sections and the object's types."""
    sections = list(meta["bpf_skel"]["data_sections"])
    listed = {section["name"] for section in sections}
    others = ours(meta).get("data_sections")
    if others is None:
        others = other_sections(obj)
    return make_rows([*sections, *(section for section in others if section["name"] not in listed)], obj)


def plan_bytes(meta: dict[str, Any], obj: ObjectBtf) -> bytes:
    """Return the plan of a package that carries none."""
    return build_plan(meta, obj)


def _annotate(skel: dict[str, Any], others: list[dict[str, Any]], annotations: Mapping[str, Any]) -> None:
    for kind in ("maps", "progs"):
        notes = annotations.get(kind) or {}
        for entry in skel[kind]:
            entry.update(notes.get(entry["name"], {}))
    notes = annotations.get("variables") or {}
    for section in [*skel["data_sections"], *others]:
        for variable in section["variables"]:
            variable.update(notes.get(variable["name"], {}))
    if annotations.get("doc"):
        skel["doc"] = dict(annotations["doc"])


def _exports(
    obj: ObjectBtf, skel: dict[str, Any], event_types: Mapping[str, Any], exports: Sequence[str]
) -> Iterator[Type]:
    """Structs for `export_types`: first what the maps deliver, in the order of maps, then those of the header.

    Upstream takes the first for every map, and refuses a ring or perf map without any.
    """
    btf = obj.btf
    if btf is None:
        return
    seen: set[int] = set()
    names: list[Any] = []
    for entry in skel["maps"]:
        told = entry.get("event_type") or event_types.get(entry["name"])
        if isinstance(told, dict):
            told = list((told.get("types") or {}).values())
        names += told if isinstance(told, list) else [told] if told else []
    candidates: list[Type] = []
    for item in [*names, *exports]:
        found = btf.type(item) if type(item) is int and 0 < item < len(btf) else None
        if isinstance(item, str):
            found = btf.find_spelled(item)
        if found is not None:
            candidates.append(btf.resolve(found.id))
    needed = any(
        entry["name"] in obj.maps and obj.maps[entry["name"]].type in {RINGBUF, PERF_EVENT_ARRAY}
        for entry in skel["maps"]
    )
    if not candidates and needed:
        values = [d.value_type for d in obj.maps.values() if d.type in {RINGBUF, PERF_EVENT_ARRAY} and d.value_type]
        candidates = [btf.resolve(type_id) for type_id in values] or guess(obj)
    for found in candidates:
        if found.kind == STRUCT and found.id not in seen:
            seen.add(found.id)
            yield found
