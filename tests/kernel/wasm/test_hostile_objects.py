"""Guests that turn libbpf, which trusts its callers, against the host: sizes set beside memory, types that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eunomia.wasm import Guest, Policy
from support.bpf_guests import Lines, compile_guest, compile_object

BPF = """
struct {
    __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 10); __type(key, __u32); __type(value, __u64);
} table SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 1); __uint(key_size, 4); __uint(value_size, 4); }
    calls SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32); __type(value, char[4096]);
} page SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 600); __type(key, __u32); __type(value, char[1024]);
} large SEC(".maps");
const volatile int chosen = 7;
char bytes[64] = "data";
SEC("raw_tp/sched_switch") int good(void *ctx) { return chosen + bytes[0]; }
SEC("uprobe") int user(void *ctx) { return 0; }
SEC("usdt") int mark(void *ctx) { return 0; }
"""

OPS = """
extern int LINUX_KERNEL_VERSION __kconfig;
char bytes[64] = "data";
struct own_ops { __u64 (*go)(void); char name[16]; };
SEC("?struct_ops/go") __u64 go(void) { return LINUX_KERNEL_VERSION + bytes[0]; }
SEC(".struct_ops") struct own_ops ops = {.go = (void *)go, .name = "own"};
"""

GUEST = r"""
enum { ENTRIES = 1, PERF_PAGES, TYPE, KEY_SIZE, VALUE_SIZE, FLAGS, AUTOCREATE };
static object o;
static void sizes(void) {
    char some[64] = "x";
    o = open_object(elf, sizeof(elf), "x");
    SHOW(map_set(o, ".rodata", ENTRIES, 1 << 16)); SHOW(map_set(o, ".rodata", KEY_SIZE, 4096));
    SHOW(map_set(o, ".data", TYPE, 6)); SHOW(map_set(o, ".data", FLAGS, 0));
    SHOW(map_set(o, "table", TYPE, 26)); SHOW(map_set(o, "table", TYPE, 33));
    SHOW(map_set(o, "table", TYPE, 3)); SHOW(map_set(o, "calls", TYPE, 12)); SHOW(map_set(o, "calls", KEY_SIZE, 64));
    SHOW(map_set(o, "perf", PERF_PAGES, 8192)); SHOW(map_set(o, ".data", VALUE_SIZE, 1u << 30));
    SHOW(map_initial(o, "table", 0, some, 64, 1)); SHOW(map_initial(o, ".rodata", 4, some, 1, 1));
    SHOW(map_set(o, ".data", VALUE_SIZE, 128)); SHOW(map_initial(o, ".data", 64, some, 64, 1));
    SHOW(map_set(o, "table", TYPE, 9)); SHOW(load_object(o)); puts(last_error());
}
static void members(void) {
    char some[64] = "x";
    o = open_object(elf, sizeof(elf), "x");
    SHOW(map_set(o, ".kconfig", VALUE_SIZE, 8)); SHOW(map_set(o, ".data", VALUE_SIZE, 128));
    SHOW(map_set(o, "ops", VALUE_SIZE, 1 << 20)); SHOW(map_set(o, "ops", TYPE, 2));
    SHOW(map_initial(o, "ops", 0, some, 24, 1)); SHOW(map_initial(o, "ops", 8, some, 24, 1));
    SHOW(load_object(o)); puts(last_error());
}
static void pages(void) {
    char *memory = aligned_alloc(4096, 1100 * 4096);
    int count = 0, err;
    o = load(elf, sizeof(elf));
    while (!(err = map_mmap(map_fd(o, "page"), memory + 4096 * count, 4096))) count++;
    SHOW(count); SHOW(err); SHOW(map_munmap(memory, 4096)); memory[4096] = 5; SHOW(memory[4096 * 1000]);
    SHOW(map_mmap(map_fd(o, "page"), memory, 4096)); SHOW(memory[0]); SHOW(close_object(o)); SHOW(memory[0]);
}
static void floods(void) { for (int i = 0; i < 5000; i++) load("no object", 9); }
static void pipes(const char *pipe) {
    char target[4096]; o = load(elf, sizeof(elf));
    snprintf(target, sizeof(target), "uprobe:%s:main", pipe); SHOW(link_attach(o, "user", target)); puts(last_error());
    snprintf(target, sizeof(target), "usdt:%s:a:b", pipe); SHOW(link_attach(o, "mark", target)); puts(last_error());
}
static void sums(void) {
    object first = load(elf, sizeof(elf)), second = load(elf, sizeof(elf));
    SHOW(first > 0); SHOW(second); puts(last_error()); close_object(first); SHOW(load(elf, sizeof(elf)) > 0);
}
static void opens(void) { SHOW(load(elf, sizeof(elf)) > 0); puts(last_error()); }
int main(int argc, char **argv) {
#define RUN(name) if (!strcmp(argv[1], #name)) name();
    RUN(sizes) RUN(pages) RUN(floods) RUN(sums) RUN(opens) RUN(members)
    if (!strcmp(argv[1], "pipes")) pipes(argv[2]);
    return 0;
}
"""


def answers(lines: list[str]) -> list[int]:
    return [int(line.rpartition(" = ")[2]) for line in lines if " = " in line]


def test_sizes_and_types_that_belong_to_memory_of_the_host_stay(lines: Lines) -> None:
    text = lines("sizes")

    assert answers(text) == [*[-95] * 9, -22, -95, -22, -34, *[0] * 4]


def test_maps_in_a_guests_memory_are_counted(lines: Lines) -> None:
    assert answers(lines("pages")) == [1024, -24, 0, 5, 0, 5, 0, 5]


def test_a_pipe_is_no_binary_to_wait_for(lines: Lines, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    text = lines("pipes", str(tmp_path / "pipe"))

    assert answers(text) == [-22, -22]
    assert text[1].endswith("pipe: no regular file")
    assert lines("pipes", "/proc/uptime")[1].endswith("/proc/uptime: empty")


def test_a_guest_that_fails_for_ever_is_told_of_some_time(wasm: bytes) -> None:
    with Guest(wasm, "guest.wasm").run(["floods"]) as run:
        run.wait(30)

        assert len(run.failures) == 901
        assert run.failures[-1] == "the guest fails too often: no more of it is told"


def test_maps_of_all_objects_are_counted_together(lines: Lines) -> None:
    text = lines("sums", policy=("map-size=1M",))

    assert answers(text) == [1, 0, 1]
    assert text[2].startswith("refused: its maps have 2M, at most 1M may be")


def test_programs_of_struct_ops_count_though_they_are_not_to_be_loaded(tmp_path: Path) -> None:
    guest = Guest(compile_guest(tmp_path, GUEST, compile_object(tmp_path, OPS)).read_bytes(), "guest.wasm")

    with guest.run(["members"]) as run:
        run.wait(30)
        text = run.stdout.splitlines()

    assert answers(text) == [-95, -95, -95, -95, 0, -34, -1]
    assert text[-1].startswith(
        "refused: program go: programs of type struct_ops change or block"
    )  # libbpf would load it


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            "__uint(type, ARENA); __uint(map_flags, 1024); __uint(max_entries, 4); __uint(map_extra, 1 << 28);",
            "map evil: an arena of a guest has neither an address in the host nor SEGV_ON_FAULT",
        ),
        (
            "__uint(type, BPF_MAP_TYPE_STRUCT_OPS); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64);",
            'map evil: of type struct_ops, and in .maps [SEC(".struct_ops.link")]',
        ),
    ],
)
def test_maps_that_libbpf_cannot_bear_are_refused(tmp_path: Path, source: str, why: str) -> None:
    program = 'SEC("raw_tp/sched_switch") int good(void *ctx) { return 0; }'
    elf = compile_object(tmp_path, f'#define ARENA 33\nstruct {{ {source} }} evil SEC(".maps");\n{program}')
    guest = Guest(compile_guest(tmp_path, GUEST, elf).read_bytes(), "guest.wasm")

    with guest.run(["opens"], policy=Policy(["all"])) as run:
        run.wait(30)
        assert run.stdout.splitlines()[0] == "load(elf, sizeof(elf)) > 0 = 0"
        assert why in run.failures[0]
