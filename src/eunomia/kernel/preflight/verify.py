"""What the verifier says of each program of a package, by loading them one at a time."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from eunomia._native import lib
from eunomia.errors import EunomiaError, LoadError
from eunomia.kernel.object import Object
from eunomia.kernel.preflight import mistakes, words
from eunomia.kernel.preflight.code import Code
from eunomia.kernel.preflight.report import Verified

if TYPE_CHECKING:
    from eunomia.kernel.preflight.report import Report
    from eunomia.package.model import Package

STATISTICS = 4  # BPF_LOG_STATS
BEGIN, END = "-- BEGIN PROG LOAD LOG --", "-- END PROG LOAD LOG --"
_NOISE = re.compile(r"^(processed \d+ insns|verification time|stack depth|peak_states|max_states|-- |arg#|func#\d+ @|libbpf: |$)")
_INSN = re.compile(r"^(\d+): \([0-9a-f]{2}\) ")
_SOURCE = re.compile(r"^; (.*?)(?: @ (\S+):(\d+))?$")


def verify(package: Package, report: Report) -> None:
    """Load each program of a package alone, and write down what the verifier says; nothing stays loaded.

    Optional programs that it refuses are no failure of the report.
    """
    settings = package.settings()
    listed = {each["name"]: each for each in package.meta["bpf_skel"].get("progs") or ()}
    names = [each.name for each in package.types.programs if each.autoload]
    for name in names:
        one, failure = _one(package, name, settings)
        if one is not None:
            report.verified.append(one)
        if failure and not report.failure and listed.get(name, {}).get("optional") is not True:
            report.failure = failure


def _one(package: Package, name: str, settings: object) -> tuple[Verified | None, str]:
    """Return what became of one program, and the one line of its failure."""
    statistics = _load(package, name, settings, STATISTICS)
    if isinstance(statistics, str):
        return _accepted(name, statistics), ""
    failure = _load(package, name, settings, 0)  # again, for the log with the states of registers
    if isinstance(failure, str):
        return _accepted(name, ""), ""
    log = failure.log if isinstance(failure, LoadError) else ""
    if BEGIN not in log:
        return Verified(name, False, refusal=str(failure)), str(failure)
    return _refused(package, name, log.rpartition(BEGIN)[2].partition(END)[0]), str(failure)


def _load(package: Package, name: str, settings: object, level: int) -> str | EunomiaError | OSError:
    """Load one program; return libbpf's messages where it was accepted, else the failure."""
    copy = os.memfd_create("eunomia-verifier-log", os.MFD_CLOEXEC)
    try:
        kconfig = getattr(settings, "kconfig", "")
        with Object.open(package, kconfig=kconfig, verifier_log=level) as opened:
            for section, offset, data in getattr(settings, "writes", ()):
                opened.write(section, offset, data)
            for program in opened.programs.values():
                program.autoload = program.name == name
            lib.eu_log_to(copy, 2)
            try:
                opened.load()
            finally:
                lib.eu_log_to(-1, 0)
        return os.pread(copy, os.fstat(copy).st_size, 0).decode(errors="replace")
    except (EunomiaError, OSError) as exc:
        return exc
    finally:
        os.close(copy)


def _accepted(name: str, said: str) -> Verified:
    log = said.rpartition(f"prog '{name}': {BEGIN}")[2]
    processed = re.search(r"^processed (\d+) insns", log, re.M)
    states = re.search(r"\bpeak_states (\d+)", log)
    stack = re.search(r"^stack depth ([\d+]+)", log, re.M)
    return Verified(
        name,
        True,
        int(processed[1]) if processed else None,
        int(states[1]) if states else None,
        tuple(int(part) for part in stack[1].split("+") if part) if stack else (),
    )


def _refused(package: Package, name: str, log: str) -> Verified:
    """Read a refusal out of the verifier's log: its words, the source line, the registers that it names."""
    lines = [line.strip() for line in log.splitlines()]
    telling = [line for line in lines if not _NOISE.match(line)]
    refusal, at = _reason(telling)
    before = telling[: at + 1]
    insn = next((int(found[1]) for line in reversed(before) if (found := _INSN.match(line))), None)
    where, source = _place(package, name, before, insn)
    mistake = mistakes.recognise(refusal, "\n".join(telling[-12:]))
    processed = re.search(r"^processed (\d+) insns", log, re.M)
    stack = re.search(r"^stack depth ([\d+]+)", log, re.M)
    return Verified(
        name,
        False,
        int(processed[1]) if processed else None,
        stack=tuple(int(part) for part in stack[1].split("+") if part) if stack else (),
        refusal=refusal,
        where=where,
        source=source,
        registers=tuple(words.registers(refusal, before)),
        mistake=mistake.name if mistake else "",
        advice=mistake.advice if mistake else "",
    )


def _reason(telling: list[str]) -> tuple[str, int]:
    """Return the line that says why, and its place: the last one that is neither source, nor instruction, nor state."""
    for at in range(len(telling) - 1, -1, -1):
        line = telling[at]
        if not (_INSN.match(line) or line.startswith(("; ", "R", "from ", "last_idx", "regs=", "mark_precise", "parent ", "Caller"))):
            return line, at
        if re.match(r"R\d+ (?!=)[^=]*[a-z!]", line) and not re.match(r"R\d+(_\w+)?=", line):
            return line, at
    return (telling[-1], len(telling) - 1) if telling else ("", -1)


def _place(package: Package, name: str, before: list[str], insn: int | None) -> tuple[str, str]:
    """Return file:line and source: as the log has them (6.9 and newer name the file), else by the object's line info."""
    for line in reversed(before):
        found = _SOURCE.match(line) if line.startswith("; ") else None
        if found and found[2]:
            return f"{found[2].rsplit('/', 1)[-1]}:{found[3]}", " ".join(found[1].split())
        if found:
            break
    program = next((each for each in Code(package.types).programs if each.name == name), None)
    if program is not None and insn is not None and insn < program.size:
        known = program.unit.line(program.start + insn)
        if known is not None:
            return str(known), known.text
    source = next((line[2:].strip() for line in reversed(before) if line.startswith("; ")), "")
    return "", source
