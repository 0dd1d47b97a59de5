"""`ecli features`: what this kernel offers to BPF programs, asked anew each time."""

from __future__ import annotations

import sys

from eunomia.cli.parser import JSON, VERBOSE, Command, Verbosity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

COMMAND = Command(
    "features",
    "",
    "show what this kernel offers: program and map types, helpers, ways of attaching, limits",
    (JSON, VERBOSE),
    details="The kernel is asked by loading and creating the smallest things; "
    "without root it is read off the kernel's "
    "types, and what these do not tell is unknown. Nothing is cached. -v names the helpers.",
    examples=(("ecli features", "for people"), ("sudo ecli features -j", "all of it, for programs")),
)
WORDS = {True: "yes", False: "no", None: "unknown"}


def main(args: list[str]) -> int:
    """Run `ecli features`."""
    values = COMMAND.parse(args)
    values.no_more_than(0)
    from eunomia.kernel.preflight.features import features

    found = features()
    if values["json"]:
        import json

        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(page(found, bool(Verbosity.level))) + "\n")
    return 0


def page(found: dict[str, Any], everything: bool) -> Iterator[str]:
    """Yield the lines for people."""
    import textwrap

    from eunomia.cli.help import width

    def block(title: str, names: list[str]) -> Iterator[str]:
        if names:
            wrapped = textwrap.wrap(" ".join(names), width() - 20, break_on_hyphens=False, break_long_words=False)
            yield from (f"{title if not at else '':<18}{line}" for at, line in enumerate(wrapped))

    how = "" if found["probed"] else " (not root: read off its BTF)"
    yield f"{'kernel':<18}{found['kernel']} {found['machine']}{how}"
    for title, key in (("program types", "program_types"), ("map types", "map_types"), ("attaching", "attach")):
        for state, word in ((True, title), (False, "  not"), (None, "  unknown")):
            yield from block(word, [name for name, there in found[key].items() if there is state])
    counts = [f"{name}:{len(helpers)}" for name, helpers in found["helpers"].items() if helpers is not None]
    yield from block("helpers by type", counts)
    if found["newest_helper"]:
        yield f"{'newest helper':<18}{found['newest_helper']}"
    for name, value in found["system"].items():
        shown = WORDS[value] if value is None or isinstance(value, bool) else value
        yield f"{name.replace('_', ' '):<18}{', '.join(shown) if isinstance(shown, list) else shown}"
    if everything:
        for name, helpers in found["helpers"].items():
            yield from block(name, helpers or [])
