"""Bytecode that is damaged, or of another plan, is refused before it runs."""

from __future__ import annotations

from contextlib import suppress
from struct import pack, pack_into, unpack_from

import pytest
from filters import run
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import PlanWriter, chars, s, struct, u

from eunomia.events.filter import compile_filter

PLAN = (
    PlanWriter().source(struct("e", ("pid", u(4)), ("comm", chars(16)), ("ret", s(8)), ("rest", chars(0)))).to_bytes()
)
CODE = compile_filter(PLAN, 'pid in {1, 5, 9, 11, 99} && (comm ~ "a*b" || ret < 0) && rest == "xy" && (ret & 6) == 2')
RECORD = pack("<I16sq", 5, b"a--b", 2) + b"xy"
HEADER, PROGRAM = 32, 16


def damaged(offset: int, form: str, value: int) -> bytes:
    code = bytearray(CODE)
    pack_into(form, code, offset, value)
    return bytes(code)


def test_whole_bytecode_runs() -> None:
    assert run(PLAN, CODE, RECORD)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (b"", "0 bytes are not a filter"),
        (b"EUPL" + CODE[4:], "not a filter"),
        (damaged(4, "<H", 2), "version 2, expected 1"),
        (CODE[:-1], "bytes, expected"),
        (damaged(HEADER, "<I", 1), "source out of range"),
        (damaged(HEADER + 4, "<I", 1), "record type out of range"),
        (damaged(HEADER + 8, "<I", 99), "tests out of range"),
        (damaged(HEADER + 12, "<I", 0), "tests out of range"),
        (damaged(HEADER + PROGRAM, "<B", 99), "unknown test"),
        (damaged(HEADER + PROGRAM, "<B", 13), "unknown test"),
        (damaged(HEADER + PROGRAM + 1, "<B", 1), "value of an event"),
        (damaged(HEADER + PROGRAM + 1, "<H", 0xFF08), "width of a number"),  # a float that is shifted
        (damaged(HEADER + PROGRAM + 4, "<H", 0), "jump"),
        (damaged(HEADER + PROGRAM + 6, "<H", 200), "jump"),
        (damaged(HEADER + PROGRAM + 8, "<I", 1 << 20), "number beyond its type"),
    ],
)
def test_damage_is_named(code: bytes, message: str) -> None:
    with pytest.raises(OSError, match=f"read filter: .*{message}"):
        run(PLAN, code, RECORD)


def test_shift_of_a_number_is_checked_also_where_it_is_said_to_be_a_float() -> None:
    code = bytearray(compile_filter(PLAN, "(ret & 6) > 2"))
    pack_into("<BBB", code, HEADER + PROGRAM, code[HEADER + PROGRAM], 8, 200)

    with pytest.raises(OSError, match="read filter: damaged: width of a number"):
        run(PLAN, bytes(code), RECORD)


def test_filter_of_another_plan_is_refused() -> None:
    other = PlanWriter().source(struct("e", ("pid", u(4)))).to_bytes()

    with pytest.raises(OSError, match="beyond its type"):
        run(other, CODE, RECORD)


@settings(max_examples=500)
@given(st.data())
def test_any_bytes_are_refused_or_run(data: st.DataObject) -> None:
    code = bytearray(CODE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(HEADER, len(code) - 1))
        code[at] = data.draw(st.integers(0, 255))
    record = data.draw(st.binary(max_size=40))

    with suppress(OSError):
        run(PLAN, bytes(code), record)


def test_tests_stand_as_the_specification_says() -> None:
    code = compile_filter(PLAN, "pid == 7")

    assert unpack_from("<4sHH6I", code) == (b"EUFL", 1, 32, len(code), 1, 1, 0, 0, 0)
    assert unpack_from("<IIII", code, 32) == (0, 0, 0, 1)
    assert unpack_from("<BBBBHHIIQQ", code, 48) == (3, 0, 0, 0, 0xFFFF, 0xFFFE, 0, 4, 7, 0)
