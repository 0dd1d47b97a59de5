"""`ecli search`: tools by words, in the hubs' indexes and among the built-in tools; nothing is fetched."""

from __future__ import annotations

import sys

from eunomia.cli.parser import JSON, VERBOSE, Command, Opt
from eunomia.cli.report import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BUILTIN = "built-in"
COMMAND = Command(
    "search",
    "[WORDS]",
    "find tools in the hubs by words",
    (
        Opt("hub", "", "text", "in this hub only (`built-in`: the tools of ecli)", "NAME"),
        Opt("limit", "", "count", "show at most this many", default=50),
        JSON,
        VERBOSE,
    ),
    details="""\
WORDS are looked for in names, summaries, where programs attach (`kprobe/tcp_`, `xdp`, `sched_switch`), options,
capabilities and licences; a tool has all of them. The best are shown first: those whose name it is. Without a word all.

It is what `ecli hub update` fetched that is searched, and the built-in tools; the network is not asked. -j: as JSON,
all that the index says.

Exit codes: 0 something was found; 1 nothing; 2 usage.""",
    examples=(
        ("ecli search tcp latency", "tools with both words"),
        ("ecli search --hub acme", "all tools of one hub"),
    ),
)


def main(argv: list[str]) -> int:
    """Run `ecli search`; 1 where nothing was found."""
    values = COMMAND.parse(argv)
    found = search([word for text in values.operands for word in text.split()], values["hub"] or "")
    shown = found[: values["limit"]]
    if values["json"]:
        import json

        print(json.dumps([{"hub": hub, **tool} for hub, tool in shown], indent=2, ensure_ascii=False))
    else:
        sys.stdout.writelines(f"{line}\n" for line in page(shown))
    if len(found) > len(shown):
        sys.stderr.write(f"ecli: search: {len(found) - len(shown)} more [--limit COUNT]\n")
    if not found:
        sys.stderr.write(f"ecli: search: nothing found in {clean(places(values['hub'] or ''))}\n")
    return 0 if found else 1


def search(words: list[str], only: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return (hub, tool) of the tools in which all words are, the best first.

    Raises:
        FetchError: there is no hub of this name.
    """
    from eunomia.registry import hubs

    there = hubs.load()
    if only and only != BUILTIN and only not in {each.name for each in there}:
        from eunomia.errors import FetchError

        raise FetchError(f"search: no hub {only} [ecli hub list]")
    rows = [
        (score, each.name, tool)
        for score, each, tool in hubs.search(words, [each for each in there if only in ("", each.name)])
    ]
    if only in ("", BUILTIN):
        rows += [(hubs.rank(tool, words), BUILTIN, tool) for tool in builtin_tools()]
    rows.sort(key=lambda row: (-row[0], row[2]["name"], row[1] != BUILTIN))
    return [(hub, tool) for score, hub, tool in rows if score]


def builtin_tools() -> list[dict[str, Any]]:
    """Return the built-in tools as an index would have them."""
    from eunomia import builtin
    from eunomia.package.model import Package
    from eunomia.registry.hub_entry import of_package, version_of

    tools = []
    for name in builtin.names():
        package = Package.from_bytes(builtin.read(name), name)
        tools.append({"name": name, **of_package(package), "versions": [{"version": version_of(package)}]})
    return tools


def page(found: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return the lines for people: name, version, hub, summary."""
    from eunomia.cli.help import width
    from eunomia.registry.hub_index import newest

    rows = []
    for hub, tool in found:
        best = newest(tool)
        row = (tool["name"], best["version"] if best else "withdrawn", hub, tool.get("summary") or where(tool))
        rows.append([clean(cell) for cell in row])
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    columns = max(width(), sum(widths) + 30)
    lines = []
    for cells in rows:
        line = "  ".join([*(cell.ljust(size) for cell, size in zip(cells, widths, strict=False)), cells[3]])
        lines.append(line if len(line) <= columns else line[: columns - 1] + "…")
    return lines


def where(tool: dict[str, Any]) -> str:
    """Say of a tool without a summary where it attaches."""
    points = tool.get("attach") or []
    return f"{tool['kind']}: {', '.join(points[:4])}{', …' if len(points) > 4 else ''}" if points else str(tool["kind"])


def places(only: str) -> str:
    """Say where was searched."""
    from eunomia.registry import hubs

    if only:
        return f"hub {only}"
    names = [each.name for each in hubs.load()]
    if not names:
        return "the built-in tools; there are no hubs [ecli hub add NAME SOURCE]"
    return f"{', '.join(names)} and the built-in tools [ecli hub update fetches what is new]"
