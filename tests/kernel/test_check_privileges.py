"""`ecli check` of programs of packets and control groups, as an ordinary user: the command that it prints works."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from support.commands import Command

ORDINARY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def cgroup_root() -> str:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return next(row[1] for row in mounts if row[2] == "cgroup2")


def given(words: str) -> list[str]:
    return [*ORDINARY, f"--inh-caps={words}", f"--ambient-caps={words}"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that an ordinary user can enter: pytest's own are for root alone."""
    for parent in [*list(tmp_path.parents)[:3], tmp_path]:
        parent.chmod(parent.stat().st_mode | 0o055)
    return tmp_path


def program(name: str, folder: Path, ecc: Command, root: Path) -> list[str]:
    """The words of a run: of a built-in tool, or of an example, compiled by root."""
    group = ["--attach-cgroup", cgroup_root()]
    if name == "connectguard":
        return [name, *group, "--audit"]
    source = shutil.copy(next((root / "examples" / name).glob("*.bpf.c")), folder)
    made = ecc(source, "-o", folder)
    assert made.returncode == 0, made
    package = str(folder / "package.json")
    return [package, *(group if name == "cgroup-connect" else ["--iface", "lo"])]


@pytest.mark.parametrize("name", ["connectguard", "xdp", "cgroup-connect"])
def test_the_printed_command_runs_it(name: str, folder: Path, ecli: Command, ecc: Command, root: Path) -> None:
    tool, *words = program(name, folder, ecc, root)
    checked = ecli("check", tool, *words, prefix=ORDINARY)
    found = re.search(r"^> without root: .* --inh-caps (\S+) --ambient-caps (\S+) ecli run", checked.stdout, re.M)

    assert found is not None, checked
    assert found[1] == found[2] == "+bpf,+net_admin,+perfmon"
    done = ecli("run", "--duration", "1", tool, *words, prefix=given(found[1]))
    assert done.returncode == 0, done
    assert ecli("check", tool, *words, prefix=given(found[1])).lines[0].partition(": ")[2].startswith("runs here: yes")


def test_a_refusal_for_want_of_a_capability_names_it(ecli: Command) -> None:
    words = ("connectguard", "--attach-cgroup", cgroup_root(), "--audit")
    done = ecli("run", "--duration", "1", *words, prefix=given("+bpf,+net_admin"))
    checked = ecli("check", *words, prefix=given("+bpf,+net_admin"))

    assert done.returncode == 1, done
    assert "needs CAP_PERFMON" in done.stderr
    assert "programs of this type may not call" not in done.stderr
    assert "missing  helper" not in checked.stdout
    assert "not held: CAP_PERFMON" in checked.stdout


def test_a_type_that_may_not_be_tried_is_not_missing(folder: Path, ecli: Command, ecc: Command, root: Path) -> None:
    tool, *words = program("xdp", folder, ecc, root)
    checked = ecli("check", tool, *words, prefix=given("+bpf"))

    assert "missing  program type" not in checked.stdout
    assert "missing  capability: CAP_NET_ADMIN" in checked.stdout


def test_loading_without_privileges_names_the_file_as_it_was_typed(
    folder: Path, ecli: Command, ecc: Command, root: Path
) -> None:
    tool, *words = program("xdp", folder, ecc, root)
    checked = ecli("check", "--load", tool, *words, prefix=ORDINARY)

    assert checked.returncode == 1
    assert checked.stderr.startswith(f"ecli: load {tool}: needs ")
    assert f"`ecli check {tool}` prints the command with no more" in checked.stderr
