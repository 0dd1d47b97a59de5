"""From the options of a command to what a fetch needs; its lines and its progress. On the way of `ecli run`."""

from __future__ import annotations

import os
import sys

from eunomia.cli.fetch_table import FETCH_OPTIONS
from eunomia.cli.parser import UsageError, Verbosity
from eunomia.registry.resolve import MAX_DOWNLOAD, Limits, fetch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values
    from eunomia.registry.resolve import Program


def fetched(program: str, limits: Limits) -> Program:
    """Return the program that a command was given.

    Raises:
        FetchError, PackageError, OSError: as `eunomia.registry.resolve.fetch`.
    """
    try:
        return fetch(program, limits)
    finally:
        end_progress()


def said_of_fetching(values: Values) -> list[object]:
    """Return the values of all options of fetching, to see whether words after the program's name change one."""
    return [values.get(option.long) for option in FETCH_OPTIONS]


def fetched_again(found: Program, program: str, values: Values) -> Program:
    """Return the program by what was said of fetching after its name, too: a digest, a lock file, no network.

    Raises:
        UsageError: by that it is another one.
        FetchError, PackageError, OSError: as `eunomia.registry.resolve.fetch`.
    """
    said = [option.long for option in FETCH_OPTIONS if option.long in values.given]
    if found.source.kind == "stdin":
        raise UsageError(f"--{said[0]}: options of fetching go before - [ecli run --{said[0]} … -]")
    again = fetched(program, limits_of(values))
    if again.data != found.data:
        raise UsageError(f"--{said[0]}: {program} is another program by this [give it before {program}]")
    return again


def limits_of(values: Values) -> Limits:
    """Return how a program is fetched, from a command's options; one that it has not is not given."""
    quiet = bool(values.get("quiet"))
    if (Verbosity.level or os.environ.get("ECLI_TIMES", "") not in ("", "0")) and values.get("clock") is None:
        from eunomia.cli.clock import Clock

        values["clock"] = Clock()
    limits = Limits(
        values.get("timeout") or 30.0,
        values.get("max-size") or MAX_DOWNLOAD,
        values.get("sha256") or "",
        pull=values.get("pull") or "",
        offline=bool(values.get("offline")) or os.environ.get("ECLI_OFFLINE", "") not in ("", "0"),
        plain_http=True if values.get("plain-http") else None,
        ca_file=values.get("ca-file") or "",
        platform=values.get("platform") or "",
        member=values.get("member") or "",
        lock=values.get("lock") or "",
        locked=bool(values.get("locked")),
        tell=tell_warnings if not Verbosity.level else tell,
        progress=None if quiet or not shows_progress() else progress,
    )
    clock = values.get("clock")
    if clock is not None:
        limits.mark = clock.mark
    return limits


def tell(line: str, is_warning: bool) -> None:
    """Write a line on standard error."""
    from eunomia.cli.report import clean

    end_progress()
    try:
        sys.stderr.write(f"ecli: {clean(line)}\n")
        sys.stderr.flush()
    except OSError:
        pass  # nobody is left to be told


def tell_warnings(line: str, is_warning: bool) -> None:
    """Write a line that a user should see; details are for -v."""
    if is_warning:
        tell(line, is_warning)


def shows_progress() -> bool:
    """Return whether somebody looks at standard error."""
    try:
        return os.isatty(2) and os.environ.get("TERM", "dumb") != "dumb"
    except OSError:
        return False


def progress(label: str, done: int, total: int) -> None:
    """Show how far a download is."""
    from eunomia.cli.progress import show

    show(label, done, total)


def end_progress() -> None:
    """Take the line of the progress off the screen, if there is one."""
    module = sys.modules.get("eunomia.cli.progress")
    if module is not None:
        module.end()
