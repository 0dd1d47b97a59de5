"""How long each part of a start took: a line with `-v`, or where ECLI_TIMES is set."""

from __future__ import annotations

import os
import sys
import time


class Clock:
    """Parts of a start, one behind the other."""

    __slots__ = ("_last", "begun", "parts")

    def __init__(self) -> None:
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        self.begun = _process_start(now)
        self.parts = [("start", now - self.begun)]
        self._last = now

    def mark(self, part: str) -> None:
        """Note that a part has ended now. One that comes again is added to."""
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        for index, (name, seconds) in enumerate(self.parts):
            if name == part:
                self.parts[index] = (name, seconds + now - self._last)
                break
        else:
            self.parts.append((part, now - self._last))
        self._last = now

    def tell(self, program: str) -> None:
        """Write the line."""
        from eunomia.cli.report import clean

        parts = ", ".join(f"{name} {seconds * 1000:.1f}" for name, seconds in self.parts)
        line = f"ecli: {clean(program)}: {(self._last - self.begun) * 1000:.0f} ms: {parts} (ms)\n"
        try:
            sys.stderr.write(line)
            sys.stderr.flush()
        except OSError:
            pass  # nobody is left to be told


def _process_start(now: float) -> float:
    """When this process began, on the clock since boot: to a tick of the kernel's, which is 10 ms."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return now
    return min(now, ticks / os.sysconf("SC_CLK_TCK"))
