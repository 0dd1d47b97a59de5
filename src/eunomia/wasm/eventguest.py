"""Guests that get the events of a run before they are shown: docs/reference/wasm-interface.md, "Guests of packages"."""

from __future__ import annotations

import os

from eunomia._native import ffi, lib, text
from eunomia.errors import GuestError
from eunomia.wasm import engine
from eunomia.wasm.guest import check_header, module_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from eunomia.wasm.guest import Bytes

_MAX = (1 << 64) - 1


class EventGuest:
    """A guest for `RunOptions.guests`. It serves one run, in the thread that makes that and calls its `loop`.

    Args:
        wasm: the module.
        name: what its messages call it.
        memory: bytes of memory that it may have [256 MiB].
        fuel: instructions of one call, 0: no limit [10 000 000 000].
        stack: bytes of its stack [1 MiB].
        table: elements that each of its tables may have [100000].

    Raises:
        TypeError: `wasm` is neither bytes nor an object with bytes.
        GuestError: it is no module, exports neither `on_event` nor `on_batch`, or imports what nobody offers.
        MissingDependencyError: wasmtime is not installed.
    """

    __slots__ = ("_handle", "_kept", "name")

    def __init__(
        self,
        wasm: Bytes,
        name: str = "guest.wasm",
        *,
        memory: int = 0,
        fuel: int | None = None,
        stack: int = 0,
        table: int = 0,
    ) -> None:
        self._handle: Any = ffi.NULL
        self.name = name
        wasm = module_bytes(wasm)
        check_header(wasm, name)
        words = [ffi.new("char[]", os.fsencode(word)) for word in (name, engine.library(), engine.cache())]
        args, env = ffi.new("const char *[]", [words[0], ffi.NULL]), ffi.new("const char *[]", [ffi.NULL])
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._kept = [words, args, env, null]
        options = ffi.new("struct eu_guest_options *")
        options.args, options.env, options.stdin_fd, options.stderr_fd = args, env, null, 2
        options.memory, options.stack, options.table = memory, stack, table
        options.fuel = 0 if fuel is None else fuel or _MAX
        options.library, options.cache = words[1], words[2] if len(words[2]) > 1 else ffi.NULL
        self._handle = lib.eu_sieve_new(words[0], wasm, len(wasm), options)
        if not self._handle:
            os.close(self._kept.pop())
            raise GuestError(f"guest {name}: {text(lib.eu_error())}")

    def handle(self) -> Any:
        """Return the C guest.

        Raises:
            ValueError: it was closed.
        """
        if not self._handle:
            raise ValueError(f"guest {self.name}: it is closed")
        return self._handle

    def counts(self) -> dict[str, int]:
        """Return how many events it was given, let pass, dropped, changed and added. `changed` are of `passed`."""
        counts = self._tell()
        return {each: getattr(counts, each) for each in ("events", "passed", "dropped", "changed", "added")}

    @property
    def failed_at(self) -> tuple[int, int] | None:
        """The first and last event, from 1, of those of which one made it fail; (0, 0): none; None: it did not fail."""
        counts = self._tell()
        return (counts.first, counts.last) if counts.has_failed else None

    def _tell(self) -> Any:
        counts = ffi.new("struct eu_sieve_counts *")
        lib.eu_sieve_tell(self.handle(), counts)
        return counts

    @property
    def detail(self) -> str:
        """The calls of a guest that trapped, innermost first, one a line."""
        return text(lib.eu_sieve_detail(self.handle()))

    def close(self) -> None:
        """Let go of it; the run that it served is closed before."""
        if self._handle:
            lib.eu_sieve_free(self._handle)
            self._handle = ffi.NULL
            os.close(self._kept.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
