"""`ecli run --detach`: the same run in the background, with a name and a log."""

from __future__ import annotations

import os
import sys

from eunomia.cli.parser import UsageError
from eunomia.kernel.pins import ROOT
from eunomia.life import logs, state
from eunomia.life.detach import ready, start, write_log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from eunomia.cli.guest import Named
    from eunomia.cli.parser import Values
    from eunomia.kernel.object import Object
    from eunomia.package.model import Package


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
        values["log"] = write_log(held.name)
        if not values["rotate-size"] and not values["rotate-after"]:
            values["rotate-size"] = logs.ROTATE_SIZE
        values["rotate-keep"] = values["rotate-keep"] or logs.ROTATE_KEEP
        return run()
    finally:
        held.release(keep=bool(values.get("pinned")))


def details(package: Package | Named, values: Values) -> Callable[[str], dict[str, str]]:
    """Return what the state file says of a run that is detached or pinned, by its name."""
    from hashlib import sha256

    digest = sha256(package.object).hexdigest()

    def by_name(name: str) -> dict[str, str]:
        return {
            "kind": package.kind,
            "digest": digest,
            "origin": package.origin,
            "log": logs.path_of(name) if values["detach"] else "",
            "pins": pin_folder(name, values) if values["pin"] else "",
        }

    return by_name


def pin_folder(name: str, values: Values) -> str:
    """Return where the pins of a run go."""
    return os.path.abspath(values["pin-dir"]) if values["pin-dir"] else os.path.join(ROOT, name)


def settle(live: Object, values: Values) -> None:
    """Do what comes when all is attached: pin it, tell the one who waits for a detached run."""
    if values["pin"]:
        pin(live, values)
    if values["detach"]:
        ready(values["running-as"])


def pin(live: Object, values: Values) -> None:
    """Pin what is loaded and attached; say what cannot be."""
    from eunomia.cli.run import warn

    pinned = live.pin(pin_folder(values["running-as"], values))
    values["pinned"] = True
    for name, why in pinned.left_out.items():
        warn(f"program {name} is detached at the end, it cannot be pinned: {why}")


def check_detach(values: Values) -> None:
    """Refuse what makes no sense in the background."""
    if values["name"] and not state.is_name(values["name"]):
        raise UsageError(
            f"--name: {values['name']!r} is no name [1 to {state.MAX_NAME} letters, digits, - and _, not digits alone]"
        )
    if values["detach"] and values["output"] == "-":
        raise UsageError("--detach and --output - exclude each other: a run in the background has no standard output")
    if values["pin-dir"]:
        values["pin"] = True
    if values["detach"] and values["output"]:
        values["output"] = os.path.abspath(values["output"])
