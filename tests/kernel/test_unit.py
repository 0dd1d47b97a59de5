"""The systemd unit of docs/reference/privileges.md: systemd finds it right, and a run does within its restrictions."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from support.commands import Command

NOBODY = 65534


@pytest.fixture
def unit(root: Path) -> str:
    page = (root / "docs/reference/privileges.md").read_text()
    return page.partition("```ini\n")[2].partition("```")[0]


def setting(unit: str, name: str) -> list[str]:
    found = re.search(rf"^{name}=(.*)$", unit, re.M)
    assert found is not None
    return found[1].split()


def restricted(folder: Path, names: list[str]) -> list[str]:
    """The command that restricts as the unit does: user, capabilities, network, a file system that is read-only."""
    words = ",".join("+" + name.removeprefix("CAP_").lower() for name in names)
    script = (
        f"mount --bind {folder} {folder} && mount -o remount,bind,ro / && "
        f"exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups --no-new-privs --bounding-set -all,{words} "
        f'--inh-caps -all,{words} --ambient-caps {words} "$@"'
    )
    return ["unshare", "--mount", "--net", "--ipc", "sh", "-c", script, "sh"]


def test_systemd_takes_every_line_of_it(unit: str, tmp_path: Path) -> None:
    file = tmp_path / "opensnoop.service"
    file.write_text(unit.replace("/opt/eunomia/bin/ecli", "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True, check=False)
    words = ["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", file]
    judged = subprocess.run(words, capture_output=True, text=True, check=False)

    assert (verified.returncode, verified.stderr) == (0, "")
    assert judged.returncode == 0, judged.stdout[-2000:]  # an exposure of at most 2.5 of 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The unit's log folder, which is its user's."""
    made = tmp_path / "logs"
    made.mkdir()
    os.chown(made, NOBODY, NOBODY)
    for parent in [*list(tmp_path.parents)[:3], tmp_path]:
        parent.chmod(parent.stat().st_mode | 0o011)  # pytest's own are for root alone
    return made


def test_a_run_does_within_its_restrictions(ecli: Command, unit: str, folder: Path) -> None:
    file = folder / "events.json"
    words = ("run", "-j", "-o", file, "--rotate-size", "100M", "--duration", "1", "opensnoop")
    opener = subprocess.Popen(["sh", "-c", "while :; do cat /dev/null; sleep 0.05; done"])
    try:
        done = ecli(*words, prefix=restricted(folder, setting(unit, "AmbientCapabilities")))
    finally:
        opener.kill()
        opener.wait()

    assert setting(unit, "CapabilityBoundingSet") == setting(unit, "AmbientCapabilities")
    assert done.returncode == 0, done
    assert "none lost" in done.stderr
    assert file.read_text().startswith("{")
    assert file.stat().st_uid == NOBODY


@pytest.mark.parametrize(
    "lacking", ["CAP_SYS_ADMIN", "CAP_DAC_READ_SEARCH"]
)  # the first stands for CAP_BPF and CAP_PERFMON
def test_each_capability_of_it_is_needed(ecli: Command, unit: str, folder: Path, lacking: str) -> None:
    names = [name for name in setting(unit, "AmbientCapabilities") if name != lacking]
    done = ecli("run", "--duration", "1", "opensnoop", prefix=restricted(folder, names))

    assert done.returncode == 1, done
    assert lacking in done.stderr
    assert len(done.stderr.splitlines()) == 1
