"""`ecli lock`: pin names to digests in `eunomia.lock`."""

from __future__ import annotations

import os
import sys

from eunomia.cli.fetch_table import FETCH_OPTIONS
from eunomia.cli.parser import JSON, QUIET, VERBOSE, Command, Opt, UsageError
from eunomia.cli.report import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values
    from eunomia.registry.lock import Locked

COMMAND = Command(
    "lock",
    "[PROG...]",
    "write what names stand for now to eunomia.lock, and hold them to it",
    (
        Opt("update", "", "flag", "what the names, or all in the file, stand for today", default=False),
        Opt("check", "", "flag", "write nothing; exit with 1 where a name has come to stand for something else",
            default=False),
        Opt("remove", "", "flag", "take the names out of the file", default=False),
        *(each for each in FETCH_OPTIONS if each.long in (
            "lock", "platform", "plain-http", "ca-file", "timeout", "max-size")),
        QUIET,
        JSON,
        VERBOSE,
    ),
    details="""\
Each PROG is what `ecli run` takes: a name of a hub, a reference, a URL, a built-in tool, a file. It is fetched, and its
digest goes into the file; a name that is in it already stays as it is without --update. Without PROG: what the file
says.

Where the current folder has a eunomia.lock of yours, every command holds the names in it to their digests, whatever
tags and hubs say today, and refuses other bytes. What it pins may run without a signature or a question: look at what
you lock. `--locked` refuses what is elsewhere and not in the file; `--lock FILE` is another file.

Exit codes: 0 done; 1 something cannot be fetched, or --check found a change; 2 usage.""",
    examples=(
        ("ecli lock sigsnoop registry.example.org/net/flows:2", "pin two names"),
        ("ecli lock --update", "take what all of them stand for now"),
        ("ecli run --locked sigsnoop", "nothing else, in a script"),
    ),
    choices=("@builtin", "@file"),
)  # fmt: skip


def main(argv: list[str]) -> int:
    """Run `ecli lock`."""
    values = COMMAND.parse(argv)
    chosen = [name for name in ("update", "check", "remove") if values[name]]
    if len(chosen) > 1:
        raise UsageError(f"--{chosen[0]} and --{chosen[1]} exclude each other")
    from eunomia.registry.lock import read
    from eunomia.registry.resolve import LOCK

    path = values["lock"] or LOCK
    entries = read(path) if os.path.exists(path) or values["check"] else {}
    names = values.operands
    if values["remove"]:
        return remove(path, entries, values)
    if not names and not chosen:
        return show(path, entries, values)
    names = names or list(entries)
    if "-" in names:
        raise UsageError("lock: standard input has no name")
    if values["check"]:
        return check(path, entries, names, values)
    return update(path, entries, names, values)


def update(path: str, entries: dict[str, Locked], names: list[str], values: Values) -> int:
    """Fetch names and put them into the file."""
    from eunomia.registry.lock import write

    changed = 0
    for name in names:
        old = entries.get(name)
        if old is not None and not values["update"]:
            _say(f"{name}: is {_digest(old)} already [--update takes what it is now]", values)
            continue
        new = resolved(name, values)
        entries[name] = new
        if new != old:
            changed += 1
            before = f" (was {_digest(old)})" if old is not None else ""
            _say(f"{name}: {new.place} is {_digest(new)}{before}", values)
        else:
            _say(f"{name}: still {_digest(new)}", values)
        write(path, entries)
    return 0


def check(path: str, entries: dict[str, Locked], names: list[str], values: Values) -> int:
    """Say which names have come to stand for something else."""
    moved = 0
    for name in names:
        if name not in entries:
            raise UsageError(f"lock: {name} is not in {path} [ecli lock {name}]")
        new = resolved(name, values)
        if (new.digest or new.sha256) != (entries[name].digest or entries[name].sha256):
            moved += 1
            _say(f"{name}: {_digest(new)}, and {path} says {_digest(entries[name])}", values)
    return 1 if moved else 0


def remove(path: str, entries: dict[str, Locked], values: Values) -> int:
    """Take names out of the file."""
    from eunomia.registry.lock import write

    if not values.operands:
        raise UsageError("lock: --remove which names?")
    for name in values.operands:
        if name not in entries:
            raise UsageError(f"lock: {name} is not in {path}")
        del entries[name]
    write(path, entries)
    return 0


def resolved(name: str, values: Values) -> Locked:
    """Return what a name stands for now, whatever the lock file and the cache say."""
    from eunomia.cli.fetching import end_progress, limits_of
    from eunomia.registry.lock import Locked
    from eunomia.registry.resolve import find

    limits = limits_of(values)
    limits.pull = "always"
    limits.lock = ""
    try:
        found = find(name, limits)
    finally:
        end_progress()
    return Locked.of(name, found.source, found.data, limits.platform)


def show(path: str, entries: dict[str, Locked], values: Values) -> int:
    """Print what the file says."""
    if values["json"]:
        import json

        sys.stdout.write(json.dumps([each.to_tree() for each in entries.values()], indent=2) + "\n")
        return 0
    if not entries:
        raise UsageError(f"lock: which names? there is nothing in {path} yet [ecli lock PROG...]")
    from eunomia.cli.inspect import aligned

    rows = [(clean(each.name), clean(each.place), _digest(each)) for each in entries.values()]
    sys.stdout.write("".join(f"{line.strip()}\n" for line in aligned(rows)))
    return 0


def _digest(locked: Locked) -> str:
    return locked.digest or locked.sha256


def _say(line: str, values: Values) -> None:
    if not values["quiet"]:
        sys.stdout.write(clean(line) + "\n")
