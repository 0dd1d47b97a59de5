"""`ecli install`: tools of hubs into the cache, to be run by name without a network from then on."""

from __future__ import annotations

from eunomia.cli.fetch_table import FETCH_OPTIONS
from eunomia.cli.fetching import end_progress, limits_of
from eunomia.cli.parser import VERBOSE, Command, Opt, UsageError
from eunomia.cli.report import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.registry.hub import Found
    from eunomia.registry.resolve import Limits

FETCHES = tuple(each for each in FETCH_OPTIONS if each.long in ("offline", "ca-file", "timeout", "max-size"))
COMMAND = Command(
    "install",
    "NAME[@VERSION]…",
    "fetch tools from the hubs, to be run by name and offline",
    (
        Opt("remove", "", "flag", "forget them instead: no version is in use any more", default=False),
        *FETCHES,
        VERBOSE,
    ),
    details="""\
The bytes are fetched, compared with the digest in the hub's index, and kept in the cache; NAME stands for this version
from then on, until `ecli upgrade`. The first `ecli run NAME` does the same. Nothing is loaded into the kernel: whether
it may run is decided when it runs. `ecli install` without names lists what is in use.""",
    examples=(
        ("ecli install opensnoop", "the newest version"),
        ("ecli install acme/opensnoop@1.2", "the newest 1.2.x of one hub"),
    ),
)


def main(argv: list[str]) -> int:
    """Run `ecli install`."""
    values = COMMAND.parse(argv)
    from eunomia.registry import hub

    if values["remove"]:
        return forget(values.operands)
    if not values.operands:
        from eunomia.cli.inspect import aligned

        rows = [(each.name, each.version, each.hub, each.digest) for each in hub.kept()]
        print("\n".join(aligned(rows, "")) if rows else "no tool of a hub is in use")
        return 0
    limits = limits_of(values)
    for name in values.operands:
        found = hub.find(name) if "@" in name else newest(name)
        if found is None:
            raise not_found(name)
        take(found, limits)
        print(f"{clean(found.name)} {clean(found.version)} from {clean(found.hub)}: {found.digest}")
    return 0


def newest(name: str) -> Found | None:
    """Return the newest version of a tool, whichever is in use."""
    from eunomia.registry import hub

    return hub.find(name, newest=True)


def take(found: Found, limits: Limits) -> None:
    """Get a version into the cache, and make it the one in use.

    Raises:
        FetchError: it cannot be had, is not what the index says, or cannot be kept.
    """
    from eunomia.errors import FetchError
    from eunomia.registry import hub
    from eunomia.registry.remote import of_hub
    from eunomia.registry.store import Store

    try:
        of_hub(found, found.text, limits)
    finally:
        end_progress()
    store = Store.open()
    if not store.has(found.digest):
        raise FetchError(f"install {found.text}: it cannot be kept [{store.failure or 'see ecli run -v'}]")
    hub.keep(found)


def forget(names: list[str]) -> int:
    """`ecli install --remove`."""
    from eunomia.errors import FetchError
    from eunomia.registry import hub

    if not names:
        raise UsageError("install --remove: which tools? [ecli install lists them]")
    there = {each.name for each in hub.kept()}
    for name in names:
        if name not in there:
            raise FetchError(f"install --remove {name}: no version of it is in use [ecli install lists them]")
    hub.forget(names)
    return 0


def not_found(name: str) -> Exception:
    """Return the error for a name that no hub has."""
    from eunomia.errors import FetchError
    from eunomia.registry import hubs

    there = ", ".join(each.name for each in hubs.load())
    if not there:
        return FetchError(f"install {name}: there are no hubs [ecli hub add NAME SOURCE]")
    return FetchError(f"install {name}: no such tool in {there} [ecli search WORDS; ecli hub update]")
