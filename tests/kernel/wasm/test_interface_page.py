"""The guest on the page of the interface is built and runs as the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from support.commands import SESSION_VARIABLE

PAGE = Path(__file__).resolve().parents[3] / "docs/reference/wasm-interface.md"


def test_small_guest_does_what_the_page_says(tmp_path: Path, test_session: str) -> None:
    section = PAGE.read_text().partition("## A small guest\n")[2].partition("\n## ")[0]
    for name, text in zip(("execs.bpf.c", "execs.c"), re.findall(r"```c\n(.*?)```", section, re.S), strict=True):
        assert f"`{name}`" in section
        (tmp_path / name).write_text(text)
    (tmp_path / "README.md").write_text(section)

    done = subprocess.run(
        [sys.executable, "-m", "support.readme", tmp_path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), SESSION_VARIABLE: test_session},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "$ sudo ecli run execs.wasm" in done.stdout
    assert "executes something" in done.stdout
