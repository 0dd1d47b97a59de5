"""Bytecode: conditions as tests that jump, written as native/filter_code.h has them."""

from __future__ import annotations

from struct import pack

VERSION = 1
DROP, PASS = 0xFFFE, 0xFFFF
MAX_TESTS = 16384
VALUE, SIGNED, BIG_ENDIAN, IS_FLOAT = 1, 2, 4, 8
(
    U8, U16, U32, U64, S8, S16, S32, MASK8, MASK16, MASK32, MASK64,
    LOAD, RANGE, SET, BITMAP, FIELD, PIDS, UID, COMM, GROUP,
    EQUAL, PREFIX, SUFFIX, CONTAINS, GLOB, STRING, BYTES, SAME, FLOAT_OP, FLOATS,
) = range(1, 31)  # fmt: skip
EQ, LT, LE, GT, GE = range(5)
_ALL = (1 << 64) - 1


class Test:
    """One test; `data` goes into the pool, its place into `a` (SET, BITMAP: `offset`); `second` follows it."""

    __slots__ = ("a", "b", "bits", "code", "data", "flags", "offset", "second", "shift", "size")

    def __init__(
        self,
        code: int,
        offset: int = 0,
        size: int = 0,
        a: int = 0,
        b: int = 0,
        *,
        flags: int = 0,
        shift: int = 0,
        bits: int = 0,
        data: bytes | None = None,
        second: Test | None = None,
    ) -> None:
        self.code = code
        self.offset = offset
        self.size = size
        self.a = a & _ALL
        self.b = b & _ALL
        self.flags = flags
        self.shift = shift
        self.bits = bits
        self.data = data
        self.second = second


class Constant:
    """A condition that is always true, always false, or UNKNOWN: of a field that the record type has not."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


TRUE, FALSE, UNKNOWN = Constant("true"), Constant("false"), Constant("unknown")


class Group:
    """Conditions joined by "and" or "or", or one under "not"."""

    __slots__ = ("kind", "parts")

    def __init__(self, kind: str, parts: list[Condition]) -> None:
        self.kind = kind
        self.parts = parts


Condition = Test | Constant | Group


def both(*parts: Condition) -> Condition:
    """Return the condition that all parts are true."""
    return parts[0] if len(parts) == 1 else Group("and", list(parts))


def either(*parts: Condition) -> Condition:
    """Return the condition that at least one of the parts is true; of none, FALSE."""
    return parts[0] if len(parts) == 1 else Group("or", list(parts)) if parts else FALSE


def negate(part: Condition) -> Condition:
    """Return the opposite; of UNKNOWN it is UNKNOWN."""
    return Group("not", [part])


class Code:
    """Collects the programs of a filter."""

    def __init__(self) -> None:
        self._programs: list[bytes] = []
        self._tests: list[bytes] = []
        self._pool = bytearray()
        self._places: dict[bytes, int] = {}

    def add(self, source: int, record: int, condition: Condition) -> None:
        """Add the program of a record type; one that no record can pass needs none.

        Raises:
            OverflowError: it has too many tests.
        """
        condition = _simple(condition, False)
        if condition is FALSE:
            return
        if condition is TRUE:
            condition = Test(EQUAL, 0, 0, data=b"")
            rows = [_Row(condition, PASS, PASS)]
        else:
            rows = _Flow().rows(condition)
        if len(rows) + sum(row.test.second is not None for row in rows) > MAX_TESTS:
            raise OverflowError(f"the filter has more than {MAX_TESTS} tests")
        first = len(self._tests)
        self._tests += self._packed(rows)
        self._programs.append(pack("<IIII", source, record, first, len(self._tests) - first))

    def to_bytes(self) -> bytes:
        """Return the bytecode."""
        body = b"".join((*self._programs, *self._tests, bytes(self._pool)))
        counts = (len(self._programs), len(self._tests), len(self._pool), 0, 0)
        return pack("<4sHH6I", b"EUFL", VERSION, 32, 32 + len(body), *counts) + body

    def _packed(self, rows: list[_Row]) -> list[bytes]:
        at, place = [], 0
        for row in rows:
            at.append(place)
            place += 2 if row.test.second else 1
        packed = []
        for row in rows:
            yes, no = (way if way >= DROP else at[way] for way in (row.yes, row.no))
            packed.append(self._pack(row.test, yes, no))
            if row.test.second:
                packed.append(self._pack(row.test.second, DROP, DROP))
        return packed

    def _pack(self, test: Test, yes: int, no: int) -> bytes:
        offset, a = test.offset, test.a
        if test.data is not None:
            if test.code in {SET, BITMAP}:
                offset = self._put(test.data, 8)
            else:
                a = self._put(test.data, 1)
        return pack(
            "<BBBBHHIIQQ", test.code, test.flags, test.shift, test.bits, yes, no, offset, test.size, a, test.b
        )  # fmt: skip

    def _put(self, data: bytes, align: int) -> int:
        place = self._places.get(data)
        if place is None or place % align:
            self._pool += bytes(-len(self._pool) % align)
            place = self._places[data] = len(self._pool)
            self._pool += data
        return place


class _Row:
    """A test and its two ways: rows of the program, DROP or PASS."""

    __slots__ = ("no", "test", "yes")

    def __init__(self, test: Test, yes: int, no: int) -> None:
        self.test = test
        self.yes = yes
        self.no = no


class _Label:
    """A place in the program that is known once it is reached."""

    __slots__ = ("row",)

    def __init__(self, row: int = -1) -> None:
        self.row = row


class _Flow:
    """Lays out a condition without constants, negations only on tests: each jumps as soon as all is known."""

    def __init__(self) -> None:
        self._laid: list[tuple[Test, _Label, _Label]] = []

    def rows(self, condition: Condition) -> list[_Row]:
        self._lay(condition, _Label(PASS), _Label(DROP))
        return [_Row(test, yes.row, no.row) for test, yes, no in self._laid]

    def _lay(self, condition: Condition, yes: _Label, no: _Label) -> None:
        if isinstance(condition, Test):
            self._laid.append((condition, yes, no))
            return
        assert isinstance(condition, Group)
        if condition.kind == "not":
            self._lay(condition.parts[0], no, yes)
            return
        for part in condition.parts[:-1]:
            after = _Label()
            self._lay(part, *((after, no) if condition.kind == "and" else (yes, after)))
            after.row = len(self._laid)
        self._lay(condition.parts[-1], yes, no)


def _simple(condition: Condition, is_negated: bool) -> Condition:
    """Bring negations down to the tests and constants up; what is unknown then is false, also below a negation."""
    if isinstance(condition, Constant):
        if condition is UNKNOWN:
            return FALSE
        return condition if not is_negated else FALSE if condition is TRUE else TRUE
    if isinstance(condition, Test):
        return Group("not", [condition]) if is_negated else condition
    if condition.kind == "not":
        return _simple(condition.parts[0], not is_negated)
    is_and = (condition.kind == "and") != is_negated
    deciding, neutral = (FALSE, TRUE) if is_and else (TRUE, FALSE)
    parts = []
    for part in condition.parts:
        simple = _simple(part, is_negated)
        if simple is deciding:
            return deciding
        if simple is not neutral:
            parts.append(simple)
    if not parts:
        return neutral
    return parts[0] if len(parts) == 1 else Group("and" if is_and else "or", parts)
