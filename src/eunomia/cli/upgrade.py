"""`ecli upgrade`: newer versions of the hubs' tools that are in use here."""

from __future__ import annotations

import sys

from eunomia.cli.fetching import limits_of
from eunomia.cli.hub import of_hub
from eunomia.cli.install import FETCHES
from eunomia.cli.parser import JSON, VERBOSE, Command, Opt
from eunomia.cli.report import clean, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.registry.hub import Found
    from eunomia.registry.resolve import Limits

COMMAND = Command(
    "upgrade",
    "[NAME…]",
    "take newer versions of the hubs' tools that are in use",
    (
        Opt("dry-run", "", "flag", "only show what is newer", default=False),
        Opt("update", "", "flag", "do not fetch the hubs' indexes first", default=True),
        *FETCHES,
        JSON,
        VERBOSE,
    ),
    details="""\
In use is what `ecli install` or a first `ecli run NAME` took from a hub. The indexes are fetched, each newer version is
shown and fetched, and its name stands for it from then on. A version that its hub has withdrawn is replaced by the
newest that stands, an older one too; where there is none, that is said. A policy decides about the new version when it
runs.

Exit codes: 0 all is up to date or was upgraded; 1 something failed; 2 usage.""",
    examples=(("ecli upgrade --dry-run", "what would be taken"), ("ecli upgrade opensnoop", "one tool")),
)


def main(argv: list[str]) -> int:
    """Run `ecli upgrade`."""
    values = COMMAND.parse(argv)
    from eunomia.errors import EunomiaError, FetchError
    from eunomia.registry import hub

    limits = limits_of(values)
    kept = hub.kept()
    for name in values.operands:
        if name not in {each.name for each in kept}:
            raise FetchError(f"upgrade {name}: no version of it is in use [ecli install {name}]")
    kept = [each for each in kept if not values.operands or each.name in values.operands]
    failed = values["update"] and not limits.offline and not _update(sorted({each.hub for each in kept}), limits)
    rows = []
    for each in kept:
        try:
            rows.append(_upgraded(each, limits, only_show=values["dry-run"]))
        except (EunomiaError, OSError) as exc:
            failed = True
            rows.append({"name": each.name, "from": each.version, "to": "", "error": one_line(exc)})
    _show(rows, as_json=values["json"], is_known=not failed)
    return 1 if failed else 0


def _update(names: list[str], limits: Limits) -> bool:
    """Fetch the indexes; return whether all were had. The old ones serve where they were not."""
    from eunomia.registry import hubs

    good = True
    there = {each.name for each in hubs.load()}
    for each, _, after in hubs.update([name for name in names if name in there], limits) if there & {*names} else ():
        if isinstance(after, Exception):
            sys.stderr.write(f"ecli: {of_hub(each.name, after)}\n")
            good = False
    return good


def _upgraded(used: Found, limits: Limits, *, only_show: bool) -> dict[str, Any]:
    """Take the newest version of a tool; return a row of what was done."""
    from eunomia.cli.install import take
    from eunomia.registry import hub
    from eunomia.registry.hub_index import order

    best = hub.find(f"{used.hub}/{used.name}", newest=True)
    row: dict[str, Any] = {"name": used.name, "hub": used.hub, "from": used.version, "to": used.version, "note": ""}
    if best is None:
        return row | {"note": "the hub has it no more"}
    now = next((each for each in hub.versions(f"{used.hub}/{used.name}") if each.version == used.version), None)
    if now is None:
        row["note"] = f"{used.version} is in the hub no more"
    elif now.yanked:
        row["note"] = f"{used.version} is withdrawn: {now.yanked}"
    elif now.digest != used.digest:
        row["note"] = f"{used.version} has other bytes than before"
    elif order(best.version) <= order(used.version):
        return row
    if not only_show:
        take(best, limits)
    return row | {"to": best.version, "digest": best.digest}


def _show(rows: list[dict[str, Any]], *, as_json: bool, is_known: bool) -> None:
    from eunomia.cli.inspect import aligned

    if as_json:
        import json

        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        if row.get("error"):
            sys.stderr.write(f"ecli: upgrade {clean(row['name'])}: {row['error']}\n")
    moved = [row for row in rows if row["to"] and ("digest" in row or row["note"])]
    table = [(row["name"], row["from"], "->" if "digest" in row else "", row["to"], row["note"]) for row in moved]
    sys.stdout.writelines(f"{line}\n" for line in aligned(table, ""))
    if not rows:
        print("no tool of a hub is in use")
    elif not moved and not any(row.get("error") for row in rows):
        print(f"{len(rows)} in use, {'all up to date' if is_known else 'none newer in the indexes that were there'}")
