"""Journals of guardians: read as hostile input, and left alone while somebody lives."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunomia._native import ffi, lib
from eunomia.life import journal
from eunomia.life.clean import clean, clean_journals

LINE = (
    "kind=1 ifindex=3 prog_id=9 flags=0 point=2 handle=16 priority=7 made_qdisc=1 "
    "map_id=0 load_time=123 netns=1 message="
)
HEAD = "eunomia-journal 1 pid=4194304 start=5\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state directory."""
    path = tmp_path / "run"
    path.mkdir(0o700)
    monkeypatch.setenv("EUNOMIA_RUNTIME_DIR", str(path))
    return path


def test_entry_is_told_in_the_words_of_tc() -> None:
    found = journal.parse("x", f"{HEAD}{LINE}\n".encode())

    assert (found.pid, found.start, len(found.entries)) == (4194304, 5, 1)
    assert str(found.entries[0]) == "tc filter 0x10 of priority 7 at egress of interface 3 and the clsact qdisc"


DAMAGED = [
    "",
    "eunomia-journal 2 pid=1 start=2\n",
    "eunomia-journal 1 pid=1\n",
    f"{HEAD}kind=1\n",
    f"{HEAD}{LINE}zz\n",
    f"{HEAD}{LINE.replace('=3', '=-3')}\n",
    f"{HEAD}{LINE.replace('=3', '=4294967296')}\n",
    f"{HEAD}{LINE}{'00' * 513}\n",
    f"{HEAD}{LINE} kind=2\n",
]


@pytest.mark.parametrize("text", DAMAGED)
def test_damaged_journal_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"^it|^its|^a line|^a number|hexadecimal"):
        journal.parse("x", text.encode())


@given(st.binary())
def test_bytes_that_are_no_journal_are_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        journal.parse("x", data)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x1c\0\0\0\x19\0",  # cut short in its head
        bytes.fromhex("2c000000190005000100000000000000")
        + bytes(12),  # shorter than it says: the kernel would never answer
        bytes.fromhex("1c000000110005000100000000000000") + bytes(12),  # RTM_DELLINK
        bytes.fromhex("1c000000190001000100000000000000") + bytes(12),  # asks for no answer
    ],
)
def test_request_that_removes_no_route_is_not_sent(message: bytes) -> None:
    request = ffi.new("struct eu_undo *", {"kind": lib.EU_UNDO_NETLINK, "fd": -1, "other_fd": -1})
    request.message_size = len(message)
    ffi.memmove(request.message, message, len(message))

    assert lib.eu_undo_apply(request) == -errno.EINVAL


def test_attachment_whose_namespace_is_gone_is_gone_with_it(folder: Path) -> None:
    (folder / "4194304-5.journal").write_text(f"{HEAD}{LINE}\n")

    dry = clean(dry_run=True)
    done = clean()

    assert [each.outcome for each in dry] == ["would be removed"]
    assert [(each.kind, each.outcome) for each in done] == [("attachment", "gone")]
    assert list(folder.iterdir()) == []


def test_journal_that_is_held_is_left_alone(folder: Path) -> None:
    path = folder / "4194304-5.journal"
    path.write_text(f"{HEAD}{LINE}\n")
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        assert clean_journals() == []
    assert path.exists()


def test_journal_of_a_process_that_lives_is_left_alone(folder: Path) -> None:
    start = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    path = folder / f"{os.getpid()}-{start}.journal"
    path.write_text(f"eunomia-journal 1 pid={os.getpid()} start={start}\n{LINE}\n")

    assert clean_journals() == []
    assert path.exists()


def test_unfinished_journal_is_removed(folder: Path) -> None:
    (folder / "1-2.journal.new").write_text("half")

    assert [(each.what, each.outcome) for each in clean()] == [("unfinished journal 1-2.journal.new", "removed")]
    assert list(folder.iterdir()) == []
