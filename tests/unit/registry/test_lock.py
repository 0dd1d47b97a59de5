"""The lock file: what is written is read, what is damaged is told, another user's is not heeded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eunomia.errors import FetchError
from eunomia.registry.lock import Locked, is_ours, read, write
from eunomia.registry.resolve import Limits, fetch
from eunomia.registry.store import digest_of

DIGEST = "sha256:" + "ab" * 32
HEAD = "version = 1\n[[program]]\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and nothing of this machine's user."""
    for name in ("CACHE", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    monkeypatch.setenv("ECLI_CONFIG", str(tmp_path / "none"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "eunomia.lock")
    entries = {
        name: Locked(name, "oci", f"example.org/{name}:1", DIGEST, DIGEST) for name in ("b", 'q"u\\ote', "größer 😀")
    }
    entries["a"] = Locked("a", "url", "https://example.org/a", "", DIGEST)

    write(path, entries)

    assert read(path) == entries
    assert list(read(path)) == sorted(entries)
    assert os.listdir(tmp_path) == ["eunomia.lock"]


def test_control_characters_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="control characters"):
        write(str(tmp_path / "x"), {"a": Locked("a\nsha256 = 'x'", "url", "x", "", DIGEST)})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "version is None, expected 1"),
        ("version = 2", "version is 2, expected 1"),
        ("version = 1\nprogram = 3", "program is no list of tables"),
        ("version = 1\nprogram = [3]", "program[0]: not a table of texts"),
        (HEAD + "name = 3", "program[0]: not a table of texts"),
        (HEAD + "name = 'a'\nkind = 'url'\nplace = 'p'", "program[0]: no sha256"),
        (HEAD + f"name = 'a'\nkind = 'odd'\nplace = 'p'\nsha256 = '{DIGEST}'", "program[0]: kind 'odd' is none of"),
        (HEAD + "name = 'a'\nkind = 'url'\nplace = 'p'\nsha256 = 'abc'", "program[0]: sha256 is no digest"),
        (HEAD + f"name = 'a'\nkind = 'oci'\nplace = 'p'\nsha256 = '{DIGEST}'", "an image without a digest"),
        ("version = ", "Invalid value"),
    ],
)
def test_what_is_damaged_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x").write_text(text)

    with pytest.raises(FetchError) as failure:
        read(str(tmp_path / "x"))

    assert str(failure.value).startswith(f"read {tmp_path}/x: ")
    assert message in str(failure.value)


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    row = f"[[program]]\nname = 'a'\nkind = 'url'\nplace = 'p'\nsha256 = '{DIGEST}'\n"
    (tmp_path / "x").write_text("version = 1\n" + row + row)

    with pytest.raises(FetchError, match=r"program\[1\]: a is there twice"):
        read(str(tmp_path / "x"))


def test_a_file_is_held_to_its_digest(here: Path) -> None:
    (here / "tool.json").write_bytes(b"one")
    write("eunomia.lock", {"tool.json": Locked("tool.json", "file", "tool.json", "", digest_of(b"one"))})

    found = fetch("tool.json")
    assert (found.data, found.source.pinned, found.source.kind) == (b"one", True, "file")
    (here / "tool.json").write_bytes(b"two")
    with pytest.raises(FetchError) as failure:
        fetch("tool.json")

    assert str(failure.value) == (
        f"open tool.json: it is {digest_of(b'two')}, and eunomia.lock says {digest_of(b'one')}"
        " [if it was meant to change: ecli lock --update tool.json]"
    )


def test_a_digest_of_the_command_line_must_be_that_of_the_lock_file(here: Path) -> None:
    (here / "a.json").write_bytes(b"one")
    write("eunomia.lock", {"a.json": Locked("a.json", "file", "a.json", "", digest_of(b"one"))})

    assert fetch("a.json", Limits(sha256=digest_of(b"one"))).data == b"one"
    with pytest.raises(FetchError, match="--sha256 is ab"):
        fetch("a.json", Limits(sha256=DIGEST))


def test_locked_refuses_what_is_elsewhere_and_not_in_the_file(here: Path) -> None:
    (here / "a.json").write_bytes(b"one")

    assert fetch("a.json", Limits(locked=True)).data == b"one"
    for name in ("example.org/a:1", "http://127.0.0.1:1/a", "xyzzy"):
        with pytest.raises(FetchError) as failure:
            fetch(name, Limits(locked=True))
        assert str(failure.value) == (f"open {name}: not in eunomia.lock, and --locked was given [ecli lock {name}]")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_lock_file_of_another_user_is_not_heeded(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "a.json").write_bytes(b"one")
    write("eunomia.lock", {"a.json": Locked("a.json", "file", "a.json", "", DIGEST)})
    os.chown("eunomia.lock", 65534, 65534)
    told: list[str] = []
    limits = Limits(tell=lambda line, is_warning: told.append(line) if is_warning else None)

    assert fetch("a.json", limits).source.pinned is False
    assert told == ["eunomia.lock: not heeded: another user can write it [--lock eunomia.lock heeds it]"]
    with pytest.raises(FetchError, match=r"eunomia\.lock says"):
        fetch("a.json", Limits(lock="eunomia.lock"))

    monkeypatch.setenv("SUDO_UID", "65534")
    assert is_ours("eunomia.lock", limits)
    os.chmod("eunomia.lock", 0o666)
    assert not is_ours("eunomia.lock", limits)
