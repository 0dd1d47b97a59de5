"""Objects from anywhere: whatever their types say, the result is code of names and numbers, or our error."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eunomia.compiler.skeletons import LANGUAGES, generate
from eunomia.compiler.skeletons.layout import Layouts
from eunomia.errors import PackageError
from eunomia.package import Package

sys.path.insert(0, str(Path(__file__).parents[1] / "btf"))
from btf_writer import Writer

TORTURE = (Path(__file__).parents[2] / "data/torture.bpf.o").read_bytes()


def packaged(elf: bytes) -> Package:
    return Package.from_object(elf, "torture.bpf.o", event_types={"rb": ["event"]})


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(TORTURE) - 1), st.integers(0, 255)), max_size=12), st.sampled_from(LANGUAGES)
)
def test_damaged_objects_give_code_or_our_error(changes: list[tuple[int, int]], lang: str) -> None:
    image = bytearray(TORTURE)
    for at, byte in changes:
        image[at] = byte
    try:
        said = generate(packaged(bytes(image)), lang)
    except PackageError as exc:
        said = f"torture: {str(exc).splitlines() == [str(exc)]}"
    assert "torture" in said
    assert said != "torture: False"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_names_cannot_bring_code_with_them(lang: str) -> None:
    elf = TORTURE
    for name, hostile in ((b"kern_stack_id", b"a;}\n#pragma x"), (b"in_bss", b'"*/ev('), (b"other", b"a\\\nb/")):
        assert b"\0" + name + b"\0" in elf
        elf = elf.replace(b"\0" + name + b"\0", b"\0" + hostile.ljust(len(name), b"_")[: len(name)] + b"\0")

    text = generate(packaged(elf), lang)

    assert "#pragma x" not in text
    assert '"*/ev' not in text
    assert not re.search(r"a\\\s*b/", text)


@pytest.mark.parametrize("name", [b"second", b"counts"])
def test_programs_and_maps_that_are_no_names_are_refused(name: bytes) -> None:
    elf = TORTURE.replace(b"\0" + name + b"\0", b"\0" + b'a"\n'.ljust(len(name), b"x") + b"\0")

    with pytest.raises(PackageError, match="cannot be a name in code"):
        generate(packaged(elf), "c")


def test_a_struct_that_holds_itself_is_refused() -> None:
    writer = Writer()
    writer.struct("loop", 8, ("inner", 1, 0))

    with pytest.raises(PackageError, match="nested deeper"):
        Layouts(writer.btf()).shape(1)


def test_members_that_overlap_become_bytes() -> None:
    writer = Writer()
    number = writer.int("int", 4, 1)
    writer.struct("odd", 8, ("a", number, 0), ("b", number, 16))
    found = Layouts(writer.btf()).shape(2)

    assert [(field.name, field.shape.size) for field in found.fields] == [("bytes", 8)]  # type: ignore[union-attr]
