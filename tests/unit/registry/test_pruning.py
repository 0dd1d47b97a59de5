"""Removing from the cache: what was not used, what is too much, what nothing leads to, and all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eunomia.registry.pruning import GRACE, clear, prune
from eunomia.registry.store import Entry, Store, digest_of

NOW = 2e9


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three programs, used 10, 20 and 30 days ago; `shared` is another name of the last one's bytes."""
    found = Store(str(tmp_path))
    for name, days in (("ten", 10), ("twenty", 20), ("thirty", 30), ("shared", 10)):
        data = found.put((b"thirty" if name == "shared" else name.encode()) * 100)
        found.tag(Entry(name, data, size=100))
        os.utime(found.path_of_name(name), (NOW - days * 86400,) * 2)
    return found


def names(store: Store) -> list[str]:
    return sorted(each.name for each in store.entries())


def test_what_was_not_used_for_long_goes_with_its_bytes(store: Store) -> None:
    removed = prune(store, older=15 * 86400, now=NOW)

    assert sorted(removed.names) == ["thirty", "twenty"]
    assert (removed.blobs, removed.size) == (1, 600)  # those of `thirty` have another name still
    assert names(store) == ["shared", "ten"]
    assert store.get(digest_of(b"thirty" * 100)) is not None


def test_what_was_used_longest_ago_goes_until_the_rest_is_small_enough(store: Store) -> None:
    prune(store, size=900, now=NOW)

    assert names(store) == ["shared", "ten"]
    assert len(list(store.files("blobs"))) == 2


def test_what_is_to_stay_goes_only_where_there_is_no_room(store: Store) -> None:
    removed = prune(store, older=86400, keep=frozenset(["thirty"]), now=NOW)
    assert sorted(removed.names) == ["shared", "ten", "twenty"]
    assert names(store) == ["thirty"]

    assert prune(store, size=1, keep=frozenset(["thirty"]), now=NOW).names == ["thirty"]


def test_looking_a_name_up_is_using_it(store: Store) -> None:
    assert store.lookup("thirty") is not None

    assert "thirty" not in prune(store, older=86400, now=os.stat(store.path_of_name("thirty")).st_mtime + 10).names


def test_bytes_that_nothing_leads_to_and_what_a_crash_left_go_after_a_while(store: Store, tmp_path: Path) -> None:
    fresh, old = store.put(b"of a fetch that goes on"), store.put(b"of one that ended")
    broken = tmp_path / "names/broken"
    broken.write_bytes(b"no entry")
    for path in (tmp_path / "blobs" / old[7:], broken):
        os.utime(path, (NOW - 2 * GRACE,) * 2)
    os.utime(tmp_path / "blobs" / fresh[7:], (NOW,) * 2)

    removed = prune(store, now=NOW)

    assert (removed.names, removed.blobs) == ([], 2)
    assert store.get(fresh) is not None
    assert store.get(old) is None
    assert not broken.exists()


def test_manifests_stay_with_what_names_them(store: Store, tmp_path: Path) -> None:
    manifest = store.put(b"a manifest")
    os.utime(tmp_path / "blobs" / manifest[7:], (NOW - 2 * GRACE,) * 2)
    store.tag(Entry("image", digest_of(b"ten" * 100), digest=manifest))

    prune(store, now=NOW)
    assert store.get(manifest) == b"a manifest"


def test_clear_leaves_nothing(store: Store) -> None:
    store.put(b"of a fetch that goes on")

    removed = clear(store)

    assert sorted(removed.names) == ["shared", "ten", "thirty", "twenty"]
    assert list(store.files("blobs")) == list(store.files("names")) == []
