"""Which maps a counted call may mean that names none; what the second compile gets to tell them apart."""

from __future__ import annotations

import pytest

from eunomia.btf.object import MapDefinition
from eunomia.compiler.counters import ambiguous_maps, head, tail


class Tag:
    def __init__(self, name: str) -> None:
        self.name = name


class Types:
    """Stands for an object's BTF: its tags only."""

    def __init__(self, tags: list[str]) -> None:
        self._tags = [Tag(name) for name in tags]

    def of_kind(self, kind: int) -> list[Tag]:
        return self._tags


class Image:
    """Stands for an ObjectBtf."""

    def __init__(self, maps: dict[str, int], *tags: str) -> None:
        self.btf = Types([*tags, "eunomia:accounting=1", "other"])
        self.maps = {name: MapDefinition(name, 0) for name in maps}
        for name, kind in maps.items():
            self.maps[name].type = kind


HASH, ARRAY_OF_MAPS, RINGBUF, QUEUE = 1, 12, 27, 22
RINGS = {"one": RINGBUF, "two": RINGBUF, "starts": HASH}


@pytest.mark.parametrize(
    ("maps", "tag", "expected"),
    [
        (RINGS, "ring=&one", []),
        (RINGS, "ring=(void *)&(two)", []),
        (RINGS, "ring=& one", []),
        (RINGS, "ring=map", ["one", "two"]),
        (RINGS, "ring=one", ["one", "two"]),  # a variable of that name
        (RINGS, "map=map", []),  # there is only one that can be meant
        (RINGS, "perf=map", []),
        ({**RINGS, "ends": HASH}, "map=map", ["starts", "ends"]),
        ({"starts": HASH, "tables": ARRAY_OF_MAPS}, "map=inner", ["starts", "tables"]),
        ({"jobs": QUEUE, "starts": HASH, "more": QUEUE}, "push=map", ["jobs", "more"]),
        ({"a b": RINGBUF, "one": RINGBUF}, "ring=map", ["one"]),
        ({f"ring{number}": RINGBUF for number in range(40)}, "ring=map", []),
    ],
)
def test_maps_that_a_call_may_mean(maps: dict[str, int], tag: str, expected: list[str]) -> None:
    image = Image(maps, f"eunomia:count={tag}")

    assert ambiguous_maps(image) == expected  # type: ignore[arg-type]


def test_second_compile_gets_as_many_counters_as_maps_and_their_order() -> None:
    assert head(["one", "two"]) == "#define __EU_MAPS 3\n"
    text = tail(["one", "two"])
    assert text.index("&one ? 1") < text.index("&two ? 2")
    assert 'btf_decl_tag("eunomia:maps=one,two")' in text
