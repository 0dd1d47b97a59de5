"""Batches: sequences of typed events, NumPy arrays, Arrow record batches; on records made here, without a kernel."""

from __future__ import annotations

import gc
import resource
import sys
from struct import pack
from typing import Any

import numpy
import pyarrow
import pytest
from batches import batch
from plans import ARRAY, BOOL, ENUM, FLOAT, INT, STRING, STRUCT, UINT, UNION, Member, PlanWriter, Type, array, chars
from plans import struct as record_type

from eunomia._native import ffi, lib
from eunomia.errors import MissingDependencyError

EXEC = record_type("exec_event", ("kind", Type(UINT, 4)), ("pid", Type(UINT, 4)), ("comm", chars(8)))
EXIT = record_type("exit_event", ("kind", Type(UINT, 4)), ("code", Type(INT, 4)))


def one_type(kind: Type, *records: bytes) -> Any:
    return batch(PlanWriter().source(kind).to_bytes(), records)


def execs(*pids: int) -> Any:
    return one_type(EXEC, *(pack("<II8s", 1, pid, b"p%d" % pid) for pid in pids))


def two_types() -> Any:
    plan = PlanWriter().source(EXEC, EXIT, flags=2, values=(1, 2)).to_bytes()
    records = [pack("<II8s", 1, 10, b"a"), pack("<Ii", 2, -1), pack("<II8s", 1, 11, b"b"), pack("<Ii", 2, 7), b"\x03"]
    return batch(plan, records)


def test_batch_is_a_sequence_of_typed_events() -> None:
    events = execs(*range(1200))

    assert len(events) == 1200
    assert [event.pid for event in events] == list(range(1200))
    assert events[0].comm == "p0"
    assert events[-1].pid == 1199
    assert repr(events[3]) == "exec_event(kind=1, pid=3, comm='p3')"
    assert repr(events) == "<Batch of rb: 1200 exec_event>"
    assert events.index(events[7]) == 7
    assert events.nbytes == 1200 * 16
    with pytest.raises(IndexError, match="1200 is out of range"):
        events[1200]


def test_slice_is_a_batch_on_the_same_memory() -> None:
    events = execs(*range(10))

    part = events[2:5]

    assert [event.pid for event in part] == [2, 3, 4]
    assert part.to_numpy()["pid"].tolist() == [2, 3, 4]
    assert part.to_arrow().column("comm").to_pylist() == ["p2", "p3", "p4"]
    assert len(events[8:3]) == 0
    assert [event.pid for event in events[-2:]] == [8, 9]
    with pytest.raises(ValueError, match="step must be 1"):
        events[::2]


def test_array_is_a_view_of_the_batch_and_outlives_it() -> None:
    events = execs(4, 5, 6)
    first, second = events.to_numpy(), events.to_numpy()

    assert numpy.shares_memory(first, second)
    del events, second
    gc.collect()
    assert first["pid"].tolist() == [4, 5, 6]
    assert first["comm"].tolist() == [b"p4", b"p5", b"p6"]
    assert first.dtype == numpy.dtype([("kind", "<u4"), ("pid", "<u4"), ("comm", "S8")])


def test_dtype_mirrors_padding_nested_structs_and_arrays() -> None:
    point = record_type("point", ("x", Type(INT, 2)), ("y", Type(INT, 2)))
    inner = array(point, 2)
    kind = Type(STRUCT, 32, name="thing")
    kind.members = [
        Member("a", Type(UINT, 1), 0),
        Member("b", Type(UINT, 8), 64),
        Member("points", inner, 128),
        Member("ratio", Type(FLOAT, 4), 192),
        Member("ok", Type(BOOL, 1), 224),
    ]
    record = pack("<B7xQ4hf?3x", 1, 2, 3, -4, 5, -6, 0.5, True)

    made = one_type(kind, record, record).to_numpy()

    assert made.dtype.itemsize == 32
    assert {name: made.dtype.fields[name][1] for name in made.dtype.names} == {
        "a": 0, "b": 8, "points": 16, "ratio": 24, "ok": 28,
    }  # fmt: skip
    assert made["points"]["y"].tolist() == [[-4, -6], [-4, -6]]
    assert [made[1][name] for name in ("a", "b", "ratio", "ok")] == [1, 2, 0.5, True]


def test_array_has_no_bytes_behind_the_nul_of_text_unless_asked_for() -> None:
    events = one_type(EXEC, pack("<II8s", 1, 2, b"ab\0junk!"))

    assert events.to_numpy()["comm"].tolist() == [b"ab"]
    assert events.to_numpy(raw=True)["comm"].tolist() == [b"ab\0junk!"]
    assert events.to_arrow().column("comm").to_pylist() == ["ab"]
    assert events[0].comm == "ab"


def test_text_in_structs_within_arrays_is_cleaned_too() -> None:
    name = record_type("name", ("first", chars(4)), ("last", chars(4)))
    events = one_type(record_type("pair", ("names", array(name, 2))), b"a\0xxb\0yyc\0zzd\0ww")

    assert events.to_numpy()["names"].tolist() == [[(b"a", b"b"), (b"c", b"d")]]


def test_bit_fields_become_columns() -> None:
    inner = Type(STRUCT, 2, name="flags")
    inner.members = [Member("low", Type(UINT, 1), 0, 3), Member("high", Type(INT, 2), 3, 13)]
    kind = record_type("event", ("pid", Type(UINT, 4)), ("flags", array(inner, 2)), ("end", Type(UINT, 1)))
    record = pack("<IHHB", 9, 5 | (0x1FFF << 3), 2 | (17 << 3), 7)
    events = one_type(kind, record, record)

    made = events.to_numpy()

    assert made["flags"]["low"].tolist() == [[5, 2], [5, 2]]
    assert made["flags"]["high"].tolist() == [[-1, 17], [-1, 17]]
    assert (made["pid"].tolist(), made["end"].tolist()) == ([9, 9], [7, 7])
    assert events.to_arrow().to_pylist()[0] == {
        "pid": 9, "flags": [{"low": 5, "high": -1}, {"low": 2, "high": 17}], "end": 7,
    }  # fmt: skip


def test_bit_field_of_64_bits_across_nine_bytes() -> None:
    kind = Type(STRUCT, 9, name="wide", members=[Member("v", Type(UINT, 8), 5, 64), Member("s", Type(INT, 8), 5, 64)])
    record = ((1 << 63 | 0x1234) << 5).to_bytes(9, "little")
    events = one_type(kind, record)

    assert events.to_numpy()[0].tolist() == (1 << 63 | 0x1234, (1 << 63 | 0x1234) - (1 << 64))
    assert events.to_arrow().to_pylist() == [{"v": 1 << 63 | 0x1234, "s": (1 << 63 | 0x1234) - (1 << 64)}]
    assert events[0].v == 1 << 63 | 0x1234


def test_record_shorter_than_its_type_is_filled_with_zeroes() -> None:
    kind = record_type("event", ("pid", Type(UINT, 4)), ("path", chars(64)))

    events = one_type(kind, pack("<I", 1) + b"/etc", pack("<I", 2) + b"/usr\0", pack("<I", 3) + bytes(64) + b"padding")

    assert [event.path for event in events] == ["/etc", "/usr", ""]
    assert events.to_numpy()["path"].tolist() == [b"/etc", b"/usr", b""]
    assert events.to_arrow().column("path").to_pylist() == ["/etc", "/usr", ""]


def test_type_that_goes_on_to_the_end_of_the_record() -> None:
    kind = record_type("line", ("n", Type(UINT, 4)), ("text", Type(STRING, 0)))
    records = [pack("<I", 1) + b"one", pack("<I", 2), pack("<I", 3) + b"three and more\0rest"]
    events = one_type(kind, *records)

    made = events.to_numpy()

    assert [(event.n, event.text) for event in events] == [(1, "one"), (2, ""), (3, "three and more")]
    assert events[2].text == "three and more"
    assert made["text"].tolist() == [b"one", b"", b"three and more"]
    assert events.to_arrow().column("text").to_pylist() == ["one", "", "three and more"]
    assert events[1:].to_arrow().column("text").to_pylist() == ["", "three and more"]


def test_array_that_goes_on_to_the_end_of_the_record() -> None:
    tail = Type(ARRAY, 0, element=Type(UINT, 2))
    events = one_type(record_type("e", ("n", Type(UINT, 4)), ("v", tail)), pack("<IHHB", 1, 7, 8, 9), pack("<I", 2))

    assert [event.v for event in events] == [(7, 8), ()]
    assert events.to_arrow().column("v").to_pylist() == [[7, 8], []]
    assert events.to_numpy()["v"].tolist() == [[7, 8], [0, 0]]


def test_several_types_keep_their_order_and_come_apart() -> None:
    events = two_types()

    assert events.types == ("exec_event", "exit_event")
    assert [type(event).__name__ for event in events] == ["exec_event", "exit_event"] * 2
    assert (events[1].code, events[2].pid, events[-1].code) == (-1, 11, 7)
    assert events.to_numpy("exit_event")["code"].tolist() == [-1, 7]
    assert events.to_arrow(type="exec_event").column("pid").to_pylist() == [10, 11]
    assert events.of_type("exit_event").to_dicts() == [{"kind": 2, "code": -1}, {"kind": 2, "code": 7}]
    assert {name: len(part) for name, part in events.by_type().items()} == {"exec_event": 2, "exit_event": 2}
    assert repr(events) == "<Batch of rb: 2 exec_event, 2 exit_event>"


def test_slice_of_several_types() -> None:
    part = two_types()[1:3]

    assert [type(event).__name__ for event in part] == ["exit_event", "exec_event"]
    assert part[1].pid == 11
    assert part.to_numpy("exit_event")["code"].tolist() == [-1]


def test_type_must_be_said_where_there_are_several() -> None:
    with pytest.raises(ValueError, match=r'map rb delivers exec_event, exit_event \[say type="exec_event"\]'):
        two_types().to_numpy()
    with pytest.raises(ValueError, match="type fork_event: map rb delivers exec_event, exit_event"):
        two_types().to_arrow("fork_event")


def test_types_of_one_name_are_told_apart() -> None:
    other = record_type("exec_event", ("kind", Type(UINT, 4)))
    plan = PlanWriter().source(EXEC, other, flags=2, values=(1, 2)).to_bytes()

    assert batch(plan, []).types == ("exec_event", "exec_event_2")


def test_empty_batch_has_the_same_columns() -> None:
    events = execs()

    assert len(events) == 0
    assert list(events) == []
    assert events.to_numpy().dtype.names == ("kind", "pid", "comm")
    assert events.to_arrow().schema.names == ["kind", "pid", "comm"]
    assert events.to_dicts() == []


def test_arrow_keeps_types_and_names_where_they_come_from() -> None:
    point = record_type("point", ("x", Type(INT, 2)), ("y", Type(INT, 2)))
    kind = record_type(
        "event",
        ("u", Type(UINT, 8)), ("s", Type(INT, 1)), ("at", point), ("path", array(point, 2)),
        ("mac", array(Type(UINT, 1), 6)),
        ("ok", Type(BOOL, 1)), ("f", Type(FLOAT, 8)), ("big", Type(UINT, 16)), ("text", chars(4)),
    )  # fmt: skip
    events = one_type(kind, bytes(range(1, kind.size + 1)))

    made = events.to_arrow()

    made.validate(full=True)
    inner = pyarrow.struct([("x", pyarrow.int16()), ("y", pyarrow.int16())])
    assert {field.name: field.type for field in made.schema} == {
        "u": pyarrow.uint64(), "s": pyarrow.int8(), "at": inner, "path": pyarrow.list_(inner, 2),
        "mac": pyarrow.list_(pyarrow.uint8(), 6), "ok": pyarrow.bool_(), "f": pyarrow.float64(),
        "big": pyarrow.binary(16), "text": pyarrow.utf8(),
    }  # fmt: skip
    assert made.schema.metadata == {b"eunomia.map": b"rb", b"eunomia.type": b"event"}
    assert made.to_pylist()[0]["at"] == {"x": 0x0B0A, "y": 0x0D0C}


def test_enums_are_dictionaries_of_names_with_unknown_numbers_as_they_are() -> None:
    color = Type(ENUM, 4, True, values=[(1, "RED"), (2, "GREEN"), (-5, "DARK")])
    events = one_type(record_type("e", ("c", color)), *(pack("<i", n) for n in (2, 1, 9, -5, 2, 9, -7)))

    made = events.to_arrow()

    assert made.column("c").to_pylist() == ["GREEN", "RED", "9", "DARK", "GREEN", "9", "-7"]
    assert made.schema.field("c").type == pyarrow.dictionary(pyarrow.int32(), pyarrow.utf8())
    assert made.schema.field("c").metadata == {b"eunomia.enum": b'{"RED": 1, "GREEN": 2, "DARK": -5}'}
    assert events.to_arrow(enums="number").column("c").to_pylist() == [2, 1, 9, -5, 2, 9, -7]
    assert events.to_numpy()["c"].tolist() == [2, 1, 9, -5, 2, 9, -7]
    with pytest.raises(ValueError, match="one of name, number"):
        events.to_arrow(enums="names")


def test_unsigned_64_bit_enum_beyond_signed_numbers() -> None:
    big = Type(ENUM, 8, False, values=[(-1, "ALL"), (1, "ONE")])  # as the plan holds the bits of 2**64-1
    events = one_type(record_type("e", ("c", big)), pack("<Q", (1 << 64) - 1), pack("<Q", 1), pack("<Q", 1 << 63))

    assert events.to_arrow(enums="number").column("c").to_pylist() == [(1 << 64) - 1, 1, 1 << 63]
    assert events.to_arrow().column("c").to_pylist()[1:] == ["ONE", str(1 << 63)]


@pytest.mark.parametrize(
    "data",
    [b"plain", b"", b"eight by", b"nine byte", b"\xc3\xa4\xc3\xb6", b"\xff\xfe", b"\xe2\x82", b"a\xf0\x9f\x92\xa9b",
     b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"abcdefg\x80", b"abc\0\xff\xff\xff\xff\xff", b"1234567\0\x80"],
)  # fmt: skip
@pytest.mark.parametrize("size", [7, 16, 23])
def test_text_is_what_python_decodes(data: bytes, size: int) -> None:
    events = one_type(record_type("e", ("s", chars(size))), data[:size].ljust(size, b"\0"))

    made = events.to_arrow()

    made.validate(full=True)
    assert made.column("s").to_pylist() == [data[:size].partition(b"\0")[0].decode(errors="replace")]


def test_scalar_records_have_one_column() -> None:
    events = one_type(Type(UINT, 8), pack("<Q", 5), pack("<Q", 6))

    assert list(events) == [5, 6]
    assert events.to_numpy().tolist() == [5, 6]
    assert events.to_arrow().to_pylist() == [{"value": 5}, {"value": 6}]
    assert events.to_dicts() == [{"value": 5}, {"value": 6}]


def test_union_shows_each_of_its_members() -> None:
    value = Type(UNION, 4, name="v", members=[Member("u", Type(UINT, 4), 0), Member("f", Type(FLOAT, 4), 0)])
    events = one_type(record_type("e", ("v", value)), pack("<f", 1.5))

    assert events.to_numpy()["v"]["f"].tolist() == [1.5]
    assert events.to_numpy()["v"]["u"].tolist() == [0x3FC00000]
    assert events.to_arrow().to_pylist() == [{"v": {"u": 0x3FC00000, "f": 1.5}}]


def test_chars_that_overlap_others_in_a_union_are_not_cleaned() -> None:
    value = Type(UNION, 8, name="v", members=[Member("text", chars(8), 0), Member("number", Type(UINT, 8), 0)])
    events = one_type(record_type("e", ("v", value)), b"a\0bcdefg")

    assert events.to_numpy()["v"]["number"].tolist() == [int.from_bytes(b"a\0bcdefg", "little")]


def test_record_of_no_type_is_left_out() -> None:
    plan = PlanWriter().source(EXEC, flags=1).to_bytes()

    assert [event.pid for event in batch(plan, [b"", pack("<II8s", 1, 5, b""), b"short", bytes(17)])] == [5]


def test_struct_without_members() -> None:
    events = one_type(Type(STRUCT, 0, name="nothing"), b"", b"")

    assert len(list(events)) == 2
    assert len(events.to_numpy()) == 2
    assert events.to_arrow().num_rows == 2


def test_kind_of_the_columns_of_a_string_is_text() -> None:
    assert one_type(Type(STRING, 4), b"abcd").to_arrow().to_pylist() == [{"value": "abcd"}]


@pytest.mark.parametrize(
    ("module", "method", "message"),
    [
        ("numpy", "to_numpy", "make an array: NumPy is not installed [pip install numpy]"),
        ("pyarrow", "to_arrow", "make an Arrow table: pyarrow is not installed [pip install pyarrow]"),
    ],
)
def test_missing_package_is_one_line_with_the_command(
    monkeypatch: pytest.MonkeyPatch, module: str, method: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(MissingDependencyError) as caught:
        getattr(execs(1), method)()

    assert str(caught.value) == message
    assert execs(1).to_dicts() == [{"kind": 1, "pid": 1, "comm": "p1"}]


def test_data_frame_needs_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(MissingDependencyError, match=r"pandas is not installed \[pip install pandas\]"):
        execs(1).to_pandas()


def test_memory_of_batches_is_given_back() -> None:
    kind = record_type("line", ("n", Type(UINT, 4)), ("text", Type(STRING, 0)))
    plan = PlanWriter().source(kind).to_bytes()
    records = [pack("<I", n) + b"x" * 400 for n in range(1000)]

    def work(times: int) -> int:
        for _ in range(times):
            made = batch(plan, records)
            made.to_arrow(), made.to_numpy(), list(made[10:20])
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = work(20)
    assert work(60) - before < 8 << 10  # KiB; each round takes 1.5 MiB


def test_one_long_record_among_many_short_ones_is_refused_before_memory_runs_out() -> None:
    kind = record_type("line", ("n", Type(UINT, 4)), ("text", Type(STRING, 0)))
    events = one_type(kind, *[bytes(4)] * 1100, bytes(4) + b"x" * (1 << 20))

    with pytest.raises(ValueError, match=r"1101 records of type line, the longest of 1048580 bytes, .* \[take smaller"):
        events.to_numpy()
    assert len(events[:1100].to_numpy()) == 1100
    assert len(events.to_arrow().column("text")[1100].as_py()) == 1 << 20


@pytest.mark.parametrize(("signed", "expected"), [(0, 0b101), (1, -3)])
def test_bit_field_fills_the_16_bytes_of_its_type(signed: int, expected: int) -> None:
    data, out = ffi.from_buffer(bytes([0b1010] + [0xFF] * 15)), bytearray(b"\xaa" * 16)
    rows = ffi.new("struct eu_rows *", {"data": data, "count": 1, "stride": 16})

    lib.eu_gather_bits(rows, 1, 3, signed, 16, ffi.from_buffer(out))
    assert int.from_bytes(out, "little", signed=True) == expected
