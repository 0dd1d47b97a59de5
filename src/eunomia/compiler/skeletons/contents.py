"""What of an object a skeleton shows: maps, programs, sections of variables, types of events, keys and values."""

from __future__ import annotations

from eunomia.btf.object import ARENA
from eunomia.btf.types import ENUM, ENUM64, STRUCT, UNION
from eunomia.compiler.skeletons.layout import Aggregate, Field, Layouts, identifier
from eunomia.errors import PackageError
from eunomia.package.skeleton import sanitise, skeleton

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.btf.object import DataSection, MapDefinition, ObjectBtf
    from eunomia.compiler.skeletons.layout import Constants, Shape
    from eunomia.package.model import Package


class Map:
    """A map: `ident` is its name as an identifier; `key` and `value` are None where its definition has no types."""

    __slots__ = ("definition", "events", "ident", "key", "mmaped", "name", "value")

    def __init__(self, ident: str, name: str, definition: MapDefinition | None, *, mmaped: bool) -> None:
        self.ident = ident
        self.name = name
        self.definition = definition
        self.mmaped = mmaped
        self.key: Shape | None = None
        self.value: Shape | None = None
        self.events: list[Aggregate] = []


class Section:
    """A section of variables: a struct of those that are not static, at their offsets."""

    __slots__ = ("aggregate", "ident", "name", "size")

    def __init__(self, name: str, aggregate: Aggregate) -> None:
        self.name = name
        self.ident = sanitise(name[1:])
        self.aggregate = aggregate
        self.size = aggregate.size


class Contents:
    """The parts of one skeleton.

    Args:
        package: its object is taken, and what it says of its events.
        name: libbpf's name of the object, also the beginning of generated names.
    """

    __slots__ = ("btf", "layouts", "maps", "name", "object", "optional", "origin", "programs", "roots", "sections")

    def __init__(self, package: Package, name: str) -> None:
        types = package.types
        if types.btf is None:
            raise PackageError("`$.bpf_object`: has no BTF, so there are no types to write down (compile with -g)")
        self.btf = types.btf
        self.name = name
        self.object = package.object
        self.origin = package.origin.rpartition("/")[2]
        self.layouts = Layouts(self.btf)
        rows = skeleton(types, name)
        self.programs: list[str] = [row["name"] for row in rows["progs"]]
        self.optional = {row["name"] for row in rows["progs"] if row["attach"].startswith("?")}
        self.sections = list(_sections(types, self.layouts))
        for found in [*self.programs, *(row["name"] for row in rows["maps"]), *(each.name for each in self.sections)]:
            _check_name(found, dots=found not in self.programs)
        self.maps = [
            Map(row["ident"], row["name"], types.maps.get(row["name"]), mmaped=bool(row.get("mmaped")))
            for row in rows["maps"]
        ]
        for found in self.maps:
            if found.definition is not None:
                found.key = self._shape(found.definition.key_type)
                found.value = self._shape(found.definition.value_type)
                found.mmaped = found.mmaped and found.definition.type != ARENA
        self.roots = list(self._events(package))
        for shape in self.types:
            shape.uses = "; ".join(self._uses(shape))

    @property
    def types(self) -> list[Aggregate]:
        """Named structs and unions, each behind those that it holds."""
        return self.layouts.named

    @property
    def enums(self) -> list[Constants]:
        """Enums whose constants somebody needs."""
        return self.layouts.enums

    def _uses(self, shape: Aggregate) -> list[str]:
        """What has this type: records, keys and values of maps."""
        rows = [("records", [found.ident for found in self.maps if shape in found.events])]
        rows += [
            (f"{part}s", [found.ident for found in self.maps if getattr(found, part) is shape])
            for part in ("key", "value")
        ]
        said = [f"{what} of {', '.join(names)}" for what, names in rows if names]
        return said or (["records"] if shape in self.roots else [])

    def _shape(self, type_id: int) -> Shape | None:
        return self.layouts.shape(type_id) if type_id else None

    def _events(self, package: Package) -> Iterator[Aggregate]:
        """The structs of events: those that the package lists, and those of each map."""
        by_map = {found.name: found for found in self.maps}
        seen: set[int] = set()
        for map_name, type_id in _event_types(package):
            found = self.btf.resolve(type_id)
            if found.kind in (ENUM, ENUM64, STRUCT, UNION):
                shape = self.layouts.shape(type_id)
                if not isinstance(shape, Aggregate):
                    continue
                if map_name in by_map:
                    by_map[map_name].events.append(shape)
                if shape.id not in seen:
                    seen.add(shape.id)
                    yield shape


def _check_name(name: str, *, dots: bool) -> None:
    """Refuse a name that generated code could not have in it as it is: packages come from anywhere."""
    plain = name.replace(".", "_") if dots else name
    if not plain or identifier(plain) != plain:
        raise PackageError(f"`$.bpf_object`: {name!r} cannot be a name in code [letters, digits and _]")


def _event_types(package: Package) -> Iterator[tuple[str, int]]:
    """Pairs of map ("" where it is not known) and type id; a damaged or foreign meta gives fewer."""
    btf = package.types.btf
    assert btf is not None
    ours = package.meta.get("eunomia")
    by_map = ours.get("event_types") if type(ours) is dict else None
    for map_name, listed in by_map.items() if type(by_map) is dict else ():
        variants = listed.get("types") if type(listed) is dict else None
        names = list(variants.values()) if type(variants) is dict else listed
        for name in names if type(names) is list else ():
            if type(name) is int and 0 < name < len(btf):
                yield map_name, name
            found = btf.find_spelled(name) if type(name) is str and name else None
            if found is not None:
                yield map_name, found.id
    exported = package.meta.get("export_types")
    for row in exported if type(exported) is list else ():
        type_id = row.get("type_id") if type(row) is dict else None
        found = btf.type(type_id) if type(type_id) is int and 0 < type_id < len(btf) else None
        name = row.get("name") if type(row) is dict else None
        if found is None or (found.name and found.name != name and btf.resolve(found.id).name != name):
            found = btf.find_spelled(name) if type(name) is str and name else None
        if found is not None:
            yield "", found.id


def _sections(types: ObjectBtf, layouts: Layouts) -> Iterator[Section]:
    names = [section.name for section in types.data_sections if section.name in types.sections]
    for name in [*names, *([".kconfig"] if ".kconfig" in types.sections else [])]:
        section = types.sections[name]
        if any(not variable.is_static for variable in section.variables):
            yield Section(name, _variables(section, layouts))


def _variables(section: DataSection, layouts: Layouts) -> Aggregate:
    made = Aggregate(layouts.btf.type(0), "")
    seen = [variable for variable in section.variables if not variable.is_static]
    fields = [Field(identifier(variable.name), variable.offset, layouts.shape(variable.type)) for variable in seen]
    if section.name == ".kconfig":
        _place_kconfig(fields)
    at = 0
    for field in fields:
        if field.offset < at:
            raise PackageError(f"`$.bpf_object`: variables of {section.name} overlap at {field.name}")
        at = field.end
    made.size = max(section.size, at)
    layouts.add(made, fields)
    return made


def _place_kconfig(fields: list[Field]) -> None:
    """Give the kernel's settings the places that libbpf gives them: the object has none.

    Source: libbpf 1.5 `cmp_externs`, `bpf_object__collect_externs`.
    """
    fields.sort(key=lambda field: (-field.shape.align, field.shape.size, field.name))
    at = 0
    for field in fields:
        align = field.shape.align
        field.offset = (at + align - 1) // align * align
        at = field.end
