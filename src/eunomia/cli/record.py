"""`ecli record`: run a tool and keep its records in a file, with all that showing them later needs."""

from __future__ import annotations

import contextlib
import os
import stat
import sys

from eunomia.cli import run as running
from eunomia.cli.fetch_table import FETCHING
from eunomia.cli.parser import QUIET, VERBOSE, Command, Opt, UsageError
from eunomia.cli.run_table import ATTACHING, END, LOADING, OPTIONS, READING, SAMPLES, WHICH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.cli.parser import Values
    from eunomia.cli.which import Choice
    from eunomia.events.recorder import Recorder
    from eunomia.package.model import Package
    from eunomia.package.options import Settings

_FILE = (
    Opt("output", "o", "file", "the recording; - is standard output"),
    Opt("force", "f", "flag", "overwrite a file that is not empty", default=False),
    Opt("compress", "", "flag", "pack the events: smaller files, more work", default=False),
)
_GROUPS = (WHICH, END, SAMPLES, ATTACHING, LOADING, READING, FETCHING)
_NOT_HERE = ("clear", "per-cpu", "queue")

COMMAND = Command(
    "record",
    "PROG -o FILE [ARGS]",
    "run a tool and keep its events in a file, for `ecli replay`",
    (
        *_FILE,
        *(each for each in OPTIONS if each.group in _GROUPS and each.long not in _NOT_HERE),
        QUIET,
        VERBOSE,
    ),
    stop=True,
    details="""\
PROG and ARGS are those of `ecli run`, and so are filters and endings. The file keeps the package, the raw records with
the times at which they were read, what became of the others (filtered, lost), the clocks, and the names behind
addresses and stack ids: `ecli replay FILE` shows it on any machine, without root.

`-o` and `-f` may also stand after PROG, unless the tool has an option of that letter.

The file is written in whole blocks, the latest after a quarter of a second: whatever ends the recording, what was
written can be read. A file that is not empty is overwritten with --force only.""",
    examples=(
        ("sudo ecli record opensnoop -o opens.eurec", "until Ctrl-C"),
        ("sudo ecli record --duration 1m --compress -o e.eurec execsnoop", "for a minute, packed"),
        ("sudo ecli record opensnoop -o - | ssh host 'cat > opens.eurec'", "kept elsewhere"),
    ),
    choices=("@builtin", "@file"),
    shorts_after=True,
)


def main(argv: list[str]) -> int:
    """Run `ecli record`; return the exit code."""
    return running.main(argv, COMMAND, record)


def record(package: Package, values: Values, settings: Settings, program: str, choice: Choice | None) -> int:
    """Load and attach a package and record its events; return the exit code."""
    from eunomia.cli.privileges import require_capabilities

    path = values["output"]
    if not path:
        raise UsageError("record: no file given [-o FILE; - is standard output]")
    from eunomia.events.kinds import SAMPLE
    from eunomia.events.layout import Layout

    kinds = {source.kind for source in Layout(package.plan()).sources}
    if not kinds:
        raise UsageError(f"record: {program} has neither events nor sampled maps: there is nothing to record")
    if kinds == {SAMPLE} and choice is not None and not choice.pushed:
        raise UsageError("record: sampled maps are recorded whole [filter when they are replayed]")
    require_capabilities(program, package)
    return running.named(package, values, lambda: keep(package, values, settings, program, choice))


def keep(package: Package, values: Values, settings: Settings, program: str, choice: Choice | None) -> int:
    """Load, attach and record until something ends it."""
    path = values["output"]
    running.catch_signals()
    if values["verbose"]:
        from eunomia._native import lib

        lib.eu_log_to(2, min(values["verbose"], 2))
    fd, made = open_file(path, values["force"])
    try:
        with running.load(package, values, settings) as live:
            details = {"tool": program, "arguments": arguments(package, values, program), "options": given(values)}
            with begin(fd, path, package, details, values) as recorder:
                made = ""
                options = running.run_options(values, fd)
                options.format, options.path, options.record = "raw", None, recorder
                code = running.follow(live, package, values, fd, program, choice=choice, options=options)
                if not values["quiet"]:
                    summary(recorder, path, program)
                return code
    finally:
        if choice is not None:
            choice.close()
        if made:
            os.unlink(made)  # nothing was recorded
        if path != "-":
            os.close(fd)


def open_file(path: str, force: bool) -> tuple[int, str]:
    """Open the recording's file; return its descriptor, and its path if it was made here.

    What is in it is not touched yet: the tool may not load.
    """
    fd, made = (1, "") if path == "-" else create(path)
    if os.isatty(fd):
        raise UsageError("record: a terminal cannot keep a recording [-o FILE, or a pipe behind -o -]")
    if path != "-" and not force and os.fstat(fd).st_size:
        os.close(fd)
        raise FileExistsError(17, f"record: {path} is not empty [--force overwrites it]")
    return fd, made


def create(path: str) -> tuple[int, str]:
    """Open a file, made where there is none: readable for its owner only, who is the user behind sudo."""
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        try:
            fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return os.open(path, flags), ""
    except OSError as exc:
        raise OSError(exc.errno, f"open recording {path}: {(exc.strerror or str(exc)).lower()}") from exc
    owner, group = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if os.geteuid() == 0 and owner.isdecimal() and group.isdecimal():
        with contextlib.suppress(OSError):  # a file system without owners
            os.fchown(fd, int(owner), int(group))
    return fd, path


def begin(fd: int, path: str, package: Package, details: dict[str, Any], values: Values) -> Recorder:
    """Empty the file and write what comes before the events."""
    from eunomia.events.recorder import Recorder

    if path != "-" and stat.S_ISREG(os.fstat(fd).st_mode):
        os.ftruncate(fd, 0)
    if sys.stderr.isatty() and not values["quiet"]:
        running.warn(f"recording {details['tool']}; Ctrl-C ends it")
    return Recorder.of(package, fd, path, details=details, compress=values["compress"])


def arguments(package: Package, values: Values, program: str) -> dict[str, Any]:
    """Return the tool's options that were on the command line."""
    from eunomia.cli.arguments import take_arguments

    again = running.parse(COMMAND, [program, *values.rest])
    return take_arguments(package, again, program)[0]


def given(values: Values) -> dict[str, Any]:
    """Return ecli's options that were on the command line."""
    return {name: values[name] for name in sorted(values.given) if name not in {"output", "force", "verbose"}}


def summary(recorder: Recorder, path: str, program: str) -> None:
    """Say what is in the file."""
    size = float(recorder.size)
    unit = "bytes"
    for larger in ("KB", "MB", "GB"):
        if size >= 1000:
            size, unit = size / 1000, larger
    number = f"{size:.0f}" if unit == "bytes" else f"{size:.1f}"
    where = "" if path == "-" else f" in {path}"
    events, samples = recorder.records, recorder.samples
    what = [f"{events} event{'' if events == 1 else 's'}"] if events or not samples else []
    what += [f"{samples} reading{'' if samples == 1 else 's'} of maps"] if samples else []
    running.warn(f"recorded {' and '.join(what)} of {program}{where}, {number} {unit}")
