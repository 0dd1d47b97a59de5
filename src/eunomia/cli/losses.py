"""What a run lost or could not decode: one line on standard error, and lines with the key `$eunomia` in JSON."""

from __future__ import annotations

import contextlib
import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values
    from eunomia.events.account import Account

OUTPUT_CLOSED = 4


def tell(accounts: list[Account], values: Values, out: int, ending: int) -> int:
    """Write what was lost and return how many events that is.

    Args:
        accounts: of the sources that lost something or had records that are too short for their type.
        values: of ecli run's options.
        out: where events went.
        ending: how the loop ended; nothing is written to an output that was closed.
    """
    parts = []
    lines = []
    for each in accounts:
        for cause, count in each.lost.items():
            parts.append(f"{each.map} lost {count} ({cause})")
            lines.append({"lost": {"map": each.map, "count": count, "cause": cause}})
    delivered = sum(each.delivered for each in accounts)
    lost = sum(sum(each.lost.values()) for each in accounts)
    hint = " [a larger buffer: --perf-pages N, --ring-size SIZE]" if lost else ""
    with contextlib.suppress(OSError):  # the exit code still tells
        sys.stderr.write(f"ecli: events: {', '.join(parts)}, beside {delivered} delivered{hint}\n")
    if values["json"] and not values["compat"] and ending != OUTPUT_CLOSED:
        text = "".join(json.dumps({"$eunomia": line}, separators=(",", ":")) + "\n" for line in lines)
        write_all(out, text.encode())
    return lost


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of data; a closed pipe is an end like any other."""
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except BrokenPipeError:
        pass
