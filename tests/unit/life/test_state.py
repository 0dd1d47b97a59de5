"""State files: made whole, held while their process lives, and not trusted when they are read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunomia.life import state
from eunomia.life.runs import open_process, parse, read_states

NOBODY = 65534


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state directory, not made yet."""
    path = tmp_path / "run"
    monkeypatch.setenv("EUNOMIA_RUNTIME_DIR", str(path))
    return path


def document(**changes: object) -> bytes:
    """A state file's text, with some members changed; None removes one."""
    members: dict[str, object] = {
        "version": 1, "name": "x", "package": "p", "pid": 77, "start": 5, "since": 1.5, "argv": ["ecli"],
    }  # fmt: skip
    members.update(changes)
    return json.dumps({key: value for key, value in members.items() if value is not None}).encode()


def test_claimed_name_is_found_until_it_is_released(folder: Path) -> None:
    held = state.claim(
        "tool", "tool_bpf", argv=["ecli", 'a"b\n'], more=lambda name: {"log": f"/log/{name}", "pins": ""}
    )
    assert held is not None
    run = read_states().runs["tool"]
    process = open_process(run)
    os.close(process)
    held.release()
    held.release()

    assert (run.package, run.pid, run.argv, run.log, run.pins) == (
        "tool_bpf",
        os.getpid(),
        ("ecli", 'a"b\n'),
        "/log/tool",
        "",
    )
    assert run.is_alive
    assert process >= 0
    assert (folder.stat().st_mode & 0o777, list(folder.iterdir())) == (0o700, [])


def test_name_that_is_taken_gets_a_number_or_is_refused() -> None:
    first = state.claim("tool", "p")
    second = state.claim("tool", "p")
    assert first is not None
    assert second is not None

    with pytest.raises(FileExistsError, match="run named tool: there is one already"):
        state.claim("tool", "p", exact=True)
    names = (first.name, second.name)
    first.release()
    second.release()
    assert names == ("tool", "tool-2")


def test_file_of_a_dead_process_is_stale_and_its_name_free(folder: Path) -> None:
    folder.mkdir(0o700)
    (folder / "x.json").write_bytes(document())

    dead = read_states().runs["x"]
    held = state.claim("x", "p", exact=True)
    assert held is not None
    alive = read_states().runs["x"]
    held.release()

    assert (dead.is_alive, alive.is_alive) == (False, True)
    assert open_process(dead) == -1


def test_pid_that_is_reused_is_another_process(folder: Path) -> None:
    folder.mkdir(0o700)
    (folder / "x.json").write_bytes(document(pid=os.getpid(), start=1))

    assert open_process(read_states().runs["x"]) == -1


def test_forked_child_does_not_release_its_parents_name(folder: Path) -> None:
    held = state.claim("x", "p")
    assert held is not None
    child = os.fork()
    if child == 0:
        held.release()
        os._exit(0)
    os.waitpid(child, 0)

    assert read_states().runs["x"].is_alive
    held.release()


def test_process_that_ends_without_a_word_lets_its_name_go(folder: Path) -> None:
    code = "import os, eunomia.life.state as s; s.claim('x', 'p'); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)

    assert not read_states().runs["x"].is_alive


def test_state_is_done_without_where_it_cannot_be_written(folder: Path) -> None:
    folder.write_text("a file")

    assert state.claim("x", "p") is None
    assert state.why_not() == f"open state directory {folder}: not a directory"


@pytest.mark.parametrize(
    ("name", "data", "note"),
    [
        ("x.json", b"{", "it is no JSON"),
        ("x.json", document(version=2), "it is no state of version 1"),
        ("x.json", document(pid=None), "its pid is missing"),
        ("x.json", document(pid="77"), "its pid is of the wrong type"),
        ("x.json", document(pid=-1), "it says that its process is -1"),
        ("x.json", document(name="../x"), "its name is none"),
        ("y.json", document(), "it says that its name is 'x'"),
        ("x.json", b" " * 70000, "it has more than 65536 bytes"),
        ("x.json", b"[" * 60000, "it is no JSON"),
    ],
)
def test_what_is_no_state_is_passed_over_with_a_note(folder: Path, name: str, data: bytes, note: str) -> None:
    folder.mkdir(0o700)
    (folder / name).write_bytes(data)

    states = read_states()

    assert states.runs == {}
    assert len(states.notes) == 1
    assert states.notes[0].startswith(f"state file {name} is passed over: {note}")


def test_links_and_pipes_are_passed_over(folder: Path, tmp_path: Path) -> None:
    folder.mkdir(0o700)
    (tmp_path / "elsewhere").write_bytes(document())
    (folder / "x.json").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(folder / "y.json")

    states = read_states()

    assert states.runs == {}
    assert [note.split(" ", 2)[2] for note in states.notes] == [
        "x.json is passed over: Too many levels of symbolic links",
        "y.json is passed over: it is no file",
    ]


def test_directory_that_others_may_write_to_is_refused(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)

    with pytest.raises(PermissionError, match="others may write to it, or it is another user's"):
        read_states()
    assert state.claim("x", "p") is None


@pytest.mark.root
def test_file_of_another_user_is_passed_over(folder: Path) -> None:
    folder.mkdir(0o700)
    (folder / "x.json").write_bytes(document())
    os.chown(folder / "x.json", NOBODY, NOBODY)

    assert read_states().notes == [f"state file x.json is passed over: it belongs to user {NOBODY}"]


def test_directory_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(0o700)
    folder.symlink_to(tmp_path / "real")

    with pytest.raises(OSError, match="open state directory"):
        read_states()


@given(st.binary())
def test_any_bytes_are_a_state_or_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="it"):
        parse(data, False)


@pytest.mark.parametrize(
    ("package", "name"), [("sigsnoop_bpf", "sigsnoop"), ("a b/c", "a_b_c"), ("", "run"), ("7", "run-7")]
)
def test_name_of_a_run_comes_from_its_package(package: str, name: str) -> None:
    assert state.name_for(package) == name
    assert state.is_name(name)
