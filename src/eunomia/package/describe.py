"""Everything about a package as plain data: what `ecli inspect --json` prints, and its pretty page is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eunomia.btf.cdecl import declaration
from eunomia.btf.object import PERF_EVENT_ARRAY, RINGBUF, ObjectBtf
from eunomia.btf.types import STRUCT, UNION, Btf, Type
from eunomia.package import codec
from eunomia.package.arches import is_portable, served
from eunomia.package.build import accounting_version
from eunomia.package.check import ours
from eunomia.package.evidence import evidence_of
from eunomia.package.model import Package
from eunomia.package.needs import needs_of, program_type, relocations
from eunomia.package.sources import event_types
from eunomia.package.table import DUMMY

_MAX_MEMBERS = 10_000
_MAX_DEPTH = 32


def describe(package: Package) -> dict[str, Any]:
    """Return what is in a package; nothing of it is run, and no kernel is asked.

    Raises:
        PackageError: the object's ELF or BTF is damaged.
    """
    obj = package.types
    meta = package.meta
    needs = needs_of(obj)
    return {
        "name": package.name,
        "origin": package.origin,
        "doc": meta["bpf_skel"].get("doc") or {},
        "licence": obj.licence,
        "guest": _guest(package),
        "producer": _producer(meta) or {"version": meta.get("eunomia_version", "")},
        "accounting": accounting_version(obj),
        "sizes": {
            "object": len(package.object),
            "packed_object": len(codec.pack(package.object)),
            "meta": len(codec.dump_json(meta).encode()),
        },
        "programs": _programs(package, obj),
        "maps": _maps(package, obj),
        "options": [_option(option) for option in package.options()],
        "not_settable": not_settable(package),
        "events": _events(package, obj),
        "needs": {
            "kernel": needs.kernel,
            "because": needs.reasons,
            "kernel_btf": needs.btf,
            "core_relocations": relocations(obj),
            "capabilities": needs.capabilities,
        },
        "architectures": _architectures(package),
        "evidence": evidence_of(package),
        "btf_archive": {path: len(package.btf_archive[path]) for path in sorted(package.btf_archive)},
    }


def _architectures(package: Package) -> dict[str, Any]:
    """What the package says of them: of an object for all, "portable" is true and "served" may be empty."""
    own = ours(package.meta).get("objects") or {}
    return {
        "served": served(package),
        "portable": is_portable(package),
        "objects": {name: entry.get("bpf_object_size") for name, entry in own.items()},
    }


def _guest(package: Package) -> dict[str, Any] | None:
    from eunomia.package.guest import digest_of, guest_of

    found = guest_of(package)
    return {"name": found[0], "size": len(found[1]), "digest": digest_of(found[1])} if found else None


def _producer(meta: dict[str, Any]) -> dict[str, Any]:
    producer = ours(meta).get("producer")
    return producer if isinstance(producer, dict) else {}


def _programs(package: Package, obj: ObjectBtf) -> list[dict[str, Any]]:
    listed = {entry["name"]: entry for entry in package.meta["bpf_skel"]["progs"] or []}
    rows = []
    for program in obj.programs:
        entry = listed.get(program.name, {})
        row: dict[str, Any] = {
            "name": program.name,
            "type": program_type(program.section)[0],
            "attach": program.section,
            "autoload": program.autoload,
            "instructions": program.nr_insns,
        }
        extras = {key: value for key, value in entry.items() if key not in {"name", "attach", "link"}}
        rows.append(row | ({"meta": extras} if extras else {}))
    return rows


def _maps(package: Package, obj: ObjectBtf) -> list[dict[str, Any]]:
    listed = {entry["name"]: entry for entry in package.meta["bpf_skel"]["maps"] or []}
    rows = []
    for definition in obj.maps.values():
        row: dict[str, Any] = {
            "name": definition.name,
            "type": definition.type_name,
            "max_entries": definition.max_entries,
        }
        for side, type_id, size in (
            ("key", definition.key_type, definition.key_size),
            ("value", definition.value_type, definition.value_size),
        ):
            if type_id and obj.btf is not None:
                row[side] = declaration(obj.btf, type_id)
            if size:
                row[f"{side}_size"] = size
        extras = {k: v for k, v in listed.get(definition.name, {}).items() if k not in {"name", "ident", "mmaped"}}
        rows.append(row | ({"meta": extras} if extras else {}))
    rows += [{"name": section.name, "type": "variables", "value_size": section.size} for section in obj.data_sections]
    return rows


def _option(option: Any) -> dict[str, Any]:
    row = {
        "name": option.name,
        "switches": list(option.switches),
        "type": option.type,
        "kind": option.kind,
        "help": option.help,
        "default": option.default if option.default is not None else option.initial,
        "default_text": option.shown_default,
        "section": option.section,
        "offset": option.offset,
        "size": option.size * (option.count or 1),
    }
    if option.choices:
        row["choices"] = list(option.choices)
    if option.limits is not None:
        row["range"] = list(option.limits)
    return row


def not_settable(package: Package) -> list[dict[str, str]]:
    """Return name, type and section of the variables that are no options."""
    others = ours(package.meta).get("data_sections")
    settable = {option.name for option in package.options()}
    return [
        {"name": variable["name"], "type": variable["type"], "section": section["name"]}
        for section in [*package.meta["bpf_skel"]["data_sections"], *(others or [])]
        for variable in section["variables"]
        if variable["name"] not in settable and not variable["name"].startswith(DUMMY)
    ]


def _events(package: Package, obj: ObjectBtf) -> list[dict[str, Any]]:
    btf = obj.btf
    if btf is None:
        return []
    rows: list[dict[str, Any]] = []
    for entry in package.meta["bpf_skel"]["maps"] or []:
        definition = obj.maps.get(entry["name"])
        if definition is None:
            continue
        if entry.get("sample") is not None:
            sides = {"key": definition.key_type, "value": definition.value_type}
            rows.append(
                {
                    "map": entry["name"],
                    "kind": "sample",
                    "sample": entry["sample"],
                    "types": [{"role": role} | _type(btf, side) for role, side in sides.items() if side],
                }
            )
        elif definition.type in {RINGBUF, PERF_EVENT_ARRAY}:
            types = [_type(btf, found.id) for found in event_types(package.meta, obj, entry)]
            rows.append({"map": entry["name"], "kind": definition.type_name, "types": types})
    return rows


def _type(btf: Btf, type_id: int) -> dict[str, Any]:
    found = btf.resolve(type_id)
    row: dict[str, Any] = {"type": declaration(btf, type_id), "size": btf.sizeof(type_id)}
    if found.kind in {STRUCT, UNION}:
        row["members"] = list(_members(btf, found, 0, iter(range(_MAX_MEMBERS))))
    return row


def _members(btf: Btf, struct: Type, bits: int, budget: Iterator[int], depth: int = 0) -> Iterator[dict[str, Any]]:
    # the budget ends the walk of types that contain themselves
    for member, _left in zip(struct.members, budget, strict=False):
        at = bits + member.bit_offset
        target = btf.resolve(member.type)
        if not member.name and target.kind in {STRUCT, UNION} and depth < _MAX_DEPTH:
            yield from _members(btf, target, at, budget, depth + 1)
            continue
        row = {
            "name": member.name,
            "type": declaration(btf, member.type),
            "offset": at // 8,
            "size": btf.sizeof(member.type),
        }
        if member.bit_size:
            row |= {"bit_offset": at % 8, "bits": member.bit_size}
        yield row
