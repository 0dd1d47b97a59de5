"""A service that runs every Wasm guest of a folder, each in its sandbox, and starts those again that fail.

python service.py FOLDER

A guest that is put into the folder while it runs is started, one that is removed is stopped. What a guest may do beyond
observing stands in NAME.policy beside it, one rule a line (`prog-type=xdp`), which the service's owner writes, not the
guest's author.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from eunomia.errors import EunomiaError
from eunomia.wasm import Guest, Policy

MEMORY, FUEL = 64 << 20, 10_000_000_000  # bytes; instructions between two waits
MOST_FAILURES, PAUSE = 3, 0.5  # then it is given up; seconds, doubled with each
GOOD = ("returned", "exited")


def say(line: str) -> None:
    """Write a line; threads do not mix theirs."""
    os.write(1, (line + "\n").encode())


class PlugIn(threading.Thread):
    """One guest, started as often as it may fail."""

    def __init__(self, path: Path) -> None:
        super().__init__(name=path.stem)
        self.path = path
        self._stopping = threading.Event()

    def run(self) -> None:
        """Run the guest until it ends well, has failed too often, or is stopped."""
        for failures in range(1, MOST_FAILURES + 1):
            why = self._once()
            if not why:
                return
            if failures == MOST_FAILURES:
                say(f"service: {self.name}: {why}; given up")
            else:
                say(f"service: {self.name}: {why}; started again")
                self._stopping.wait(PAUSE * 2**failures)

    def stop(self) -> None:
        """Ask the guest to end; join() waits for it."""
        self._stopping.set()

    def _once(self) -> str:
        """Run it to its end; return why that is bad, "" where it is not."""
        reading, writing = os.pipe()
        reader = threading.Thread(target=self._tell, args=(reading,))
        reader.start()
        try:
            with Guest.open(self.path).run(
                policy=self._policy(), memory=MEMORY, fuel=FUEL, stdout=writing, stderr=writing
            ) as run:
                while run.wait(0.1) is None and not self._stopping.is_set():
                    pass
                run.stop()
        except (EunomiaError, OSError) as exc:
            return str(exc)
        finally:
            os.close(writing)  # the reader sees the end
            reader.join()
        if self._stopping.is_set() or (run.ending in GOOD and run.exit_code == 0):
            return ""
        return f"{run.ending}: {run.failures[-1]}" if run.failures else f"{run.ending} with {run.exit_code}"

    def _policy(self) -> Policy:
        rules = self.path.with_suffix(".policy")
        return Policy(rules.read_text().split() if rules.exists() else [])

    def _tell(self, descriptor: int) -> None:
        with open(descriptor, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                say(f"{self.name}: {line.rstrip()}")


def main(folder: Path) -> None:
    """Keep to what is in the folder until SIGINT or SIGTERM."""
    ending = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())
    running: dict[Path, PlugIn] = {}
    while not ending.wait(0.2):
        there = set(folder.glob("*.wasm"))
        for path in sorted(there - running.keys()):
            say(f"service: {path.stem}: started")
            running[path] = PlugIn(path)
            running[path].start()
        for path in running.keys() - there:
            say(f"service: {path.stem}: stopped")
            running.pop(path).stop()
    for each in running.values():
        each.stop()
    for each in running.values():
        each.join()
    say("service: all stopped")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
