"""Compile a source, run it, and iterate its events: sudo python examples/python/events.py"""

from __future__ import annotations

import os
from pathlib import Path

import eunomia


def main() -> None:
    """Print the signals that this process sends to itself."""
    package = eunomia.compile(Path(__file__).with_name("kills.bpf.c"))
    with package.load({"only": os.getpid()}) as obj:
        obj.attach()
        with obj.events("kills", timeout=5, max_events=3) as stream:
            for number in (0, 0, 0):
                os.kill(os.getpid(), number)
            for event in stream:
                print(f"{event.comm} ({event.pid}) sent signal {event.sig} to {event.target}")


if __name__ == "__main__":
    main()
