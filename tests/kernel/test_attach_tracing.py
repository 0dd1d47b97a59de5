"""Targets of tracing programs: tracepoints, uprobes, USDT, perf events, chosen by annotation or when they attach."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.errors import AttachError, CompileError
from eunomia.kernel.object import Object
from eunomia.package.model import Package
from support.commands import Command

HEAD = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>
char LICENSE[] SEC("license") = "GPL";
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 8);
    __type(key, __u32);
    __type(value, __u64);
} hits SEC(".maps");
static __always_inline int hit(__u32 at)
{
    __u64 *value = bpf_map_lookup_elem(&hits, &at);
    if (value)
        __sync_fetch_and_add(value, 1);
    return 0;
}
"""
SOURCE = (
    HEAD
    + """
SEC("tp/sched/sched_process_exit") int point(void *ctx) { return hit(0); }
SEC("raw_tp") int raw(void *ctx) { return hit(1); }
SEC("uprobe") int user(void *ctx) { return hit(2); }
SEC("uretprobe") int user_return(void *ctx) { return hit(3); }
SEC("perf_event") int sampled(void *ctx) { return hit(4); }
SEC("usdt") int marked(struct pt_regs *ctx) { return hit(5); }
SEC("kprobe") int function(void *ctx) { return hit(6); }
SEC("uprobe.multi") int many(void *ctx) { return hit(7); }
"""
)
POINT, RAW, USER, USER_RETURN, SAMPLED, MARKED, FUNCTION, MANY = range(8)


def make(tmp_path: Path, source: str) -> Package:
    path = tmp_path / "tracing.bpf.c"
    path.write_text(source)
    return compile_source(str(path))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return make(tmp_path_factory.mktemp("tracing"), SOURCE)


@pytest.fixture
def obj(package: Package) -> Iterator[Object]:
    with package.load() as loaded:
        yield loaded


def run_true() -> None:
    subprocess.run(["/bin/true"], check=True)


def test_a_tracepoint_is_chosen_in_place_of_the_sections(obj: Object) -> None:
    obj.programs["point"].attach("tp:sched/sched_process_exec")
    run_true()

    assert obj.maps["hits"][POINT] >= 1


def test_a_raw_tracepoint_is_chosen_where_the_section_names_none(obj: Object) -> None:
    obj.programs["raw"].attach("raw_tp:sched_process_exec")
    run_true()

    assert obj.maps["hits"][RAW] >= 1


def test_uprobes_are_chosen_by_library_and_symbol_for_one_process(obj: Object) -> None:
    for name in ("user", "user_return"):
        obj.programs[name].attach(f"uprobe:libc.so.6:getppid,pid={os.getpid()}")
    libc = ctypes.CDLL(None)
    for _ in range(3):
        libc.getppid()
    subprocess.run([sys.executable, "-c", "import ctypes; ctypes.CDLL(None).getppid()"], check=True)

    assert (obj.maps["hits"][USER], obj.maps["hits"][USER_RETURN]) == (3, 3)


def test_many_functions_are_chosen_by_a_pattern(obj: Object) -> None:
    obj.programs["many"].attach(f"uprobe:libc.so.6:getpp?d,pid={os.getpid()}")
    ctypes.CDLL(None).getppid()

    assert obj.maps["hits"][MANY] == 1


def test_a_perf_event_is_chosen_by_name_and_period_for_one_process(obj: Object) -> None:
    obj.programs["sampled"].attach(f"perf:page-faults,period=1,pid={os.getpid()}")
    before = obj.maps["hits"][SAMPLED]
    with mmap.mmap(-1, 1 << 22) as memory:  # fresh pages: bytes that malloc() had before would not fault
        memory.write(bytes(1 << 22))

    assert obj.maps["hits"][SAMPLED] - before >= 100


@pytest.mark.parametrize(
    ("program", "target", "message"),
    [
        ("point", "tp:sched/sched_process_exek", "sched_process_exek"),
        ("raw", "raw_tp:sched_process_exek", r"not in this kernel \[did you mean sched_process_exec\?\]"),
        ("raw", None, r"\[--attach raw=raw_tp:NAME\]"),
        ("user", "uprobe:libc.so.6:getppit", r"has no symbol getppit \[did you mean getppid\?\]"),
        ("user", "uprobe:nosuch.so:f", "binary nosuch.so: not found in PATH or among the libraries"),
        ("user", "uprobe:libc.so.6:getppid,pid=x", "pid= takes a whole number"),
        ("sampled", "perf:page_fault", r"unknown event \[did you mean page_faults\?\]"),
        ("sampled", "perf:cpu_clock,freq=1,period=2", "freq and period exclude each other"),
        ("marked", "usdt:libc.so.6:nosuch:probe", "libc.so.6:nosuch:probe: no such USDT probe in it"),
        ("marked", "usdt:libc.so.6", "not of the form usdt:BINARY:PROVIDER:NAME"),
        ("function", None, r"\[--attach function=kprobe:FUNCTION\[\+OFFSET\]\|PATTERN\]"),
        ("function", "uprobe:libc.so.6:getppid", r"is no target for it \[kprobe:FUNCTION"),
        ("many", "uprobe:libc.so.6:nosuch*", "no function in it matches"),
        ("many", "uprobe:libc.so.6", "not of the form uprobe:BINARY:PATTERN"),
        ("many", None, r"\[--attach many=uprobe:BINARY"),
        ("point", "tp", "no kind in it"),
        ("point", "tp:" + "x" * 5000, "longer than 4607 bytes"),
    ],
)
def test_a_wrong_target_says_what_is_wrong(obj: Object, program: str, target: str | None, message: str) -> None:
    with pytest.raises(OSError, match=message):
        obj.programs[program].attach(target)


def test_targets_are_annotated(tmp_path: Path) -> None:
    source = (
        HEAD
        + """
/// @target ["tp:sched/sched_process_exec", "tp:sched/sched_process_exit"]
SEC("tp/sched/sched_switch") int point(void *ctx) { return hit(0); }
/// @target uprobe:libc.so.6:getppid
SEC("uprobe") int user(void *ctx) { return hit(2); }
"""
    )
    with make(tmp_path, source).load() as obj:
        obj.attach()
        ctypes.CDLL(None).getppid()
        run_true()

        assert obj.programs["point"].targets == ["tp:sched/sched_process_exec", "tp:sched/sched_process_exit"]
        assert obj.maps["hits"][POINT] >= 2
        assert obj.maps["hits"][USER] >= 1


def test_of_several_annotated_targets_all_or_none_attach(tmp_path: Path) -> None:
    source = (
        HEAD
        + """
/// @target ["tp:sched/sched_process_exec", "tp:sched/nosuch"]
SEC("tp/sched/sched_switch") int point(void *ctx) { return hit(0); }
"""
    )
    with make(tmp_path, source).load() as obj:
        with pytest.raises(AttachError, match="nosuch"):
            obj.attach()

        assert not obj.programs["point"].attached


def test_an_annotated_target_that_is_none_is_the_compilers_to_say(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"@target: 'eth0' is no target \[KIND:NAME, as in iface:eth0\]"):
        make(tmp_path, HEAD + '/// @target eth0\nSEC("xdp") int drop(void *ctx) { return 2; }\n')


def test_programs_that_are_off_run_when_they_are_enabled(ecli: Command, tmp_path: Path) -> None:
    source = (
        HEAD
        + """
SEC("tp/sched/sched_process_exit") int on(void *ctx) { return hit(0); }
SEC("?tp/sched/sched_process_exec") int off(void *ctx) { return hit(1); }
"""
    )
    path = tmp_path / "off.json"
    path.write_text(make(tmp_path, source).to_json())
    without = ecli.start("run", "-v", path).wait_attached(1).stop()
    with_it = ecli.start("run", "-v", "--enable", "off", path).wait_attached(2).stop()

    assert "attached 1 program" in without.stderr
    assert "attached 2 programs" in with_it.stderr


def test_binary_moves_functions_into_another_library(ecli: Command, tmp_path: Path) -> None:
    source = (
        HEAD
        + """
SEC("uprobe/libm.so.6:getppid") int entered(void *ctx) { return hit(0); }
SEC("uretprobe/nosuch.so:getppid") int left(void *ctx) { return hit(1); }
"""
    )
    path = tmp_path / "moved.json"
    path.write_text(make(tmp_path, source).to_json())
    without = ecli("run", path)
    done = ecli.start("run", "-v", "--binary", "libc.so.6", path).wait_attached(2).stop()

    assert without.returncode == 1
    assert "attached 2 programs" in done.stderr, done


def test_freq_is_how_often_perf_events_sample(ecli: Command, tmp_path: Path) -> None:
    source = (
        HEAD
        + """
/// @perf_event {"frequency": 1}
SEC("perf_event") int sampled(void *ctx) { return hit(0); }
"""
    )
    package = make(tmp_path, source)
    counts = []
    for frequency in (None, 500):
        with package.load() as obj:
            obj.programs["sampled"].frequency = frequency
            obj.attach()
            deadline = time.monotonic() + 0.5
            while time.monotonic() < deadline:
                pass
            counts.append(obj.maps["hits"][0])
    path = tmp_path / "sampled.json"
    path.write_text(package.to_json())

    assert counts[1] > 50 > counts[0]
    assert ecli("run", "--freq", 99, "--duration", "100ms", path).returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--binary", "libc.so.6"],
            "--binary: the package has no uprobe or USDT program whose section names a function",
        ),
        (["--freq", "9"], "--freq: the package has no perf_event program"),
    ],
)
def test_options_for_programs_that_are_not_there_are_refused(
    ecli: Command, tmp_path: Path, words: list[str], message: str
) -> None:
    path = tmp_path / "other.json"
    path.write_text(make(tmp_path, HEAD + 'SEC("tp/sched/sched_switch") int on(void *ctx) { return 0; }\n').to_json())
    done = ecli("run", *words, path)

    assert (done.returncode, done.stderr) == (2, f"ecli: {message}\n")
