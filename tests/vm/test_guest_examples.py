"""Examples of guests that refuse: other kernels ask security modules, the host's does not."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import pytest

from eunomia.compiler.guest_projects import build_project
from support import readme
from support.vm.lab import Vm

Lab = Callable[..., Vm]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples/wasm"
SCRIPT = """
import os, subprocess, sys
from guest import emit
words = [sys.executable, "/job/readme.py", "/job/example", "--skip-build"]
environment = {**os.environ, "PYTHONPATH": os.environ["PYTHONPATH"] + ":/job/lib"}
subprocess.run(["ecli", "run", "/job/example/lsm.wasm"], env=environment, stderr=subprocess.PIPE)  # compiles: slow
done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
emit(code=done.returncode, shown=done.stdout)
"""


def engine() -> dict[str, bytes | str | Path]:
    """The files by which a machine has wasmtime."""
    base = Path(sysconfig.get_path("platlib"))
    version = distribution("wasmtime").version
    inner = f"wasmtime/linux-{os.uname().machine}/_libwasmtime.so"
    return {f"lib/{inner}": base / inner, f"lib/wasmtime-{version}.dist-info/METADATA": "Name: wasmtime\n"}


@pytest.mark.parametrize("name", ["c/lsm", "rust/lsm", "go/lsm"])
def test_readme_is_true(vm: Lab, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "lsm"
    shutil.copytree(EXAMPLES / name, folder)
    build_project(str(folder))
    files = engine() | {f"example/{path.name}": path for path in folder.iterdir() if path.is_file()}

    (done,) = vm("6.12").run(SCRIPT, files={"readme.py": Path(readme.__file__), **files}, timeout=400)

    assert done["code"] == 0, done["shown"]
    assert "may not remove precious" in done["shown"]
