"""What is not there, goes away in the middle, or is taken: one line and exit 1, or the run goes on; nothing is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.package.model import Package
from support.commands import Command, Result, Running, attached
from support.kernel_state import qdiscs
from support.networks import cgroup, inside, ip, network

SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
char LICENSE[] SEC("license") = "GPL";
__u64 hits;
SEC("?xdp") int packets(struct xdp_md *ctx) { return XDP_PASS; }
SEC("?tc") int shape(struct __sk_buff *ctx) { return -1; }
SEC("?cgroup/connect4") int connects(void *ctx) { return 1; }
SEC("?uprobe") int user(void *ctx) { __sync_fetch_and_add(&hits, 1); return 0; }
SEC("?usdt") int marked(void *ctx) { return 0; }
SEC("?tp_btf/sched_switch") int core(__u64 *ctx)
{
    struct task_struct *task = (void *)ctx[1];
    hits = BPF_CORE_READ(task, pid);
    return 0;
}
SEC("?tp/sched/sched_switch") int plain(void *ctx) { __sync_fetch_and_add(&hits, 1); return 0; }
SEC("?flow_dissector") int flow(void *ctx) { return 0; }
SEC("?sk_lookup") int look(void *ctx) { return 1; }
SEC("?perf_event") int cpu(void *ctx) { return 0; }
"""
NO_PID = 4194304  # the largest that there can be, PID_MAX_LIMIT: never given


@pytest.fixture(scope="module")
def file(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad") / "bad.json"
    path.write_text(package.to_json())
    return path


@pytest.fixture
def net() -> Iterator[str]:
    with network() as name, inside(name):
        yield name


def one_line(done: Result, text: str) -> None:
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done
    assert done.stderr.startswith("ecli: ")
    assert text in done.stderr


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("packets=iface:nope0", "interface nope0: no such interface ["),
        ("shape=tc:nope0", "interface nope0: no such interface ["),
        ("connects=cgroup:/nope", "cgroup /nope: no such file or directory [cgroup v2 is mounted at"),
        ("connects=cgroup:/tmp", "cgroup /tmp: not a directory of cgroup v2 ["),
        ("user=uprobe:/nope/binary:main", "binary /nope/binary: no such file or directory"),
        ("user=uprobe:nopebinary:main", "binary nopebinary: not found in PATH or among the libraries"),
        ("user=uprobe:/etc/passwd:main", "/etc/passwd:main: no ELF file"),
        ("user=uprobe:libc.so.6:nope_symbol", "libc.so.6 has no symbol nope_symbol"),
        ("user=uprobe:libc.so.6:fopenn", "has no symbol fopenn [did you mean fopen?]"),
        (f"user=uprobe:libc.so.6:getpid,pid={NO_PID}", f"process {NO_PID}: no such process"),
        ("marked=usdt:/bin/true:nope:probe", "/bin/true:nope:probe: no such USDT probe in it"),
        ("marked=usdt:libc.so.6:nope:probe", "libc.so.6:nope:probe: no such USDT probe in it"),
        (f"cpu=perf:cpu_clock,freq=99,pid={NO_PID}", f"process {NO_PID}: no such process"),
        ("flow=netns:nope", "network namespace /run/netns/nope: no such file or directory"),
        (f"look=netns:{NO_PID}", f"network namespace /proc/{NO_PID}/ns/net: no such file or directory"),
    ],
)
def test_what_is_not_there_is_named(ecli: Command, file: Path, net: str, target: str, text: str) -> None:
    done = ecli("run", "--enable", target.partition("=")[0], "--attach", target, file)

    one_line(done, text)


def test_an_xdp_slot_that_is_taken_says_by_whom(ecli: Command, file: Path, net: str) -> None:
    words = ("run", "--enable", "packets", "--iface", "v1", file)
    first = ecli.start(*words).wait_attached()
    second = ecli(*words)
    ended = first.stop()

    one_line(second, "interface v1: another XDP program is attached there (id ")
    assert "packets)" in second.stderr
    assert ended.returncode == 0, ended


@pytest.mark.parametrize(
    "words",
    [
        ["--enable", "user", "--attach", "user=uprobe:libc.so.6:getpid"],
        ["--enable", "plain"],
        ["--enable", "shape", "--attach", "shape=tcx:v1:ingress"],
    ],
)
def test_two_tools_on_the_same_hook_both_run(ecli: Command, file: Path, net: str, words: list[str]) -> None:
    runs = [ecli.start("run", *words, file).wait_attached() for _ in range(2)]
    ended = [run.stop() for run in runs]

    assert [each.returncode for each in ended] == [0, 0], ended
    assert [each.stderr for each in ended] == ["", ""]


def test_a_tc_filter_in_the_place_of_another_is_refused_and_leaves_it(ecli: Command, file: Path, net: str) -> None:
    words = ["run", "--enable", "shape", "--attach", "shape=tc:v1:ingress", file]
    first = started(ecli.start(*words))
    second = ecli(*words)
    there = ("v1", "clsact") in qdiscs()
    ended = first.stop()

    one_line(second, "interface v1: a filter with handle 1 and priority 1 is there already")
    assert there
    assert ended.returncode == 0, ended
    assert ("v1", "clsact") not in qdiscs()


def started(running: Running) -> Running:
    """Wait until it is attached, also by what is no descriptor: the filter of system calls is the end of the start."""
    deadline = time.monotonic() + 20
    while "Seccomp:\t2" not in Path(f"/proc/{running.pid}/status").read_text():
        assert time.monotonic() < deadline, "not attached"
        time.sleep(0.02)
    return running


def test_two_tools_on_one_control_group_both_run(ecli: Command, file: Path) -> None:
    with cgroup() as group:
        words = ["run", "--enable", "connects", "--attach", f"connects=cgroup:{group}", file]
        runs = [ecli.start(*words).wait_attached() for _ in range(2)]
        ended = [run.stop() for run in runs]

    assert [(each.returncode, each.stderr) for each in ended] == [(0, ""), (0, "")]


def goes_on(running: Running) -> Result:
    """It has not ended by itself, and ends in order."""
    time.sleep(0.3)
    assert running.process.poll() is None, running.finish()
    done = running.stop()
    assert done.returncode == 0, done
    assert done.stderr == ""
    return done


def test_a_binary_that_is_deleted(ecli: Command, file: Path, tmp_path: Path) -> None:
    binary = tmp_path / "libc.so.6"
    maps = Path("/proc/self/maps").read_text().splitlines()
    shutil.copy(next(line.split()[-1] for line in maps if "libc.so.6" in line), binary)
    words = ["--enable", "user", "--attach", f"user=uprobe:{binary}:getpid"]
    running = ecli.start("run", *words, file).wait_attached()
    binary.unlink()

    goes_on(running)


@pytest.mark.parametrize("target", ["tc:v1:ingress", "iface:v1"])
def test_a_namespace_that_is_deleted_under_it(ecli: Command, file: Path, target: str) -> None:
    program = "shape" if target.startswith("tc") else "packets"
    with network() as name:
        words = ["run", "--enable", program, "--attach", f"{program}={target}", file]
        with inside(name):
            running = started(ecli.start(*words))
        ip("netns", "del", name)  # the run is in it: it stays, without a name
        goes_on(running)
        ip("netns", "add", name)


def test_a_network_namespace_of_a_link_that_is_deleted_under_it(ecli: Command, file: Path) -> None:
    with network() as name:
        running = ecli.start("run", "--enable", "flow", "--attach", f"flow=netns:{name}", file).wait_attached()

    goes_on(running)


def without_btf() -> list[str]:
    return ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh"]


def test_a_kernel_without_types_says_what_would_help(ecli: Command, file: Path) -> None:
    done = ecli("run", "--enable", "core", file, prefix=without_btf())

    one_line(done, "it needs the kernel's types (BTF), and this kernel")
    assert "has no /sys/kernel/btf/vmlinux [--btf FILE" in done.stderr


def test_a_kernel_without_types_runs_what_needs_none(ecli: Command) -> None:
    done = ecli("run", "-q", "--duration", "0.2", "opensnoop", prefix=without_btf())

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("program", ["core", "plain"])
def test_a_kernel_that_lies_about_its_version_runs_all_the_same(ecli: Command, file: Path, program: str) -> None:
    lie = ["setarch", "--uname-2.6"]
    told = subprocess.run([*lie, "uname", "-r"], capture_output=True, text=True, check=True).stdout
    done = ecli("run", "--enable", program, "--duration", "0.2", file, prefix=lie)

    assert told.startswith("2.6.")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_package_of_the_other_architecture_is_named(ecli: Command, tmp_path: Path) -> None:
    other = "arm64" if os.uname().machine == "x86_64" else "x86"
    source = tmp_path / "registers.bpf.c"
    source.write_text(
        '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_tracing.h>\n'
        'char LICENSE[] SEC("license") = "GPL";\nlong first;\n'
        'SEC("uprobe/libc.so.6:getpid") int BPF_UPROBE(called, long one) { first = one; return 0; }\n'
    )
    path = tmp_path / "registers.json"
    path.write_text(compile_source(str(source), target_arch=other).to_json())

    one_line(ecli("run", path), other)


def test_a_run_that_fails_half_way_has_attached_nothing(ecli: Command, file: Path, net: str) -> None:
    both = ["--enable", "shape", "--enable", "packets"]
    done = ecli("run", *both, "--attach", "shape=tc:lo:ingress", "--attach", "packets=iface:nope0", file)

    one_line(done, "interface nope0")
    assert ("lo", "clsact") not in qdiscs()


def test_a_run_that_is_killed_leaves_no_link(ecli: Command, file: Path, net: str) -> None:
    running = ecli.start("run", "--enable", "packets", "--iface", "v1", file).wait_attached()
    running.stop(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while "xdp" in ip("link", "show", "v1") and time.monotonic() < deadline:
        time.sleep(0.02)

    assert "xdp" not in ip("link", "show", "v1")
    assert attached(running.pid) == 0
