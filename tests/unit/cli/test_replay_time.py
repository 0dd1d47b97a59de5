"""Moments of a recording, as `--from` and `--to` take them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from eunomia.cli.replay_time import parse_moment

STARTED = "2026-11-21T23:59:00.500000Z"
BEGAN = int(datetime(2026, 11, 21, 23, 59, tzinfo=UTC).timestamp()) * 10**9 + 500_000_000


@pytest.fixture(autouse=True)
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is nine hours ahead: 08:59:00 of the 22nd."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("0", 0.0),
        ("90", 90.0),
        ("+1.5", 1.5),
        ("200ms", 0.2),
        ("2m", 120.0),
        ("09:00:00", 59.5),
        ("09:00:00.25", 59.75),
        ("08:30:00", -1740.5),
        ("20:58:00", 11 * 3600 + 59 * 60 - 0.5),
        ("22:00:00", -11 * 3600 + 59.5),
        ("2026-11-22T00:00:00Z", 59.5),
        ("2026-11-22T09:00:00", 59.5),
        ("2026-11-21 23:59:00.5+00:00", 0.0),
    ],
)
def test_a_moment_is_wall_clock(text: str, after: float) -> None:
    assert parse_moment(text, STARTED) == BEGAN + round(after * 10**9)


@pytest.mark.parametrize("text", ["", "x", "12:77", "-5", "1e400", "2026-13-01T00:00:00"])
def test_what_is_no_moment_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time|is not a time"):
        parse_moment(text, STARTED)


def test_a_recording_that_does_not_say_when_it_began_has_absolute_times_only() -> None:
    assert parse_moment("2026-11-22T00:00:00Z", "?") == BEGAN + 59_500_000_000
    with pytest.raises(ValueError, match="does not say when it began"):
        parse_moment("5", "?")
