"""Removing from the cache: what was not used for long, what is more than it may have, or all."""

from __future__ import annotations

import os
import time

from eunomia.registry.holding import removing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.registry.store import Entry, Store

GRACE = 3600.0  # seconds; a younger blob without a name may be of a fetch that goes on


class Removed:
    """What was removed: `names`, their `entries`, `size` bytes in `blobs` files; `digests` had the names' bytes."""

    __slots__ = ("blobs", "digests", "entries", "names", "size")

    def __init__(self) -> None:
        self.names: list[str] = []
        self.entries: list[Entry] = []
        self.digests: set[str] = set()
        self.blobs = 0
        self.size = 0


def prune(
    store: Store,
    *,
    older: float | None = None,
    size: int | None = None,
    keep: frozenset[str] = frozenset(),
    now: float | None = None,
) -> Removed:
    """Remove names that were not used, then blobs that no name leads to, and files that a crash has left.

    Args:
        older: remove what was not used for so many seconds.
        size: remove what was not used for longest until no more than so many bytes are left.
        keep: names that stay, however old they are; `size` does not heed them.
        now: the time, for tests.
    """
    moment = time.time() if now is None else now
    removed = Removed()
    with removing(store):
        entries = sorted(store.entries(), key=lambda each: each.used)
        if older is not None:
            before = moment - older
            entries = [each for each in entries if each.name in keep or not _forget_old(store, each, before, removed)]
        if size is not None:
            while entries and _total(store, entries) > size:
                _forget(store, entries.pop(0), removed)
        _sweep(store, entries, moment - GRACE, removed)
    return removed


def clear(store: Store) -> Removed:
    """Remove everything."""
    removed = Removed()
    with removing(store):
        for each in list(store.entries()):
            _forget(store, each, removed)
        _sweep(store, [], float("inf"), removed)
    return removed


def sizes(store: Store) -> dict[str, int]:
    """Return the sizes of all blobs by their digests."""
    found = {}
    for path in store.files("blobs"):
        try:
            found[f"sha256:{os.path.basename(path)}"] = os.stat(path).st_size
        except OSError:
            continue
    return found


def _total(store: Store, entries: list[Entry]) -> int:
    there = sizes(store)
    return sum(there.get(digest, 0) for digest in _wanted(entries))


def _wanted(entries: list[Entry]) -> set[str]:
    return {digest for each in entries for digest in (each.data, each.digest, each.manifest, *each.parts) if digest}


def _forget_old(store: Store, entry: Entry, before: float, removed: Removed) -> bool:
    if entry.used >= before:
        return False
    _forget(store, entry, removed)
    return True


def _forget(store: Store, entry: Entry, removed: Removed) -> None:
    if store.forget(entry.name):
        removed.names.append(entry.name)
        removed.entries.append(entry)
        removed.digests |= _wanted([entry])


def _sweep(store: Store, entries: list[Entry], before: float, removed: Removed) -> None:
    """Remove blobs that no entry wants, entries that cannot be read, and temporary files."""
    wanted = {digest[7:] for digest in _wanted(entries)}
    for path in store.files("blobs"):
        name = os.path.basename(path)
        if name not in wanted:
            _remove(path, float("inf") if f"sha256:{name}" in removed.digests else before, removed)
    readable = {os.path.basename(store.path_of_name(each.name)) for each in entries}
    for path in store.files("names"):
        if os.path.basename(path) not in readable:
            _remove(path, before, removed)


def _remove(path: str, before: float, removed: Removed) -> None:
    try:
        facts = os.stat(path)
        if facts.st_mtime >= before:
            return
        os.unlink(path)
    except OSError:
        return
    removed.blobs += 1
    removed.size += facts.st_size
