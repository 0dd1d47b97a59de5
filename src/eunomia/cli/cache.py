"""`ecli cache`: what was fetched from elsewhere and is kept: listed, pruned, cleared."""

from __future__ import annotations

import sys

from eunomia.cli.parser import JSON, VERBOSE, Command, Opt, UsageError, did_you_mean
from eunomia.cli.report import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.cli.parser import Values
    from eunomia.registry.store import Entry, Store

ACTIONS = ("list", "prune", "clear")
DAY = 86400.0
USUAL_DAYS = 30
COMMAND = Command(
    "cache",
    "list|prune|clear",
    "show or empty the cache of programs that came from registries, hubs and URLs",
    (
        Opt("older", "", "index", f"prune: what was not used for so many days [default: {USUAL_DAYS}]", "DAYS"),
        Opt("size", "", "size", "prune: what was not used for longest, until no more than this is left"),
        JSON,
        VERBOSE,
    ),
    details="""\
  list     what is there, the last used first
  prune    remove what was not used for long
  clear    remove everything

`prune` without options removes what was not used for 30 days, but no installed tool of a hub (`ecli install`); --size
heeds nothing but the size. -v of `list` shows digests.

The cache is in $XDG_CACHE_HOME/eunomia/registry (~/.cache/eunomia/registry), each user's own. What is read from it is
verified; indexes of hubs and signatures stay.

Exit codes: 0 done; 1 something could not be removed; 2 usage.""",
    examples=(
        ("ecli cache list", "what runs without a network"),
        ("ecli cache prune --older 7", "what was not used for a week"),
        ("ecli cache prune --size 100M", "keep the cache small"),
    ),
    choices=ACTIONS,
)


def main(argv: list[str]) -> int:
    """Run `ecli cache`."""
    values = COMMAND.parse(argv)
    action = values.operands[0] if values.operands else ""
    if action not in ACTIONS:
        what = f"no action {action!r}{did_you_mean(action, ACTIONS)}" if action else "what to do?"
        raise UsageError(f"cache: {what} (there are {', '.join(ACTIONS)})")
    values.no_more_than(1)
    given = next((name for name in ("older", "size") if name in values.given), "")
    if given and action != "prune":
        raise UsageError(f"--{given} is for ecli cache prune")
    from eunomia.registry.store import Store

    store = Store.open()
    if not store.folder:
        raise OSError(2, f"open cache: {store.failure}")
    return show(store, values) if action == "list" else remove(store, values, action)


def show(store: Store, values: Values) -> int:
    """Print what is there."""
    found = sorted(_distinct(list(store.entries())), key=lambda each: (-each.used, each.name))
    if values["json"]:
        import json

        tree = {"folder": store.folder, "programs": [row(store, each) for each in found]}
        sys.stdout.write(json.dumps(tree, indent=2) + "\n")
        return 0
    from eunomia.cli.inspect import aligned
    from eunomia.cli.progress import size
    from eunomia.registry.pruning import sizes
    from eunomia.registry.remote import age

    rows = []
    for each in found:
        facts: tuple[str, ...] = (clean(shown(each.name)), size(each.size), f"fetched {age(each.fetched)}")
        facts += (f"used {age(int(each.used))}",)
        rows.append((*facts, each.digest or each.data) if values["verbose"] else facts)
    lines = [line.strip() for line in aligned(rows)] if rows else []
    total = sum(sizes(store).values())
    lines.append(f"{len(found)} program{'' if len(found) == 1 else 's'}, {size(total)} in {clean(store.folder)}")
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def row(store: Store, entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON has it."""
    return {
        "name": shown(entry.name),
        "size": entry.size,
        "digest": entry.digest or None,
        "sha256": entry.data,
        "media_type": entry.media_type or None,
        "fetched": entry.fetched,
        "used": int(entry.used),
        "there": store.has(entry.data),
    }


def shown(name: str) -> str:
    """Return a name for people: without the query of a URL, which may hold a secret; of a hub's tool what one types."""
    address, mark, _ = name.partition("?")
    return address + (mark and "?…") if "://" in name else name.removeprefix("hub ")


def remove(store: Store, values: Values, action: str) -> int:
    """Prune or clear; say what is gone."""
    from eunomia.cli.progress import size
    from eunomia.registry.pruning import clear, prune

    if action == "clear":
        removed = clear(store)
    else:
        older = values["older"]
        days = USUAL_DAYS if older is None and values["size"] is None else older
        removed = prune(store, older=None if days is None else days * DAY, size=values["size"], keep=in_use())
    names = sorted({shown(each.name) for each in _distinct(removed.entries)})
    if values["json"]:
        import json

        sys.stdout.write(json.dumps({"removed": names, "bytes": removed.size}, indent=2) + "\n")
    else:
        lines = [f"removed {clean(name)}\n" for name in names] if values["verbose"] or action == "prune" else []
        count = f"{len(names)} program{'' if len(names) == 1 else 's'}"
        sys.stdout.write("".join(lines) + f"{count}, {size(removed.size)} removed\n")
    return 1 if action == "clear" and any(True for _ in store.files("blobs")) else 0


def in_use() -> frozenset[str]:
    """Return the names of the hubs' tools that are installed: they are to run offline, whenever that is."""
    from eunomia.registry.hub import kept

    return frozenset(f"hub {each.text}" for each in kept())


def _distinct(entries: list[Entry]) -> list[Entry]:
    """Leave out what is there by its digest only because it was fetched by its tag."""
    tagged = {(each.data, each.digest) for each in entries if "@sha256:" not in each.name}
    return [each for each in entries if "@sha256:" not in each.name or (each.data, each.digest) not in tagged]
