"""The cache: what was put comes back, what was damaged does not, and a full disk is no failure."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eunomia.registry.store import LARGE, MAX_ENTRY, Entry, Store, digest_of, is_digest

DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty cache in a folder of the test's."""
    return Store(str(tmp_path / "registry"))


def blob(store: Store, digest: str) -> Path:
    return Path(store.folder) / "blobs" / digest.removeprefix("sha256:")


@pytest.mark.parametrize("data", [b"", b"abc", bytes(LARGE + 1)])
def test_digests_are_sha256_of_small_and_large(data: bytes) -> None:
    assert digest_of(data) == f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [(DIGEST, True), (DIGEST.upper(), False), (DIGEST[:-1], False), ("sha256:" + "g" * 64, False), ("", False)],
)
def test_only_64_hexadecimal_digits_are_a_digest(text: str, is_one: bool) -> None:
    assert is_digest(text) is is_one


def test_what_was_put_comes_back(store: Store) -> None:
    digest = store.put(b"a program")

    assert store.get(digest) == b"a program"
    assert store.has(digest)
    assert store.get(DIGEST) is None
    assert not store.failure


def test_names_lead_to_what_was_fetched_and_the_last_one_holds(store: Store) -> None:
    data = store.put(b"one")
    store.tag(Entry("host/repo:1 linux/amd64", data, digest=DIGEST, fetched=1700000000, size=3, etag='"x y"'))
    store.tag(Entry("host/repo:2 linux/amd64", data))

    found = store.lookup("host/repo:1 linux/amd64")

    assert found is not None
    assert (found.data, found.digest, found.manifest) == (data, DIGEST, DIGEST)
    assert (found.fetched, found.size, found.etag) == (1700000000, 3, '"x y"')
    assert store.lookup("host/repo:3 linux/amd64") is None
    assert sorted(entry.name for entry in store.entries()) == ["host/repo:1 linux/amd64", "host/repo:2 linux/amd64"]

    store.tag(Entry("host/repo:1 linux/amd64", DIGEST))
    again = store.lookup("host/repo:1 linux/amd64")
    assert again is not None
    assert again.data == DIGEST


def test_a_damaged_blob_is_not_returned_and_is_gone(store: Store) -> None:
    digest = store.put(b"a program")
    blob(store, digest).write_bytes(b"a pr0gram")

    assert store.get(digest) is None
    assert store.damaged == [digest]
    assert not blob(store, digest).exists()
    store.put(b"a program")
    assert store.get(digest) == b"a program"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"eunomia 1\n",
        b"eunomia 2\nname n\ndata " + DIGEST.encode() + b"\n",
        b"eunomia 1\nname n\ndata " + DIGEST.encode(),
        b"eunomia 1\nname n\ndata ../../etc/passwd\n",
        b"eunomia 1\nname n\ndata " + DIGEST.encode() + b"\nsize -1\n",
        b"eunomia 1\nname n\ndata " + DIGEST.encode() + b"\nfetched " + b"9" * 5000 + b"\n",
        b"eunomia 1\nname n\ndata " + DIGEST.encode() + b"\ndigest sha512:00\n",
        b"\xff\xfe\0",
    ],
)
def test_a_damaged_entry_is_none(data: bytes) -> None:
    assert Entry.from_bytes(data) is None


def test_an_entry_of_another_name_is_not_taken_for_this_one(store: Store) -> None:
    store.tag(Entry("host/good:1", store.put(b"good")))
    store.tag(Entry("host/evil:1", store.put(b"evil")))
    names = Path(store.folder) / "names"
    good, evil = (names / digest_of(name)[7:] for name in (b"host/good:1", b"host/evil:1"))
    good.write_bytes(evil.read_bytes())

    assert store.lookup("host/good:1") is None


def test_an_entry_cannot_carry_lines_of_its_own(store: Store) -> None:
    store.tag(Entry("host/a:1", DIGEST, etag="x\ndata sha256:" + "00" * 32, media_type="a\x1b[31m"))

    found = store.lookup("host/a:1")

    assert found is not None
    assert (found.data, found.etag, found.media_type) == (DIGEST, "", "")


def test_a_store_that_cannot_write_still_answers(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    store = Store(str(tmp_path / "file" / "registry"))

    digest = store.put(b"data")

    assert digest == digest_of(b"data")
    assert store.get(digest) is None
    assert store.failure.endswith("not a directory")
    assert Store("").put(b"data") == digest


def test_a_name_too_large_or_odd_file_is_no_entry(store: Store) -> None:
    store.tag(Entry("host/a:1", DIGEST))
    path = Path(store.folder) / "names" / digest_of(b"host/a:1")[7:]
    path.write_bytes(b"x" * (MAX_ENTRY + 1))
    assert store.lookup("host/a:1") is None

    path.unlink()
    os.mkfifo(path)
    assert store.lookup("host/a:1") is None


def test_files_and_folders_are_the_users_own(store: Store) -> None:
    digest = store.put(b"data")

    assert blob(store, digest).stat().st_mode & 0o777 == 0o600
    assert Path(store.folder).stat().st_mode & 0o777 == 0o700


def test_many_processes_put_the_same_thing_at_once(store: Store) -> None:
    code = (
        "import sys; from eunomia.registry.store import Entry, Store\n"
        "store = Store(sys.argv[1])\n"
        "for _ in range(20):\n"
        "    digest = store.put(b'x' * 100000)\n"
        "    store.tag(Entry('host/a:1', digest))\n"
        "    entry = store.lookup('host/a:1')\n"
        "    assert entry is not None and store.get(entry.data) == b'x' * 100000\n"
        "assert not store.failure and not store.damaged"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, store.folder]) for _ in range(4)]

    assert [each.wait(60) for each in running] == [0] * 4
    assert len(list(store.files("blobs"))) == len(list(store.files("names"))) == 1
