"""The wake-up protocol: nobody sleeps while a record waits (the long run: native/tests/wakeup.py)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def stress(root: Path) -> Any:
    """`stress(work, events, seconds, kill_ms)` of native/tests/wakeup.py."""
    spec = importlib.util.spec_from_file_location("wakeup", root / "native/tests/wakeup.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.stress


@pytest.mark.parametrize("kill_ms", [0, 50], ids=["one reader", "readers killed and replaced"])
def test_lone_events_with_random_gaps_are_all_read_in_time(stress: Any, tmp_path: Path, kill_ms: int) -> None:
    counted = stress(tmp_path, 1_000_000, 3.0, kill_ms)

    assert counted["produced"] > 10_000
    assert counted["counted"] == counted["produced"]
    assert counted["lost"] == 0
    assert counted["stuck"] == 0
    assert counted["kept"]["over_1000_ms"] == 0  # half a millisecond on an idle machine; tests run on busy ones
    assert (counted["readers_killed"] > 0) == (kill_ms > 0)
