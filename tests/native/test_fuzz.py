"""The C core under ASan and UBSan: every fuzz target, for some seconds each (`scripts/fuzz --seconds 600` for more)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUZZ = ROOT / "native/tests/fuzz.py"
TARGETS = sorted(path.stem.removeprefix("fuzz_") for path in FUZZ.parent.glob("fuzz_*.c"))
LEAST = 200


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_input_never_misleads_the_core(target: str) -> None:
    done = subprocess.run(
        [sys.executable, str(FUZZ), "--seconds", "2", target], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    said = re.search(rf"^fuzz_{target}: (\d+) executions", done.stdout, re.M)
    assert said, done.stdout
    assert int(said[1]) >= LEAST, done.stdout
