"""`ecli list`: the built-in tools."""

from __future__ import annotations

import sys

from eunomia.cli.parser import JSON, VERBOSE, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = Command(
    "list",
    "",
    "list the built-in tools",
    (JSON, VERBOSE),
    examples=(("ecli list", "name and purpose of each tool"), ("ecli list -j", "the same as JSON")),
)


def tools() -> Iterator[tuple[str, str]]:
    """Yield the name of each built-in tool and its purpose in one line."""
    from eunomia import builtin
    from eunomia.cli.tool_help import brief
    from eunomia.package.model import Package

    for name in sorted(builtin.names()):
        package = Package.from_bytes(builtin.read(name), name)
        yield name, " ".join(brief(package).split())


def main(argv: list[str]) -> int:
    """Run `ecli list`."""
    values = COMMAND.parse(argv)
    values.no_more_than(0)
    found = list(tools())
    if values["json"]:
        import json

        sys.stdout.write(json.dumps([{"name": name, "summary": summary} for name, summary in found], indent=2) + "\n")
        return 0
    if not found:
        sys.stderr.write(
            "ecli: list: no built-in tools in this installation [in a checkout the set-up command compiles them]\n"
        )
        return 0
    from eunomia.cli.help import rows, width

    left = max(len(name) for name, _ in found) + 4
    lines = [line.removeprefix("  ") for line in rows(found, width(), left)]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0
