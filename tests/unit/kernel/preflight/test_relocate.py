"""CO-RE relocations against written kernels: what is found, what is missing, and what its instruction gets."""

from __future__ import annotations

import struct

import pytest
from btf_writer import Writer
from hypothesis import given
from hypothesis import strategies as st

from eunomia.btf import types as kinds
from eunomia.kernel.preflight import relocate
from eunomia.kernel.preflight.code import CoreRecord
from eunomia.kernel.preflight.relocate import Resolver


def enum(writer: Writer, name: str, *values: tuple[str, int]) -> int:
    extra = b"".join(struct.pack("<Ii", writer.string(text), number) for text, number in values)
    return writer.add(kinds.ENUM, name, 4, vlen=len(values), extra=extra)


def kernel() -> Writer:
    """task { int pid; struct { long flags; }; struct inner { int cells[4]; } in; }, enum mode { MODE_A = 3 }"""
    writer = Writer()
    number = writer.int("int", 4, kinds.SIGNED)
    cells = writer.array(number, 4)
    inner = writer.struct("inner", 16, ("cells", cells, 0))
    hidden = writer.struct("", 8, ("flags", number, 0))
    writer.struct("task", 40, ("pid", number, 0), ("", hidden, 64), ("in", inner, 128))
    enum(writer, "mode", ("MODE_A", 3))
    return writer


def ask(local: Writer, type_id: int, access: str, kind: int) -> relocate.Answer:
    return Resolver(local.btf(), kernel().btf()).answer(CoreRecord(0, type_id, access, kind))


def task(name: str, member: str) -> tuple[Writer, int]:
    local = Writer()
    number = local.int("int", 4, kinds.SIGNED)
    return local, local.struct(name, 4, (member, number, 0))


@pytest.mark.parametrize(
    ("name", "member", "found"),
    [
        ("task", "pid", True),
        ("task___old", "pid", True),
        ("task", "flags", True),
        ("task", "gone", False),
        ("nobody", "pid", False),
    ],
)
def test_a_member_is_found_by_name_through_flavours_and_anonymous_structs(name: str, member: str, found: bool) -> None:
    local, struct_id = task(name, member)

    answer = ask(local, struct_id, "0:0", relocate.FIELD_OFFSET)

    assert answer.found is found
    assert answer.subject == f"field {relocate.essential(name)}.{member}"


def test_a_member_of_another_kind_is_not_the_same_member() -> None:
    local = Writer()
    pointer = local.add(kinds.PTR, "", 0)
    struct_id = local.struct("task", 8, ("pid", pointer, 0))

    assert ask(local, struct_id, "0:0", relocate.FIELD_OFFSET).found is False


def test_elements_of_an_array_end_at_its_size_in_the_kernel() -> None:
    local = Writer()
    number = local.int("int", 4, kinds.SIGNED)
    struct_id = local.struct("inner", 32, ("cells", local.array(number, 8), 0))

    assert ask(local, struct_id, "0:0:3", relocate.FIELD_OFFSET).found is True
    assert ask(local, struct_id, "0:0:4", relocate.FIELD_OFFSET).found is False


def test_questions_are_answered_with_numbers() -> None:
    local, struct_id = task("task", "gone")
    there, there_id = task("task", "pid")

    assert ask(local, struct_id, "0:0", relocate.FIELD_EXISTS).value == 0
    assert ask(there, there_id, "0:0", relocate.FIELD_EXISTS).value == 1
    assert ask(there, there_id, "0", relocate.TYPE_SIZE).value == 40
    assert ask(there, there_id, "0:0", relocate.FIELD_OFFSET).value is None


def test_enumerators_are_found_by_name_with_the_kernels_value() -> None:
    local = Writer()
    known = enum(local, "mode___mine", ("MODE_A___x", 0), ("MODE_B", 1))

    assert ask(local, known, "0", relocate.ENUM_VALUE).value == 3
    missing = ask(local, known, "1", relocate.ENUM_EXISTS)
    assert (missing.found, missing.value) == (False, 0)
    assert missing.subject == "enum value MODE_B of enum mode"


def test_what_only_a_module_knows_cannot_be_told() -> None:
    local, struct_id = task("nf_conn", "mark")
    resolver = Resolver(local.btf(), kernel().btf(), frozenset({"nf_conn"}))

    assert resolver.answer(CoreRecord(0, struct_id, "0:0", relocate.FIELD_OFFSET)).found is None


@given(st.text("0123456789:x-", max_size=12), st.integers(0, 9), st.integers(0, 14))
def test_any_record_gets_an_answer(access: str, type_id: int, kind: int) -> None:
    local, _struct_id = task("task", "pid")

    answer = ask(local, type_id, access, kind)

    assert answer.found in (True, False, None)
