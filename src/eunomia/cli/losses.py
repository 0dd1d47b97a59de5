"""The accounts of a run as one line on standard error, and what of them `--fail-on-loss` fails.

On the way of every `ecli run`: it imports nothing heavy.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from eunomia.events.account import Account
    from eunomia.kernel.object import Object

BUFFERS = ("ring", "perf")
ASKED_FOR = ("sampled out", "rate limit")
USUAL_RING, USUAL_PERF = 8 << 20, 64  # what a buffer that nobody sized has, a ring where memory allows


def lost_unasked(accounts: Sequence[Account]) -> int:
    """Return how many events were lost that the user did not ask to lose with --sample or --rate-limit."""
    return sum(count for each in accounts for cause, count in each.lost.items() if cause not in ASKED_FOR)


def exit_line(accounts: Sequence[Account]) -> str:
    """Return what became of all events; "" where there is nothing to say: no event sources, and no map was full.

    `153 delivered, none lost`, or the account in full: `produced 1000 = delivered 612 + lost 388 (ring full 388)`. Each
    source under its name where there are several and not all went well.
    """
    told = [each for each in accounts if each.kind in BUFFERS or each.lost]
    if len(told) > 1 and not any(each.lost or each.pending for each in told):
        told = merged(told)
    if len(told) < 2:
        return "".join(segment(each) for each in told)
    from eunomia.cli.report import clean

    return "; ".join(f"{clean(each.map)}: {segment(each)}" for each in told)


def segment(account: Account) -> str:
    """Return one source's account in words that add up."""
    lost = sum(account.lost.values())
    causes = ", ".join(f"{cause} {count}" for cause, count in account.lost.items())
    if account.kind not in BUFFERS:
        return f"lost {lost} ({causes})"
    terms = [f"delivered {account.delivered}"]
    for word in ("filtered", "discarded", "pending"):
        if getattr(account, word):
            terms.append(f"{word} {getattr(account, word)}")
    plain = terms[0] if len(terms) > 1 or lost else f"{account.delivered} delivered"
    if not account.is_known:
        if lost:
            return f"{' + '.join(terms)} + lost {lost} or more ({causes}; {account.why})"
        return f"{' + '.join([plain, *terms[1:]])}, lost unknown ({account.why})"
    if lost:
        terms.append(f"lost {lost} ({causes})")
    if len(terms) == 1:
        return f"{plain}, none lost"
    return f"produced {account.produced} = {' + '.join(terms)}{'' if lost else ', none lost'}"


def merged(accounts: list[Account]) -> list[Account]:
    """Return one account for several that lost nothing, unless only some of them can know."""
    first = accounts[0]
    if any(each.is_known != first.is_known for each in accounts):
        return accounts
    for each in accounts[1:]:
        first.add(each)
    return [first]


def hints(accounts: Sequence[Account], live: Object) -> str:
    """Return what helps against these losses, in brackets, or ""."""
    causes = {cause: each.map for each in accounts for cause in each.lost}
    found = []
    if "ring full" in causes:
        wanted = 4 * max(live.maps[each.map].max_entries for each in accounts if "ring full" in each.lost)
        found.append(f"--ring-size {max(wanted, USUAL_RING) >> 20}M")
    if "perf buffer full" in causes:
        wanted = 4 * max(live.maps[each.map].perf_pages for each in accounts if "perf buffer full" in each.lost)
        found.append(f"--perf-pages {max(wanted, USUAL_PERF)}")
    if "queue full" in causes:
        found.append("the output's reader is slow: --queue SIZE, -o FILE")
    if causes.get("map full", "") in live.maps:
        found.append(f"map {causes['map full']} holds {live.maps[causes['map full']].max_entries} elements")
    return f" [{'; '.join(found)}]" if found else ""
