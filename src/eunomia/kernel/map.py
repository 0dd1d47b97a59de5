"""Maps of an object as Python mappings, typed by the object's BTF."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Iterable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from eunomia._native import check, error, ffi, lib, text
from eunomia.kernel.codec import Codec

if TYPE_CHECKING:
    from os import PathLike

    import numpy
    import pyarrow

    from eunomia.btf.types import Btf
    from eunomia.events.stream import Batches, EventStream  # sanctioned, as the calls below
    from eunomia.kernel.object import Object
    from eunomia.kernel.pinned import KernelMap

PER_CPU_TYPES = {5, 6, 10, 21}  # PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH, PERCPU_CGROUP_STORAGE
ARRAY_TYPES = {2, 6}
QUEUE_TYPES = {22, 23}
BUFFER_TYPES = {4, 27}  # PERF_EVENT_ARRAY, RINGBUF
TABLE_TYPES = {1, 2, 5, 6, 9, 10, 11}  # hashes and arrays, LRU and per CPU too, LPM_TRIE
BATCH = 4096


class Map(MutableMapping[Any, Any]):
    """A map of an object: `map[key]`, `map[key] = value`, `del map[key]`, `key in map`, `items()`.

    Keys and values are typed by the object's BTF: integers, bools, text for char arrays, named tuples for structs,
    tuples for arrays; bytes where there is no type. Values of per-CPU maps are lists with one value for each possible
    CPU. Once the object is loaded its maps may be used from several threads. Iterating a ring or perf buffer gives its
    events.

    Attributes:
        name: libbpf's.
        section: of a map that holds global variables, as in `.rodata`; else None.
        type: BPF_MAP_TYPE_*.
        key_size, value_size: in bytes.
        type_ids: of key and value in `btf`, 0: unknown.
    """

    def __init__(self, owner: Object, index: int) -> None:
        self._object = owner
        self._index = index
        info = self._info()
        self.name = text(info.name)
        self.section = text(info.section) or None
        self.type = int(info.type)
        self.key_size = int(info.key_size)
        self.value_size = int(info.value_size)
        self.type_ids = (int(info.btf_key_type), int(info.btf_value_type))
        self._codecs: tuple[Codec, Codec] | None = None

    def _info(self) -> Any:
        info = ffi.new("struct eu_map_info *")
        check(lib.eu_map_get(self._object.handle(), self._index, info), "map")
        return info

    @property
    def fd(self) -> int:
        """Its descriptor, -1 before load; the object owns it."""
        return int(self._info().fd)

    @property
    def max_entries(self) -> int:
        """How many elements it holds at most; bytes for ring buffers. Can be set before load."""
        return int(self._info().max_entries)

    @max_entries.setter
    def max_entries(self, entries: int) -> None:
        self.resize(entries)

    def resize(self, entries: int) -> None:
        """Set max_entries, before load.

        A ring buffer that nobody resized may be made larger than the package says when it is loaded
        (docs/reference/wakeups.md).

        Raises:
            ValueError: it is no number of 32 bits.
            OSError: the object is loaded.
        """
        if not 0 <= entries < 1 << 32:
            raise ValueError(f"resize map {self.name}: {entries} elements, expected at most {(1 << 32) - 1}")
        check(lib.eu_map_set_max_entries(self._object.handle(), self._index, entries), f"resize map {self.name}")
        self._object.remember_size(self.name, entries)

    def set_perf_pages(self, pages: int) -> None:
        """Set the pages that a reader of this perf buffer has for each CPU, a power of two.

        Raises:
            OSError: it is no perf buffer, or another number.
        """
        check(lib.eu_map_set_perf_pages(self._object.handle(), self._index, pages), f"size map {self.name}")
        self._object.remember_perf_pages(self.name, pages)

    @property
    def perf_pages(self) -> int:
        """Of a perf buffer the pages that a reader has for each CPU; 64 unless they were set."""
        return self._object.perf_pages(self.name)

    @property
    def is_per_cpu(self) -> bool:
        """Whether each CPU has its own value."""
        return self.type in PER_CPU_TYPES

    @property
    def btf(self) -> Btf | None:
        """The types of the object, None where this map has none; `type_ids` are of it."""
        return self._object.package.types.btf if any(self.type_ids) else None

    def _coding(self) -> tuple[Codec, Codec]:
        if self._codecs is None:
            btf = self.btf
            key = Codec(btf, self.type_ids[0], self.key_size, f"key of map {self.name}")
            value = Codec(btf, self.type_ids[1], self.value_size, f"value of map {self.name}")
            self._codecs = key, value
        return self._codecs

    def _room(self) -> int:
        """Bytes that the kernel copies for one value."""
        if self.is_per_cpu:
            return (self.value_size + 7) // 8 * 8 * int(lib.eu_possible_cpus())
        return self.value_size

    def _decode(self, data: bytes) -> Any:
        value = self._coding()[1]
        if not self.is_per_cpu:
            return value.decode(data)
        step = (self.value_size + 7) // 8 * 8
        return [value.decode(data[at : at + self.value_size]) for at in range(0, len(data), step)]

    def _encode(self, value: Any) -> bytes:
        coding = self._coding()[1]
        if not self.is_per_cpu:
            return coding.encode(value)
        cpus = lib.eu_possible_cpus()
        values = value if isinstance(value, list) else [value] * cpus
        if len(values) != cpus:
            raise ValueError(f"value of map {self.name}: {len(values)} values, expected one for each of {cpus} CPUs")
        return b"".join(coding.encode(each).ljust((self.value_size + 7) // 8 * 8, b"\0") for each in values)

    def _look_up(self, key: bytes, out: Any) -> int:
        return int(lib.eu_map_lookup(self._object.handle(), self._index, key, out, 0))

    def _update(self, key: bytes, value: bytes) -> int:
        return int(lib.eu_map_update(self._object.handle(), self._index, key, value, 0))

    def _delete(self, key: bytes) -> int:
        return int(lib.eu_map_delete(self._object.handle(), self._index, key))

    def _read_some(self, *arguments: Any) -> int:
        """Read elements; the arguments are those of eu_map_read_batch behind the map."""
        return int(lib.eu_map_read_batch(self._object.handle(), self._index, *arguments))

    @classmethod
    def from_pinned(cls, path: str | PathLike[str], *, read_only: bool = False) -> KernelMap:
        """Open a map by its pin; it is the caller's to close.

        Raises:
            OSError: there is none, it is no map, or privileges are missing.
        """
        from eunomia.kernel.pinned import KernelMap

        return KernelMap.open_pin(path, read_only=read_only)

    def __getitem__(self, key: Any) -> Any:
        out = ffi.new("char[]", self._room())
        if self._look_up(self._coding()[0].encode(key), out) < 0:
            self._missing(key)
        return self._decode(ffi.buffer(out)[:])

    def __setitem__(self, key: Any, value: Any) -> None:
        data = self._encode(value)
        check(self._update(self._coding()[0].encode(key), data), f"update map {self.name}")

    def __delitem__(self, key: Any) -> None:
        if self._delete(self._coding()[0].encode(key)) < 0:
            self._missing(key)

    def _missing(self, key: Any) -> None:
        if lib.eu_errno() == errno.ENOENT:
            raise KeyError(key)
        raise error(f"map {self.name}")

    def read_batches(self) -> Iterator[tuple[memoryview, memoryview, int]]:
        """Iterate the bytes of keys and values, and their number, some thousands at a time.

        What comes or goes meanwhile may or may not be among them. Values of per-CPU maps take a multiple of 8 bytes for
        each possible CPU.
        """
        room = self._room()
        size = min(BATCH, max(self.max_entries, 1))
        cursor = ffi.new("char[]", max(16, self.key_size))
        end = ffi.new("int *")
        first = 1
        while not end[0]:
            keys, values = ffi.new("char[]", size * self.key_size), ffi.new("char[]", size * room)
            count = self._read_some(cursor, first, keys, values, size, end)
            if count == -errno.ENOSPC and size < self.max_entries * 2:  # a bucket of the hash holds more than that
                size *= 2
                continue
            check(count, f"read map {self.name}")
            first = 0
            yield (
                memoryview(ffi.buffer(keys, count * self.key_size)),
                memoryview(ffi.buffer(values, count * room)),
                count,
            )

    def items(self) -> Any:
        """Iterate (key, value) pairs, read in batches."""
        return self._iter_items()

    def _iter_items(self) -> Iterator[tuple[Any, Any]]:
        key, value = self._coding()
        for keys, values, _ in self.read_batches():
            yield from zip(key.decode_all(keys), self._decode_all(value, values), strict=True)

    def _decode_all(self, value: Codec, data: memoryview) -> Iterable[Any]:
        if not self.is_per_cpu:
            return value.decode_all(data)
        room = self._room()
        return (self._decode(bytes(data[at : at + room])) for at in range(0, len(data), room))

    def to_numpy(self) -> numpy.ndarray[Any, Any]:
        """Return all elements as a structured array of `key` and `value`, typed by the object's BTF.

        Structs are nested, char arrays bytes up to their NUL, bit fields columns behind the others. The values of a
        per-CPU map have an axis more: one value for each possible CPU. Without BTF, 1, 2, 4 and 8 bytes are whole
        numbers.

        Raises:
            ValueError: this type of map has no elements that can be read.
            MissingDependencyError: NumPy is not installed.
        """
        self._need_elements("to_numpy")
        from eunomia.events.table import to_numpy  # sanctioned upward import: convenience of the public API

        return to_numpy(self)

    def to_arrow(self, *, enums: str = "name") -> pyarrow.Table:
        """Return all elements as a pyarrow Table of the columns `key` and `value`, nested structs and arrays kept.

        The values of a per-CPU map are lists with one value for each possible CPU.

        Args:
            enums: "name": dictionary-encoded names; "number": integers. The field's metadata has both.

        Raises:
            ValueError: this type of map has no elements that can be read.
            MissingDependencyError: pyarrow is not installed.
        """
        self._need_elements("to_arrow")
        from eunomia.events.table import to_arrow  # sanctioned upward import: convenience of the public API

        return to_arrow(self, enums)

    def _need_elements(self, what: str) -> None:
        if self.type in BUFFER_TYPES:
            how = f'[its events: obj.events("{self.name}").batches()]'
            raise ValueError(f"{what}: map {self.name} is a buffer of events {how}")
        if self.type not in TABLE_TYPES:
            raise ValueError(f"{what}: map {self.name}: type {self.type} is neither hash nor array")

    def events(self, **keywords: Any) -> EventStream:
        """Return the events of a ring or perf buffer, as `Object.events` does."""
        return self._object.events(self.name, **keywords)

    def batches(self, **keywords: Any) -> Batches:
        """Iterate the records of a ring or perf buffer in batches.

        Args:
            keywords: max_records and max_bytes as of `EventStream.batches`, others as of `Object.events`.
        """
        sizes = {name: keywords.pop(name) for name in ("max_records", "max_bytes") if name in keywords}
        return self.events(**keywords).batches(**sizes)

    def __aiter__(self) -> AsyncIterator[Any]:
        return aiter(self.events())

    def __iter__(self) -> Iterator[Any]:
        if self.type in BUFFER_TYPES:
            return iter(self.events())
        return (key for key, _ in self._iter_items())

    def values(self) -> Any:
        """Iterate the values, read in batches."""
        return (value for _, value in self._iter_items())

    def __len__(self) -> int:
        return sum(count for _, _, count in self.read_batches())

    def __contains__(self, key: object) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    def variables(self) -> dict[str, Any]:
        """Return the global variables that it holds, by name: a section's (`.bss`, `.data`, `.rodata`), or an arena's.

        Raises:
            ValueError: it holds none.
            OSError: the object is not loaded.

        Kernel: 5.2+; arenas 6.9+
        """
        from eunomia.kernel.variables import read_variables

        return read_variables(self, self._index)

    @property
    def owner(self) -> Object:
        """The object that it is part of."""
        return self._object

    def submit(self, sample: bytes) -> None:
        """Give a sample to the program that drains a user ring buffer (`bpf_user_ringbuf_drain`).

        Args:
            sample: its bytes, 1 or more; `struct.pack` makes them of a C struct's values.

        Raises:
            OSError: ENOSPC: there is no room until the program has drained it; E2BIG: it never fits; EINVAL: the map is
                no user ring buffer.

        Kernel: 6.1+
        Source: kernel/bpf/ringbuf.c, `bpf_user_ringbuf_drain`; libbpf `user_ring_buffer__reserve`
        """
        data = bytes(sample)
        check(lib.eu_map_submit(self._object.handle(), self._index, data, len(data)), f"submit to map {self.name}")

    def pin(self, path: str) -> None:
        """Pin the map at a path of a BPF file system; it outlives the object until the file is removed."""
        check(lib.eu_map_pin(self._object.handle(), self._index, path.encode()), f"pin map {self.name}")

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<Map {self.name} type {self.type} key {self.key_size} value {self.value_size}>"
