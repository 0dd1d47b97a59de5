"""When a request is sent again, and how long is waited before: bounded, whatever the server asks for."""

from __future__ import annotations

import random
import time

STATUSES = (429, 500, 502, 503, 504)
TRIES = 5
MAX_WAIT = 30.0  # seconds that a server may make us wait, and that all waits of a request may last together
FIRST_WAIT = 0.25
PROGRESS = 64 << 10  # bytes of a blob that make a cut download worth going on with


class Patience:
    """What is left of the tries and the time for one request."""

    __slots__ = ("_tries", "_waited")

    def __init__(self) -> None:
        self._tries = 1
        self._waited = 0.0

    def wait(self, retry_after: str = "") -> bool:
        """Wait before the next try; False at once where there is none."""
        seconds = asked(retry_after)
        if seconds < 0:
            seconds = FIRST_WAIT * 2 ** (self._tries - 1) * random.uniform(0.75, 1.25)
        if self._tries >= TRIES or self._waited + seconds > MAX_WAIT:
            return False
        self._tries += 1
        self._waited += seconds
        time.sleep(seconds)
        return True


def asked(retry_after: str) -> float:
    """Return the seconds of a Retry-After header, a number or a date; -1 for none that is understood."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    if not text:
        return -1.0
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError, IndexError):
        return -1.0
