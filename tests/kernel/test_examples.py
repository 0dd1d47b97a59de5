"""The examples do what their READMEs say, word for word. Those that this kernel cannot run are in tests/vm."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import readme
from support.commands import SESSION_VARIABLE

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ALL = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))
ELSEWHERE = {"kprobe-link", "fentry-link", "lsm"}  # tests/vm/test_examples.py


@pytest.mark.parametrize("name", sorted(set(ALL) - ELSEWHERE))
def test_readme_is_true(name: str, test_session: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), SESSION_VARIABLE: test_session}
    done = subprocess.run(
        [sys.executable, "-m", "support.readme", EXAMPLES / name],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    commands = [step.command for steps in readme.blocks((EXAMPLES / name / "README.md").read_text()) for step in steps]
    assert [f"$ {command}" in done.stdout for command in commands] == [True] * len(commands)
    assert any(command.startswith("ecc ") for command in commands)
    assert any("ecli run" in command for command in commands)


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_examples_for_other_kernels_compile(name: str, tmp_path: Path) -> None:
    from eunomia.compiler import compile_source

    warnings: list[str] = []
    package = compile_source(EXAMPLES / name / f"{name}.bpf.c", on_warning=warnings.append)
    assert warnings == []
    assert package.object


def test_index_names_every_example_and_only_these() -> None:
    index = (EXAMPLES / "README.md").read_text()

    named = re.findall(r"\]\((\S+)/README\.md\)", index)
    assert sorted(name for name in named if not name.startswith("..")) == ALL
    for name in ALL:
        assert (EXAMPLES / name / f"{name}.bpf.c").exists()
