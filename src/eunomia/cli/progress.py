"""One line on a terminal's standard error for a download that takes long: how much of it is there, how fast."""

from __future__ import annotations

import os
import sys
import time

from eunomia.cli.report import clean

AFTER = 0.5  # seconds; what is faster needs no line
EACH = 0.1
BAR = 24
UNITS = ("B", "kB", "MB", "GB")


class _Shown:
    """The download that is shown, since when, and when the line was written."""

    __slots__ = ("begun", "is_there", "label", "written")

    def __init__(self) -> None:
        self.label = ""
        self.begun = self.written = 0.0
        self.is_there = False


_shown = _Shown()


def show(label: str, done: int, total: int) -> None:
    """Show how far a download is, after half a second, ten times a second.

    Args:
        label: what is downloaded.
        done: bytes that are here.
        total: bytes that it has; -1 where nobody knows.
    """
    now = time.monotonic()
    if label != _shown.label or not _shown.begun:
        _shown.label, _shown.begun = label, now
    if now - _shown.begun < AFTER or (now - _shown.written < EACH and done != total):
        return
    _shown.written, _shown.is_there = now, True
    _write("\r" + line(label, done, total, now - _shown.begun, _columns()) + "\x1b[K")


def end() -> None:
    """Take the line off the screen."""
    if _shown.is_there:
        _write("\r\x1b[K")
    _shown.is_there, _shown.label, _shown.begun = False, "", 0.0


def line(label: str, done: int, total: int, seconds: float, columns: int) -> str:
    """Return the line, no wider than the terminal."""
    speed = f"{size(int(done / seconds))}/s" if seconds > 0 else ""
    if total > 0:
        full = min(BAR, BAR * done // total)
        facts = f" [{'#' * full}{'.' * (BAR - full)}] {min(100, 100 * done // total):3}% of {size(total)} {speed}"
    else:
        facts = f" {size(done)} {speed}"
    room = columns - 1 - len(facts)
    shown = clean(label)
    if len(shown) > room > 1:
        shown = "…" + shown[len(shown) - room + 1 :]
    return (shown[: max(room, 0)] + facts)[: columns - 1]


def size(count: int) -> str:
    """Return a number of bytes as people read it: `9 B`, `1.2 MB`."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {UNITS[unit]}" if unit == 0 or value >= 99.95 else f"{value:.1f} {UNITS[unit]}"


def _columns() -> int:
    try:
        return max(20, os.get_terminal_size(2).columns or 80)  # a terminal without a size says 0
    except OSError:
        return 80


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        pass  # the terminal is gone
