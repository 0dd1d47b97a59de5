"""Guests in this process: stopped in each state, side by side, with functions of ours, and what they hold meanwhile."""

from __future__ import annotations

import os
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance.run import kills
from eunomia.wasm import Guest, Run
from support import kernel_state

STATES = ["loop", "sleep", "poll", "callback"]
SOON = 5.0  # seconds for one ending, with what the kernel takes; a hang is longer
AT_ONCE = 0.05  # seconds, of the median: until it stands still (docs/wasm-compatibility.md has what was measured)
TIMES, ATTEMPTS = 20, 3


def wait_for(what: Callable[[], object], timeout: float = 20) -> None:
    deadline = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < deadline, "did not come"
        time.sleep(0.01)


@contextmanager
def in_state(path: Path, state: str, length: str) -> Iterator[Run]:
    """A guest that is in a state: its first lines are there."""
    channel = random.randrange(1 << 20, 1 << 30)
    with Guest.open(path).run([state, length, str(channel)]) as run:
        wait_for(lambda: "ready\n" in run.stdout)
        if state == "callback":
            kills(channel, [1])
            wait_for(lambda: "in a callback\n" in run.stdout)
        yield run


def best_median(measure: Callable[[], list[float]]) -> float:
    """Return the least median of some attempts, the first one that is good enough: other work may disturb one."""
    medians: list[float] = []
    while len(medians) < ATTEMPTS and (not medians or medians[-1] >= AT_ONCE):
        medians.append(statistics.median(measure()))
    return min(medians)


def stands_still(run: Run) -> str:
    """Return its output when that has not grown for a time in which a running guest writes ten lines."""
    deadline = time.monotonic() + 20
    while True:
        there = run.stdout
        time.sleep(0.4)
        if run.stdout == there:
            return there
        assert time.monotonic() < deadline, "it writes on"


def held() -> set[tuple[str, int]]:
    """Programs, maps and links that this process holds."""
    return {thing for thing, pids in kernel_state.holders().items() if os.getpid() in pids}


@pytest.mark.parametrize("state", STATES)
def test_terminate_ends_a_guest_in_each_state(state: str, conformance_guest: Callable[[str], Path]) -> None:
    guest = conformance_guest("states")

    def terminations() -> list[float]:
        found = []
        for _ in range(TIMES):
            with in_state(guest, state, "long") as run:
                begun = time.perf_counter()
                assert run.terminate()  # returns when it stands still for good
                found.append(time.perf_counter() - begun)

                assert run.wait(SOON) == 0
                assert run.ending == "terminated"
                assert run.stdout.count("ready\n") == 1  # what it had printed is there
        return found

    assert best_median(terminations) < AT_ONCE


@pytest.mark.parametrize("state", STATES)
def test_a_paused_guest_stands_still_in_each_state(state: str, conformance_guest: Callable[[str], Path]) -> None:
    with in_state(conformance_guest("states"), state, "short") as run:
        wait_for(lambda: "line 2\n" in run.stdout)

        def pauses() -> list[float]:
            found = []
            for _ in range(TIMES):
                begun = time.perf_counter()
                assert run.pause()  # returns when it stands still
                found.append(time.perf_counter() - begun)
                assert run.resume()
            return found

        assert best_median(pauses) < AT_ONCE
        assert run.pause()
        there = stands_still(run)

        assert run.is_paused
        assert not run.pause()  # it is
        assert run.resume()
        wait_for(lambda: len(run.stdout) > len(there))


@pytest.mark.parametrize("state", STATES)
def test_a_paused_guest_can_be_terminated(state: str, conformance_guest: Callable[[str], Path]) -> None:
    with in_state(conformance_guest("states"), state, "long") as run:
        run.pause()
        assert run.terminate()
        run.wait(SOON)

        assert run.ending == "terminated"
        assert not run.resume()


def test_a_function_of_ours_is_called(conformance_guest: Callable[[str], Path]) -> None:
    guest = Guest.open(conformance_guest("custom_host_func"))
    guest.register("host_func_test", "plus_i32", "(i32, i32) -> i32", lambda a, b: a + b)

    with guest.run() as run:
        assert run.wait(10) == 0
        assert run.stdout == "42\n"


def test_terminate_while_a_function_of_ours_runs(conformance_guest: Callable[[str], Path]) -> None:
    inside, leave = threading.Event(), threading.Event()

    def long_sleep() -> None:
        inside.set()
        leave.wait(20)

    guest = Guest.open(conformance_guest("interruption_in_hostfunc"))
    guest.register("test", "long_sleep", "() -> ()", long_sleep)
    with guest.run() as run:
        assert inside.wait(20)
        assert run.terminate()
        leave.set()
        run.wait(SOON)

        assert run.ending == "terminated"
        assert run.stdout == "in\n"


def test_close_detaches_while_the_guest_goes_on(conformance_guest: Callable[[str], Path]) -> None:
    reading, writing = os.pipe()
    before = held()
    try:
        with Guest.open(conformance_guest("closes")).run(["1"], stdin=reading) as run:
            wait_for(lambda: "attached\n" in run.stdout)
            attached = held() - before
            os.write(writing, b"close\n")
            wait_for(lambda: "closed: 0\n" in run.stdout)
            wait_for(lambda: not held() - before)
            wait_for(lambda: not {each for each in attached if each[1] in kernel_state.bpf_ids(each[0])})

            assert {kind for kind, _ in attached} >= {"program", "map"}
            assert run.is_running
            os.write(writing, b"end\n")
            assert run.wait(10) == 0
    finally:
        os.close(reading)
        os.close(writing)


def test_ending_lets_go_of_everything(conformance_guest: Callable[[str], Path]) -> None:
    before = held()
    with in_state(conformance_guest("states"), "poll", "long") as run:
        assert held() - before
        run.terminate()
        run.wait(SOON)

    assert not held() - before  # the end of the block waits for the kernel, `wait` does not


def test_guests_side_by_side_get_their_own_records(conformance_guest: Callable[[str], Path]) -> None:
    guest = Guest.open(conformance_guest("rings-2023"))
    channels = [random.randrange(1 << 20, 1 << 30) for _ in range(3)]
    runs = [guest.run([str(channel), "2000"]) for channel in channels]
    try:
        for run in runs:
            wait_for(lambda run=run: "ready\n" in run.stdout)
        for start in range(0, 2000, 100):
            for channel in channels:
                kills(channel, range(start, start + 100))
        for run in runs:
            assert run.wait(20) == 0
            assert "first: 2000 records, 0 out of order, 0 damaged\n" in run.stdout
    finally:
        for run in runs:
            run.close()


def test_a_guest_reaches_no_descriptor_of_its_neighbour_or_host(conformance_guest: Callable[[str], Path]) -> None:
    guest = Guest.open(conformance_guest("neighbour"))
    pipes = [os.pipe(), os.pipe()]
    runs = [guest.run(stdin=reading) for reading, _ in pipes]
    try:
        for run in runs:
            wait_for(lambda run=run: "ready\n" in run.stdout)
        for _, writing in pipes:
            os.write(writing, b"go\n")
        for run in runs:
            assert run.wait(20) == 0, run.stdout
            assert "ok descriptors of others\n" in run.stdout
    finally:
        for run in runs:
            run.close()
        for pair in pipes:
            for descriptor in pair:
                os.close(descriptor)


def test_a_trap_does_not_disturb_the_others(conformance_guest: Callable[[str], Path]) -> None:
    with in_state(conformance_guest("states"), "loop", "short") as run:
        for name in ("trap_unreachable", "trap_recursion", "trap_out_of_bounds", "memory_grows"):
            with Guest.open(conformance_guest(name)).run() as other:
                assert other.wait(20) == (7 if name == "memory_grows" else 1)
                assert other.ending == ("exited" if name == "memory_grows" else "trapped")
        lines = run.stdout.count("line")

        wait_for(lambda: run.stdout.count("line") > lines)
        assert run.is_running
