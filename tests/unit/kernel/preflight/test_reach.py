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


def stored(at: int, value: int = 0, size: int = 0x7B, *between: tuple[int, int, int, int, int]) -> list[Any]:
    """r1 = value; *(r10 + at) = r1; …; r2 = *(r10 + at); if r2 == 0 goto exit; call 9; exit."""
    load = size - 2
    return [
        (0xB7, 1, 0, 0, value),
        (size, 10, 1, at, 0),
        *between,
        (load, 2, 10, at, 0),
        (0x15, 2, 0, 1, 0),
        call(9),
        EXIT,
    ]


def test_a_number_that_was_kept_on_the_stack_still_decides() -> None:
    assert set(run(*stored(-8)).helpers) == set()
    assert set(run(*stored(-8, 1)).helpers) == {9}
    assert set(run(*stored(-4, 0, 0x63)).helpers) == set()  # zeroes are followed at any place


def test_a_call_that_gets_the_stack_may_have_changed_it() -> None:
    given_away = [(0xBF, 1, 10, 0, 0), call(5)]

    assert set(run(*stored(-8, 0, 0x7B, call(5))).helpers) == {5}
    assert set(run(*stored(-8, 0, 0x7B, *given_away)).helpers) == {5, 9}


def test_a_store_somewhere_on_the_stack_may_have_changed_it() -> None:
    somewhere = [(0x61, 3, 6, 0, 0), (0xBF, 4, 10, 0, 0), (0x0F, 4, 3, 0, 0), (0x7B, 4, 6, 0, 0)]
    beside = [(0x7B, 10, 6, -16, 0)]
    over = [(0x63, 10, 6, -4, 0)]

    assert set(run(*stored(-8, 0, 0x7B, *somewhere)).helpers) == {9}
    assert set(run(*stored(-8, 0, 0x7B, *beside)).helpers) == set()
    assert set(run(*stored(-8, 0, 0x7B, *over)).helpers) == {9}
