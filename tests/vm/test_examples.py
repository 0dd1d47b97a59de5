"""The examples on other kernels: those that the host's kernel cannot run, and others on the oldest and the newest."""

from __future__ import annotations

import shutil
import subprocess
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
REST = ["bootstrap", "cgroup-connect", "iter", "sockfilter", "sockops", "struct-ops", "tc", "uprobe", "usdt", "xdp"]
CELLS = [
    ("5.10", "amd64", [*FUNCTIONS, *REST]),
    ("6.1", "amd64", FUNCTIONS),
    ("6.12", "amd64", FUNCTIONS),
    ("newest", "amd64", [*FUNCTIONS, *REST]),
    ("5.10", "arm64", ["kprobe-link", "bootstrap"]),  # fentry came to arm64 with 6.0, lsm needs it, too
    ("newest", "arm64", FUNCTIONS),
]


def compiled(example: Path, folder: Path) -> list[Path]:
    """Compile what an example watches, as its README says: the machines have no compiler."""
    shutil.copytree(example, folder)
    steps = [step for steps in readme.blocks((example / "README.md").read_text()) for step in steps]
    for step in steps:
        if step.command.startswith("cc "):
            subprocess.run(step.command, shell=True, cwd=folder, check=True)
    return [path for path in folder.iterdir() if not path.suffix]


@pytest.mark.parametrize(("series", "arch", "names"), CELLS, ids=[f"{cell[0]}-{cell[1]}" for cell in CELLS])
def test_readmes_are_true(vm: Lab, tmp_path: Path, series: str, arch: str, names: list[str]) -> None:
    machine = vm(series, arch, modules=["veth", "sch_ingress", "cls_bpf"] if "tc" in names else [])
    files: dict[str, bytes | str | Path] = {"readme.py": Path(readme.__file__)}
    for name in names:
        package = tmp_path / f"{name}.json"
        source = EXAMPLES / name / f"{name}.bpf.c"
        package.write_text(compile_source(source, target_arch="x86,arm64").to_json())
        files[f"examples/{name}/package.json"] = package
        files |= {f"examples/{name}/{path.name}": path for path in compiled(EXAMPLES / name, tmp_path / name)}
        files |= {f"examples/{name}/{path.name}": path for path in (EXAMPLES / name).iterdir() if path.suffix != ".c"}

    done = machine.run(SCRIPT, files=files, arguments=names, timeout=300)

    assert [cell["name"] for cell in done] == names
    failed = [f"{cell['name']}: {cell['shown']}" for cell in done if cell["code"]]
    assert not failed, "\n".join(failed)


PRINTK = """
import subprocess
from guest import emit
subprocess.run("mkdir -p /t; mount -t tracefs none /t; echo 0 > /t/tracing_on", shell=True, check=True)
words = ["ecli", "run", "--trace-pipe", "/job/package.json"]
done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
emit(code=done.returncode, out=done.stdout, said=done.stderr)
"""


def test_bpf_printk_that_nobody_could_read_is_told(vm: Lab, tmp_path: Path) -> None:
    package = compile_source(EXAMPLES / "minimal/minimal.bpf.c").to_json()

    (done,) = vm("6.12").run(
        PRINTK, files={"package.json": package if isinstance(package, bytes) else package.encode()}
    )

    assert (done["code"], done["out"]) == (1, ""), done
    cause = "trace_pipe: tracing is switched off, bpf_printk writes nothing"
    assert done["said"] == f"ecli: {cause} [echo 1 > /sys/kernel/tracing/tracing_on]\n"
