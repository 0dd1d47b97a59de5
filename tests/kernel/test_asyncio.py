"""asyncio: events and batches through a bounded queue, its policies and losses; cancellation; streams and loops."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import eunomia

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/python"


@pytest.fixture(scope="module")
def package() -> eunomia.Package:
    return eunomia.compile(EXAMPLES / "kills.bpf.c")


@pytest.fixture
def obj(package: eunomia.Package) -> Iterator[eunomia.Object]:
    with package.load({"only": os.getpid()}) as opened:
        opened.attach()
        yield opened


def probe(count: int, target: int | None = None) -> None:
    """Send nothing to this process, or to one that is not there, whose number then is in the event."""
    for number in range(count):
        with suppress(ProcessLookupError):
            os.kill(os.getpid() if target is None else target + number, 0)


FAR = 1 << 22  # no process has such a number: the largest pid_max


def targets(batches: list[Any]) -> list[int]:
    return [event.target - FAR for batch in batches for event in batch]


def test_events_come_while_other_tasks_run(obj: eunomia.Object) -> None:
    async def main() -> tuple[list[int], int]:
        seen, ticks = [], 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        ticking = asyncio.create_task(tick())
        asyncio.get_running_loop().call_later(0.05, probe, 20, FAR)
        async with obj.events("kills", timeout=5, max_events=20) as stream:
            async for event in stream:
                seen.append(event.target - FAR)
        ticking.cancel()
        return seen, ticks

    seen, ticks = asyncio.run(main())

    assert seen == list(range(20))
    assert ticks > 10


def test_events_that_wait_do_not_keep_other_tasks_from_running(obj: eunomia.Object) -> None:
    probe(3000)

    async def main() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticking = asyncio.create_task(tick())
        async with obj.events("kills", max_events=3000) as stream:
            async for _ in stream:
                pass
        ticking.cancel()
        return ticks

    assert asyncio.run(main()) >= 3


def test_batches_come_and_end_after_the_timeout(obj: eunomia.Object) -> None:
    async def main() -> list[Any]:
        probe(500, FAR)
        async with obj.events("kills") as stream:
            return [batch async for batch in stream.batches(max_records=200, timeout=0.05)]

    batches = asyncio.run(main())

    assert [len(batch) for batch in batches] == [200, 200, 100]
    assert targets(batches) == list(range(500))


def test_two_streams_of_two_objects_in_one_loop(package: eunomia.Package) -> None:
    async def collect(stream: Any) -> int:
        return sum([1 async for _ in stream])

    async def main() -> list[int]:
        with package.load({"only": os.getpid()}) as one, package.load({"only": os.getpid()}) as two:
            one.attach()
            two.attach()
            first, second = one.events("kills", timeout=0.2), two.events("kills", timeout=0.2)
            async with first, second:
                both = asyncio.gather(collect(first), collect(second))
                await asyncio.sleep(0.05)
                probe(300)
                return await both

    assert asyncio.run(main()) == [300, 300]


def test_full_queue_blocks_and_leaves_the_rest_in_the_ring(obj: eunomia.Object) -> None:
    async def main() -> tuple[Any, list[Any]]:
        async with obj.events("kills", queue=100, policy="block") as stream:
            batches = stream.batches(timeout=0.05)
            probe(1, FAR)
            first = await anext(batches)
            probe(999, FAR + 1)
            await asyncio.sleep(0.05)  # the queue fills, nobody takes
            middle = stream.account()
            assert (middle.delivered, middle.pending, middle.lost) == (1, 999, {})
            return stream, [first, *[batch async for batch in batches]]

    stream, batches = asyncio.run(main())

    assert targets(batches) == list(range(1000))
    assert max(map(len, batches)) <= 100
    assert (stream.account().delivered, stream.account().lost) == (1000, {})


@pytest.mark.parametrize(("policy", "kept"), [("drop-oldest", range(900, 1000)), ("drop-newest", range(1, 101))])
def test_full_queue_drops_and_says_so(obj: eunomia.Object, policy: str, kept: range) -> None:
    async def main() -> tuple[Any, list[Any]]:
        async with obj.events("kills", queue=100, policy=policy) as stream:
            batches = stream.batches(timeout=0.05)
            probe(1, FAR)
            first = await anext(batches)
            for start in range(1, 1000, 111):  # the loop reads between
                probe(111, FAR + start)
                await asyncio.sleep(0.01)
            return stream, [first, *[batch async for batch in batches]]

    stream, batches = asyncio.run(main())
    account = stream.account()

    assert targets(batches) == [0, *kept]
    assert account.lost == {"queue full": 899}
    assert (account.produced, account.delivered, account.pending) == (1000, 101, 0)
    assert obj.account()["kills"].lost == {"queue full": 899}


def test_cancelled_wait_loses_nothing(obj: eunomia.Object) -> None:
    async def main() -> tuple[list[Any], Any]:
        async with obj.events("kills") as stream:
            batches = stream.batches(timeout=1)
            waiting = asyncio.ensure_future(anext(batches))
            await asyncio.sleep(0.02)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            probe(10, FAR)
            await asyncio.sleep(0.02)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.01)
            return [await anext(batches)], stream.account()

    batches, account = asyncio.run(main())

    assert targets(batches) == list(range(10))
    assert (account.delivered, account.pending) == (10, 0)


def test_stream_goes_on_in_another_loop_and_without_one(obj: eunomia.Object) -> None:
    async def take(stream: Any, count: int) -> list[int]:
        seen = []
        async for event in stream:
            seen.append(event.target - FAR)
            if len(seen) == count:
                break
        return seen

    with obj.events("kills", timeout=0.5) as stream:
        probe(10, FAR)
        seen = asyncio.run(take(stream, 3))
        seen += asyncio.run(take(stream, 4))
        probe(2, FAR + 10)
        seen += [event.target - FAR for event in stream]

    assert seen == list(range(12))


def test_stop_from_another_thread_ends_the_iteration(obj: eunomia.Object) -> None:
    async def main() -> tuple[int, float]:
        async with obj.events("kills") as stream:
            asyncio.get_running_loop().run_in_executor(None, lambda: (time.sleep(0.1), probe(5), stream.stop()))
            start = time.monotonic()
            return len([event async for event in stream]), time.monotonic() - start

    count, seconds = asyncio.run(main())

    assert count == 5
    assert seconds < 5


def test_idle_stream_does_not_spin(obj: eunomia.Object) -> None:
    async def main() -> float:
        async with obj.events("kills") as stream:
            probe(2000)
            assert len(await anext(stream.batches())) == 2000
            await asyncio.sleep(0.2)  # polling ends
            before = time.process_time()
            assert [batch async for batch in stream.batches(timeout=0.5)] == []
            return time.process_time() - before

    assert asyncio.run(main()) < 0.05


def test_nothing_is_left_after_a_loop_that_was_not_cleaned_up(obj: eunomia.Object) -> None:
    before = set(os.listdir("/proc/self/fd"))

    async def main() -> None:
        stream = obj.events("kills")
        probe(1)
        await anext(stream.batches())

    asyncio.run(main())

    assert set(os.listdir("/proc/self/fd")) <= before


def test_closing_while_a_task_waits_is_said_to_that_task(obj: eunomia.Object) -> None:
    async def main() -> None:
        stream = obj.events("kills")
        waiting = asyncio.ensure_future(anext(stream.batches()))
        await asyncio.sleep(0.02)
        stream.close()
        await waiting

    with pytest.raises(ValueError, match="event stream of map kills is closed"):
        asyncio.run(asyncio.wait_for(main(), 5))


def test_policy_and_size_of_the_queue_are_checked(obj: eunomia.Object) -> None:
    with pytest.raises(ValueError, match="policy 'drop': one of block, drop-oldest, drop-newest"):
        obj.events("kills", policy="drop")
    with pytest.raises(ValueError, match="queue of 0 events, expected at least 1"):
        obj.events("kills", queue=0)


def test_lone_events_after_bursts_are_never_late(obj: eunomia.Object) -> None:
    async def main() -> list[float]:
        late = []
        async with obj.events("kills", timeout=2) as stream:
            batches = stream.batches()
            for burst in [1, 200, 1, 1, 40, 3, 17, 1] * 8:  # polling begins and ends
                start = time.monotonic()
                asyncio.get_running_loop().call_later(0.003, probe, burst)
                seen = 0
                while seen < burst:
                    seen += len(await anext(batches))
                late.append(time.monotonic() - start)
        return late

    assert max(asyncio.run(main())) < 1  # a reader that is stranded waits for the timeout


def test_event_that_nobody_announced_is_not_late(obj: eunomia.Object) -> None:
    async def main() -> list[float]:
        late = []
        async with obj.events("kills", timeout=2) as stream:
            batches = stream.batches()
            for _ in range(5):
                await asyncio.sleep(0.2)  # asleep
                probe(200)  # taken at once, and programs need not wake the reader from here on
                assert len(await anext(batches)) == 200
                lone = threading.Timer(0.001, probe, [1])
                start = time.monotonic()
                lone.start()
                assert len(await anext(batches)) == 1
                late.append(time.monotonic() - start)
                lone.join()
        return late

    assert max(asyncio.run(main())) < 1  # a reader that is stranded waits for the timeout
