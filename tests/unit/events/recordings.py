"""Records through the whole pipeline without a kernel: written as a recording, and replayed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from eunomia._native import check, ffi, lib
from eunomia.events.recording import META, PACKAGE, PLAN, Recording, Replay
from eunomia.events.run import RunOptions

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


@contextmanager
def recorded(plan: bytes, records: Iterable[tuple[int, float, bytes]]) -> Iterator[IO[bytes]]:
    """Yield a recording of (source, seconds since the start, bytes)."""
    with tempfile.TemporaryFile() as file:
        recorder = lib.eu_recorder_new(file.fileno(), b"test", 0)
        assert recorder
        try:
            for kind, part in ((META, b"{}"), (PACKAGE, b"{}"), (PLAN, plan)):
                check(lib.eu_recorder_part(recorder, kind, part, len(part)), "write")
            check(lib.eu_recorder_clock(recorder, SECOND, SECOND, START), "write")
            for source, seconds, data in records:
                time = SECOND + int(seconds * SECOND)
                check(lib.eu_recorder_add(recorder, source, time, ffi.from_buffer(data), len(data)), "write")
            check(lib.eu_recorder_end(recorder, 0), "write")
        finally:
            lib.eu_recorder_free(recorder)
        file.seek(0)
        yield file


def replayed(plan: bytes, records: Iterable[tuple[int, float, bytes]], **options: Any) -> str:
    """Return what a run of these records prints."""
    return replay(plan, records, **options)[0]


def replay(plan: bytes, records: Iterable[tuple[int, float, bytes]], **options: Any) -> tuple[str, list[Any]]:
    """Return what a run of these records prints, and its accounts."""
    with recorded(plan, records) as file, tempfile.TemporaryFile() as out:
        chosen = RunOptions(**{"out_fd": out.fileno(), "header": "once", **options})
        with Recording(file.fileno(), "test") as recording, Replay(recording, chosen) as run:
            run.loop()
            accounts = run.accounts()
        out.seek(0)
        return out.read().decode(), accounts
