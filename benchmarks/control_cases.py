"""How fast a guest is paused, resumed and ended from another thread, in each of the states that it can be in."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cases import Row
from measure import Samples
from sides import ROOT, Sides

STATES = ("busy loop", "sleep of a minute", "poll without end", "busy callback")
WORDS = dict(zip(STATES, ("loop", "sleep", "poll", "callback"), strict=True))
PATIENCE = 20.0
STILL = 2_000_000  # nanoseconds of CPU that its thread may need to go to sleep


def control(sides: Sides, rounds: int) -> list[Row]:
    """Each of pause, resume, terminate in each state; every one in a guest of its own."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]
    from conformance.build import Builder

    guest = Builder(sides.work / "guests").guest("states")
    kinds = ("pause()", "resume()", "terminate()", "terminate() and wait()")
    found = {kind: {state: Samples() for state in STATES} for kind in kinds}
    for _ in range(rounds):
        for state in STATES:
            for kind, seconds in _once(guest, WORDS[state]).items():
                found[kind][state].values.append(seconds * 1e3)
    return [
        [
            f"guest: {kind}, slowest of {rounds}",
            "; ".join(f"{state} {each.text()} ms, {max(each.values):.1f}" for state, each in states.items()),
            "–",
            "–",
            "–",
            "–" if kind.endswith("wait()") else "< 50 ms",
        ]
        for kind, states in found.items()
    ]


def _once(guest: Path, state: str) -> dict[str, float]:
    """Pause it, see that it stands still, resume it until it runs, pause it again, end it."""
    taken = {}
    with _in_state(guest, state) as run:
        task = Path(f"/proc/self/task/{run._thread.native_id}/schedstat")
        taken["pause()"] = _timed(run.pause)
        at = _ran(task)
        time.sleep(0.02)
        if _ran(task) > at + STILL:
            raise RuntimeError(f"a guest in a {state} ran on after pause()")
        before = task.read_text()
        begun = time.perf_counter()
        run.resume()
        while task.read_text() == before:
            time.sleep(0.00005)  # a spinning reader would be given the processor first
            if time.perf_counter() > begun + PATIENCE:
                raise RuntimeError(f"a guest in a {state} did not go on after resume()")
        taken["resume()"] = time.perf_counter() - begun
        time.sleep(0.01)
        begun = time.perf_counter()
        run.terminate()  # returns when it stands still for good
        taken["terminate()"] = time.perf_counter() - begun
        run.wait(PATIENCE)
        taken["terminate() and wait()"] = time.perf_counter() - begun
        if run.ending != "terminated":
            raise RuntimeError(f"a guest in a {state} ended: {run.ending}")
    return taken


def _ran(task: Path) -> int:
    return int(task.read_text().split()[0])


def _timed(function: Any) -> float:
    begun = time.perf_counter()
    if not function():
        raise RuntimeError(f"{function.__name__} said no")
    return time.perf_counter() - begun


@contextmanager
def _in_state(path: Path, state: str) -> Iterator[Any]:
    from conformance.run import kills
    from eunomia.wasm import Guest

    channel = random.randrange(1 << 20, 1 << 30)
    with Guest.open(path).run([state, "long", str(channel)]) as run:
        _until(run, "ready\n")
        if state == "callback":
            kills(channel, [1])
            _until(run, "in a callback\n")
        time.sleep(0.02)
        yield run


def _until(run: Any, said: str) -> None:
    end = time.monotonic() + PATIENCE
    while said not in run.stdout:
        if time.monotonic() > end or not run.is_running:
            raise RuntimeError(f"the guest did not say {said!r}: {run.text}")
        time.sleep(0.002)
