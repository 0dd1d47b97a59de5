"""Finding maps by what people type: a map of a run, a pin, an id."""

from __future__ import annotations

import os
from dataclasses import dataclass

from eunomia.errors import EunomiaError
from eunomia.kernel.facts import MapFacts
from eunomia.kernel.pinned import KernelMap
from eunomia.life.find import find
from eunomia.life.pins import iter_pins
from eunomia.life.survey import Found, survey

KEPT = 15  # characters of a name


class NoSuchMapError(EunomiaError):
    """Nothing that was typed is a map."""


@dataclass(frozen=True, slots=True)
class Place:
    """A map of a run."""

    run: str
    facts: MapFacts


def places(word: str | None = None) -> list[Place]:
    """Return the maps of all runs and pins, or of one.

    Raises:
        NoSuchRunError: there is none of this name.
    """
    result = survey()
    found = find(result, word) if word is not None else result.found
    return [Place(each.name or str(each.pid), facts) for each in found for facts in each.maps.values()]


def open_map(text: str) -> KernelMap:
    """Open the map that a text names: `RUN.MAP`, `PID.MAP`, a path of bpffs, an id.

    Raises:
        NoSuchRunError, NoSuchMapError: there is none; the message names what there is.
        OSError: the kernel refuses.
    """
    if "/" in text:
        return KernelMap.open_pin(text)
    number = text.removeprefix("id:")
    if number.isdecimal():
        return KernelMap.open_id(int(number))
    name, dot, wanted = text.partition(".")
    if not dot or not wanted:
        raise NoSuchMapError(
            f"map {text!r}: not of the form RUN.MAP [or PID.MAP, /sys/fs/bpf/PIN, id:N; `ecli map list`]"
        )
    for each in find(survey(), name):
        found = _of_run(each, wanted)
        if found is not None:
            return found
    raise _none(name, wanted)


def _none(name: str, wanted: str) -> NoSuchMapError:
    names = sorted({place.facts.name for place in places(name) if place.facts.name})
    there = f"there are {', '.join(names)}" if names else "its maps are not to be seen [run with sudo]"
    return NoSuchMapError(f"run {name} has no map {wanted} ({there})")


def _of_run(each: Found, wanted: str) -> KernelMap | None:
    for path in iter_pins(os.path.join(each.pins, "maps")) if each.pins else ():
        if os.path.basename(path) in (wanted, wanted.replace(".", "_")):
            return KernelMap.open_pin(path)
    for facts in each.maps.values():
        if is_called(facts.name, wanted):
            return KernelMap.open_id(facts.id)
    return None


def is_called(name: str, wanted: str) -> bool:
    """Whether a name as the kernel keeps it is what was meant: in full, cut, or a section behind the object's name."""
    if name == wanted or (len(wanted) > KEPT and name == wanted[:KEPT]):
        return True
    head, dot, tail = name.partition(".")
    return bool(dot) and tail == wanted.lstrip(".") and "." not in head
