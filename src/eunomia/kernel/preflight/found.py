"""Whether an attach target is there."""

from __future__ import annotations

from typing import NamedTuple

from eunomia.kernel.preflight.report import Status


class Found(NamedTuple):
    """Whether an attach target is there: what was found, what to do, the first kernel that has its kind."""

    status: Status
    detail: str = ""
    advice: str = ""
    since: str = ""


OPEN = "boot with lockdown=integrity or none"  # what helps a kernel that is locked down for confidentiality
