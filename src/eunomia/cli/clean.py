"""`ecli clean`: remove what a crash left."""

from __future__ import annotations

import sys

from eunomia.cli.parser import JSON, VERBOSE, Command, Opt
from eunomia.cli.report import clean as printable

COMMAND = Command(
    "clean",
    "",
    "remove what runs left that were killed: attachments, state files, unfinished pins",
    (
        Opt("dry-run", "", "flag", "only say what would be removed", default=False),
        JSON,
        VERBOSE,
    ),
    details="""\
What runs attach ends with them, also when they are killed: the kernel closes their links, and a guardian process takes
away what is no link (tc filters, qdiscs that were made for them, XDP programs in another's place, struct_ops without a
link). Where the guardian was killed too, its journal says what is left; this command, and the next `ecli run`, take
that away, if it is still there and still the same program. Pins that were asked for stay: `ecli stop NAME` removes
them.

What others attached is never touched.

Exit codes: 0 nothing is left; 1 something could not be removed; 2 usage.""",
    examples=(("sudo ecli clean --dry-run", "what a crash has left"), ("sudo ecli clean", "remove it")),
)


def main(argv: list[str]) -> int:
    """Run `ecli clean`."""
    values = COMMAND.parse(argv)
    values.no_more_than(0)
    from eunomia.life.clean import clean

    found = clean(dry_run=values["dry-run"])
    if values["json"]:
        import json

        rows = [{"kind": each.kind, "what": each.what, "outcome": each.outcome} for each in found]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        lines = [printable(f"{each.what}: {each.outcome}") for each in found]
        sys.stdout.write("".join(f"{line}\n" for line in lines) or "nothing was left\n")
    return 1 if any(each.failed for each in found) else 0
