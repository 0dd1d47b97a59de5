"""The steps of one compile, in an order that keeps clang busy while Python reads the source."""

from __future__ import annotations

import os

from eunomia.compiler.build import Build, Options
from eunomia.errors import CompileError
from eunomia.package.arches import BIG_ENDIAN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from eunomia.btf.object import ObjectBtf
    from eunomia.compiler.diagnostics import Reporter
    from eunomia.compiler.event_types import Sites
    from eunomia.compiler.toolchain import Toolchain
    from eunomia.package.model import Package


class Compiled:
    """A source compiled for one architecture.

    Attributes:
        package: with the object for that architecture.
        types: the object's types; of a big-endian one those of its little-endian twin, which are the same.
        build: how it was made.
    """

    __slots__ = ("build", "package", "types")

    def __init__(self, package: Package, types: ObjectBtf, build: Build) -> None:
        self.package = package
        self.types = types
        self.build = build

    @property
    def arch(self) -> str:
        """The kernel's name of the architecture."""
        return self.build.options.arch

    @property
    def is_big_endian(self) -> bool:
        """Whether the object's numbers are."""
        return self.arch in BIG_ENDIAN


def run(
    path: str,
    text: bytes,
    toolchain: Toolchain,
    options: Options,
    work: str,
    *,
    header: str | None,
    on_warning: Callable[[str], None] | None,
    on_note: Callable[[str], None] | None,
) -> Compiled:
    """Compile one source for one architecture; see `compile_source` for the arguments."""
    structs: list[str] = []
    tail = ""
    if header:
        from eunomia.compiler.headers import keep_structs, struct_names

        structs = struct_names(header)
        tail = keep_structs(structs)
    build = Build(path, text, toolchain, options, work)
    build.start(tail)
    # Imported while clang runs, so that they cost no time of their own.
    import eunomia._native
    import eunomia.compiler.annotations
    import eunomia.compiler.assemble
    import eunomia.compiler.event_types
    import eunomia.compiler.rules
    import eunomia.package.build
    import eunomia.package.model  # noqa: F401  (all of them are loaded while clang runs)
    from eunomia.compiler.diagnostics import Reporter

    report = Reporter(path, text.decode(errors="replace"), color=options.color)
    image = build.finish()
    image = look_closer(image, tail, build)
    package = make_package(image, path, structs, build, report)
    if report.errors:
        wrong = f"{report.errors} wrong annotation{'s'[: report.errors > 1]}"
        raise CompileError(f"compile {path}: {wrong}", build.warnings + report.text)
    if header != path and not package.meta["bpf_skel"]["progs"]:
        report.text += f'{path}: warning: no program in it: nothing to attach [a program has SEC("...")]\n'
    if on_warning and build.warnings + report.text:
        on_warning(build.warnings + report.text)
    if on_note:
        for note in build.notes:
            on_note(note)
    types = package.types
    if options.arch in BIG_ENDIAN:
        package.object = build.big_endian()
    return Compiled(package, types, build)


def find_sites(obj: ObjectBtf) -> Sites:
    """Return what the forced header left in an object."""
    from eunomia.btf.object import RINGBUF
    from eunomia.compiler.event_types import Sites, read_sites

    rings = [each.name for each in obj.maps.values() if each.type == RINGBUF]
    return read_sites(obj.btf, obj.maps, rings) if obj.btf is not None else Sites()


def look_closer(image: bytes, tail: str, build: Build) -> bytes:
    """Compile again where the first object leaves something open that a second one can tell.

    That is: types that only the AST shows, where a record is a `void *` to the macros or they clashed; and maps that a
    counted call does not name.

    Returns:
        The new object, or `image` where nothing more can be told.
    """
    from eunomia.btf.object import ObjectBtf
    from eunomia.compiler.counters import ambiguous_maps
    from eunomia.compiler.counters import tail as telling

    obj = ObjectBtf(image)
    types = untold_types(obj, build)
    maps = ambiguous_maps(obj)
    found = build.again(tail + types + telling(maps), maps) if maps else None
    if found is None and types:
        found = build.again(tail + types)
    return image if found is None else found


def untold_types(obj: ObjectBtf, build: Build) -> str:
    """Return declarations that keep the types of records which only the AST shows; "" where it shows none."""
    from eunomia.btf.object import PERF_EVENT_ARRAY, RINGBUF

    buffers = [each.name for each in obj.maps.values() if each.type in (RINGBUF, PERF_EVENT_ARRAY)]
    sites = find_sites(obj)
    if not buffers or not (sites.unclear or not build.has_sites):
        return ""
    from eunomia.compiler import flow
    from eunomia.compiler.event_types import keep_types

    if not flow.available():
        build.notes.append(
            "some event types stand behind void *; with libclang they can be told [pip install libclang]"
        )
        return ""
    found = flow.infer(os.path.abspath(build.source), build.flags(), [build.folder, *build.options.include])
    found = {name: types for name, types in found.items() if name in buffers}
    return keep_types(found) if found else ""


def make_package(image: bytes, path: str, structs: list[str], build: Build, report: Reporter) -> Package:
    """Return the package of an object, with what the source says about it.

    Args:
        image: the object.
        path: of the source.
        structs: of the header argument.
        build: how the object was made.
        report: gets the mistakes in annotations.
    """
    from eunomia import __version__
    from eunomia.btf.object import ObjectBtf
    from eunomia.compiler import assemble
    from eunomia.package.model import Package

    obj = ObjectBtf(image)
    words = build.text.decode(errors="replace")
    annotations = assemble.read_annotations(obj, words, report)
    maps = annotations["maps"]
    sites = find_sites(obj)
    for map_name, wanted in assemble.missing_types(obj, maps):
        at = words.find(wanted, max(words.find("@event_type"), 0))
        report.error(max(at, 0), f"@event_type of map {map_name}: the object has no type {wanted!r}")
    if report.errors:
        return Package(image, {}, origin=path)
    by_map = assemble.event_types(obj, sites, maps)
    told = {name: [assemble.spelled(obj.btf, each) for each in types] for name, types in by_map.items() if obj.btf}
    told.update(
        (name, entry["event_type"]) for name, entry in maps.items() if isinstance(entry.get("event_type"), dict)
    )
    exports = assemble.export_types(obj, by_map, structs, maps)
    package = Package.from_object(
        image,
        f"{os.path.basename(path).partition('.')[0]}.bpf.o",
        annotations=annotations,
        event_types=told,
        exports=[struct.name for struct in exports],
        producer={"name": "eunomia", "version": __version__, "compiler": f"clang {build.toolchain.version}"},
    )
    package.origin = path
    _order_exports(package, [struct.id for struct in exports])
    if any("filter" in entry for entry in annotations["variables"].values()):
        from eunomia.compiler.filters import check_filters

        check_filters(package, words, annotations["variables"], report)
    return package


def _order_exports(package: Package, wanted: list[int]) -> None:
    """Put the type first that upstream's loader is to use: it looks at no other."""
    found = package.meta.get("export_types")
    if found:
        found.sort(key=lambda each: wanted.index(each["type_id"]) if each["type_id"] in wanted else len(wanted))
