"""`ecli hub`: where tools are found by name: hubs added, removed, updated, listed; and a hub of one's own made."""

from __future__ import annotations

import os
import sys

from eunomia.cli.fetching import limits_of
from eunomia.cli.parser import JSON, VERBOSE, Command, Opt, UsageError, did_you_mean
from eunomia.cli.registry_options import CONNECTION, connection
from eunomia.cli.report import clean, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from eunomia.cli.parser import Values
    from eunomia.publish.private_keys import PrivateKey

ACTIONS = ("add", "remove", "update", "list", "build", "push")
MAKING = "Making a hub"
COMMAND = Command(
    "hub",
    "ACTION [WORDS]",
    "add and update hubs, where tools are found by name; make one",
    (
        Opt("first", "", "flag", "add: ask this hub before the others", default=False),
        Opt("system", "", "flag", "add, remove: for all users of this machine", default=False),
        Opt("key", "", "file", "add: its index must be signed with this public key", "KEY"),
        Opt("out", "", "file", "build: the folder that it is written to", "DIR", default="hub", group=MAKING),
        Opt("title", "", "text", "build: what the hub is called on its pages", "TEXT", group=MAKING),
        Opt("base-url", "", "text", "build: where the hub will be, for the lines to copy", "URL", group=MAKING),
        Opt("previous", "", "text", "build: what this published hub has stays in the new one", "SOURCE", group=MAKING),
        Opt("sign", "", "file", "build: sign every tool and the index with this private key", "KEY", group=MAKING),
        Opt("matrix", "", "file", "build: more evidence by kernel, as docs/matrix.json has it", "FILE", group=MAKING),
        Opt("yank", "", "text", "build: withdraw a version", "TOOL@VERSION=WHY", repeat=True, group=MAKING),
        Opt("tool-version", "", "text", "build: of tools that say none [default: 0.0.0]", "VERSION", group=MAKING),
        Opt("replace", "", "flag", "build: a version may have other bytes than before", default=False, group=MAKING),
        *CONNECTION,
        JSON,
        VERBOSE,
    ),
    details="""\
  add NAME SOURCE    ask this hub from now on
  remove NAME        ask it no more
  update [NAME…]     fetch the indexes again
  list               the hubs, the first one first
  build DIR          make a hub of packages and guests
  push DIR REF       put it into an OCI repository

NAME is yours to choose. SOURCE is an http or https URL, a folder, or oci://REGISTRY/REPOSITORY. After `add`, `ecli run
TOOL` finds the tools of the hub, HUB/TOOL those of one hub, TOOL@1.2 the newest 1.2.x, and `ecli search` all of them.
Names are looked up in the indexes that were fetched: nothing leaves the machine but the download of a tool that an
index names. The first version that is run or installed stays the one in use until `ecli upgrade`.

Hubs are each user's own: with sudo, those of root.

Exit codes: 0 done; 1 an index cannot be had or is damaged, or a file was left out of a hub; 2 usage.""",
    examples=(
        ("ecli hub add acme https://tools.example/hub/", "a hub on the web"),
        ("ecli hub update", "what is new in all hubs"),
        ("ecli hub build packages --out site --title 'Our tools'", "a hub of one's own, to be copied to a web server"),
        ("ecli hub push site registry.example/tools/hub", "the same in a registry"),
    ),
    choices=ACTIONS,
)


def main(argv: list[str]) -> int:
    """Run `ecli hub`."""
    values = COMMAND.parse(argv)
    if not values.operands:
        raise UsageError(f"hub: what to do? [{', '.join(ACTIONS)}; see ecli hub --help]")
    action, *words = values.operands
    run: dict[str, Callable[[list[str], Values], int]] = {
        "add": add,
        "remove": remove,
        "update": update,
        "list": show_list,
        "build": build,
        "push": push,
    }
    if action not in run:
        raise UsageError(f"hub: no action {action!r}{did_you_mean(action, ACTIONS)} (there are {', '.join(ACTIONS)})")
    return run[action](words, values)


def add(words: list[str], values: Values) -> int:
    """`ecli hub add NAME SOURCE`."""
    from eunomia.registry import hubs

    name, source = wants(words, "add", "NAME", "SOURCE")
    new = hubs.Hub(name, source, is_system=values["system"], plain_http=values["plain-http"])
    for option, file in (("ca_file", values["ca-file"]), ("key", values["key"])):
        if file:
            new.options[option] = os.path.abspath(file)
    before = next((each for each in hubs.named(name) if each.is_system == new.is_system), None)
    tree = hubs.add(new, limits_of(values), first=values["first"])
    done = f"added {clean(name)}"
    if before is not None:
        done = f"{'replaced' if before.source != new.source else 'fetched'} {clean(name)}"
        done += f" (was {clean(before.source)})" if before.source != new.source else " again"
    signed = f", signed with {clean(new.options['key'])}" if "key" in new.options else ""
    print(f"{done}: {count(tree)}{signed} [ecli search --hub {clean(name)}]")
    return 0


def remove(words: list[str], values: Values) -> int:
    """`ecli hub remove NAME`."""
    from eunomia.registry import hubs

    (name,) = wants(words, "remove", "NAME")
    hubs.remove(name, is_system=values["system"])
    print(f"removed {clean(name)}")
    return 0


def update(words: list[str], values: Values) -> int:
    """`ecli hub update [NAME…]`: 1 where an index cannot be had."""
    from eunomia.registry import hubs

    failed = False
    rows: list[dict[str, Any]] = []
    for hub, before, after in hubs.update(words, limits_of(values)):
        if isinstance(after, Exception):
            failed = True
            sys.stderr.write(f"ecli: hub {clean(hub.name)}: {one_line(after)}\n")
            rows.append({"hub": hub.name, "error": one_line(after)})
            continue
        news = list(changes(before, after))
        rows.append({"hub": hub.name, "tools": len(after["tools"]), "changes": news})
        if not values["json"]:
            print(f"{clean(hub.name)}: {count(after)}" + ("" if news else ", nothing new"))
            for each in news:
                print(f"  {clean(each['tool'])}  {clean(each['what'])}")
    if values["json"]:
        import json

        print(json.dumps(rows, indent=2))
    elif not rows:
        sys.stderr.write("ecli: hub update: there are no hubs [ecli hub add NAME SOURCE]\n")
    return 1 if failed else 0


def changes(before: dict[str, Any] | None, after: dict[str, Any]) -> list[dict[str, str]]:
    """Return what is new in an index: tools that came, went, have a new version, or one that was withdrawn."""
    if before is None:
        return []
    old = {tool["name"]: tool for tool in before["tools"]}
    rows = []
    for tool in sorted(after["tools"], key=lambda each: each["name"]):
        known = {each["version"]: each for each in old.pop(tool["name"], {"versions": []})["versions"]}
        for version in tool["versions"]:
            name, yanked = version["version"], version.get("yanked")
            was = known.pop(name, None)
            if was is None:
                rows.append({"tool": tool["name"], "what": f"{name} is new"})
            elif was["digest"] != version["digest"]:
                rows.append({"tool": tool["name"], "what": f"{name} has other bytes than before"})
            if yanked and not (was or {}).get("yanked"):
                rows.append({"tool": tool["name"], "what": f"{name} is withdrawn: {yanked}"})
        rows += [{"tool": tool["name"], "what": f"{name} is gone"} for name in known]
    return rows + [{"tool": name, "what": "is gone"} for name in old]


def show_list(words: list[str], values: Values) -> int:
    """`ecli hub list`."""
    from eunomia.cli.inspect import aligned
    from eunomia.errors import FetchError
    from eunomia.registry import hubs

    wants(words, "list")
    rows: list[dict[str, Any]] = []
    for each in hubs.load():
        row: dict[str, Any] = {"name": each.name, "source": each.source, "system": each.is_system}
        row["key"] = each.options.get("key", "")
        try:
            tree = each.index()
            row["tools"] = len(tree["tools"]) if tree else None
            row["title"] = (tree or {}).get("title", "")
        except FetchError as exc:
            row |= {"tools": None, "title": "", "error": str(exc)}
        rows.append(row)
    if values["json"]:
        import json

        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    if not rows:
        sys.stderr.write("ecli: hub list: there are no hubs [ecli hub add NAME SOURCE]\n")
    table = []
    for row in rows:
        tools = "not fetched yet [ecli hub update]" if row["tools"] is None else number(row["tools"], "tool")
        tools = "damaged [ecli hub update]" if "error" in row else tools
        notes = [row["title"]] if row["title"] else []
        notes += [f"key {row['key']}"] if row["key"] else []
        notes += ["all users"] if row["system"] else []
        table.append((row["name"], row["source"], tools, ", ".join(notes)))
    sys.stdout.writelines(f"{line}\n" for line in aligned(table, ""))
    return 0


def build(words: list[str], values: Values) -> int:
    """`ecli hub build DIR`."""
    from eunomia.publish.hub_build import NO_VERSION, Settings
    from eunomia.publish.hub_build import build as make

    (folder,) = wants(words, "build", "DIR")
    settings = Settings(
        values["out"],
        title=values["title"] or "",
        base_url=values["base-url"] or "",
        key=_private_key(values["sign"]),
        matrix=values["matrix"] or "",
        yanked=tuple(values["yank"]),
        replace=values["replace"],
        version=values["tool-version"] or NO_VERSION,
        previous=values["previous"] or "",
        limits=limits_of(values),
    )
    made = make(folder, settings)
    code = 1 if made["skipped"] else 0
    if values["json"]:
        import json

        print(json.dumps(made, indent=2))
        return code
    for text in made["skipped"]:
        sys.stderr.write(f"ecli: hub build: left out {clean(text)}\n")
    if values["previous"] and not made["had_previous"]:
        sys.stderr.write(f"ecli: hub build: nothing is published at {clean(values['previous'])} yet\n")
    for name in made["unversioned"] if not values["tool-version"] else ():
        sys.stderr.write(
            f"ecli: hub build: {clean(name)} says no version: it is {NO_VERSION} [@version in the comment at LICENSE;"
            f" a folder {clean(name)}/VERSION/; --tool-version]\n"
        )
    for text in made["added"]:
        print(f"added {clean(text)}")
    for text in made["withdrawn"]:
        print(f"withdrew {clean(text)}")
    signed = ", signed" if made["signed"] else ""
    print(f"{clean(values['out'])}: {number(made['tools'], 'tool')}, {number(made['versions'], 'version')}{signed}"
          f" [ecli hub add NAME {clean(values['base-url'] or values['out'])}]")  # fmt: skip
    return code


def _private_key(path: str | None) -> PrivateKey | None:
    if not path:
        return None
    from eunomia.cli.passphrase import ask
    from eunomia.publish.private_keys import read_private_key

    return read_private_key(path, ask)


def push(words: list[str], values: Values) -> int:
    """`ecli hub push DIR REF`."""
    from eunomia.publish.hub_push import push as send

    folder, reference = wants(words, "push", "DIR", "REF")
    digest = send(folder, reference, **connection(values))
    print(
        f"{clean(reference.removeprefix('oci://'))}@{digest} [ecli hub add NAME oci://{clean(reference.removeprefix('oci://'))}]"
    )
    return 0


def wants(words: list[str], action: str, *names: str) -> list[str]:
    """Return the words of an action.

    Raises:
        UsageError: there are too few or too many.
    """
    if len(words) < len(names):
        raise UsageError(f"hub {action}: {names[len(words)]} is missing [ecli hub {action} {' '.join(names)}]")
    if len(words) > len(names):
        raise UsageError(f"hub {action}: unexpected argument {words[len(names)]!r} [see ecli hub --help]")
    return words


def count(tree: dict[str, Any]) -> str:
    """Say how many tools an index has."""
    return number(len(tree["tools"]), "tool")


def number(count: int, word: str) -> str:
    """Say how many there are of something."""
    return f"{count} {word}{'' if count == 1 else 's'}"
