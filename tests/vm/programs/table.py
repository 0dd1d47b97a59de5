"""One small program for each program type: how it is attached, what provokes it, and how that is counted.

NAME.bpf.c beside this file is the source. `cell.py` runs a case, in a VM or on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vm.programs import places, triggers

if TYPE_CHECKING:
    from vm.programs.cell import Live


@dataclass(frozen=True)
class Case:
    """A cell's row.

    Attributes:
        name: of the case, and of its source.
        section: the program type, as sections name it: the row's title.
        fire: provokes it. Returns how often it fired, or None where the global `hits` counts.
        place: what it attaches to; yields the words of the targets.
        targets: by program, as in `--attach PROGRAM=TARGET`; `{iface}` and the like are words of the place.
        modules: of the kernel, where they are not built in.
    """

    name: str
    section: str
    fire: Callable[[Live], int | None]
    place: Callable[[], AbstractContextManager[places.Words]] = places.anywhere
    targets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    modules: tuple[str, ...] = ()

    def filled(self, words: places.Words) -> dict[str, list[str]]:
        """Return the targets with the place's words in them."""
        return {name: [each.format(**words) for each in targets] for name, targets in self.targets.items()}

    def arguments(self, words: places.Words) -> list[str]:
        """Return what the command line gets: `--attach PROGRAM=TARGET` for each."""
        pairs = [f"{name}={target}" for name, targets in self.filled(words).items() for target in targets]
        return [word for pair in pairs for word in ("--attach", pair)]


CASES = (
    Case("tp", "tp", triggers.fsync),
    Case("kprobe", "kprobe", triggers.rmdir),
    Case("fentry", "fentry", triggers.rmdir),
    Case("uprobe", "uprobe", triggers.getppid),
    Case("iter_task", "iter/task", triggers.read_iterator),
    Case("lsm", "lsm", triggers.denied_rmdir),
    Case(
        "xdp",
        "xdp",
        triggers.over_veth,
        places.veth,
        {"handle": ("iface:{iface}",)},
        modules=("veth",),
    ),
    Case(
        "cgroup_connect4",
        "cgroup/connect4",
        triggers.connect4,
        places.cgroup,
        {"handle": ("cgroup:{cgroup}",)},
    ),
)
BY_NAME = {case.name: case for case in CASES}
