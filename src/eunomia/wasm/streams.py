"""Standard streams of a run: where input comes from, where output goes, and what is kept of it.

On the way of `ecli run GUEST.wasm`: imports nothing heavy.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, Any

_PIECE = 1 << 20
STEP = 0.005  # seconds between two looks


class Streams:
    """The streams of one run.

    Attributes:
        keeps: something of what the guest writes is kept.
    """

    __slots__ = ("_collected", "_kept", "_own")

    def __init__(self) -> None:
        self._own: list[int] = []
        self._kept: dict[str, int] = {}
        self._collected: dict[str, bytes] = {}

    @property
    def keeps(self) -> bool:
        """Whether something of what the guest writes is kept."""
        return bool(self._kept)

    def source(self, given: bytes | int | IO[Any] | None) -> int:
        """Return the descriptor that input comes from."""
        if given is None:
            return self._keep(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        if not isinstance(given, bytes):
            return _fileno(given)
        descriptor = self._keep(os.memfd_create("stdin"))
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(given)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def target(self, name: str, given: int | IO[Any] | None) -> int:
        """Return the descriptor that a stream of output goes to; None: it is kept."""
        if given is not None:
            return _fileno(given)
        self._kept[name] = self._keep(os.memfd_create(name))
        return self._kept[name]

    def _keep(self, descriptor: int) -> int:
        self._own.append(descriptor)
        return descriptor

    def read(self, name: str, start: int) -> bytes:
        """Return the bytes of a kept stream from a place on.

        Raises:
            ValueError: it is not kept.
        """
        descriptor = self._kept.get(name)
        if descriptor is not None:
            return _read(descriptor, start)
        if name in self._collected:
            return self._collected[name][start:]
        if name not in ("stdout", "stderr"):
            raise ValueError(f"no stream {name!r}: stdout and stderr are")
        raise ValueError(f"{name} goes to the file that run() was given, and is not kept")

    def close(self) -> None:
        """Let go of the descriptors; what was kept can be read still."""
        self._collected |= {name: _read(descriptor, 0) for name, descriptor in self._kept.items()}
        own, self._own, self._kept = self._own, [], {}
        for descriptor in own:
            os.close(descriptor)


class Output:
    """What a run has written: the part of `Run` that reads it."""

    _streams: Streams

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        raise NotImplementedError

    def _ends_within(self, timeout: float | None) -> bool:
        raise NotImplementedError

    @property
    def stdout(self) -> str:
        """What it has written to standard output so far, where that is kept; after `close` too."""
        return self.read("stdout").decode(errors="replace")

    @property
    def stderr(self) -> str:
        """What it has written to standard error so far, where that is kept; after `close` too."""
        return self.read("stderr").decode(errors="replace")

    def read(self, stream: str = "stdout", start: int = 0) -> bytes:
        """Return the bytes of a kept stream from a place on: what came since, when that is how much was read before.

        Raises:
            ValueError: the stream is not kept: it goes to the file that `Guest.run` was given.
        """
        return self._streams.read(stream, start)

    def lines(self, stream: str = "stdout") -> Iterator[str]:
        """Give the lines of a kept stream as the guest writes them, from the first on, until it has ended.

        Raises:
            ValueError: as `read`.
        """
        rest, place, pause = b"", 0, STEP
        is_over = False
        while not is_over:
            is_over = not self.is_running  # what it wrote last is read after that
            data = self.read(stream, place)
            place += len(data)
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                yield line.decode(errors="replace")
            pause = STEP if data else min(2 * pause, 10 * STEP)
            if not is_over:
                self._ends_within(pause)
        if rest:
            yield rest.decode(errors="replace")


def _read(descriptor: int, start: int) -> bytes:
    pieces = []
    while piece := os.pread(descriptor, _PIECE, start):
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _fileno(stream: Any) -> int:
    return stream if isinstance(stream, int) else int(stream.fileno())
