"""The examples on other kernels: those that the host's kernel cannot run, and others on the oldest and the newest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from support import readme
from support.vm.lab import Vm

Lab = Callable[..., Vm]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCRIPT = """
import os, subprocess, sys
from guest import emit
for name in sys.argv[1:]:
    words = [sys.executable, "/job/readme.py", f"/job/examples/{name}", "--skip-build"]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    emit(name=name, code=done.returncode, shown=done.stdout)
"""
FUNCTIONS = ["kprobe-link", "fentry-link", "lsm"]
REST = ["bootstrap", "cgroup-connect", "iter", "sockfilter", "sockops", "tc", "xdp"]
CELLS = [
    ("5.10", "amd64", [*FUNCTIONS, *REST]),
    ("6.1", "amd64", FUNCTIONS),
    ("6.12", "amd64", FUNCTIONS),
    ("newest", "amd64", [*FUNCTIONS, *REST]),
    ("5.10", "arm64", ["kprobe-link", "bootstrap"]),  # fentry came to arm64 with 6.0, lsm needs it, too
    ("newest", "arm64", FUNCTIONS),
]


@pytest.mark.parametrize(("series", "arch", "names"), CELLS, ids=[f"{cell[0]}-{cell[1]}" for cell in CELLS])
def test_readmes_are_true(vm: Lab, tmp_path: Path, series: str, arch: str, names: list[str]) -> None:
    machine = vm(series, arch, modules=["veth", "sch_ingress", "cls_bpf"] if "tc" in names else [])
    files: dict[str, bytes | str | Path] = {"readme.py": Path(readme.__file__)}
    for name in names:
        package = tmp_path / f"{name}.json"
        source = EXAMPLES / name / f"{name}.bpf.c"
        package.write_text(compile_source(source, target_arch="x86,arm64").to_json())
        files[f"examples/{name}/package.json"] = package
        files |= {f"examples/{name}/{path.name}": path for path in (EXAMPLES / name).iterdir() if path.suffix != ".c"}

    done = machine.run(SCRIPT, files=files, arguments=names, timeout=300)

    assert [cell["name"] for cell in done] == names
    failed = [f"{cell['name']}: {cell['shown']}" for cell in done if cell["code"]]
    assert not failed, "\n".join(failed)
