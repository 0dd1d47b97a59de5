"""What other kernels lack, named for what it is: one line each, nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from support.vm.lab import Vm

Lab = Callable[..., Vm]
HEAD = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
"""
RUN = """
import subprocess, sys
from guest import emit
for name in sys.argv[1:]:
    words = ["ecli", "run", "--duration", "300ms", "-v", f"/job/{name}.json"]
    done = subprocess.run(words, capture_output=True, text=True)
    told = f"ecli: /job/{name}.json: "  # of -v: where it was found, and its parts in time
    emit(name=name, code=done.returncode, said=[line for line in done.stderr.splitlines() if not line.startswith(told)])
"""


def run(vm: Lab, tmp_path: Path, series: str, arch: str, sources: dict[str, str], **options: object) -> dict[str, list]:
    """Run each in a machine; the exit code and what it said, by name."""
    files = {}
    for name, source in sources.items():
        path = tmp_path / f"{name}.bpf.c"
        path.write_text(HEAD + source)
        packed = tmp_path / f"{name}.json"
        packed.write_text(compile_source(str(path), target_arch="x86" if arch == "amd64" else arch).to_json())
        files[packed.name] = packed
    seen = vm(series, arch, **options).run(RUN, files=files, arguments=list(sources), timeout=120)
    return {each["name"]: [each["code"], *each["said"]] for each in seen}


def the_line(answer: list) -> str:
    """Return the one line that says why it failed."""
    code, *said = answer
    lines = [line for line in said if line.startswith("ecli: ")]
    assert code == 1, answer
    return lines[0]


def test_a_security_program_that_never_fires_is_told(vm: Lab, tmp_path: Path) -> None:
    source = 'SEC("lsm/inode_rmdir") int BPF_PROG(deny) { return -1; }'
    silent = run(vm, tmp_path, "5.10", "amd64", {"deny": source}, lsm=False)["deny"]
    active = run(vm, tmp_path, "5.10", "amd64", {"deny": source})["deny"]
    warning = (
        'ecli: program deny is attached and will never run: "bpf" is not among the security modules of this kernel'
    )

    assert silent[0] == active[0] == 0, (silent, active)
    assert any(line.startswith(warning) and line.endswith(",bpf]") for line in silent[1:]), silent
    assert not any("never run" in line for line in active[1:]), active


def test_what_arm64_of_5_10_lacks_is_named(vm: Lab, tmp_path: Path) -> None:
    seen = run(
        vm,
        tmp_path,
        "5.10",
        "arm64",
        {
            "direct": 'SEC("fentry/security_inode_rmdir") int BPF_PROG(f) { return 0; }',
            "call": 'SEC("ksyscall/arch_prctl") int BPF_KSYSCALL(f) { return 0; }',
            "point": 'SEC("tp/syscalls/sys_enter_unlink") int f(void *ctx) { return 0; }',
            "session": 'SEC("kprobe.session/security_inode_rmd*") int f(void *ctx) { return 0; }',
            "many": 'SEC("kprobe.multi/security_inode_rmd*") int f(void *ctx) { return 0; }',
        },
    )

    assert "error 524: this kernel does not let programs into its functions" in the_line(seen["direct"])
    assert "system call arch_prctl: not on this architecture, or not in this kernel" in the_line(seen["call"])
    assert "sys_enter_unlink" in the_line(seen["point"])
    assert "this kernel has no kprobe sessions [6.10 or newer" in the_line(seen["session"])
    assert seen["many"][0] == 0, seen["many"]


def test_a_function_that_is_gone_is_named_and_a_list_finds_its_successor(vm: Lab, tmp_path: Path) -> None:
    seen = run(
        vm,
        tmp_path,
        "newest",
        "amd64",
        {
            "gone": 'SEC("kprobe/do_unlinkat") int f(void *ctx) { return 0; }',
            "typed": 'SEC("fentry/do_unlinkat") int BPF_PROG(f) { return 0; }',
            "kprobe": 'SEC("kprobe/do_unlinkat|filename_unlinkat") int f(void *ctx) { return 0; }',
            "fentry": 'SEC("fentry/do_unlinkat|filename_unlinkat") int BPF_PROG(f) { return 0; }',
            "pattern": 'SEC("kprobe/security_inode_*dir") int f(void *ctx) { return 0; }',
        },
    )

    assert "kernel function do_unlinkat: not in this kernel, or inlined, or not to be probed" in the_line(seen["gone"])
    assert "function do_unlinkat: not in this kernel's BTF" in the_line(seen["typed"])
    assert [seen[name][0] for name in ("kprobe", "fentry", "pattern")] == [0, 0, 0], seen


@pytest.mark.parametrize(("series", "since"), [("5.10", "6.7"), ("6.1", "6.7")])
def test_a_type_that_is_too_new_says_since_when_it_is_known(vm: Lab, tmp_path: Path, series: str, since: str) -> None:
    source = 'SEC("cgroup/connect_unix") int f(struct bpf_sock_addr *ctx) { return 1; }'
    seen = run(vm, tmp_path, series, "amd64", {"unix": source})

    assert the_line(seen["unix"]).endswith(
        f"this kernel does not know the program type or its attach type [{since} or newer]"
    )
