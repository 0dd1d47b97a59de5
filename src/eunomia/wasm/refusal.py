"""What the verifier said last, for the line about an object that does not load. Imported only when one did not."""

from __future__ import annotations

from eunomia.kernel.failure import BEGIN, END

LINES = 5


def last_words(log: str) -> list[str]:
    """Return the verifier's last lines, without its statistics; of a failure without the verifier, libbpf's last."""
    if BEGIN in log or END in log:
        said = log.rpartition(BEGIN)[2].partition(END)[0].splitlines()
        lines = [line.rstrip() for line in said if line.strip() and not _is_statistics(line)]
    else:
        lines = [line.rstrip() for line in log.splitlines() if line.startswith("libbpf: ")]
    return lines[-LINES:]


def _is_statistics(line: str) -> bool:
    return line.startswith(("processed ", "verification time", "stack depth", "mark_precise: "))
