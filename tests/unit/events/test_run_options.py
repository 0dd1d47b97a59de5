"""Options of a run that no loop could follow are refused where they are given."""

from __future__ import annotations

from typing import Any

import pytest

from eunomia.events.run import RunOptions


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"drill_loss": 1.5}, "drill_loss 1.5: expected a share from 0 to 1"),
        ({"drill_loss": float("nan")}, "drill_loss nan: expected a share from 0 to 1"),
        ({"rate_limit": -1}, "cannot be negative"),
        ({"sample": -3}, "cannot be negative"),
        ({"rotate_keep": -1}, "cannot be negative"),
        ({"duration": -1}, "cannot be negative"),
        ({"queue": 1 << 30}, "queue 1073741824: at most 268435456 bytes"),
        ({"format": "xml"}, "format 'xml': expected one of text, json, raw, folded, csv"),
    ],
)
def test_an_impossible_option_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        RunOptions(**options)


def test_options_reach_the_core_as_they_are() -> None:
    keep: list[Any] = []

    made = RunOptions(sample=10, rate_limit=0.5, drill_loss=0.01, queue=4096, rotate_size=7, rotate_keep=2).to_c(keep)

    assert (made.sample, made.rate_limit, made.drill_loss) == (10, 0.5, 0.01)
    assert (made.queue, made.rotate_size, made.rotate_keep) == (4096, 7, 2)
