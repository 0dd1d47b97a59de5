"""The cache of compiled guests on all kinds of file systems, all kinds of wasmtime: guests run, or a line says why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from eunomia.wasm import engine
from support import wasm_writer as writer

EXIT = ("wasi_snapshot_preview1", "proc_exit", "i:")
PROGRAM = "import sys; from eunomia.cli.main import ecli; sys.exit(ecli())"


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    """A guest whose exit code is 7."""
    path = tmp_path / "seven.wasm"
    path.write_bytes(writer.module([EXIT], writer.const(7) + writer.call(0)))
    return path


def ran(guest: Path, prepare: str, cache: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a guest twice after a shell command, with mounts of its own: the second's outcome."""
    cache.mkdir(exist_ok=True)
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), **variables}
    words = [sys.executable, "-c", PROGRAM, "run", str(guest)]
    shell = f'{prepare}; "$@"; [ $? = 7 ] && "$@"'
    command = ["unshare", "-m", "sh", "-c", shell, "sh", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    "prepare",
    [
        "mount -t tmpfs -o ro none $XDG_CACHE_HOME",
        "mount -t tmpfs -o noexec none $XDG_CACHE_HOME",
        "mount -t tmpfs -o size=4k none $XDG_CACHE_HOME",
        "mount -t tmpfs -o size=32k none $XDG_CACHE_HOME && head -c 20k /dev/zero > $XDG_CACHE_HOME/x",
        "mount -t tmpfs -o nr_inodes=3 none $XDG_CACHE_HOME",
        "mkdir -p $XDG_CACHE_HOME/eunomia && chown 12345 $XDG_CACHE_HOME/eunomia",
        "mkdir -p $XDG_CACHE_HOME/eunomia/wasm && chown 12345 $XDG_CACHE_HOME/eunomia/wasm",
        "mkdir -p $XDG_CACHE_HOME/eunomia && echo > $XDG_CACHE_HOME/eunomia/wasm",
        "rmdir $XDG_CACHE_HOME && echo > $XDG_CACHE_HOME",
        "rmdir $XDG_CACHE_HOME && ln -s loop $XDG_CACHE_HOME",
        "XDG_CACHE_HOME= HOME=/proc/none; export HOME XDG_CACHE_HOME",
        "XDG_CACHE_HOME=relative; export XDG_CACHE_HOME",
        "ulimit -f 1",
    ],
    ids=["read-only", "noexec", "full", "nearly full", "no inodes", "another's", "another's below", "a file below",
         "a file", "a loop", "no home", "relative", "limit of file size"],
)  # fmt: skip
def test_guest_runs_whatever_the_cache_is(prepare: str, seven: Path, tmp_path: Path) -> None:
    done = ran(seven, prepare, tmp_path / "cache")

    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")


def test_what_another_engine_or_processor_compiled_is_compiled_anew(seven: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert ran(seven, "true", cache).returncode == 7
    (kept,) = (cache / "eunomia/wasm").iterdir()
    ours = kept.read_bytes()
    assert with_sum(ours[:-16]) == ours
    kept.write_bytes(with_sum(other_settings(seven.read_bytes())))

    done = ran(seven, "true", cache)

    assert (done.returncode, done.stderr) == (7, "")
    assert kept.read_bytes() == ours


def other_settings(wasm: bytes) -> bytes:
    """Return a module compiled without what ours is compiled with, as its engine writes it."""
    import wasmtime

    return bytes(wasmtime.Module(wasmtime.Engine(wasmtime.Config()), wasm).serialize())


def with_sum(content: bytes) -> bytes:
    """Return the content of a file of the cache with the sum that native/wasmtime_cache.c puts behind it."""
    low = (1 << 64) - 1

    def fold(a: int) -> int:
        product = (a & low) * 0x9E3779B97F4A7C15
        return (product ^ product >> 64) & low

    total, whole = len(content), len(content) // 8 * 8
    for at in range(0, whole, 8):
        total = (fold(total ^ int.from_bytes(content[at : at + 8], "little")) + 0x2545F4914F6CDD1D) & low
    for byte in content[whole:]:
        total = (fold(total ^ byte) + 1) & low
    return content + (0x31616D6F6E7565).to_bytes(8, "little") + total.to_bytes(8, "little")


@pytest.mark.parametrize(
    ("version", "library", "words"),
    [
        ("49.0.0", "itself", "wasmtime 49.0.0, needed is 50 [pip install"),
        ("51.2.0", "itself", "wasmtime 51.2.0, needed is 50 [pip install"),
        ("50.0.9", "another", "has no wasm_config_new: another version than 50 (install: pip install"),
        ("50.0.9", "text", "load wasmtime: "),
        ("50.0.9", "none", "has no library for"),
    ],
)
def test_wasmtime_that_does_not_fit_is_a_line(
    version: str, library: str, words: str, seven: Path, tmp_path: Path
) -> None:
    found = tmp_path / f"lib/wasmtime/linux-{os.uname().machine}/_libwasmtime.so"
    found.parent.mkdir(parents=True)
    (tmp_path / f"lib/wasmtime-{version}.dist-info").mkdir()
    if library == "itself":
        found.symlink_to(engine.library())
    elif library == "another":
        with open("/proc/self/maps") as maps:
            shutil.copy(next(line.split()[-1] for line in maps if "/libm.so" in line or "/libm-" in line), found)
    elif library == "text":
        found.write_text("not a library\n")
    paths = f"{tmp_path}/lib:{os.environ.get('PYTHONPATH', '')}"

    done = ran(seven, "true", tmp_path / "cache", PYTHONPATH=paths)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ecli: run")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
