"""The container images: what people type after `docker run`, typed after `buildah run` (no engine runs here)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import provoke

SOURCE = """
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "hello.h"
/// @description only this process
const volatile int only = 0;
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } events SEC(".maps");
SEC("tracepoint/syscalls/sys_enter_openat")
int hello(void *ctx)
{
    struct hello *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (!event)
        return 0;
    event->pid = bpf_get_current_pid_tgid() >> 32;
    bpf_ringbuf_submit(event, 0);
    return 0;
}
char LICENSE[] SEC("license") = "GPL";
"""
HEADER = "struct hello { int pid; };\n"
# What bpf() takes, and what the container's seccomp filter asks for beside it.
CAPABILITIES = "--cap-add=CAP_BPF,CAP_PERFMON,CAP_SYS_ADMIN,CAP_DAC_READ_SEARCH"


class Images:
    """buildah's storage with both images."""

    def __init__(self, folder: Path) -> None:
        self.words = ["buildah", "--root", str(folder / "store"), "--runroot", str(folder / "run")]

    def buildah(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run buildah on this storage."""
        return subprocess.run([*self.words, *words], capture_output=True, text=True, check=False, timeout=300)

    def run(self, image: str, options: list[str], *words: str) -> subprocess.CompletedProcess[str]:
        """Do what `docker run OPTIONS IMAGE WORDS` does: a new container, its entry point before the words."""
        made = self.buildah("from", "--pull-never", f"localhost/eunomia/{image}:latest")
        assert made.returncode == 0, made
        container = made.stdout.strip()
        try:
            shown = self.buildah("inspect", container)
            entry = json.loads(shown.stdout)["OCIv1"]["config"]["Entrypoint"]
            return self.buildah("run", "--isolation", "chroot", *options, container, "--", *entry, *words)
        finally:
            self.buildah("rm", container)


@contextmanager
def repeated(cause: Callable[[], object]) -> Iterator[None]:
    """Make something happen ten times a second."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(0.1):
            cause()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.fixture(scope="module")
def images(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    """Both images, made of wheels of this checkout by scripts/images."""
    folder, wheels = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("wheels")
    for part in (".", "packaging/compiler", "packaging/registry", "packaging/wasm"):
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
        subprocess.run(command, cwd=root / part, check=True, capture_output=True)
    run = subprocess.run(
        ["scripts/images", "--store", str(folder / "store")],
        cwd=root,
        env={**os.environ, "EUNOMIA_WHEELS": str(wheels)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    yield Images(folder)
    shutil.rmtree(folder / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of sources that another user owns."""
    (tmp_path / "hello.bpf.c").write_text(SOURCE)
    (tmp_path / "hello.h").write_text(HEADER)
    for path in (tmp_path, *tmp_path.iterdir()):
        os.chown(path, 12345, 12345)
    return tmp_path


def test_ecc_compiles_what_is_mounted_and_ecli_runs_it(images: Images, folder: Path) -> None:
    compiled = images.run("ecc", ["-v", f"{folder}:/src"])

    assert compiled.returncode == 0, compiled
    assert (folder / "package.json").stat().st_uid == 12345

    with repeated(provoke.open_file):
        ran = images.run(
            "ecli", [CAPABILITIES, "-v", f"{folder}:/src"], "run", "-j", "--max-events", "3", "/src/package.json"
        )

    assert ran.returncode == 0, ran
    assert [sorted(json.loads(line)) for line in ran.stdout.splitlines()] == [["pid"]] * 3


def test_a_mounted_module_is_all_one_types(images: Images, folder: Path) -> None:
    made = images.run("ecc", ["-v", f"{folder}:/src"], "gen-wasm-skel")
    (folder / "one.c").write_text('#include <stdio.h>\nint main(void) { puts("here"); return 7; }\n')
    built = images.run("ecc", ["-v", f"{folder}:/src"], "build-wasm")

    assert (made.returncode, built.returncode) == (0, 0), (made, built)
    assert {(folder / name).stat().st_uid for name in ("hello.c", "hello.wasm")} == {12345}
    mounted = [CAPABILITIES, "-v", f"{folder}:/m"]
    bare = images.run("ecli", mounted, "/m/one.wasm")
    with repeated(provoke.open_file):
        ran = images.run("ecli", mounted, "--duration", "3", "/m/hello.wasm")

    assert (bare.returncode, bare.stdout, ran.returncode) == (7, "here\n", 0), (bare, ran)
    assert any(line.strip() == f"pid={os.getpid()}" for line in ran.stdout.splitlines()), ran


def test_tools_and_words_of_ecc_run_too(images: Images) -> None:
    helped = images.run("ecc", [], "--help")
    with repeated(provoke.open_file):
        ran = images.run("ecli", [CAPABILITIES], "run", "--max-events", "3", "opensnoop")

    assert "Usage: ecc" in helped.stdout
    assert (ran.returncode, len(ran.stdout.splitlines())) == (0, 4), ran


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ([], 'ecc: /src has no .bpf.c [docker run -v "$PWD":/src IMAGE, in the folder of the sources]'),
        (
            ["a.bpf.c", "b.bpf.c"],
            "ecc: /src has several sources: a.bpf.c b.bpf.c [name those to compile: docker run … IMAGE NAME.bpf.c]",
        ),
    ],
)
def test_a_folder_without_one_source_is_refused(images: Images, tmp_path: Path, files: list[str], line: str) -> None:
    for name in files:
        (tmp_path / name).write_text(SOURCE)

    result = images.run("ecc", ["-v", f"{tmp_path}:/src"])

    assert result.returncode != 0
    assert line in result.stderr.splitlines()
    assert not (tmp_path / "package.json").exists()
