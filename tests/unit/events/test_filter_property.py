"""Random filters on random records: the C core finds what a slow and obvious evaluation in Python finds."""

from __future__ import annotations

import operator
import struct as packing
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from ipaddress import ip_address, ip_network
from typing import Any

from filters import passes
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import BOOL, ENUM, FLOAT, POINTER, STRUCT, Member, PlanWriter, Type, chars, s, u

IP4, IP6, PORT = 2, 3, 5
RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
COLORS = Type(ENUM, 4, True, values=[(0, "RED"), (1, "GREEN"), (-7, "BLUE"), (1 << 30, "FAR")])
ALPHABET = b"ab*?[]-\\\xc3\xa4"


@dataclass
class Leaf:
    """A field: how it is named, and its value in a record."""

    path: str
    kind: str
    size: int
    read: Callable[[bytes], Any]


@dataclass
class Shape:
    type: Type
    leaves: list[Leaf] = field(default_factory=list)


def padded(record: bytes, at: int, size: int) -> bytes:
    return record[at : at + size].ljust(size, b"\0")


def number(at: int, size: int, signed: bool) -> Callable[[bytes], int]:
    return lambda record: int.from_bytes(padded(record, at, size), "little", signed=signed)


def bits_of(at: int, width: int, signed: bool) -> Callable[[bytes], int]:
    def read(record: bytes) -> int:
        value = int.from_bytes(padded(record, at // 8, 9), "little") >> at % 8 & (1 << width) - 1
        return value - (1 << width) if signed and value >> width - 1 else value

    return read


def string(at: int, size: int) -> Callable[[bytes], bytes]:
    return lambda record: record[at : at + size if size else None].partition(b"\0")[0]


SIMPLE = {
    "u1": (u(1), 0), "u2": (u(2), 0), "u4": (u(4), 0), "u8": (u(8), 0), "s1": (s(1), 0), "s2": (s(2), 0),
    "s4": (s(4), 0), "s8": (s(8), 0), "ptr": (Type(POINTER, 8), 0), "bool": (Type(BOOL, 1), 0),
    "f4": (Type(FLOAT, 4), 0), "f8": (Type(FLOAT, 8), 0), "c1": (chars(1), 0),
    "c7": (chars(7), 0), "c16": (chars(16), 0), "c40": (chars(40), 0),
    "enum": (COLORS, 0), "ip4": (u(4), IP4), "ip6": (Type(11, 16), IP6), "port": (u(2), PORT),
}  # fmt: skip


def leaf(path: str, name: str, at: int) -> Leaf:
    size = SIMPLE[name][0].size
    if name[0] == "c":
        return Leaf(path, "string", size, string(at, size))
    if name[0] == "f":
        form = "<f" if size == 4 else "<d"
        return Leaf(path, "float", size, lambda record: packing.unpack(form, padded(record, at, size))[0])
    if name in {"ip4", "ip6"}:
        return Leaf(path, name, size, lambda record: ip_address(padded(record, at, size)))
    if name == "port":
        return Leaf(path, "number", size, lambda record: int.from_bytes(padded(record, at, 2), "big"))
    if name == "bool":
        return Leaf(path, "bool", 1, lambda record: any(padded(record, at, 1)))
    return Leaf(path, "number", size, number(at, size, name[0] in "se"))


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """A struct with gaps, a nested struct, bit fields, and perhaps a string to the record's end."""
    made = Shape(Type(STRUCT, 0, name="event"))
    at = 0
    for index, name in enumerate(draw(st.lists(st.sampled_from(sorted(SIMPLE)), min_size=1, max_size=6))):
        kind, decoder = SIMPLE[name]
        at += draw(st.integers(0, 3))
        if draw(st.integers(0, 4)) == 0:
            inner = Type(STRUCT, kind.size + 2, members=[Member("x", kind, 16, 0, decoder)])
            anonymous = draw(st.booleans())
            inner.members[0].name = f"x{index}"
            made.type.members.append(Member("" if anonymous else f"n{index}", inner, at * 8))
            made.leaves.append(leaf(f"x{index}" if anonymous else f"n{index}.x{index}", name, at + 2))
            at += kind.size + 2
        else:
            made.type.members.append(Member(f"m{index}", kind, at * 8, 0, decoder))
            made.leaves.append(leaf(f"m{index}", name, at))
            at += kind.size
    if draw(st.booleans()):
        base = draw(st.sampled_from([u(4), s(8), u(8)]))
        shift = draw(st.integers(0, 7))
        width = draw(st.integers(1, min(64, base.size * 8)))
        made.type.members.append(Member("bits", base, at * 8 + shift, width))
        made.leaves.append(Leaf("bits", "number", base.size, bits_of(at * 8 + shift, width, base.kind == 2)))
        at += 9
    made.type.size = at
    if draw(st.booleans()):
        made.type.members.append(Member("rest", chars(0), at * 8))
        made.leaves.append(Leaf("rest", "string", 0, string(at, 0)))
    return made


def quoted(text: bytes) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in text) + '"'


def glob(pattern: bytes, text: bytes) -> bool:
    """Patterns without sets, on characters where the text is UTF-8."""
    if not pattern:
        return not text
    if pattern[0] == ord("*"):
        return any(glob(pattern[1:], text[i:]) for i in range(len(text) + 1))
    if not text:
        return False
    if pattern[0] == ord("?"):
        return glob(pattern[1:], text[1:])
    return pattern[0] == text[0] and glob(pattern[1:], text[1:])


@st.composite
def number_tests(draw: st.DrawFn, one: Leaf, record: bytes) -> tuple[str, bool]:
    value = one.read(record)
    near = st.integers(value - 2, value + 2)
    wide = st.sampled_from([0, -1, 1, 127, 255, -128, 1 << 31, (1 << 32) - 1, (1 << 63) - 1, -(1 << 63), 1 << 64])
    form = draw(st.integers(0, 3))
    constant = draw(st.one_of(near, wide))
    name = draw(st.sampled_from(sorted(RELATIONS)))
    if form == 0:
        written = draw(st.sampled_from([str(constant), hex(constant), f"{constant}.0"]))
        return f"{one.path} {name} {written}", RELATIONS[name](value, constant)
    if form == 1:
        part = Fraction(constant * 4 + draw(st.integers(0, 3)), 4)
        flipped = draw(st.booleans())
        text = f"{float(part):.2f}" if abs(constant) < 1 << 40 else str(constant)
        part = Fraction(text)
        expression = f"{text} {name} {one.path}" if flipped else f"{one.path} {name} {text}"
        return expression, RELATIONS[name](*((part, value) if flipped else (value, part)))
    if form == 2:
        mask = draw(st.integers(0, (1 << 16) - 1))
        bits = draw(st.integers(0, mask))
        return f"({one.path} & {mask:#x}) {name} {bits}", RELATIONS[name](value & mask, bits)
    items = draw(st.lists(st.tuples(st.one_of(near, wide), st.integers(0, 9)), min_size=1, max_size=12))
    shown = ", ".join(f"{low}..{low + span}" if span else str(low) for low, span in items)
    return f"{one.path} in {{{shown}}}", any(low <= value <= low + span for low, span in items)


@st.composite
def comparisons(draw: st.DrawFn, shape: Shape, record: bytes) -> tuple[str, bool]:
    """A comparison and whether it is true of the record."""
    one = draw(st.sampled_from(shape.leaves))
    value = one.read(record)
    if one.kind == "number":
        others = [each for each in shape.leaves if each.kind in {"number", "float"} and each is not one]
        if others and draw(st.integers(0, 3)) == 0:
            other = draw(st.sampled_from(others))
            name = draw(st.sampled_from(sorted(RELATIONS)))
            right = other.read(record)
            left = float(value) if other.kind == "float" else value
            return f"{one.path} {name} {other.path}", RELATIONS[name](left, right)
        return draw(number_tests(one, record))
    if one.kind == "bool":
        return draw(
            st.sampled_from([(one.path, value), (f"{one.path} == false", not value), (f"{one.path} != 1", not value)])
        )
    if one.kind == "float":
        constant = draw(st.one_of(st.floats(-100, 100, width=32), st.just(value).filter(lambda x: abs(x) < 1e30)))
        text = f"{constant:.20f}"
        width = "<f" if one.size == 4 else "<d"
        exact = packing.unpack(width, packing.pack(width, float(text)))[0]
        name = draw(st.sampled_from(sorted(RELATIONS)))
        return f"{one.path} {name} {text}", RELATIONS[name](value, exact)
    if one.kind == "string":
        start = draw(st.integers(0, len(value)))
        piece = value[start : start + draw(st.integers(0, 20))]
        text = draw(st.sampled_from([value, piece, value + b"x", b"", value[:-1]]))
        if draw(st.booleans()):
            return f"{one.path} != {quoted(text)}", value != text
        plain = bytes(byte for byte in text if byte < 0x80 and byte not in b"*?[]\\")
        value_plain = all(byte < 0x80 for byte in value)
        forms = [plain, b"*" + plain, plain + b"*", b"*" + plain + b"*", b"a*" + plain, b"?" + plain[1:] + b"*"]
        pattern = draw(st.sampled_from(forms if value_plain else forms[:4]))
        return f"{one.path} ~ {quoted(pattern)}", glob(pattern, value)
    bits = draw(st.integers(0, 8 * one.size))
    network = ip_network((value, bits), strict=False)
    if draw(st.booleans()):
        return f"{one.path} in {network}", True
    other = value + 1 if int(value) < (1 << 8 * one.size) - 1 else value - 1
    return f"{one.path} in {{{other}/{bits}}}", value in ip_network((other, bits), strict=False)


@st.composite
def conditions(draw: st.DrawFn, shape: Shape, record: bytes, depth: int = 0) -> tuple[str, bool]:
    form = draw(st.integers(0, 5)) if depth < 4 else 0
    if form < 3:
        return draw(comparisons(shape, record))
    if form == 3:
        text, value = draw(conditions(shape, record, depth + 1))
        return draw(st.sampled_from([f"!({text})", f"not ({text})"])), not value
    parts = draw(st.lists(conditions(shape, record, depth + 1), min_size=2, max_size=3))
    word = {4: ("&&", "and"), 5: ("||", "or")}[form][draw(st.integers(0, 1))]
    joined = f" {word} ".join(f"({text})" for text, _ in parts)
    return joined, (all if form == 4 else any)(value for _, value in parts)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_filter_finds_what_a_slow_evaluation_finds(data: st.DataObject) -> None:
    shape = data.draw(shapes())
    whole = data.draw(st.binary(min_size=shape.type.size, max_size=shape.type.size + 20))
    if data.draw(st.booleans()):  # strings worth a pattern
        letters = data.draw(st.lists(st.sampled_from([*ALPHABET, 0]), min_size=len(whole), max_size=len(whole)))
        whole = bytes(letters)
    record = whole[: data.draw(st.sampled_from([len(whole), len(whole) // 2, 0]))]
    expression, expected = data.draw(conditions(shape, record))
    plan = PlanWriter().source(shape.type).to_bytes()

    assert passes(plan, expression, record) == expected
