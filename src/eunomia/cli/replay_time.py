"""Moments of a recording as people write them: seconds into it, a time of day, a date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from eunomia.cli.convert import parse_seconds


def parse_moment(text: str, started: str) -> int:
    """Return wall clock in nanoseconds since 1970.

    Args:
        text: `90`, `1.5s`, `2m` (into the recording), `14:03:20` (local time, the one nearest to the beginning),
            `2026-11-21T14:03:20Z` (without a zone: local time).
        started: when the recording began, ISO 8601.

    Raises:
        ValueError: it is none of these.
    """
    if ":" not in text and "-" not in text:
        seconds = 0.0 if text in {"0", "+0", "0s"} else parse_seconds(text.removeprefix("+"))
        return _nanoseconds(_begin(started)) + int(seconds * 1e9)
    try:
        found = datetime.fromisoformat(text if "T" in text or "-" in text else f"2000-01-01T{text}")
    except ValueError:
        raise ValueError(f"{text!r} is no time, as in 90, 14:03:20 or 2026-11-21T14:03:20Z") from None
    if "-" not in text:  # a time of day
        begin = _begin(started).astimezone()
        found = datetime.combine(begin.date(), found.time())
        apart = found.astimezone() - begin
        if abs(apart) > timedelta(hours=12):
            found += timedelta(days=1 if apart < timedelta() else -1)
    return _nanoseconds(found.astimezone())


def _begin(started: str) -> datetime:
    try:
        found = datetime.fromisoformat(started)
    except ValueError:
        raise ValueError(f"the recording does not say when it began (found {started!r})") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _nanoseconds(moment: datetime) -> int:
    passed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (passed.days * 86400 + passed.seconds) * 1_000_000_000 + passed.microseconds * 1000
