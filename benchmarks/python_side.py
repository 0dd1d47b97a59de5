"""The Python side of the `python` case: python_side.py PACKAGE PID RECORDS.
Prints `attached`, waits for a line while the ring fills, then prints the nanoseconds of one typed event from the
iterator and of one entry of a large hash map from items().
"""

from __future__ import annotations

import sys
import time

from eunomia import Package

ENTRIES = 1_000_000


def main() -> None:
    """Measure both and print two numbers."""
    path, pid, records = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    package = Package.open(path)
    with package.load({"target_pid": pid}) as obj:
        obj.attach()
        events = obj.events("events")
        print("attached", flush=True)
        sys.stdin.readline()
        start = time.perf_counter_ns()
        seen = 0
        for event in events:
            seen += event.sig == 0  # one field is read, as a program would
            if seen == records:
                break
        event_ns = (time.perf_counter_ns() - start) / records
    print(event_ns, map_entry_ns())


def map_entry_ns() -> float:
    """Read all entries of the hash map of table.bpf.c, filled through the API."""
    import os

    package = Package.open(os.path.join(os.path.dirname(sys.argv[1]), "table.json"))
    with package.load() as obj:
        table = obj.maps["table"]
        table.update((key, key) for key in range(ENTRIES))
        start = time.perf_counter_ns()
        read = sum(1 for _ in table.items())
        assert read == ENTRIES
        return (time.perf_counter_ns() - start) / ENTRIES


main()
