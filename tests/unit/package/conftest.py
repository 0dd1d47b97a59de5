"""Packages made of the objects in tests/data."""

from __future__ import annotations

from pathlib import Path

import pytest

from eunomia.package import Package

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="session")
def torture_object() -> bytes:
    """The object with every kind of variable and member."""
    return (DATA / "torture.bpf.o").read_bytes()


@pytest.fixture
def torture(torture_object: bytes) -> Package:
    """A package of it."""
    return Package.from_object(
        torture_object, "torture.bpf.o", event_types={"rb": ["event"], "perf": ["other", "event"]}
    )
