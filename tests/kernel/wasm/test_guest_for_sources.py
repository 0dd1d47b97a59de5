"""`ecc gen-wasm-skel` among sources for the kernel: guests that load them and print what they deliver."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eunomia.compiler.guest_projects import build_project
from eunomia.compiler.guest_templates import create
from support import provoke
from support.commands import Command

BOTH = """
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
enum why { NONE = 0, LESS = -3 };
struct small { int pid; };
struct event {
    int pid;
    unsigned char address[4];
    enum why why;
    unsigned three : 3;
    union { unsigned long long whole; char part; };
    struct { short x; } inner;
    char comm[16];
};
struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, 4);
    __uint(value_size, 4);
} seen SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } more SEC(".maps");
SEC("tp/syscalls/sys_enter_kill")
int on_kill(void *ctx)
{
    struct event event = {.address = {127, 0, 0, 1}, .why = LESS, .three = 5, .whole = 7, .inner = {.x = 258}};
    struct small *small = bpf_ringbuf_reserve(&more, sizeof(*small), 0);

    event.pid = bpf_get_current_pid_tgid() >> 32;
    bpf_get_current_comm(event.comm, sizeof(event.comm));
    bpf_perf_event_output(ctx, &seen, BPF_F_CURRENT_CPU, &event, sizeof(event));
    if (small) {
        small->pid = event.pid;
        bpf_ringbuf_submit(small, 0);
    }
    return 0;
}
"""
SILENT = """
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("raw_tp/sched_switch") int on_switch(void *ctx) { return 0; }
"""


def built(folder: Path) -> list[Path]:
    """Make the guests of a folder and build them; return their modules."""
    assert create(str(folder), "c")
    return [Path(path) for path in build_project(str(folder))]


def output(module: Path, cause: Callable[[], object]) -> str:
    """What a guest prints in four seconds, while something happens again and again."""
    printed = module.with_suffix(".out")
    command = ["timeout", "--signal=INT", "--kill-after=10", "4", "ecli", "run", str(module)]
    with printed.open("w") as file:  # no pipe: nobody reads while things happen
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, text=True)
        while process.poll() is None:
            cause()
            time.sleep(0.2)
    _, problem = process.communicate()
    assert "error" not in problem.lower(), problem
    return printed.read_text()


def test_a_built_in_tool_s_source_becomes_a_guest(root: Path, tmp_path: Path) -> None:
    text = (root / "tools/opensnoop/opensnoop.bpf.c").read_text()
    (tmp_path / "opensnoop.bpf.c").write_text(text.replace("../include/", f"{root}/tools/include/"))
    (tmp_path / "README.md").write_text("mine")

    (module,) = built(tmp_path)
    printed = output(module, lambda: provoke.open_file("/etc/hostname"))

    assert module == tmp_path / "opensnoop.wasm"
    assert (tmp_path / "README.md").read_text() == "mine"
    line = rf"pid={os.getpid()} uid=0 comm=\S+ fd=\d+ err=0 flags=\d+ path=/etc/hostname "
    assert re.search(f"^{line}$", printed, re.M), printed


def test_perf_and_ring_buffers_and_every_kind_of_field(tmp_path: Path) -> None:
    (tmp_path / "both.bpf.c").write_text(BOTH)

    (module,) = built(tmp_path)
    printed = output(module, provoke.signals).splitlines()

    pid = os.getpid()
    whole = f"pid={pid} address=7f000001 why=-3 three=5 whole=7 part=7 inner=0201 comm="
    assert any(line.startswith(whole) for line in printed), printed
    assert f"pid={pid} " in printed


def test_a_source_without_a_buffer_waits(tmp_path: Path) -> None:
    (tmp_path / "silent-one.bpf.c").write_text(SILENT)

    (module,) = built(tmp_path)

    assert output(module, lambda: None) == ""
    assert "silent_one_bpf__attach(skel)" in (tmp_path / "silent-one.c").read_text()


def test_each_source_gets_its_own_and_nothing_is_overwritten(ecc: Command, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.bpf.c").write_text(SILENT)

    made = ecc("gen-wasm-skel", tmp_path)
    again = ecc("gen-wasm-skel", tmp_path)

    assert made.lines[:2] == [f"{tmp_path}/one.c", f"{tmp_path}/two.c"], made
    assert made.lines[-1] == f"next: cd {tmp_path} && ecc build-wasm && sudo ecli run one.wasm"
    assert again.returncode == 1
    assert again.stderr == (
        f"ecc: new guest in {tmp_path}: {tmp_path}/one.c is there already [ecc build-wasm builds it]\n"
    )


def test_a_source_that_does_not_compile_leaves_nothing(ecc: Command, tmp_path: Path) -> None:
    (tmp_path / "good.bpf.c").write_text(SILENT)
    (tmp_path / "wrong.bpf.c").write_text("int x = nowhere;\n")

    made = ecc("gen-wasm-skel", tmp_path)

    assert made.returncode == 1
    assert "wrong.bpf.c:1:9: error" in made.stderr, made
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.bpf.c", "wrong.bpf.c"]


@pytest.mark.parametrize("name", ["1tool", "a b"])
def test_a_name_that_is_none_in_c_is_told(name: str, ecc: Command, tmp_path: Path) -> None:
    (tmp_path / f"{name}.bpf.c").write_text(SILENT)

    made = ecc("gen-wasm-skel", tmp_path)

    assert made.returncode == 1
    assert f"new guest for {tmp_path}/{name}.bpf.c: {name!r} is no name in C [rename the source]" in made.stderr
