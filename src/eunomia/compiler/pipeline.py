"""The steps of one compile, in an order that keeps clang busy while Python reads the source."""

from __future__ import annotations

import os

from eunomia.compiler.build import Build, Options
from eunomia.errors import CompileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from eunomia.btf.object import ObjectBtf
    from eunomia.compiler.toolchain import Toolchain
    from eunomia.package.model import Package


def run(
    path: str,
    text: bytes,
    header: str | None,
    toolchain: Toolchain,
    options: Options,
    work: str,
    on_warning: Callable[[str], None] | None,
    on_note: Callable[[str], None] | None,
) -> Package:
    """Compile one source; see `compile_source` for the arguments."""
    structs: list[str] = []
    tail = ""
    if header:
        from eunomia.compiler.headers import forward_declarations, struct_names

        structs = struct_names(header)
        tail = forward_declarations(structs)
    build = Build(path, text, toolchain, options, work)
    build.start(tail)
    from eunomia.btf.object import ObjectBtf  # while clang runs
    from eunomia.compiler.diagnostics import Reporter
    from eunomia.package.model import Package

    words = text.decode(errors="replace")
    report = Reporter(path, words, color=options.color)
    image = build.finish()
    obj = ObjectBtf(image)
    meta = make_meta(obj, path, words, structs, build, report)
    if report.errors:
        raise CompileError(
            f"compile {path}: {report.errors} wrong annotation{'s'[: report.errors > 1]}", build.warnings + report.text
        )
    if on_warning and build.warnings + report.text:
        on_warning(build.warnings + report.text)
    for note in build.notes if on_note else ():
        on_note(note)  # type: ignore[misc]
    package = Package(image, meta, None, path)
    return complete(package, meta)


def make_meta(obj: ObjectBtf, path: str, words: str, structs: list[str], build: Build, report: Any) -> dict[str, Any]:
    """Return the meta of an object: skeleton, annotations, export types and our own part."""
    from eunomia import __version__
    from eunomia.btf.object import RINGBUF
    from eunomia.compiler import assemble
    from eunomia.compiler.event_types import Sites, read_sites
    from eunomia.package.skeleton import export_type, object_name, other_sections, skeleton

    name = os.path.basename(path).partition(".")[0]
    meta: dict[str, Any] = {"bpf_skel": skeleton(obj, object_name(f"{name}.bpf.o")), "eunomia_version": __version__}
    others = other_sections(obj)
    assemble.annotate(meta, others, words, report)
    maps = meta["bpf_skel"]["maps"]
    rings = [each.name for each in obj.maps.values() if each.type == RINGBUF]
    sites = read_sites(obj.btf, obj.maps, rings) if obj.btf is not None else Sites()
    for map_name, type_name in assemble.missing_types(obj, maps):
        at = words.find(type_name, max(words.find("@event_type"), 0))
        report.error(max(at, 0), f"@event_type of map {map_name}: the object has no type {type_name!r}")
    by_map = assemble.event_types(obj, sites, maps)
    exported = assemble.export_types(obj, by_map, structs, maps)
    if exported:
        meta["export_types"] = [export_type(obj, struct) for struct in exported]
    ours: dict[str, Any] = {
        "version": 1,
        "producer": {"name": "eunomia", "version": __version__, "compiler": f"clang {build.toolchain.version}"},
    }
    if by_map and obj.btf is not None:
        ours["event_types"] = {
            map_name: [assemble.spelled(obj.btf, each) for each in ids] for map_name, ids in by_map.items()
        }
    if others:
        ours["data_sections"] = others
    meta["eunomia"] = ours
    return meta


def complete(package: Package, meta: dict[str, Any]) -> Package:
    """Add the plan and the option table, which save their making on every start."""
    return package
