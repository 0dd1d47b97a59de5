"""Removing what a crash left: attachments out of journals, state files of the dead, pins that were not finished."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from eunomia._native import lib
from eunomia.life import journal, pins
from eunomia.life.runs import SUFFIX, open_directory, read_states

NEW = ".new"


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that was left: its kind ("attachment", "state", "journal", "pins"), what it is, and what came of it.

    `outcome` is "removed", "gone", "would be removed", or why it stays.
    """

    kind: str
    what: str
    outcome: str

    @property
    def failed(self) -> bool:
        """Whether it is still there, although it was to go."""
        return self.outcome not in ("removed", "gone", "would be removed")


def clean(*, dry_run: bool = False) -> list[Leftover]:
    """Remove what dead runs of this user have left; what others attached is never touched.

    Args:
        dry_run: only say what would be removed.

    Raises:
        PermissionError: the state directory is another user's, or others may write to it.
    """
    found = clean_journals(dry_run=dry_run)
    for run in list(read_states().runs.values()):
        if run.is_alive:
            continue
        if run.pins:
            found += _unfinished(run.pins, dry_run)
            if os.path.isdir(run.pins):
                continue  # they were asked to stay
        found.append(_remove(run.name + SUFFIX, "state", f"state file of {run.name}, process {run.pid}", dry_run))
    for folder in pins.unfinished_folders():
        found += _unfinished(folder, dry_run)
    return found


def clean_journals(*, dry_run: bool = False) -> list[Leftover]:
    """Undo what journals of dead guardians tell of; `ecli run` does so too, where there is one."""
    folder = open_directory()
    if folder < 0:
        return []
    found: list[Leftover] = []
    try:
        for each in list(journal.left_behind(folder)):
            done = [_undo(entry, dry_run) for entry in each.entries]
            found += done
            if not dry_run:
                os.unlink(each.name, dir_fd=folder)
        found += _half_written(folder, dry_run)
    finally:
        os.close(folder)
    return found


def _undo(entry: journal.Entry, dry_run: bool) -> Leftover:
    return Leftover("attachment", str(entry), "would be removed" if dry_run else journal.undo(entry))


def _half_written(folder: int, dry_run: bool) -> Iterator[Leftover]:
    """Journals that were being written when their guardian was killed; the ones before them were whole."""
    for name in os.listdir(folder):
        if not name.endswith(journal.SUFFIX + NEW):
            continue
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except OSError:
            continue
        try:
            is_left = stat.S_ISREG(os.fstat(fd).st_mode) and not lib.eu_state_is_locked(fd)
        finally:
            os.close(fd)
        if is_left:
            yield _remove(name, "journal", f"unfinished journal {name}", dry_run)


def _remove(name: str, kind: str, what: str, dry_run: bool) -> Leftover:
    if dry_run:
        return Leftover(kind, what, "would be removed")
    gone = lib.eu_state_take_away(name.encode())  # looked at once more, locked: a new run may have taken the name
    if gone < 0:
        return Leftover(kind, what, os.strerror(-gone).lower())
    return Leftover(kind, what, "removed" if gone else "gone")


def _unfinished(folder: str, dry_run: bool) -> Iterator[Leftover]:
    """Pins that were being made when their process was killed."""
    for path in pins.unfinished(folder):
        if dry_run:
            yield Leftover("pins", f"unfinished pins {path}", "would be removed")
            continue
        try:
            pins.remove_tree(path)
        except OSError as exc:
            yield Leftover("pins", f"unfinished pins {path}", (exc.strerror or str(exc)).lower())
        else:
            yield Leftover("pins", f"unfinished pins {path}", "removed")
