"""The Rust SDK: every part of the crate on real events; its template, and the READMEs of its examples."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eunomia.wasm import Guest, Policy, Run
from support import readme
from support.commands import SESSION_VARIABLE
from support.networks import cgroup, inside, joined, network

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples/wasm/rust"


def build(folder: Path) -> Path:
    """Build a Rust guest's folder by the command that users have."""
    ecc = [sys.executable, "-c", "from eunomia.cli.main import ecc; raise SystemExit(ecc())", "build-wasm", str(folder)]
    done = subprocess.run(ecc, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (guest,) = folder.glob("*.wasm")
    return guest


def copied(source: Path, folder: Path) -> Path:
    """A project without what an earlier build left in it."""
    return shutil.copytree(source, folder, ignore=shutil.ignore_patterns("target", "*.wasm", "Cargo.lock"))


def wait_for(run: Run, line: str) -> None:
    deadline = time.monotonic() + 60
    while line not in run.stdout and run.is_running and time.monotonic() < deadline:
        time.sleep(0.02)
    assert line in run.stdout, run.stdout + run.stderr + run.text


def provoke(run: Run, until: str) -> None:
    """Make events of every kind that the guest's programs see, until it says something."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        deadline = time.monotonic() + 120
        while until not in run.stdout and run.is_running and time.monotonic() < deadline:
            os.getpriority(os.PRIO_PROCESS, 0)
            sender.sendto(b"x", ("10.77.0.255", 9))
            time.sleep(0.01)
    assert until in run.stdout, run.stdout + run.stderr + run.text


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guests")
    return build(copied(ROOT / "tests/kernel/wasm/guests/rust-sdk", folder / "rust-sdk"))


def test_every_part_of_the_crate_works_on_real_events(guest: Path) -> None:
    with cgroup() as group, network() as name, inside(name), joined(group):
        words = [str(os.getpid()), str(group)]
        with Guest.open(guest).run(words, policy=Policy(["all"])) as run:
            wait_for(run, "attached")
            for _ in range(10):
                os.getpriority(os.PRIO_PROCESS, 0)
            provoke(run, "waiting")
            run.signal(signal.SIGTERM)
            code = run.wait(30)
            lines, said = run.stdout.splitlines(), run.stderr

    assert (code, said) == (0, "")
    assert lines[:2] == ["maps ok", "attached"]
    assert lines[2].startswith("events ok, sections mapped: ")
    assert lines[3:9] == ["hit 0", "hit 1", "hit 2", "hit 3", "hit all", "targets ok"]
    assert lines[9:] == ["system ok", "waiting", f"signal {signal.SIGTERM}"]


def test_a_panic_says_why_and_ends_the_guest_with_101(guest: Path) -> None:
    with Guest.open(guest).run(["panic"], policy=Policy(["all"])) as run:
        wait_for(run, "attached")
        os.getpriority(os.PRIO_PROCESS, 0)
        code, said = run.wait(30), run.stderr

    assert code == 101
    assert "a record of 40 bytes" in said
    assert "main.rs" in said


def test_a_new_project_builds_and_shows_what_is_executed(tmp_path: Path) -> None:
    from eunomia.compiler.guest_templates import create

    create(str(tmp_path / "my-tool"), "rust")
    guest = build(tmp_path / "my-tool")

    with Guest.open(guest).run([], policy=Policy(["all"])) as run:
        wait_for(run, "FILENAME")
        pid = os.posix_spawn("/bin/true", ["true"], {})
        os.waitpid(pid, 0)
        wait_for(run, f"{pid:<7} true             /bin/true")
        run.signal(signal.SIGINT)
        assert run.wait(30) == 0


def test_crates_of_a_workspace_get_their_own_guests_alone(tmp_path: Path) -> None:
    (tmp_path / "Cargo.toml").write_text('[workspace]\nmembers = ["left", "right"]\n')
    for name in ("left", "right"):
        (tmp_path / name / "src").mkdir(parents=True)
        (tmp_path / name / "Cargo.toml").write_text(f'[package]\nname = "{name}"\nversion = "0.1.0"\n')
        (tmp_path / name / "src/main.rs").write_text(f'fn main() {{ println!("{name}") }}\n')

    guests = [build(tmp_path / name) for name in ("left", "right")]

    assert [guest.name for guest in guests] == ["left.wasm", "right.wasm"]
    with Guest.open(guests[1]).run([]) as run:
        assert (run.wait(30), run.stdout) == (0, "right\n")


@pytest.mark.parametrize("name", ["bootstrap", "execve", "filter"])
def test_readme_is_true(name: str, test_session: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), SESSION_VARIABLE: test_session}
    words = [sys.executable, "-m", "support.readme", EXAMPLES / name]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    commands = [step.command for steps in readme.blocks((EXAMPLES / name / "README.md").read_text()) for step in steps]
    assert [f"$ {command}" in done.stdout for command in commands] == [True] * len(commands)
    assert "$ ecc build-wasm" in done.stdout
