"""Where events go when the reader is slow, the disk full, the file rotated; what is lost is told where it was."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from support.commands import Command, Running, attached
from support.objects import HEADERS

SOURCE = """
const volatile int only_pid = 0;
struct event { __u32 pid; __u64 number; char comm[16]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 20); } events SEC(".maps");
unsigned long long count;
SEC("tracepoint/syscalls/sys_enter_getppid") int f(void *ctx)
{
    if ((int)(bpf_get_current_pid_tgid() >> 32) != only_pid)
        return 0;
    __u64 number = __sync_fetch_and_add(&count, 1);
    struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
    if (!e)
        return 0;
    e->pid = only_pid;
    e->number = number;
    bpf_get_current_comm(e->comm, sizeof(e->comm));
    bpf_ringbuf_submit(e, 0);
    return 0;
}
"""
CALLER = """
import os, sys, time
for line in sys.stdin:
    what, pause = line.split()
    end, count = time.monotonic() + float(what.removesuffix("s")), 0
    while time.monotonic() < end if what.endswith("s") else count < int(what):
        os.getppid()
        count += 1
        if float(pause) and (count % 100 == 0 or not what.endswith("s")):
            time.sleep(float(pause))
    print(count, flush=True)
"""
ACCOUNT = re.compile(r"produced (\d+) = delivered (\d+)(?: \+ filtered (\d+))?(?: \+ lost (\d+) \(([^)]*)\))?")


class Caller:
    """A process that calls getppid(2) as often as it is told, or in bursts for so many seconds: one event each."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", CALLER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid

    def begin(self, count: int | str, pause: float = 0) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{count} {pause}\n")
        self._process.stdin.flush()

    def done(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def __call__(self, count: int, pause: float = 0) -> None:
        self.begin(count, pause)
        self.done()

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def call() -> Iterator[Caller]:
    caller = Caller()
    yield caller
    caller.close()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("output")
    (folder / "calls.bpf.c").write_text(HEADERS + SOURCE)
    command = Command("ecc", "output")
    try:
        done = command(folder / "calls.bpf.c", "-o", folder / "calls.json", timeout=120)
    finally:
        command.close()
    assert done.returncode == 0, done
    return folder / "calls.json"


class Stream:
    """Lines of JSON, taken apart: events, losses that were told, the account at the end."""

    def __init__(self, text: str) -> None:
        assert text.endswith("\n") or not text
        self.items = [json.loads(line) for line in text.splitlines()]
        self.events = [item for item in self.items if "$eunomia" not in item]
        ours = [item["$eunomia"] for item in self.items if "$eunomia" in item]
        self.lost: dict[str, int] = {}
        for each in ours:
            if "lost" in each:
                self.lost[each["lost"]["cause"]] = self.lost.get(each["lost"]["cause"], 0) + each["lost"]["count"]
        self.account: dict[str, Any] = next((each["account"] for each in ours if "account" in each), {})

    @property
    def numbers(self) -> list[int]:
        return [event["number"] for event in self.events]

    def check(self, produced: int) -> None:
        """Everything adds up: lines told, account, events."""
        account = self.account
        assert account["produced"] == produced
        assert account["delivered"] == len(self.events)
        assert {cause: count for cause, count in account["lost"].items() if count} == self.lost
        assert account["filtered"] + account["discarded"] + account["pending"] == 0
        assert produced == len(self.events) + sum(self.lost.values())
        assert self.numbers == sorted(set(self.numbers))


class Reader(threading.Thread):
    """Reads a descriptor to its end once it is started."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(daemon=True)
        self.descriptor = descriptor
        self.data = bytearray()

    def run(self) -> None:
        while True:
            try:
                got = os.read(self.descriptor, 65536)
            except OSError:  # a terminal whose other side is closed
                return
            if not got:
                return
            self.data += got


def sinks(kind: str, folder: Path) -> tuple[int, int]:
    """Return a descriptor to read and one to write."""
    if kind == "socket":
        left, right = socket.socketpair()
        return left.detach(), right.detach()
    if kind == "terminal":
        return pty.openpty()
    if kind == "fifo":
        os.mkfifo(folder / "fifo")
        reading = os.open(folder / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        writing = os.open(folder / "fifo", os.O_WRONLY)
        os.set_blocking(reading, True)
        return reading, writing
    reading, writing = os.pipe()
    os.fchown(reading, 65534, 65534)
    return reading, writing


def started(ecli: Command, words: list[object], stdout: int, stderr: IO[bytes], prefix: list[str]) -> Any:
    process = subprocess.Popen([*prefix, *ecli.argv, *map(str, words)], stdout=stdout, stderr=stderr)
    deadline = time.monotonic() + 20
    while attached(process.pid) < 1:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.05)
    return process


STRANGER = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]


@pytest.mark.parametrize("kind", ["fifo", "pipe of another user", "socket", "terminal"])
def test_a_reader_that_does_not_read_costs_events_and_stops_nothing(
    kind: str, ecli: Command, call: Caller, package: Path, tmp_path: Path
) -> None:
    reading, writing = sinks(kind, tmp_path)
    reader = Reader(reading)
    words: list[object] = ["run", "-j", "--queue", "2M" if kind == "fifo" else "64K", package, "--only_pid", call.pid]
    with open(tmp_path / "stderr", "wb") as stderr:
        process = started(ecli, words, writing, stderr, STRANGER if "user" in kind else [])
    os.close(writing)
    for _ in range(5):  # the ring's 26,000 records would not last: it is read on
        call(20000)
        time.sleep(0.05)
    reader.start()
    time.sleep(0.3)
    call(10)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    reader.join(5)
    os.close(reading)

    stream = Stream(reader.data.decode().replace("\r\n", "\n"))
    stream.check(100010)
    assert set(stream.lost) == {"queue full"}
    assert stream.numbers[-10:] == list(range(100000, 100010))  # what came once it read again
    gap = next(i for i, item in enumerate(stream.items) if "$eunomia" in item)
    before, after = stream.items[gap - 1], stream.items[gap + 1]
    assert after["number"] - before["number"] - 1 == stream.items[gap]["$eunomia"]["lost"]["count"]  # where it was
    said = (tmp_path / "stderr").read_text()
    assert f"ecli: events: produced 100010 = delivered {len(stream.events)} + lost " in said
    assert re.search(r"ecli: events: \d+ lost \(queue full\) in the last second\n", said)


def test_two_signals_give_up_on_a_reader_that_never_reads(
    ecli: Command, call: Caller, package: Path, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    with open(tmp_path / "stderr", "wb") as stderr:
        process = started(ecli, ["run", "-j", package, "--only_pid", call.pid], writing, stderr, [])
    os.close(writing)
    call(20000)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 0
    reader = Reader(reading)
    reader.start()
    reader.join(5)
    os.close(reading)

    lines = reader.data.decode().splitlines(keepends=True)
    assert lines[-1].endswith("}\n")
    found = ACCOUNT.search((tmp_path / "stderr").read_text())
    assert found is not None
    assert [int(found[1]), int(found[2]), found[5]] == [20000, len(lines), f"queue full {20000 - len(lines)}"]


@pytest.mark.parametrize("form", ["file", "redirection"])
def test_a_full_disk_is_said_and_counted_and_leaves_whole_lines(
    form: str, ecli: Command, call: Caller, package: Path, tmp_path: Path
) -> None:
    small, kept = tmp_path / "small", tmp_path / "kept"
    small.mkdir()
    run = '"$@"' if form == "file" else '"$@" > "$0/events"'
    script = f'mount -t tmpfs -o size=64k none "$0"; kept=$1; shift; {run}; code=$?; cp "$0/events" "$kept"; exit $code'
    prefix = ["unshare", "--mount", "sh", "-c", script, str(small), str(kept)]
    file = ("-o", small / "events") if form == "file" else ()
    words = ("run", "-j", "--fail-on-loss", *file, package, "--only_pid", call.pid)
    running = ecli.start(*words, prefix=prefix).wait_attached_below()
    call(3000)
    result = running.finish()

    assert result.returncode == 1
    said = result.stderr.splitlines()
    assert said[-1] == f"ecli: write {file[1] if file else 'output'}: no space left on device"
    stream = Stream(kept.read_text())
    assert len(stream.events) > 500
    found = ACCOUNT.search(said[-2])
    assert found is not None
    assert int(found[1]) == int(found[2]) + int(found[4])
    assert found[5] == f"sink failed {found[4]}"
    assert int(found[2]) == len(stream.events)


def files(path: Path) -> list[Path]:
    """Return FILE.N, ..., FILE.1, FILE."""
    old = sorted(path.parent.glob(f"{path.name}.*"), key=lambda each: -int(each.suffix[1:]))
    return [*old, path]


def test_files_rotate_by_size_between_lines_and_nothing_is_missing(
    ecli: Command, call: Caller, package: Path, tmp_path: Path
) -> None:
    path = tmp_path / "events"
    words = ("run", "-j", "-o", path, "--rotate-size", "4K", package, "--only_pid", call.pid)
    running = ecli.start(*words).wait_attached()
    for _ in range(20):
        call(50)
        time.sleep(0.01)
    result = running.stop()

    assert result.stderr == "ecli: events: 1000 delivered, none lost\n"
    found = files(path)
    assert [each.name for each in found] == [*(f"events.{n}" for n in range(len(found) - 1, 0, -1)), "events"]
    assert all(4096 <= each.stat().st_size < 4096 + 100 for each in found[:-1])
    streams = [Stream(each.read_text()) for each in found]
    assert [number for stream in streams for number in stream.numbers] == list(range(1000))


@pytest.mark.parametrize("form", ["text", "csv"])
def test_each_file_has_its_header_and_the_oldest_go(
    form: str, ecli: Command, call: Caller, package: Path, tmp_path: Path
) -> None:
    first = "PID  " if form == "text" else "pid,number,comm"
    path = tmp_path / "events"
    words = ("--time", "none", "--format", form, "--rotate-size", "1K", "--rotate-keep", "3")
    running = ecli.start("run", *words, "-o", path, package, "--only_pid", call.pid).wait_attached()
    for _ in range(10):
        call(20)
        time.sleep(0.01)
    running.stop()

    found = files(path)
    assert [each.name for each in found] == ["events.3", "events.2", "events.1", "events"]
    texts = [each.read_text().splitlines() for each in found]
    assert all(lines[0].startswith(first) for lines in texts)
    assert all(not line.startswith(first) for lines in texts for line in lines[1:])
    assert sum(len(lines) - 1 for lines in texts[:3]) > 30
    assert texts[-1][-1].replace(",", " ").split()[1] == "199"


def test_files_rotate_by_time_also_when_nothing_comes(
    ecli: Command, call: Caller, package: Path, tmp_path: Path
) -> None:
    path = tmp_path / "events"
    words = ("run", "-j", "-o", path, "--rotate-after", "300ms", package, "--only_pid", call.pid)
    running = ecli.start(*words).wait_attached()
    call(5)
    time.sleep(0.6)
    assert [each.name for each in files(path)] == ["events.1", "events"]
    time.sleep(0.5)  # an empty file is not rotated
    assert [each.stat().st_size > 0 for each in files(path)] == [True, False]
    call(5)
    running.stop()

    assert [Stream(each.read_text()).numbers for each in files(path)] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_a_folder_that_vanishes_is_one_clear_line(ecli: Command, call: Caller, package: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    words = ("run", "-j", "-o", folder / "events", "--rotate-size", "1K", package, "--only_pid", call.pid)
    running = ecli.start(*words).wait_attached()
    (folder / "events").unlink()
    folder.rmdir()
    call(100)
    result = running.finish()

    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == f"ecli: rotate: open {folder}/events: no such file or directory"
    found = ACCOUNT.search(result.stderr)
    assert found is not None
    assert [int(found[1]), int(found[1])] == [100, int(found[2]) + int(found[4])]
    assert "sink failed" in found[5]


def test_a_file_that_cannot_be_rotated_is_refused_before_anything_is_loaded(ecli: Command, package: Path) -> None:
    result = ecli("run", "-o", "/dev/null", "--rotate-size", "1K", package)

    assert (result.returncode, result.stderr) == (
        2,
        "ecli: --output: /dev/null is no regular file: it cannot be rotated\n",
    )


def test_a_drill_loses_its_share_and_fails_the_run(ecli: Command, call: Caller, package: Path) -> None:
    words = ("run", "-j", "--drill-loss", "10%", "--fail-on-loss", package, "--only_pid", call.pid)
    running = ecli.start(*words).wait_attached()
    for _ in range(10):
        call(1000)
        time.sleep(0.03)
    result = running.stop()

    assert result.returncode == 3, result
    stream = Stream(result.stdout)
    stream.check(10000)
    assert set(stream.lost) == {"drill"}
    assert 800 < stream.lost["drill"] < 1200
    assert result.stderr.count("in the last second") == 1
    assert result.stderr.endswith(
        f"ecli: events: produced 10000 = delivered {len(stream.events)} + lost {stream.lost['drill']}"
        f" (drill {stream.lost['drill']})\n"
    )


def test_a_sample_is_the_first_of_each_n_and_no_failure(ecli: Command, call: Caller, package: Path) -> None:
    words = ("run", "-j", "--sample", "1/10", "--fail-on-loss", package, "--only_pid", call.pid)
    running = ecli.start(*words).wait_attached()
    call(1005)
    time.sleep(0.1)
    result = running.stop()

    assert result.returncode == 0, result
    stream = Stream(result.stdout)
    stream.check(1005)
    assert stream.numbers == list(range(0, 1005, 10))
    assert stream.lost == {"sampled out": 904}
    assert result.stderr == "ecli: events: produced 1005 = delivered 101 + lost 904 (sampled out 904)\n"


def test_a_rate_limit_lets_each_second_have_its_share(ecli: Command, call: Caller, package: Path) -> None:
    words = ("run", "-j", "--ts", "--rate-limit", "40", "--fail-on-loss", package, "--only_pid", call.pid)
    running = ecli.start(*words).wait_attached()
    call(1250, 0.002)
    result = running.stop()

    assert result.returncode == 0, result
    stream = Stream(result.stdout)
    stream.check(1250)
    assert set(stream.lost) == {"rate limit"}
    lengths = [0]
    for before, number in zip([-1, *stream.numbers], stream.numbers, strict=False):
        lengths += [0] * (number != before + 1)
        lengths[-1] += 1
    assert len(lengths) >= 2
    assert all(length == 40 for length in lengths[1:-1])  # the first of each second, no fewer than its share
    assert lengths[0] in range(40, 81)  # two seconds' where the first was nearly over
    assert lengths[-1] in range(1, 41)
    assert "in the last second" not in result.stderr


def test_a_reader_that_is_stopped_in_a_flood_loses_and_says_where(ecli: Command, call: Caller, package: Path) -> None:
    running = ecli.start("run", "-j", "--ring-size", "4K", package, "--only_pid", call.pid).wait_attached()
    call(20)
    time.sleep(0.2)
    running.process.send_signal(signal.SIGSTOP)
    call(50000)
    running.process.send_signal(signal.SIGCONT)
    time.sleep(0.2)
    call(20)
    time.sleep(0.2)
    result = running.stop()

    stream = Stream(result.stdout)
    stream.check(50040)
    assert set(stream.lost) == {"ring full"}
    gap = next(i for i, item in enumerate(stream.items) if "$eunomia" in item)
    count = stream.items[gap]["$eunomia"]["lost"]["count"]
    assert stream.items[gap + 1]["number"] - stream.items[gap - 1]["number"] - 1 == count
    assert re.search(r"\(ring full \d+\) \[--ring-size 8M\]\n$", result.stderr)


def test_a_recording_says_where_it_lost(ecli: Command, call: Caller, package: Path, tmp_path: Path) -> None:
    words = ("-q", "--ring-size", "4K", "-o", tmp_path / "lossy.rec", package, "--only_pid", call.pid)
    running = ecli.start("record", *words).wait_attached()
    call(20)
    time.sleep(0.2)
    for _ in range(2):
        running.process.send_signal(signal.SIGSTOP)
        call(20000)
        running.process.send_signal(signal.SIGCONT)
        time.sleep(0.2)
        call(20)
        time.sleep(0.2)
    running.stop()

    stream = Stream(ecli("replay", "-j", tmp_path / "lossy.rec").stdout)
    stream.check(40060)
    gaps = [i for i, item in enumerate(stream.items) if "lost" in item.get("$eunomia", {})]
    assert len(gaps) == 2
    for gap in gaps:
        count = stream.items[gap]["$eunomia"]["lost"]["count"]
        assert stream.items[gap + 1]["number"] - stream.items[gap - 1]["number"] - 1 == count


def test_a_stop_of_5_seconds_in_the_middle_of_a_flood_balances(ecli: Command, call: Caller, package: Path) -> None:
    running = ecli.start("run", "-j", "--ring-size", "64K", package, "--only_pid", call.pid).wait_attached()
    call.begin("5.6s", 0.002)
    time.sleep(0.3)
    running.process.send_signal(signal.SIGSTOP)
    time.sleep(5)
    running.process.send_signal(signal.SIGCONT)
    produced = call.done()
    result = running.stop()

    assert result.returncode == 0
    stream = Stream(result.stdout)
    stream.check(produced)
    assert set(stream.lost) == {"ring full"}
    assert stream.numbers[-1] == produced - 1  # it read on afterwards
    assert produced > 100000


def test_losses_of_a_ring_are_told_before_every_event_that_came_after_them(
    ecli: Command, call: Caller, package: Path
) -> None:
    running = ecli.start("run", "-j", "--ring-size", "4K", package, "--only_pid", call.pid).wait_attached()
    call(100000)
    time.sleep(0.2)
    result = running.stop()

    stream = Stream(result.stdout)
    stream.check(100000)
    assert stream.lost["ring full"] > 1000
    told = missing = expected = 0
    for item in stream.items:
        if "$eunomia" in item:
            told += item["$eunomia"].get("lost", {"count": 0})["count"]
            continue
        missing += item["number"] - expected
        expected = item["number"] + 1
        assert told >= missing, item


FULL = """
const volatile int only_pid = 0;
/// @sample {"interval": 200}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8);
    __type(key, __u64);
    __type(value, __u64);
} seen SEC(".maps");
__u64 count;
SEC("tracepoint/syscalls/sys_enter_getppid") int f(void *ctx)
{
    __u64 one = 1, number;
    if ((int)(bpf_get_current_pid_tgid() >> 32) != only_pid)
        return 0;
    number = __sync_fetch_and_add(&count, 1);
    bpf_map_update_elem(&seen, &number, &one, BPF_ANY);
    return 0;
}
"""


def test_a_sampled_map_that_is_full_is_told(ecli: Command, call: Caller, tmp_path: Path) -> None:
    path = tmp_path / "full.bpf.c"
    path.write_text(HEADERS + FULL)
    running = ecli.start("run", "-j", "--no-clear", "--fail-on-loss", path, "--only_pid", call.pid).wait_attached()
    call(20)
    time.sleep(0.5)
    result = running.stop()

    assert result.returncode == 3, result
    assert Stream(result.stdout).lost == {"map full": 12}
    assert result.stderr.endswith("ecli: events: lost 12 (map full 12) [map seen holds 8 elements]\n")


def test_nothing_is_said_with_quiet_or_compat(ecli: Command, call: Caller, package: Path) -> None:
    for word in ("--quiet", "--compat"):
        running = ecli.start("run", word, "-j", package, "--only_pid", call.pid).wait_attached()
        call(3)
        running.wait_for("2")
        result = running.stop()
        assert (result.returncode, result.stderr) == (0, "")
        assert "$eunomia" not in result.stdout


def test_quiet_does_not_hide_a_loss(ecli: Command, call: Caller, package: Path) -> None:
    running: Running = ecli.start("run", "-q", "--drill-loss", "1", package, "--only_pid", call.pid).wait_attached()
    call(3)
    time.sleep(0.1)

    assert running.stop().stderr == "ecli: events: produced 3 = delivered 0 + lost 3 (drill 3)\n"
