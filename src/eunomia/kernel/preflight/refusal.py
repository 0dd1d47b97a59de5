"""The verifier's log of a refusal, read: the line that says why, the instruction, the registers, the usual mistake."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from eunomia._native import lib
from eunomia.kernel.preflight import mistakes, words

if TYPE_CHECKING:
    from eunomia.kernel.preflight.mistakes import Mistake

# the verifier's closing statistics, and its notes about what it did well
_NOISE = re.compile(
    r"^(processed \d+ insns|verification time|stack depth|peak_states|max_states|-- |arg#\d+ reference type|"
    r"func#\d+ @|libbpf: |last_idx |$)"
)
_HEADING = re.compile(r"[A-Z][a-z ]*:$")
_INSN = re.compile(r"^(\d+): \([0-9a-f]{2}\) ")
# source, states of registers, the search for what a value depends on
_BESIDE = (
    "; ", "R", "from ", "last_idx", "regs=", "mark_precise", "parent ", "Caller", "cur state", "old state", "callee",
    "caller", "frame", "propagating", "safe", "fp-", "to caller", "returning from",
)  # fmt: skip


class Refusal(NamedTuple):
    """What a log says.

    Attributes:
        reason: the line that says why. before: all telling lines up to it. insn: the instruction that is meant.
        states: what is known of registers, by their numbers. mistake: the usual one that this is.
        explanation: the kernel's own, "" where it gives none (7.3 and newer do).
    """

    reason: str
    before: list[str]
    insn: int
    states: dict[str, str]
    mistake: Mistake | None
    explanation: str = ""


def read(log: str) -> Refusal:
    """Read the verifier's log of one program."""
    kept, explanation = _without_report(log.splitlines())
    lines = [line.strip() for line in kept]
    telling = [line for line in lines if not _NOISE.match(line)]
    reason, at = _reason(telling)
    before = telling[: at + 1]
    insn = next((int(found[1]) for line in reversed(before) if (found := _INSN.match(line))), 0)
    if named := re.search(r"(?:unreachable|detected at) insn (\d+)", reason):
        insn = int(named[1])
    known = words.states(before)
    mistake = mistakes.of_null(reason, known, before) or mistakes.recognise(reason, "\n".join(telling[-12:]))
    mistake = mistakes.of_privileges(reason, mistake, lib.eu_capabilities())
    return Refusal(reason, before, insn, known, mistake, explanation)


def _without_report(lines: list[str]) -> tuple[list[str], str]:
    """Return a log without the report that newer kernels put into it, and the reason that stands there.

    Source: Linux 7.3: `Verification failed: …`, then indented paragraphs (`Reason:`, `At:`, `Causal path:`, …).
    """
    begin = next((at for at, line in enumerate(lines) if line.startswith("Verification failed: ")), None)
    if begin is None:
        return lines, ""
    end = begin + 1
    while end < len(lines) and (not lines[end] or lines[end].startswith("  ") or _HEADING.match(lines[end])):
        end += 1
    report = lines[begin:end]
    start = report.index("Reason:") + 1 if "Reason:" in report else len(report)
    words_of = []
    for line in report[start:]:
        if not line.startswith("  "):
            break
        words_of.append(line.strip())
    return [*lines[:begin], *lines[end:]], " ".join(words_of)


def _reason(telling: list[str]) -> tuple[str, int]:
    """Return the line that says why, and its place: the last one that is neither source, nor instruction, nor state."""
    for at in range(len(telling) - 1, -1, -1):
        line = telling[at]
        if not _INSN.match(line) and not re.match(r"\d+: ", line) and not line.startswith(_BESIDE):
            return line, at
        if re.match(r"R\d+ (?!=)[^=]*[a-z!]", line) and not re.match(r"R\d+(_\w+)?=", line):
            return line, at
    return (telling[-1], len(telling) - 1) if telling else ("", -1)
