"""Elements of maps as text and JSON: read, written, deleted, with types by BTF and errors that name the field."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Iterator
from typing import Any

from eunomia._native import lib
from eunomia.errors import EunomiaError
from eunomia.kernel.map import ARRAY_TYPES, BUFFER_TYPES, QUEUE_TYPES
from eunomia.kernel.pinned import KernelMap
from eunomia.kernel.preflight.tables import name_of
from eunomia.kernel.typed import HEX, Typed, lpm_text

LPM = 11
HASHES = {1, 5, 9, 10}  # of values and of values for each CPU, LRU too
MAX_LOOKED_AT = 1 << 16  # keys, for one that differs in its padding only
WITHOUT = {3, 8, 12, 13, 14, 15, 16, 17, 18, 26, 33}  # elements are descriptors of other things, or none


class NoSuchElementError(EunomiaError):
    """The map has no element of this key."""


class Elements:
    """The elements of a map, typed. A section of global variables has them as elements, by name."""

    def __init__(self, of: KernelMap) -> None:
        self.map = of
        btf = of.btf
        self.key = Typed(btf, of.type_ids[0], of.key_size)
        self.value = Typed(btf, of.type_ids[1], of.value_size)
        self.is_section = self.value.is_section
        self._variables = self.value.variables() if self.is_section else {}
        self._step = (of.value_size + 7) // 8 * 8

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Iterate keys and values as JSON has them.

        Raises:
            ValueError: this type of map has no elements that can be read.
            OSError: the kernel refuses.
        """
        self._need("dump")
        if self.is_section:
            yield from self._globals().items()
            return
        for keys, values, _ in self.map.read_batches():
            yield from zip(self._keys(keys), self._values(values), strict=True)

    def _keys(self, data: memoryview) -> Iterable[Any]:
        if self.map.type != LPM:
            return self.key.show_all(data)
        return (self.show_key(bytes(data[at : at + self.key.size])) for at in range(0, len(data), self.key.size))

    def _values(self, data: memoryview) -> Iterable[Any]:
        if not self.map.is_per_cpu:
            return self.value.show_all(data)
        room = self._step * int(lib.eu_possible_cpus())
        return (self.show_value(bytes(data[at : at + room])) for at in range(0, len(data), room))

    def get(self, key: str | None) -> Any:
        """Return the value of a key; of a section without a key, all variables; of a queue or stack, its next.

        Raises:
            NoSuchElementError: there is none.
            ValueError: the key does not fit its type.
        """
        self._need("get")
        if self.is_section:
            return self._globals() if key is None else self._variable(key)
        wanted = self._key(key)
        data = self.map.look_up_bytes(wanted)
        if data is None:
            raise NoSuchElementError(f"map {self.map.name} has no element {self._called(key)}{self._twin(wanted)}")
        return self.show_value(data)

    def set(self, key: str | None, value: str) -> None:
        """Write the value of a key.

        Raises:
            ValueError: key or value do not fit their types; the message names the field.
            OSError: the kernel refuses: the map is full, or not to be written to.
        """
        self._need("set")
        if self.map.is_frozen:
            raise PermissionError(
                errno.EPERM, f"map {self.map.name} is read only: its values were fixed when it was loaded"
            )
        if self.is_section:
            self._set_variable(key, value)
            return
        data, place = self._encode(value), self._key(key)
        if key is not None and HEX not in key and self._may_have_twins and self.map.look_up_bytes(place) is None:
            twin = self._twin(place)
            if twin:  # a second element, which no program would look up, is not what was meant
                raise NoSuchElementError(f"map {self.map.name} has no element {key}{twin}")
        try:
            self.map.update_bytes(place, data)
        except OSError as exc:
            raise self._explained(exc) from exc

    def delete(self, key: str) -> None:
        """Delete an element.

        Raises:
            NoSuchElementError: there is none.
            ValueError: the map is one whose elements are always there.
        """
        self._need("delete")
        if self.is_section or self.map.type in ARRAY_TYPES:
            raise ValueError(f"map {self.map.name}: elements of an array are always there [set it to 0]")
        data = self._key(key)
        if lib.eu_fd_delete(self.map.fd, self.map.name.encode(), data) < 0:
            if lib.eu_errno() == errno.ENOENT:
                raise NoSuchElementError(f"map {self.map.name} has no element {key}{self._twin(data)}")
            from eunomia._native import error

            raise error(f"delete from map {self.map.name}")

    @property
    def _may_have_twins(self) -> bool:
        return self.map.type in HASHES and self.key.has_padding

    def _twin(self, wanted: bytes) -> str:
        """Return words on a key that is shown like one and has other padding: programs may leave garbage there."""
        if not self._may_have_twins:
            return ""
        shown, seen = self.key.show(wanted), 0
        for keys, _, _ in self.map.read_batches():
            for at in range(0, len(keys), self.key.size):
                there = bytes(keys[at : at + self.key.size])
                if there != wanted and self.key.show(there) == shown:
                    return f", but one that differs in its padding only [{HEX}{there.hex()}]"
            seen += len(keys) // self.key.size
            if seen >= MAX_LOOKED_AT:
                break
        return ""

    def show_key(self, data: bytes) -> Any:
        """Return a key as JSON has it."""
        shown = self.key.show(data)
        return lpm_text(data, shown) if self.map.type == LPM else shown

    def show_value(self, data: bytes) -> Any:
        """Return a value as JSON has it; of a per-CPU map a list."""
        if not self.map.is_per_cpu:
            return self.value.show(data)
        size = self.map.value_size
        return [self.value.show(data[at : at + size]) for at in range(0, len(data), self._step)]

    def _need(self, what: str) -> None:
        kind = self.map.type
        if kind in BUFFER_TYPES or kind == 31:
            raise ValueError(f"map {self.map.name} is a buffer of events, which has no elements")
        if kind in WITHOUT:
            raise ValueError(f"elements of map {self.map.name} ({name_of('map type', kind)}) are no values")
        if kind in QUEUE_TYPES and what in ("dump", "delete"):
            raise ValueError(f"map {self.map.name} is a queue or stack: `get` shows its next element")

    def _key(self, text: str | None) -> bytes:
        name = f"key of map {self.map.name}"
        if self.map.type in QUEUE_TYPES:
            if text is not None:
                raise ValueError(f"{name}: a queue or stack has no keys")
            return b""
        if text is None:
            raise ValueError(f"{name}: none given")
        if self.map.type == LPM and "/" in text and text[:1] != "{":
            from eunomia.kernel.addresses import address_of

            return address_of(text, self.map.key_size, name)
        data = self.key.parse(text, name)
        if self.map.type in ARRAY_TYPES and int.from_bytes(data, "little") >= self.map.max_entries:
            raise ValueError(f"{name}: {text} is not from 0 to {self.map.max_entries - 1}")
        return data

    def _called(self, key: str | None) -> str:
        return key if key is not None else "to show: it is empty"

    def _encode(self, text: str) -> bytes:
        name = f"value of map {self.map.name}"
        if not self.map.is_per_cpu:
            return self.value.parse(text, name)
        cpus = int(lib.eu_possible_cpus())
        values: list[bytes]
        if text.startswith("["):
            try:
                given = json.loads(text)
            except (ValueError, RecursionError) as exc:
                raise ValueError(f"{name}: malformed JSON: {exc}") from None
            if len(given) != cpus:
                raise ValueError(f"{name}: {len(given)} values, expected one for all CPUs, or {cpus}, one for each")
            values = [self.value.read(each, f"{name}, CPU {cpu}") for cpu, each in enumerate(given)]
        else:
            values = [self.value.parse(text, name)] * cpus
        return b"".join(each.ljust(self._step, b"\0") for each in values)

    def _globals(self) -> dict[str, Any]:
        data = self._section()
        return {name: typed.show(data[at : at + typed.size]) for name, (typed, at) in self._variables.items()}

    def _section(self) -> bytes:
        data = self.map.look_up_bytes(bytes(self.map.key_size))
        if data is None:
            raise NoSuchElementError(f"map {self.map.name} is empty")
        return data

    def _named(self, key: str | None) -> tuple[Typed, int]:
        if key is None or key not in self._variables:
            there = ", ".join(self._variables) or "none"
            raise NoSuchElementError(f"map {self.map.name} has no variable {key or ''} (there are {there})")
        return self._variables[key]

    def _variable(self, key: str) -> Any:
        typed, at = self._named(key)
        return typed.show(self._section()[at : at + typed.size])

    def _set_variable(self, key: str | None, value: str) -> None:
        """Write one variable; what programs write to others of the section between reading and writing is lost."""
        typed, at = self._named(key)
        fresh = typed.parse(value, f"{key} of map {self.map.name}")
        data = self._section()
        self.map.update_bytes(bytes(self.map.key_size), data[:at] + fresh + data[at + typed.size :])

    def _explained(self, exc: OSError) -> OSError:
        name = self.map.name
        if exc.errno == errno.E2BIG:
            return OSError(exc.errno, f"update map {name}: it is full, with {self.map.max_entries} elements")
        if exc.errno == errno.EPERM:
            return OSError(exc.errno, f"update map {name}: it is read only for user space, or privileges are missing")
        return exc
