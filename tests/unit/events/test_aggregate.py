"""Events counted by their fields: every count, sum and bucket against Python's own."""

from __future__ import annotations

import json
import re
from collections import Counter
from struct import pack
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import ENUM, FLOAT, INT, STRUCT, UINT, Member, PlanWriter, Type, array, chars, reading, s, struct, u
from recordings import replay, replayed

from eunomia._native import lib, text
from eunomia.events.run import RunOptions

SIGNAL, DURATION_US = 6, 11
STATE = Type(ENUM, 4, values=[(0, "idle"), (1, "busy")])
EVENT = struct(
    "event",
    ("pid", u(4)),
    ("comm", chars(16)),
    ("sig", s(4)),
    ("lat", s(8)),
    ("state", STATE),
    decoders={"sig": SIGNAL},
)
PLAN = PlanWriter().source(EVENT).to_bytes()


def event(pid: int = 1, comm: bytes = b"sh", sig: int = 15, lat: int = 0, state: int = 0) -> bytes:
    return pack("<I16siqI", pid, comm, sig, lat, state)


def rows(plan: bytes, records: list[bytes], **options: Any) -> list[dict[str, Any]]:
    """What JSON has of records of the first source, all at one time."""
    text = replayed(plan, [(0, 0.0, record) for record in records], format="json", **options)
    return [json.loads(line) for line in text.splitlines()]


def table(plan: bytes, records: list[bytes], **options: Any) -> list[list[str]]:
    """What text has: the words of each line."""
    text = replayed(plan, [(0, 0.0, record) for record in records], **options)
    return [line.split() for line in text.splitlines()]


def test_events_are_counted_by_their_fields_and_shown_as_the_view_shows_them() -> None:
    records = [event(sig=15)] * 3 + [event(comm=b"zsh", sig=9)] * 5 + [event(sig=9)]

    text = replayed(PLAN, [(0, 0.0, record) for record in records], count_by=["comm", "sig"])

    assert text == ("COMM  SIG      COUNT\nzsh   SIGKILL      5\nsh    SIGTERM      3\nsh    SIGKILL      1\n")


def test_json_and_csv_have_a_line_for_each_row() -> None:
    records = [event(comm=b'a"b,c', state=1), event(comm=b"x", state=7), event(comm=b"x", state=7)]

    assert rows(PLAN, records, count_by=["comm", "state"]) == [
        {"comm": "x", "state": 7, "count": 2},
        {"comm": 'a"b,c', "state": "busy", "count": 1},
    ]
    text = replayed(PLAN, [(0, 0.0, record) for record in records], count_by=["comm", "state"], format="csv")
    assert text == 'comm,state,count\nx,7,2\n"a""b,c",busy,1\n'


def test_what_lies_behind_the_nul_of_a_string_does_not_tell_keys_apart() -> None:
    records = [event(comm=b"sh\0leftover"), event(comm=b"sh\0other"), event(comm=b"sh")]

    assert rows(PLAN, records, count_by=["comm"]) == [{"comm": "sh", "count": 3}]


def test_rows_of_equal_count_stand_by_their_keys() -> None:
    records = [event(pid=pid) for pid in (30, 4, 200)]

    assert [row["pid"] for row in rows(PLAN, records, count_by=["pid"])] == [4, 30, 200]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("pid", [30, 20, 10]),
        ("+pid", [10, 20, 30]),
        ("count", [20, 10, 30]),
        ("+count", [30, 10, 20]),
        ("sum", [30, 10, 20]),
        ("min", [30, 10, 20]),
        ("max", [30, 10, 20]),
        ("+mean", [20, 10, 30]),
    ],
)
def test_rows_are_sorted_by_any_column(sort: str, expected: list[int]) -> None:
    records = [event(pid=10, lat=5), event(pid=10, lat=6), *[event(pid=20, lat=1)] * 3, event(pid=30, lat=100)]

    assert [row["pid"] for row in rows(PLAN, records, count_by=["pid"], hist=["lat"], sort=[sort])] == expected


def test_top_shows_the_first_rows_and_how_many_more_there_are() -> None:
    records = [event(pid=pid) for pid in range(20) for _ in range(pid + 1)]

    assert table(PLAN, records, count_by=["pid"], top=2) == [
        ["PID", "COUNT"],
        ["19", "20"],
        ["18", "19"],
        ["and", "18", "more"],
    ]


def test_a_histogram_has_a_bucket_of_zero_and_powers_of_two() -> None:
    records = [event(lat=value) for value in (0, 0, 1, 2, 3, 4, 7, 8, 1000)]

    [row] = rows(PLAN, records, hist=["lat"])
    assert row["count"] == 9
    assert (row["sum"], row["min"], row["max"]) == (1025, 0, 1000)
    assert row["mean"] == pytest.approx(1025 / 9)
    assert row["buckets"] == [
        {"le": 0, "count": 2},
        {"le": 1, "count": 1},
        {"le": 3, "count": 2},
        {"le": 7, "count": 2},
        {"le": 15, "count": 1},
        {"le": 31, "count": 0},
        {"le": 63, "count": 0},
        {"le": 127, "count": 0},
        {"le": 255, "count": 0},
        {"le": 511, "count": 0},
        {"le": 1023, "count": 1},
    ]


def test_a_histogram_looks_as_those_of_sampled_maps_from_the_first_value_on() -> None:
    records = [event(comm=b"a", lat=value) for value in (0, 1, 2, 3, 3)] + [event(comm=b"b", lat=5)]

    text = replayed(PLAN, [(0, 0.0, record) for record in records], count_by=["comm"], hist=["lat"])

    assert text == (
        "comm = a\n"
        "     lat                 : count    distribution\n"
        "         0 -> 1          : 2        |**************************              |\n"
        "         2 -> 3          : 3        |****************************************|\n"
        "count 5, sum 9, min 0, max 3, mean 1.80, p50 ~2, p99 ~3\n"
        "\n"
        "comm = b\n"
        "     lat                 : count    distribution\n"
        "         4 -> 7          : 1        |****************************************|\n"
        "count 1, sum 5, min 5, max 5, mean 5.00, p50 ~5, p99 ~5\n"
        "\n"
    )


def test_negative_values_have_buckets_of_their_own() -> None:
    records = [event(lat=value) for value in (-1, -5, -8, 0, 3)]

    text = replayed(PLAN, [(0, 0.0, record) for record in records], hist=["lat"])
    assert [line.split(":")[0].strip() for line in text.splitlines()[1:-2]] == [
        "-15 -> -8",
        "-7 -> -4",
        "-3 -> -2",
        "-1 -> -1",
        "0 -> 1",
        "2 -> 3",
    ]
    [row] = rows(PLAN, records, hist=["lat"])
    assert (row["sum"], row["min"], row["max"]) == (-11, -8, 3)
    assert [(b["le"], b["count"]) for b in row["buckets"]] == [
        (-8, 1),
        (-4, 1),
        (-2, 0),
        (-1, 1),
        (0, 1),
        (1, 0),
        (3, 1),
    ]


def test_a_sum_beyond_64_bits_is_true() -> None:
    plan = PlanWriter().source(struct("big", ("v", u(8)))).to_bytes()

    [row] = rows(plan, [pack("<Q", 2**64 - 1)] * 5, hist=["v"])
    assert row["sum"] == 5 * (2**64 - 1)
    assert row["max"] == 2**64 - 1
    assert row["buckets"] == [{"le": 2**64 - 1, "count": 5}]
    [row] = rows(plan, [pack("<Q", 2**64 - 1)] * 5, hist=["v"], big_ints=True)
    assert row["sum"] == str(5 * (2**64 - 1))


def test_floats_have_statistics_and_what_is_no_number_is_counted_apart() -> None:
    plan = PlanWriter().source(struct("f", ("v", Type(FLOAT, 8)))).to_bytes()

    [row] = rows(plan, [pack("<d", value) for value in (0.5, 2.25, -3.0, float("nan"))], hist=["v"])
    assert (row["count"], row["nan"]) == (4, 1)
    assert (row["sum"], row["min"], row["max"]) == (-0.25, -3.0, 2.25)
    assert sum(bucket["count"] for bucket in row["buckets"]) == 3


def test_percentiles_are_within_their_bucket() -> None:
    values = list(range(1, 1001))

    [row] = rows(PLAN, [event(lat=value) for value in values], hist=["lat"])
    assert 256 <= row["p50"] <= 511
    assert 512 <= row["p99"] <= 1000


def test_durations_name_the_unit_of_their_histogram() -> None:
    plan = PlanWriter().source(struct("e", ("v", u(8)), decoders={"v": DURATION_US})).to_bytes()

    text = replayed(plan, [(0, 0.0, pack("<Q", 3))], hist=["v"])
    assert text.splitlines()[0] == "     usecs               : count    distribution"


def test_records_of_several_types_with_the_fields_share_rows() -> None:
    small = struct("small", ("pid", u(2)), ("comm", chars(4)))
    large = struct("large", ("comm", chars(16)), ("x", u(8)), ("pid", s(4)))
    plan = PlanWriter().source(small).source(large).source(struct("none", ("y", u(4)))).to_bytes()
    records = [(0, 0.0, pack("<H4s", 7, b"abcd")), (1, 0.0, pack("<16sQi", b"abcd", 0, 7)), (2, 0.0, pack("<I", 7))]

    text, accounts = replay(plan, records, count_by=["pid", "comm"], format="json")
    assert [json.loads(line) for line in text.splitlines()] == [{"pid": 7, "comm": "abcd", "count": 2}]
    assert [(one.delivered, one.filtered) for one in accounts] == [(1, 0), (1, 0), (0, 1)]


def test_fields_that_mean_other_things_do_not_share_rows() -> None:
    signal = struct("signal", ("what", s(4)), decoders={"what": SIGNAL})
    plan = PlanWriter().source(signal).source(struct("plain", ("what", s(4)))).to_bytes()

    text = replayed(plan, [(0, 0.0, pack("<i", 9)), (1, 0.0, pack("<i", 9))], count_by=["what"], format="json")
    assert [json.loads(line)["what"] for line in text.splitlines()] == ["SIGKILL", 9]


def test_bit_fields_nested_members_and_arrays_are_keys() -> None:
    flags = Type(STRUCT, 4, name="flags")
    flags.members = [Member("low", Type(UINT, 4), 0, 3), Member("high", Type(INT, 4), 3, 5)]
    plan = PlanWriter().source(struct("e", ("f", flags), ("args", array(u(2), 3)))).to_bytes()
    record = pack("<I3H", 5 | (-3 & 31) << 3, 10, 20, 30)

    paths = ["f.low", "f.high", "args[1]", "args", "f"]
    assert rows(plan, [record], count_by=paths) == [
        {"f.low": 5, "f.high": -3, "args[1]": 20, "args": [10, 20, 30], "f": {"low": 5, "high": -3}, "count": 1}
    ]


def test_padding_does_not_tell_structs_apart() -> None:
    inner = Type(STRUCT, 8, name="inner", members=[Member("a", Type(UINT, 1), 0), Member("b", Type(UINT, 4), 32)])
    plan = PlanWriter().source(struct("e", ("i", inner))).to_bytes()

    assert rows(plan, [b"\1\xaa\xbb\xcc\2\0\0\0", b"\1\0\0\0\2\0\0\0"], count_by=["i"]) == [
        {"i": {"a": 1, "b": 2}, "count": 2}
    ]


def test_an_array_to_the_records_end_is_a_key_up_to_its_length() -> None:
    plan = PlanWriter().source(struct("e", ("n", u(2)), ("rest", array(u(2), 0)))).to_bytes()
    records = [pack("<H", 1), pack("<HH", 1, 2), pack("<HH", 1, 2), pack("<HHH", 1, 2, 0)]

    counted = Counter({json.dumps(row["rest"]): row["count"] for row in rows(plan, records, count_by=["rest"])})
    assert counted == {"[]": 1, "[2]": 2, "[2, 0]": 1}
    assert rows(plan, records, count_by=["rest[1]"]) == [{"rest[1]": 0, "count": 1}]


def test_a_record_that_stops_within_its_last_member_reads_as_zeroes() -> None:
    plan = PlanWriter().source(struct("e", ("n", u(4)), ("name", chars(32)))).to_bytes()

    assert rows(plan, [pack("<I", 1) + b"ab"], count_by=["name", "n"]) == [{"name": "ab", "n": 1, "count": 1}]


def test_a_field_called_count_does_not_hide_the_count() -> None:
    plan = PlanWriter().source(struct("e", ("count", u(4)))).to_bytes()

    assert rows(plan, [pack("<I", 5)] * 2, count_by=["count"]) == [{"count": 5, "_count": 2}]


def test_a_field_called_ts_keeps_its_name_beside_the_time() -> None:
    plan = PlanWriter().source(struct("e", ("ts", u(4)))).to_bytes()
    records = [(0, 0.0, pack("<I", 5))]

    assert set(json.loads(replayed(plan, records, count_by=["ts"], format="json", time="iso"))) == {
        "_ts",
        "ts",
        "count",
    }
    assert replayed(plan, records, count_by=["ts"], format="csv", time="age").splitlines()[0] == "_ts,ts,count"


def test_the_largest_events_of_each_second() -> None:
    records = [(0, at / 10, event(pid=at, lat=(at * 7) % 31)) for at in range(20)]

    text = replayed(PLAN, records, sort=["lat"], top=3, format="json", time="none")
    lats = [json.loads(line)["lat"] for line in text.splitlines()]
    first, second = ([(at * 7) % 31 for at in part] for part in (range(10), range(10, 20)))
    assert lats == sorted(first, reverse=True)[:3] + sorted(second, reverse=True)[:3]


def test_the_smallest_events_and_of_equal_ones_the_first() -> None:
    records = [event(pid=pid, lat=pid % 3) for pid in range(9)]

    assert [(row["pid"], row["lat"]) for row in rows(PLAN, records, sort=["+lat"], top=4)] == [
        (0, 0),
        (3, 0),
        (6, 0),
        (1, 1),
    ]


def test_text_of_the_largest_events_has_their_fields() -> None:
    assert table(PLAN, [event(pid=1, lat=4), event(pid=2, lat=9), event(pid=3, lat=-5)], sort=["lat"], top=2) == [
        ["PID", "COMM", "SIG", "LAT", "STATE"],
        ["2", "sh", "SIGTERM", "9", "idle"],
        ["1", "sh", "SIGTERM", "4", "idle"],
    ]


def test_intervals_add_up_unless_cleared() -> None:
    records = [(0, at, event(pid=1)) for at in (0.0, 0.1, 1.5, 2.5, 2.6)]

    together = replayed(PLAN, records, count_by=["pid"], interval=1, format="json")
    apart = replayed(PLAN, records, count_by=["pid"], interval=1, format="json", clear=True)
    assert [json.loads(line)["count"] for line in together.splitlines()] == [2, 3, 5]
    assert [json.loads(line)["count"] for line in apart.splitlines()] == [2, 1, 2]


def test_keys_beyond_the_limit_are_counted_in_one_row_that_says_so() -> None:
    records = [event(pid=pid) for pid in range(100_100)]

    lines = rows(PLAN, records, count_by=["pid"])
    assert lines.pop() == {"$eunomia": {"other": {"count": 100, "keys": 100_000}}}
    assert lines == [{"pid": pid, "count": 1} for pid in range(100_000)]
    assert table(PLAN, records, count_by=["pid"], top=1)[-2:] == [["(other)", "100"], ["and", "99999", "more"]]


def test_statistics_of_all_keys_stay_below_64_mib() -> None:
    [first, line] = rows(PLAN, [event(pid=pid, lat=2) for pid in range(70_000)], count_by=["pid"], hist=["lat"], top=1)

    other = line["$eunomia"]["other"]
    assert first["pid"] == 0
    assert 50_000 < other["keys"] < (64 << 20) / 1000
    assert other["keys"] + other["count"] == 70_000
    assert other["sum"] == 2 * other["count"]


def test_a_key_that_is_too_long_is_counted_with_the_others() -> None:
    plan = PlanWriter().source(struct("e", ("n", u(4)), ("rest", array(u(1), 0)))).to_bytes()

    [line] = rows(plan, [bytes(5000)], count_by=["rest"])
    assert line["$eunomia"]["other"]["count"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count_by": ["nosuch"]}, "--count-by: no field nosuch [fields: pid, comm, sig, lat, state]"),
        ({"hist": ["comm"]}, "--hist: field comm is no number of at most 64 bits"),
        ({"hist": ["pid", "lat"]}, "--hist: more than one field"),
        ({"count_by": ["pid"], "sort": ["sum"]}, "--sort: no column sum [columns: pid, count]"),
        ({"count_by": ["pid"], "sort": ["pid", "count"]}, "--sort: more than one field"),
        ({"count_by": ["pid"], "compat": True}, "--compat: the first system counts nothing"),
        ({"count_by": ["pid"], "fields": ["comm"]}, "--fields: of events, not of what is counted"),
        ({"count_by": ["pid"], "format": "raw"}, "--format raw: what is counted has no such form [text, json or csv]"),
        ({"sort": ["comm"], "top": 1}, "--sort: field comm is no number of at most 64 bits"),
        (
            {"top": 5},
            "or of the events in which one is largest [add --count-by FIELDS, or --sort FIELD]",
        ),
        (
            {"sort": ["pid"]},
            "[add --count-by FIELDS, or --top N for the events in which the field is largest]",
        ),
    ],
)
def test_what_cannot_be_counted_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OSError, match=re.escape(message)):
        replayed(PLAN, [], **options)


def test_a_field_larger_than_a_key_is_refused() -> None:
    plan = PlanWriter().source(struct("e", ("big", array(u(8), 1000)))).to_bytes()

    with pytest.raises(OSError, match="--count-by: field big takes 8000 bytes, a key has room for 4096"):
        replayed(plan, [], count_by=["big"])


def test_fields_that_no_record_has_together_are_refused() -> None:
    plan = PlanWriter().source(struct("a", ("x", u(4)))).source(struct("b", ("y", u(4)))).to_bytes()

    with pytest.raises(OSError, match="--count-by: no event has all of these fields"):
        replayed(plan, [], count_by=["x", "y"])


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([b"a", b"bb", b"a\0b", b"", b"\xff\xfe", b"0123456789abcdef"]),
        st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_counts_sums_and_buckets_are_those_of_python(drawn: list[tuple[int, bytes, int]]) -> None:
    found = rows(
        PLAN, [event(pid=pid, comm=comm, lat=lat) for pid, comm, lat in drawn], count_by=["pid", "comm"], hist=["lat"]
    )

    groups: dict[tuple[int, bytes], list[int]] = {}
    for pid, comm, lat in drawn:
        groups.setdefault((pid, comm.split(b"\0")[0]), []).append(lat)
    by_key = {(row["pid"], row["comm"]): row for row in found}
    assert len(found) == len(by_key) == len(groups)
    for (pid, comm), lats in groups.items():
        row = by_key[pid, comm.decode(errors="replace")]
        assert (row["count"], row["sum"], row["min"], row["max"]) == (len(lats), sum(lats), min(lats), max(lats))
        counted = Counter((abs(lat).bit_length(), lat < 0) for lat in lats)
        expected = {-(1 << size - 1) if low else (1 << size) - 1: count for (size, low), count in counted.items()}
        assert {bucket["le"]: bucket["count"] for bucket in row["buckets"] if bucket["count"]} == expected
    counts = [row["count"] for row in found]
    assert counts == sorted(counts, reverse=True)


def test_amounts_of_time_are_shown_as_such_in_tables_and_as_numbers_elsewhere() -> None:
    plan = PlanWriter().source(struct("e", ("v", u(8)), decoders={"v": DURATION_US})).to_bytes()
    records = [(0, 0.0, pack("<Q", value)) for value in (1500, 2500)]

    shown = " ".join(replayed(plan, records, hist=["v"], top=1).split())
    assert shown == "COUNT SUM MIN MAX MEAN ~P50 ~P99 2 4.000ms 1.500ms 2.500ms 2.000ms 2.047ms 2.491ms"
    text = replayed(plan, records, hist=["v"], format="csv")
    assert text.splitlines()[1].startswith("2,4000,1500,2500,")


def test_ports_are_ordered_as_they_are_shown() -> None:
    plan = PlanWriter().source(struct("e", ("port", u(2)), decoders={"port": 5})).to_bytes()
    records = [pack(">H", port) for port in (443, 80, 8080, 53)]

    ports = [443, 80, 8080, 53]
    assert [row["port"] for row in rows(plan, records, count_by=["port"], sort=["port"])] == sorted(ports, reverse=True)
    assert [row["port"] for row in rows(plan, records, sort=["+port"], top=2)] == [53, 80]


def test_raw_values_are_counted_by_number() -> None:
    assert rows(PLAN, [event(sig=9)], count_by=["sig"], raw_values=True) == [{"sig": 9, "count": 1}]


def refusal(plan: PlanWriter, **options: Any) -> str:
    """What is said about these options before anything is loaded, "" for nothing."""
    keep: list[Any] = []
    with reading(plan.to_bytes()) as read:
        return text(lib.eu_error()) if lib.eu_aggregate_check(read, RunOptions(**options).to_c(keep)) else ""


PAIR = struct("pair", ("pid", u(4)), ("comm", chars(16)))
HISTOGRAM = 1


def test_tables_of_maps_can_be_sorted_by_what_they_have() -> None:
    table = PlanWriter().table(PAIR, u(8))

    for sort in ("pid", "+comm", "count", "value", "key.pid"):
        assert refusal(table, top=5, sort=[sort]) == ""
    assert refusal(table, top=5) == ""
    assert refusal(table, sort=["cpu"], per_cpu=True) == ""
    assert refusal(table, sort=["nosuch"]).startswith("--sort: no field nosuch [")
    assert "there are no events" in refusal(table, count_by=["pid"])
    assert "there are no events" in refusal(table, hist=["pid"])


def test_what_has_no_rows_cannot_be_sorted() -> None:
    histograms = PlanWriter().table(u(4), array(u(4), 8), HISTOGRAM)

    assert refusal(histograms, top=5) == "--top: the maps of this tool are shown as histograms, which have no rows"
    assert (
        refusal(histograms, sort=["key"]) == "--sort: the maps of this tool are shown as histograms, which have no rows"
    )


def test_of_events_and_tables_the_field_says_which_are_sorted() -> None:
    both = PlanWriter().source(EVENT).table(PAIR, u(8))

    assert refusal(both, top=5, sort=["lat"]) == ""
    assert refusal(both, top=5, sort=["count"]) == ""  # the table's: events are written as they come
    assert refusal(both, top=5) == ""
    assert refusal(both, sort=["lat"]).startswith("--sort: lat is no field of a sampled map")
    assert refusal(both, top=5, sort=["nosuch"]).startswith("--sort: no field nosuch [")
