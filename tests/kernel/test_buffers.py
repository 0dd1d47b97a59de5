"""Event buffers with real records: their sizes, when programs wake the reader, how fairly they are read."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from eunomia._native import ffi, lib
from eunomia.compiler import compile_source
from eunomia.events.run import Run, RunOptions
from eunomia.kernel.object import Object
from support.commands import Command

SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
const volatile __u32 only = 0;
struct event { __u64 ts; int number; };
struct slow_event { __u64 ts; int slow; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 256 << 10); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } slow SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");
struct enter_kill { __u64 common; __s64 nr, pid, sig; };
SEC("tracepoint/syscalls/sys_enter_kill") int on_kill(struct enter_kill *ctx)
{
    struct event both = {};
    if ((__u32)-ctx->pid / 1000 != only)
        return 0;
    if (ctx->sig == 1001) {
        struct slow_event *one = bpf_ringbuf_reserve(&slow, sizeof(*one), 0);
        if (!one)
            return 0;
        one->ts = bpf_ktime_get_ns();
        one->slow = -ctx->pid;
        bpf_ringbuf_submit(one, 0);
    } else if (ctx->sig == 1000) {
        struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
        if (!event)
            return 0;
        event->ts = bpf_ktime_get_ns();
        event->number = -ctx->pid;
        bpf_ringbuf_submit(event, 0);
    } else if (ctx->sig == 1002) {
        both.ts = bpf_ktime_get_ns();
        both.number = -ctx->pid;
        bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, &both, sizeof(both));
    }
    return 0;
}
"""
EVENTS, SLOW, PERF = 1000, 1001, 1002
ONLY = os.getpid() % 1_000_000 + 10_000
LEAST = 1000 * ONLY  # kill(2) of these process groups, which are not there, is an event


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("buffers") / "buffers.bpf.c"
    path.write_text(SOURCE)
    return path


@pytest.fixture(scope="module")
def package(source: Path) -> Any:
    return compile_source(source)


@pytest.fixture
def live(package: Any) -> Iterator[Object]:
    with package.load({"only": ONLY}) as obj:
        obj.attach()
        yield obj


def provoke(kind: int, *numbers: int) -> None:
    """Record each number in one of the buffers: kill(2) refuses the signal, but the tracepoint has seen it."""
    for number in numbers:
        with contextlib.suppress(OSError):
            os.kill(-LEAST - number, kind)


class Following:
    """A loop in a thread, writing JSON lines into a pipe; what came out is in `events` with `at`, when it did."""

    def __init__(self, live: Object, **options: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self._read, write = os.pipe()
        self._write = write
        self.run = Run(live, live.package.plan(), RunOptions(out_fd=write, format="json", **options))
        self._threads = [threading.Thread(target=self._loop), threading.Thread(target=self._collect)]

    def _loop(self) -> None:
        self.run.loop()
        os.close(self._write)

    def _collect(self) -> None:
        rest = b""
        while data := os.read(self._read, 1 << 20):
            at = time.monotonic_ns()
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.events.append({**json.loads(line), "at": at})

    def __enter__(self) -> Following:
        for thread in self._threads:
            thread.start()
        time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self.run.stop()
        for thread in self._threads:
            thread.join()
        os.close(self._read)
        self.accounts = {each.map: each for each in self.run.accounts()}
        self.run.close()


@contextlib.contextmanager
def looping(run: Run) -> Iterator[None]:
    """Let the loop run in a thread."""
    thread = threading.Thread(target=run.loop)
    thread.start()
    try:
        yield
    finally:
        run.stop()
        thread.join()


def wakeup_flag(live: Object) -> int:
    """What the reader has told the programs."""
    (section,) = (each for each in live.package.types.sections.values() if each.name.endswith(".eunomia"))
    (variable,) = (each for each in section.variables if each.name == "__eu_wakeup")
    index = lib.eu_map_find(live.handle(), section.name.encode())
    out = ffi.new("char[]", section.size)
    assert lib.eu_map_lookup(live.handle(), index, ffi.new("uint32_t *", 0), out, 0) == 0
    return int.from_bytes(bytes(ffi.buffer(out))[variable.offset : variable.offset + 4], "little")


def test_rings_grow_with_the_machine_unless_they_are_small_or_sized(package: Any) -> None:
    with Object.open(package) as obj:
        obj.load()
        assert obj.maps["events"].max_entries >= 256 << 10
        assert obj.maps["events"].max_entries == 8 << 20 or os.sysconf("SC_PHYS_PAGES") * 4096 < 4 << 30
        assert obj.maps["slow"].max_entries == 4096
    with Object.open(package) as obj:
        obj.maps["events"].resize(1 << 20)
        obj.load()
        assert obj.maps["events"].max_entries == 1 << 20


def test_the_sizes_of_the_command_line_are_the_maps(ecli: Command, source: Path) -> None:
    words = ("--ring-size", "package", "--ring-size", "slow=20000", "--perf-pages", "perf=2")
    running = ecli.start("run", *words, source).wait_attached()
    shown = subprocess.run(["bpftool", "-j", "map"], capture_output=True, check=True)
    rings = {each["name"]: each for each in json.loads(shown.stdout) if running.pid in pids(each["id"], running.pid)}
    mapped = Path(f"/proc/{running.pid}/smaps").read_text()
    running.stop()

    assert rings["events"]["max_entries"] == 256 << 10
    assert rings["slow"]["max_entries"] == 32 << 10
    perf = [line for line in mapped.splitlines() if "anon_inode:[perf_event]" in line]
    assert {int(end, 16) - int(begin, 16) for begin, end in (line.split()[0].split("-") for line in perf)} == {3 * 4096}


def pids(map_id: int, pid: int) -> list[int]:
    """Return [pid] where the process holds this map."""
    folder = Path(f"/proc/{pid}/fdinfo")
    held = any(f"map_id:\t{map_id}\n" in each.read_text() for each in folder.iterdir())
    return [pid] if held else []


def test_a_reader_without_events_does_not_wake_up(ecli: Command, source: Path) -> None:
    running = ecli.start("run", "-j", source).wait_attached()
    time.sleep(0.5)

    def wakeups() -> int:
        status = Path(f"/proc/{running.pid}/status").read_text()
        return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])

    before = wakeups()
    time.sleep(1)
    after = wakeups()
    running.stop()

    assert after == before


@pytest.mark.parametrize("wakeup", ["adaptive", "each", "batch"])
@pytest.mark.parametrize("kind", [EVENTS, SLOW, PERF])
def test_every_event_comes_out_however_the_reader_is_woken(live: Object, wakeup: str, kind: int) -> None:
    with Following(live, wakeup=wakeup) as following:
        for burst in (1, 3, 20, 100, 1, 1):
            for number in range(burst):
                provoke(kind, number)
            time.sleep(0.02)
        time.sleep(0.15)

    assert len(following.events) == 126
    late = [event["at"] - event["ts"] for event in following.events]
    assert min(late) > 0
    assert sorted(late)[len(late) // 2] < (80_000_000 if wakeup == "batch" else 10_000_000)


FLOOD = f"""
import contextlib, os, sys, time
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    for number in range(100):
        with contextlib.suppress(OSError):
            os.kill(-{LEAST}, int(sys.argv[2]))
"""


@pytest.fixture
def flood() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """`flood(seconds, kind)`: another process fills a buffer as fast as Python can."""
    started: list[subprocess.Popen[bytes]] = []

    def start(seconds: float, kind: int = EVENTS) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", FLOOD, str(seconds), str(kind)]))
        return started[-1]

    yield start
    for each in started:
        each.wait()


def test_a_slow_ring_is_not_late_beside_a_flooded_one(package: Any, flood: Any, tmp_path: Path) -> None:
    out = os.open(tmp_path / "events", os.O_CREAT | os.O_WRONLY, 0o600)
    options = RunOptions(out_fd=out, format="json", time="iso", big_ints=False)
    with package.load({"only": ONLY}) as obj, Run(obj, package.plan(), options) as run:
        obj.attach()
        with looping(run):
            flooding = flood(1.2)
            time.sleep(0.2)
            for number in range(50):
                provoke(SLOW, number)
                time.sleep(0.015)
            flooding.wait()
    os.close(out)
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]

    slow = [event for event in events if "slow" in event]
    assert [event["slow"] for event in slow] == [LEAST + number for number in range(50)]
    assert len(events) > 50_000
    to_wall = time.time_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    late = sorted(datetime.fromisoformat(each["_ts"]).timestamp() - (each["ts"] + to_wall) / 1e9 for each in slow)
    assert late[25] < 0.005  # half a millisecond on a quiet machine


@pytest.mark.parametrize("pages", [1, 256])
@pytest.mark.parametrize("wakeup", ["adaptive", "each", "batch"])
def test_a_flood_of_a_perf_buffer_balances(package: Any, flood: Any, wakeup: str, pages: int) -> None:
    out = os.open(os.devnull, os.O_WRONLY)
    options = RunOptions(out_fd=out, format="json", wakeup=wakeup, perf_pages=pages, hold=True)
    with package.load({"only": ONLY}) as obj, Run(obj, package.plan(), options) as run:
        obj.attach()
        with looping(run):
            flood(0.4, PERF).wait()
            time.sleep(0.1)
        obj.detach()
        run.finish()
        (account,) = (each for each in run.accounts() if each.map == "perf")
    os.close(out)

    assert account.is_known
    assert account.delivered > 1000
    assert account.pending == 0
    assert account.produced == account.delivered + sum(account.lost.values())
    assert set(account.lost) <= {"perf buffer full"}


def test_programs_do_as_the_only_reader_says(live: Object) -> None:
    with Run(live, live.package.plan(), RunOptions()) as first:
        assert first.manages_wakeups
        with Run(live, live.package.plan(), RunOptions()) as second:
            assert not first.manages_wakeups
            assert not second.manages_wakeups
        assert first.manages_wakeups
    assert wakeup_flag(live) == 0


def test_the_flag_says_what_the_reader_does(package: Any, flood: Any) -> None:
    options = {"out_fd": os.open(os.devnull, os.O_WRONLY)}
    with package.load({"only": ONLY}) as obj:
        obj.attach()
        seen = {}
        for wakeup in ("adaptive", "batch", "each"):
            with Run(obj, package.plan(), RunOptions(wakeup=wakeup, **options)) as run, looping(run):
                time.sleep(0.1)
                before = wakeup_flag(obj)
                flooding = flood(0.3)
                during = set()
                while flooding.poll() is None:
                    during.add(wakeup_flag(obj))
                    time.sleep(0.001)
                time.sleep(0.3)
                seen[wakeup] = before, during - {0, 2} if 1 in during else during, wakeup_flag(obj)
            assert wakeup_flag(obj) == 0
    os.close(options["out_fd"])

    assert seen == {"adaptive": (0, {1}, 0), "batch": (1, {1}, 1), "each": (0, {0}, 0)}


def test_two_readers_of_two_maps_read_everything(live: Object) -> None:
    taken: dict[str, list[int]] = {"events": [], "slow": []}
    with live.events("events", timeout=1.0) as events, live.events("slow", timeout=1.0) as slow:

        def read(stream: Any, name: str, field: str) -> None:
            taken[name].extend(getattr(event, field) - LEAST for event in stream)

        readers = [
            threading.Thread(target=read, args=(events, "events", "number")),
            threading.Thread(target=read, args=(slow, "slow", "slow")),
        ]
        for each in readers:
            each.start()
        for number in range(300):
            provoke(EVENTS, number)
            if number % 3 == 0:
                provoke(SLOW, number)
                time.sleep(0.001)
        for each in readers:
            each.join()

    assert taken == {"events": list(range(300)), "slow": list(range(0, 300, 3))}


def test_the_loop_runs_on_the_cpu_it_was_given_and_leaves_the_thread_as_it_was(live: Object) -> None:
    allowed = os.sched_getaffinity(0)
    cpu = max(allowed)
    seen: list[set[int]] = []
    with Run(
        live, live.package.plan(), RunOptions(cpu=cpu, duration=0.3, out_fd=os.open(os.devnull, os.O_WRONLY))
    ) as run:
        main = threading.get_native_id()
        watch = threading.Thread(target=lambda: (time.sleep(0.1), seen.append(os.sched_getaffinity(main))))
        watch.start()
        run.loop()
        watch.join()

    assert seen == [{cpu}]
    assert os.sched_getaffinity(0) == allowed


def test_a_cpu_that_is_not_there(ecli: Command, source: Path) -> None:
    result = ecli("run", "--cpu", "100000", source)

    assert result.returncode == 2
    assert result.stderr.startswith("ecli: --cpu: no CPU 100000: this machine has 0 to ")
    assert result.stderr.count("\n") == 1


def test_a_package_without_the_flag_says_so_when_it_is_asked_for(ecli: Command, ecc: Command, tmp_path: Path) -> None:
    (tmp_path / "buffers.bpf.c").write_text(SOURCE)
    assert ecc(tmp_path / "buffers.bpf.c", "--no-accounting", "-o", tmp_path / "plain.json").returncode == 0
    words = ("--only", ONLY, "--duration", "0.3", "--quiet")

    asked = ecli("run", "--wakeup", "adaptive", tmp_path / "plain.json", *words)
    others = [ecli("run", "--wakeup", way, tmp_path / "plain.json", *words) for way in ("each", "batch")]

    assert asked.returncode == 0
    assert asked.stderr.startswith("ecli: --wakeup adaptive: the package has no wake-up flag")
    assert [(each.returncode, each.stderr) for each in others] == [(0, "")] * 2
