"""`--guest FILE`, and the guest of a package: opened before anything is loaded, told of at the end."""

from __future__ import annotations

import os

from eunomia.cli.fetching import fetched, limits_of
from eunomia.cli.run import admit, warn
from eunomia.errors import GuestError
from eunomia.events.run import RunOptions
from eunomia.package.guest import guest_of
from eunomia.registry.resolve import Program, file_name, is_file_name
from eunomia.registry.source import Source
from eunomia.wasm.eventguest import EventGuest
from eunomia.wasm.guest import MAX_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values
    from eunomia.package.model import Package


def open_guests(package: Package, values: Values, options: RunOptions) -> list[EventGuest]:
    """Open the guests of a run and put them into its options: the package's own first, but not where it is recorded."""
    modules = [] if options.record is not None else [guest_of(package)]
    modules += [named(path, values) for path in values["guest"]]
    guests: list[EventGuest] = []
    limits = {each: values[each] or 0 for each in ("memory", "stack", "table")}
    try:
        guests.extend(
            EventGuest(each[1], each[0], fuel=values["fuel"], **limits) for each in modules if each is not None
        )
    except BaseException:
        for guest in guests:
            guest.close()
        raise
    options.guests = guests
    return guests


def close_guests(guests: list[EventGuest], values: Values) -> None:
    """Say what they did, and close them."""
    for guest in guests:
        tell(guest, values)
        guest.close()


def named(name: str, values: Values) -> tuple[str, bytes]:
    """Return the name and bytes of the guest that `--guest` names: a file, or what a PROG may be."""
    if os.path.exists(name) or is_file_name(name):
        data = read(name)
        admit(Program(data, name, Source("file", name)), None, values, None)
        return os.path.basename(name), data
    limits = limits_of(values)
    limits.sha256 = ""  # that is PROG's
    found = fetched(name, limits)
    admit(found, None, values, limits)
    if not found.is_guest:
        raise GuestError(f"open guest {name}: not a Wasm module")
    return file_name(found.origin), found.data


def read(path: str) -> bytes:
    """Return the bytes of a module."""
    try:
        if os.path.getsize(path) > MAX_FILE:
            raise OSError(27, "file too large")
        with open(path, "rb") as file:
            return file.read()
    except OSError as exc:
        raise OSError(exc.errno, f"open guest {path}: {(exc.strerror or str(exc)).lower()}") from exc


def tell(guest: EventGuest, values: Values) -> None:
    """Say what a guest did, and with -v where it trapped."""
    counts = guest.counts()
    if counts["events"] and not (values["quiet"] or values["compat"]):
        parts = [f"{word} {counts[word]}" for word in ("dropped", "changed", "added") if counts[word]]
        if (failed_at := guest.failed_at) is None:
            warn(f"guest {guest.name}: {events(counts['events'])}, {', '.join(parts) or 'all passed'}")
        else:
            parts.insert(0, f"{counts['passed']} passed")
            warn(f"guest {guest.name}: failed {where(*failed_at, counts['events'])}; {', '.join(parts)}")
    if values["verbose"] and guest.detail:
        warn(guest.detail)


def where(first: int, last: int, count: int) -> str:
    """Say in which of its events a guest failed."""
    if not first:
        return f"after {events(count)}"
    return f"at event {first}" if first == last else f"at one of the events {first} to {last}"


def events(count: int) -> str:
    """Return a number of events."""
    return f"{count} event{'' if count == 1 else 's'}"
