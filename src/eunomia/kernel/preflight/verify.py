"""What the verifier says of each program of a package, by loading them one at a time."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from eunomia._native import lib
from eunomia.errors import EunomiaError
from eunomia.kernel.object import Object
from eunomia.kernel.preflight import refusal, words
from eunomia.kernel.preflight.code import Code
from eunomia.kernel.preflight.report import Verified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.kernel.preflight.code import Line
    from eunomia.kernel.preflight.plan import Plan
    from eunomia.kernel.preflight.report import Report
    from eunomia.package.model import Package

STATISTICS = 4  # BPF_LOG_STATS
BEGIN, END = "-- BEGIN PROG LOAD LOG --", "-- END PROG LOAD LOG --"
_SOURCE = re.compile(r"^; (.*?)(?: @ (\S+):(\d+))?$")


def verify(plan: Plan, report: Report) -> None:
    """Load each program of a plan alone, and write down what the verifier says; nothing stays loaded.

    Programs that are refused and optional, or in whose place another runs, are no failure of the report.
    """
    failures = {}
    for name in plan.loaded:
        one, failures[name] = _one(plan, name)
        if one is not None:
            report.verified.append(one)
    for members in plan.groups.values():
        if any(not failures[name] for name in members if name in failures):
            failures.update((name, "") for name in members)
    report.failure = next((failures[name] for name in plan.loaded if failures[name] and name not in plan.optional), "")


def _one(plan: Plan, name: str) -> tuple[Verified | None, str]:
    """Return what became of one program, and the one line of its failure."""
    failure, said = _load(plan, name, STATISTICS)
    if failure is not None:  # again, for the log with the states of registers
        failure, said = _load(plan, name, 0)
    if failure is None:
        return _accepted(name, said), ""
    if BEGIN not in said:
        return Verified(name, False, refusal=str(failure)), str(failure)
    return _refused(plan.package, name, said.rpartition(BEGIN)[2].partition(END)[0]), str(failure)


def _load(plan: Plan, name: str, level: int) -> tuple[Exception | None, str]:
    """Load one program; return the failure, None where it was accepted, and all that libbpf and the verifier said."""
    failure: Exception | None = None
    settings = plan.settings
    copy = os.memfd_create("eunomia-verifier-log", os.MFD_CLOEXEC)
    try:
        with Object.open(plan.package, btf=plan.btf or None, kconfig=settings.kconfig, verifier_log=level) as opened:
            for section, offset, data in settings.writes:
                opened.write(section, offset, data)
            for program in opened.programs.values():
                program.autoload = program.name == name
            lib.eu_log_to(copy, 2)
            opened.load()
    except (EunomiaError, OSError) as exc:
        failure = exc
    finally:
        lib.eu_log_to(-1, 0)
        said = os.pread(copy, os.fstat(copy).st_size, 0).decode(errors="replace")
        os.close(copy)
    return failure, said


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
    said = refusal.read(log)
    where, source = _place(package, name, said.before, said.insn)
    processed = re.search(r"^processed (\d+) insns", log, re.M)
    stack = re.search(r"^stack depth ([\d+]+)", log, re.M)
    return Verified(
        name,
        False,
        int(processed[1]) if processed else None,
        stack=tuple(int(part) for part in stack[1].split("+") if part) if stack else (),
        refusal=said.reason,
        where=where,
        source=source,
        registers=(*words.registers(said.reason, said.states), *_taken(package, name, said.before)),
        mistake=said.mistake.name if said.mistake else "",
        advice=said.mistake.advice if said.mistake else "",
        explanation=said.explanation,
    )


def _taken(package: Package, name: str, before: list[str]) -> Iterator[str]:
    """Say where a reference that was not given back was taken."""
    found = next(
        (each for line in reversed(before) if (each := re.search(r"Unreleased reference .*alloc_insn=(\d+)", line))),
        None,
    )
    line = _line_of(package, name, int(found[1])) if found else None
    if line is not None:
        yield f"what is not released was taken at {line}: {line.text}"


def _line_of(package: Package, name: str, insn: int) -> Line | None:
    program = next((each for each in Code(package.types).programs if each.name == name), None)
    return program.unit.line(program.start + insn) if program is not None and insn < program.size else None


def _place(package: Package, name: str, before: list[str], insn: int) -> tuple[str, str]:
    """Return file:line and source: as the log has them (6.9 and newer name the file), else by line info."""
    for line in reversed(before):
        found = _SOURCE.match(line) if line.startswith("; ") else None
        if found and found[2]:
            return f"{found[2].rsplit('/', 1)[-1]}:{found[3]}", " ".join(found[1].split())
        if found:
            break
    known = _line_of(package, name, insn)
    if known is not None:
        return str(known), known.text
    source = next((line[2:].strip() for line in reversed(before) if line.startswith("; ")), "")
    return "", source
