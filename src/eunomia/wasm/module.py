"""Wasm modules: sections, imports, exports and data, read with every bound checked; nothing is run."""

from __future__ import annotations

from eunomia.errors import GuestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ITEMS = 1_000_000
MAX_IMAGE = 256 << 20  # bytes of memory that data may be laid out in
_MAX_GAP = 1 << 20
CUSTOM, TYPE, IMPORT, FUNCTION, TABLE, MEMORY, GLOBAL, EXPORT, DATA = 0, 1, 2, 3, 4, 5, 6, 7, 11
_ORDER = ("custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code",
          "data", "data-count", "tag")  # fmt: skip
_KINDS = ("function", "table", "memory", "global", "tag")
_VALUES = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128", 0x70: "funcref", 0x6F: "externref"}


class External:
    """What a module imports or exports: its kind (`function`, `memory`…), and a function's type, `(i32) -> i64`."""

    __slots__ = ("kind", "module", "name", "type")

    def __init__(self, module: str, name: str, kind: str, type: str) -> None:
        self.module = module
        self.name = name
        self.kind = kind
        self.type = type


class Module:
    """A core module, read.

    Attributes:
        imports, exports: in their order; `module` of an export is "".
        sections: (name, bytes) in their order; `custom "name"` for custom ones.
        memory: (pages at the start, pages at most or None), None without a memory.
        data: (address, bytes) of its data; adjoining pieces as one. The address is -1 where only its code says.

    Raises:
        GuestError: the bytes are no core module, or damaged.
    """

    __slots__ = ("_functions", "_types", "data", "exports", "imports", "memory", "sections")

    def __init__(self, wasm: bytes, name: str = "guest.wasm") -> None:
        from eunomia.wasm.guest import check_header

        check_header(wasm, name)
        self.imports: list[External] = []
        self.exports: list[External] = []
        self.sections: list[tuple[str, int]] = []
        self.memory: tuple[int, int | None] | None = None
        self.data: list[tuple[int, bytes]] = []
        self._types: list[str] = []
        self._functions: list[int] = []
        reader = Reader(wasm, 8, len(wasm), name)
        while reader.at < reader.end:
            self._section(reader)
        self.data = _joined(self.data)

    def _section(self, reader: Reader) -> None:
        kind, size = reader.byte(), reader.unsigned()
        body = reader.part(size, _ORDER[kind] if kind < len(_ORDER) else f"section {kind}")
        if kind == CUSTOM:
            self.sections.append((f'custom "{body.text()}"', size))
            return
        if kind >= len(_ORDER):
            raise body.error(f"unknown section {kind}")
        self.sections.append((_ORDER[kind], size))
        read = {TYPE: self._read_types, IMPORT: self._read_imports, FUNCTION: self._read_functions,
                MEMORY: self._read_memory, EXPORT: self._read_exports, DATA: self._read_data}.get(kind)  # fmt: skip
        if read is not None:
            read(body)
            if body.at != body.end:
                raise body.error(f"{body.end - body.at} bytes more than it has content")

    def _read_types(self, body: Reader) -> None:
        for _ in body.count():
            if body.byte() != 0x60:
                body.at = body.end  # types of garbage collection: their functions have no type that we name
                return
            parameters, results = [body.value() for _ in body.count()], [body.value() for _ in body.count()]
            self._types.append(f"({', '.join(parameters)}) -> {', '.join(results) or '()'}")

    def _type(self, index: int) -> str:
        return self._types[index] if index < len(self._types) else ""

    def _read_imports(self, body: Reader) -> None:
        for _ in body.count():
            module, name, kind = body.text(), body.text(), body.byte()
            if kind >= len(_KINDS):
                raise body.error(f"import {module}.{name} of kind {kind}")
            shown = ""
            if kind == 0:
                index = body.unsigned()
                self._functions.append(index)
                shown = self._type(index)
            elif kind == 2:
                self.memory = body.limits()
            else:
                _skip_external(body, kind)
            self.imports.append(External(module, name, _KINDS[kind], shown))

    def _read_functions(self, body: Reader) -> None:
        self._functions += [body.unsigned() for _ in body.count()]

    def _read_memory(self, body: Reader) -> None:
        found = [body.limits() for _ in body.count()]
        self.memory = found[0] if found else self.memory

    def _read_exports(self, body: Reader) -> None:
        for _ in body.count():
            name, kind, index = body.text(), body.byte(), body.unsigned()
            shown = ""
            if kind == 0 and index < len(self._functions):
                shown = self._type(self._functions[index])
            self.exports.append(External("", name, _KINDS[kind] if kind < len(_KINDS) else str(kind), shown))

    def _read_data(self, body: Reader) -> None:
        for _ in body.count():
            flags, address = body.unsigned(), -1
            if flags == 2 and body.unsigned() != 0:
                flags = 1  # of another memory: by itself
                body.constant()
            elif flags in (0, 2):
                address = body.constant()
            elif flags != 1:
                raise body.error(f"data with flags {flags}")
            self.data.append((address, body.take(body.unsigned())))


class Reader:
    """A place in the bytes of a module, which ends where its section does."""

    __slots__ = ("at", "data", "end", "name", "what")

    def __init__(self, data: bytes, at: int, end: int, name: str, what: str = "module") -> None:
        self.data = data
        self.at = at
        self.end = end
        self.name = name
        self.what = what

    def error(self, why: str) -> GuestError:
        """Return the error for what is here."""
        return GuestError(f"read {self.name}: damaged module: {self.what} at byte {self.at}: {why}")

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if size > self.end - self.at:
            raise self.error(f"{size} bytes wanted, {self.end - self.at} are there (truncated?)")
        self.at += size
        return self.data[self.at - size : self.at]

    def part(self, size: int, what: str) -> Reader:
        """Return a reader for the next bytes, which are passed."""
        start = self.at
        self.take(size)
        return Reader(self.data, start, self.at, self.name, what)

    def byte(self) -> int:
        """Return the next byte."""
        return self.take(1)[0]

    def unsigned(self) -> int:
        """Return a LEB128 number of at most 64 bits."""
        value = shift = 0
        while shift < 70:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
        raise self.error("a number without end")

    def signed(self) -> int:
        """Return a signed LEB128 number."""
        value = shift = 0
        while shift < 70:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value - (1 << shift) if byte & 64 else value
        raise self.error("a number without end")

    def count(self) -> range:
        """Return the range of a vector's items, each of which has a byte at least."""
        number = self.unsigned()
        if number > min(self.end - self.at, MAX_ITEMS):
            raise self.error(f"{number} items, {self.end - self.at} bytes are left (truncated?)")
        return range(number)

    def text(self) -> str:
        """Return a name."""
        return self.take(self.unsigned()).decode(errors="replace")

    def value(self) -> str:
        """Return the name of a value type."""
        byte = self.byte()
        if byte in (0x63, 0x64):  # (ref null? heap type)
            self.signed()
            return "ref"
        return _VALUES.get(byte, f"type 0x{byte:02x}")

    def limits(self) -> tuple[int, int | None]:
        """Return (least, most or None) of a table or memory."""
        flags = self.byte()
        least = self.unsigned()
        most = self.unsigned() if flags & 1 else None
        if flags & 8:
            self.unsigned()  # size of its pages
        return least, most

    def constant(self) -> int:
        """Return the number that a constant expression gives, -1 where it is not a plain one."""
        code, value = self.byte(), -1
        if code in (0x41, 0x42):
            value = self.signed() & 0xFFFFFFFF
        elif code == 0x23:
            self.unsigned()
        else:
            raise self.error(f"a place by instruction 0x{code:02x}")
        if self.byte() != 0x0B:
            raise self.error("a place that is calculated")
        return value


def _skip_external(body: Reader, kind: int) -> None:
    if kind == 1:
        body.value()
        body.limits()
    elif kind == 3:
        body.value()
        body.byte()
    else:
        body.byte()
        body.unsigned()


def _joined(pieces: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Join pieces that lie in memory one after the other: tools cut data where it has many zeroes."""
    joined: list[tuple[int, bytearray]] = []
    total = 0
    for address, data in sorted((piece for piece in pieces if piece[0] >= 0), key=lambda piece: piece[0]):
        gap = address - joined[-1][0] - len(joined[-1][1]) if joined else -1
        total += max(gap, 0) + len(data)
        if joined and 0 <= gap <= _MAX_GAP and total <= MAX_IMAGE:
            joined[-1][1].extend(bytes(gap) + data)
        else:
            joined.append((address, bytearray(data)))
    return [*((address, bytes(data)) for address, data in joined), *(piece for piece in pieces if piece[0] < 0)]


def iter_data(module: Module) -> Iterator[bytes]:
    """Yield the pieces of a module's data."""
    for _, data in module.data:
        yield data
