"""Ring and perf buffers of a guest: all records, in order, whatever the callback does meanwhile."""

from __future__ import annotations

import threading
import time

import pytest

from eunomia.wasm import Guest, Policy
from support.bpf_guests import Lines

BPF = """
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 20); } first SEC(".maps"), second SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } small SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64);
} array SEC(".maps");
__u64 numbers[6], record[64];
/* One record of a buffer, with its number in front; of 4, a record that is discarded. */
SEC("raw_tp/sched_switch") int emit(struct bpf_raw_tracepoint_args *ctx) {
    __u64 which = ctx->args[0], *place;
    if (which > 5) return 0;
    record[0] = __sync_fetch_and_add(&numbers[which], 1);
    if (which == 0) bpf_ringbuf_output(&first, record, 64, 0);
    if (which == 1) bpf_ringbuf_output(&second, record, 500, 0);
    if (which == 2) bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, record, 61);
    if (which == 3) bpf_ringbuf_output(&small, record, 504, 0);
    if (which == 5) bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, record, 64);
    if (which == 4 && (place = bpf_ringbuf_reserve(&first, 32, 0))) bpf_ringbuf_discard(place, 0);
    return 0;
}
"""

GUEST = r"""
#include <time.h>
static object o;
static int first, second, perf, small;
static int seen, bad, last;
static uint64_t expected;
static char data[4096];
static void emit(uint64_t which, int count) {
    uint64_t args[12] = {which};
    if (count && test_run(o, "emit", args, 96, 0, 0, count, 0)) puts(last_error());
}
static int take(void *context, void *record, int size) {
    uint64_t number;
    memcpy(&number, record, 8);
    bad += number != expected++;
    seen++;
    last = size;
    return 0;
}
static int stop_at_three(void *context, void *record, int size) { return ++seen == 3 ? -300 : 1; }
static int poll_all(int fd, callback call, int timeout) {
    return poll_buffer(o, fd, call, 0, data, sizeof(data), timeout);
}
static long long ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static void bursts(void) {
    emit(0, 5000); emit(1, 300); emit(2, 100); emit(4, 3); emit(0, 10);
    SHOW(poll_all(first, take, -1)); SHOW(bad); SHOW(last); expected = 0;
    SHOW(poll_all(second, take, -1)); SHOW(bad); SHOW(last); expected = 0;
    SHOW(poll_all(perf, take, 0));
    emit(2, 70); SHOW(poll_all(perf, take, -1)); SHOW(last);
    SHOW(seen);
}
static void cuts(void) {
    emit(1, 2);
    SHOW(poll_buffer(o, second, take, 0, data, 100, -1)); SHOW(last);
    emit(1, 1); SHOW(poll_buffer(o, second, take, 0, data, 0, -1)); SHOW(last);
    SHOW(poll_buffer(o, second, take, 0, data, 1 << 30, 0)); SHOW(poll_buffer(o, second, take, 0, data, -1, 0));
    SHOW(poll_buffer(o, second, take, 0, (void *)-8, 100, 0));
    SHOW(poll_buffer(o, second, (callback)0, 0, data, 100, 0));
    SHOW(poll_buffer(o, second, (callback)99999, 0, data, 100, 0));
    SHOW(poll_buffer(o, map_fd(o, "array"), take, 0, data, 100, 0)); SHOW(poll_buffer(o, 3, take, 0, data, 100, 0));
    SHOW(poll_buffer(77, second, take, 0, data, 100, 0));
    object other = load(elf, sizeof(elf));
    SHOW(poll_buffer(other, second, take, 0, data, 100, 0));
}
static void pads(void) {
    poll_all(perf, take, 0); emit(5, 2);
    SHOW(poll_buffer(o, perf, take, 0, data, 64, 0)); SHOW(last);
}
static void pads_less(void) {
    poll_all(perf, take, 0); emit(5, 2);
    SHOW(poll_buffer(o, perf, take, 0, data, 60, 0)); SHOW(last);
}
static void stops(void) {
    emit(0, 5);
    SHOW(poll_all(first, stop_at_three, -1)); SHOW(seen);
    expected = 3; SHOW(poll_all(first, take, -1)); SHOW(bad);
    long long before = ms();
    SHOW(poll_all(first, take, 50)); SHOW(ms() - before >= 50); SHOW(poll_all(first, take, 0));
    emit(4, 5); SHOW(poll_all(first, take, 20));
}
static int nested(void *context, void *record, int size) {
    take(context, record, size);
    if (seen < 10) poll_buffer(o, first, nested, 0, data, sizeof(data), 0);
    return 0;
}
static int grows(void *context, void *record, int size) {
    emit(0, seen < 20);
    __builtin_wasm_memory_grow(0, 1);
    return take(context, record, size);
}
static int closes(void *context, void *record, int size) {
    printf("closed %d\n", close_object(o));
    seen++;
    return 0;
}
static int loads(void *context, void *record, int size) {
    object other = load(elf, sizeof(elf));
    seen += attach(other, "emit", 0) == 0;
    close_object(other);
    return 0;
}
static void reentry(void) {
    emit(0, 100); poll_all(first, nested, -1); poll_all(first, take, 0); SHOW(seen); SHOW(bad);
    seen = 0; emit(0, 1); while (poll_all(first, grows, 0) > 0) {} SHOW(seen); SHOW(bad);
    seen = 0; emit(0, 2); SHOW(poll_all(first, loads, 0)); SHOW(seen);
    seen = 0; emit(0, 2); SHOW(poll_all(first, closes, 0)); SHOW(seen); SHOW(poll_all(first, take, 0));
}
static int leaves(void *context, void *record, int size) { if (++seen == 2) exit(126); return 0; }
static void leave(void) { emit(0, 3); poll_all(first, leaves, -1); puts("never"); }
static int falls(void *context, void *record, int size) { __builtin_trap(); }
static void fall(void) { emit(0, 3); poll_all(first, falls, -1); puts("never"); }
static int spins(void *context, void *record, int size) { puts("here"); for (;;) __asm__ volatile(""); }
static void spin(void) { emit(0, 3); poll_all(first, spins, -1); puts("never"); }
static void signals(void) {
    puts("here"); SHOW(poll_all(first, take, -1)); SHOW(take_signal()); SHOW(take_signal());
    SHOW(poll_all(first, take, 5));
}
static void ignores(void) {
    SHOW(poll_all(first, take, -1)); SHOW(take_signal()); fflush(stdout); poll_all(first, take, -1); puts("never");
}
static void blocks(void) { puts("here"); poll_all(first, take, -1); puts("never"); }
static void batches(void) {
    static _Alignas(8) unsigned char room[65536];
    emit(0, 3);
    int n = poll_batch(first, room, sizeof(room), -1);
    SHOW(n);
    for (int at = 0; at < n;) {
        uint32_t head[2]; uint64_t number;
        memcpy(head, room + at, 8); memcpy(&number, room + at + 8, 8);
        printf("%u of %u: %llu\n", head[0], head[1], number);
        at += (8 + head[0] + 7) & ~7;
    }
    emit(0, 3);
    for (int i = 0; i < 3; i++) SHOW(poll_batch(first, room, 150, 0));
    emit(1, 1); SHOW(poll_batch(second, room, 32, 0));
    uint32_t head[2]; memcpy(head, room, 8); SHOW(head[0]); SHOW(head[1]);
    SHOW(poll_batch(first, room, 8, 0)); SHOW(poll_batch(first, (void *)-8, 64, 0)); SHOW(poll_batch(5, room, 64, 0));
    SHOW(poll_batch(first, room, 64, 10));
    poll_all(perf, take, 0); emit(2, 2); SHOW(poll_batch(perf, room, sizeof(room), 0));
}
static void waits(void) {
    int fds[] = {first, second, perf};
    SHOW(buffers_wait(fds, 3, 0)); SHOW(buffers_wait(fds, 3, 20));
    emit(1, 1); SHOW(buffers_wait(fds, 3, -1)); poll_all(second, take, 0);
    emit(2, 1); SHOW(buffers_wait(fds, 3, -1));
    emit(0, 1); SHOW(buffers_wait(fds, 3, -1)); SHOW(buffers_wait(fds, 3, -1)); SHOW(buffers_wait(fds, 3, -1));
    poll_all(first, take, 0); poll_all(perf, take, 0);
    emit(4, 3); SHOW(buffers_wait(fds, 3, 5)); emit(0, 1); SHOW(buffers_wait(fds, 3, -1));
    fds[1] = 9; SHOW(buffers_wait(fds, 3, -1)); SHOW(buffers_wait(fds, 0, -1)); SHOW(buffers_wait((void *)-4, 2, -1));
}
static void losses(void) {
    SHOW(buffer_lost(perf)); poll_all(perf, take, 0); emit(2, 30000);
    SHOW(buffer_lost(perf) > 0); SHOW(buffer_lost(first)); SHOW(buffer_lost(map_fd(o, "array"))); SHOW(buffer_lost(1));
    int64_t lost = buffer_lost(perf); int n, got = 0; seen = 0;
    while ((n = poll_all(perf, take, 0)) > 0) got += n;
    SHOW(got + lost); SHOW(seen == got);
    emit(3, 20); expected = 0; bad = 0; SHOW(poll_all(small, take, 0)); SHOW(bad);
    emit(3, 20); expected = 20; SHOW(poll_all(small, take, 0)); SHOW(bad); SHOW(buffer_lost(small));
}
int main(int argc, char **argv) {
    o = load(elf, sizeof(elf));
    first = map_fd(o, "first"); second = map_fd(o, "second"); perf = map_fd(o, "perf"); small = map_fd(o, "small");
#define RUN(name) if (!strcmp(argv[1], #name)) name();
    RUN(bursts) RUN(cuts) RUN(stops) RUN(reentry) RUN(leave) RUN(fall) RUN(spin) RUN(blocks)
    RUN(pads) RUN(pads_less) RUN(batches) RUN(waits) RUN(losses) RUN(signals) RUN(ignores)
    return 0;
}
"""


def answers(lines: list[str]) -> list[int]:
    return [int(line.rpartition(" = ")[2]) for line in lines if " = " in line]


def test_every_record_of_a_burst_comes_in_order_from_each_of_several_buffers(lines: Lines) -> None:
    found = answers(lines("bursts"))

    assert found == [5010, 0, 64, 300, 0, 500, 0, 70, 68, 5380]  # perf pads 4 + 61 bytes to a multiple of 8


def test_records_are_cut_to_the_guests_room_and_bad_arguments_are_errors(lines: Lines) -> None:
    assert answers(lines("cuts")) == [2, 100, 1, 0, -14, -22, -14, -22, -22, -22, -9, -22, -2]


def test_what_cannot_be_polled_as_asked_is_told_once_a_buffer(wasm: bytes) -> None:
    with Guest(wasm).run(["cuts"], policy=Policy(["all"])) as run:
        run.wait(30)

    cut, refused, no_ring = run.failures
    assert cut == "map second: a record of 500 bytes is cut to the 100 that the guest has room for"
    assert refused.startswith("poll map second: data: 1073741824 bytes at ")
    assert refused.endswith(" are not all within the guest's memory [max_size is what data has room for]")
    assert "array" in no_ring


@pytest.mark.parametrize(
    ("what", "room", "failures"),
    [
        ("pads", 64, []),
        ("pads_less", 60, ["map perf: a record of 68 bytes is cut to the 60 that the guest has room for"]),
    ],
)
def test_the_kernels_padding_of_a_perf_record_is_no_loss(
    wasm: bytes, what: str, room: int, failures: list[str]
) -> None:
    with Guest(wasm).run([what], policy=Policy(["all"])) as run:
        run.wait(30)

    assert answers(run.stdout.splitlines()) == [2, room]
    assert run.failures == failures


def test_a_negative_answer_stops_and_no_record_comes_twice(lines: Lines) -> None:
    assert answers(lines("stops")) == [-300, 3, 2, 0, 0, 1, 0, 0]


def test_callbacks_may_poll_grow_memory_load_and_close_what_is_polled(lines: Lines) -> None:
    text = lines("reentry")

    assert answers(text) == [100, 0, 21, 0, 2, 2, 1, 1, -22]
    assert text.count("closed 0") == 1


def test_exit_and_traps_in_a_callback_end_the_guest(wasm: bytes) -> None:
    ends = {}
    for what in ("leave", "fall"):
        with Guest(wasm).run([what], policy=Policy(["all"])) as run:
            run.wait(30)
            ends[what] = (run.ending, run.exit_code, run.stdout)

    assert ends == {"leave": ("exited", 126, ""), "fall": ("trapped", 1, "")}


@pytest.mark.parametrize("what", ["spin", "blocks"])
def test_it_can_be_paused_and_ended_in_a_callback_and_in_a_poll(wasm: bytes, what: str) -> None:
    with Guest(wasm).run([what], policy=Policy(["all"])) as run:
        until = time.monotonic() + 20
        while "here" not in run.stdout and time.monotonic() < until:
            time.sleep(0.005)
        paused, resumed, ended = run.pause(), run.resume(), run.terminate()
        run.wait(20)

        assert (paused, resumed, ended) == (True, True, True)
        assert (run.ending, run.stdout) == ("terminated", "here\n")


def test_a_guest_that_takes_signals_is_told_in_its_poll(wasm: bytes) -> None:
    with Guest(wasm).run(["signals"], policy=Policy(["all"])) as run:
        until = time.monotonic() + 20
        while "here" not in run.stdout and time.monotonic() < until:
            time.sleep(0.005)
        run.signal(15)
        run.wait(20)

        assert answers(run.stdout.splitlines()) == [-4, 15, 0, 0]


def test_the_end_of_its_time_is_a_signal_to_a_guest_that_takes_them(lines: Lines) -> None:
    text = lines("signals", duration=1)  # it returned by itself

    assert answers(text) == [-4, 2, 0, 0]


def test_a_guest_that_does_not_mind_is_ended_soon_after_its_time(wasm: bytes) -> None:
    start = time.monotonic()
    with Guest(wasm).run(["ignores"], policy=Policy(["all"]), duration=1) as run:
        code = run.wait(60)

        assert (run.ending, code) == ("timed out", 0)
        assert answers(run.stdout.splitlines()) == [-4, 2]
        assert time.monotonic() - start >= 3


def test_a_paused_guest_has_no_more_than_its_time(wasm: bytes) -> None:
    with Guest(wasm).run(["signals"], policy=Policy(["all"]), duration=0.5) as run:
        run.pause()
        run.wait(60)

        assert (run.ending, run.stdout) in (("timed out", ""), ("timed out", "here\n"))


def test_a_batch_has_whole_records_and_their_sizes(lines: Lines) -> None:
    text = lines("batches")

    assert text[1:4] == ["64 of 64: 0", "64 of 64: 1", "64 of 64: 2"]
    assert answers(text) == [216, 144, 72, 0, 32, 24, 500, -22, -14, -9, 0, 160]


def test_waiting_for_several_buffers_names_the_one_that_has_records(lines: Lines) -> None:
    found = answers(lines("waits"))

    assert found[:4] == [-11, -11, 1, 2]
    assert sorted(found[4:6]) == [0, 2]  # both have some: they take turns
    assert found[6] != found[5]
    assert found[7:9] == [-11, 0]  # records that were discarded are none
    assert found[9:] == [-9, -22, -14]


def test_the_kernels_losses_are_counted_and_a_full_ring_goes_on(lines: Lines) -> None:
    found = answers(lines("losses"))

    assert found[:7] == [0, 1, 0, -22, -9, 30000, 1]
    assert found[7:] == [7, 0, 7, 0, 26]  # eight fill it, which the kernel does not allow


def test_an_embedder_sees_the_records_that_the_guest_gets(wasm: bytes) -> None:
    got: list[tuple[str, bytes]] = []
    lock = threading.Lock()

    def keep(name: str, record: bytes) -> None:
        with lock:
            got.append((name, record[:8]))

    with Guest(wasm).run(["stops"], policy=Policy(["all"]), on_record=keep) as run:
        run.wait(30)

    assert [(name, int.from_bytes(record, "little")) for name, record in got] == [("first", n) for n in range(5)]
