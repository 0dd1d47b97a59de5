"""Runs in the background: found, read, ended; and what they leave when they are not ended properly."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.commands import Command, Result

TOOL = "execsnoop"
pytestmark = pytest.mark.usefixtures("places")


@pytest.fixture(autouse=True)
def all_ended(ecli: Command, places: Path) -> Iterator[None]:
    """End what a failed test has left in the background."""
    yield
    ecli("stop", "--all", "--timeout", 5)


def runs(ecli: Command) -> dict[str, dict[str, Any]]:
    """The runs that `ecli ps` finds, by name."""
    result = ecli("ps", "-j")
    assert result.returncode == 0, result
    return {each["name"]: each for each in json.loads(result.stdout) if each["name"]}


def pid_of(result: Result) -> int:
    """The process of a detached run, out of what its start has said."""
    found = re.search(r"process (\d+)\n", result.stdout)
    assert result.returncode == 0, result
    assert found, result
    return int(found[1])


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def has_ended(pid: int) -> bool:
    """Whether a process is gone; one that nobody has waited for is."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_detached_run_is_found_read_and_ended(ecli: Command, places: Path) -> None:
    pid = pid_of(ecli("run", "-d", TOOL))

    found = runs(ecli)[TOOL]
    os.system("/bin/true")
    log = places / "log" / f"{TOOL}.log"
    until(lambda: "true" in log.read_text())
    ended = ecli("stop", TOOL)

    assert (found["pid"], found["mode"], found["log"]) == (pid, "detached", str(log))
    assert [program["type"] for program in found["programs"]] != []
    assert "events" in {each["name"] for each in found["maps"]}
    assert re.fullmatch(r"[0-9a-f]{64}", found["digest"])
    assert ended.returncode == 0
    assert re.search(rf"ecli: {TOOL}: events: .*\d+ delivered", ended.stderr), ended
    assert has_ended(pid)
    assert runs(ecli) == {}
    assert "true" in ecli("logs", TOOL).stdout  # the log stays


def test_run_in_the_foreground_is_found_until_it_ends(ecli: Command) -> None:
    running = ecli.start("run", TOOL).wait_attached()

    found = runs(ecli)[TOOL]
    table = ecli("ps").stdout
    running.stop()

    assert (found["mode"], found["pid"]) == ("foreground", running.pid)
    assert table.splitlines()[0].split()[:3] == ["NAME", "PID", "MODE"]
    assert runs(ecli) == {}


def test_start_that_fails_says_so_and_leaves_nothing(ecli: Command, places: Path) -> None:
    result = ecli("run", "-d", "--iface", "no-such-interface", "tests/kernel/corpus/xdp.bpf.c")

    assert result.returncode == 1
    assert re.match("ecli: attach program .*: no such interface", result.stderr), result
    assert result.stdout == ""
    assert list((places / "run").iterdir()) == []


def test_two_runs_of_one_name_are_refused(ecli: Command) -> None:
    ecli("run", "-d", "--name", "watch", TOOL)

    second = ecli("run", "-d", "--name", "watch", "exitsnoop")
    without = ecli("run", "-d", "-q", TOOL)
    third = ecli("run", "-d", "-q", TOOL)

    assert second.returncode == 1
    assert second.stderr == (
        "ecli: run named watch: there is one already [ecli ps shows it; ecli stop watch ends it]\n"
    )
    assert (without.stdout, third.stdout) == (f"{TOOL}\n", f"{TOOL}-2\n")


def test_names_that_are_none_are_usage_errors(ecli: Command) -> None:
    result = ecli("run", "-d", "--name", "../x", TOOL)

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("ecli: --name: '../x' is no name")


def test_killed_run_is_stale_and_its_name_is_free(ecli: Command, places: Path) -> None:
    pid = pid_of(ecli("run", "-d", TOOL))
    os.kill(pid, signal.SIGKILL)
    until(lambda: has_ended(pid))

    found = runs(ecli)
    again = ecli("run", "-d", "-q", "--name", TOOL, TOOL)

    assert found == {}
    assert (places / "run" / f"{TOOL}.json").exists()
    assert (again.returncode, again.stdout) == (0, f"{TOOL}\n")
    assert (places / "log" / f"{TOOL}.log.1").exists()  # the log of the one that was killed


def test_logs_are_followed_through_rotation_until_the_run_ends(ecli: Command, places: Path) -> None:
    ecli("run", "-d", "--rotate-size", "2K", "--rotate-keep", 2, "--no-header", TOOL)
    following = ecli.start("logs", "-f", TOOL)
    for number in range(120):
        os.system(f": rotation-{number}; /bin/true {number}")

    log = places / "log" / f"{TOOL}.log"
    until((places / "log" / f"{TOOL}.log.2").exists)
    until(lambda: "true 119" in following.stdout)
    ecli("stop", TOOL)
    result = following.finish()

    assert result.returncode == 0
    assert "events: " in result.stdout  # standard error has moved to the new file too
    assert "events: " in log.read_text()
    assert "events: " not in (places / "log" / f"{TOOL}.log.1").read_text()


def test_last_lines_of_a_log(ecli: Command, places: Path) -> None:
    (places / "log").mkdir()
    (places / "log" / "old.log").write_text("one\ntwo\nthree")

    assert ecli("logs", "old", "-n", 2).stdout == "two\nthree"
    assert ecli("logs", "old").stdout == "one\ntwo\nthree"
    assert ecli("logs", "nothing").stderr == "ecli: logs nothing: no run of this name has a log [ecli ps shows runs]\n"


def test_unwritable_state_directory_is_an_error_for_named_runs_only(ecli: Command, places: Path) -> None:
    (places / "run").write_text("a file")

    quiet = ecli("run", "--duration", "100ms", TOOL)
    named = ecli("run", "--duration", "100ms", "--name", "x", TOOL)
    detached = ecli("run", "-d", TOOL)
    (places / "run").unlink()

    assert (quiet.returncode, named.returncode, detached.returncode) == (0, 1, 1)
    assert "open state directory" in named.stderr
    assert detached.stderr == f"ecli: run {TOOL}_bpf: open state directory {places}/run: not a directory\n"


def test_measured_programs_have_a_rate(ecli: Command) -> None:
    ecli("run", "-d", "syscount")

    measured = ecli("ps", "--stats", "300ms", "-j")

    programs = json.loads(measured.stdout)[0]["programs"]
    assert any(program["measured"]["runs"] > 0 and program["measured"]["mean_ns"] > 0 for program in programs)


def test_stop_says_what_is_not_there(ecli: Command) -> None:
    ecli("run", "-d", TOOL)

    wrong = ecli("stop", "execsnop")
    nothing = ecli("stop")

    assert (wrong.returncode, wrong.stderr) == (1, f"ecli: no run execsnop [did you mean {TOOL}?]\n")
    assert nothing.returncode == 2


def test_stop_ends_what_is_there_and_names_all_that_is_not(ecli: Command) -> None:
    ecli("run", "-d", TOOL)

    done = ecli("stop", TOOL, "nosuch", "nonesuch")

    assert done.returncode == 1
    assert [line.partition(" [")[0] for line in done.stderr.splitlines()][:2] == [
        "ecli: no run nosuch",
        "ecli: no run nonesuch",
    ]
    assert json.loads(ecli("ps", "-j").stdout) == []
