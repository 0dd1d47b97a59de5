"""The Python API as docs/python-api.md describes it, on real events."""

from __future__ import annotations

import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import eunomia

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples/python"


@pytest.fixture(scope="module")
def package() -> eunomia.Package:
    return eunomia.compile(EXAMPLES / "kills.bpf.c")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("events.py", r"(python\S* \(\d+\) sent signal 0 to \d+\n){3}"),
        ("counts.py", r"5 signals in all, 1 sender\nthis process: 1 since\n"),
        (
            "batches.py",
            r"signal 0: 1500 times\nsignal 23: 500 times\n2000 events, half of them within [\d.]+ us of .*\n",
        ),
        ("arrow_table.py", r"(python\S*: signal (0, 6|23, 3)00 times, 1 target\n){2}1 sender in the map, 900 .*\n"),
        ("asynchronous.py", r"(python\S* sent signal 0\n){5}5 of 5 events, lost: none\n"),
        ("threads.py", r"100 events, all from python\S*\n"),
    ],
)
def test_example_prints_what_it_says(name: str, expected: str) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stderr == ""
    assert re.fullmatch(expected, done.stdout), done.stdout


def test_every_example_is_run() -> None:
    run = {"arrow_table.py", "asynchronous.py", "batches.py", "counts.py", "events.py", "threads.py"}

    assert {path.name for path in EXAMPLES.glob("*.py")} == run


def test_events_are_typed_and_own_their_data(package: eunomia.Package) -> None:
    me = os.getpid()
    with package.load({"only": me}) as obj:
        obj.attach()
        with obj.events(timeout=10, max_events=2) as stream:
            os.kill(me, 0)
            os.kill(me, signal.SIGURG)
            first, second = stream

    assert type(first).__name__ == "kill_event"
    assert first._fields == ("ts", "pid", "target", "sig", "comm")
    assert (first.pid, first.target, first.sig) == (me, me, 0)
    assert second.sig == signal.SIGURG
    assert second.ts > first.ts
    assert first._asdict()["pid"] == me
    assert pickle.loads(pickle.dumps(first)) == first


def test_maps_are_mappings_with_typed_keys(package: eunomia.Package) -> None:
    with package.load({"only": os.getpid()}) as obj:
        counts = obj.maps["counts"]
        counts.update({number: number * 2 for number in range(1, 5001)})

        assert len(counts) == 5000
        assert dict(counts.items()) == {number: number * 2 for number in range(1, 5001)}
        assert counts[7] == 14
        assert 7 in counts
        del counts[7]
        assert 7 not in counts
        assert counts.get(7, "gone") == "gone"
        with pytest.raises(KeyError):
            counts[7]
        with pytest.raises(ValueError, match="key of map counts"):
            counts["seven"]


def test_one_program_is_attached_and_detached(package: eunomia.Package) -> None:
    me = os.getpid()
    with package.load({"only": me}) as obj:
        with obj.programs["on_kill"].attach():
            os.kill(me, 0)
        os.kill(me, 0)

        assert obj.maps["counts"][me] == 1
        assert not obj.programs["on_kill"].attached


def test_unknown_option_is_refused_before_anything_is_loaded(package: eunomia.Package) -> None:
    with pytest.raises(eunomia.OptionError, match="onyl"):
        package.load({"onyl": 1})


def test_value_out_of_range_is_refused(package: eunomia.Package) -> None:
    with pytest.raises(eunomia.OptionError, match="only"):
        package.load({"only": 1 << 40})


def test_wrong_source_name_says_which_there_are(package: eunomia.Package) -> None:
    with package.load() as obj, pytest.raises(ValueError, match="kills"):
        obj.events("nothing")


def test_closed_object_refuses_everything_and_closes_again(package: eunomia.Package) -> None:
    obj = package.load()
    obj.close()
    obj.close()

    with pytest.raises(ValueError, match="closed"):
        obj.attach()
    with pytest.raises(ValueError, match="closed"):
        obj.events("kills")
    with pytest.raises(ValueError, match="closed"):
        _ = obj.maps


def test_map_of_a_closed_object_refuses(package: eunomia.Package) -> None:
    with package.load() as obj:
        counts = obj.maps["counts"]

    with pytest.raises(ValueError, match="closed"):
        counts[1]


def test_closed_stream_refuses_and_closes_again(package: eunomia.Package) -> None:
    with package.load() as obj:
        stream = obj.events("kills")
        stream.close()
        stream.close()

        with pytest.raises(ValueError, match="closed"):
            next(stream)


@pytest.mark.parametrize(
    ("keywords", "error", "says"),
    [
        ({"timeout": -1}, ValueError, "timeout -1, max_events None: neither can be negative"),
        ({"timeout": float("nan")}, ValueError, "timeout nan"),
        ({"max_events": -1}, ValueError, "max_events -1"),
        ({"max_events": "3"}, TypeError, "'str' and 'int'"),
        ({"filter": b"pid == 1"}, TypeError, "filter is bytes, expected str"),
        ({"perf_pages": 3}, ValueError, "3 perf_pages, expected a power of two"),
        ({"policy": "drop"}, ValueError, "policy 'drop': one of block, drop-oldest, drop-newest"),
        ({"queue": 0}, ValueError, "queue of 0 events"),
    ],
)
def test_what_a_stream_cannot_mean_is_refused(
    package: eunomia.Package, keywords: dict[str, Any], error: type[Exception], says: str
) -> None:
    with package.load() as obj, pytest.raises(error, match=says):
        obj.events("kills", **keywords)


def test_a_struct_that_lacks_members_says_which_it_has() -> None:
    with eunomia.resolve("syscount").load() as obj:
        times = obj.maps["timed_syscalls"]
        for given, found in ((("x",), "got 1"), (5, "got int")):
            with pytest.raises(ValueError, match=rf"expected a dict, or 2 of \(count, time_us\), {found}"):
                times[1] = given


def test_a_map_that_is_not_there_names_those_that_are(package: eunomia.Package) -> None:
    with package.load() as obj:
        with pytest.raises(KeyError, match=r"no map nope \(there are .*kills"):
            obj.maps["nope"]
        with pytest.raises(KeyError, match=r"no program nope \(there are "):
            obj.programs["nope"]
        assert "nope" not in obj.maps


def test_stop_from_another_thread_ends_a_waiting_iteration(package: eunomia.Package) -> None:
    with package.load({"only": os.getpid()}) as obj:
        obj.attach()
        with obj.events("kills") as stream:
            threading.Timer(0.2, stream.stop).start()
            start = time.monotonic()

            assert list(stream) == []
            assert time.monotonic() - start < 10


def test_timeout_ends_the_iteration(package: eunomia.Package) -> None:
    with package.load({"only": os.getpid()}) as obj, obj.events("kills", timeout=0.05) as stream:
        assert list(stream) == []


def test_maps_are_used_from_several_threads_at_once(package: eunomia.Package) -> None:
    failures: list[BaseException] = []

    def work(base: int) -> None:
        try:
            for key in range(base, base + 300):
                counts[key] = key
            assert sum(1 for key, value in counts.items() if key == value and base <= key < base + 300) == 300
        except BaseException as error:
            failures.append(error)

    with package.load() as obj:
        counts = obj.maps["counts"]
        threads = [threading.Thread(target=work, args=(base,)) for base in (1000, 2000, 3000, 4000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert not failures
        assert len(counts) == 1200


def test_objects_run_side_by_side_in_threads(package: eunomia.Package) -> None:
    me, results = os.getpid(), []

    def work() -> None:
        with package.load({"only": me}) as obj:
            obj.attach()
            ready.wait(20)
            with obj.events("kills", timeout=10, max_events=1) as stream:
                done.wait(20)
                results.append([event.pid for event in stream])

    ready, done = threading.Barrier(4), threading.Barrier(4)
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    ready.wait(20)
    os.kill(me, 0)
    done.wait(20)
    for thread in threads:
        thread.join()

    assert results == [[me], [me], [me]]


def test_library_leaves_the_signal_handlers_of_its_caller_alone(package: eunomia.Package) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGHUP)]
    with package.load({"only": os.getpid()}) as obj:
        obj.attach()
        with obj.events("kills", timeout=0.01) as stream:
            list(stream)

    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGHUP)]
    assert before == after


def test_names_of_the_page_exist() -> None:
    page = (ROOT / "docs/python-api.md").read_text()
    names = set(re.findall(r"`(?:eunomia\.)?([A-Z]\w+Error|Package|Object)\b", page)) - {"ValueError", "OSError"}

    assert names <= set(eunomia.__all__)
    assert {"VerifierError", "AttachError", "OptionError"} <= names


def test_events_of_an_object_that_is_not_loaded(package: eunomia.Package) -> None:
    with (
        eunomia.Object.open(package) as obj,
        pytest.raises(ValueError, match=r"events of map kills: object .* is not loaded"),
    ):
        obj.events("kills")


def test_stream_that_outlives_its_object_delivers_what_is_left(package: eunomia.Package) -> None:
    with package.load({"only": os.getpid()}) as obj:
        obj.attach()
        stream = obj.events("kills", timeout=0.1)
        for _ in range(10):
            os.kill(os.getpid(), 0)

    with stream:
        assert len(list(stream)) == 10
        assert stream.account().delivered == 10
    assert stream.account().delivered == 10


def test_accounts_balance_in_another_thread_while_streams_come_and_go(package: eunomia.Package) -> None:
    done, seen = threading.Event(), []

    def watch() -> None:
        while not done.is_set():
            now = obj.account()["kills"]
            seen.append(now.produced - now.delivered - now.filtered - now.discarded - now.nr_lost - now.pending)

    with package.load({"only": os.getpid()}) as obj:
        obj.attach()
        watching = threading.Thread(target=watch)
        watching.start()
        total = 0
        for _ in range(100):
            for _ in range(30):
                os.kill(os.getpid(), 0)
            with obj.events("kills", timeout=0) as stream:
                total += sum(len(batch) for batch in stream.batches(max_records=7))
        done.set()
        watching.join()

        assert total == obj.account()["kills"].delivered == 3000
        assert set(seen) == {0}


def test_signal_handlers_run_while_a_stream_waits(package: eunomia.Package) -> None:
    def ring(*_: object) -> None:
        rung.append(time.monotonic())
        if len(rung) == 3:
            raise InterruptedError("third")

    rung: list[float] = []
    before = signal.signal(signal.SIGALRM, ring)
    try:
        with package.load({"only": os.getpid()}) as obj, obj.events("kills", timeout=20) as stream:
            signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
            with pytest.raises(InterruptedError, match="third"):
                next(stream)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            start = time.monotonic()
            assert stream.take(0.3) == []
            assert 0.3 <= time.monotonic() - start < 5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert len(rung) == 4
