"""Counting, histograms and live tables of real events and real maps."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from eunomia._native import lib
from eunomia.events.filter import compile_filter
from eunomia.events.run import Run, RunOptions
from eunomia.kernel.object import Object
from eunomia.package.model import Package
from support import provoke
from support.commands import Command, attached
from support.objects import build
from support.screen import Screen, Terminal
from support.tools import start

SOURCE = """
struct event { __u64 value; __s32 balance; char comm[16]; __u8 parity; };
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} events SEC(".maps");
const volatile int only = 0;
/* At each kill(2) of one process: the numbers 0 to 99, and their half below zero. */
SEC("raw_tp/sys_enter") int on_kill(struct bpf_raw_tracepoint_args *ctx)
{
    if (ctx->args[1] != 62 || bpf_get_current_pid_tgid() >> 32 != only)
        return 0;
    for (int i = 0; i < 100; i++) {
        struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
        if (!event)
            return 0;
        event->value = i;
        event->balance = 50 - i;
        event->parity = i % 2;
        __builtin_memset(event->comm, 0, 16);
        event->comm[0] = 'a' + i % 3;
        bpf_ringbuf_submit(event, 0);
    }
    return 0;
}
"""
MAPS = """
struct pair { __u32 pid; char comm[16]; };
struct sum { __u64 count; __s64 total; };
/// @sample {"interval": 100, "type": "default_kv"}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8192);
    __type(key, struct pair);
    __type(value, struct sum);
} sums SEC(".maps");
SEC("raw_tp/sched_switch") int unused(void *ctx) { return !bpf_map_lookup_elem(&sums, &(struct pair){}); }
"""


# Signals that this process sends, but the one that ends the tool.
OURS = ("--pid", os.getpid(), "--kill", "--filter", "sig != SIGINT")


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return build(tmp_path_factory.mktemp("aggregate"), SOURCE)


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return build(tmp_path_factory.mktemp("aggregate"), MAPS)


@pytest.fixture
def sums(mapped: Package) -> Iterator[Object]:
    with mapped.load() as obj:
        for pid, comm, count, total in (
            (7, b"seven", 70, -7),
            (30, b"b", 5, 900),
            (4, b"four", 5, 0),
            (200, b"a", 6, 44),
        ):
            put(obj, pid, comm, count, total)
        yield obj


def put(obj: Object, pid: int, comm: bytes, count: int, total: int) -> None:
    handle = obj.handle()
    key, value = pack("<I16s", pid, comm), pack("<Qq", count, total)
    assert lib.eu_map_update(handle, lib.eu_map_find(handle, b"sums"), key, value, 0) == 0


def written(run: Callable[[int], None]) -> str:
    """Return what is written into the descriptor that run is called with."""
    read, write = os.pipe()
    got: list[bytes] = []
    drain = threading.Thread(target=lambda: got.extend(iter(lambda: os.read(read, 1 << 16), b"")))
    drain.start()
    try:
        run(write)
    finally:
        os.close(write)
        drain.join()
        os.close(read)
    return b"".join(got).decode()


def counted(package: Package, kills: int, **options: Any) -> str:
    """Return what a run prints that sees the events of so many kill(2)."""

    def run(out: int) -> None:
        chosen = RunOptions(out_fd=out, hold=True, duration=0.2, **options)
        with package.load({"only": os.getpid()}) as obj, Run(obj, package.plan(), chosen) as reader:
            obj.attach()
            for _ in range(kills):
                os.kill(os.getpid(), 0)
            reader.loop()
            obj.detach()
            reader.finish()
            [account] = reader.accounts()
        assert account.delivered + account.filtered == kills * 100

    return written(run)


def sampled(obj: Object, **options: Any) -> str:
    """Return what one reading of the maps prints."""

    def run(out: int) -> None:
        with Run(obj, obj.package.plan(), RunOptions(out_fd=out, duration=0.05, **options)) as reader:
            reader.loop()

    return written(run)


def documents(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_signals_are_counted_to_the_last_one(ecli: Command) -> None:
    running = start(ecli, "sigsnoop", "--count-by", "sig", *OURS)
    provoke.signals(signal.SIGUSR1, 70)
    provoke.signals(signal.SIGUSR2, 50)
    provoke.signals(signal.SIGHUP, 20)

    time.sleep(0.15)
    assert running.stop().events == [
        {"sig": "SIGUSR1", "count": 70},
        {"sig": "SIGUSR2", "count": 50},
        {"sig": "SIGHUP", "count": 20},
    ]


def test_a_histogram_of_known_values_is_exact(counting: Package) -> None:
    [row] = documents(counted(counting, 30, hist=["value"], format="json"))

    assert (row["count"], row["sum"], row["min"], row["max"]) == (3000, 30 * 4950, 0, 99)
    assert row["mean"] == 49.5
    assert [bucket["count"] // 30 for bucket in row["buckets"]] == [1, 1, 2, 4, 8, 16, 32, 36]
    assert abs(row["p50"] - 50) <= 14


def test_a_histogram_by_key_knows_negative_numbers(counting: Package) -> None:
    even, odd = documents(counted(counting, 2, count_by=["parity"], hist=["balance"], sort=["+parity"], format="json"))

    assert (even["parity"], even["count"], even["sum"], even["min"], even["max"]) == (0, 100, 100, -48, 50)
    assert (odd["parity"], odd["count"], odd["sum"], odd["min"], odd["max"]) == (1, 100, 0, -49, 49)
    assert sum(bucket["count"] for bucket in even["buckets"] if bucket["le"] < 0) == 48


def test_a_filter_comes_before_counting(counting: Package) -> None:
    wanted = compile_filter(counting, "value >= 90 && comm == 'a'")

    assert counted(counting, 3, count_by=["comm"], filter=wanted, format="csv") == "comm,count\na,12\n"


def test_the_largest_events_of_many(counting: Package) -> None:
    text = counted(counting, 5, sort=["value"], top=7, fields=["value", "parity"])

    assert [line.split() for line in text.splitlines()] == [
        ["VALUE", "PARITY"],
        *[["99", "1"]] * 5,
        *[["98", "0"]] * 2,
    ]


def test_wrong_fields_are_refused_before_anything_is_loaded(ecli: Command) -> None:
    for options, message in (
        (["--count-by", "signal"], "--count-by: no field signal [fields: pid, comm, sig, tpid, tcomm, result]"),
        (["--hist", "comm"], "--hist: field comm is no number of at most 64 bits"),
        (["--count-by", "sig", "--sort", "sum"], "--sort: no column sum [columns: sig, count]"),
    ):
        result = ecli("run", *options, "sigsnoop")
        assert (result.returncode, result.stdout) == (2, ""), result
        assert result.stderr == f"ecli: {message}\n"


def test_top_without_anything_to_sort_by_says_what_is_missing(ecli: Command) -> None:
    result = ecli("run", "--top", "5", "sigsnoop")

    assert result.returncode == 2
    assert "[add --count-by FIELDS, or --sort FIELD]" in result.stderr
    result = ecli("run", "--top", "5", "runqlat")
    assert result.returncode == 2
    assert "histograms" in result.stderr


def in_terminal(
    ecli: Command, columns: int, rows: int, *words: object, act: Callable[[Terminal], None]
) -> tuple[Terminal, Screen]:
    """Run ecli on a terminal of this size, act when it is attached, end it as Ctrl-C does."""
    terminal = Terminal(columns, rows)
    process = terminal.start([*ecli.argv, *map(str, words)])
    deadline = time.monotonic() + 20
    while not attached(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    act(terminal)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    return terminal, terminal.finish()


def test_a_live_table_is_redrawn_in_place_and_stays_at_the_end(ecli: Command) -> None:
    words = ["run", "--top", 2, "--interval", 0.3, "--count-by", "sig", "--quiet", "sigsnoop", *OURS]

    def act(_: Terminal) -> None:
        for number, count in ((signal.SIGUSR1, 3), (signal.SIGUSR2, 5), (signal.SIGHUP, 2)):
            provoke.signals(number, count)
            time.sleep(0.4)

    terminal, screen = in_terminal(ecli, 60, 20, *words, act=act)
    title, *lines = screen.lines
    assert "10 events, 3 rows" in title
    assert lines == ["SIG      COUNT", "SIGUSR2      5", "SIGUSR1      3", "and 1 more", ""]
    assert terminal.raw.count("\x1b[J") >= 3
    assert "\x1b[2J" not in terminal.raw
    assert terminal.raw.endswith("\n\x1b[J")  # the cursor is below the table


def test_a_live_table_fits_the_terminal(ecli: Command) -> None:
    words = ["run", "--top", 100, "--interval", 0.2, "--count-by", "tpid,comm,tcomm", "--quiet", "sigsnoop"]
    words += [*OURS]

    def act(_: Terminal) -> None:
        for _ in range(9):
            provoke.signals(signal.SIGUSR1, 1)
        time.sleep(0.3)

    _, screen = in_terminal(ecli, 14, 8, *words, act=act)
    assert screen.overlong == []
    assert len(screen.lines) <= 8
    assert screen.lines[-2] == "and 6 more"
    assert screen.lines[1].split()[0] == "TPID"


def test_a_terminal_of_another_size_is_drawn_anew(ecli: Command) -> None:
    words = ["run", "--top", 3, "--interval", 0.2, "--count-by", "sig", "--quiet", "sigsnoop", *OURS]

    def act(terminal: Terminal) -> None:
        provoke.signals(signal.SIGUSR1, 1)
        time.sleep(0.5)
        terminal.resize(30, 10)
        time.sleep(0.5)

    terminal = Terminal(60, 20)
    process = terminal.start([*ecli.argv, *map(str, words)])
    while not attached(process.pid):
        time.sleep(0.05)
    act(terminal)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    terminal.close()
    assert terminal.raw.count("\x1b[H\x1b[2J") == 1


def test_off_a_terminal_there_is_a_block_for_each_interval(ecli: Command) -> None:
    words = ["--top", 2, "--interval", 0.3, "--count-by", "sig", "--time", "none", "--quiet"]
    running = ecli.start("run", *words, "sigsnoop", *OURS).wait_attached()
    provoke.signals(signal.SIGUSR1, 3)
    time.sleep(0.5)
    provoke.signals(signal.SIGUSR2, 4)

    time.sleep(0.1)
    result = running.stop()
    assert "\x1b" not in result.stdout
    blocks = result.stdout.split("\n\n")
    assert blocks[0] == "SIG      COUNT\nSIGUSR1      3"
    assert blocks[-1] == "SIG      COUNT\nSIGUSR2      4\nSIGUSR1      3\n"


def test_tables_of_maps_are_sorted_by_any_field(sums: Object) -> None:
    def pids(*sort: str) -> list[int]:
        return [row["key"]["pid"] for row in documents(sampled(sums, format="json", sort=sort))]

    assert pids("pid") == [200, 30, 7, 4]
    assert pids("+pid") == [4, 7, 30, 200]
    assert pids("total") == [30, 200, 4, 7]
    assert pids("+comm") == [200, 30, 4, 7]
    assert pids("+count") == [4, 30, 200, 7]


def test_tables_of_maps_have_top_fields_and_csv(sums: Object) -> None:
    assert (
        sampled(sums, top=2)
        == "PID  COMM   COUNT  TOTAL\n  7  seven     70     -7\n200  a          6     44\nand 2 more\n"
    )
    assert sampled(sums, top=1, sort=["total"], fields=["comm", "total"]) == "COMM  TOTAL\nb       900\nand 3 more\n"
    assert sampled(sums, format="csv", top=2) == "pid,comm,count,total\n7,seven,70,-7\n200,a,6,44\n"
    assert documents(sampled(sums, format="json", fields=["total", "pid"], sort=["+pid"], top=1)) == [
        {"total": 0, "pid": 4}
    ]


def test_tables_of_maps_are_filtered_by_key_and_value(sums: Object) -> None:
    wanted = compile_filter(sums.package, "count < 10 && comm != 'a'")

    assert [row["key"]["pid"] for row in documents(sampled(sums, format="json", filter=wanted, sort=["+pid"]))] == [
        4,
        30,
    ]


def test_a_large_map_is_sorted_too(mapped: Package) -> None:
    with mapped.load() as obj:
        for pid in range(6000):
            put(obj, pid, b"x", (pid * 7919) % 6000, -pid)

        rows = [int(line.split()[2]) for line in sampled(obj).splitlines()[1:]]
        assert rows == list(range(5999, -1, -1))
        text = sampled(obj, sort=["+total"], top=3, fields=["pid"])
        assert text == " PID\n5999\n5998\n5997\nand 5997 more\n"


def test_a_field_that_no_map_has_is_refused(sums: Object, ecli: Command) -> None:
    with pytest.raises(OSError, match="--sort: no field nosuch"):
        sampled(sums, sort=["nosuch"])
    result = ecli("run", "--sort", "nosuch", "syscount")
    assert (result.returncode, result.stdout) == (2, "")


def test_a_recording_is_counted_as_live_events_are(ecli: Command, tmp_path: Path) -> None:
    file = tmp_path / "signals.eurec"
    running = ecli.start("record", "-o", file, "sigsnoop", *OURS).wait_attached()
    provoke.signals(signal.SIGUSR1, 6)
    time.sleep(0.15)
    assert running.stop().returncode == 0

    result = ecli("replay", file, "--count-by", "sig", "-j")
    assert result.events == [{"sig": "SIGUSR1", "count": 6}]
    result = ecli("replay", file, "--count-by", "nosuch")
    assert (result.returncode, result.stdout) == (2, "")


def test_a_map_that_is_emptied_is_emptied_of_what_a_filter_drops_too(mapped: Package) -> None:
    wanted = compile_filter(mapped, "count >= 10")
    with mapped.load() as obj:
        put(obj, 1, b"x", 3, 3)

        assert sampled(obj, format="json", filter=wanted, clear=True) == ""
        assert list(obj.maps["sums"]) == []
