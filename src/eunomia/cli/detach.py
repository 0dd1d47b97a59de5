"""`ecli run --detach`: the same run in the background, with a name and a log."""

from __future__ import annotations

import os
import sys

from eunomia.cli.parser import UsageError
from eunomia.life import logs, state
from eunomia.life.detach import ready, start, write_log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from eunomia.cli.parser import Values
    from eunomia.package.model import Package

__all__ = ["detach", "ready"]


def detach(package: Package, values: Values, run: Callable[[], int]) -> int:
    """Start a run in the background and return when all is attached; else with its exit code."""

    def work() -> int:
        from eunomia.cli.main import guarded

        return guarded("ecli", lambda _: _in_background(package, values, run), ())

    outcome = start(work)
    if outcome.name:
        if values["quiet"]:
            sys.stdout.write(f"{outcome.name}\n")
        else:
            sys.stdout.write(f"{outcome.name}: runs in the background, process {outcome.pid}\n")
        return 0
    if outcome.signal:
        raise OSError(4, f"run {package.name}: killed by signal {outcome.signal} before it was attached")
    return outcome.code or 1


def _in_background(package: Package, values: Values, run: Callable[[], int]) -> int:
    from eunomia.cli.run import claim

    held = claim(package, values)
    assert held is not None  # claim raises where a detached run has no state file
    try:
        values["running-as"] = held.name
        values["log"] = write_log(held.name)
        if not values["rotate-size"] and not values["rotate-after"]:
            values["rotate-size"] = logs.ROTATE_SIZE
        values["rotate-keep"] = values["rotate-keep"] or logs.ROTATE_KEEP
        return run()
    finally:
        held.release(keep=bool(values.get("pinned")))


def details(package: Package, values: Values) -> Callable[[str], dict[str, str]]:
    """Return what the state file says of a run that is detached or pinned, by its name."""
    from hashlib import sha256

    digest = sha256(package.object).hexdigest()

    def by_name(name: str) -> dict[str, str]:
        return {
            "digest": digest,
            "origin": package.origin,
            "log": logs.path_of(name) if values["detach"] else "",
        }

    return by_name


def check_detach(values: Values) -> None:
    """Refuse what makes no sense in the background."""
    if values["name"] and not state.is_name(values["name"]):
        raise UsageError(
            f"--name: {values['name']!r} is no name [1 to {state.MAX_NAME} letters, digits, - and _, not digits alone]"
        )
    if values["detach"] and values["output"] == "-":
        raise UsageError("--detach and --output - exclude each other: a run in the background has no standard output")
    if values["detach"] and values["output"]:
        values["output"] = os.path.abspath(values["output"])
