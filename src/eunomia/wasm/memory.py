"""The memory of a guest, for the host functions that it calls."""

from __future__ import annotations

from eunomia._native import ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_STRING = 1 << 16
_32 = 0xFFFFFFFF


class Memory:
    """A guest's memory while it waits for a host function; of no use when that has returned.

    Addresses are numbers as the function got them; a pointer above 2 GiB comes as a negative one, which is understood.
    """

    __slots__ = ("_guest",)

    def __init__(self, guest: Any) -> None:
        self._guest = guest

    def _close(self) -> None:
        self._guest = None

    def _place(self, address: int, size: int) -> Any:
        if self._guest is None:
            raise ValueError("memory of a guest: the host function has returned")
        room = ffi.new("uint64_t *")
        base = lib.eu_guest_memory(self._guest, room)
        start = address & _32
        if not base or size < 0 or start + size > room[0]:
            raise IndexError(f"memory of a guest: {size} bytes at {start}, it has {room[0] if base else 0}")
        return base + start

    @property
    def size(self) -> int:
        """Bytes that it has now."""
        self._place(0, 0)
        room = ffi.new("uint64_t *")
        return int(room[0]) if lib.eu_guest_memory(self._guest, room) else 0

    def read(self, address: int, size: int) -> bytes:
        """Return a copy of bytes; IndexError where they are not all in the memory."""
        return bytes(ffi.buffer(self._place(address, size), size))

    def write(self, address: int, data: bytes) -> None:
        """Write bytes; IndexError where there is no room for all of them."""
        ffi.memmove(self._place(address, len(data)), data, len(data))

    def read_text(self, address: int, max_size: int = MAX_STRING) -> str:
        """Return the text up to its NUL; IndexError where there is none within max_size bytes or the memory."""
        room = min(max_size, max(0, self.size - (address & _32)))
        data = self.read(address, room)
        end = data.find(b"\0")
        if end < 0:
            raise IndexError(f"memory of a guest: the text at {address & _32} has no end within {room} bytes")
        return data[:end].decode(errors="replace")
