"""BTF of every kind, from a small writer; any bytes give types or PackageError."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from btf_writer import Writer
from hypothesis import given
from hypothesis import strategies as st

from eunomia._native import ffi, lib
from eunomia.btf import types as kinds
from eunomia.btf.cdecl import declaration, member_type
from eunomia.btf.elf import ElfFile
from eunomia.btf.object import ObjectBtf
from eunomia.btf.plan import Plan, Record, Source
from eunomia.btf.types import Btf
from eunomia.errors import PackageError

DATA = Path(__file__).parents[2] / "data"
TORTURE = (DATA / "torture.bpf.o").read_bytes()


def test_every_kind_is_read() -> None:
    w = Writer()
    number = w.int("int", 4, kinds.SIGNED)
    pointer = w.add(kinds.PTR, "", number)
    array = w.array(number, 3)
    struct_id = w.struct("s", 8, ("a", number, 0), ("b", number, 32))
    w.struct("u", 4, ("x", number, 0), kind=kinds.UNION)
    enum = w.add(kinds.ENUM, "e", 4, vlen=2, flag=1, extra=struct.pack("<IiIi", w.string("A"), 0, w.string("B"), -1))
    w.add(kinds.FWD, "later", 0, flag=1)
    alias = w.add(kinds.TYPEDEF, "alias", struct_id)
    const = w.add(kinds.CONST, "", w.add(kinds.VOLATILE, "", w.add(kinds.RESTRICT, "", alias)))
    proto = w.proto(number, ("first", number), ("", 0))
    func = w.add(kinds.FUNC, "f", proto, vlen=1)
    var = w.add(kinds.VAR, "v", number, extra=struct.pack("<I", 1))
    w.add(kinds.DATASEC, ".bss", 4, vlen=1, extra=struct.pack("<III", var, 0, 4))
    w.add(kinds.FLOAT, "double", 8)
    w.add(kinds.DECL_TAG, "tag", struct_id, extra=struct.pack("<i", -1))
    tagged = w.add(kinds.TYPE_TAG, "user", number)
    wide = w.add(kinds.ENUM64, "e64", 8, vlen=1, extra=struct.pack("<III", w.string("HUGE"), 1, 2))
    negative = w.add(
        kinds.ENUM64, "n64", 8, vlen=1, flag=1, extra=struct.pack("<III", w.string("LOW"), 0xFFFFFFFF, 0xFFFFFFFF)
    )
    btf = w.btf()

    assert len(btf) == len(w.types) + 1
    assert [btf.type(i).kind for i in range(1, len(btf))] == [
        1, 2, 3, 4, 5, 6, 7, 8, 11, 9, 10, 13, 12, 14, 15, 16, 17, 18, 19, 19
    ]  # fmt: skip
    assert btf.type(pointer).ref == number
    assert btf.type(array).array == (number, 3)
    assert [(m.name, m.type, m.bit_offset, m.bit_size) for m in btf.type(struct_id).members] == [
        ("a", number, 0, 0), ("b", number, 32, 0)
    ]  # fmt: skip
    assert btf.type(enum).values == [("A", 0), ("B", -1)]
    assert btf.resolve(const).id == struct_id
    assert btf.type(btf.strip(const)).name == "alias"
    assert btf.type(proto).params == [("first", number), ("", 0)]
    assert btf.type(func).linkage == kinds.GLOBAL
    assert btf.type(var).linkage == kinds.GLOBAL
    assert next(btf.of_kind(kinds.DATASEC)).variables == [(var, 0, 4)]
    assert next(btf.of_kind(kinds.DECL_TAG)).component == -1
    assert btf.resolve(tagged).id == number
    assert btf.type(wide).values == [("HUGE", 1 | 2 << 32)]
    assert btf.type(negative).values == [("LOW", -1)]
    assert [btf.sizeof(i) for i in (number, pointer, array, const, tagged)] == [4, 8, 12, 8, 4]
    assert btf.find("s") is btf.type(struct_id)
    assert btf.find_spelled("struct s") is btf.type(struct_id)
    assert btf.find_spelled("union s") is None


def test_bit_fields_of_both_encodings_are_the_same() -> None:
    w = Writer()
    number = w.int("unsigned int", 4)
    three = w.int("unsigned int", 4, bits=3, offset=2)
    old = w.struct("old", 4, ("a", three, 8), ("b", number, 0))
    new = w.struct("new", 4, ("a", number, 10 | 3 << 24), ("b", number, 0), flag=1)
    btf = w.btf()

    shapes = [[(m.name, m.bit_offset, m.bit_size) for m in btf.type(each).members] for each in (old, new)]

    assert shapes[0] == shapes[1] == [("a", 10, 3), ("b", 0, 0)]


def test_64_bit_enums_keep_their_names_in_a_plan() -> None:
    w = Writer()
    wide = w.add(kinds.ENUM64, "e64", 8, vlen=1, extra=struct.pack("<III", w.string("HUGE"), 1, 2))
    event = w.struct("event", 8, ("e", wide, 0))
    plan = Plan(w.btf())
    source = Source("rb", 1)
    source.records.append(Record(plan.add(event), 8))
    data = plan.to_bytes([source])
    read = lib.eu_plan_read(data, len(data))
    out = ffi.new("char[]", 100)
    size = lib.eu_render(
        read, 0, ffi.new("struct eu_format *", {"format": 1}), struct.pack("<Q", 1 | 2 << 32), 8, out, 100
    )

    assert b"HUGE" in ffi.buffer(out, size)[:]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fixed", "const char[4]"),
        ("no_nul", "char[3][8]"),
        ("function", "void (*)(int)"),
        ("callback", "callback_t"),
        ("pointer", "volatile const struct inner *"),
        ("matrix", "__u64[2][3]"),
        ("in", "struct inner[2]"),
        ("mode", "enum"),
        ("", "composite"),
        ("wide", "__int128"),
        ("tail", "char[0]"),
    ],
)
def test_members_are_spelled_as_bpftool_spells_them(name: str, text: str) -> None:
    btf = ObjectBtf(TORTURE).btf
    assert btf is not None
    event = btf.find_spelled("struct event")
    assert event is not None

    assert [member_type(btf, member.type) for member in event.members if member.name == name] == [text]


def test_declarations_follow_the_grammar_of_c() -> None:
    w = Writer()
    number = w.int("int", 4, kinds.SIGNED)
    row = w.array(number, 4)
    pointer = w.add(kinds.PTR, "", number)
    to_array = w.add(kinds.PTR, "", row)
    function = w.proto(number, ("x", number), ("", 0))
    to_function = w.add(kinds.PTR, "", function)
    functions = w.array(to_function, 2)
    constant = w.add(kinds.CONST, "", w.add(kinds.PTR, "", w.add(kinds.CONST, "", number)))
    nothing = w.proto(0)
    returns_pointer = w.proto(w.add(kinds.PTR, "", 0), ("p", pointer))
    anonymous = w.struct("", 8, ("a", number, 0), ("b", number, 3 << 24 | 32), flag=1)
    btf = w.btf()

    assert declaration(btf, row, "x") == "int x[4]"
    assert declaration(btf, to_array, "x") == "int (*x)[4]"
    assert declaration(btf, to_array) == "int(*)[4]"
    assert declaration(btf, to_function, "x") == "int (*x)(int x, ...)"
    assert declaration(btf, functions, "x") == "int (*x[2])(int x, ...)"
    assert declaration(btf, constant, "x") == "const int * const x"
    assert declaration(btf, constant, "x", strip_modifiers=True) == "int *x"
    assert declaration(btf, nothing, "f") == "void f(void)"
    assert declaration(btf, returns_pointer, "f") == "void *f(int *p)"
    assert declaration(btf, anonymous, "x") == "struct { int a; int b: 3; } x"


def test_cycles_and_depth_are_bounded() -> None:
    w = Writer()
    w.add(kinds.TYPEDEF, "a", 2)
    w.add(kinds.TYPEDEF, "b", 1)
    w.struct("self", 8, ("me", 3, 0))
    w.array(4, 2)
    w.add(kinds.PTR, "", 5)
    w.struct("", 8, ("again", 6, 0))
    btf = w.btf()

    for bad in (
        lambda: btf.resolve(1),
        lambda: btf.sizeof(1),
        lambda: btf.sizeof(4),
        lambda: declaration(btf, 5),
        lambda: declaration(btf, 6),
        lambda: Plan(btf).add(3),
        lambda: Plan(btf).add(4),
        lambda: btf.type(99),
    ):
        with pytest.raises(PackageError, match="read BTF"):
            bad()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes, its header alone has 24"),
        (b"\0" * 24, "magic 0x0000, expected 0xeb9f"),
        (b"\xeb\x9f" + bytes(22), "big-endian BTF is not supported"),
        (struct.pack("<HBBIIIII", 0xEB9F, 9, 0, 24, 0, 0, 0, 0), "version 9, expected 1"),
        (struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 12, 12, 1), "do not fit"),
        (
            struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 12, 12, 1) + struct.pack("<III", 0, 31 << 24, 0) + b"\0",
            "has kind 31",
        ),
        (
            struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 12, 12, 1) + struct.pack("<III", 0, 1 << 24, 0) + b"\0",
            "cut off",
        ),
    ],
)
def test_damaged_btf_is_described(data: bytes, message: str) -> None:
    with pytest.raises(PackageError, match=message):
        Btf.from_bytes(data)


def walk(btf: Btf) -> None:
    """Touch everything of every type; only PackageError may come out."""
    plan = Plan(btf)
    for type_id in range(len(btf)):
        for act in (
            lambda i=type_id: btf.resolve(i),
            lambda i=type_id: btf.sizeof(i),
            lambda i=type_id: declaration(btf, i, "x"),
            lambda i=type_id: plan.add(i),
            lambda i=type_id: [m.name for m in btf.type(i).members] if btf.type(i).kind in {4, 5} else None,
            lambda i=type_id: btf.type(i).values if btf.type(i).kind in {6, 19} else None,
        ):
            try:
                act()
            except PackageError:
                continue
    data = plan.to_bytes([])
    read = lib.eu_plan_read(data, len(data))
    if read != ffi.NULL:
        lib.eu_plan_free(read)


RAW = ObjectBtf(TORTURE).elf.section(".BTF")
assert RAW is not None
SMALL = Writer()
SMALL.struct("s", 8, ("a", SMALL.int("int", 4, 1), 0), ("b", SMALL.array(1, 1), 32))
SMALL.add(kinds.ENUM, "e", 4, vlen=1, extra=struct.pack("<Ii", SMALL.string("A"), 0))
SMALL.proto(1, ("p", SMALL.add(kinds.PTR, "", 3)))
SMALL_BYTES = SMALL.bytes()


@given(st.lists(st.tuples(st.integers(0, len(SMALL_BYTES) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_changed_bytes_give_types_or_an_error(changes: list[tuple[int, int]]) -> None:
    data = bytearray(SMALL_BYTES)
    for at, byte in changes:
        data[at] = byte

    try:
        btf = Btf.from_bytes(bytes(data))
    except PackageError:
        return
    walk(btf)


@given(st.binary(max_size=300))
def test_any_bytes_give_types_or_an_error(data: bytes) -> None:
    for start in (b"", struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(data), len(data), 0)):
        try:
            walk(Btf.from_bytes(start + data))
        except PackageError:
            continue


@given(st.lists(st.tuples(st.integers(0, len(TORTURE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_objects_are_read_or_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(TORTURE)
    for at, byte in changes:
        data[at] = byte

    try:
        obj = ObjectBtf(bytes(data))
        assert obj.sections is not None
        assert obj.maps is not None
        assert obj.programs is not None
        assert obj.data_sections is not None
        assert obj.licence is not None
    except PackageError:
        return


@pytest.mark.parametrize("size", [0, 4, 63, 64, 500, 5000, len(TORTURE) - 1])
def test_a_truncated_object_is_refused(size: int) -> None:
    with pytest.raises(PackageError, match="read object"):
        ElfFile(TORTURE[:size])


def test_variables_are_placed_by_the_symbol_table() -> None:
    obj = ObjectBtf(TORTURE)
    rodata = {variable.name: variable for variable in obj.sections[".rodata"].variables}

    assert obj.sections[".rodata"].size == 144
    assert (rodata["i8"].offset, rodata["u64"].offset, rodata["wide"].offset) == (4, 16, 112)
    assert [v.name for v in obj.sections[".data"].variables if v.is_static] == ["invisible", "hidden"]
    assert obj.initial(".rodata", rodata["i8"].offset, 1) == b"\xfd"
    assert obj.initial(".bss", 0, 4) == bytes(4)


def test_maps_are_read_from_their_definitions() -> None:
    maps = ObjectBtf(TORTURE).maps

    assert [(m.name, m.type_name, m.max_entries, m.key_size, m.value_size) for m in maps.values()] == [
        ("rb", "ringbuf", 4096, 0, 0),
        ("perf", "perf_event_array", 0, 4, 4),
        ("counts", "hash", 1024, 8, 8),
        ("numbers", "hash", 1024, 4, 16),
        ("stacks", "stack_trace", 128, 4, 1016),
        ("samples", "hash", 1024, 28, 8),
    ]


def test_programs_that_are_not_loaded_by_themselves_are_told() -> None:
    assert [(p.name, p.section, p.autoload) for p in ObjectBtf(TORTURE).programs] == [
        ("second", "tp/sched/sched_process_exec", False),
        ("first", "tp/sched/sched_process_exec", True),
    ]
