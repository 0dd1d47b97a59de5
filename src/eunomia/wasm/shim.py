"""The host's interface called from Python: a guest of nothing but imports, in whose memory arguments are laid out.

Components are hosted with it: policy, handles, limits and errors are those of every guest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eunomia._native import check, ffi, lib, text
from eunomia.errors import GuestError
from eunomia.wasm.guest import Guest
from eunomia.wasm.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from eunomia.wasm.policy import Policy

# What is exported again, with its type.
FUNCTIONS = {
    "error": "ii:i", "object_open": "iii:I", "object_load": "I:i", "map_info": "Iiii:i", "map_info_by_fd": "iii:i",
    "program_info": "Iiii:i", "map_set": "IiiI:i", "program_set": "IiiI:i", "program_bind": "Iii:i",
    "map_initial": "Iiiiii:i", "link_attach": "Iii:i", "link_detach": "i:i", "buffer_poll_batch": "iiii:i",
    "buffer_lost": "i:I", "program_test_run": "Iiiiiiii:i", "map_operate": "iiiiiI:i",
}  # fmt: skip
OLD = {"close_bpf_object": "I:i", "bpf_map_fd_by_name": "Ii:i"}
PAGE = 65536
ERROR_ROOM = 2048


class Stopped(Exception):
    """The guest was ended, or its time is up."""


def module() -> bytes:
    """Return the module: its imports, exported."""
    from wasmtime import wat2wasm

    words = {"i": "i32", "I": "i64"}
    rows = [("wasm_" + name, kind) for name, kind in OLD.items()]
    rows += [("wasm_bpf_" + name, kind) for name, kind in FUNCTIONS.items()]
    lines = []
    for name, kind in rows:
        parameters, result = kind.split(":")
        shape = f"(param {' '.join(words[letter] for letter in parameters)}) (result {words[result]})"
        lines.append(f'(import "wasm_bpf" "{name}" (func ${name} {shape})) (export "{name}" (func ${name}))')
    lines.append('(memory (export "memory") 1)')
    lines.append('(func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))')
    return bytes(wat2wasm(f"(module {' '.join(lines)})"))


class Shim:
    """The guest: started in the thread that calls it."""

    def __init__(
        self, name: str, policy: Policy, on_failure: Callable[[str, list[str]], None] | None, duration: float
    ) -> None:
        guest = Guest(module(), name)
        guest.hints_are_options = True
        self._run = Run(guest, [], policy, None, on_failure)
        self._run._open_streams(None, 1, 2)
        self._run._set_words([name], {}, [])
        self._run._set_limits(memory=0, table=0, fuel=None, stack=0, duration=duration, max_output=0)
        self._guest = self._run._make()
        self._slots = ffi.new("uint64_t[]", 2 * 16)
        self._used = 0
        self._types = {"wasm_" + name: kind.encode() for name, kind in OLD.items()}
        self._types |= {"wasm_bpf_" + name: kind.encode() for name, kind in FUNCTIONS.items()} | {"grow": b"i:i"}

    def start(self) -> None:
        """Start it, in the thread that goes on with it."""
        check(lib.eu_guest_start(self._guest), "start")

    def terminate(self) -> None:
        """End what waits; from any thread."""
        lib.eu_guest_terminate(self._guest)

    def close(self) -> str:
        """Let go of all that it has in the kernel; return the line about what was lost, "" where there is none."""
        self._guest = ffi.NULL
        self._run.close()
        return self._run.loss_line()

    def call(self, name: str, *arguments: int) -> int:
        """Call a function; numbers are signed.

        Raises:
            Stopped: it was ended.
        """
        kind = self._types[name]
        for index, value in enumerate(arguments):
            self._slots[2 * index] = value & (1 << 64) - 1 if kind[index : index + 1] == b"I" else value & 0xFFFFFFFF
        if lib.eu_guest_call(self._guest, name.encode(), kind, self._slots):
            raise Stopped(text(lib.eu_error()))
        value = int(self._slots[0])
        bits = 64 if kind.endswith(b"I") else 32
        value &= (1 << bits) - 1
        return value - (1 << bits) if value >> (bits - 1) else value

    def begin(self) -> None:
        """Forget what was laid out for the call before."""
        self._used = 64

    def room(self, size: int) -> int:
        """Return where `size` bytes are free, in memory that grows for it."""
        at = (self._used + 7) & ~7
        self._used = at + size
        length = ffi.new("uint64_t *")
        lib.eu_guest_memory(self._guest, length)
        if self._used > length[0] and self.call("grow", (self._used - length[0] + PAGE - 1) // PAGE) < 0:
            raise GuestError(f"{size} bytes for the host: more than the guest's memory may be [--memory SIZE]")
        return at

    def put(self, data: bytes) -> int:
        """Lay bytes out; return where."""
        at = self.room(len(data))
        ffi.memmove(lib.eu_guest_memory(self._guest, ffi.new("uint64_t *")) + at, data, len(data))
        return at

    def string(self, value: str | None) -> int:
        """Lay a string out; 0 for None."""
        return 0 if value is None else self.put(value.encode() + b"\0")

    def get(self, at: int, size: int) -> bytes:
        """Return bytes of its memory."""
        return bytes(ffi.buffer(lib.eu_guest_memory(self._guest, ffi.new("uint64_t *")) + at, size))

    def error(self) -> str:
        """Return the line about the last failure."""
        at = self.room(ERROR_ROOM)
        self.call("wasm_bpf_error", at, ERROR_ROOM)
        return self.get(at, ERROR_ROOM).split(b"\0")[0].decode(errors="replace")
