"""Events of one ring or perf buffer as typed Python values."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from eunomia._native import check, error, ffi, lib
from eunomia.events.layout import MATCH_SIZE, MATCH_VALUE, PERF, SAMPLE, Event, Layout, Reader, Source

if TYPE_CHECKING:
    from eunomia.kernel.object import Object

_BUFFER = 1 << 20
_RECORDS = 8192


def events(obj: Object, name: str | None = None, **keywords: Any) -> EventStream:
    """Return an iterator over the events of a map; the keywords are those of EventStream."""
    return EventStream(obj, name, **keywords)


class EventStream(Iterator[Any]):
    """Iterates the events of one ring or perf buffer; each is an instance of a class made from its C struct.

    One thread iterates; `stop` may be called from any. Iteration ends after `stop()` (what is in the buffer then is
    still delivered), `timeout` seconds without an event, or `max_events`. Ctrl-C raises KeyboardInterrupt as usual. A
    record too short for its type is counted in `undecodable` and passed over.

    Args:
        obj: a loaded object.
        name: of the map; may be left out where the object has one such map only.
        timeout: seconds to wait for an event, None: for ever.
        max_events: how many at most, None: no limit.
        perf_pages: of a perf buffer for each CPU, a power of two; 0: 64.

    Raises:
        ValueError: there is no such event source.
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
    ) -> None:
        self._reader: Any = ffi.NULL
        self._wake = -1
        layout = Layout(obj.package.plan())
        source = _choose(layout, name)
        self.map = source.map
        self.timeout = timeout
        self._left = max_events
        self.undecodable = 0
        self._stopped = False
        self._size = _BUFFER
        self._decoders = [_Decoder(layout, record, source.kind == PERF) for record in source.records]
        handle = obj.handle()
        self._reader = lib.eu_reader_new(
            handle, check(lib.eu_map_find(handle, source.map.encode()), "find map"), perf_pages
        )
        if not self._reader:
            raise error(f"open buffer {source.map}")
        self._object = obj  # its maps must outlive the reader
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(lib.eu_reader_fd(self._reader), select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)
        self._allocate()
        self._batch: Iterator[Any] = iter(())

    def _allocate(self) -> None:
        self._buffer = bytearray(self._size)
        self._bytes = ffi.from_buffer(self._buffer)
        self._starts = ffi.new("uint32_t[]", _RECORDS)
        self._lengths = ffi.new("uint32_t[]", _RECORDS)

    @property
    def lost(self) -> int:
        """How many records the kernel dropped (perf buffers; ring buffers do not count it)."""
        return int(lib.eu_reader_lost(self._open()))

    def stop(self) -> None:
        """End the iteration once what is in the buffer is delivered; from any thread."""
        self._stopped = True
        if self._wake >= 0:
            os.eventfd_write(self._wake, 1)

    def take(self, timeout: float | None = 0.0) -> list[Any]:
        """Return the events that are there, up to some thousands; waits up to `timeout` seconds for the first.

        Args:
            timeout: None: until there is one or the stream is stopped.
        """
        return list(self._take(timeout))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if self._left == 0:
            raise StopIteration
        for event in self._batch:
            if self._left is not None:
                self._left -= 1
            return event
        # a batch may hold nothing but undecodable records: only waiting in vain ends the iteration
        while self._fill(self.timeout):
            for event in self._batch:
                if self._left is not None:
                    self._left -= 1
                return event
        raise StopIteration

    def _take(self, timeout: float | None) -> Iterator[Any]:
        self._fill(timeout)
        batch, self._batch = self._batch, iter(())
        return batch

    def _fill(self, timeout: float | None) -> int:
        """Read the next batch; 0 when there was none in time."""
        until = None if timeout is None else monotonic() + timeout
        while True:
            count = self._read()
            if count or self._stopped:
                self._batch = self._decode(count)
                return count
            left = None if until is None else until - monotonic()
            if left is not None and left <= 0:
                return 0
            self._poll.poll(None if left is None else int(left * 1000) + 1)

    def _read(self) -> int:
        reader = self._open()
        while True:
            count: int = lib.eu_reader_take(reader, self._bytes, self._size, self._starts, self._lengths, _RECORDS)
            if count >= 0:
                return count
            failure = error(f"read buffer {self.map}")
            if self._size >= 1 << 30:
                raise failure
            self._size *= 4  # one record is longer than the buffer
            self._allocate()

    def _decode(self, count: int) -> Iterator[Any]:
        # copied: an event left in the iterator must not change with the next batch
        data = bytes(self._buffer[: self._starts[count - 1] + self._lengths[count - 1]]) if count else b""
        starts, lengths = ffi.unpack(self._starts, count), ffi.unpack(self._lengths, count)
        if len(self._decoders) == 1 and not self._decoders[0].flags:
            one = self._decoders[0]
            if not lengths or min(lengths) >= one.size:
                return iter([one.read(data, at, at + size) for at, size in zip(starts, lengths, strict=True)])
        return self._match(data, starts, lengths)

    def _match(self, data: bytes, starts: list[int], lengths: list[int]) -> Iterator[Any]:
        for at, size in zip(starts, lengths, strict=True):
            for decoder in self._decoders:
                if decoder.matches(data, at, size):
                    yield decoder.decode(data, at, size)
                    break
            else:
                self.undecodable += 1

    def _open(self) -> Any:
        if not self._reader:
            raise ValueError(f"event stream of map {self.map} is closed")
        return self._reader

    def close(self) -> None:
        """Close the buffer; the second call does nothing."""
        reader, self._reader = self._reader, ffi.NULL
        wake, self._wake = self._wake, -1
        if reader:
            lib.eu_reader_free(reader)
        if wake >= 0:
            os.close(wake)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class _Decoder:
    """One record type of a source: whether a record is of it, and its value."""

    def __init__(self, layout: Layout, record: tuple[int, ...], is_perf: bool) -> None:
        index, _, self.flags, self._offset, self._width, _, value = record
        self.size = layout.size(index)
        self._least = layout.least(index)
        self._flexible = layout.is_flexible(index)
        self._value = value & (1 << 8 * self._width) - 1
        self._is_perf = is_perf
        self.read: Reader = layout.reader(index)

    def matches(self, data: bytes, at: int, size: int) -> bool:
        """Source: matches in native/view.c."""
        if size < self._least:
            return False
        if self.flags & MATCH_VALUE:
            found = data[at + self._offset : at + self._offset + self._width]
            if self._offset + self._width > size or int.from_bytes(found, "little") != self._value:
                return False
        if self.flags & MATCH_SIZE:
            if self._flexible:
                return size >= self.size
            padded = (self.size + 4 + 7 & ~7) - 4
            return size == self.size or (self._is_perf and size == padded)
        return True

    def decode(self, data: bytes, at: int, size: int) -> Any:
        """Return the value; what a short record lacks is zero."""
        if size < self.size:
            data, at, size = data[at : at + size].ljust(self.size, b"\0"), 0, self.size
        return self.read(data, at, at + size)


def _choose(layout: Layout, name: str | None) -> Source:
    sources = {source.map: source for source in layout.sources if source.kind != SAMPLE}
    if name is None and len(sources) == 1:
        return next(iter(sources.values()))
    if name is None or name not in sources:
        found = f"has {', '.join(sources)}" if sources else "has none"
        wanted = f"events of map {name}: not an event source" if name else "events: which map"
        raise ValueError(f"{wanted}; the object {found}")
    return sources[name]


__all__ = ["Event", "EventStream", "events"]
