"""What became of the records of each map: docs/reference/accounting.md."""

from __future__ import annotations

from eunomia._native import check, ffi, lib, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.kernel.object import Object

WHY = (  # enum eu_unknown
    "package without accounting",
    "a call learns its map at run time",
    "more was read than counted",
    "the recording was cut short",
    "the replay ended before the recording",
)
KINDS = ("", "ring", "perf", "sample", "map")
NO_ROOM, MAP_FULL = 0, 1  # enum eu_cause: what only the object itself can count


class Account:
    """What became of one map's records: produced = delivered + filtered + discarded + sum of lost + pending.

    Attributes:
        map: its name; "(unclear)": updates through a pointer that may mean several maps.
        kind: "ring", "perf", "sample" (a map that is read at intervals), "map" (another map that programs update).
        is_known: the object counts what it produces. Otherwise `produced` is what was seen, nothing is `pending`, and
            more may be lost than `lost` says.
        why: why it is not known, in words; "" where it is.
        produced: calls that were to produce a record; of maps: elements delivered and lost.
        delivered: events or elements written, aggregated, recorded or taken.
        filtered: left out because of a filter or `max_events`.
        discarded: reserved and given back by the program.
        pending: produced and not read yet, or waiting for a slow reader of the output.
        lost: cause ("ring full", "undecodable", ...) to count, causes that were never seen left out.
    """

    __slots__ = ("delivered", "discarded", "filtered", "is_known", "kind", "lost", "map", "pending", "produced", "why")

    def __init__(self, counted: Any) -> None:
        self.map = text(counted.map)
        self.kind = KINDS[counted.kind]
        self.is_known = bool(counted.known)
        self.why = "" if counted.known else WHY[counted.why]
        self.produced: int = counted.produced
        self.delivered: int = counted.delivered
        self.filtered: int = counted.filtered
        self.discarded: int = counted.discarded
        self.pending: int = counted.pending
        self.lost: dict[str, int] = {
            text(lib.eu_cause_name(cause, counted.kind)): count for cause, count in enumerate(counted.lost) if count
        }

    @property
    def nr_lost(self) -> int:
        """Records lost, for whatever cause; of an account that is not known, those that were seen to be."""
        return sum(self.lost.values())

    def add(self, other: Account) -> None:
        """Add another account's numbers to these; the map's name and kind stay."""
        for name in ("produced", "delivered", "filtered", "discarded", "pending"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for cause, count in other.lost.items():
            self.lost[cause] = self.lost.get(cause, 0) + count
        self.is_known = self.is_known and other.is_known
        self.why = self.why or other.why

    def to_dict(self) -> dict[str, Any]:
        """Return the account as it stands in JSON; what nobody counted is None, never 0."""
        lost: dict[str, int | None] = dict(self.lost)
        if not self.is_known:
            cause = MAP_FULL if self.kind in ("sample", "map") else NO_ROOM
            lost.setdefault(text(lib.eu_cause_name(cause, KINDS.index(self.kind))), None)
        return {
            "map": self.map,
            "kind": self.kind,
            "known": self.is_known,
            "produced": self.produced if self.is_known else None,
            "delivered": self.delivered,
            "filtered": self.filtered,
            "discarded": self.discarded,
            "pending": self.pending if self.is_known else None,
            "lost": lost,
        }

    def __repr__(self) -> str:
        known = f"{self.produced} produced" if self.is_known else "produced unknown"
        parts = [known, f"{self.delivered} delivered"]
        for name in ("filtered", "discarded", "pending"):
            if getattr(self, name):
                parts.append(f"{getattr(self, name)} {name}")
        parts += [f"{count} lost ({cause})" for cause, count in self.lost.items()]
        if not self.is_known:
            parts.append(f"more lost unknown ({self.why})")
        return f"<Account {self.map}: {', '.join(parts)}>"


def object_accounts(obj: Object) -> dict[str, Account]:
    """Return the accounts of a loaded object by map; see `Object.account`."""
    from eunomia.events.stream import settle

    handle = obj.handle()
    settle(obj)
    one = ffi.new("struct eu_account *")
    found = {}
    for index in range(lib.eu_map_count(handle) + 1):
        if check(lib.eu_object_account(handle, index, one), "read account"):
            account = Account(one)
            found[account.map] = account
    return found
