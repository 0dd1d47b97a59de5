"""`ecli logs`: what a detached run has written."""

from __future__ import annotations

import os
import sys

from eunomia.cli.parser import VERBOSE, Command, Opt, UsageError

COMMAND = Command(
    "logs",
    "NAME",
    "show the log of a detached run",
    (
        Opt("follow", "f", "flag", "go on with what it writes, until it ends", default=False),
        Opt("lines", "n", "index", "the last N lines [default: all]", "N"),
        VERBOSE,
    ),
    details="""\
A log has the events of a run, as text or what its options say, and the lines that it would have written on standard
error. It stays when the run has ended, until the next one of this name: the one before becomes NAME.log.1.

Logs are in /var/log/eunomia for root, $XDG_STATE_HOME/eunomia for others, or $EUNOMIA_LOG_DIR.""",
    examples=(("sudo ecli logs opensnoop -n 20", "its last lines"), ("sudo ecli logs -f opensnoop", "as they come")),
    choices=("@run",),
)


def main(argv: list[str]) -> int:
    """Run `ecli logs`."""
    values = COMMAND.parse(argv)
    if not values.operands:
        raise UsageError("logs: of which run? [see ecli logs --help]")
    values.no_more_than(1)
    name = values.operands[0]
    from eunomia.life import logs
    from eunomia.life.runs import open_process, read_states

    run = next((each for each in read_states().runs.values() if name in (each.name, str(each.pid))), None)
    path = run.log if run is not None else logs.path_of(name) if "/" not in name else ""
    if run is not None and not run.log:
        raise FileNotFoundError(2, f"logs {name}: it runs in the foreground, and has no log [ecli run --detach]")
    process = open_process(run) if run is not None and run.is_alive and values["follow"] else -1
    try:
        write(path, name, values["lines"], follow=process >= 0, process=process)
    except KeyboardInterrupt:
        return 0
    finally:
        if process >= 0:
            os.close(process)
    return 0


def write(path: str, name: str, lines: int | None, *, follow: bool, process: int) -> None:
    """Write a log to standard output; on a terminal without control characters."""
    from eunomia.cli.report import clean
    from eunomia.life import logs

    terminal = sys.stdout.isatty()
    try:
        for piece in logs.read(path, lines, follow=follow, process=process):
            if terminal:
                sys.stdout.write("\n".join(clean(line) for line in piece.decode(errors="replace").split("\n")))
            else:
                sys.stdout.buffer.write(piece)
            sys.stdout.flush()
    except FileNotFoundError:
        raise FileNotFoundError(2, f"logs {name}: no run of this name has a log [ecli ps shows runs]") from None
