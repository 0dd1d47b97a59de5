"""What sources do with the helpers that are counted: every form compiles, and what cannot be told is unknown."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from eunomia import Package
from eunomia.compiler import compile_source
from eunomia.errors import CompileError
from support.accounts import accounted, flood, is_balanced, wait
from support.commands import Command
from support.objects import HEADERS, build

SOURCE = Path(__file__).parent / "corpus/accounted.bpf.c"


@pytest.fixture(scope="module")
def package() -> Package:
    return compile_source(SOURCE)


UNCLEAR = """
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } one SEC(".maps"), two SEC(".maps");
struct TABLE { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, long); __type(value, long); };
struct TABLE starts SEC(".maps"), ends SEC(".maps");
const volatile int target = 0, both = 0;
struct event { long number; };
static INLINE int send(void *ring, struct event *event)
{
    if (!event)
        return 0;
    return bpf_ringbuf_output(ring, event, sizeof(*event), 0);
}
static INLINE int put(void *map, long key)
{
    return bpf_map_update_elem(map, &key, &key, 0);
}
SEC("raw_tp/sys_enter") int on_kill(struct bpf_raw_tracepoint_args *ctx)
{
    struct pt_regs *regs = (void *)ctx->args[0];
    struct event event = {bpf_ktime_get_ns()};
    unsigned long to = 0;
    if (ctx->args[1] != 62)
        return 0;
    bpf_probe_read_kernel(&to, sizeof(to), &regs->di);
    if ((int)to != target)
        return 0;
    bpf_ringbuf_output(&two, &event, sizeof(event), 0);
    if (both) {
        send(&one, &event);
        send(&two, &event);
        put(&starts, event.number);
        put(&ends, event.number);
    }
    return 0;
}
"""
LISTED = {"one", "two", "starts", "ends"}


@pytest.mark.parametrize("compiler", ["clang", "zig"])
def test_a_site_in_an_inlined_function_counts_for_each_map_apart(tmp_path: Path, compiler: str) -> None:
    path = tmp_path / "inlined.bpf.c"
    path.write_text(HEADERS + UNCLEAR.replace("INLINE", "__always_inline"))
    package = compile_source(path, toolchain=compiler)
    with package.load({"target": os.getpid(), "both": 1}) as obj:
        accounts = accounted(obj, 50)

    assert accounts.keys() == LISTED
    assert all(each.is_known and is_balanced(each) for each in accounts.values())
    assert (accounts["one"].produced, accounts["two"].produced) == (50, 100)
    assert (accounts["starts"].lost, accounts["ends"].lost) == ({"map full": 49}, {"map full": 49})


def test_a_site_that_is_told_its_map_at_run_time_makes_only_what_it_can_mean_unknown(tmp_path: Path) -> None:
    package = build(tmp_path, UNCLEAR.replace("INLINE", "__noinline"))
    found = []
    for both in (0, 1):
        with package.load({"target": os.getpid(), "both": both}) as obj:
            found.append(accounted(obj, 50))

    clear, unclear = found
    assert (clear["two"].is_known, clear["two"].produced) == (True, 50), "a site that was never used says nothing"
    assert clear["one"].is_known
    assert (unclear["one"].is_known, unclear["two"].is_known) == (False, False)
    assert unclear["one"].why == "a call learns its map at run time"
    assert (unclear["one"].delivered, unclear["two"].delivered) == (50, 100)
    assert (unclear["(unclear)"].lost, unclear["(unclear)"].is_known) == ({"map full": 98}, False)


def test_a_site_that_can_mean_only_one_map_means_it(tmp_path: Path) -> None:
    source = UNCLEAR.replace("INLINE", "__noinline")
    for gone in (', two SEC(".maps")', ', ends SEC(".maps")', "send(&two, &event);", "put(&ends, event.number);"):
        source = source.replace(gone, "")
    package = build(tmp_path, source.replace("output(&two", "output(&one"))
    with package.load({"target": os.getpid(), "both": 1}) as obj:
        accounts = accounted(obj, 50)

    assert (accounts["one"].is_known, accounts["one"].produced, accounts["one"].delivered) == (True, 100, 100)
    assert accounts["starts"].lost == {"map full": 49}
    assert "(unclear)" not in accounts


def test_records_that_no_macro_counted_make_the_account_unknown(tmp_path: Path) -> None:
    source = UNCLEAR.replace("INLINE", "__noinline").replace("bpf_ringbuf_output(&two", "(bpf_ringbuf_output)(&two")
    with build(tmp_path, source).load({"target": os.getpid()}) as obj:
        two = accounted(obj, 50)["two"]

    assert (two.is_known, two.delivered, two.why) == (False, 50, "more was read than counted")


RECURSION = """
const volatile int target = 0;
SEC("raw_tp/sys_enter") int on_kill(struct bpf_raw_tracepoint_args *ctx)
{
    struct pt_regs *regs = (void *)ctx->args[0];
    unsigned long to = 0;
    if (ctx->args[1] != 62)
        return 0;
    bpf_probe_read_kernel(&to, sizeof(to), &regs->di);
    if ((int)to == target)
        bpf_printk("a");
    return 0;
}
SEC("raw_tp/bpf_trace_printk") int on_printk(void *ctx)
{
    bpf_printk("b"); /* would run it again */
    return 0;
}
"""


def test_runs_that_the_kernel_left_out_are_told(tmp_path: Path, ecli: Command) -> None:
    package = build(tmp_path, RECURSION)
    with package.load({"target": os.getpid()}) as obj:
        obj.attach()
        wait(flood(7))
        missed = {name: program.missed for name, program in obj.programs.items()}
    path = tmp_path / "recursion.json"
    path.write_text(package.to_json())
    running = ecli.start("run", "--fail-on-loss", path, "--target", os.getpid()).wait_attached(2)
    wait(flood(3))
    result = running.stop()

    assert missed["on_kill"] == 0
    assert missed["on_printk"] >= 7  # others may print, too
    assert result.returncode == 3
    assert re.search(r"ecli: events: the kernel left out \d+ runs", result.stderr)


FORMS = Path(__file__).parent.parent / "data/sources/helper_forms.bpf.c"
ATOMIC, FETCH = 0xDB, 1  # BPF_STX | BPF_ATOMIC | BPF_DW; Source: include/uapi/linux/bpf.h


@pytest.mark.parametrize("compiler", ["clang", "zig"])
def test_helpers_in_every_form_compile_without_a_word_and_are_counted(compiler: str) -> None:
    said: list[str] = []
    package = compile_source(FORMS, toolchain=compiler, on_warning=said.append, on_note=said.append)

    assert said == []
    assert package.meta["eunomia"]["accounting"] == {"version": 1}
    assert package.meta["eunomia"]["event_types"]["samples"] == ["event"]
    with package.load({"only": os.getpid()}) as obj:
        obj.attach(skip=["second_program"])
        with contextlib.suppress(ProcessLookupError):
            os.kill(-3_000_000, 0)
        obj.detach()
        accounts = obj.account()
    assert accounts.keys() == {"events", "others", "samples", "starts", "first", "tables", "stacks", "storage"}
    assert all(each.is_known for each in accounts.values())
    assert (accounts["events"].produced, accounts["others"].produced) == (10, 4)
    assert accounts["stacks"].lost == {}


@pytest.mark.parametrize("compiler", ["clang", "zig"])
@pytest.mark.parametrize("source", [SOURCE, FORMS])
def test_counters_are_adds_that_every_kernel_has(source: Path, compiler: str) -> None:
    package = compile_source(source, toolchain=compiler)

    atomics = [
        int.from_bytes(section.data[at + 4 : at + 8], "little")
        for section in package.types.elf.sections
        if section.is_executable
        for at in range(0, len(section.data), 8)
        if section.data[at] == ATOMIC
    ]
    assert len(atomics) > 5
    assert not [operation for operation in atomics if operation & FETCH]  # Kernel: 5.12+


def test_counters_appear_nowhere_and_other_loaders_load_them(package: Package, tmp_path: Path, ecli: Command) -> None:
    path = tmp_path / "accounted.json"
    path.write_text(package.to_json())
    image = tmp_path / "accounted.o"
    image.write_bytes(package.object)

    shown = ecli("inspect", path).stdout + ecli("inspect", "-j", path).stdout + ecli("run", path, "--help").stdout
    assert ".data.eunomia" not in shown
    assert re.search(r"accounts +every event and every loss is counted", shown)
    assert "__eu_" not in shown
    assert ".data.eunomia" not in json.dumps(package.meta["bpf_skel"])
    with package.load() as obj:
        assert not [name for name in obj.maps if "eunomia" in name]
    pinned = Path("/sys/fs/bpf") / f"eunomia-test-{os.getpid()}"
    done = subprocess.run(["bpftool", "prog", "load", image, pinned], capture_output=True, text=True, check=False)
    if "mount" in done.stderr:
        pytest.skip("no BPF file system")
    pinned.unlink(missing_ok=True)
    assert done.returncode == 0, done.stderr


MEMBER = """
struct event { int pid; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } rb SEC(".maps");
struct ops { int (*bpf_map_update_elem)(int, int); };
static __always_inline int add(int a, int b) { return a + b; }
static const struct ops ops = {add};
SEC("raw_tp/sys_enter") int handle(void *ctx)
{
    struct event *e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0);
    if (!e)
        return ops.bpf_map_update_elem(1, 2);
    e->pid = 1;
    bpf_ringbuf_submit(e, 0);
    return 0;
}
"""


@pytest.mark.parametrize("compiler", ["clang", "zig"])
def test_a_name_that_the_source_uses_otherwise_is_left_alone_and_nothing_is_half_counted(
    tmp_path: Path, compiler: str
) -> None:
    path = tmp_path / "member.bpf.c"
    path.write_text(HEADERS + MEMBER)
    notes: list[str] = []

    package = compile_source(path, toolchain=compiler, on_note=notes.append)

    assert notes == ["the source's own definitions replace our macros: bpf_map_update_elem"]
    assert "accounting" not in package.meta["eunomia"]
    assert package.meta["eunomia"]["event_types"] == {"rb": ["event"]}


LARGE = """
struct event { int pid; char rest[%d]; };
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } pb SEC(".maps");
SEC("raw_tp/sys_enter") int handle(void *ctx)
{
    struct event event = {.pid = 1};
    long a = bpf_get_current_pid_tgid(), b = bpf_ktime_get_ns(), c = bpf_get_current_uid_gid();
    long d = bpf_get_prandom_u32(), e = bpf_ktime_get_boot_ns();
    bpf_get_current_comm(event.rest, 16);
    bpf_perf_event_output(ctx, &pb, BPF_F_CURRENT_CPU, &event, sizeof(event));
    return a + b + c + d + e;
}
"""


def test_a_source_whose_stack_is_full_compiles_without_accounting_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "large.bpf.c"
    told = []
    for size in range(468, 500, 8):
        path.write_text(HEADERS + LARGE % size)
        notes: list[str] = []
        try:
            compile_source(path, accounting=False)
        except CompileError:
            break
        package = compile_source(path, on_note=notes.append)
        assert package.meta["eunomia"]["event_types"] == {"pb": ["event"]}
        told.append(("accounting" in package.meta["eunomia"], notes))

    words = "compiled without accounting: with it the source does not compile (see --no-accounting)"
    assert told[0] == (True, [])
    assert told[-1] == (False, [words])
