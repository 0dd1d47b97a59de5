"""Accounts as Python and JSON show them: what nobody counted is never zero."""

from __future__ import annotations

from typing import Any

from eunomia._native import ffi, lib, text
from eunomia.events.account import Account

RING, PERF, SAMPLE, MAP = range(1, 5)
NAME = ffi.new("char[]", b"events")
CAUSES = [
    "ring full",
    "map full",
    "stack collision",
    "undecodable",
    "queue full",
    "sink failed",
    "sampled out",
    "rate limit",
    "drill",
    "not read",
    "guest failed",
]


def account(kind: int = RING, lost: dict[int, int] | None = None, **counts: int) -> Account:
    counted: Any = ffi.new("struct eu_account *", {"map": NAME, "kind": kind, **counts})
    for cause, count in (lost or {}).items():
        counted.lost[cause] = count
    return Account(counted)


def test_causes_have_the_words_of_the_reference() -> None:
    assert [text(lib.eu_cause_name(cause, RING)) for cause in range(len(CAUSES))] == CAUSES
    assert len(ffi.new("struct eu_account *").lost) == len(CAUSES)
    assert text(lib.eu_cause_name(0, PERF)) == "perf buffer full"
    assert [text(lib.eu_cause_name(cause, RING)) for cause in (-1, len(CAUSES))] == ["?", "?"]


def test_known_account_has_all_its_numbers() -> None:
    one = account(known=1, produced=10, delivered=4, filtered=1, discarded=1, pending=1, lost={0: 2, 3: 1})

    assert one.lost == {"ring full": 2, "undecodable": 1}
    assert one.nr_lost == 3
    assert one.to_dict() == {
        "map": "events",
        "kind": "ring",
        "known": True,
        "produced": 10,
        "delivered": 4,
        "filtered": 1,
        "discarded": 1,
        "pending": 1,
        "lost": {"ring full": 2, "undecodable": 1},
    }
    assert repr(one) == (
        "<Account events: 10 produced, 4 delivered, 1 filtered, 1 discarded, 1 pending, 2 lost (ring full), "
        "1 lost (undecodable)>"
    )


def test_unknown_account_says_none_where_nobody_counted() -> None:
    told = account(produced=4, delivered=4).to_dict()

    assert (told["known"], told["produced"], told["pending"]) == (False, None, None)
    assert told["lost"] == {"ring full": None}
    assert (told["delivered"], told["discarded"]) == (4, 0)


def test_unknown_account_keeps_what_was_counted_elsewhere() -> None:
    assert account(PERF, lost={0: 7}).to_dict()["lost"] == {"perf buffer full": 7}
    assert account(SAMPLE).to_dict()["lost"] == {"map full": None}
    assert account(MAP, lost={1: 3}).to_dict()["lost"] == {"map full": 3}
    assert "produced unknown" in repr(account())
    assert repr(account()).endswith("more lost unknown (package without accounting)>")


def test_unknown_account_says_why() -> None:
    whys = ["package without accounting", "a call learns its map at run time", "more was read than counted"]

    assert [account(why=why).why for why in range(3)] == whys
    assert account(why=3).why == "the recording was cut short"
    assert account(known=1, why=2).why == ""
