"""Standard streams of a run: where input comes from, where output goes, and what is kept of it.

On the way of `ecli run GUEST.wasm`: imports nothing heavy.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

_PIECE = 1 << 20


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


def _read(descriptor: int, start: int) -> bytes:
    pieces = []
    while piece := os.pread(descriptor, _PIECE, start):
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _fileno(stream: Any) -> int:
    return stream if isinstance(stream, int) else int(stream.fileno())
