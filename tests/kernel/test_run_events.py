"""The loop with real records: ring and perf buffers at once, endings, output, typed events."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from eunomia.compiler import compile_source
from eunomia.events import run as loops
from eunomia.events.account import Account
from eunomia.events.run import Run, RunOptions
from eunomia.kernel.object import Object

SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
const volatile int only = 0;
enum what { FIRST = 1, SECOND = 2 };
struct event { int pid; __u32 number; enum what what; char comm[16]; };
struct other { int pid; __u64 twice; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 16); } rb SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } pb SEC(".maps");
SEC("raw_tp/sys_enter") int on_kill(struct bpf_raw_tracepoint_args *ctx)
{
    int pid = bpf_get_current_pid_tgid() >> 32;
    struct pt_regs *regs = (void *)ctx->args[0];
    struct other other = {.pid = pid};
    unsigned long number;
    if (ctx->args[1] != 62 || pid != only)
        return 0;
    bpf_probe_read_kernel(&number, sizeof(number), &regs->di);
    struct event *event = bpf_ringbuf_reserve(&rb, sizeof(*event), 0);
    if (event) {
        event->pid = pid;
        event->number = -(int)number;
        event->what = SECOND;
        bpf_get_current_comm(event->comm, sizeof(event->comm));
        bpf_ringbuf_submit(event, 0);
    }
    other.twice = 2 * (__u64)(__u32)-(int)number;
    bpf_perf_event_output(ctx, &pb, BPF_F_CURRENT_CPU, &other, sizeof(other));
    return 0;
}
"""


def provoke(*numbers: int) -> None:
    """Record each number: kill(2) of a process group that does not exist."""
    for number in numbers:
        with contextlib.suppress(OSError):
            os.kill(-number, 0)


def follow(live: Object, numbers: range | tuple[int, ...] = (), **options: Any) -> tuple[int, list[str], list[Account]]:
    """Run the loop on a pipe with records provoked before it; return the ending, the lines, the accounts."""
    read, write = os.pipe()
    options.setdefault("duration", 0.3)
    with Run(live, live.package.plan(), RunOptions(out_fd=write, **options)) as reader:
        provoke(*numbers)
        lines: list[bytes] = []
        drain = threading.Thread(target=lambda: lines.extend(iter(lambda: os.read(read, 1 << 16), b"")))
        drain.start()
        try:
            ending = reader.loop()
        finally:
            os.close(write)
            drain.join()
            os.close(read)
        accounts = reader.accounts()
    return ending, b"".join(lines).decode().splitlines(), accounts


BASE = 3_000_000


def test_ring_and_perf_buffers_are_read_at_once(live: Object) -> None:
    ending, lines, accounts = follow(live, (BASE + 1, BASE + 2), format="json")

    events = [json.loads(line) for line in lines]
    assert ending == loops.DURATION
    assert [event["number"] for event in events if "number" in event] == [BASE + 1, BASE + 2]
    assert [event["twice"] for event in events if "twice" in event] == [2 * BASE + 2, 2 * BASE + 4]
    assert [(each.map, each.delivered, each.lost) for each in accounts] == [("rb", 2, {}), ("pb", 2, {})]


def test_max_events_is_exact(live: Object) -> None:
    ending, lines, _ = follow(live, range(BASE, BASE + 50), format="json", max_events=7, duration=5)

    assert (ending, len(lines)) == (loops.MAX_EVENTS, 7)


def test_text_names_the_type_where_there_are_several(live: Object) -> None:
    _, lines, _ = follow(live, (BASE,), time="clock")

    assert lines[0].split() == ["TIME", "EVENT", "PID", "NUMBER", "WHAT", "COMM"]
    assert lines[1].split()[1:5] == ["event", str(os.getpid()), str(BASE), "SECOND"]
    assert lines[2].split() == ["TIME", "EVENT", "PID", "TWICE"]


def test_header_comes_again_after_a_screen(live: Object) -> None:
    _, lines, _ = follow(live, range(BASE, BASE + 30), header="screen", screen_rows=10)

    assert len([line for line in lines if line.startswith("EVENT") and "NUMBER" in line]) > 2


def test_stop_from_another_thread_ends_an_idle_run_and_drains(live: Object) -> None:
    read, write = os.pipe()
    with Run(live, live.package.plan(), RunOptions(out_fd=write, format="json")) as reader:
        endings: list[int] = []
        thread = threading.Thread(target=lambda: endings.append(reader.loop()))
        thread.start()
        time.sleep(0.1)
        provoke(BASE)
        reader.stop()
        thread.join(5)

    assert endings == [loops.STOPPED]
    assert os.read(read, 4096).count(b"\n") == 2
    os.close(read)
    os.close(write)


def test_a_signal_ends_it_and_the_handlers_come_back(live: Object) -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
    try:
        timer.start()
        ending, _, _ = follow(live, take_signals=True, duration=5)
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert (ending, seen) == (loops.SIGNAL, [signal.SIGTERM])


def test_a_reader_that_leaves_ends_it_even_without_events(live: Object) -> None:
    read, write = os.pipe()
    os.close(read)
    with Run(live, live.package.plan(), RunOptions(out_fd=write, duration=5)) as reader:
        started = time.monotonic()
        assert reader.loop() == loops.OUTPUT_CLOSED
    os.close(write)
    assert time.monotonic() - started < 2


def test_a_full_disk_is_an_error_that_says_so(live: Object) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with Run(live, live.package.plan(), RunOptions(out_fd=full, duration=5)) as reader:
        provoke(BASE)
        with pytest.raises(OSError, match="write output: no space left on device") as caught:
            reader.loop()
    os.close(full)

    assert caught.value.errno == errno.ENOSPC


def test_output_that_blocks_loses_nothing(live: Object) -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    got: list[bytes] = []

    def slow() -> None:
        while data := os.read(read, 4096):
            got.append(data)
            time.sleep(0.001)

    thread = threading.Thread(target=slow)
    with Run(live, live.package.plan(), RunOptions(out_fd=write, format="json", duration=0.5)) as reader:
        provoke(*range(BASE, BASE + 1200))
        thread.start()
        reader.loop()
    os.close(write)
    thread.join()
    os.close(read)

    numbers = [json.loads(line)["number"] for line in b"".join(got).splitlines() if b"number" in line]
    assert numbers == list(range(BASE, BASE + 1200))


def test_an_idle_run_does_not_wake_up(live: Object) -> None:
    null = os.open("/dev/null", os.O_WRONLY)
    with Run(live, live.package.plan(), RunOptions(out_fd=null, duration=0.5)) as reader:
        before = resource.getrusage(resource.RUSAGE_THREAD)
        reader.loop()
        after = resource.getrusage(resource.RUSAGE_THREAD)
    os.close(null)

    assert after.ru_nvcsw - before.ru_nvcsw <= 5


def test_typed_events_have_the_structs_names(live: Object) -> None:
    with live.events("rb", timeout=1) as stream:
        provoke(BASE + 5)
        event = next(stream)

    assert type(event).__name__ == "event"
    assert (event.pid, event.number, event.what.name) == (os.getpid(), BASE + 5, "SECOND")
    assert event._asdict()["what"] == 2
    assert repr(event).startswith(f"event(pid={os.getpid()}, number={BASE + 5}, what=SECOND, comm=")


def test_typed_events_end_after_the_timeout_and_their_number(live: Object) -> None:
    with live.events("pb", timeout=0.2) as stream:
        provoke(BASE, BASE + 1)
        assert [event.twice for event in stream] == [2 * BASE, 2 * BASE + 2]
    with live.events("rb", max_events=1, timeout=5) as stream:
        provoke(BASE)
        assert len(list(stream)) == 1


def test_stop_ends_a_waiting_iterator(live: Object) -> None:
    with live.events("rb") as stream:
        threading.Timer(0.1, stream.stop).start()
        started = time.monotonic()
        rest = list(stream)

    assert time.monotonic() - started < 2
    assert len(rest) < 20


def test_a_map_that_is_no_source_is_named(live: Object) -> None:
    with pytest.raises(ValueError, match="events of map nope: not an event source; the object has rb, pb"):
        live.events("nope")
    with pytest.raises(ValueError, match="events: which map; the object has rb, pb"):
        live.events()


def test_printk_lines_come_on_request(tmp_path: Path) -> None:
    source = tmp_path / "printing.bpf.c"
    source.write_text(
        '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\nchar LICENSE[] SEC("license") = "GPL";\n'
        'SEC("tp/sched/sched_process_exec") int on(void *ctx) { bpf_printk("hello from exec"); return 0; }\n'
    )
    with compile_source(source).load() as obj:
        read, write = os.pipe()
        options = RunOptions(out_fd=write, format="json", duration=0.5, trace_pipe=True)
        with Run(obj, obj.package.plan(), options) as reader:
            obj.attach()
            os.spawnlp(os.P_WAIT, "true", "true")
            reader.loop()
        os.close(write)
        lines = os.read(read, 1 << 16).decode().splitlines()
        os.close(read)

    assert any(json.loads(line)["$eunomia"]["printk"].endswith("hello from exec") for line in lines)
