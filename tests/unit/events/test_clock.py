"""Kernel time stamps become wall clock, by both clocks that eBPF programs read."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from struct import pack

import pytest
from plans import PlanWriter, render, struct, u

from eunomia.btf.decoders import DECODERS

CLOCKS = [("ktime_ns", time.CLOCK_MONOTONIC), ("boottime_ns", time.CLOCK_BOOTTIME)]


@pytest.mark.parametrize(("decoder", "clock"), CLOCKS)
@pytest.mark.parametrize("ago", [0, 3600])
def test_a_time_stamp_is_shown_as_wall_clock(decoder: str, clock: int, ago: int) -> None:
    plan = PlanWriter().source(struct("event", ("at", u(8)), decoders={"at": DECODERS[decoder]})).to_bytes()
    before = time.time()
    stamp = time.clock_gettime_ns(clock) - ago * 10**9
    after = time.time()

    shown = json.loads(render(plan, pack("<Q", stamp)))["at"]
    at = datetime.fromisoformat(shown)
    assert at.tzinfo == UTC
    assert before - ago - 0.001 <= at.timestamp() <= after - ago + 0.001
