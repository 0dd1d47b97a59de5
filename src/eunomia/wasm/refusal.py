"""Why an object of a guest does not load, and what the verifier said last. Imported only when one did not."""

from __future__ import annotations

import re

from eunomia._native import lib
from eunomia.kernel.failure import BEGIN, END, last_words, verifier_failure

LINES = 5


def explain(line: str, log: str) -> tuple[str, list[str]]:
    """Return the line about a failure, and the last lines of the verifier where it was the verifier's.

    Args:
        line: what the core says of it.
        log: what libbpf said.
    """
    if BEGIN not in log and END not in log:
        words = last_words(log)
        known = line.partition(": unknown error")[0]  # libbpf's own numbers
        return f"{known}: {words}" if words and words not in line else line, []
    said = log.rpartition(BEGIN)[2].partition(END)[0].splitlines()
    last = [each.rstrip() for each in said if each.strip() and not _is_statistics(each)][-LINES:]
    found = re.findall(r"^libbpf: prog '([^']+)'", log, re.M)
    if found:
        line = str(verifier_failure(found[-1], log, lib.eu_errno()))
    return line, last


def _is_statistics(line: str) -> bool:
    return line.startswith(("processed ", "verification time", "stack depth", "mark_precise: "))
