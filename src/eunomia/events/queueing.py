"""The bounded queue between a buffer and an asyncio program."""

from __future__ import annotations

import asyncio
from collections import deque

from eunomia.events.batch import Batch
from eunomia.events.reading import MAX_BYTES, MAX_RECORDS, BufferReader


class Queue:
    """Reads a buffer whenever the event loop sees records in it, and keeps them until the program takes them.

    It is of one event loop at a time: the one that `get` was called in last. Between two calls of `get` it goes on
    reading; where it is full its policy says what is lost, and `dropped` counts it.

    Args:
        reader: the buffer.
        bound: how many events are kept at most.
        policy: "block": leave the rest in the buffer; "drop-oldest", "drop-newest".
    """

    def __init__(self, reader: BufferReader, bound: int, policy: str) -> None:
        self._reader = reader
        self._bound = bound
        self._policy = policy
        self._batches: deque[Batch] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reading = False
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None
        self.held = 0
        self.dropped = 0

    async def get(self, timeout: float | None, max_records: int, max_bytes: int) -> Batch | None:
        """Return the next records, at most max_records; None: none came in time, or the stream was stopped.

        Cancelling it loses nothing.
        """
        self._attach(asyncio.get_running_loop())
        try:
            async with asyncio.timeout(timeout):
                while not self._batches:
                    stopped = self._reader.is_stopped
                    self._read(min(max_records, self._bound), max_bytes)
                    if self._batches or stopped:
                        break
                    await self._readable()
        except TimeoutError:
            return None
        return self.pop(max_records)

    def pop(self, max_records: int = MAX_RECORDS) -> Batch | None:
        """Return the oldest records, at most max_records, or None."""
        self._raise()
        if not self._batches:
            return None
        batch = self._batches.popleft()
        if len(batch) > max_records:
            self._batches.appendleft(batch[max_records:])
            batch = batch[:max_records]
        self.held -= len(batch)
        self._resume()
        return batch

    def close(self) -> None:
        """Leave the event loop; the reader is closed by its owner. Who waits is told."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            self._pause()
            self._tell()
        self._loop, self._reading, self._timer = None, False, None

    def _attach(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is self._loop:
            return
        self.close()
        self._loop = loop
        self._waiter = None
        self._resume()

    def _has_room(self) -> bool:
        return self._policy != "block" or self.held < self._bound

    def _resume(self) -> None:
        """Read when there are records, where there is room for them."""
        if self._loop is None or self._loop.is_closed() or self._reading or not self._has_room():
            return
        self._reading = True
        self._loop.add_reader(self._reader.fd, self._ready)
        self._arm()

    def _pause(self) -> None:
        if self._loop is not None and self._reading:
            self._reading = False
            self._loop.remove_reader(self._reader.fd)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def looked(self) -> None:
        """Somebody else has read the buffer: how programs wake its readers may have changed."""
        if self._loop is not None and not self._loop.is_closed() and self._reading:
            self._arm()

    def _arm(self) -> None:
        """While programs need not wake the reader, the loop must come back by itself."""
        again = self._reader.arm()
        if self._loop is not None and self._reading and self._timer is None and again is not None:
            self._timer = self._loop.call_later(again, self._look)

    def _look(self) -> None:
        self._timer = None
        self._ready()

    def _ready(self) -> None:
        if not self._reader.is_open:
            return
        try:
            self._read(MAX_RECORDS, MAX_BYTES)
            if self._reader.is_stopped:
                self._pause()  # its descriptor stays readable
            elif self._reading:
                self._arm()
        except Exception as exc:
            self._failure = exc  # for who waits, not for the loop's handler
            self._pause()
        self._tell()

    def _tell(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _readable(self) -> None:
        self._raise()
        assert self._loop is not None
        self._waiter = self._loop.create_future()
        self._arm()  # `get` has looked since the loop did
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _raise(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _read(self, max_records: int, max_bytes: int) -> None:
        if self._policy == "block":
            max_records = min(max_records, self._bound - self.held)
        batch = self._reader.take(max_records, max_bytes) if max_records > 0 else None
        if batch is not None:
            self._put(batch)
        if not self._has_room():
            self._pause()

    def _put(self, batch: Batch) -> None:
        count = len(batch)
        if self._policy == "drop-newest" and self.held + count > self._bound:
            kept = self._bound - self.held
            self.dropped += count - kept
            batch = batch[:kept]
        if len(batch):
            self._batches.append(batch)
            self.held += len(batch)
        while self.held > self._bound:
            self._drop_oldest(self.held - self._bound)

    def _drop_oldest(self, count: int) -> None:
        oldest = self._batches.popleft()
        gone = min(count, len(oldest))
        if gone < len(oldest):
            self._batches.appendleft(oldest[gone:])
        self.held -= gone
        self.dropped += gone
