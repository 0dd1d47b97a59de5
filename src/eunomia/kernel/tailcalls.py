"""Prog arrays, filled with the programs that `@prog_array` names."""

from __future__ import annotations

from eunomia.errors import LoadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.kernel.object import Object


def fill(live: Object, entries: list[dict[str, Any]]) -> None:
    """Write loaded programs into prog arrays; what was left out leaves its place empty, and the call falls through.

    Raises:
        LoadError: an annotation names no program, or a place that the map has not.
        OSError: the kernel refuses, as programs of several types cannot stand in one array.
    """
    for entry in entries:
        array = live.maps.get(entry["name"])
        if array is None:
            raise LoadError(f"fill map {entry['name']}: the object has no such map")
        for place, name in places(entry["prog_array"], entry["name"]):
            program = live.programs.get(name)
            if program is None:
                raise LoadError(
                    f"fill map {array.name}: @prog_array: no program {name} (there are {', '.join(live.programs)})"
                )
            if place >= array.max_entries:
                raise LoadError(f"fill map {array.name}: @prog_array: place {place}, but it has {array.max_entries}")
            if program.fd >= 0:
                try:
                    array[place] = program.fd
                except OSError as exc:
                    hint = " [programs of one prog array are of one type]" if exc.errno == 22 else ""
                    raise OSError(
                        exc.errno, f"fill map {array.name}: place {place}, program {name}: {exc.strerror}{hint}"
                    ) from exc


def places(value: Any, name: str) -> list[tuple[int, str]]:
    """Return the places and the names of the programs that stand there.

    Raises:
        LoadError: neither a list of names nor an object of places and names.
    """
    pairs: list[tuple[Any, Any]] = list(enumerate(value)) if type(value) is list else []
    if type(value) is dict:
        pairs = [(int(key) if key.isdecimal() else key, each) for key, each in value.items()]
    if not pairs or any(type(place) is not int or type(each) not in (str, type(None)) for place, each in pairs):
        raise LoadError(
            f"fill map {name}: @prog_array: expected a list of programs, or an object of places and programs"
        )
    return [(place, each) for place, each in pairs if each is not None]
