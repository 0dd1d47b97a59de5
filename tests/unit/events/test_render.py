"""How records look: the rules of text and JSON, ours and the first system's (reference 4.5, 4.6, 4.8)."""

from __future__ import annotations

import json
import math
from struct import pack
from typing import Any

import pytest
from plans import (
    ARRAY,
    BOOL,
    ENUM,
    FLOAT,
    INT,
    PERF,
    POINTER,
    STRING,
    STRUCT,
    UINT,
    UNION,
    Member,
    PlanWriter,
    Type,
    array,
    chars,
    render,
    s,
    struct,
    u,
)

KIND = Type(ENUM, 4, True, values=[(0, "E_A"), (1, "E_B")])
HEX, IP4, IP6, IP, PORT, SIGNAL, ERRNO, SYSCALL = range(1, 9)
DURATION_NS, DEVICE, MODE, TCP_STATE, FAMILY, MAC, BYTES, SOFTIRQ = 10, 12, 14, 15, 16, 17, 18, 19


def plan_of(*fields: tuple[str, Type], decoders: dict[str, int] | None = None) -> bytes:
    return PlanWriter().source(struct("event", *fields, decoders=decoders)).to_bytes()


def show(kind: Type, data: bytes, form: str = "json", decoder: int = 0, **options: Any) -> str:
    """One member called v, as it is shown."""
    plan = plan_of(("v", kind), decoders={"v": decoder})
    line = render(plan, data, form, **options).decode()
    return line[5:-1] if form == "json" else line


def test_json_keeps_the_order_of_declaration() -> None:
    plan = plan_of(("z", u(4)), ("a", s(2)), ("m", chars(4)))

    assert render(plan, pack("<Ih4s", 7, -1, b"x\0yz")) == b'{"z":7,"a":-1,"m":"x"}'


def test_compatible_json_sorts_keys_and_names_nested_types() -> None:
    inner = struct("inner", ("Z", u(1)), ("b", u(1)))
    plan = plan_of(("z", u(4)), ("in", inner), ("k", KIND))

    line = render(plan, pack("<IBBi", 7, 1, 2, 1), compat=1)

    assert line == b'{"in":{"Z":1,"__EUNOMIA_TYPE":"struct","__EUNOMIA_TYPE_NAME":"inner","b":2},"k":"E_B(1)","z":7}'


def test_compatible_row_begins_at_column_ten_and_realigns() -> None:
    plan = plan_of(("pid", u(4)), ("ppid", u(4)), ("exit_code", u(4)), ("k", KIND))

    row = render(plan, pack("<IIIi", 506334, 486903, 0, 9), "text", compat=1)

    assert row == b"506334 486903 0        <UNKNOWN_VARIANT>(9)"


def test_columns_align_after_a_value_that_was_too_long() -> None:
    plan = plan_of(("a", u(1)), ("b", u(1)), ("text", chars(12)), ("n", u(2)), ("last", chars(4)))

    rows = [render(plan, pack("<BB12sH4s", 1, 2, word, 3, b"end"), "text") for word in (b"short", b"\x1b" * 5)]

    assert rows == [b"1   2   short        3     end", b"1   2   " + rb"\x1b" * 5 + b" 3 end"]


def test_characters_of_several_bytes_count_as_one_column() -> None:
    plan = plan_of(("name", chars(16)), ("n", u(1)))

    rows = [render(plan, word.encode().ljust(16, b"\0") + b"\7", "text").decode() for word in ("abc", "äöü")]

    assert rows[0].index("7") == rows[1].index("7")


@pytest.mark.parametrize(
    ("raw", "as_json", "as_text"),
    [
        (b'a"b\\c', '"a\\"b\\\\c"', 'a"b\\c'),
        (b"\x1b[2J", '"\\u001b[2J"', "\\x1b[2J"),
        (b"\n\t\x08", '"\\n\\t\\b"', "\\x0a\\x09\\x08"),
        (b"\xff\xc3(", '"\ufffd\ufffd("', "\\xff\\xc3("),
        (b"\xc2\x9b31m", '"\\u009b31m"', "\\xc2\\x9b31m"),
        ("gr\u00fc\u00df".encode(), '"gr\u00fc\u00df"', "gr\u00fc\u00df"),
        ("a\u202eb".encode(), '"a\u202eb"', "a\\xe2\\x80\\xaeb"),
        (b"\xed\xa0\x80", '"\ufffd\ufffd\ufffd"', "\\xed\\xa0\\x80"),
        (b"full16bytes.....", '"full16bytes....."', "full16bytes....."),
    ],
)
def test_strings_are_made_safe(raw: bytes, as_json: str, as_text: str) -> None:
    data = raw.ljust(16, b"\0")

    assert (show(chars(16), data), show(chars(16), data, "text")) == (as_json, as_text)


@pytest.mark.parametrize(
    ("value", "digits"),
    [
        (0.1, "0.1"),
        (1e16, "1e16"),
        (1e15, "1000000000000000.0"),
        (1.5e-6, "1.5e-6"),
        (1e-5, "0.00001"),
        (-0.0, "-0.0"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (9007199254740993.0, "9007199254740992.0"),
        (math.nan, "null"),
        (-math.inf, "null"),
    ],
)
def test_floats_have_the_fewest_digits_that_read_back(value: float, digits: str) -> None:
    assert show(Type(FLOAT, 8), pack("<d", value)) == digits


def test_single_floats_are_short_and_compatible_ones_widened() -> None:
    data = pack("<f", 1.23)

    assert (show(Type(FLOAT, 4), data), show(Type(FLOAT, 4), data, compat=1)) == ("1.23", "1.2300000190734863")


@pytest.mark.parametrize(
    ("kind", "data", "shown"),
    [
        (u(8), b"\xff" * 8, "18446744073709551615"),
        (s(8), b"\0" * 7 + b"\x80", "-9223372036854775808"),
        (u(16), b"\xff" * 16, '"340282366920938463463374607431768211455"'),
        (s(16), b"\0" * 15 + b"\x80", '"-170141183460469231731687303715884105728"'),
        (Type(BOOL, 1), b"\x02", "true"),
        (Type(POINTER, 8), b"\0" * 7 + b"\xff", "18374686479671623680"),
        (KIND, b"\7\0\0\0", "7"),
        (Type(ENUM, 8, values=[(1 << 40, "BIG")]), pack("<Q", 1 << 40), '"BIG"'),
        (array(array(u(2), 2), 2), pack("<4H", 1, 2, 3, 4), "[[1,2],[3,4]]"),
        (array(chars(4), 2), b"ab\0\0wxyz", '["ab","wxyz"]'),
        (Type(ARRAY, 0, element=u(2)), pack("<3H", 5, 6, 7), "[5,6,7]"),
        (Type(STRING, 0), b"to the end", '"to the end"'),
    ],
)
def test_json_of_each_kind(kind: Type, data: bytes, shown: str) -> None:
    assert show(kind, data) == shown


def test_unions_show_every_member_and_anonymous_ones_the_parents() -> None:
    both = Type(UNION, 4, members=[Member("n", u(4), 0), Member("b", array(u(1), 4), 0)])
    kind = Type(STRUCT, 8, members=[Member("", both, 0), Member("u", both, 32)])

    line = render(PlanWriter().source(kind).to_bytes(), pack("<II", 1, 258))

    assert line == b'{"n":1,"b":[1,0,0,0],"u":{"n":258,"b":[2,1,0,0]}}'


def test_bit_fields_have_their_sign() -> None:
    fields = [Member("a", u(4), 0, 3), Member("b", s(4), 3, 5), Member("", u(4), 8, 6), Member("c", u(8), 20, 40)]
    kind = Type(STRUCT, 8, members=fields)
    data = (5 | (-3 & 31) << 3 | (1 << 39 | 1) << 20).to_bytes(8, "little")

    assert render(PlanWriter().source(kind).to_bytes(), data) == b'{"a":5,"b":-3,"c":549755813889}'


def test_big_integers_become_strings_on_request() -> None:
    plan = plan_of(("a", u(8)), ("b", s(8)), ("c", u(8)))

    line = render(plan, pack("<QqQ", 1 << 53, -(1 << 53) - 1, (1 << 53) + 1), big_ints=1)

    assert line == b'{"a":9007199254740992,"b":"-9007199254740993","c":"9007199254740993"}'


@pytest.mark.parametrize(
    ("decoder", "kind", "data", "as_json", "as_text"),
    [
        (HEX, u(4), pack("<I", 0xBEEF), '"0xbeef"', "0xbeef"),
        (IP4, u(4), b"\x7f\0\0\1", '"127.0.0.1"', "127.0.0.1"),
        (IP4, array(u(1), 4), b"\x0a\0\0\1", '"10.0.0.1"', "10.0.0.1"),
        (IP6, array(u(1), 16), b"\0" * 15 + b"\1", '"::1"', "::1"),
        (IP, u(16), b"\0" * 10 + b"\xff\xff\1\2\3\4", '"1.2.3.4"', "1.2.3.4"),
        (IP, array(u(4), 4), b"\1\2\3\4" + b"\0" * 12, '"1.2.3.4"', "1.2.3.4"),
        (IP, array(u(1), 16), b"\xfe\x80" + b"\0" * 13 + b"\1", '"fe80::1"', "fe80::1"),
        (PORT, u(2), b"\0\x50", "80", "80"),
        (SIGNAL, s(4), pack("<i", 9), '"SIGKILL"', "SIGKILL"),
        (SIGNAL, s(4), pack("<i", 0), "0", "0"),
        (SIGNAL, u(4), pack("<I", 36), '"SIGRTMIN+2"', "SIGRTMIN+2"),
        (ERRNO, s(4), pack("<i", -2), '"ENOENT"', "ENOENT"),
        (ERRNO, s(4), pack("<i", 3), "3", "3"),
        (DURATION_NS, u(8), pack("<Q", 1234567), "1234567", "1.235ms"),
        (DEVICE, u(4), pack("<I", 8 << 20 | 1), '"8:1"', "8:1"),
        (MODE, u(2), pack("<H", 0o644), '"0644"', "0644"),
        (TCP_STATE, s(4), pack("<i", 10), '"LISTEN"', "LISTEN"),
        (TCP_STATE, s(4), pack("<i", 77), "77", "77"),
        (FAMILY, u(2), pack("<H", 2), '"AF_INET"', "AF_INET"),
        (MAC, array(u(1), 6), b"\x02\0\0\0\0\1", '"02:00:00:00:00:01"', "02:00:00:00:00:01"),
        (BYTES, array(u(1), 3), b"\xde\xad\0", '"dead00"', "dead00"),
        (SOFTIRQ, u(4), pack("<I", 3), '"net_rx"', "net_rx"),
        (SYSCALL, u(4), pack("<I", 4_000), "4000", "4000"),
    ],
)
def test_decoders(decoder: int, kind: Type, data: bytes, as_json: str, as_text: str) -> None:
    assert show(kind, data, decoder=decoder) == as_json
    assert show(kind, data, "text", decoder=decoder) == as_text


def test_raw_values_switch_decoders_off() -> None:
    assert show(s(4), pack("<i", 9), decoder=SIGNAL, raw_values=1) == "9"


def test_a_record_may_stop_within_its_last_array() -> None:
    plan = plan_of(("pid", u(4)), ("args", chars(64)))

    assert render(plan, pack("<I", 5) + b"ls -l") == b'{"pid":5,"args":"ls -l"}'


def test_a_record_too_short_for_its_type_is_refused() -> None:
    with pytest.raises(OSError, match="record of 7 bytes: too short for its type"):
        render(plan_of(("a", u(4)), ("b", u(4))), bytes(7))


def test_the_first_type_of_the_records_size_is_taken() -> None:
    small, large = struct("small", ("a", u(4))), struct("large", ("b", u(4)), ("c", u(8)))
    plan = PlanWriter().source(small, large, flags=1).to_bytes()

    assert [render(plan, bytes(size), event_names=1) for size in (4, 12)] == [
        b'{"event":"small","a":0}',
        b'{"event":"large","b":0,"c":0}',
    ]


def test_json_has_nothing_but_the_fields_unless_names_are_asked_for() -> None:
    small, large = struct("small", ("a", u(4))), struct("large", ("b", u(4)), ("c", u(8)))
    plan = PlanWriter().source(small, large, flags=1).to_bytes()

    assert render(plan, bytes(4)) == b'{"a":0}'
    assert render(plan, bytes(4), "text").split() == [b"small", b"0"]
    assert render(plan, bytes(4), event_names=1, compat=1) == b'{"a":0}'


def test_a_perf_buffers_padding_belongs_to_the_size() -> None:
    small, large = struct("small", ("a", u(4))), struct("large", ("b", u(4)), ("c", u(4)))
    plan = PlanWriter().source(small, large, kind=PERF, flags=1).to_bytes()

    assert [render(plan, bytes(size), event_names=1) for size in (4, 12)] == [
        b'{"event":"small","a":0}',
        b'{"event":"large","b":0,"c":0}',
    ]


def test_a_value_in_the_record_tells_types_apart() -> None:
    one, two = struct("one", ("kind", u(4)), ("a", u(4))), struct("two", ("kind", u(4)), ("b", u(4)))
    plan = PlanWriter().source(one, two, flags=2, values=(1, 2)).to_bytes()

    assert [render(plan, pack("<II", kind, 9), event_names=1) for kind in (1, 2)] == [
        b'{"event":"one","kind":1,"a":9}',
        b'{"event":"two","kind":2,"b":9}',
    ]
    with pytest.raises(OSError, match="too short for its type"):
        render(plan, pack("<II", 3, 9))


def test_a_type_that_contains_itself_is_refused() -> None:
    writer = PlanWriter().source(struct("event", ("a", array(u(4), 1))))
    writer.types[1] = pack("<BBHIIIII", ARRAY, 0, 0, 4, 1, 1, 0, 0)

    with pytest.raises(OSError, match="type contains itself"):
        render(writer.to_bytes(), bytes(4))


def test_types_nested_too_deep_are_refused() -> None:
    kind = u(1)
    for _ in range(40):
        kind = struct("level", ("m", kind))

    with pytest.raises(OSError, match="nested too deep"):
        render(PlanWriter().source(kind).to_bytes(), b"\0")


def test_a_small_plan_cannot_ask_for_endless_output() -> None:
    writer = PlanWriter().source(u(1))
    for level in range(24):  # unions of two members of the type before: 2 ** 24 values in one byte
        writer.members += [pack("<IIIHHI", writer.string(f"m{level}"), level, 0, 0, 0, 0)] * 2
        writer.types.append(pack("<BBHIIIII", UNION, 0, 0, 1, 2 * level, 2, 0, 0))

    with pytest.raises(OSError, match="too many values"):
        render(writer.to_bytes(), b"\0")


def test_many_records_cannot_share_a_large_type() -> None:
    large = struct("large", *((f"m{i}", array(u(1), 2000)) for i in range(1000)))
    writer = PlanWriter().source(large)
    writer.records *= 20
    writer.sources = [writer.sources[0][:12] + pack("<I", 20) + writer.sources[0][16:]]

    with pytest.raises(OSError, match="records show too many values"):
        render(writer.to_bytes(), bytes(2_000_000))


def test_more_fields_than_a_line_can_have_are_refused() -> None:
    event = struct("event", *((f"m{i}", u(1)) for i in range(70_000)))

    with pytest.raises(OSError, match="more than 65536 fields"):
        render(PlanWriter().source(event).to_bytes(), bytes(70_000))


def test_a_name_longer_than_any_compiler_writes_is_refused() -> None:
    with pytest.raises(OSError, match="name too long"):
        render(plan_of(("m" * 4096, u(1))), b"\0")


def test_names_count_as_output_too() -> None:
    writer = PlanWriter()
    name, number = writer.string("m" * 4000), writer.add(u(1))
    writer.members = [pack("<IIIHHI", name, number, 0, 0, 0, 0)] * 20_000  # 80 MB of keys from 400 KB
    writer.types.append(pack("<BBHIIIII", STRUCT, 0, 0, 1, 0, 20_000, 0, 0))

    with pytest.raises(OSError, match="too many values"):
        render(writer.source(u(1)).to_bytes(), b"\0")


def test_types_that_share_members_are_not_looked_at_without_end() -> None:
    writer = PlanWriter()
    writer.members = [pack("<IIIHHI", 0, writer.add(u(1)), 0, 0, 0, 0)] * 10_000
    writer.types += [pack("<BBHIIIII", STRUCT, 0, 0, 1, 0, 10_000, 0, 0)] * 1_000

    with pytest.raises(OSError, match="too many members"):
        render(writer.source(u(1)).to_bytes(), b"\0")


def test_names_in_a_plan_cannot_carry_escapes() -> None:
    plan = plan_of(("\x1b[31m", Type(ENUM, 4, values=[(0, "\x1b]0;x\x07")])))

    assert json.loads(render(plan, bytes(4))) == {"?[31m": "?]0;x?"}
    assert render(plan, bytes(4), "text") == b"?]0;x?"


STACK = struct(
    "stack", ("pid", u(4)), ("cpu_id", u(4)), ("comm", chars(16)), ("kstack_sz", s(4)), ("ustack_sz", s(4)),
    ("kstack", array(u(8), 4)), ("ustack", array(u(8), 4)),
)  # fmt: skip
ROLES = {role: role for role in range(7)}


def test_compatible_stack_trace_layout() -> None:
    plan = PlanWriter().source(STACK, style=3, roles=ROLES).to_bytes()
    record = pack("<II16sii8Q", 7, 1, b"bash", 16, -14, 0x10000, 0x10001, 0, 0, 0, 0, 0, 0)

    assert render(plan, record, "text", compat=1).decode() == (
        "COMM: bash (pid=7) @ CPU 1\nKernel:\n  0 [<0000000000010000>]\n  1 [<0000000000010001>]\nNo Userspace Stack\n"
    )


def test_stacks_are_arrays_of_addresses_in_json() -> None:
    plan = PlanWriter().source(STACK, style=3, roles=ROLES).to_bytes()
    record = pack("<II16sii8Q", 7, 1, b"bash", 8, 16, 0x10000, 0, 0, 0, 1, 2, 0, 0)

    event = json.loads(render(plan, record))

    assert (event["kstack"], event["ustack"], event["comm"]) == (["0x10000"], ["0x1", "0x2"], "bash")


def test_kinds_are_those_of_the_header() -> None:
    assert (UINT, INT, BOOL, FLOAT, POINTER, STRING) == (1, 2, 3, 4, 5, 6)
