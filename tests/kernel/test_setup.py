"""What set-up left on this machine works as the README says: the commands, their links, and a lean start."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from support import provoke
from support.commands import SESSION_VARIABLE, Command, Running

LINKS = Path("/usr/local/bin")


def linked(root: Path) -> bool:
    return all(os.path.realpath(LINKS / name) == str(root / ".venv/bin" / name) for name in ("ecli", "ecc", "wasm-bpf"))


def test_sudo_ecli_run_sigsnoop_works_as_typed(root: Path, test_session: str) -> None:
    if not shutil.which("sudo"):
        pytest.skip("no sudo on this machine (scripts/test installs it)")
    if not linked(root):
        pytest.skip("/usr/local/bin/ecli is not this checkout's (run scripts/setup)")
    environment = {**os.environ, SESSION_VARIABLE: test_session, "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

    running = Running(["sh", "-c", "sudo ecli run sigsnoop"], None, environment, Path("/"), new_session=True)
    try:
        running.wait_attached_below()
        pid = provoke.signals(signal.SIGUSR2)
        running.wait_for(str(pid))
    finally:
        result = running.stop_all()

    assert any(str(pid) in line and str(os.getpid()) in line for line in result.lines), result


def test_links_start_the_checkouts_commands(root: Path) -> None:
    if not linked(root):
        pytest.skip("/usr/local/bin/ecli is not this checkout's (run scripts/setup)")

    for name in ("ecli", "ecc", "wasm-bpf"):
        result = Running([str(LINKS / name), "--help"], None, dict(os.environ), Path("/")).finish()
        assert result.returncode == 0, result
        assert result.stdout.strip(), result


def test_environment_imports_nothing_before_the_command() -> None:
    site = Path(next(path for path in sys.path if path.endswith("site-packages")))
    lines = [(path.name, line) for path in site.glob("*.pth") for line in path.read_text().splitlines()]

    assert [(name, line) for name, line in lines if line.startswith("import")] == []


def test_start_script_imports_only_sys_and_the_entry_point(ecli: Command, ecc: Command) -> None:
    for command in (ecli, ecc):
        script = Path(command.argv[0]).read_text().splitlines()
        assert [line for line in script if "import" in line] == [
            "import sys",
            f"from eunomia.cli.main import {command.name}",
        ]


def test_set_up_again_installs_and_compiles_nothing(root: Path) -> None:
    if not linked(root):
        pytest.skip("/usr/local/bin/ecli is not this checkout's (run scripts/setup)")
    setup = [str(root / "scripts/setup")]
    Running(setup, None, dict(os.environ), root).finish(timeout=300)

    result = Running(setup, None, dict(os.environ), root).finish(timeout=60)

    assert result.returncode == 0, result
    assert result.stderr.splitlines()[-1] == "eunomia: ready: .venv/bin/ecli, .venv/bin/ecc"
    assert not [line for line in result.stderr.splitlines() if " install " in line or " compile " in line], result
