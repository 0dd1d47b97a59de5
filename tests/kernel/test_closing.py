"""Readers that are closed while another thread, or a signal's handler, is in the middle of reading."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import eunomia
from eunomia.events.run import STOPPED, Run, RunOptions

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def package() -> eunomia.Package:
    return eunomia.compile(ROOT / "examples/python/kills.bpf.c")


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Start work; the list gets its result or exception."""
    found: list[object] = []

    def run() -> None:
        try:
            found.append(work())
        except ValueError as err:
            found.append(str(err))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, found


def test_closing_a_stream_ends_the_wait_of_another_thread(package: eunomia.Package) -> None:
    with package.load() as obj:
        for pause in (0, 0.001, 0.03):
            stream = obj.events("kills")
            thread, found = in_thread(lambda stream=stream: list(stream))  # type: ignore[misc]
            time.sleep(pause)
            stream.close()
            thread.join(10)
            assert found == ["event stream of map kills is closed"]


def test_closing_a_run_stops_its_loop_in_another_thread(package: eunomia.Package) -> None:
    with package.load() as obj, open(os.devnull, "wb") as out:
        run = Run(obj, package.plan(), RunOptions(out_fd=out.fileno()))
        thread, found = in_thread(run.loop)
        time.sleep(0.03)
        run.close()
        thread.join(10)
        assert found == [STOPPED]


def test_a_handler_may_close_the_stream_that_it_interrupts(package: eunomia.Package) -> None:
    with package.load() as obj:
        stream = obj.events("kills")
        before = signal.signal(signal.SIGALRM, lambda *_: stream.close())
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(ValueError, match="is closed"):
                next(stream)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def test_a_run_of_a_closed_object_does_not_begin(package: eunomia.Package) -> None:
    with open(os.devnull, "wb") as out:
        obj = package.load()
        run = Run(obj, package.plan(), RunOptions(out_fd=out.fileno(), duration=1))
        obj.close()
        with pytest.raises(ValueError, match=r"object .* is closed"):
            run.loop()
        run.close()
