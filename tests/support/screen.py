"""A terminal for tests: a pseudo-terminal of a given size, and what a person would see on it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from typing import Any
from unicodedata import combining, east_asian_width

_TOKEN = re.compile(r"\x1b\[(\d*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")


class Screen:
    """Draws what a program writes; no scrolling back, and an error for what it does not know.

    Attributes:
        lines: of the screen, from the top of what was written.
        overlong: lines that were wider than the terminal, as they came.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.lines = [""]
        self.overlong: list[str] = []
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        """Draw text."""
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            assert found, f"unknown control sequence: {text[at : at + 20]!r}"
            at = found.end()
            self._draw(found)

    def _draw(self, found: re.Match[str]) -> None:
        text, count = found[0], int(found[1] or 1) if found[2] else 0
        if found[2] == "A":
            self._row -= count
            assert self._row >= 0, "above the first line"
        elif found[2] == "K":
            self.lines[self._row] = self.lines[self._row][: self._column]
        elif found[2] == "J":
            self.lines[self._row :] = [self.lines[self._row][: self._column]]
        elif text == "\r":
            self._column = 0
        elif text == "\n":
            self._row += 1
            if self._row == len(self.lines):
                self.lines.append("")
        else:
            assert not found[2], f"unknown control sequence: {text!r}"
            self._put(text)

    def _put(self, text: str) -> None:
        line = self.lines[self._row].ljust(self._column)
        self._column += len(text)
        width = sum((not combining(c)) * (1 + (east_asian_width(c) in "WF")) for c in text)
        if self._column - len(text) + width > self.columns:
            self.overlong.append(text)
        self.lines[self._row] = line[: self._column - len(text)] + text + line[self._column :]


class Terminal:
    """A pseudo-terminal; `raw` grows with what is written to `fd`, or by the program that `start` starts."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self._ours, self._theirs = pty.openpty()
        self.resize(columns, rows)
        self._raw = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def fd(self) -> int:
        """What a program has as its standard output."""
        return self._theirs

    def resize(self, columns: int, rows: int) -> None:
        """Change the size that the program sees."""
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def start(self, argv: list[str], **keywords: Any) -> subprocess.Popen[bytes]:
        """Start a program with its standard output here."""
        return subprocess.Popen(argv, stdout=self._theirs, stdin=subprocess.DEVNULL, **keywords)

    @property
    def raw(self) -> str:
        """What was written so far."""
        return self._raw.decode()

    def close(self) -> None:
        """Read the rest, when the program has ended."""
        os.close(self._theirs)
        self._reader.join()
        os.close(self._ours)

    def finish(self) -> Screen:
        """Close it; return the screen."""
        self.close()
        screen = Screen(self.columns)
        screen.feed(self.raw)
        return screen

    def _read(self) -> None:
        while True:
            try:
                got = os.read(self._ours, 1 << 16)
            except OSError:  # the other end is closed
                return
            self._raw += got
