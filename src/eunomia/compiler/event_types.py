"""Which types of record go through which map, read from what eunomia_sites.h left in an object's BTF."""

from __future__ import annotations

from eunomia.btf.types import ARRAY, DECL_TAG, FUNC_PROTO, PTR, STATIC, STRUCT, UNION, VAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from eunomia.btf.types import Btf

_PREFIX = "eunomia:"
_ZERO = ("0", "0U", "0UL", "0ULL")


class Sites:
    """What the forced header recorded.

    Attributes:
        types: type ids by map, in the order of the sites, without duplicates.
        unclear: whether a record's type or its map could not be told: `void *`, a map passed as a parameter.
        found: whether there is any site.
    """

    __slots__ = ("found", "types", "unclear")

    def __init__(self) -> None:
        self.types: dict[str, list[int]] = {}
        self.unclear = False
        self.found = False

    def add(self, map_name: str | None, type_id: int) -> None:
        """Note one type of a map; without either, the site is unclear."""
        self.found = True
        if not map_name or not type_id:
            self.unclear = True
            return
        known = self.types.setdefault(map_name, [])
        if type_id not in known:
            known.append(type_id)


class _Site:
    __slots__ = ("function", "tag", "type")

    def __init__(self, function: str, tag: str, type_id: int) -> None:
        self.function = function
        self.tag = tag
        self.type = type_id


def read_sites(btf: Btf, maps: Iterable[str], ring_maps: Iterable[str]) -> Sites:
    """Return the types that go through each map.

    Args:
        btf: of the object.
        maps: names of all its maps.
        ring_maps: names of those that are ring buffers: where there is one, it is what every submit means.
    """
    known, rings = set(maps), list(ring_maps)
    sites = _sites(btf)
    result = Sites()
    reserves: dict[str, list[tuple[str | None, int]]] = {}
    for site in sites:
        what, _, words = site.tag.partition("=")
        if what == "reserve":
            result.found = True
            reserves.setdefault(site.function, []).append((_map_in(words, known), _reserved(btf, site.type)))
    for site in sites:
        what, _, words = site.tag.partition("=")
        if what == "map":
            result.add(_map_in(words, known), _record(btf, site.type))
        elif what == "submit":
            record = _record(btf, site.type)
            result.add(_submitted(reserves.get(site.function), btf.sizeof(record) if record else 0, rings), record)
    _read_dynptrs(btf, sites, known, result)
    return result


def _read_dynptrs(btf: Btf, sites: list[_Site], known: set[str], result: Sites) -> None:
    """What is written to the start of a dynptr begins the record; one that is filled otherwise shows no type here."""
    open_at: dict[tuple[str, str], str | None] = {}
    for site in sites:  # in the order of the source
        what, _, words = site.tag.partition("=")
        pointer, _, rest = words.partition("=")
        key = (site.function, _bare(pointer))
        if what == "dynptr":
            result.found = True
            result.unclear = result.unclear or key in open_at
            open_at[key] = _map_in(rest, known)
        elif what == "write" and key in open_at and rest.strip("()") in _ZERO:
            result.add(open_at.pop(key), _record(btf, site.type))
    result.unclear = result.unclear or bool(open_at)


def _sites(btf: Btf) -> list[_Site]:
    tags = {
        tag.ref: tag.name[len(_PREFIX) :]
        for tag in btf.of_kind(DECL_TAG)
        if tag.name.startswith(_PREFIX) and tag.component < 0
    }
    sites = []
    for type_id, tag in sorted(tags.items()):
        variable = btf.type(type_id)
        if variable.kind == VAR and variable.linkage == STATIC:
            function, dot, _ = variable.name.partition(".__eu_")
            if dot or variable.name.startswith("__eu_a_"):
                sites.append(_Site(function, tag, variable.ref))
    return sites


def _record(btf: Btf, type_id: int) -> int:
    """The type id of the record behind a site's variable, a pointer to a pointer or to an array; 0: void."""
    argument = btf.resolve(btf.resolve(type_id).ref)
    if argument.kind == ARRAY:
        return btf.strip(argument.array[0]) if btf.resolve(argument.array[0]).kind in (STRUCT, UNION) else argument.id
    if argument.kind != PTR:
        return 0
    target = btf.strip(argument.ref)
    kind = btf.resolve(target).kind
    return 0 if kind in (0, FUNC_PROTO) else target


def _reserved(btf: Btf, type_id: int) -> int:
    array = btf.resolve(btf.resolve(type_id).ref)
    return array.array[1] if array.kind == ARRAY else 0


def _submitted(reserves: list[tuple[str | None, int]] | None, size: int, rings: list[str]) -> str | None:
    """The map that a submitted record came from."""
    if not reserves:
        return rings[0] if len(rings) == 1 else None
    maps = {map_name for map_name, _ in reserves}
    if len(maps) > 1:
        maps = {map_name for map_name, reserved in reserves if reserved == size}
    return maps.pop() if len(maps) == 1 else None


def _map_in(words: str, known: set[str]) -> str | None:
    """The map that an argument names: `&events`, `(void *)&events`; None when it names none or several."""
    letters = "".join(letter if letter.isalnum() or letter == "_" else " " for letter in words)
    named = {word for word in letters.split() if word in known}
    return named.pop() if len(named) == 1 else None


def _bare(words: str) -> str:
    return words.replace("&", "").replace("(", "").replace(")", "").replace(" ", "")


def keep_types(by_map: dict[str, list[str]]) -> str:
    """Return declarations by which read_sites() finds these types at these maps: what the AST told."""
    lines: list[str] = []
    for map_name, types in sorted(by_map.items()):
        for name in types:
            tag = f'btf_decl_tag("eunomia:map={map_name}")'
            declared = f"__typeof__({name}) **__eu_a_{len(lines)}"
            lines.append(f'static {declared} __attribute__((section("eunomia.types"), used, {tag}));\n')
    return "".join(lines)
