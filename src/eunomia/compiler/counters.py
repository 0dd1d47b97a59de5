"""Counters of call sites that do not name their map: which maps they may mean, and how a second compile tells them."""

from __future__ import annotations

from eunomia.btf.types import DECL_TAG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.btf.object import ObjectBtf

_TAG = "eunomia:count="
_INNER = ("array_of_maps", "hash_of_maps")
# Which maps a site of each kind may mean; "map": all others. Source: eu_site_can_mean in native/accounting_sites.c
_TYPES = {
    "ring": ("ringbuf",),
    "perf": ("perf_event_array",),
    "stack": ("stack_trace",),
    "push": ("queue", "stack", "bloom_filter"),
}
_NEVER = ("prog_array", "cgroup_array", "struct_ops", "user_ringbuf")
_MOST_MAPS = 32  # each gets 16 bytes at each site


def ambiguous_maps(obj: ObjectBtf) -> list[str]:
    """Return the maps that some counted call may mean without naming one, where there are several; else nothing.

    Args:
        obj: compiled with the accounting header.
    """
    if obj.btf is None:
        return []
    names = [tag.name[len(_TAG) :] for tag in obj.btf.of_kind(DECL_TAG) if tag.name.startswith(_TAG)]
    kinds = {name.partition("=")[0] for name in names if not set(_named(name.partition("=")[2])) & set(obj.maps)}
    has_inner = any(each.type_name in _INNER for each in obj.maps.values())
    found: set[str] = set()
    for kind in kinds:
        meant = [each.name for each in obj.maps.values() if _can_mean(kind, each.type_name)]
        if len(meant) > 1 or has_inner:
            found.update(meant)
    usable = [name for name in obj.maps if name in found and name.isidentifier()]
    return usable if len(usable) < _MOST_MAPS else []


def head(maps: list[str]) -> str:
    """Return what goes before the accounting header: how many counters each site has."""
    return f"#define __EU_MAPS {len(maps) + 1}\n"


def tail(maps: list[str]) -> str:
    """Return what goes behind the source: which of the counters is a map's, and the tag that names them in order."""
    chosen = " :\n\t       ".join(
        f"__builtin_constant_p(map == (const void *)&{name}) && map == (const void *)&{name} ? {index}"
        for index, name in enumerate(maps, 1)
    )
    tag = f'btf_decl_tag("eunomia:maps={",".join(maps)}")'
    return (
        f"static __inline __attribute__((always_inline)) int __eu_which(const void *map)\n"
        f"{{\n\treturn {chosen} : 0;\n}}\n"
        f'static char *__eu_maps __attribute__((section("eunomia.types"), used, {tag}));\n'
    )


def _named(words: str) -> Iterator[str]:
    """The names whose address an argument takes: `&events`, `(void *)&(events)`."""
    for part in words.split("&")[1:]:
        rest = part.lstrip(" (")
        end = next((at for at, letter in enumerate(rest) if not (letter.isalnum() or letter == "_")), len(rest))
        if end:
            yield rest[:end]


def _can_mean(kind: str, map_type: str) -> bool:
    if kind in _TYPES:
        return map_type in _TYPES[kind]
    return kind == "map" and map_type not in _NEVER and not any(map_type in types for types in _TYPES.values())
