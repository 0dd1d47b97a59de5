"""The runner of standalone executables, built where a source is newer, and executables made with it."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def runner(machine: str = "") -> Path:
    """Return `eunomia-run` for a machine as uname calls it; default: this one."""
    machine = machine or os.uname().machine
    built = [sys.executable, ROOT / "native/tool/build.py", "--if-needed", machine]
    done = subprocess.run(built, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / f"src/eunomia/publish/stubs/eunomia-run-{machine}"


def under_one_name(line: str) -> str:
    """Return what `ecli run` and the runner say on standard error as if they had one name."""
    return re.sub(r"\becli run\b", "NAME", re.sub(r"^(ecli|eunomia-run): ", "NAME: ", line, flags=re.M)).replace(
        "eunomia-run ", "NAME "
    )
