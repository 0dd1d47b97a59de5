"""How long is waited: what a server asks for, within bounds."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from eunomia.registry.retry import Patience, asked


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), (" 0 ", 0.0), ("", -1.0), ("soon", -1.0), ("-5", -1.0), ("9" * 400, 999999999999.0), ("１", -1.0)],
)
def test_seconds_of_a_header(header: str, seconds: float) -> None:
    assert asked(header) == seconds


def test_dates_are_understood() -> None:
    assert 50 < asked(formatdate(time.time() + 60, usegmt=True)) <= 60
    assert asked(formatdate(time.time() - 60, usegmt=True)) == 0.0


def test_patience_ends_at_once_where_too_much_is_asked_for() -> None:
    began = time.monotonic()

    assert not Patience().wait("31")
    assert time.monotonic() - began < 1


def test_patience_has_few_tries() -> None:
    patience = Patience()

    assert [patience.wait("0") for _ in range(6)] == [True, True, True, True, False, False]
