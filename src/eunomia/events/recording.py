"""Read a recording: what it is of, its accounts, and its records through the same pipeline as a live run's."""

from __future__ import annotations

import os

from eunomia._native import check, error, ffi, lib
from eunomia.events.account import Account
from eunomia.events.recorder import META, PACKAGE, PLAN
from eunomia.events.run import Run, read_plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Self

    from eunomia.events.batch import Batch
    from eunomia.events.layout import Source
    from eunomia.events.run import RunOptions
    from eunomia.package.model import Package


class Record:
    """A record of a recording.

    Attributes:
        map: the event source.
        time: wall clock at which it was read, in nanoseconds since 1970.
        data: its bytes.
    """

    __slots__ = ("data", "map", "time")

    def __init__(self, map_name: str, time: int, data: bytes) -> None:
        self.map, self.time, self.data = map_name, time, data

    def __repr__(self) -> str:
        return f"<Record of {self.map}: {len(self.data)} bytes, time {self.time}>"


class Counts:
    """What was read of a recording so far; of all of it after the last event, or `scan`.

    Attributes:
        blocks, bytes: of the file.
        records, record_bytes: events, and bytes of these.
        samples: readings of maps.
        lost: events that were lost while recording.
        first, last: times of the first and the last record, CLOCK_MONOTONIC in nanoseconds; see `Recording.wall`.
        is_whole: the recording ended in order.
        is_cut: the file ends before that.
        nr_accounts: accounts that were read.
    """

    __slots__ = (
        "blocks",
        "bytes",
        "first",
        "is_cut",
        "is_whole",
        "last",
        "lost",
        "nr_accounts",
        "record_bytes",
        "records",
        "samples",
    )

    def __init__(self, found: Any) -> None:
        self.blocks: int = found.blocks
        self.bytes: int = found.bytes
        self.records: int = found.records
        self.record_bytes: int = found.of_bytes
        self.samples: int = found.samples
        self.lost: int = found.losses
        self.first: int = found.first
        self.last: int = found.last
        self.nr_accounts: int = found.nr_accounts
        self.is_whole = bool(found.is_ended)
        self.is_cut = bool(found.is_cut)


class Recording:
    """A recording that is being read, from its start to its end, once.

    Args:
        fd: open for reading, a file's or a pipe's; it stays the caller's.
        name: for messages.

    Raises:
        OSError: it cannot be read, is no recording, or a damaged one.
    """

    def __init__(self, fd: int, name: str) -> None:
        self.name = name
        self._fd = -1
        self._recording: Any = lib.eu_recording_open(fd, os.fsencode(name))
        if not self._recording:
            raise error(f"read recording {name}")

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open a recording file."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            made = cls(fd, os.fspath(path))
        except BaseException:
            os.close(fd)
            raise
        made._fd = fd
        return made

    @property
    def meta(self) -> dict[str, Any]:
        """Who recorded what, when and where."""
        from eunomia.errors import PackageError
        from eunomia.package.codec import decode_text, parse_json

        found = parse_json(decode_text(self._part(META)))
        if not isinstance(found, dict):
            raise PackageError(f"read recording {self.name}: its description is no object")
        return found

    @property
    def package(self) -> Package:
        """The package that was recorded."""
        from eunomia.package.model import Package

        return Package.from_bytes(self._part(PACKAGE), self.name)

    def plan(self) -> bytes:
        """Return the plan of its records (docs/reference/plan.md)."""
        return self._part(PLAN)

    def counts(self) -> Counts:
        """Return what was read so far."""
        found = ffi.new("struct eu_recording_facts *")
        lib.eu_recording_tell(self.handle(), found)
        return Counts(found)

    def scan(self) -> None:
        """Read the rest, checking every block.

        Raises:
            OSError: a block is damaged.
        """
        check(lib.eu_recording_scan(self.handle()), f"read recording {self.name}")

    def wall(self, time: int) -> int:
        """Return the wall clock, in nanoseconds since 1970, of a record's time (CLOCK_MONOTONIC of its machine)."""
        return int(lib.eu_recording_wall(self.handle(), time))

    @property
    def accounts(self) -> list[Account]:
        """The accounts of the recorded run that were read last: whole after the last event."""
        one = ffi.new("struct eu_account *")
        found = []
        for index in range(self.counts().nr_accounts):
            check(lib.eu_recording_account(self.handle(), index, one), "read account")
            found.append(Account(one))
        return found

    def batches(self, name: str | None = None, *, max_records: int = 1 << 16) -> Iterator[Batch]:
        """Iterate the records of one source in batches, as those of a live ring (docs/python-api.md).

        Args:
            name: of the map; None: the only one.
            max_records: upper bound on a batch.

        Raises:
            ValueError: there is no such event source.
            OSError: the recording is damaged; what stands before that was given.
        """
        if max_records < 1:
            raise ValueError(f"batches: max_records {max_records}, expected at least 1")
        from eunomia.events.batch import Kinds
        from eunomia.events.layout import Layout
        from eunomia.events.reading import choose

        layout = Layout(self.plan())
        place, source = choose(layout, name)
        kinds = Kinds(layout, source.map, source.records)
        plan = read_plan(self.plan())
        batcher = lib.eu_batcher_new(plan, place, ffi.NULL, 0)
        try:
            if not batcher:
                raise error(f"read recording {self.name}")
            count = 1
            while count > 0:
                count = lib.eu_recording_collect(self.handle(), place, batcher, max_records)
                failure = error(f"read {self.name}") if count < 0 else None
                batch = kinds.take(batcher)
                if len(batch):
                    yield batch  # what stands before the damage, too
                if failure:
                    raise failure
        finally:
            lib.eu_batcher_free(batcher)
            lib.eu_plan_free(plan)

    def events(self, name: str | None = None) -> Iterator[Any]:
        """Iterate the typed events of one source; the arguments and errors are those of `batches`."""
        for batch in self.batches(name):
            yield from batch

    def records(self) -> Iterator[Record]:
        """Iterate all records as they came, with the times at which they were read."""
        record = ffi.new("struct eu_recorded *")
        maps = [each.map for each in self._sources()]
        what = f"read recording {self.name}"
        while True:
            if check(lib.eu_recording_record(self.handle(), record), what):
                data = bytes(ffi.buffer(record.bytes, record.size))
                yield Record(maps[record.source], self.wall(record.time), data)
            elif not check(lib.eu_recording_next(self.handle()), what):
                return

    def _sources(self) -> list[Source]:
        from eunomia.events.layout import Layout

        return Layout(self.plan()).sources

    def handle(self) -> Any:
        """Return the C recording."""
        if not self._recording:
            raise ValueError("the recording is closed")
        return self._recording

    def close(self) -> None:
        """Free it; the second call does nothing."""
        recording, self._recording = self._recording, ffi.NULL
        if recording:
            lib.eu_recording_free(recording)
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _part(self, kind: int) -> bytes:
        size = ffi.new("size_t *")
        found = lib.eu_recording_part(self.handle(), kind, size)
        return bytes(ffi.buffer(found, size[0])) if found else b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Replay(Run):
    """A recording in place of an object: its records are filtered, shown and aggregated as a live run's.

    Args:
        recording: at its start; what it has of records is read by `loop`.
        options: how; those about buffers mean nothing here.
        speed: 1: as it was, 2: twice as fast, 0: as fast as it goes.
        since, until: wall clock in nanoseconds; events outside count as filtered; 0: no limit.
    """

    __slots__ = ("_how", "_recording")

    def __init__(
        self, recording: Recording, options: RunOptions, *, speed: float = 0.0, since: int = 0, until: int = 0
    ) -> None:
        super().__init__(None, recording.plan(), options)
        self._recording = recording
        self._how = ffi.new("struct eu_replay_options *", {"speed": speed, "from": since, "to": until})

    def loop(self) -> int:
        """Replay all of it; return as `Run.loop`.

        Raises:
            OSError: the recording is damaged, or output cannot be written.
        """
        with self._busy:
            return check(lib.eu_run_replay(self._open(), self._recording.handle(), self._how), "replay")
