"""`ecli info`: what a tool shows, needs and takes, as its hub's index says it or as its bytes do; nothing is run."""

from __future__ import annotations

import sys

from eunomia.cli.fetch_table import FETCH_OPTIONS
from eunomia.cli.fetching import fetched, limits_of
from eunomia.cli.parser import JSON, VERBOSE, Command, UsageError
from eunomia.cli.report import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from eunomia.registry.resolve import Limits

COMMAND = Command(
    "info",
    "NAME[@VERSION]",
    "show what a tool does, needs and takes, and its versions",
    (*FETCH_OPTIONS, JSON, VERBOSE),
    details="""\
NAME is a tool of a hub (`ecli search`; HUB/NAME of that hub), a built-in tool, or whatever else `ecli run` takes: a
file, a URL, a reference. Of a hub's tool the fetched index is shown, and no network is asked; `ecli inspect` looks
closer at the bytes.""",
    examples=(
        ("ecli info opensnoop", "options, needs, evidence by kernel"),
        ("ecli info acme/opensnoop@1.2", "a version of a tool of one hub"),
    ),
    choices=("@builtin", "@file"),
)


def main(argv: list[str]) -> int:
    """Run `ecli info`."""
    values = COMMAND.parse(argv)
    if not values.operands:
        raise UsageError("info: which tool? [see ecli info --help]")
    values.no_more_than(1)
    found = look_up(values.operands[0], limits_of(values)) | {"run": f"sudo ecli run {values.operands[0]}"}
    if values["json"]:
        import json

        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        sys.stdout.writelines(f"{line}\n" for line in page(found))
    return 0


def look_up(name: str, limits: Limits) -> dict[str, Any]:
    """Return what an index says about a tool, or would say; with `hub`, `version`, `digest`, `size`, `in_use`.

    Raises:
        FetchError: there is nothing of this name.
    """
    import os

    from eunomia import builtin
    from eunomia.registry import hub

    if name not in builtin.names() and not os.path.exists(name):
        found = hub.find(name)
        if found is not None:
            return _of_hub(found)
    return _of_bytes(name, limits)


def _of_hub(found: Any) -> dict[str, Any]:
    from eunomia.errors import FetchError
    from eunomia.registry import hub, hubs
    from eunomia.registry.hub_index import best_first

    place = next((each for each in hubs.load() if each.name == found.hub), None)
    tree = place.index() if place else None
    tool = next((each for each in (tree or {"tools": []})["tools"] if each["name"] == found.name), None)
    if tool is None or place is None:
        raise FetchError(f"info {found.text}: the hub's index has it no more [ecli hub update]")
    used = next((each for each in hub.kept() if each.name == found.name and each.hub == found.hub), None)
    return {
        **tool,
        "versions": best_first(tool["versions"]),
        "hub": found.hub,
        "source": place.source,
        "version": found.version,
        "digest": found.digest,
        "size": found.size,
        "place": found.place,
        "signatures": list(found.signatures),
        "yanked": found.yanked,
        "in_use": used.version if used else "",
    }


def _of_bytes(name: str, limits: Limits) -> dict[str, Any]:
    from eunomia import builtin
    from eunomia.registry.hub_entry import of_guest, of_package, version_of
    from eunomia.registry.resolve import package_of
    from eunomia.registry.store import digest_of

    program = fetched(name, limits)
    if program.is_guest:
        from eunomia.wasm.describe import describe

        tool, version = of_guest(describe(program.data, name)), ""
    else:
        package = package_of(program.data, program.origin, remote=program.is_remote)
        tool, version = of_package(package), version_of(package)
    hub = "built-in" if name in builtin.names() else ""
    source = program.source
    image = f"{source.name}{':' * bool(source.tag)}{source.tag}@{source.digest}" if source.kind == "oci" else ""
    facts = {"name": name, "hub": hub, "source": image or program.origin, "version": version, "versions": []}
    return {**tool, **facts, "digest": digest_of(program.data), "size": len(program.data), "in_use": ""}


def page(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the page for people."""
    from eunomia.cli.inspect import aligned

    summary = f": {clean(found['summary'])}" if found.get("summary") else ""
    yield f"{clean(found['name'])} {clean(found['version'])}".rstrip() + summary
    yield from aligned(list(_facts(found)))
    if found.get("details"):
        yield ""
        yield from (f"  {clean(line)}" for line in _wrapped(found["details"]))
    for title, table in (
        ("Options", _options(found.get("options", ()))),
        (
            "Events",
            [(row["map"], row.get("kind", ""), ", ".join(row.get("fields", ()))) for row in found.get("events", ())],
        ),
        ("Versions", _versions(found)),
        ("Evidence: what came of it, by kernel", _evidence(found.get("evidence", ()))),
    ):
        if table:
            yield ""
            yield title
            yield from aligned(table)


def _facts(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    hub, needs = found["hub"], found.get("needs", {})
    if found.get("yanked"):
        yield "withdrawn", found["yanked"]
    place = f"{hub} ({found['source']})" if hub and hub != "built-in" else hub or found["source"]
    yield "from", place
    yield "run", found["run"]
    if found["in_use"]:
        newest = next((each["version"] for each in found["versions"] if not each.get("yanked")), "")
        note = f", newest is {newest} [ecli upgrade {found['name']}]" if newest not in ("", found["in_use"]) else ""
        yield "in use", found["in_use"] + note
    yield "what", f"{found['kind']}, {found['size']} bytes, {found['digest']}"
    if hub and hub != "built-in":
        files = len(found["signatures"])
        yield (
            "signatures",
            f"{files} file{'' if files == 1 else 's'} [ecli verify {found['name']}]" if files else "none",
        )
    if found.get("licence"):
        yield "licence", found["licence"]
    points = found.get("attach") or ()
    if points:
        yield "attaches", ", ".join(points[:8]) + (f", and {len(points) - 8} more" if len(points) > 8 else "")
    words = [f"Linux {needs['kernel']} or newer"] if needs.get("kernel") else []
    words += [f"kernel BTF ({needs['btf']})"] if needs.get("btf") else []
    words += [" ".join(needs["capabilities"])] if needs.get("capabilities") else []
    if words:
        yield "needs", "; ".join(words)
    if found.get("architectures"):
        yield "for", " and ".join(found["architectures"])
    if found.get("policy"):
        yield "allow", " ".join(found["policy"])


def _options(options: Any) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for row in options:
        short = f"{row['short']}, " if row.get("short") else ""
        default = f"= {row['default']}" if row.get("default") else ""
        rows.append((short + row["name"], str(row.get("type", "")), default, row["help"]))
    return rows


def _versions(found: dict[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for each in found["versions"]:
        note = f"withdrawn: {each['yanked']}" if each.get("yanked") else ""
        note = note or ("in use" if each["version"] == found["in_use"] else "")
        rows.append((each["version"], f"{each['size']} bytes", each["digest"], note))
    return rows


def _evidence(entries: Any) -> list[tuple[str, ...]]:
    return [
        (row["arch"], row["kernel"], row["outcome"], str(row.get("date", "")), str(row.get("reason", "")))
        for row in entries
    ]


def _wrapped(text: str) -> list[str]:
    import textwrap

    from eunomia.cli.help import width

    return textwrap.wrap(" ".join(text.split()), width() - 2)
