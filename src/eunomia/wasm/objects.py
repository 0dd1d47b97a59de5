"""`eunomia:bpf/objects` for components: resources of wit/eunomia-bpf.wit over the host's interface."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from wasmtime.component import LinkerInstance, Record, ResourceHost, ResourceType, Variant

from eunomia.wasm.shim import Shim

if TYPE_CHECKING:
    from collections.abc import Callable

OBJECTS = "eunomia:bpf/objects@0.1.0"
CONSOLE = "eunomia:bpf/console@0.1.0"
KINDS = {"object": 1, "program": 2, "link": 3, "bpf-map": 4, "ring": 5}
MAP_RECORD, PROGRAM_RECORD, ENTRIES, AUTOLOAD = 160, 272, 1, 1
LOOKUP, UPDATE, DELETE, NEXT_KEY = 1, 2, 3, 4
EIO, TEST_ROOM = 5, 65536
Answer = Any


def record(**fields: Any) -> Record:
    """Make a record; `_` in names stands for `-`."""
    made = Record()
    for name, value in fields.items():
        setattr(made, name.replace("_", "-"), value)
    return made


def field(made: Record, name: str) -> Any:
    """Return a field of a record."""
    return getattr(made, name)


def text_of(data: bytes) -> str:
    """Return the text before the first NUL."""
    return data.split(b"\0")[0].decode(errors="replace")


class Objects:
    """The resources of one component. What stands for one is a number; of a map, program or ring: (object, name)."""

    def __init__(self, shim: Shim) -> None:
        self._shim = shim
        self._things: dict[int, Any] = {}
        self._last = 0

    def define(self, instance: LinkerInstance) -> None:
        """Put all of it into a linker's instance."""
        for name, number in KINDS.items():
            instance.add_resource(name, ResourceType.host(number), self._dropped(name))
        for name in dir(self):
            resource, _, method = name.partition("__")
            if resource in ("object", "program", "link", "map", "ring") and method:
                word = "static" if method == "open" else "method"
                kind = "bpf-map" if resource == "map" else resource
                instance.add_func(f"[{word}]{kind}.{method.replace('_', '-')}", self._bound(getattr(self, name)))

    def _dropped(self, kind: str) -> Callable[[Any, int], None]:
        def drop(_store: Any, number: int) -> None:
            thing = self._things.pop(number, None)
            if kind == "object" and thing is not None:
                self._shim.begin()
                self._shim.call("wasm_close_bpf_object", thing)

        return drop

    def _bound(self, function: Callable[..., Answer]) -> Callable[..., Answer]:
        """Resources that come in become what they stand for."""

        def call(store: Any, *arguments: Any) -> Answer:
            self._shim.begin()
            plain = []
            for each in arguments:
                if hasattr(each, "to_host"):
                    host = each.to_host(store)
                    plain.append(self._things[host.rep])
                else:
                    plain.append(each)
            return function(*plain)

        return call

    def _new(self, kind: str, thing: Any) -> ResourceHost:
        self._last += 1
        self._things[self._last] = thing
        return ResourceHost.own(self._last, KINDS[kind])

    def _error(self, result: int) -> Record:
        return record(errno=-result or EIO, line=self._shim.error() or os.strerror(-result or EIO).lower())

    def _answer(self, result: int) -> Record | None:
        return self._error(result) if result < 0 else None

    # object

    def object__open(self, elf: bytes, name: str | None) -> Answer:
        shim = self._shim
        handle = shim.call("wasm_bpf_object_open", shim.put(elf), len(elf), shim.string(name))
        return self._new("object", handle) if handle else self._error(0)

    def object__load(self, handle: int) -> Answer:
        return self._answer(self._shim.call("wasm_bpf_object_load", handle))

    def object__maps(self, handle: int) -> list[Record]:
        return [self._map_info(data) for data in self._each("wasm_bpf_map_info", handle, MAP_RECORD)]

    def object__programs(self, handle: int) -> list[Record]:
        return [self._program_info(data) for data in self._each("wasm_bpf_program_info", handle, PROGRAM_RECORD)]

    def _each(self, function: str, handle: int, size: int) -> list[bytes]:
        found: list[bytes] = []
        at = self._shim.room(size)
        while self._shim.call(function, handle, len(found), at, size) >= 0:
            found.append(self._shim.get(at, size))
        return found

    @staticmethod
    def _map_info(data: bytes) -> Record:
        words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, 32, 4)]
        return record(
            name=text_of(data[32:96]), section=text_of(data[96:160]), kind=words[0], key_size=words[1],
            value_size=words[2], max_entries=words[3], flags=words[4], cpus=words[6],
        )  # fmt: skip

    @staticmethod
    def _program_info(data: bytes) -> Record:
        words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, 16, 4)]
        return record(
            name=text_of(data[16:144]), section=text_of(data[144:272]), kind=words[0], expected_attach_type=words[1],
            instructions=words[2], autoload=bool(words[3]),
        )  # fmt: skip

    def object__get_map(self, handle: int, name: str) -> Answer:
        if name in (field(info, word) for info in self.object__maps(handle) for word in ("name", "section")):
            return self._new("bpf-map", (handle, name))
        return record(errno=2, line=f"the object has no map {name}")

    def object__get_program(self, handle: int, name: str) -> Answer:
        if name in (field(info, "name") for info in self.object__programs(handle)):
            return self._new("program", (handle, name))
        return record(errno=2, line=f"the object has no program {name}")

    # program and link

    def program__set_autoload(self, program: tuple[int, str], on: bool) -> Answer:
        handle, name = program
        return self._answer(self._shim.call("wasm_bpf_program_set", handle, self._shim.string(name), AUTOLOAD, on))

    def program__bind(self, program: tuple[int, str], target: str) -> Answer:
        handle, name = program
        where = self._shim.string(target)
        return self._answer(self._shim.call("wasm_bpf_program_bind", handle, self._shim.string(name), where))

    def program__attach(self, program: tuple[int, str], target: str | None) -> Answer:
        handle, name = program
        where = self._shim.string(target)
        number = self._shim.call("wasm_bpf_link_attach", handle, self._shim.string(name), where)
        return self._new("link", number) if number > 0 else self._error(number)

    def program__test_run(self, program: tuple[int, str], data: bytes, repeat: int) -> Variant:
        handle, name = program
        shim, room = self._shim, len(data) + TEST_ROOM
        words, out = shim.room(8), shim.room(room)
        arguments = [handle, shim.string(name), shim.put(data), len(data), out, room, repeat, words]
        size = shim.call("wasm_bpf_program_test_run", *arguments)
        if size < 0:
            return Variant("err", self._error(size))
        status, nanoseconds = (int.from_bytes(shim.get(words + at, 4), "little") for at in (0, 4))
        return Variant("ok", record(status=status, nanoseconds=nanoseconds, output=shim.get(out, size)))

    def link__detach(self, number: int) -> Answer:
        return self._answer(self._shim.call("wasm_bpf_link_detach", number))

    # map

    def map__set_max_entries(self, source: tuple[int, str], count: int) -> Answer:
        handle, name = source
        return self._answer(self._shim.call("wasm_bpf_map_set", handle, self._shim.string(name), ENTRIES, count))

    def map__set_initial(self, source: tuple[int, str], offset: int, data: bytes) -> Answer:
        handle, name = source
        at = self._shim.put(data)
        arguments = [handle, self._shim.string(name), offset, at, len(data), 1]
        return self._answer(self._shim.call("wasm_bpf_map_initial", *arguments))

    def _fd(self, source: tuple[int, str]) -> int:
        return self._shim.call("wasm_bpf_map_fd_by_name", source[0], self._shim.string(source[1]))

    def _info(self, source: tuple[int, str]) -> tuple[int, Record]:
        """Return its number, and what it is; or -errno and the error."""
        fd, at = self._fd(source), self._shim.room(MAP_RECORD)
        result = fd if fd < 0 else self._shim.call("wasm_bpf_map_info_by_fd", fd, at, MAP_RECORD)
        return (result, self._error(result)) if result < 0 else (fd, self._map_info(self._shim.get(at, MAP_RECORD)))

    def map__info(self, source: tuple[int, str]) -> Variant:
        number, info = self._info(source)
        return Variant("err" if number < 0 else "ok", info)

    def _operate(
        self, source: tuple[int, str], command: int, key: bytes | None, value: bytes | None, flags: int = 0
    ) -> bytes | Record:
        fd, info = self._info(source)
        if fd < 0:
            return info
        key_size, value_size, cpus = (field(info, word) for word in ("key-size", "value-size", "cpus"))
        if cpus:
            value_size = (value_size + 7 & ~7) * cpus
        for what, given, size in (("key", key, key_size), ("value", value, value_size)):
            if given is not None and len(given) != size:
                return record(errno=22, line=f"{what} of map {source[1]}: {len(given)} bytes, expected {size}")
        shim, out = self._shim, self._shim.room(max(key_size, value_size))
        arguments = [0 if key is None else shim.put(key), out if value is None else shim.put(value), out]
        result = shim.call("wasm_bpf_map_operate", fd, command, *arguments, flags)
        return self._error(result) if result < 0 else shim.get(out, value_size if command == LOOKUP else key_size)

    def map__lookup(self, source: tuple[int, str], key: bytes) -> bytes | Record:
        return self._operate(source, LOOKUP, key, None)

    def map__update(self, source: tuple[int, str], key: bytes, value: bytes, flags: int) -> Answer:
        done = self._operate(source, UPDATE, key, value, flags)
        return None if isinstance(done, bytes) else done

    def map__delete(self, source: tuple[int, str], key: bytes) -> Answer:
        done = self._operate(source, DELETE, key, None)
        return None if isinstance(done, bytes) else done

    def map__next_key(self, source: tuple[int, str], key: bytes | None) -> bytes | Record:
        return self._operate(source, NEXT_KEY, key, None)

    # ring

    def ring__open(self, source: tuple[int, str]) -> Answer:
        fd = self._fd(source)
        lost = fd if fd < 0 else self._shim.call("wasm_bpf_buffer_lost", fd)
        return self._new("ring", fd) if lost >= 0 else self._error(lost)

    def ring__poll(self, fd: int, timeout_ms: int, room: int) -> Answer:
        shim = self._shim
        room = min(max(room, 64), 16 << 20)
        at = shim.room(room)
        size = shim.call("wasm_bpf_buffer_poll_batch", fd, at, room, timeout_ms)
        return samples(shim.get(at, size)) if size >= 0 else self._error(size)

    def ring__lost(self, fd: int) -> int:
        return max(0, self._shim.call("wasm_bpf_buffer_lost", fd))


def samples(data: bytes) -> list[Record]:
    """Return the records of a batch: each u32 size, u32 true size, bytes, padding to 8."""
    found = []
    at = 0
    while at + 8 <= len(data):
        size, true_size = int.from_bytes(data[at : at + 4], "little"), int.from_bytes(data[at + 4 : at + 8], "little")
        found.append(record(size=true_size, bytes=data[at + 8 : at + 8 + size]))
        at += 8 + size + 7 & ~7
    return found
