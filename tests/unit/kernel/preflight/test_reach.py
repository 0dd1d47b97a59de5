"""What a program can reach: constants decide branches, what is switched off is not looked at."""

from __future__ import annotations

import struct
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eunomia.kernel.preflight.code import Function, Unit
from eunomia.kernel.preflight.reach import Explorer, Reached

EXIT = (0x95, 0, 0, 0, 0)


def call(helper: int) -> tuple[int, int, int, int, int]:
    return (0x85, 0, 0, 0, helper)


def run(
    *insns: tuple[int, int, int, int, int],
    patched: Callable[[int], tuple[bool, int | None]] = lambda _at: (False, None),
) -> Reached:
    data = b"".join(struct.pack("<BBhi", code, src << 4 | dst, off, imm) for code, dst, src, off, imm in insns)
    return walk(data, patched)


def walk(data: bytes, patched: Callable[[int], tuple[bool, int | None]] = lambda _at: (False, None)) -> Reached:
    section: Any = SimpleNamespace(index=1, data=data, name="tp", is_executable=True)
    unit = Unit(section)
    code: Any = SimpleNamespace(units={1: unit}, section_of=lambda _symbol: None)
    explorer = Explorer(code, lambda _unit, at: patched(at), lambda *_: None, lambda _name: None)
    return explorer.run(Function("f", "tp", unit, 0, len(unit.insns)))


def test_a_branch_on_an_answer_of_core_is_taken_one_way_only() -> None:
    program = [(0xB7, 1, 0, 0, 1), (0x15, 1, 0, 1, 0), call(113), EXIT]

    assert set(run(*program, patched=lambda at: (at == 0, 0)).helpers) == set()
    assert set(run(*program, patched=lambda at: (at == 0, 1)).helpers) == {113}
    assert set(run(*program, patched=lambda at: (at == 0, None)).helpers) == {113}


def test_both_ways_of_a_branch_on_what_is_not_known_are_looked_at() -> None:
    reached = run((0x61, 1, 1, 0, 0), (0x15, 1, 0, 2, 0), call(5), EXIT, call(6), EXIT)

    assert set(reached.helpers) == {5, 6}


def test_arithmetic_on_constants_is_followed_as_the_kernel_computes_it() -> None:
    # r1 = 6; w1 >>= 1; r1 &= 1 -> 1; if r1 == 0 goto exit
    program = [(0xB7, 1, 0, 0, 6), (0x74, 1, 0, 0, 1), (0x57, 1, 0, 0, 1), (0x15, 1, 0, 1, 0), call(7), EXIT]

    assert set(run(*program).helpers) == {7}


def test_a_negative_number_is_compared_with_its_sign() -> None:
    # r1 = -1; if r1 s< 0 goto +1; call 8; exit
    assert set(run((0xB7, 1, 0, 0, -1), (0xC5, 1, 0, 1, 0), call(8), EXIT).helpers) == set()


def test_loops_end() -> None:
    # r1 = 0; r1 += 1; if r1 != 1000000 goto -2; call 9
    reached = run((0xB7, 1, 0, 0, 0), (0x07, 1, 0, 0, 1), (0x55, 1, 0, -2, 1000000), call(9), EXIT)

    assert reached.complete
    assert set(reached.helpers) == {9}


def test_a_helper_forgets_its_arguments_and_keeps_the_others() -> None:
    # r1 = 0, r6 = 0; call 5; if r1 != 0: call 6; if r6 != 0: call 7
    program = [
        (0xB7, 1, 0, 0, 0),
        (0xB7, 6, 0, 0, 0),
        call(5),
        (0x15, 1, 0, 1, 0),
        call(6),
        (0x15, 6, 0, 1, 0),
        call(7),
        EXIT,
    ]

    assert set(run(*program).helpers) == {5, 6}


@given(st.binary(max_size=160))
def test_any_bytes_are_walked_to_an_end(data: bytes) -> None:
    reached = walk(data)

    assert len(reached.places) <= len(data) // 8
