"""`ecli check` and `ecli features` on the running kernel: what is predicted is what happens."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import eunomia
from eunomia.errors import EunomiaError
from eunomia.kernel.preflight.mistakes import MISTAKES
from eunomia.kernel.preflight.target import Target
from support.commands import Command
from support.objects import build

MISTAKE_SOURCES = sorted((Path(__file__).parent / "mistakes").glob("*.bpf.c"))
# without the socket filter, whose section does not say where it attaches
CORPUS = sorted(path for path in (Path(__file__).parent / "corpus").glob("*.bpf.c") if path.name != "sockfilter.bpf.c")


def outcome(package: eunomia.Package) -> str:
    """Load and attach a package; what check answers."""
    try:
        with package.load() as obj:
            obj.attach()
    except (EunomiaError, OSError):
        return "no"
    return "yes"


@pytest.mark.parametrize("source", CORPUS, ids=lambda path: path.name)
def test_the_answer_is_what_happens(source: Path) -> None:
    package = eunomia.compile(source)

    assert package.check().runs == outcome(package)


@pytest.mark.parametrize("source", MISTAKE_SOURCES, ids=lambda path: path.name.removesuffix(".bpf.c"))
def test_a_mistake_is_recognised_with_its_line(source: Path) -> None:
    name = source.name.removesuffix(".bpf.c")
    report = eunomia.compile(source).check(load=True)
    marked = [number for number, line in enumerate(source.read_text().splitlines(), 1) if "/* here */" in line]

    (said,) = report.verified
    assert report.runs == "no"
    assert not said.accepted
    assert said.mistake == name, said.refusal
    assert said.advice
    assert said.refusal
    assert said.where.startswith(f"{source.name}:")
    if marked:
        assert int(said.where.rpartition(":")[2]) in (marked[0], marked[0] - 1), said.where


def test_there_is_a_source_for_all_mistakes_that_root_can_make() -> None:
    there = {path.name.removesuffix(".bpf.c") for path in MISTAKE_SOURCES}
    # root may read what it has not written to its stack, since 5.8 or so (env->allow_uninit_stack)
    assert {each.name for each in MISTAKES} - there == {"uninitialised-stack"}
    assert len(there) >= 20


def test_the_register_is_told_in_words() -> None:
    source = next(path for path in MISTAKE_SOURCES if path.name.startswith("missing-null-check"))

    (said,) = eunomia.compile(source).check(load=True).verified

    assert said.source == "*count += 1; /* here */"
    assert said.registers == ("R0 is a pointer into a value of 8 bytes of map counts, or NULL: it was not checked",)


def test_an_accepted_program_has_its_statistics(tmp_path: Path) -> None:
    package = build(tmp_path, 'SEC("raw_tp/sched_switch") int probe(void *ctx) { bpf_printk("x"); return 0; }')

    report = package.check(load=True)

    (said,) = report.verified
    assert report.runs == "yes"
    assert said.accepted
    assert said.instructions is not None
    assert 2 < said.instructions < 100
    assert said.stack


GUARDED = """
struct task_struct___future { int not_yet; } __attribute__((preserve_access_index));
const volatile bool wanted = 0;
int seen;
SEC("raw_tp/sched_switch") int probe(void *ctx) {
    struct task_struct___future *task = (void *)bpf_get_current_task();
    if (bpf_core_field_exists(task->not_yet))
        seen = BPF_CORE_READ(task, not_yet);
    if (wanted)
        seen = BPF_CORE_READ(task, not_yet);
    return 0;
}
"""


def test_what_the_code_asks_for_first_does_not_matter(tmp_path: Path) -> None:
    package = build(tmp_path, GUARDED)

    report = package.check(load=True)

    assert report.runs == "yes"
    assert [each.status for each in report.findings if each.name.endswith("not_yet")] == ["guarded"]


def test_what_no_constant_switches_off_matters(tmp_path: Path) -> None:
    package = build(tmp_path, GUARDED.replace("const volatile bool", "bool"))

    report = package.check()

    assert report.runs == "no"
    assert [each.name for each in report.blocking] == ["field task_struct.not_yet"]
    assert outcome(package) == "no"


def test_a_weak_kfunc_that_is_not_there_is_guarded_and_a_strong_one_is_missing(tmp_path: Path) -> None:
    source = """
extern int bpf_of_the_future(int number) __ksym %s;
int seen;
SEC("tp_btf/sched_switch") int probe(u64 *ctx) {
    if (%s)
        seen = bpf_of_the_future(1);
    return 0;
}
"""
    weak = build(tmp_path, source % ("__weak", "bpf_ksym_exists(bpf_of_the_future)"), "weak")
    strong = build(tmp_path, source % ("", "1"), "strong")

    assert weak.check().runs == outcome(weak) == "yes"
    report = strong.check()
    assert report.runs == outcome(strong) == "no"
    assert ("kfunc", "bpf_of_the_future") in [(each.kind, each.name) for each in report.blocking]


def test_a_tracepoint_of_another_category_is_suggested(tmp_path: Path) -> None:
    package = build(tmp_path, 'SEC("tp/sched/sys_enter_kill") int probe(void *ctx) { return 0; }')

    (missing,) = package.check().blocking

    assert missing.detail == "not in this kernel's tracefs"
    assert missing.advice == "did you mean syscalls/sys_enter_kill?"


def test_binaries_and_their_functions_are_looked_up(tmp_path: Path) -> None:
    source = 'SEC("uprobe/%s") int probe(void *ctx) { return 0; }'

    assert build(tmp_path, source % "libc.so.6:malloc", "a").check().runs == "yes"
    (missing,) = build(tmp_path, source % "libc.so.6:no_such_function", "b").check().blocking
    assert missing.detail.endswith("has no function no_such_function")
    (missing,) = build(tmp_path, source % "no_such_program:main", "c").check().blocking
    assert missing.detail == "binary no_such_program was not found in PATH or among the libraries"


def test_a_helper_of_another_type_is_named_with_its_line(tmp_path: Path) -> None:
    package = build(
        tmp_path, 'SEC("raw_tp/sched_switch") int probe(struct xdp_md *ctx) {\nreturn bpf_xdp_adjust_head(ctx, 0); }'
    )

    (missing,) = package.check().blocking

    assert (missing.kind, missing.name, missing.since) == ("helper", "bpf_xdp_adjust_head", "4.10")
    assert "programs of type raw_tracepoint may not call it here" in missing.detail
    assert re.fullmatch(r"probe\.bpf\.c:\d+", missing.where)


def test_probing_says_the_same_of_sections_before_and_after_an_object_was_opened(tmp_path: Path) -> None:
    package = build(tmp_path, 'SEC("tp_btf/sched_switch") int probe(u64 *ctx) { return 0; }')
    before = package.check()

    assert outcome(package) == "yes"
    assert package.check().to_tree() == before.to_tree()


def test_the_running_kernels_own_btf_gives_the_same_types(tmp_path: Path) -> None:
    package = build(tmp_path, 'SEC("tp_btf/sched_switch") int probe(u64 *ctx) { return 0; }')

    report = package.check(kernel_btf="/sys/kernel/btf/vmlinux")

    assert report.runs == "yes"
    assert not report.live


def test_features_are_those_of_the_kernel(ecli: Command) -> None:
    result = ecli("features", "-j")
    found = json.loads(result.stdout)

    assert result.returncode == 0
    assert found["kernel"] == os.uname().release
    assert found["probed"] is True
    assert found["program_types"]["tracepoint"] is True
    assert found["map_types"]["hash"] is True
    assert "map_lookup_elem" in found["helpers"]["xdp"]
    assert "xdp_adjust_head" not in found["helpers"]["kprobe"]
    assert found["helpers"]["tracing"] is None
    assert found["attach"]["tp_btf"] is True
    assert found["attach"]["kprobe"] is os.path.isdir("/sys/bus/event_source/devices/kprobe")
    page = ecli("features")
    assert page.stdout.startswith(f"kernel            {os.uname().release}")


WITHOUT_CAPABILITIES = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
assert libc.capset(header, (ctypes.c_uint32 * 6)()) == 0
from eunomia.cli.main import ecli
raise SystemExit(ecli())
"""


def without_capabilities(*words: str) -> subprocess.CompletedProcess[str]:
    """Run ecli as a process that holds no capability."""
    command = [sys.executable, "-c", WITHOUT_CAPABILITIES, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_without_privileges_what_can_be_said_is_said(root: Path) -> None:
    run = without_capabilities("check", "-j", str(root / "tests/data/golden/minimal.bpf.o"))
    found = json.loads(run.stdout)

    assert run.returncode == 1
    missing = {each["name"] for each in found["findings"] if each["status"] == "no"}
    assert missing >= {"CAP_BPF", "CAP_PERFMON"}
    assert ("program type", "yes") in {(each["kind"], each["status"]) for each in found["findings"]}


def test_without_privileges_features_are_read_off_the_types() -> None:
    found = json.loads(without_capabilities("features", "-j").stdout)

    assert found["probed"] is False
    assert found["program_types"]["tracepoint"] is True
    assert found["helpers"]["xdp"] is None
    assert found["newest_helper"].startswith("bpf_")


def test_the_command_says_why_in_text(ecli: Command, tmp_path: Path) -> None:
    source = next(path for path in MISTAKE_SOURCES if path.name.startswith("missing-null-check"))

    result = ecli("check", "--load", str(source))

    assert result.returncode == 1
    assert result.stdout.splitlines()[0] == "missing_null_check_bpf: runs here: no (the kernel refused it)"
    assert "R0 is a pointer into a value of 8 bytes of map counts, or NULL: it was not checked" in result.stdout
    assert "> a lookup may find nothing: `if (!value) return 0;` before it is used" in result.stdout


def test_every_number_of_this_kernel_has_its_name() -> None:
    target = Target()
    assert target.btf is not None
    from eunomia.kernel.preflight import tables

    for kind, (enum, prefix, _names, _floors) in tables.KINDS.items():
        known = target.btf.find(enum)
        assert known is not None
        for name, number in known.values:
            mine = tables.name_of(kind, number)
            if not name.startswith(("__", "MAX_")) and mine != str(number):
                assert name.removeprefix(prefix).lower() == mine or name.endswith("_DEPRECATED"), (kind, name, mine)


def test_a_hardware_event_is_tried(tmp_path: Path) -> None:
    package = build(tmp_path, 'SEC("perf_event") int probe(void *ctx) { return 0; }')
    package.meta["bpf_skel"]["progs"][0]["perf_event"] = {"type": "hardware", "config": "cpu_cycles", "frequency": 49}

    assert package.check().runs == outcome(package)


def test_an_interface_that_is_not_there_is_named(tmp_path: Path) -> None:
    package = build(tmp_path, 'SEC("xdp") int probe(struct xdp_md *ctx) { return XDP_PASS; }')
    package.meta["bpf_skel"]["progs"][0]["ifindex"] = 123456

    (missing,) = package.check().blocking

    assert missing.detail == "there is no interface 123456"


def test_struct_ops_are_looked_up_by_their_kind(tmp_path: Path) -> None:
    source = """
struct of_the_future_ops { int (*answer)(void); };
SEC("struct_ops/%s") u32 BPF_PROG(answer, struct sock *sk) { return 2; }
SEC(".struct_ops") struct %s table = { %s };
"""
    known = build(tmp_path, source % ("ssthresh", "tcp_congestion_ops", '.ssthresh = (void *)answer, .name = "x"'), "a")
    other = build(tmp_path, source % ("answer", "of_the_future_ops", ".answer = (void *)answer"), "b")

    assert [each.status for each in known.check().findings if "tcp_congestion_ops" in each.name] == ["yes"]
    assert [each.name for each in other.check().blocking] == ["struct_ops of_the_future_ops"]


def test_the_lists_of_the_kernels_security_are_read_without_a_mount() -> None:
    target = Target()

    assert "capability" in (target.security("lsm") or "").split(",")
    assert target.security("no_such_file") is None
