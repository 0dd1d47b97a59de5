"""Values of maps as JSON and as people type them; what does not fit is refused by the name of the field."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunomia.btf import types as kinds
from eunomia.kernel.typed import Typed

sys.path.insert(0, str(Path(__file__).parent.parent / "btf"))
from btf_writer import Writer


def types() -> tuple[Typed, dict[str, Typed]]:
    """A struct of everything, and scalars by name."""
    writer = Writer()
    u8 = writer.int("unsigned char", 1)
    u32 = writer.int("unsigned int", 4)
    s32 = writer.int("int", 4, kinds.SIGNED)
    char = writer.int("char", 1, kinds.SIGNED)
    truth = writer.int("_Bool", 1, kinds.BOOL)
    color = writer.add(
        kinds.ENUM, "color", 4, vlen=2,
        extra=b"".join(number.to_bytes(4, "little") for number in (writer.string("RED"), 0, writer.string("GREEN"), 7)),
    )  # fmt: skip
    name = writer.array(char, 8)
    mac = writer.array(u8, 6)
    pointer = writer.add(kinds.PTR, "", 0)
    inner = writer.struct("inner", 8, ("x", s32, 0), ("y", s32, 32))
    whole = writer.struct(
        "whole", 48, ("id", u32, 0), ("name", name, 32), ("mac", mac, 96), ("on", truth, 144), ("color", color, 160),
        ("in", inner, 192), ("at", pointer, 256), ("low", u32, 3 << 24 | 320), ("high", s32, 5 << 24 | 323), flag=1,
    )  # fmt: skip
    trie = writer.struct("trie", 8, ("prefixlen", u32, 0), ("data", writer.array(u8, 4), 32))
    btf = writer.btf()
    scalars = {"u32": (u32, 4), "s32": (s32, 4), "bool": (truth, 1), "color": (color, 4), "name": (name, 8)}
    found = {key: Typed(btf, number, size) for key, (number, size) in scalars.items()}
    return Typed(btf, whole, 48), {**found, "trie": Typed(btf, trie, 8), "u8": Typed(btf, u8, 1)}


WHOLE, SCALARS = types()
VALUE: dict[str, Any] = {
    "id": 5,
    "name": "bash",
    "mac": [1, 2, 3, 4, 5, 6],
    "on": True,
    "color": "GREEN",
    "in": {"x": -1, "y": 2},
    "at": "0xffff",
    "low": 7,
    "high": -16,
}


def test_struct_comes_back_as_it_was_written() -> None:
    assert WHOLE.show(WHOLE.parse(json.dumps(VALUE), "value")) == VALUE


def test_members_that_are_left_out_are_zero() -> None:
    assert WHOLE.show(WHOLE.parse('{"id": 9}', "value")) == {
        "id": 9, "name": "", "mac": [0] * 6, "on": False, "color": "RED", "in": {"x": 0, "y": 0}, "at": "0x0",
        "low": 0, "high": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "data"),
    [
        ("u32", "42", b"\x2a\0\0\0"),
        ("u32", "0x2a", b"\x2a\0\0\0"),
        ("u32", "10.1.2.3", b"\x0a\1\2\3"),
        ("s32", "-1", b"\xff\xff\xff\xff"),
        ("bool", "true", b"\1"),
        ("color", "GREEN", b"\7\0\0\0"),
        ("color", "3", b"\3\0\0\0"),
        ("name", "[kworker", b"[kworker"),
        ("name", '"a b"', b"a b\0\0\0\0\0"),
        ("trie", "10.0.0.0/8", b"\x08\0\0\0\x0a\0\0\0"),
        ("u32", "hex:01020304", b"\1\2\3\4"),
    ],
)
def test_what_people_type_becomes_bytes(kind: str, text: str, data: bytes) -> None:
    assert SCALARS[kind].parse(text, "value") == data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"id": -1}', "value.id: -1 is not from 0 to 4294967295"),
        ('{"id": "x"}', "value.id: 'x' is no whole number"),
        ('{"id": 1.5}', "value.id: expected a whole number, got a fraction"),
        ('{"id": true}', "value.id: expected a whole number, got true or false"),
        ('{"name": "123456789"}', "value.name: 9 bytes of text, at most 8"),
        ('{"name": 5}', "value.name: expected text, got a number"),
        ('{"mac": [1, 2]}', "value.mac: 2 elements, expected 6"),
        ('{"mac": [1, 2, 3, 4, 5, 256]}', "value.mac[5]: 256 is not from 0 to 255"),
        ('{"color": "PINK"}', "value.color: 'PINK' is none of RED, GREEN"),
        ('{"in": {"z": 1}}', "value.in.z: there is no such member (there are x, y)"),
        ('{"in": 3}', "value.in: expected an object of struct inner (x, y), got a number"),
        ('{"low": 8}', "value.low: 8 is not from 0 to 7"),
        ('{"high": 16}', "value.high: 16 is not from -16 to 15"),
        ('{"on": 2}', "value.on: 2 is neither true nor false"),
        ("{", "value: malformed JSON: "),
        ("hex:00", "value: 1 bytes, expected 48"),
        ("hex:0g", "value: 'hex:0g' is not hexadecimal"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        WHOLE.parse(text, "value")


def test_without_types_whole_numbers_and_hexadecimal_bytes_are_taken() -> None:
    small, large = Typed(None, 0, 4), Typed(None, 0, 12)

    assert (small.parse("7", "key"), small.show(b"\7\0\0\0")) == (b"\7\0\0\0", 7)
    assert large.show(bytes(12)) == "hex:" + "00" * 12
    assert large.parse("hex:" + "01" * 12, "key") == b"\1" * 12
    with pytest.raises(ValueError, match="key: it has no type, expected hex: and 24 digits"):
        large.parse("7", "key")


def test_many_numbers_are_shown_at_once_as_one_by_one() -> None:
    data = memoryview(bytes(range(64)))

    for name in ("u32", "s32", "u8", "color"):
        typed = SCALARS[name]
        alone = [typed.show(bytes(data[at : at + typed.size])) for at in range(0, 64, typed.size)]
        assert list(typed.show_all(data)) == alone


@given(st.binary(min_size=48, max_size=48))
def test_any_bytes_are_shown_as_json(data: bytes) -> None:
    assert json.loads(json.dumps(WHOLE.show(data)))["id"] == int.from_bytes(data[:4], "little")


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
TREES = st.recursive(LEAVES, lambda x: st.lists(x) | st.dictionaries(st.sampled_from([*VALUE, "x"]), x))


@given(st.one_of(st.text(), TREES.map(json.dumps)))
def test_any_text_gives_bytes_or_names_the_field(text: str) -> None:
    try:
        size, message = len(WHOLE.parse(text, "value")), "value"
    except ValueError as exc:
        size, message = 48, str(exc)

    assert (size, message[:5]) == (48, "value")
