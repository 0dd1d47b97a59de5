"""Write a recording: what was recorded and where, then the blocks that the C core writes during a run."""

from __future__ import annotations

import os

from eunomia._native import check, error, ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

    from eunomia.package.model import Package

META, PACKAGE, PLAN = 1, 2, 3
LEVEL = 1


class Recorder:
    """A recording that is being written; give it to `RunOptions.record`, or add records by hand.

    Args:
        fd: open for writing and at its start; it stays the caller's.
        name: of the file, for messages.
        meta: what is recorded, as JSON can hold it.
        package, plan: their bytes.
        compress: pack the blocks (zlib): a third to a tenth of the size, and several times the work.

    Raises:
        OSError: the file cannot be written.
    """

    __slots__ = ("_name", "_recorder")

    def __init__(
        self, fd: int, name: str, meta: Mapping[str, Any], package: bytes, plan: bytes, *, compress: bool = False
    ) -> None:
        import json

        self._name = name
        self._recorder: Any = lib.eu_recorder_new(fd, os.fsencode(name), LEVEL if compress else 0)
        if not self._recorder:
            raise error(f"write recording {name}")
        try:
            for kind, part in ((META, json.dumps(meta, default=str).encode()), (PACKAGE, package), (PLAN, plan)):
                self._check(lib.eu_recorder_part(self._recorder, kind, part, len(part)))
        except BaseException:
            self.close()
            raise

    @classmethod
    def of(
        cls, package: Package, fd: int, name: str, *, details: Mapping[str, Any] | None = None, compress: bool = False
    ) -> Self:
        """Begin the recording of a package on this machine.

        Args:
            package: kept whole, with the BTF of other kernels that it has.
            fd, name, compress: as of the class.
            details: further keys of the description: what the user called it (`tool`), `options`.
        """
        whole = package.to_tar() if package.btf_archive else package.to_json().encode()
        meta = {**describe(), "tool": package.name, **(details or {})}
        return cls(fd, name, meta, whole, package.plan(), compress=compress)

    def add(self, source: int, record: bytes, time: int) -> None:
        """Add a record.

        Args:
            source: of the plan, from 0.
            record: its bytes.
            time: CLOCK_MONOTONIC when it was read, in nanoseconds.
        """
        self._check(lib.eu_recorder_add(self.handle(), source, time, record, len(record)))

    def clock(self, monotonic: int, boottime: int, realtime: int) -> None:
        """Note what the clocks were at one instant, in nanoseconds."""
        self._check(lib.eu_recorder_clock(self.handle(), monotonic, boottime, realtime))

    def flush(self) -> None:
        """Write the block that is being filled."""
        self._check(lib.eu_recorder_flush(self.handle()))

    def end(self, ending: int = 0) -> None:
        """Write the mark of a recording that is whole."""
        self._check(lib.eu_recorder_end(self.handle(), ending))

    def _check(self, result: int) -> None:
        check(result, f"write recording {self._name}")

    @property
    def records(self) -> int:
        """How many records are in the file."""
        return int(lib.eu_recorder_records(self.handle()))

    @property
    def samples(self) -> int:
        """How many readings of maps are in the file."""
        return int(lib.eu_recorder_samples(self.handle()))

    @property
    def size(self) -> int:
        """How many bytes were written."""
        return int(lib.eu_recorder_bytes(self.handle()))

    def handle(self) -> Any:
        """Return the C recorder, for `RunOptions`."""
        if not self._recorder:
            raise ValueError("the recorder is closed")
        return self._recorder

    def close(self) -> None:
        """Free it; the second call does nothing. The descriptor stays open."""
        recorder, self._recorder = self._recorder, ffi.NULL
        if recorder:
            lib.eu_recorder_free(recorder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def describe() -> dict[str, Any]:
    """Return who records, when and on which machine."""
    from datetime import UTC, datetime

    from eunomia import __version__

    kernel = os.uname()
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
    except OSError:
        boot = ""
    return {
        "eunomia": __version__,
        "started": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "host": {
            "name": kernel.nodename,
            "kernel": kernel.release,
            "build": kernel.version,
            "machine": kernel.machine,
            "cpus": os.cpu_count() or 0,
            "boot_id": boot,
        },
    }
