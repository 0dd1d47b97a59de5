"""The reader of one ring or perf buffer: batches out of shared memory, and what became of the records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Any

from eunomia._native import check, error, ffi, lib
from eunomia.events.account import Account
from eunomia.events.batch import Batch, Kinds
from eunomia.events.kinds import SAMPLE
from eunomia.events.layout import Layout, Source
from eunomia.events.run import read_plan

if TYPE_CHECKING:
    from eunomia.kernel.object import Object

# of a batch; its memory stays in the cache and is used again: four times as large, each record costs twice as much
MAX_RECORDS = 1 << 14
MAX_BYTES = 4 << 20
_LONGEST = 1 << 30  # milliseconds that C can wait; the caller waits again


class BufferReader:
    """Takes batches of records from a buffer; one thread at a time, `stop` and `close` from any.

    Args:
        obj: a loaded object.
        name: of the map; None: the only one.
        perf_pages: of a perf buffer for each CPU, a power of two; 0: 64.
        filter: an expression over the fields (docs/reference/filter.md); None: all pass.

    Raises:
        ValueError: there is no such event source, or the object is not loaded.
        FilterError: the filter is wrong.
        OSError: its buffer cannot be opened.
    """

    def __init__(self, obj: Object, name: str | None, perf_pages: int, filter: str | None) -> None:
        self._plan = self._reader = self._batcher = ffi.NULL
        self._wake_fd = -1
        self.is_stopped = False
        # accounts and `stop` may come from any thread, also while this one closes; `stop` from a signal handler too
        self._lock = RLock()
        self._busy = RLock()  # held while C reads: who closes waits for that
        self._uses, self._is_closing = (
            0,
            False,
        )  # uses: of the thread that holds it; a signal's handler may close meanwhile
        plan = obj.package.plan()
        layout = Layout(plan)
        place, source = choose(layout, name)
        self.map = source.map
        self._kinds = Kinds(layout, source.map, source.records)
        self._object = obj  # its maps must outlive the reader
        self._last: Account | None = None
        code = _compiled(plan, filter)
        handle = obj.handle()
        if not obj.loaded:
            raise ValueError(f"events of map {source.map}: object {obj.package.name} is not loaded")
        index = check(lib.eu_map_find(handle, source.map.encode()), "find map")
        self._plan = read_plan(plan, obj)
        self._batcher = lib.eu_batcher_new(self._plan, place, code or ffi.NULL, len(code))
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        if self._batcher:
            self._reader = lib.eu_reader_new(handle, index, perf_pages, self._wake_fd, self._batcher)
        if not self._reader:
            failure = error(f"open buffer {source.map}")
            self.close()
            raise failure

    @property
    def fd(self) -> int:
        """A descriptor that can be read from while there are records, or after `stop`; the reader owns it."""
        return int(lib.eu_reader_fd(self._open()))

    @property
    def is_open(self) -> bool:
        """Whether it can still be read."""
        return bool(self._reader)

    def take(self, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES) -> Batch | None:
        """Return what is there, without waiting: up to max_records, or one record that has more than max_bytes."""
        with self._using() as reader:
            count = lib.eu_reader_collect(reader, max_records, max_bytes)
            if not check(count, f"read buffer {self.map}"):
                return None
            return self._kinds.take(self._batcher)

    def wait(self, seconds: float | None) -> None:
        """Wait until there may be records, `stop` was called, or the time is over; None: for ever."""
        limit = -1 if seconds is None else min(int(seconds * 1000) + 1, _LONGEST)
        with self._using() as reader:
            check(lib.eu_reader_wait(reader, limit), f"read buffer {self.map}")

    def arm(self) -> float | None:
        """Tell programs that an event loop will sleep on `fd`.

        Returns:
            None: it may; else the seconds after which it must look again.
        """
        with self._using() as reader:
            return (None, 0.0, 0.001)[lib.eu_reader_arm(reader)]

    def stop(self) -> None:
        """Set `is_stopped`, and end this and every further `wait` at once; from any thread."""
        self.is_stopped = True
        self._wake()

    def lost(self) -> int:
        """Return how many records the kernel dropped (perf buffers; ring buffers do not count it)."""
        with self._lock:
            return int(lib.eu_reader_lost(self._open()))

    def delivered(self, count: int, dropped: int) -> None:
        """Note how many events the program has got so far, and how many a full queue had no room for."""
        with self._lock:
            if self._batcher:
                lib.eu_batcher_delivered(self._batcher, count, dropped)

    def account(self) -> Account:
        """Return what became of the source's records; the last state once it is closed."""
        with self._lock:
            if self._reader or self._last is None:
                counted, name = ffi.new("struct eu_account *"), ffi.new("char[]", self.map.encode())
                lib.eu_reader_account(self._reader or self._open(), counted)
                counted.map = name
                self._last = Account(counted)
            return self._last

    def check_open(self) -> None:
        """Raise ValueError where it is closed."""
        self._open()

    def _open(self) -> Any:
        if not self._reader or self._is_closing:
            raise ValueError(f"event stream of map {self.map} is closed")
        return self._reader

    def _wake(self) -> None:
        with self._lock:  # the descriptor's number may be another file's after close
            if self._wake_fd >= 0:
                os.eventfd_write(self._wake_fd, 1)

    @contextmanager
    def _using(self) -> Iterator[Any]:
        """Keep the reader from being closed meanwhile."""
        with self._busy:
            reader = self._open()
            self._uses += 1
            try:
                yield reader
            finally:
                self._uses -= 1
                if self._is_closing and not self._uses:
                    self._free()

    def close(self) -> None:
        """Close the buffer; the second call does nothing. A thread that waits for records gets a ValueError."""
        self._is_closing = True
        self._wake()
        with self._busy:
            if not self._uses:
                self._free()

    def _free(self) -> None:
        with self._lock:
            reader, self._reader = self._reader, ffi.NULL
            batcher, self._batcher = self._batcher, ffi.NULL
            plan, self._plan = self._plan, ffi.NULL
            wake, self._wake_fd = self._wake_fd, -1
        if reader:
            lib.eu_reader_free(reader)
        if batcher:
            lib.eu_batcher_free(batcher)
        if plan:
            lib.eu_plan_free(plan)
        if wake >= 0:
            os.close(wake)


class Deadline:
    """Seconds that are left; None: for ever."""

    __slots__ = ("_at",)

    def __init__(self, seconds: float | None) -> None:
        self._at = None if seconds is None else monotonic() + seconds

    def left(self) -> float | None:
        """Return the seconds left, 0.0 when it is over."""
        return None if self._at is None else max(0.0, self._at - monotonic())


def _compiled(plan: bytes, filter: str | None) -> bytes:
    if filter is None:
        return b""
    if not isinstance(filter, str):
        raise TypeError(f"events: filter is {type(filter).__name__}, expected str")
    from eunomia.events.filter import compile_filter

    return compile_filter(plan, filter)


def choose(layout: Layout, name: str | None) -> tuple[int, Source]:
    sources = {source.map: (place, source) for place, source in enumerate(layout.sources) if source.kind != SAMPLE}
    if name is None and len(sources) == 1:
        return next(iter(sources.values()))
    if name is None or name not in sources:
        found = f"has {', '.join(sources)}" if sources else f"has {'sampled maps only' if layout.sources else 'none'}"
        wanted = f"events of map {name}: not an event source" if name else "events: which map"
        raise ValueError(f"{wanted}; the object {found}")
    return sources[name]
