"""What programs take: run time and runs while the kernel measures them."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from eunomia._native import check, lib
from eunomia.kernel.facts import ProgramFacts
from eunomia.life.survey import survey


@dataclass(frozen=True, slots=True)
class Rate:
    """What one program took. `share` is of one CPU, 1.0 all of it; `mean_ns` of one run."""

    seconds: float
    runs: float
    mean_ns: float
    share: float


def measure(seconds: float) -> dict[int, Rate]:
    """Have the kernel measure programs for a time (BPF_ENABLE_STATS), and return what each took, by its id.

    Raises:
        PermissionError: CAP_SYS_ADMIN is missing.
        OSError: the kernel has no such statistics (5.8+).
    """
    fd = check(lib.eu_measure(), "measure programs")
    try:
        before, start = _programs(), time.monotonic()
        time.sleep(seconds)
        after, took = _programs(), time.monotonic() - start
    finally:
        os.close(fd)
    return {number: _rate(before[number], after[number], took) for number in before.keys() & after.keys()}


def _programs() -> dict[int, ProgramFacts]:
    return {number: program for found in survey().found for number, program in found.programs.items()}


def _rate(before: ProgramFacts, after: ProgramFacts, seconds: float) -> Rate:
    runs, ns = after.run_count - before.run_count, after.run_time_ns - before.run_time_ns
    return Rate(seconds, runs / seconds, ns / runs if runs else 0.0, ns / 1e9 / seconds)
