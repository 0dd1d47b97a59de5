"""Pins of runs: taking them away, and finding those that a crash left unfinished."""

from __future__ import annotations

import os
from collections.abc import Iterator

from eunomia._native import check, lib
from eunomia.kernel.pins import ROOT, UNFINISHED, iter_pins, remove_tree
from eunomia.life.runs import SUFFIX

__all__ = ["ROOT", "finished_folders", "iter_pins", "remove", "remove_tree", "unfinished", "unfinished_folders"]


def remove(name: str, folder: str) -> int:
    """Remove the pins of a run whose process has ended, and its state file; return how many pins there were.

    Raises:
        OSError: it is no folder of pins, or cannot be removed.
    """
    count = remove_tree(folder)
    if os.path.dirname(folder) == ROOT and not os.listdir(ROOT):
        os.rmdir(ROOT)
    if lib.eu_state_take_away(f"{name}{SUFFIX}".encode()) < 0 and lib.eu_errno() != 2:
        check(-1, f"remove the state of {name}")
    return count


def _folders(root: str) -> list[str]:
    try:
        return sorted(entry.path for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def finished_folders() -> list[str]:
    """Return the folders of pins under the default place."""
    return [path for path in _folders(ROOT) if UNFINISHED not in os.path.basename(path)]


def unfinished_folders() -> list[str]:
    """Return the final names of the folders under the default place that a crash may have left unfinished."""
    names = [path for path in _folders(ROOT) if UNFINISHED in os.path.basename(path)]
    return sorted({path.rpartition(UNFINISHED)[0] for path in names})


def unfinished(folder: str) -> Iterator[str]:
    """Yield the unfinished folders of pins that were to be `folder`, whose process is dead."""
    parent, name = os.path.split(folder)
    for path in _folders(parent):
        head, mark, pid = os.path.basename(path).rpartition(UNFINISHED)
        if mark and head == name and pid.isdecimal() and not os.path.isdir(f"/proc/{pid}"):
            yield path
