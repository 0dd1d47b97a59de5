"""What becomes of a package on the running kernel: attached for a while, its programs' runs counted."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from eunomia._native import ffi, lib

if TYPE_CHECKING:
    from typing import Any

    from eunomia.kernel.object import Object
    from eunomia.package.model import Package

_STEP = 0.05
_MAX_REASON = 300


def entry(package: Package, outcome: str, reason: str) -> dict[str, Any]:
    """Return an entry of evidence about this kernel, as of today (UTC)."""
    from eunomia.package.arches import machine
    from eunomia.package.evidence import digest

    return {
        "kernel": os.uname().release,
        "arch": machine(),
        "outcome": outcome,
        "reason": reason[:_MAX_REASON],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "object": digest(package),
    }


def watch(live: Object, seconds: float) -> tuple[str, str]:
    """Wait until every attached program of an object has run, for some seconds at most; return (outcome, reason).

    The kernel counts the runs while it is asked to (BPF_ENABLE_STATS, Linux 5.8, CAP_SYS_ADMIN). Iterators run by being
    read.
    """
    attached = [program for program in live.programs.values() if program.attached]
    if not attached:
        return "attached", "it has no program to attach"
    counting = lib.eu_measure()
    if counting < 0:
        return "attached", f"whether they run was not counted: {os.strerror(-counting).lower()}"
    try:
        end = time.monotonic() + seconds
        while True:
            for program in attached:
                if program.section.startswith("iter"):
                    with program.iterate() as text:
                        text.read()
            silent = [program.name for program in attached if not _runs(program.fd)]
            if not silent or time.monotonic() >= end:
                break
            time.sleep(_STEP)
    finally:
        os.close(counting)
    ran = len(attached) - len(silent)
    said = f"{ran} of {len(attached)} programs ran"
    left_out = sorted({*live.skipped, *live.passed_over})
    if silent:
        said += f", not {', '.join(silent)}"
    if left_out:
        said += f"; left out: {', '.join(left_out)}"
    return ("fired" if ran else "attached"), said


def _runs(fd: int) -> int:
    facts = ffi.new("struct eu_program_facts *")
    return int(facts.run_count) if lib.eu_program_facts(fd, facts) >= 0 else 0
