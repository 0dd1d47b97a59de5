"""Take events in batches, as NumPy arrays: sudo python examples/python/batches.py"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy

import eunomia


def main() -> None:
    """Count signals by number, and show how long it took from one to the next."""
    package = eunomia.compile(Path(__file__).with_name("kills.bpf.c"))
    with package.load({"only": os.getpid()}) as obj:
        obj.attach()
        with obj.events("kills", timeout=0.1) as stream:
            for number in [0, 0, 0, signal.SIGURG] * 500:
                os.kill(os.getpid(), number)
            arrays = [batch.to_numpy() for batch in stream.batches()]
    events = numpy.concatenate(arrays)
    for number, count in zip(*numpy.unique(events["sig"], return_counts=True), strict=True):
        print(f"signal {number}: {count} times")
    gaps = numpy.diff(events["ts"])
    print(f"{len(events)} events, half of them within {numpy.median(gaps) / 1e3:.1f} us of the one before")


if __name__ == "__main__":
    main()
