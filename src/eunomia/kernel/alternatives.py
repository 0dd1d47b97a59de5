"""Of several programs for one purpose the first that this kernel takes; tail-called ones are not attached at all."""

from __future__ import annotations

from eunomia.errors import AttachError
from eunomia.kernel.object import ALTERNATIVES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eunomia.kernel.object import Object
    from eunomia.kernel.program import Program

# What libbpf-tools put into names to tell such programs apart: fentry_vfs_read and kprobe_vfs_read, sched_switch_btf.
WORDS = frozenset(
    ("fentry", "fexit", "kprobe", "kretprobe", "kret", "btf", "tp", "raw", "rawtp", "handle", "entry", "exit")
)


def find_groups(live: Object) -> dict[str, list[str]]:
    """Return the groups of an object: annotated ones in the order of the source, and those that names tell.

    Raises:
        AttachError: an `@alternative` that is no text.
    """
    groups: dict[str, list[str]] = {}
    for entry in live.package.meta["bpf_skel"].get("progs") or ():
        group = entry.get("alternative")
        if group is None or entry["name"] not in live.programs:
            continue
        if type(group) is not str:
            raise AttachError(f"program {entry['name']}: alternative: expected a name, got {group!r:.60}")
        groups.setdefault(group, []).append(entry["name"])
    taken = {name for members in groups.values() for name in members}
    free = [program for program in live.programs.values() if program.name not in taken]
    for newer in free:
        members = [newer.name, *(older.name for older in free if _is_older_way(newer, older))]
        if len(members) > 1:
            groups.setdefault(newer.section, members)
    return groups


def _is_older_way(newer: Program, older: Program) -> bool:
    new, slash, target = newer.section.partition("/")
    old, _, other = older.section.partition("/")
    pair = (new.removesuffix(".s"), old)
    return pair in ALTERNATIVES and bool(slash) and target == other and _stem(newer.name) == _stem(older.name)


def _stem(name: str) -> tuple[str, ...]:
    """Return the words of a name without those that say how it attaches."""
    return tuple(word for word in name.split("_") if word not in WORDS)


def in_order(live: Object, names: Sequence[str], targets: Mapping[str, object]) -> list[str]:
    """Return the programs to attach: preferred ones of a group before others, without what is only tail-called.

    A program in a prog array is attached where it was told a target, or where no other program of its type could call
    it.
    """
    rank = {name: at for members in live.groups.values() for at, name in enumerate(members)}
    called = {name for name, program in live.programs.items() if program.autoload and program.tail_called}
    callers = {
        program.type
        for name, program in live.programs.items()
        if program.autoload and name not in called and name not in live.skipped
    }
    left_out = {
        name
        for name in called
        if name not in targets and not live.programs[name].targets and live.programs[name].type in callers
    }
    return sorted((name for name in names if name not in left_out), key=lambda name: rank.get(name, 0))
