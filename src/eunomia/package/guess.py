"""What an object that does not say it probably sends: event types by the conventions of sources."""

from __future__ import annotations

from eunomia.btf.types import PTR, STRUCT
from eunomia.package.table import DUMMY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.btf.object import DataSection, ObjectBtf
    from eunomia.btf.types import Btf, Type

_EVENT_NAMES = ("event", "event_t", "data_t")


def guess(obj: ObjectBtf) -> list[Type]:
    """Return the likeliest event types of an object that does not say, or [].

    These are the targets of pointers that exist only to keep a struct in BTF (`const struct event *unused`), else
    `struct event`, else the structs that are called like events.
    """
    btf = obj.btf
    if btf is None:
        return []
    kept = [pointed for section in obj.sections.values() for pointed in _kept(btf, section)]
    if kept:
        return kept
    named = [found for found in btf.of_kind(STRUCT) if found.size and found.name.endswith(_EVENT_NAMES)]
    own = [found for found in named if not found.name.startswith(("trace_event", "perf_event"))]
    return [found for found in own if found.name in {"event", "event_t", "data_t"}][:1] or own


def _kept(btf: Btf, section: DataSection) -> Iterator[Type]:
    for variable in section.variables:
        target = btf.resolve(variable.type)
        if target.kind == PTR and ("unused" in variable.name or variable.name.startswith(DUMMY)):
            pointed = btf.resolve(target.ref)
            if pointed.kind == STRUCT and pointed.size:
                yield pointed


def similarity(map_name: str, type_name: str) -> int:
    """Return the letters of the longest common word: `rb_exec` and `exec_event` share 4."""
    words = set(type_name.lower().split("_"))
    generic = {"event", "events", "rb", "data", "t", "map", "ringbuf", "buf"}
    return max((len(word) for word in map_name.lower().split("_") if word in words and word not in generic), default=0)
