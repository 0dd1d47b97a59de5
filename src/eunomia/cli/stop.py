"""`ecli stop`: end runs, by name or process; what they pinned is taken away too."""

from __future__ import annotations

import sys

from eunomia.cli.parser import QUIET, VERBOSE, Command, Opt, UsageError
from eunomia.cli.report import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.life.survey import Found

COMMAND = Command(
    "stop",
    "[NAME|PID]...",
    "end runs and take their pins away",
    (
        Opt("all", "", "flag", "all runs of this user, except processes that merely use the library", default=False),
        Opt("timeout", "", "seconds", "kill what has not ended after this time", default=10.0),
        QUIET,
        VERBOSE,
    ),
    details="""\
A run gets SIGTERM, detaches, and says what became of its events; that line is shown. What has not ended after --timeout
is killed: the kernel then detaches its programs, and its guardian takes away filters that the kernel would leave.
A guest that takes signals may ignore one: it gets another after half of the time.

A run that was pinned (`ecli run --pin`) and has ended: its pins are removed, which detaches it.

Exit codes: 0 all ended; 1 one was not there, or had to be killed; 2 usage.""",
    examples=(("sudo ecli stop opensnoop", "one run"), ("sudo ecli stop --all", "all")),
    choices=("@run",),
)


def main(argv: list[str]) -> int:
    """Run `ecli stop`."""
    values = COMMAND.parse(argv)
    if bool(values.operands) == values["all"]:
        raise UsageError(
            "stop: which run? [NAME, PID or --all]" if not values.operands else "stop: --all or names, not both"
        )
    from eunomia.cli.report import one_line
    from eunomia.life.find import NoSuchRunError, find
    from eunomia.life.survey import survey

    result, code = survey(), 0
    if values["all"]:
        found = [each for each in result.found if each.mode != "python"]
    else:
        found = []
        for word in dict.fromkeys(values.operands):
            try:
                found += [each for each in find(result, word) if each not in found]  # by name and by number
            except NoSuchRunError as exc:
                say(one_line(exc))
                code = 1
    for each in found:  # what one of them does is no reason to let the others run
        try:
            code = max(code, end(each, values["timeout"], values["quiet"]))
        except (OSError, UsageError) as exc:
            say(one_line(exc))
            code = max(code, 2 if isinstance(exc, UsageError) else 1)
    return code


def end(each: Found, timeout: float, quiet: bool) -> int:
    """End one run; return the exit code."""
    from eunomia.life.pins import remove
    from eunomia.life.stop import stop

    name, code = each.name or str(each.pid), 0
    if each.mode == "python":
        raise UsageError(f"stop: process {each.pid} is no run of ecli [kill {each.pid}]")
    if each.pid:
        ended = stop(each, timeout)
        for line in ended.lines if not quiet else ():
            say(f"{name}: {line}")
        if ended.killed:
            say(f"{name}: killed, as it had not ended after {timeout:g} seconds")
            code = 1
    if each.pins:
        removed = remove(each.name, each.pins)
        if not quiet:
            say(f"{name}: {removed} pins removed")
    if not quiet:
        sys.stdout.write(f"{clean(name)}: ended\n")
    return code


def say(line: str) -> None:
    """Write a line on standard error."""
    sys.stderr.write(f"ecli: {clean(line)}\n")
