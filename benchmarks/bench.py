"""Measure eunomia against hand-written C on libbpf, bcc and bpftrace, and write the table of docs/performance.md.

Everything is a ratio of medians from one run on one machine, both sides in turn. Nothing here is a test: a slow
machine fails nobody.

    python benchmarks/bench.py [--quick] [--only CASE,CASE] [--no-write]
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import cases
import control_cases
import event_cases
import flood_cases
import guest_cases
from measure import lines
from sides import ROOT, Sides, private_mounts, work_folder

PAGE = ROOT / "docs/performance.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def machine() -> str:
    """Return one paragraph on the machine that measures."""
    cpu = next(
        (
            line.partition(": ")[2]
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "?",
    )
    memory = next(
        line.split()[1] for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal")
    )
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} x {cpu}, {int(memory) // 1048576} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load average {load:.1f} before the run"
    )


def main() -> int:
    """Run the cases and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under a minute, with more noise")
    parser.add_argument(
        "--only",
        default="",
        help="comma-separated cases: start,backlog,filter,flood,latency,soak,idle,compile,import,python,guest,control,"
        "wheel",
    )
    parser.add_argument("--no-write", action="store_true", help="print the table, leave docs/performance.md alone")
    arguments = parser.parse_args()
    if os.geteuid():
        print("bench: needs root: loads BPF programs", file=sys.stderr)
        return 1
    quick = arguments.quick
    about = machine()
    private_mounts()
    sides = Sides(work_folder())
    begun = time.monotonic()
    many, few, records = (7, 3, 200_000) if quick else (25, 7, 400_000)
    table: dict[str, Callable[[], list[cases.Row]]] = {
        "start": lambda: cases.start(sides, many),
        "backlog": lambda: cases.backlog(sides, few, records),
        "flood": lambda: flood_cases.flooded(sides, few, 2 * records),
        "filter": lambda: event_cases.filtering(sides, few, records),
        "soak": lambda: event_cases.soak(sides, (9 if quick else 180) * 1_000_000),
        "latency": lambda: flood_cases.latency(sides, 300 if quick else 1000),
        "idle": lambda: cases.idle(sides, 3 if quick else 10),
        "compile": lambda: cases.compiling(sides, few),
        "import": lambda: cases.importing(sides, many),
        "python": lambda: cases.python_api(sides, records),
        "guest": lambda: guest_cases.guests(sides, few, 2 * records),
        "control": lambda: control_cases.control(sides, 5 if quick else 25),
        "wheel": lambda: cases.wheel(sides),
    }
    wanted = [name for name in arguments.only.split(",") if name] or list(table)
    rows = [cases.HEAD]
    failed = 0
    try:
        sides.build()
        for name in wanted:
            try:
                rows += table[name]()
            except (RuntimeError, OSError, ValueError) as error:
                failed = 1
                print(f"bench: {name}: {error}", file=sys.stderr)
    finally:
        shutil.rmtree(sides.work, ignore_errors=True)
    report = (
        f"Measured {datetime.now(UTC):%Y-%m-%d} by `make bench`{' (quick)' if quick else ''} "
        f"in {time.monotonic() - begun:.0f} s on "
        f"{about}. Medians ± median absolute deviation.\n\n{lines(rows)}"
    )
    print(report)
    if not arguments.no_write and not failed and len(wanted) == len(table):
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{report}\n{END}{rest.partition(END)[2]}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
