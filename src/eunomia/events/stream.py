"""Events of one ring or perf buffer as typed Python values, one by one or in batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from operator import length_hint
from threading import Lock
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet

from eunomia.events.batch import CHUNK, Batch
from eunomia.events.layout import Event
from eunomia.events.reading import MAX_BYTES, MAX_RECORDS, BufferReader, Deadline

if TYPE_CHECKING:
    from eunomia.events.account import Account
    from eunomia.events.queueing import Queue
    from eunomia.kernel.object import Object

POLICIES = ("block", "drop-oldest", "drop-newest")


_open: WeakSet[EventStream] = WeakSet()
_opening = Lock()


def settle(obj: Object) -> None:
    """Tell the accounts of an object how many events its streams have delivered; from any thread."""
    with _opening:
        streams = [stream for stream in _open if stream.object is obj]
    for stream in streams:
        stream.settle()


def events(obj: Object, name: str | None = None, **keywords: Any) -> EventStream:
    """Return an iterator over the events of a map; the keywords are those of EventStream."""
    return EventStream(obj, name, **keywords)


class EventStream(Iterator[Any]):
    """Iterates the events of one ring or perf buffer; each is an instance of a class made from its C struct.

    `for event in stream`, `async for event in stream`, `for batch in stream.batches()`. One thread iterates; `stop`
    and `close` may be called from any. Iteration ends after `stop()` (what is in the buffer then is still
    delivered), `timeout` seconds without an event, or `max_events`. Ctrl-C raises KeyboardInterrupt as usual. A
    record too short for its type is counted and passed over.

    Args:
        obj: a loaded object.
        name: of the map; may be left out where the object has one such map only.
        timeout: seconds to wait for an event, None: for ever.
        max_events: how many at most, None: no limit.
        perf_pages: of a perf buffer for each CPU, a power of two; 0: 64.
        filter: only events for which this holds, as in `pid == 1 && comm ~ "ssh*"`; None: all.
        queue: with asyncio, how many events may wait for the program outside of the buffer.
        policy: with asyncio, what happens when that many wait: "block" leaves the rest in the buffer (when that is
            full too, the kernel drops new ones: "ring full"), "drop-oldest" and "drop-newest" drop from the queue
            ("queue full").

    Raises:
        ValueError: there is no such event source or policy; a number is out of range.
        TypeError: `max_events` is no number, `filter` no text.
        FilterError: the filter is wrong.
        OSError: its buffer cannot be opened.
    """

    def __init__(
        self,
        obj: Object,
        name: str | None = None,
        *,
        timeout: float | None = None,
        max_events: int | None = None,
        perf_pages: int = 0,
        filter: str | None = None,
        queue: int = 1 << 16,
        policy: str = "block",
    ) -> None:
        if policy not in POLICIES:
            raise ValueError(f"events: policy {policy!r}: one of {', '.join(POLICIES)}")
        if queue < 1:
            raise ValueError(f"events: queue of {queue} events, expected at least 1")
        if (timeout is not None and not timeout >= 0) or (max_events is not None and max_events < 0):
            raise ValueError(f"events: timeout {timeout}, max_events {max_events}: neither can be negative")
        if perf_pages < 0 or perf_pages & (perf_pages - 1):
            raise ValueError(f"events: {perf_pages} perf_pages, expected a power of two")
        self._queue: Queue | None = None
        self._batch: Batch | None = None  # what is not decoded yet begins at _at
        self._at = 0
        # events given before these, how many these are, and what is left of them; one tuple, for `settle` in any thread
        self._given: tuple[int, int, Iterator[Any]] = (0, 0, iter(()))
        self._left = max_events
        self.timeout = timeout
        self._bound, self._policy = queue, policy
        self._reader = BufferReader(obj, name, perf_pages, filter)
        self.map = self._reader.map
        self.object = obj
        with _opening:
            _open.add(self)

    @property
    def lost(self) -> int:
        """How many records the kernel dropped (perf buffers; for ring buffers see `account`)."""
        return self._reader.lost()

    @property
    def undecodable(self) -> int:
        """How many records were too short for their type, or of none."""
        return self.account().lost.get("undecodable", 0)

    def account(self) -> Account:
        """Return what became of the source's records: produced = delivered + filtered + discarded + lost + pending.

        Delivered is what the program got; what waits in the buffer, in the queue or in this stream is pending. It can
        be read while events flow, and after `close`. `Object.account` has the sum of all readers of a map.
        """
        self.settle()
        return self._reader.account()

    def settle(self) -> None:
        """Tell the accounts how many events the program has got; from any thread."""
        before, count, left = self._given
        self._reader.delivered(before + count - length_hint(left), self._queue.dropped if self._queue else 0)

    def _give(self, count: int, events: Iterator[Any]) -> None:
        """Count what was given before, and begin with these events."""
        before, size, left = self._given
        self._given = (before + size - length_hint(left), count, events)

    def stop(self) -> None:
        """End the iteration once what is in the buffer is delivered; from any thread."""
        self._reader.stop()

    def take(self, timeout: float | None = 0.0) -> list[Any]:
        """Return the events that are there, up to some thousands; waits up to `timeout` seconds for the first.

        Args:
            timeout: None: until there is one or the stream is stopped.
        """
        batch = self.next_batch(timeout, max_records=8192)
        return [] if batch is None else list(batch)

    def batches(
        self, *, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES, timeout: float | None = None
    ) -> Batches:
        """Iterate the records in batches, `for` or `async for`; a batch is what is there, so it grows with the load.

        Args:
            max_records: upper bound on a batch; at least 1.
            max_bytes: the same in bytes; a record longer than that comes alone.
            timeout: seconds to wait for a batch before the iteration ends; None: the stream's.
        """
        if max_records < 1:
            raise ValueError(f"batches: max_records {max_records}, expected at least 1")
        return Batches(self, max_records, max_bytes, self.timeout if timeout is None else timeout)

    def next_batch(
        self, timeout: float | None, *, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES
    ) -> Batch | None:
        """Return the records that are there, or None: none came in time, or the stream has ended.

        Args:
            timeout: seconds to wait for the first; None: for ever, 0: not at all.
        """
        batch = self._rest(max_records) or self._next(timeout, max_records, max_bytes)
        if batch is not None:
            self._give(len(batch), iter(()))
        return batch

    def _next(self, timeout: float | None, max_records: int, max_bytes: int) -> Batch | None:
        """Take records from the buffer."""
        until = Deadline(timeout)
        while self._left != 0:
            stopped = self._reader.is_stopped  # before looking: what came until then is delivered
            batch = self._reader.take(self._wanted(max_records), max_bytes)
            if self._queue is not None:
                self._queue.looked()
            if batch is not None:
                return self._count(batch)
            left = until.left()
            if stopped or left == 0:
                break
            self._reader.wait(left)
        return None

    def _rest(self, max_records: int) -> Batch | None:
        """What was taken before and not given to the program yet, at most max_records of it."""
        batch, hint = self._batch, length_hint(self._given[2])
        self._give(0, iter(()))
        start = self._at - hint
        if batch is None or start >= len(batch):
            return self._queued(max_records)
        self._at = min(start + max_records, len(batch))
        return batch[start : self._at]

    def _queued(self, max_records: int) -> Batch | None:
        if self._queue is None or self._left == 0:
            return None
        batch = self._queue.pop(self._wanted(max_records))
        return None if batch is None else self._count(batch)

    def _wanted(self, most: int) -> int:
        return most if self._left is None else min(most, self._left)

    def _count(self, batch: Batch) -> Batch:
        if self._left is not None:
            self._left -= len(batch)
        return batch

    def _more(self) -> bool:
        """Decode the next events, waiting for them; False: the iteration ends."""
        if self._batch is None or self._at >= len(self._batch):
            self._batch, self._at = self._queued(MAX_RECORDS) or self._next(self.timeout, MAX_RECORDS, MAX_BYTES), 0
        return self._decode()

    def _decode(self) -> bool:
        if self._batch is None:
            return False
        stop = min(self._at + CHUNK, len(self._batch))
        events = list(self._batch[self._at : stop])
        self._at = stop
        self._give(len(events), iter(events))
        return True

    def __iter__(self) -> Iterator[Any]:
        self._reader.check_open()  # now, not with the first event
        return self._iter()

    def _iter(self) -> Iterator[Any]:
        yield from self._given[2]
        while self._more():
            yield from self._given[2]

    def __next__(self) -> Any:
        for event in self._given[2]:
            return event
        if not self._more():
            raise StopIteration
        return next(self._given[2])

    def __aiter__(self) -> AsyncIterator[Any]:
        self._reader.check_open()
        return self._aiter()

    async def _aiter(self) -> AsyncIterator[Any]:
        from asyncio import sleep

        for event in self._given[2]:
            yield event
        while True:
            if self._batch is None or self._at >= len(self._batch):
                batch = self._queued(MAX_RECORDS) or await self._next_async(self.timeout, MAX_RECORDS, MAX_BYTES)
                self._batch, self._at = batch, 0
            if not self._decode():
                return
            for event in self._given[2]:
                yield event
            await sleep(0)  # events that wait must not keep the loop from its other tasks

    async def next_batch_async(
        self, timeout: float | None, *, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES
    ) -> Batch | None:
        """Return what `next_batch` does, with other tasks running while it waits. Cancelling it loses nothing."""
        batch = self._rest(max_records) or await self._next_async(timeout, max_records, max_bytes)
        if batch is not None:
            self._give(len(batch), iter(()))
        return batch

    async def _next_async(self, timeout: float | None, max_records: int, max_bytes: int) -> Batch | None:
        from eunomia.events.queueing import Queue

        if self._left == 0:
            return None
        if self._queue is None:
            self._queue = Queue(self._reader, self._bound, self._policy)
        batch = await self._queue.get(timeout, self._wanted(max_records), max_bytes)
        return None if batch is None else self._count(batch)

    def close(self) -> None:
        """Close the buffer; the second call does nothing."""
        reader = getattr(self, "_reader", None)  # absent where the constructor failed
        if reader is None or not reader.is_open:
            return
        self.account()  # what it says from here on
        if self._queue is not None:
            self._queue.close()
        reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<EventStream of {self.map}{'' if self._reader.is_open else ' closed'}>"


class Batches(Iterator[Batch]):
    """What `EventStream.batches` returns: an iterator and an asynchronous iterator of batches."""

    def __init__(self, stream: EventStream, max_records: int, max_bytes: int, timeout: float | None) -> None:
        self._stream = stream
        self._sizes = {"max_records": max_records, "max_bytes": max_bytes}
        self._timeout = timeout

    def __next__(self) -> Batch:
        batch = self._stream.next_batch(self._timeout, **self._sizes)
        if batch is None:
            raise StopIteration
        return batch

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        batch = await self._stream.next_batch_async(self._timeout, **self._sizes)
        if batch is None:
            raise StopAsyncIteration
        return batch


__all__ = ["Batch", "Batches", "Event", "EventStream", "events"]
