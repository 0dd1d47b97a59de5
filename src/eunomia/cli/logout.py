"""`ecli logout`: remove what is stored for a registry."""

from __future__ import annotations

import sys

from eunomia.cli.login import registry_of
from eunomia.cli.parser import VERBOSE, Command
from eunomia.cli.report import clean

COMMAND = Command(
    "logout",
    "REGISTRY",
    "remove the credentials that are stored for a registry",
    (VERBOSE,),
    details="They are removed from the file, or by the helper, that `ecli login` stores them in.",
    examples=(("ecli logout ghcr.io", "from the file of ecli login and docker login"),),
)


def main(argv: list[str]) -> int:
    """Run `ecli logout`."""
    from eunomia.registry.logins import erase

    values = COMMAND.parse(argv)
    values.no_more_than(1)
    registry = registry_of(values.operands, "logout")
    place, other = erase(registry)
    said = f"logged out of {registry}, removed {place}" if place else f"not logged in to {registry}"
    sys.stdout.write(clean(said) + "\n")
    if other:
        sys.stderr.write(clean(f"ecli: logout {registry}: {other} still has credentials for it") + "\n")
    return 0
