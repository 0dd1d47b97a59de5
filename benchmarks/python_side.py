"""The Python side of the `python` case: python_side.py PACKAGE PID RECORDS.

Prints `attached` and, once a line says that the ring is full, lines `NAME NANOSECONDS`: of CPU that one event costs as
iterator, in NumPy and in Arrow, and one entry of a large hash map.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy
import pyarrow

from eunomia import Package
from eunomia.events.run import Run, RunOptions

ENTRIES = 1_000_000


def iterate(stream: Any, records: int) -> None:
    """Read one field of each event, as a program would."""
    seen = 0
    for event in stream:
        seen += event.sig >= 0
        if seen == records:
            return


def take(stream: Any, records: int, convert: Callable[[Any], Any]) -> None:
    """Take all records in batches and convert each."""
    seen = 0
    for batch in stream.batches():
        made = convert(batch)
        assert isinstance(made, numpy.ndarray | pyarrow.RecordBatch)
        seen += len(made)
        if seen == records:
            return


def main() -> None:
    """Measure each way on a ring that was filled before."""
    path, pid, records = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    ways: dict[str, Callable[[Any], None]] = {
        "iterator": lambda stream: iterate(stream, records),
        "numpy": lambda stream: take(stream, records, lambda batch: batch.to_numpy()),
        "arrow": lambda stream: take(stream, records, lambda batch: batch.to_arrow()),
    }
    with Package.open(path).load(options={"target_pid": pid}) as obj:
        obj.attach()
        with obj.events("events") as stream:
            print("attached", flush=True)
            for name, way in ways.items():
                for turn in ("warm", "timed"):  # the first brings memory and code in
                    sys.stdin.readline()
                    start = time.process_time_ns()
                    way(stream)
                    if turn == "timed":
                        print(name, (time.process_time_ns() - start) / records, flush=True)
                    else:
                        print("warm 0", flush=True)
    maps()


def maps() -> None:
    """Read all entries of the hash map of table.bpf.c, filled through the API."""
    package = Package.open(os.path.join(os.path.dirname(sys.argv[1]), "table.json"))
    with package.load() as obj:
        table = obj.maps["table"]
        table.update((key, key) for key in range(ENTRIES))
        for name, read in (
            ("items", lambda: sum(1 for _ in table.items())),
            ("map_numpy", lambda: len(table.to_numpy())),
            ("map_arrow", lambda: len(table.to_arrow())),
        ):
            start = time.process_time_ns()
            assert read() == ENTRIES
            print(name, (time.process_time_ns() - start) / ENTRIES, flush=True)
        for form in ("text", "json"):
            with open(os.devnull, "w") as null:
                options = RunOptions(format=form, out_fd=null.fileno(), duration=0.001, hold=True)
                with Run(obj, package.plan(), options) as run:
                    run.loop()
                    start = time.process_time_ns()
                    run.finish()
                    print(f"map_{form}", (time.process_time_ns() - start) / ENTRIES, flush=True)


main()
