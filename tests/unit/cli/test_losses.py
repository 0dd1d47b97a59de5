"""The line about the events at the end of a run: short where all is well, else an equation that holds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunomia._native import ffi
from eunomia.cli.losses import exit_line, lost_unasked
from eunomia.events.account import KINDS, Account

RING_FULL, MAP_FULL, UNDECODABLE, SAMPLED_OUT, RATE_LIMIT, DRILL = 0, 1, 3, 6, 7, 8


def account(
    kind: str = "ring", map: str = "events", known: bool = True, lost: dict[int, int] | None = None, **counts: int
) -> Account:
    counted = ffi.new("struct eu_account *")
    name = ffi.new("char[]", map.encode())
    counted.map, counted.kind, counted.known = name, KINDS.index(kind), known
    for cause, count in (lost or {}).items():
        counted.lost[cause] = count
    for word, count in counts.items():
        setattr(counted, word, count)
    counted.produced = sum(counts.values()) + sum((lost or {}).values())
    return Account(counted)


@pytest.mark.parametrize(
    ("accounts", "line"),
    [
        ([account(delivered=153)], "153 delivered, none lost"),
        ([account()], "0 delivered, none lost"),
        (
            [account(delivered=612, lost={RING_FULL: 388})],
            "produced 1000 = delivered 612 + lost 388 (ring full 388)",
        ),
        (
            [account(delivered=5, filtered=10, discarded=2)],
            "produced 17 = delivered 5 + filtered 10 + discarded 2, none lost",
        ),
        (
            [account(delivered=1, filtered=2, pending=3, lost={RING_FULL: 4, UNDECODABLE: 5})],
            "produced 15 = delivered 1 + filtered 2 + pending 3 + lost 9 (ring full 4, undecodable 5)",
        ),
        ([account(delivered=7, known=False)], "7 delivered, lost unknown (package without accounting)"),
        (
            [account(delivered=7, filtered=2, known=False)],
            "delivered 7 + filtered 2, lost unknown (package without accounting)",
        ),
        (
            [account("perf", delivered=7, lost={RING_FULL: 3}, known=False)],
            "delivered 7 + lost 3 or more (perf buffer full 3; package without accounting)",
        ),
        ([account(delivered=3), account("perf", "other", delivered=4)], "7 delivered, none lost"),
        (
            [account(delivered=3), account("perf", "other", delivered=4, lost={RING_FULL: 1})],
            "events: 3 delivered, none lost; other: produced 5 = delivered 4 + lost 1 (perf buffer full 1)",
        ),
        (
            [account(delivered=3), account(map="other", delivered=4, known=False)],
            "events: 3 delivered, none lost; other: 4 delivered, lost unknown (package without accounting)",
        ),
        ([account("sample", "counts", delivered=3)], ""),
        ([account("sample", "counts", delivered=3, lost={MAP_FULL: 9})], "lost 9 (map full 9)"),
        (
            [account(delivered=3), account("map", "starts\x1b[2J", lost={MAP_FULL: 9})],
            "events: 3 delivered, none lost; starts\\x1b[2J: lost 9 (map full 9)",
        ),
    ],
)
def test_a_line_says_what_became_of_the_events(accounts: list[Account], line: str) -> None:
    assert exit_line(accounts) == line


@given(st.tuples(*[st.integers(0, 2**40)] * 4), st.dictionaries(st.integers(0, 8), st.integers(1, 2**40)))
def test_the_numbers_of_a_line_add_up(counts: tuple[int, ...], lost: dict[int, int]) -> None:
    words = dict(zip(("delivered", "filtered", "discarded", "pending"), counts, strict=True))

    line = exit_line([account(lost=lost, **words)])

    produced, _, terms = line.partition(" = ")
    causes = re.search(r"lost (\d+) \((.*)\)", terms)
    if not terms:
        assert line == f"{counts[0]} delivered, none lost"
        return
    assert int(produced.split()[1]) == sum(int(n) for n in re.findall(r"[a-z] (\d+)", re.sub(r"\(.*\)", "", terms)))
    if causes:
        assert int(causes[1]) == sum(int(part.rsplit(" ", 1)[1]) for part in causes[2].split(", "))


def test_what_was_asked_for_is_no_loss_that_fails_a_run() -> None:
    accounts = [
        account(lost={SAMPLED_OUT: 5, RATE_LIMIT: 6, DRILL: 7, UNDECODABLE: 8}),
        account("map", lost={MAP_FULL: 100}),
        account(known=False),
    ]

    assert lost_unasked(accounts) == 115
