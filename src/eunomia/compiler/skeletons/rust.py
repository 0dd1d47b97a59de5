"""A skeleton in Rust for the crate `eunomia` (sdk/rust): a module with the object, its types, and its parts by name."""

from __future__ import annotations

from eunomia.compiler.skeletons.names import Free, rust
from eunomia.compiler.skeletons.rust_types import RustTypes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from eunomia.compiler.skeletons.contents import Contents, Map, Section

_PER_CPU = frozenset((5, 6, 10))
_KEYED = frozenset((1, 2, 9, 11)) | _PER_CPU  # hash, array, lru_hash, lpm_trie
_ALLOW = (
    "#[allow(dead_code, unused_imports, non_camel_case_types, non_snake_case, non_upper_case_globals, clippy::all)]"
)


def generate(
    contents: Contents, made_by: str, *, types: str = "all", without: Collection[str] = (), embed: str = ""
) -> str:
    """Return the module's text; arguments as for `eunomia.compiler.skeletons.generate`."""
    writer = RustTypes(_left_out(contents, types, without))
    for enum in contents.enums:
        writer.constants(enum)
    for aggregate in contents.types:
        writer.define(aggregate, aggregate.name)
    for aggregate in contents.roots:
        writer.define(aggregate, "event")
    maps = [(found, _map(found, writer)) for found in contents.maps if not _is_section(found, contents)]
    sections = [(section, writer.define(section.aggregate, section.ident)) for section in contents.sections]
    lines = [f"// {made_by}", ""]
    if types != "only":
        lines += _object(contents, embed)
        lines += _skeleton(contents, maps, sections)
    lines += ["/// Types of events, keys, values and variables, laid out as in the kernel's side.", _ALLOW]
    lines += ["pub mod types {", "    use super::*;", *(f"    {line}" for line in writer.lines), "}", ""]
    return "\n".join(lines)


def _left_out(contents: Contents, types: str, without: Collection[str]) -> Collection[str]:
    if types != "none":
        return without
    return {each.name for each in contents.types} | {each.name for each in contents.enums}


def _is_section(found: Map, contents: Contents) -> bool:
    return found.definition is None and any(section.ident == found.ident for section in contents.sections)


def _map(found: Map, writer: RustTypes) -> str:
    """The type of a map's handle."""
    if found.key is None or found.value is None or found.definition is None or found.definition.type not in _KEYED:
        return "::eunomia::RawMap"
    kind = "PerCpuMap" if found.definition.type in _PER_CPU else "Map"
    key = _inside(writer.spell(found.key, f"{found.ident}_key"))
    return f"::eunomia::{kind}<{key}, {_inside(writer.spell(found.value, f'{found.ident}_value'))}>"


def _inside(kind: str) -> str:
    """A type as it is called from outside of the module `types`."""
    if kind.startswith("["):
        element, _semicolon, count = kind[1:].rpartition(";")
        return f"[{_inside(element)};{count}"
    return kind if kind in {"f32", "f64"} or (kind[:1] in "iu" and kind[1:].isdigit()) else f"types::{kind}"


def _object(contents: Contents, embed: str) -> Iterator[str]:
    yield "/// The BPF object."
    if embed:
        yield f'pub static OBJECT: &[u8] = include_bytes!("{_escaped(embed)}");'
    else:
        table = [f"\\x{byte:02x}" for byte in range(256)]
        data = contents.object
        yield 'pub static OBJECT: &[u8] = b"\\'
        yield from ("".join([table[byte] for byte in data[at : at + 48]]) + "\\" for at in range(0, len(data), 48))
        yield '";'
    yield ""


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace('"', '\\"')


def _skeleton(contents: Contents, maps: list[tuple[Map, str]], sections: list[tuple[Section, str]]) -> Iterator[str]:
    yield from _opened(contents, sections)
    own = Free("object", "maps", "progs")
    names = [(section, kind, rust(own.take(section.ident))) for section, kind in sections]
    yield "/// The loaded object: its maps, programs and sections of variables. Nothing is attached yet."
    yield _ALLOW
    yield "pub struct Skeleton {"
    yield "    pub object: ::eunomia::Object,"
    yield "    pub maps: Maps,"
    yield "    pub progs: Progs,"
    yield from (f"    pub {name}: ::eunomia::Section<types::{kind}>," for _section, kind, name in names)
    yield "}"
    yield ""
    yield from _group("Maps", "The maps.", [(rust(found.ident), kind) for found, kind in maps])
    yield from _group("Progs", "The programs.", [(rust(each), "::eunomia::Program") for each in contents.programs])
    yield _ALLOW
    yield "impl Skeleton {"
    yield "    /// Open the object: variables and sizes can be set before it is loaded."
    yield "    pub fn open() -> ::core::result::Result<OpenSkeleton, ::eunomia::Error> {"
    yield f'        let object = ::eunomia::Object::open_as(OBJECT, "{contents.name}")?;'
    for section, kind, name in names:
        yield f'        let {name} = object.section::<types::{kind}>("{section.name}")?;'
    fields = "".join(f", {name}" for _section, _kind, name in names)
    yield f"        ::core::result::Result::Ok(OpenSkeleton {{ object{fields} }})"
    yield "    }"
    yield ""
    yield "    /// Open and load it as it is."
    yield "    pub fn load() -> ::core::result::Result<Skeleton, ::eunomia::Error> {"
    yield "        Self::open()?.load()"
    yield "    }"
    yield ""
    yield "    /// Attach every program that is loaded, each to what its section says."
    yield "    pub fn attach(&self) -> ::core::result::Result<::std::vec::Vec<::eunomia::Link>, ::eunomia::Error> {"
    yield "        self.object.attach()"
    yield "    }"
    yield "}"
    yield ""
    yield from _load(contents, maps, names)


def _opened(contents: Contents, sections: list[tuple[Section, str]]) -> Iterator[str]:
    own = Free("object", "maps", "progs")
    yield "/// The opened object. What is changed in its sections here is what the programs start with."
    yield _ALLOW
    yield "pub struct OpenSkeleton {"
    yield "    pub object: ::eunomia::OpenObject,"
    for section, kind in sections:
        yield f"    pub {rust(own.take(section.ident))}: ::std::boxed::Box<types::{kind}>,"
    yield "}"
    yield ""


def _group(name: str, says: str, members: list[tuple[str, str]]) -> Iterator[str]:
    yield f"/// {says}"
    yield _ALLOW
    yield f"pub struct {name} {{"
    yield from (f"    pub {member}: {kind}," for member, kind in members)
    yield "}"
    yield ""


def _load(contents: Contents, maps: list[tuple[Map, str]], sections: list[tuple[Section, str, str]]) -> Iterator[str]:
    yield _ALLOW
    yield "impl OpenSkeleton {"
    yield "    /// Load it into the kernel."
    yield "    pub fn load(self) -> ::core::result::Result<Skeleton, ::eunomia::Error> {"
    for section, _kind, name in sections:
        if section.name != ".kconfig":
            yield f'        self.object.set_section("{section.name}", &*self.{name})?;'
    yield "        let object = self.object.load()?;"
    yield "        ::core::result::Result::Ok(Skeleton {"
    yield "            maps: Maps {"
    yield from (f'                {rust(found.ident)}: object.map("{found.name}")?,' for found, _kind in maps)
    yield "            },"
    yield "            progs: Progs {"
    yield from (f'                {rust(each)}: object.program("{each}")?,' for each in contents.programs)
    yield "            },"
    yield from (f'            {name}: object.variables("{section.name}")?,' for section, _kind, name in sections)
    yield "            object,"
    yield "        })"
    yield "    }"
    yield "}"
    yield ""
