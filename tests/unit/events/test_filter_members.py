"""Which threads belong to processes, and what is done where they cannot be followed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from eunomia._native import lib
from eunomia.errors import EunomiaError
from eunomia.events.filter.members import Members, parent_of, threads_in, threads_of

NAMED = "import ctypes, sys; ctypes.CDLL(None).prctl(15, b'a) R 1 (b', 0, 0, 0); print(flush=True); sys.stdin.read()"


@pytest.fixture
def thread() -> threading.Thread:
    """A second thread of this process, until its event is set."""
    done = threading.Event()
    made = threading.Thread(target=done.wait, daemon=True)
    made.start()
    made.done = done  # type: ignore[attr-defined]
    return made


def test_threads_of_a_process_are_all_of_it(thread: threading.Thread) -> None:
    assert {os.getpid(), thread.native_id} <= threads_of([os.getpid()], follow=False)
    thread.done.set()  # type: ignore[attr-defined]


def test_process_that_is_gone_is_still_wanted() -> None:
    assert threads_of([4_194_303], follow=True) == {4_194_303}


def test_children_count_where_they_are_followed_whatever_their_name_is() -> None:
    child = subprocess.Popen([sys.executable, "-c", NAMED], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()

    assert parent_of(child.pid) == os.getpid()
    assert child.pid in threads_of([os.getpid()], follow=True)
    assert child.pid not in threads_of([os.getpid()], follow=False)
    child.communicate()


def test_threads_of_a_group_are_those_of_the_groups_below_it_too(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "cgroup.threads").write_text("1\n2\n")
    (tmp_path / "a" / "b" / "cgroup.threads").write_text("0\n3\n")

    assert threads_in(str(tmp_path)) == {1, 2, 3}


def test_threads_that_are_there_are_taken_where_new_ones_cannot_be_followed() -> None:
    with Members({"processes"}, [os.getpid()], "", follow=False, helper=b"no package") as members:
        assert members.note.startswith("--pid: threads that are made from now on are not known (")
        assert lib.eu_members_has_pid(members.handle, 0, os.getpid()) == 1
        assert lib.eu_members_has_pid(members.handle, 0, 1) == 0
        assert lib.eu_members_has_pid(members.handle, 0, 1 << 40) == 0


def test_children_that_cannot_be_followed_are_an_error() -> None:
    with pytest.raises(EunomiaError):
        Members({"processes"}, [os.getpid()], "", follow=True, helper=b"no package")


def test_second_close_does_nothing() -> None:
    members = Members(set(), [], "", follow=False, helper=b"")
    members.close()
    members.close()
