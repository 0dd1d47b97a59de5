"""`ecli run --detach GUEST.wasm`: the guest in the background, with a name and a log."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from eunomia.cli.guest import begin, conclude
from eunomia.life.detach import ready, start, write_log

if TYPE_CHECKING:
    from eunomia.cli.guest import Named
    from eunomia.cli.parser import Values
    from eunomia.registry.resolve import Program
    from eunomia.wasm.directories import Directory
    from eunomia.wasm.policy import Policy

PATIENCE = 2.0  # seconds that a guest has to attach something, before the command returns anyway


def run_in_background(named: Named, values: Values, found: Program, policy: Policy, dirs: list[Directory]) -> int:
    """Start a guest in the background; return when it has attached something, or with its exit code if it ended."""

    def work() -> int:
        from eunomia.cli.main import guarded

        return guarded("ecli", lambda _: _attend(named, values, found, policy, dirs), ())

    outcome = start(work)
    if outcome.name:
        pid = outcome.pid
        sys.stdout.write(
            f"{outcome.name}\n" if values["quiet"] else f"{outcome.name}: runs in the background, process {pid}\n"
        )
        return 0
    if outcome.signal:
        raise OSError(4, f"run {named.name}: killed by signal {outcome.signal} before it was attached")
    if outcome.logged and not values["quiet"]:
        name = outcome.logged
        sys.stdout.write(f"{name}: ended with code {outcome.code} [ecli logs {name}: what it wrote]\n")
    return outcome.code


def _attend(named: Named, values: Values, found: Program, policy: Policy, dirs: list[Directory]) -> int:
    from eunomia.cli.run import claim

    held = claim(named, values)
    assert held is not None  # claim raises where a detached run has no state file
    try:
        write_log(held.name)
        with begin(found, values, policy, dirs, thread=True) as run:
            run.wait_attached(PATIENCE)
            if run.is_running:
                ready(held.name)
            run.wait()
            return conclude(run, values.operands[0])
    finally:
        held.release()
