"""Tables that are redrawn in place, as they look on a terminal."""

from __future__ import annotations

from struct import pack
from typing import Any

from plans import PlanWriter, chars, struct, u
from recordings import recorded

from eunomia.events.recording import Recording, Replay
from eunomia.events.run import RunOptions
from support.screen import Screen, Terminal

PLAN = PlanWriter().source(struct("event", ("comm", chars(24)), ("lat", u(4)))).to_bytes()


def event(comm: str = "sh", lat: int = 0) -> bytes:
    return pack("<24sI", comm.encode(), lat)


def drawn(
    records: list[tuple[int, float, bytes]],
    columns: int = 40,
    rows: int = 24,
    **options: Any,
) -> tuple[str, Screen]:
    """Replay records onto a terminal: what was written, and what is seen."""
    terminal = Terminal(columns, rows)
    chosen = RunOptions(out_fd=terminal.fd, live=True, **options)
    with (
        recorded(PLAN, records) as file,
        Recording(file.fileno(), "test") as recording,
        Replay(recording, chosen) as run,
    ):
        run.loop()
    screen = terminal.finish()
    return terminal.raw, screen


def test_each_table_takes_the_place_of_the_last_one() -> None:
    records = [
        (0, at, event(comm)) for at, comm in ((0, "a"), (0.5, "b"), (1.5, "b"), (2.5, "c"), (2.6, "c"), (2.7, "c"))
    ]

    raw, screen = drawn(records, count_by=["comm"], top=2)

    assert screen.lines == ["6 events, 3 rows", "COMM  COUNT", "c         3", "b         2", "and 1 more", ""]
    assert raw.count("\r\x1b[") == 2  # three tables
    assert "\x1b[2J" not in raw


def test_a_shorter_table_leaves_nothing_of_the_longer_one() -> None:
    records = [(0, 0.0, event(comm)) for comm in ("a-long-name", "b", "c")] + [(0, 1.5, event("d"))]

    _, screen = drawn(records, count_by=["comm"], top=5, clear=True)

    assert screen.lines == ["1 event, 1 row", "COMM  COUNT", "d         1", ""]


def test_lines_are_cut_at_the_terminals_width_in_columns_not_bytes() -> None:
    records = [(0, 0.0, event("日本語日本語")), (0, 0.0, event("éééééééééééé")), (0, 0.0, event("abcdefghijklmnop"))]

    _, screen = drawn(records, columns=9, count_by=["comm"], top=5)

    assert screen.overlong == []
    assert [line.split()[0] for line in screen.lines[2:5]] == ["abcdefghi", "ééééééééé", "日本語日"]


def test_a_table_is_never_longer_than_the_terminal() -> None:
    records = [(0, at, event(str(comm))) for at in (0.0, 1.5) for comm in range(100)]

    raw, screen = drawn(records, rows=10, count_by=["comm"], top=50)

    assert len(screen.lines) <= 10
    assert screen.lines[-2] == "and 95 more"
    assert "\x1b[2J" not in raw


def test_the_largest_events_are_redrawn_too() -> None:
    records = [(0, at, event(lat=lat)) for at, lat in ((0, 5), (0.2, 9), (0.4, 7), (1.5, 1))]

    _, screen = drawn(records, sort=["lat"], top=2, clear=False)

    assert screen.lines == [
        "4 events",
        "COMM                     LAT",
        "sh                       9",
        "sh                       7",
        "",
    ]


def test_control_characters_of_a_name_do_not_reach_the_terminal() -> None:
    raw, screen = drawn([(0, 0.0, event("\x1b[2J\x07"))], count_by=["comm"], top=1)

    assert "\x07" not in raw
    assert screen.lines[2].split() == ["\\x1b[2J\\x07", "1"]


def test_json_is_never_redrawn() -> None:
    raw, _ = drawn([(0, 0.0, event()), (0, 1.5, event())], count_by=["comm"], top=1, format="json")

    assert "\x1b" not in raw
