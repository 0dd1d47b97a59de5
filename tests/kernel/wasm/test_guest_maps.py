"""Maps of a guest: every operation, on every kind of map whose values are a guest's business."""

from __future__ import annotations

import os

from support.bpf_guests import Lines

BPF = """
#define MAP(name, kind, entries, ...) \\
    struct { __uint(type, BPF_MAP_TYPE_##kind); __uint(max_entries, entries); __VA_ARGS__; } name SEC(".maps")
#define TO(value_type) __type(key, __u32); __type(value, value_type)
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); TO(__u64); };
MAP(hash, HASH, 100, TO(__u64));
MAP(cpus, PERCPU_ARRAY, 2, TO(__u32));
MAP(queue, QUEUE, 3, __type(value, __u32));
MAP(stack, STACK, 3, __type(value, __u32));
MAP(bloom, BLOOM_FILTER, 100, __type(value, __u32));
MAP(jumps, PROG_ARRAY, 2, TO(__u32));
MAP(groups, CGROUP_ARRAY, 1, TO(__u32));
MAP(sockets, SOCKMAP, 1, TO(__u32));
struct inner one SEC(".maps");
MAP(outer, ARRAY_OF_MAPS, 1, __type(key, __u32); __array(values, struct inner));
volatile __u64 counted = 5, zeroed;
SEC("raw_tp/sched_switch") int called(void *ctx) { counted++; return 0; }
SEC("raw_tp/sched_switch") int caller(void *ctx) { zeroed++; bpf_tail_call(ctx, &jumps, 1); return 7; }
"""

GUEST = r"""
static object o;
static void hash(void) {
    uint32_t key = 9, next = 0; uint64_t value = 99;
    int fd = map_fd(o, "hash");
    SHOW(operate(fd, LOOKUP, &key, &value, 0, 0));
    SHOW(operate(fd, NEXT_KEY, 0, 0, &next, 0));
    SHOW(operate(fd, UPDATE, &key, &value, 0, 2));
    SHOW(operate(fd, UPDATE, &key, &value, 0, 0));
    SHOW(operate(fd, UPDATE, &key, &value, 0, 1));
    SHOW(operate(fd, NEXT_KEY, 0, 0, &next, 0)); SHOW(next);
    SHOW(operate(fd, NEXT_KEY, &next, 0, &next, 0));
    value = 0; SHOW(operate(fd, LOOKUP, &key, &value, 0, 0)); SHOW(value);
    value = 0; SHOW(operate(fd, LOOKUP_AND_DELETE, &key, &value, 0, 0)); SHOW(value);
    SHOW(operate(fd, DELETE, &key, 0, 0, 0));
    SHOW(operate(fd, 99, &key, &value, 0, 0));
}
static void pointers(void) {
    uint32_t key = 1; uint64_t value = 2, end = __builtin_wasm_memory_size(0) * 65536ull;
    int fd = map_fd(o, "hash");
    SHOW(operate(fd, UPDATE, (void *)-1, &value, 0, 0));
    SHOW(operate(fd, UPDATE, &key, (void *)(uint32_t)(end - 7), 0, 0));
    SHOW(operate(fd, UPDATE, &key, (void *)(uint32_t)(end - 8), 0, 0));
    SHOW(operate(fd, NEXT_KEY, (void *)-2, 0, &key, 0));
    SHOW(operate(0, LOOKUP, &key, &value, 0, 0));
    SHOW(operate(-1, LOOKUP, &key, &value, 0, 0));
    SHOW(operate(fd + 0x10000, LOOKUP, &key, &value, 0, 0));
    SHOW(map_fd(o, (void *)-1));
    SHOW(map_fd(77, "hash"));
}
static void per_cpu(void) {
    uint32_t key = 1; uint64_t values[2048]; int n = possible_cpus(), fd = map_fd(o, "cpus");
    for (int i = 0; i <= n; i++) values[i] = 100 + i;
    SHOW(operate(fd, UPDATE, &key, values, 0, 0));
    memset(values, 0xee, sizeof(values));
    SHOW(operate(fd, LOOKUP, &key, values, 0, 0));
    printf("first %llu last %llu behind %llx\n", values[0], values[n - 1], values[n]);
    SHOW(operate(fd, LOOKUP, &key, (void *)(uint32_t)(__builtin_wasm_memory_size(0) * 65536ull - 8 * n + 4), 0, 0));
}
static void keyless(void) {
    uint32_t v; int queue = map_fd(o, "queue"), stack = map_fd(o, "stack"), bloom = map_fd(o, "bloom");
    for (v = 1; v <= 3; v++) { operate(queue, UPDATE, 0, &v, 0, 0); operate(stack, UPDATE, 0, &v, 0, 0); }
    SHOW(operate(queue, UPDATE, 0, &v, 0, 0));
    operate(queue, LOOKUP, 0, &v, 0, 0); SHOW(v);
    operate(queue, LOOKUP_AND_DELETE, 0, &v, 0, 0); SHOW(v);
    operate(queue, LOOKUP, 0, &v, 0, 0); SHOW(v);
    operate(stack, LOOKUP_AND_DELETE, 0, &v, 0, 0); SHOW(v);
    v = 5; SHOW(operate(bloom, UPDATE, 0, &v, 0, 0)); SHOW(operate(bloom, LOOKUP, 0, &v, 0, 0));
    v = 6; SHOW(operate(bloom, LOOKUP, 0, &v, 0, 0));
    SHOW(operate(queue, NEXT_KEY, 0, 0, &v, 0));
}
static void descriptors(void) {
    uint32_t key = 1, zero = 0, v, result[2]; uint64_t data[2] = {0, 0}, args[12] = {0};
    int jumps = map_fd(o, "jumps"), called = program_fd(o, "called"), bss = map_fd(o, ".data");
    SHOW(called > 0); SHOW(operate(jumps, UPDATE, &key, &called, 0, 0));
    v = map_fd(o, "hash"); SHOW(operate(jumps, UPDATE, &key, &v, 0, 0));
    v = 3; SHOW(operate(jumps, UPDATE, &zero, &v, 0, 0));
    SHOW(test_run(o, "caller", args, 96, 0, 0, 1, result)); SHOW(result[0]);
    SHOW(operate(bss, LOOKUP, &zero, data, 0, 0)); SHOW(data[0]);
    v = map_fd(o, "one"); SHOW(operate(map_fd(o, "outer"), UPDATE, &zero, &v, 0, 0));
    v = 5; SHOW(operate(map_fd(o, "outer"), UPDATE, &zero, &v, 0, 0));
    v = 5; SHOW(operate(map_fd(o, "sockets"), UPDATE, &zero, &v, 0, 0));
    v = 3; SHOW(operate(map_fd(o, "groups"), UPDATE, &zero, &v, 0, 0));
    v = 4; SHOW(operate(map_fd(o, "groups"), UPDATE, &zero, &v, 0, 0)); puts(last_error());
}
static void batches(void) {
    uint32_t keys[50], got[100], count = 50; uint64_t values[50], back[100], sum = 0; char cursor[16];
    int fd = map_fd(o, "hash"), calls = 0, err = 0, n = 0;
    for (int i = 0; i < 50; i++) { keys[i] = i; values[i] = i * 10; }
    SHOW(map_batch(fd, 26, 0, 0, keys, values, &count, 0)); SHOW(count);
    while (!err) {
        count = 20;
        err = map_batch(fd, 24, calls++ ? cursor : 0, cursor, got + n, back + n, &count, 0);
        if (!err || err == -2) n += count;
        if (n > 80) break;
    }
    for (int i = 0; i < n; i++) sum += back[i] == got[i] * 10 ? back[i] : 1000000;
    SHOW(err); SHOW(n); SHOW(sum);
    count = 10; SHOW(map_batch(fd, 27, 0, 0, keys, 0, &count, 0));
    count = 60; SHOW(map_batch(fd, 25, 0, cursor, got, back, &count, 0)); SHOW(count);
    count = 0x7fffffff; SHOW(map_batch(fd, 24, 0, cursor, got, back, &count, 0));
    count = 1000000; SHOW(map_batch(fd, 24, 0, cursor, got, back, &count, 0));
    SHOW(map_batch(fd, 23, 0, cursor, got, back, &count, 0));
    SHOW(map_batch(fd, 24, 0, cursor, got, back, (void *)-2, 0));
}
static _Alignas(4096) char page[8192];
static void mapped(void) {
    uint32_t key = 0, result[2]; uint64_t args[12] = {0}, *live = (void *)page, was[2];
    int fd = map_fd(o, ".data");
    memset(page, 7, sizeof(page));
    SHOW(map_mmap(fd, page + 1, 4096)); SHOW(map_mmap(fd, page, 8192)); SHOW(map_mmap(map_fd(o, "hash"), page, 4096));
    SHOW(map_mmap(fd, (void *)0xfffff000, 4096));
    SHOW(map_mmap(fd, page, 4096)); SHOW(map_mmap(fd, page, 4096));
    SHOW(live[0]); SHOW(page[4096]);
    test_run(o, "called", args, 96, 0, 0, 3, result); SHOW(live[0]);
    live[0] = 40; operate(fd, LOOKUP, &key, was, 0, 0); SHOW(was[0]);
    SHOW(map_munmap(page, 8192)); SHOW(map_munmap(page, 4096)); SHOW(live[0]);
    live[0] = 1; operate(fd, LOOKUP, &key, was, 0, 0); SHOW(was[0]);
    SHOW(map_mmap(fd, page, 4096)); SHOW(close_object(o)); SHOW(live[0]); live[0] = 2; SHOW(live[0]);
}
static void frozen(void) {
    uint32_t key = 0; uint64_t v = 1;
    int fd = map_fd(o, "one");
    SHOW(operate(fd, FREEZE, 0, 0, 0, 0)); SHOW(operate(fd, UPDATE, &key, &v, 0, 0));
    SHOW(operate(fd, LOOKUP, &key, &v, 0, 0));
}
int main(int argc, char **argv) {
    o = load(elf, sizeof(elf));
    if (!o) puts(last_error());
#define RUN(name) if (!strcmp(argv[1], #name)) name();
    RUN(hash) RUN(pointers) RUN(per_cpu) RUN(keyless) RUN(descriptors) RUN(batches) RUN(mapped) RUN(frozen)
    return 0;
}
"""


def answers(lines: list[str]) -> list[int]:
    return [int(line.rpartition(" = ")[2]) for line in lines if " = " in line]


def test_errors_are_negative_numbers_of_linux(lines: Lines) -> None:
    assert answers(lines("hash")) == [-2, -2, -2, 0, -17, 0, 9, -2, 0, 99, 0, 99, -2, -22]


def test_no_pointer_leads_out_of_the_guests_memory_and_no_number_to_other_maps(lines: Lines) -> None:
    assert answers(lines("pointers")) == [-14, -14, 0, -14, -9, -9, -9, -14, -22]


def test_a_per_cpu_value_is_one_for_each_possible_cpu_and_nothing_behind_it_is_written(lines: Lines) -> None:
    text = lines("per_cpu")
    cpus = len(range(*_possible()))

    assert answers(text) == [0, 0, -14]
    assert text[2] == f"first 100 last {100 + cpus - 1} behind eeeeeeeeeeeeeeee"


def _possible() -> tuple[int, int]:
    with open("/sys/devices/system/cpu/possible") as file:
        return 0, int(file.read().split("-")[-1]) + 1


def test_queues_stacks_and_bloom_filters_have_no_keys(lines: Lines) -> None:
    assert answers(lines("keyless")) == [-7, 1, 1, 2, 3, 0, 0, -2, -95]


def test_descriptors_in_values_are_the_guests_own(lines: Lines) -> None:
    text = lines("descriptors", dirs=[f"{os.path.dirname(__file__)}:/here"])

    assert answers(text)[:-2] == [1, 0, -9, -9, 0, 0, 0, 6, 0, -9, -95]
    assert answers(text)[-1] == -9
    assert text[-1] == "descriptor 4: no preopened directory [--dir HOST:GUEST]"


def test_batches_read_write_and_delete(lines: Lines) -> None:
    found = answers(lines("batches"))

    assert found[:5] == [0, 50, -2, 50, sum(range(50)) * 10]
    assert found[5:] == [0, -2, 40, -22, -14, -22, -14]


def test_an_arrays_memory_is_the_guests_until_it_is_unmapped_or_closed(lines: Lines) -> None:
    assert answers(lines("mapped")) == [
        *(-22, -22, -22, -14, 0, -17, 5, 7),
        *(8, 40, -22, 0, 40, 40),
        *(0, 0, 40, 2),
    ]


def test_a_frozen_map_is_read_only(lines: Lines) -> None:
    assert answers(lines("frozen")) == [0, -1, 0]
