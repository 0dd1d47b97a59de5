"""`ecli ps`: what runs and what is pinned, with its programs and maps."""

from __future__ import annotations

import sys
import time

from eunomia.cli.parser import JSON, VERBOSE, Command, Opt
from eunomia.cli.report import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from eunomia.kernel.facts import MapFacts
    from eunomia.life.measure import Rate
    from eunomia.life.survey import Found, Survey

COMMAND = Command(
    "ps",
    "[NAME|PID]...",
    "show what runs and what is pinned: programs, run time, maps, memory",
    (
        Opt(
            "stats", "", "seconds", "have the kernel measure programs for this time, and show what they took", "SECONDS"
        ),
        Opt("header", "", "flag", "do not write the line of column names", default=True),
        JSON,
        VERBOSE,
    ),
    details="""\
A line for each run, and below it its programs and maps. MODE is `foreground`, `detached` (`ecli run -d`), `pinned` (the
process has ended, `ecli run --pin`), or `python` (another process that uses the library). RSS is the memory of the
process, KERNEL that of its programs and maps.

TIME and RUNS of a program are what the kernel has counted since it was loaded. It counts while somebody asks it to, as
`--stats` does and the sysctl kernel.bpf_stats_enabled; `-` says that it has not.

Runs of other users are not shown.""",
    examples=(
        ("sudo ecli ps", "all that runs"),
        ("sudo ecli ps --stats 5", "what each program takes, measured for five seconds"),
        ("sudo ecli ps -j | jq -r '.[].name'", "names, for scripts"),
    ),
    choices=("@run",),
)
HEADER = ("NAME", "PID", "MODE", "SINCE", "RSS", "KERNEL", "PACKAGE")
UNITS = ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))


def main(argv: list[str]) -> int:
    """Run `ecli ps`."""
    values = COMMAND.parse(argv)
    from eunomia.life.measure import measure
    from eunomia.life.survey import survey

    rates = measure(values["stats"]) if values["stats"] else {}
    result = survey()
    found = chosen(result, values.operands) if values.operands else result.found
    for note in result.notes:
        sys.stderr.write(f"ecli: {clean(note)}\n")
    if values["json"]:
        import json

        sys.stdout.write(json.dumps([as_json(each, rates) for each in found], indent=2) + "\n")
        return 0
    if not found:
        hint_at_root()
    sys.stdout.write("".join(f"{clean(line)}\n" for line in page(found, rates, values["header"])))
    return 0


def hint_at_root() -> None:
    """Say that nothing runs, and where runs may be that this user does not see."""
    import os

    rest = "" if os.geteuid() == 0 else "; runs of root are not shown [sudo ecli ps]"
    sys.stderr.write(f"ecli: nothing of this user runs{rest}\n")


def chosen(result: Survey, words: Sequence[str]) -> list[Found]:
    """Return the runs of these names and pids.

    Raises:
        NoSuchRunError: there is none.
    """
    from eunomia.life.find import find

    return [each for word in words for each in find(result, word)]


def page(found: Sequence[Found], rates: dict[int, Rate], header: bool) -> Iterator[str]:
    """Yield the lines of the table."""
    rows: list[tuple[str, ...]] = [HEADER] if header and found else []
    blocks: list[list[str]] = [[]] if rows else []
    for each in found:
        rows.append(head(each))
        blocks.append([*programs(each, rates), *maps(each)])
    widths = [max(len(row[index]) for row in rows) for index in range(6)] if rows else []
    for row, block in zip(rows, blocks, strict=True):
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[6]]).rstrip()
        yield from block


def head(each: Found) -> tuple[str, ...]:
    """Return the cells of a run."""
    kernel = sum(one.memory for one in each.programs.values()) + sum(one.memory for one in each.maps.values())
    package = each.package or " ".join(each.command)
    return (
        each.name or "-",
        str(each.pid or "-"),
        each.mode,
        since(each.since),
        size(each.resident) if each.resident else "-",
        size(kernel),
        f"{package}  pins {each.pins}" if each.pins else package,
    )


def programs(each: Found, rates: dict[int, Rate]) -> Iterator[str]:
    """Yield a line for each program."""
    attached = {link.program for link in each.links.values()}
    for one in sorted(each.programs.values(), key=lambda program: program.id):
        line = f"  program {one.name or '?'} ({one.type}, id {one.id}{', linked' if one.id in attached else ''})"
        line += f"  time {span(one.run_time_ns)}, runs {one.run_count}" if one.run_count else "  time -, runs -"
        if one.missed:
            line += f", missed {one.missed}"
        rate = rates.get(one.id)
        if rate is not None:
            line += f"  now {rate.runs:.0f}/s, {span(rate.mean_ns)} each, {rate.share:.2%} of a CPU"
        yield line


def maps(each: Found) -> Iterator[str]:
    """Yield a line for each map."""
    for one in sorted(each.maps.values(), key=lambda found: found.id):
        yield f"  map {one.name or '?'} ({shape(one)}, id {one.id})  {size(one.memory)}"


def shape(one: MapFacts) -> str:
    """Return what a map holds: `hash, 10240 of 8 + 16 bytes`."""
    if one.type in {"ringbuf", "user_ringbuf"}:
        return f"{one.type}, {size(one.max_entries)}"
    return f"{one.type}, {one.max_entries} of {one.key_size} + {one.value_size} bytes"


def since(moment: float) -> str:
    """Return a time of the last 24 hours as such, others with their day."""
    if not moment:
        return "-"
    today = time.time() - moment < 86400
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d", time.localtime(moment))


def size(count: int) -> str:
    """Return bytes as 12K, 3.4M."""
    for unit, letter in UNITS:
        if count >= unit:
            number = count / unit
            return f"{number:.0f}{letter}" if number >= 10 else f"{number:.1f}{letter}"
    return f"{count}"


def span(ns: float) -> str:
    """Return a time in ns, us, ms or s."""
    for unit, name in ((1e9, "s"), (1e6, "ms"), (1e3, "us")):
        if ns >= unit:
            return f"{ns / unit:.3g} {name}"
    return f"{ns:.0f} ns"


def as_json(each: Found, rates: dict[int, Rate]) -> dict[str, Any]:
    """Return a run as JSON has it."""
    from dataclasses import asdict

    document = asdict(each)
    for kind in ("programs", "maps", "links"):
        document[kind] = list(document[kind].values())
    for one in document["programs"]:
        rate = rates.get(one["id"])
        if rate is not None:
            one["measured"] = asdict(rate)
    return document
