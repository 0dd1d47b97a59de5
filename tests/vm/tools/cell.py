"""Run one built-in tool on this kernel and say what was predicted and what came of it, as a cell of the matrix."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from vm.programs.cell import predict
from vm.tools.live import Live, Refused, Wrong
from vm.tools.table import TOOLS, targets

if TYPE_CHECKING:
    from eunomia.kernel.preflight.target import Target

Answer = dict[str, Any]


def run(name: str, kernel: Target) -> Answer:
    """Ask of a kernel whether the tool will run, run it, make it see something, and look at what it saw."""
    from eunomia import Package, builtin

    started = time.monotonic()
    answer: Answer = {"cell": name, "count": 0, "reason": ""}
    package = Package.from_bytes(builtin.read(name), name)
    answer["predicted"], answer["predicted_reason"] = predict(package, targets(name), (), kernel)
    answer["predicting"] = round(time.monotonic() - started, 3)
    lives: list[Live] = []

    def start(*options: object) -> Live:
        lives.append(Live(name, *options))
        return lives[-1]

    try:
        answer["count"] = TOOLS[name](start)
        answer["outcome"] = "fired" if answer["count"] else "attached"
    except Refused as exc:
        answer |= {"outcome": "refused", "reason": str(exc)}
    except Wrong as exc:
        answer |= {"outcome": "failed", "reason": str(exc)}
    answer["attaching"] = round(lives[-1].seconds, 3) if lives else None
    answer["seconds"] = round(time.monotonic() - started, 3)
    return answer
