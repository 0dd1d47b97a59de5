"""Logs: their last lines, and reading on while they grow, rotate and end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from eunomia.life import logs


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of logs, not made yet."""
    monkeypatch.setenv("EUNOMIA_LOG_DIR", str(tmp_path / "log"))
    return tmp_path / "log"


@pytest.mark.parametrize(
    ("text", "lines", "wanted"),
    [
        ("a\nb\nc\n", 2, "b\nc\n"),
        ("a\nb\nc", 2, "b\nc"),
        ("a\nb\n", 5, "a\nb\n"),
        ("a\nb\n", 0, ""),
        ("", 3, ""),
        ("\n\n\n", 2, "\n\n"),
        ("x" * 100000 + "\nend\n", 1, "end\n"),
        ("y\n" * 100000, 70000, "y\n" * 70000),
    ],
)
def test_last_lines(tmp_path: Path, text: str, lines: int, wanted: str) -> None:
    path = tmp_path / "a.log"
    path.write_text(text)

    assert b"".join(logs.read(str(path), lines)).decode() == wanted


def test_new_log_moves_the_old_ones_up(folder: Path) -> None:
    for number in range(7):
        fd = logs.create("tool")
        os.write(fd, f"{number}\n".encode())
        os.close(fd)

    assert sorted(path.name for path in folder.iterdir()) == ["tool.log", *(f"tool.log.{n}" for n in range(1, 5))]
    assert [(folder / f"tool.log{end}").read_text() for end in ("", ".1", ".4")] == ["6\n", "5\n", "2\n"]
    assert (folder / "tool.log").stat().st_mode & 0o777 == 0o600


def test_folder_that_others_may_write_to_is_refused(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)

    with pytest.raises(PermissionError, match=f"log {folder}/tool.log: others may write to it"):
        logs.create("tool")


def test_following_goes_through_rotation_to_the_end_of_the_writer(folder: Path) -> None:
    folder.mkdir()
    path = folder / "a.log"
    path.write_text("one\n")
    writer = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = os.pidfd_open(writer.pid)
    got: list[bytes] = []
    seen = threading.Semaphore(0)

    def follow() -> None:
        for piece in logs.read(str(path), follow=True, process=process):
            got.append(piece)
            seen.release()

    thread = threading.Thread(target=follow)
    thread.start()
    assert seen.acquire(timeout=10)
    with path.open("a") as file:
        file.write("two\n")
    assert seen.acquire(timeout=10)
    path.rename(folder / "a.log.1")
    path.write_text("three\n")
    assert seen.acquire(timeout=10)
    writer.communicate(b"\n")
    thread.join(10)
    os.close(process)

    assert not thread.is_alive()
    assert b"".join(got) == b"one\ntwo\nthree\n"
