"""Options of `ecli run` that exclude or need each other: refused in one line, before anything is loaded.

Imported only where options were given (DESIGN decision 8).
"""

from __future__ import annotations

from eunomia._native import lib
from eunomia.cli.convert import parse_count
from eunomia.cli.parser import UsageError
from eunomia.cli.run_table import PROG_TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values

OF_EVENTS = ("sample", "rate-limit", "drill-loss")
ROTATION = ("rotate-size", "rotate-after", "rotate-keep")


def check_options(values: Values) -> None:
    """Check what can be told without the package.

    Raises:
        UsageError: options exclude each other, or a value is none.
    """
    check_formats(values)
    check_output(values)
    if values["detach"] or values["name"] or values["pin"] or values["pin-dir"]:
        from eunomia.cli.detach import check_detach

        check_detach(values)
    kind = values["prog-type"]
    if kind and kind.lower() not in PROG_TYPES:
        raise UsageError(f"--prog-type: {kind!r} is none of {', '.join(PROG_TYPES)}")
    check_pages(values["perf-pages"])
    if values["cpu"] is not None and values["cpu"] >= lib.eu_possible_cpus() > 0:
        raise UsageError(f"--cpu: no CPU {values['cpu']}: this machine has 0 to {lib.eu_possible_cpus() - 1}")
    digest = (values["sha256"] or "0" * 64).lower().removeprefix("sha256:")
    if len(digest) != 64 or digest.strip("0123456789abcdef"):
        raise UsageError(f"--sha256: {values['sha256']!r} is not 64 hexadecimal digits")
    if values["follow"] and not values["pid"]:
        raise UsageError("--follow needs --pid: whose children to follow")


def check_sources(plan: bytes, values: Values) -> None:
    """Refuse options that are about events where there are sampled maps only: an alarm's test would pass for nothing.

    Raises:
        UsageError: it names the option.
    """
    from eunomia.events.run import read_plan

    read = read_plan(plan)
    found = lib.eu_plan_sources(read) and not lib.eu_plan_has_events(read)
    lib.eu_plan_free(read)
    if found:
        option = next(name for name in OF_EVENTS if values[name])
        raise UsageError(f"--{option} is about events, the tool has sampled maps only")


def check_pages(texts: list[str]) -> None:
    """Refuse values of --perf-pages, N or MAP=N, that are no power of two."""
    for text in texts:
        try:
            pages = parse_count(text.rpartition("=")[2])
        except ValueError as exc:
            raise UsageError(f"--perf-pages: {exc}") from None
        if pages & (pages - 1):
            raise UsageError(f"--perf-pages: {pages} is not a power of two")


def check_formats(values: Values) -> None:
    """Refuse two formats at once, and those that the first system did not have with --compat."""
    chosen = [name for name in ("json", "folded") if values[name]]
    if values["format"] and values["format"] not in chosen:
        chosen.append(f"format {values['format']}")
    if len(chosen) > 1:
        raise UsageError(f"--{chosen[0]} and --{chosen[1]} exclude each other")
    if values["compat"] and values["format"] in ("csv", "raw"):
        raise UsageError(f"--compat knows text and JSON, not --format {values['format']}")


def check_output(values: Values) -> None:
    """Refuse rotation of what is no file of ours."""
    rotation = next((name for name in ROTATION if values[name]), None)
    if rotation and values["output"] in (None, "-") and not values["detach"]:
        raise UsageError(f"--{rotation} needs --output FILE: standard output is not rotated")
    if values["rotate-keep"] and not (values["rotate-size"] or values["rotate-after"]):
        raise UsageError("--rotate-keep needs --rotate-size or --rotate-after: when a new file begins")
    if not values["queue"]:
        return
    from eunomia.events.run import MAX_QUEUE

    if values["queue"] > MAX_QUEUE:
        raise UsageError(f"--queue: {values['queue']} bytes, at most {MAX_QUEUE >> 20}M")
