"""Maps that the kernel has, whoever made them: opened by a pin or an id, typed by the kernel's copy of their BTF."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from eunomia._native import check, error, ffi, lib
from eunomia.errors import UnsupportedError
from eunomia.kernel.facts import fd_info, kernel_btf
from eunomia.kernel.map import Map

if TYPE_CHECKING:
    from typing import Self

    from eunomia.btf.types import Btf


class KernelMap(Map):
    """A map by its own descriptor, which `close` or `with` closes; else as `Map`.

    Its name is the kernel's, which keeps 15 characters. It has no events: a ring buffer has one reader.

    Attributes:
        id: the kernel's number of it.
        is_frozen: whether user space may not write to it (`.rodata`).
    """

    def __init__(self, fd: int) -> None:
        """Take a descriptor of a map over.

        Raises:
            OSError: it is of no map; it is closed then.
        """
        facts = ffi.new("struct eu_map_facts *")
        if lib.eu_map_facts(fd, facts) < 0 or "map_id" not in (info := fd_info(fd)):
            os.close(fd)
            raise OSError(22, "open map: what is there is no map")
        self._fd = fd
        self._facts = facts
        self._types: Btf | None = None
        self.id = int(facts.id)
        self.name = ffi.string(facts.name).decode(errors="replace")
        self.section = self.name[self.name.index(".") :] if "." in self.name else None
        self.type = int(facts.type)
        self.key_size, self.value_size = int(facts.key_size), int(facts.value_size)
        self.type_ids = (int(facts.key_type), int(facts.value_type))
        self.is_frozen = info.get("frozen") == "1"
        self._codecs = None
        self._shape = ffi.new("struct eu_map_shape *", [fd, self.type, self.key_size, self.value_size, 0])
        self._c_name = ffi.new("char[]", self.name.encode())

    @classmethod
    def open_pin(cls, path: str | os.PathLike[str], *, read_only: bool = False) -> Self:
        """Open a map by its pin.

        Raises:
            OSError: there is none, it is no map, or privileges are missing.
        """
        place = os.fspath(path)
        fd = check(lib.eu_open_pin(os.fsencode(place), read_only), f"open pin {place}")
        try:
            return cls(fd)
        except OSError:
            raise OSError(22, f"open pin {place}: it is no map") from None

    @classmethod
    def open_id(cls, number: int) -> Self:
        """Open a map by its id; needs CAP_SYS_ADMIN.

        Raises:
            OSError: there is none with this id, or privileges are missing.
        """
        return cls(check(lib.eu_open_id(lib.EU_MAP, number), f"open map {number}"))

    def close(self) -> None:
        """Close the descriptor; the second call does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def fd(self) -> int:
        """Its descriptor."""
        if self._fd < 0:
            raise ValueError(f"map {self.name} is closed")
        return self._fd

    @property
    def max_entries(self) -> int:
        """How many elements it holds at most; bytes for ring buffers."""
        return int(self._facts.max_entries)

    @max_entries.setter
    def max_entries(self, entries: int) -> None:
        self.resize(entries)

    @property
    def btf(self) -> Btf | None:
        """The types that the kernel keeps for it, None where it has none or does not give them to us."""
        if self._types is None and self._facts.btf_id and any(self.type_ids):
            self._types = kernel_btf(int(self._facts.btf_id))
        return self._types

    def resize(self, entries: int) -> None:
        """Raise UnsupportedError: the map is made."""
        raise UnsupportedError(f"resize map {self.name}: it is made")

    def set_perf_pages(self, pages: int) -> None:
        """Raise UnsupportedError: it has no reader here."""
        raise UnsupportedError(f"size map {self.name}: it has no reader here")

    def _look_up(self, key: bytes, out: Any) -> int:
        return int(lib.eu_fd_lookup(self.fd, self._c_name, key or ffi.NULL, out))

    def _update(self, key: bytes, value: bytes) -> int:
        return int(lib.eu_fd_update(self.fd, self._c_name, key or ffi.NULL, value, 0))

    def _delete(self, key: bytes) -> int:
        return int(lib.eu_fd_delete(self.fd, self._c_name, key))

    def _read_some(self, *arguments: Any) -> int:
        if self._fd < 0:
            raise ValueError(f"map {self.name} is closed")
        return int(lib.eu_fd_read_batch(self._shape, self._c_name, *arguments))

    def look_up_bytes(self, key: bytes) -> bytes | None:
        """Return the bytes of a value, None where there is none of this key; of per-CPU maps those of all CPUs.

        Raises:
            OSError: the kernel refuses.
        """
        out = ffi.new("char[]", self._room())
        if self._look_up(key, out) >= 0:
            return bytes(ffi.buffer(out)[:])
        if lib.eu_errno() == 2:
            return None
        raise error(f"look up in map {self.name}")

    def update_bytes(self, key: bytes, value: bytes) -> None:
        """Write the bytes of a value.

        Raises:
            OSError: the kernel refuses.
        """
        check(self._update(key, value), f"update map {self.name}")

    def pin(self, path: str) -> None:
        """Pin the map at a path of a BPF file system."""
        from eunomia.kernel.pins import pin_fd, require_bpffs

        require_bpffs(path)
        pin_fd(self.fd, path)
