"""The language of filters: what it matches, and what it says of mistakes."""

from __future__ import annotations

from ipaddress import ip_address
from struct import pack

import pytest
from filters import passes
from plans import (
    ARRAY,
    BOOL,
    ENUM,
    FLOAT,
    NONE,
    SAMPLE,
    STRUCT,
    UNION,
    Member,
    PlanWriter,
    Type,
    array,
    chars,
    s,
    struct,
    u,
)

from eunomia._native import lib
from eunomia.errors import FilterError
from eunomia.events.filter import compile_filter

HEX, IP4, IP6, IP, PORT, SIGNAL, ERRNO, SYSCALL = range(1, 9)
DURATION_NS, DURATION_US, TCP_STATE, FAMILY, MAC, BYTES = 10, 11, 15, 16, 17, 18

KIND = Type(ENUM, 4, True, values=[(0, "K_NONE"), (1, "K_READ"), (2, "K_WRITE")])
EVENT = struct(
    "event",
    ("pid", u(4)),
    ("comm", chars(16)),
    ("ret", s(4)),
    ("sig", u(4)),
    ("nr", s(8)),
    ("lat_ns", u(8)),
    ("lat_us", u(8)),
    ("ok", Type(BOOL, 1)),
    ("kind", KIND),
    ("dport", u(2)),
    ("state", u(4)),
    ("family", u(2)),
    ("flags", u(4)),
    ("plain", s(4)),
    ("ratio", Type(FLOAT, 4)),
    ("args", array(u(8), 3)),
    ("mac", array(u(1), 6)),
    ("raw", array(u(1), 4)),
    ("where", struct("point", ("x", s(2)), ("y", s(2)))),
    ("path", chars(0)),
    decoders={
        "ret": ERRNO, "sig": SIGNAL, "nr": SYSCALL, "lat_ns": DURATION_NS, "lat_us": DURATION_US, "dport": PORT,
        "state": TCP_STATE, "family": FAMILY, "mac": MAC, "raw": BYTES,
    },
)  # fmt: skip
PLAN = PlanWriter().source(EVENT).to_bytes()
RECORD = (
    pack("<I16siIqQQ?i", 1234, b"sshd", -2, 9, 257, 20_000_000, 1500, True, 1)
    + pack("<HIHIif3Q", 0x5000, 1, 2, 0x241, -2, 0.1, 7, 8, 1 << 63)
    + bytes.fromhex("00163e0102ff") + bytes.fromhex("00ffa0b1") + pack("<hh", -5, 6) + b"/etc/ssh/sshd_config\0junk"
)  # fmt: skip


@pytest.mark.parametrize(
    "expression",
    [
        'pid == 1234 && comm ~ "ssh*" && ret < 0',
        "pid in {1, 2, 1000..2000}",
        "pid in 1..2000",
        "pid not in (1, 2,)",
        "pid == 0x4d2 and pid == 0b10011010010 and pid == 0o2322 and pid == 02322",
        "pid > -1 && ret < 4294967295",  # unlike C
        "pid >= 1233.5 and pid < 1.5k",
        "1000 < pid and 10 != pid",
        "ret == -ENOENT and ret == ENOENT and ret in {EPERM, ENOENT}",
        "plain == -ENOENT and plain != ENOENT",  # no decoder: a number, and a constant of C
        "sig == SIGKILL and sig ~ 'SIGK*' and sig !~ 'SIGT*' and SIGKILL == sig",
        "kind == K_READ and kind != K_WRITE and kind in {K_READ, 7}",
        "kind ~ '*READ' and kind == 1 and kind == 'K_READ'",
        "lat_ns > 10ms and lat_ns <= 20ms and lat_us == 1.5ms and lat_us in 1ms..1s",
        "ok and ok == true and ok != false and not !ok",
        "dport == 80 and dport in {22, 80, 443} and dport < 1024",
        "state == ESTABLISHED and family == AF_INET",
        "(flags & 0x40) != 0 and flags & O_CREAT and !(flags & 2) and (flags & (O_CREAT | 1)) == 0x41",
        "ratio == 0.1 and ratio > 0 and ratio",
        "args[2] == 9223372036854775808 and args[0] < args[1]",
        "mac == 00:16:3e:01:02:ff and mac == '00163e0102ff' and raw == '00ffa0b1' and raw in ('00000000', '00ffa0b1')",
        "where.x == -5 and where.x < where.y",
        'path == "/etc/ssh/sshd_config" and path ~ "/etc/*" and path ~ "*config" and path ~ "*ssh*"',
        'path ~ "*[sx]hd_?onfig"',
        'path != "/etc" and path !~ "/usr/*" and comm in ("sshd", "cron") and comm ~ "[a-s][!a-r]\\hd"',
        "pid == 1 or pid == 2 or (pid == 1234 and !(ret == 0))",
        "nr == openat or nr != openat",
        "true and not false",
        "raw[1] == 255",
    ],
)
def test_record_matches(expression: str) -> None:
    assert passes(PLAN, expression, RECORD)
    assert not passes(PLAN, f"!({expression})", RECORD)


def test_record_shorter_than_its_type_reads_as_if_zeroes_followed() -> None:
    assert passes(PLAN, 'pid == 1234 and comm == "ss" and ret == 0 and where.x == 0 and path == ""', RECORD[:6])


def test_string_without_nul_ends_with_its_array() -> None:
    plan = PlanWriter().source(struct("e", ("a", chars(4)), ("b", chars(4)))).to_bytes()

    assert passes(plan, 'a == "abcd" and a ~ "*cd" and b == "efgh" and a != b', b"abcdefgh")
    assert not passes(plan, 'a == "abcde"', b"abcdefgh")


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (rb"[\]]", b"]", True),
        (rb"[\]]", b"\\", False),
        (rb"[!\]]", b"\\", True),
        (rb"[\\]", b"\\", True),
        (rb"[\a-c]", b"b", True),
        (b"[]a]", b"]", True),
        (b"[a-]", b"-", True),
        (b"[a", b"[a", True),
    ],
)
def test_a_backslash_in_a_set_means_what_follows(pattern: bytes, text: bytes, matches: bool) -> None:
    assert bool(lib.eu_glob(pattern, len(pattern), text, len(text))) == matches


@pytest.mark.parametrize(
    ("decoder", "size", "address", "inside", "outside"),
    [
        (IP4, 4, "10.1.2.3", "10.0.0.0/8", "11.0.0.0/8"),
        (IP4, 4, "10.1.2.3", "10.1.2.3", "10.1.2.4"),
        (IP4, 4, "10.1.2.3", "0.0.0.0/0", "10.1.2.128/25"),
        (IP6, 16, "fe80::1", "fe80::/10", "fec0::/10"),
        (IP6, 16, "::ffff:10.1.2.3", "10.0.0.0/8", "10.1.2.4"),
        (IP, 16, "::ffff:10.1.2.3", "10.1.2.0/24", "11.1.2.0/24"),
        (IP, 16, "::ffff:10.1.2.3", "::ffff:10.0.0.0/104", "fe80::/10"),
        (IP, 16, "2001:db8::1", "2001:db8::/32", "32.1.13.184"),
        (IP, 16, "::1", "::1", "0.0.0.1"),
        (IP, 16, "::", "::", "::1"),
        (IP, 16, "::", "0.0.0.0", "1.0.0.0/8"),
    ],
)
def test_address_lies_in_network(decoder: int, size: int, address: str, inside: str, outside: str) -> None:
    plan = PlanWriter().source(struct("e", ("a", array(u(1), size)), decoders={"a": decoder})).to_bytes()
    record = ip_address(address).packed

    assert passes(plan, f"a in {inside}", record)
    assert passes(plan, f"a in {{192.168.0.0/16, {inside}}}", record)
    assert not passes(plan, f"a in {outside}", record)
    assert passes(plan, f"a != {outside}", record)


def test_four_bytes_and_zeroes_are_an_ip4_address() -> None:
    plan = PlanWriter().source(struct("e", ("a", array(u(1), 16)), decoders={"a": IP})).to_bytes()
    record = bytes([32, 1, 13, 184]) + bytes(12)

    assert passes(plan, "a == 32.1.13.184 and a in 32.0.0.0/8 and a == '32.1.13.184'", record)
    assert not passes(plan, "a in 2001:d00::/24", record)


def test_integer_may_be_compared_with_an_address() -> None:
    plan = PlanWriter().source(struct("e", ("saddr", u(4)))).to_bytes()

    assert passes(plan, "saddr == 127.0.0.1 and saddr == 0x0100007f", bytes([127, 0, 0, 1]))


def test_member_of_an_anonymous_union_is_the_parents() -> None:
    either = Type(UNION, 4, members=[Member("a", u(4), 0), Member("b", s(2), 0)])
    event = Type(STRUCT, 8, name="e", members=[Member("x", u(4), 0), Member("", either, 32)])

    assert passes(PlanWriter().source(event).to_bytes(), "a == 0xfffe and b == -2", pack("<II", 0, 0xFFFE))


def test_elements_beyond_a_flexible_array_are_zero() -> None:
    event = Type(STRUCT, 4, name="e", members=[Member("n", u(4), 0), Member("v", Type(ARRAY, 0, element=u(4)), 32)])
    plan = PlanWriter().source(event).to_bytes()

    assert passes(plan, "v[1] == 7 and v[2] == 0", pack("<III", 2, 1, 7))


def test_types_without_a_field_do_not_match_whether_negated_or_not() -> None:
    one, two = struct("one", ("a", u(4)), ("b", u(4))), struct("two", ("a", u(4)))
    plan = PlanWriter().source(one, two, values=(1, 2)).to_bytes()

    assert not passes(plan, "b == 0", pack("<I", 2), match=1)
    assert not passes(plan, "!(b == 0)", pack("<I", 2), match=1)
    assert passes(plan, "a == 2 || b == 0", pack("<I", 2), match=1)
    assert passes(plan, "b == 0", pack("<II", 1, 0), match=0)


def test_words_of_the_language_may_be_names_of_fields() -> None:
    plan = PlanWriter().source(struct("e", ("in", u(4)), ("not", u(4)), ("or", u(4)))).to_bytes()

    assert passes(plan, "in in {1} and not == 2 and not not in {3} and or == 3 or in > 9", pack("<III", 1, 2, 3))
    assert not passes(plan, "not in == 1", pack("<III", 1, 2, 3))


def sample_plan(key: Type, value: Type) -> bytes:
    writer = PlanWriter()
    types = writer.add(key), writer.add(value)
    writer.sources.append(pack("<IBBH6I8I", writer.string("counts"), SAMPLE, 0, 0, 0, 0, *types, 1000, 0, *[NONE] * 8))
    return writer.to_bytes()


def test_fields_of_a_sampled_map_are_those_of_key_and_value() -> None:
    plan = sample_plan(struct("key", ("pid", u(4)), ("n", u(4))), struct("value", ("n", u(8)), ("bytes", u(8))))
    key, value = pack("<II", 42, 1), pack("<QQ", 2, 3)

    assert passes(plan, "pid == 42 and n == 1 and value.n == 2 and key.n == 1 and bytes == 3", key, value)
    assert not passes(plan, "bytes > 3", key, value)


def test_scalar_key_and_value_have_names() -> None:
    plan = sample_plan(u(4), u(8))

    expression = "key == 42 and value == 5 and count > 4 and key > value"

    assert passes(plan, expression, pack("<I", 42), pack("<Q", 5))


@pytest.mark.parametrize(
    ("expression", "message", "place"),
    [
        ("pid = 3", "unknown operator `=` (did you mean ==?)", "="),
        ("pid =~ 3", "unknown operator `=~` (did you mean ~?)", "=~"),
        ("pidd == 3", "no field pidd [did you mean pid? fields: pid, comm, ret,", "pidd"),
        ("where.z == 3", "no field where.z [did you mean where.", "where.z"),
        ("args[3] == 1", "args has 3 elements, [0] to [2]", "args[3]"),
        ("where == 3", "where is a struct: name a field within it, as in where.x", "where"),
        ("args == 3", "args is an array: args[0] is its first element", "args"),
        ("comm == sshd", 'comm is a string, `sshd` is none [write "sshd"]', "sshd"),
        ("comm == 5", 'comm is a string, `5` is none [write "5"]', "5"),
        ('comm < "a"', "comm is a string: it can be compared by ==, !=, ~, !~ and in", "comm"),
        ("comm", "comm is a string: compare it with something", "comm"),
        ('pid == "x"', "pid is a number, this is a string", '"x"'),
        ('pid ~ "1*"', "pid is a number: patterns are for strings and for values with names", "pid"),
        ("kind == K_RED", "kind is never K_RED [did you mean K_READ?]", "K_RED"),
        ("sig == SIGKIL", "sig is never SIGKIL [did you mean SIGKILL?]", "SIGKIL"),
        ("pid == 10ms", "the unit of pid is not known: write the number as it is shown", "10ms"),
        ("pid == 10kb", "unknown unit `kb`", "kb"),
        ("pid == 09", "`09` is not a number", "09"),
        ("pid == 0xg", "`0xg` is not a number", "0xg"),
        ("comm == 10.0.0.1", "comm is a string, `10.0.0.1` is none", "10.0.0.1"),
        ("lat_ns == 10.0.0.1", "lat_ns is a number, this is an address", "10.0.0.1"),
        ("pid == 10.0.0.300", "`10.0.0.300` is not an address or network", "10.0.0.300"),
        ("pid == 10.0.0.0/33", "`10.0.0.0/33` is not an address or network", "10.0.0.0/33"),
        ("raw == '00ff'", "2 bytes, raw has 4", "'00ff'"),
        ("pid == 1 &&", "something is missing here", ""),
        ("pid == 1 pid == 2", "expected && or || before this", "pid"),
        ("(pid == 1", "`(` is not closed", "("),
        ("pid == 1)", "`)` closes nothing", ")"),
        ("1 < pid < 3", "comparisons do not chain; join them by &&", "<"),
        ("pid in {}", "the set is empty", "{}"),
        ("pid in {9..3}", "the range is empty", "9..3"),
        ("pid in {1 2}", "expected `,` or `}`", "2"),
        ("(pid == 1) == 2", "`==` compares fields and constants, this is a condition", "(pid == 1)"),
        ("1 == 2", "this compares constants: one side must be a field", "1 == 2"),
        ('"a"', "a constant alone is no condition", '"a"'),
        ('comm == "a', "the string does not end", '"a'),
        ("pid == 1 # 2", "unexpected character '#'", "#"),
        ("pid | 1", "`|` joins constants only; bits are tested by `field & constant`", "pid | 1"),
        ("comm & 1", "comm is a string", "comm"),
        ("lat_ns == lat_us", "lat_ns and lat_us have different units", "lat_us"),
        ("comm == pid", "comm is a string, pid is a number", "pid"),
        ("comm ~ pid", 'expected a pattern in quotes, as in "ssh*"', "pid"),
        ("", "the filter is empty", ""),
        ("(" * 200 + "pid" + ")" * 200, "nested deeper than 100", "("),
        ("!" * 200 + "ok", "nested deeper than 100", "!"),
    ],
)
def test_mistake_is_shown_at_its_place(expression: str, message: str, place: str) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(PLAN, expression)

    assert str(caught.value).startswith(message)
    assert expression[caught.value.start : caught.value.end] == place


def test_carets_stand_under_the_mistake() -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(PLAN, "pid == 1 && comm == sshd && ok")

    assert caught.value.marked == "  pid == 1 && comm == sshd && ok\n  " + " " * 20 + "^^^^"


def test_carets_stand_under_the_mistake_behind_wide_characters() -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(PLAN, 'comm == "日本" && comm == sshd')

    assert caught.value.marked.split("\n")[1] == " " * len('  comm == "____" && comm == ') + "^^^^"


def test_a_field_of_an_inner_struct_is_meant_by_its_last_name() -> None:
    inner = struct("who", ("pid", u(4)))
    plan = PlanWriter().source(struct("e", ("mid", u(4)), ("who", inner))).to_bytes()

    with pytest.raises(FilterError, match=r"no field pid \[did you mean who\.pid\?"):
        compile_filter(plan, "pid == 1")


def test_long_expression_is_shown_around_the_mistake() -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(PLAN, " || ".join(["pid == 1"] * 40 + ["sig == SIGX"]))

    shown, carets = caught.value.marked.split("\n")
    assert len(shown) < 130
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "SIGX"


def test_control_characters_of_an_expression_are_not_shown() -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(PLAN, "pid == 1 \x1b[2J")

    assert "\x1b" not in caught.value.marked + str(caught.value)


def test_wrong_use_in_one_type_is_no_mistake_where_another_has_the_field() -> None:
    plan = PlanWriter().source(struct("a", ("x", u(4))), struct("b", ("x", chars(8))), values=(1, 2)).to_bytes()

    assert passes(plan, "x == 7", pack("<I", 7), match=0)
    assert not passes(plan, "x == 7", b"7\0\0\0\0\0\0\0", match=1)
    assert passes(plan, 'x == "7"', b"7\0\0\0\0\0\0\0", match=1)


def test_set_with_many_members_is_found_whole() -> None:
    plan = PlanWriter().source(struct("e", ("x", s(8)))).to_bytes()
    members = [(i * i * 1_000_003) - 5_000_000_000 for i in range(300)]
    listed = ", ".join(map(str, members))

    assert all(passes(plan, f"x in {{{listed}}}", pack("<q", each)) for each in members[::29])
    assert not any(passes(plan, f"x in {{{listed}}}", pack("<q", each + 1)) for each in members[::29])


def test_name_of_the_lowest_byte_is_found_below_flags() -> None:
    from eunomia.btf.decoders import DECODERS

    plan = PlanWriter().source(struct("e", ("op", u(4)), decoders={"op": DECODERS["block_op"]})).to_bytes()

    for expression in ("op == WRITE", "op in {WRITE, FLUSH}", "op ~ 'WR*'", "op in {7..9, WRITE}"):
        assert passes(plan, expression, pack("<I", 0x8801))
        assert not passes(plan, expression, pack("<I", 0x8800))
    assert not passes(plan, "op == 1", pack("<I", 0x8801))


def test_flag_that_is_never_shown_alone_is_known() -> None:
    from eunomia.btf.decoders import DECODERS

    plan = PlanWriter().source(struct("e", ("flags", u(4)), decoders={"flags": DECODERS["open_flags"]})).to_bytes()

    assert passes(plan, "flags & O_CREAT and (flags & O_ACCMODE) == O_RDWR", pack("<I", 0o102))


def test_bytes_that_are_shown_as_text_are_compared_as_text() -> None:
    from eunomia.btf.decoders import DECODERS

    kind = array(u(1), 8)
    plan = PlanWriter().source(struct("e", ("name", kind), decoders={"name": DECODERS["string"]})).to_bytes()

    assert passes(plan, 'name == "eth0" and name ~ "eth*"', b"eth0\0\0\0\0")
