"""Minimal BTF without a kernel: an object with CO-RE records stands for the kernel's types too."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eunomia._native import check, ffi, lib
from eunomia.btf.elf import ElfFile
from eunomia.btf.types import FWD, Btf

DATA = Path(__file__).resolve().parents[2] / "data"
CORE = DATA / "core.bpf.o"
OBJECT = CORE.read_bytes()


def shrink(elf: bytes, kernel: Path, output: Path) -> Btf:
    check(lib.eu_minimal_btf(ffi.from_buffer(elf), len(elf), bytes(kernel), bytes(output)), "minimal BTF")
    return Btf.from_bytes(output.read_bytes())


def names(btf: Btf) -> set[str]:
    return {btf.type(number).name for number in range(1, len(btf))}


def test_it_holds_the_types_that_records_name_and_what_they_contain(tmp_path: Path) -> None:
    whole = Btf.from_bytes(ElfFile(OBJECT).section(".BTF").data)

    small = shrink(OBJECT, CORE, tmp_path / "small.btf")

    assert {"task_struct", "task_struct___old", "inner", "state"} <= names(small)  # flavours match by their first name
    assert "unrelated" in names(whole) - names(small)  # only pointers lead there
    task = next(small.type(number) for number in range(1, len(small)) if small.type(number).name == "task_struct")
    assert [(m.name, m.bit_offset) for m in task.members][:3] == [("pid", 0), ("inner", 32), ("", 192)]
    assert [small.resolve(m.type).name for m in task.members][:2] == ["int", "inner"]


def test_structs_hold_the_members_that_some_record_names_and_nothing_else(tmp_path: Path) -> None:
    small = shrink(OBJECT, CORE, tmp_path / "small.btf")

    members = {
        small.type(number).name: [member.name for member in small.type(number).members]
        for number in range(1, len(small))
        if small.type(number).name in {"task_struct", "inner", "task_struct___old"}
    }
    assert members == {
        "task_struct": ["pid", "inner", "", "bits"],  # not parent, not other
        "inner": ["second"],
        "task_struct___old": ["state"],
    }
    assert (tmp_path / "small.btf").stat().st_size < 600


def test_type_of_another_kind_is_no_match(tmp_path: Path) -> None:
    """As a forward declaration is none: the struct itself may stand in a module's BTF."""
    kernel = tmp_path / "kernel.btf"
    strings = b"\0task_struct\0"
    header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 12, 12, len(strings))
    kernel.write_bytes(header + struct.pack("<III", 1, FWD << 24, 0) + strings)

    assert len(shrink(OBJECT, kernel, tmp_path / "small.btf")) == 1  # nothing but void


def test_a_kernel_file_that_is_no_btf_is_named(tmp_path: Path) -> None:
    (tmp_path / "kernel.btf").write_bytes(b"not BTF at all, but long enough to have a header")
    with pytest.raises(OSError, match=r"read BTF .*kernel\.btf: not BTF, or damaged"):
        shrink(OBJECT, tmp_path / "kernel.btf", tmp_path / "small.btf")


def test_an_object_without_records_needs_none(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="has no CO-RE record"):
        shrink(b"\x7fELF" + bytes(60), CORE, tmp_path / "small.btf")


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, len(OBJECT) - 1), st.integers(0, 255)), max_size=8),
    st.integers(0, len(OBJECT)) | st.just(len(OBJECT)),
)
def test_any_object_gives_btf_or_an_error(changes: list[tuple[int, int]], length: int) -> None:
    damaged = bytearray(OBJECT)
    for place, value in changes:
        damaged[place] = value
    data = bytes(damaged[:length])
    result = lib.eu_minimal_btf(ffi.from_buffer(data), len(data), bytes(CORE), b"/dev/null")

    assert result <= 0
    assert result == 0 or ffi.string(lib.eu_error())


@settings(max_examples=300)
@given(st.data())
def test_any_kernel_types_give_btf_or_an_error(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    kernel = bytearray(ElfFile(OBJECT).section(".BTF").data)
    for _ in range(data.draw(st.integers(1, 6))):
        kernel[data.draw(st.integers(0, len(kernel) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"kernel-{data.draw(st.integers(0, 1 << 40))}.btf"
    path.write_bytes(kernel)
    result = lib.eu_minimal_btf(ffi.from_buffer(OBJECT), len(OBJECT), bytes(path), b"/dev/null")
    path.unlink()

    assert result == 0 or ffi.string(lib.eu_error())
