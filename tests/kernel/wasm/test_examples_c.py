"""The guests in C do what their READMEs say, word for word; lsm in tests/vm/test_guest_examples.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eunomia.compiler.guest_projects import build_project
from support import readme
from support.commands import SESSION_VARIABLE

EXAMPLES = Path(__file__).resolve().parents[3] / "examples/wasm/c"
ALL = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))


@pytest.mark.parametrize("name", sorted(set(ALL) - {"lsm"}))
def test_readme_is_true(name: str, test_session: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), SESSION_VARIABLE: test_session}
    command = [sys.executable, "-m", "support.readme", EXAMPLES / name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    commands = [step.command for steps in readme.blocks((EXAMPLES / name / "README.md").read_text()) for step in steps]
    assert [f"$ {command}" in done.stdout for command in commands] == [True] * len(commands)
    assert any(command.startswith("ecc build-wasm") for command in commands)
    assert any("ecli run" in command for command in commands)


def test_each_guest_is_small(tmp_path: Path) -> None:
    with_bpf = sorted({path.parent.name for path in EXAMPLES.glob("*/*.bpf.c")})

    sizes = {name: os.path.getsize(build_project(str(EXAMPLES / name), output=str(tmp_path))[0]) for name in with_bpf}

    assert set(ALL) - set(with_bpf) == {"filter"}  # is of a tool's events, in a header that its README makes
    assert {name: size for name, size in sizes.items() if not 20_000 < size <= 92_000} == {}
