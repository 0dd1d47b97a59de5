"""Accounts balance to the last record: produced = delivered + filtered + discarded + lost + pending."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eunomia import Package
from eunomia._native import lib
from eunomia.compiler import compile_source
from eunomia.events.account import Account
from eunomia.events.run import Run, RunOptions
from eunomia.kernel.object import Object
from support.accounts import accounted, flood, is_balanced, wait
from support.commands import Command

SOURCE = Path(__file__).parent / "corpus/accounted.bpf.c"
MODES = ["RESERVE", "OUTPUT", "DYNPTR", "DISCARD", "SHORT", "PERF", "SKIP_PERF", "HASH", "QUEUE", "STACK"]
MIB = 1 << 20
Loader = Callable[..., Object]


@pytest.fixture(scope="module")
def package() -> Package:
    return compile_source(SOURCE)


@pytest.fixture(scope="module")
def plain() -> Package:
    return compile_source(SOURCE, accounting=False)


@pytest.fixture
def load(package: Package) -> Iterator[Loader]:
    """`load(MODE, size=4096, of=package)`: a loaded object with a ring of `size` bytes, for kills of this process."""
    with contextlib.ExitStack() as stack:

        def loaded(mode: str, size: int = 4096, of: Package = package) -> Object:
            obj = stack.enter_context(Object.open(of))
            for write in of.settings({"mode": MODES.index(mode), "target": os.getpid()}).writes:
                obj.write(*write)
            obj.maps["events"].resize(size)
            obj.load()
            return obj

        yield loaded


def counted(obj: Object, name: str = "calls") -> int:
    """What the program counted by itself, in a global variable."""
    variables = obj.package.types.sections[".bss"].variables
    offset = next(each.offset for each in variables if each.name == name)
    section = next(each for each in obj.maps.values() if each.section == ".bss")
    return int.from_bytes(section[bytes(4)][offset : offset + 8], "little")


@pytest.mark.parametrize("size", [4096, 8 * MIB])
def test_a_million_calls_from_both_cores_balance(load: Loader, size: int) -> None:
    obj = load("RESERVE", size)
    seen: list[Account] = []

    final = accounted(obj, 500_000, 500_000, meanwhile=lambda: seen.append(obj.account()["events"]))["events"]

    assert final.is_known
    assert final.produced == counted(obj) == 1_000_000
    assert final.pending == 0
    assert is_balanced(final)
    assert set(final.lost) <= {"ring full"}
    assert "ring full" in final.lost or size > 4096
    assert len(seen) > 20, "accounts can be read while events flow"
    assert all(each.is_known and is_balanced(each) and each.pending >= 0 for each in seen)
    counts = [each.delivered for each in seen] + [final.delivered]
    assert counts == sorted(counts), "no count goes back"


@pytest.mark.parametrize("mode", ["RESERVE", "OUTPUT", "DYNPTR", "DISCARD"])
def test_every_way_into_a_ring_balances_and_discards_are_told_apart(load: Loader, mode: str) -> None:
    obj = load(mode)

    final = accounted(obj, 40_000, 40_000)["events"]

    assert (final.is_known, final.produced, final.pending) == (True, 80_000, 0)
    assert is_balanced(final)
    assert final.discarded == counted(obj, "given_back")
    assert (final.discarded > 0) == (mode in ("DYNPTR", "DISCARD"))
    assert final.delivered > 0


def test_records_too_short_for_their_type_are_lost_as_undecodable(load: Loader) -> None:
    obj = load("SHORT", MIB)

    final = accounted(obj, 10_000)["events"]

    assert final.produced == 10_000 == final.delivered + final.lost["undecodable"]
    assert final.lost["undecodable"] == 5_000


def test_a_full_perf_buffer_is_counted_to_the_last_record(load: Loader) -> None:
    obj = load("PERF")

    final = accounted(obj, 60_000, 60_000, perf_pages=1)["samples"]

    assert (final.is_known, final.produced, final.pending) == (True, 120_000, 0)
    assert final.lost.keys() == {"perf buffer full"}
    assert final.delivered + final.lost["perf buffer full"] == 120_000


def test_what_no_perf_buffer_takes_is_lost_too(load: Loader) -> None:
    final = accounted(load("SKIP_PERF"), 1000)["samples"]

    assert (final.produced, final.delivered, final.lost) == (1000, 0, {"perf buffer full": 1000})


@pytest.mark.parametrize(
    ("mode", "name", "lost"),
    [
        ("HASH", "starts_of_very_long_name_two", {"map full": 900}),
        ("QUEUE", "waiting", {"map full": 993}),
        ("STACK", "stacks", {"stack collision": 500}),
    ],
)
def test_maps_that_are_no_sources_have_accounts_of_what_found_no_room(
    load: Loader, mode: str, name: str, lost: dict[str, int]
) -> None:
    obj = load(mode)

    accounts = accounted(obj, 1000)

    assert (accounts[name].kind, accounts[name].is_known, accounts[name].lost) == ("map", True, lost)
    assert accounts["starts_of_very_long_name_one"].lost == {}, "-EEXIST is an answer; and names are not cut"
    assert obj.account()[name].lost == lost


def test_what_comes_after_max_events_is_filtered(load: Loader) -> None:
    obj = load("RESERVE", MIB)

    final = accounted(obj, 20_000, max_events=100)["events"]

    assert (final.produced, final.delivered, final.pending) == (20_000, 100, 0)
    assert is_balanced(final)


def test_a_drill_drops_a_share_and_says_so(load: Loader) -> None:
    final = accounted(load("RESERVE", MIB), 10_000, drill_loss=0.25)["events"]

    assert is_balanced(final)
    assert final.produced == 10_000 == final.delivered + final.lost["drill"]
    assert 2000 < final.lost["drill"] < 3000


def test_without_accounting_nothing_is_called_zero(load: Loader, plain: Package) -> None:
    obj = load("RESERVE", of=plain)

    final = accounted(obj, 100_000)["events"]

    assert "accounting" not in plain.meta["eunomia"]
    assert not final.is_known
    told = final.to_dict()
    assert (told["known"], told["produced"], told["pending"], told["lost"]) == (False, None, None, {"ring full": None})
    assert 0 < final.delivered <= 100_000
    assert final.why == "package without accounting"


def test_without_accounting_the_kernel_still_tells_what_a_perf_buffer_lost(load: Loader, plain: Package) -> None:
    obj = load("PERF", of=plain)

    final = accounted(obj, 60_000, 60_000, perf_pages=1)["samples"]

    assert not final.is_known
    assert final.delivered + final.lost["perf buffer full"] == 120_000  # Kernel: 6.0+ (PERF_FORMAT_LOST)


def test_an_object_adds_up_readers_that_came_one_after_another(load: Loader) -> None:
    obj = load("RESERVE", MIB)
    obj.attach()
    with obj.events("events", timeout=0) as stream:
        wait(flood(1000))
        assert len(list(stream)) == 1000
        wait(flood(10))
        assert obj.account()["events"].pending == 10
        first = stream.account()
    wait(flood(20))

    between = obj.account()["events"]
    with open(os.devnull, "wb") as out:
        options = RunOptions(format="json", out_fd=out.fileno(), duration=0.05)
        with Run(obj, obj.package.plan(), options) as run:
            run.loop()
            second = run.accounts()[0]
    both = obj.account()["events"]

    assert (first.produced, first.delivered, first.pending) == (1010, 1000, 10)
    assert (between.produced, between.delivered, between.pending) == (1030, 1000, 30)
    assert (second.produced, second.delivered, second.pending) == (30, 30, 0), "what waited in the ring is the second's"
    assert (both.produced, both.delivered, both.pending, both.lost) == (1030, 1030, 0, {})


def test_what_a_perf_buffer_still_held_when_it_was_closed_is_lost(load: Loader) -> None:
    obj = load("PERF")
    with obj.events("samples", timeout=0):
        obj.attach()
        wait(flood(50))
        waiting = obj.account()["samples"]
        obj.detach()

    closed = obj.account()["samples"]
    assert (waiting.produced, waiting.pending) == (50, 50)
    assert (closed.produced, closed.pending, closed.lost) == (50, 0, {"not read": 50})


@pytest.mark.parametrize("by_map", [0, 1])
def test_programs_that_still_run_are_waited_for(load: Loader, by_map: int) -> None:
    obj = load("RESERVE", 8 * MIB)
    with obj.events("events", timeout=0) as stream:
        obj.attach()
        processes = flood(200_000, 200_000)
        while not obj.account()["events"].produced:
            time.sleep(0.01)
        obj.detach()
        assert lib.eu_programs_wait(by_map) == 0
        read = sum(1 for _ in stream)
        account = obj.account()["events"]
        wait(processes)

        assert account.pending == 0
        assert account.delivered == read == account.produced - account.nr_lost
        assert obj.account()["events"].produced == account.produced, "nothing came afterwards"


def test_accounts_can_be_read_while_readers_come_and_go(load: Loader) -> None:
    obj = load("RESERVE", 8 * MIB)
    obj.attach()
    seen: list[Account] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(obj.account()["events"])

    watchers = [threading.Thread(target=watch) for _ in range(2)]
    for each in watchers:
        each.start()
    processes = flood(100_000)
    taken = rounds = 0
    while rounds < 40 or any(each.poll() is None for each in processes):
        with obj.events("events", timeout=0) as stream:
            taken += len(stream.take())
        rounds += 1
    wait(processes)
    with obj.events("events", timeout=0) as stream:
        taken += sum(1 for _ in stream)
    done.set()
    for each in watchers:
        each.join()

    assert all(each.is_known and is_balanced(each) and each.pending >= 0 for each in seen)
    final = obj.account()["events"]
    assert (final.produced, final.delivered, final.pending, final.lost) == (100_000, taken, 0, {})


UNMAPPED = """
import os, resource, sys
from eunomia._native import lib
from eunomia.events import account, stream  # loaded before memory is short
from eunomia.package.model import Package

def mapped():
    return sum("bpf-map" in line for line in open("/proc/self/maps"))

with Package.open(sys.argv[1]).load({"target": os.getpid()}) as obj:
    obj.attach()
    before, limits = mapped(), resource.getrlimit(resource.RLIMIT_AS)
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used - (1 << 20), limits[1]))
    version = lib.eu_object_accounting(obj.handle())
    resource.setrlimit(resource.RLIMIT_AS, limits)
    for _ in range(300):
        os.kill(os.getpid(), 0)
    events = obj.account()["events"]
    print(version, mapped() - before, events.is_known, events.produced)
"""


def test_counters_that_cannot_be_mapped_are_looked_up(package: Package, tmp_path: Path) -> None:
    path = tmp_path / "accounted.json"
    path.write_text(package.to_json())
    done = subprocess.run([sys.executable, "-c", UNMAPPED, path], capture_output=True, text=True, check=False)

    assert done.stdout.split() == ["1", "0", "True", "300"], done.stderr  # as on kernels before 5.5


def test_the_order_of_closing_does_not_matter(package: Package) -> None:
    obj = package.load({"target": os.getpid()})
    run = Run(obj, package.plan(), RunOptions(out_fd=2))
    obj.close()

    account = run.accounts()[0]
    run.close()
    assert (account.map, account.produced) == ("events", 0)
    with pytest.raises(ValueError, match="closed"):
        obj.account()


def test_a_reader_that_was_stopped_for_seconds_still_balances(ecli: Command, package: Package, tmp_path: Path) -> None:
    path = tmp_path / "accounted.json"
    path.write_text(package.to_json())
    words = ["--ring-size", "64K", "-j", path, "--mode", "RESERVE", "--target", os.getpid()]
    running = ecli.start("run", *words).wait_attached()
    processes = flood(200_000, 100_000)
    time.sleep(0.1)
    os.kill(running.pid, signal.SIGSTOP)
    time.sleep(5)
    wait(processes)
    os.kill(running.pid, signal.SIGCONT)
    time.sleep(0.3)
    result = running.stop()

    told = [json.loads(line)["$eunomia"] for line in result.lines if line.startswith('{"$eunomia"')]
    account = next(each["account"] for each in told if each.get("account", {}).get("map") == "events")
    lost = [each["lost"]["count"] for each in told if each.get("lost", {}).get("map") == "events"]
    assert account["produced"] == 300_000
    assert account["delivered"] == len(result.events)
    assert account["lost"] == {"ring full": 300_000 - len(result.events)}
    assert sum(lost) == 300_000 - len(result.events), "the lines in the stream add up to the same"
    assert (account["known"], account["pending"]) == (True, 0)
