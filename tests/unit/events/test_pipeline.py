"""What becomes of records on their way: rate limits, sampling, filters, drills."""

from __future__ import annotations

from struct import pack

import pytest
from plans import PlanWriter, struct, u
from recordings import replay

PLAN = PlanWriter().source(struct("e", ("n", u(4)))).to_bytes()
RECORDS = [(0, number / 10, pack("<I", number)) for number in range(30)]


@pytest.mark.parametrize(
    ("limit", "delivered"), [(0.5, 2), (2, 6), (10, 30), (1e6, 30), (1e19, 30), (1e300, 30), (float("inf"), 30)]
)
def test_each_second_has_its_share_of_a_rate_limit(limit: float, delivered: int) -> None:
    account = replay(PLAN, RECORDS, format="json", rate_limit=limit)[1][0]

    assert (account.delivered, account.lost) == (delivered, {"rate limit": 30 - delivered} if delivered < 30 else {})


def test_every_record_is_counted_once_whatever_becomes_of_it() -> None:
    account = replay(PLAN, RECORDS, format="json", sample=3, rate_limit=2, drill_loss=0.25)[1][0]

    assert account.produced == 30 == account.delivered + sum(account.lost.values())
    assert set(account.lost) == {"sampled out", "rate limit", "drill"}
