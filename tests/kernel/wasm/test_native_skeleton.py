"""One skeleton for both: a program in C and C++ on stock libbpf, and the same source as a guest, print the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.compiler.guest_projects import build_project
from eunomia.compiler.skeletons import generate
from eunomia.wasm import Guest, Policy

FOLDER = Path(__file__).parent / "guests/native"
LIBS = Path(__file__).parents[3] / f"build/libs/{os.uname().machine}-linux-gnu.2.28"
PRINTED = ["before 5 3", "event 1 1 1 1", "values 1000 1 21 67108864", "after 1 9", "links 1 0"]


@pytest.mark.parametrize("compiler", ["cc", "c++"])
def test_on_libbpf(compiler: str, tmp_path: Path) -> None:
    package = compile_source(str(FOLDER / "both.bpf.c"))
    (tmp_path / "both.skel.h").write_text(generate(package, "c"))
    source = tmp_path / f"both.{'c' if compiler == 'cc' else 'cpp'}"
    shutil.copy(FOLDER / "both.c", source)
    words = [sys.executable, "-m", "ziglang", compiler, "-Wall", "-Wextra", "-Werror", "-isystem", LIBS / "include"]
    archives = [LIBS / "lib" / f"lib{name}.a" for name in ("bpf", "elf", "z")]
    subprocess.run([*words, source, *archives, "-o", tmp_path / "both"], check=True)

    done = subprocess.run([tmp_path / "both"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == PRINTED


def test_as_a_guest(tmp_path: Path) -> None:
    project = shutil.copytree(FOLDER, tmp_path / "both")
    build_project(str(project), output=str(tmp_path / "both.wasm"))

    with Guest.open(tmp_path / "both.wasm").run([], policy=Policy(["all"])) as run:
        assert run.wait(60) == 0, run.stdout + run.stderr + run.text
        assert run.stdout.splitlines() == PRINTED
