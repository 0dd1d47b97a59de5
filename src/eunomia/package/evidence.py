"""Evidence in a package: on which kernels it ran, and what came of it.

`meta.eunomia.evidence` is an array of entries, one for a kernel and an architecture, the newest:
`{"kernel": "6.12.41", "arch": "arm64", "outcome": "fired", "reason": "3 of 3 programs ran", "date": "2026-11-21",
"object": "sha256:0123456789abcdef"}`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from eunomia.errors import PackageError
from eunomia.package.arches import kernel_name
from eunomia.package.check import kind_of, ours

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from eunomia.package.model import Package

OUTCOMES = ("fired", "attached", "refused", "failed")
_KEYS = ("kernel", "arch", "outcome", "date")
_MAX_TEXT = 400
_MAX_ENTRIES = 4096


def digest(package: Package) -> str:
    """Return what names the object that a package runs here, in an entry."""
    return f"sha256:{hashlib.sha256(package.object).hexdigest()[:16]}"


def evidence_of(package: Package) -> list[dict[str, Any]]:
    """Return a package's entries, by architecture and kernel; `stale` is true of those that are about another object.

    Raises:
        PackageError: what is there is no list of entries.
    """
    place = "$.meta.eunomia.evidence"
    found = ours(package.whole.meta).get("evidence", [])
    if type(found) is not list or len(found) > _MAX_ENTRIES:
        raise PackageError(f"`{place}`: expected array of at most {_MAX_ENTRIES}, got {kind_of(found)}")
    entries = [checked(entry, f"{place}[{index}]") for index, entry in enumerate(found)]
    return sorted((entry | {"stale": _is_stale(package, entry)} for entry in entries), key=_order)


def add_evidence(package: Package, entries: Iterable[Any], place: str = "$") -> None:
    """Put entries into a package; each replaces an older one about the same kernel and architecture.

    Args:
        package: the package.
        entries: as in `meta.eunomia.evidence`.
        place: what the entries are called in messages.

    Raises:
        PackageError: an entry is malformed, or about another object than the package's.
    """
    whole = package.whole
    kept = {_key(entry): _bare(entry) for entry in evidence_of(whole) if not entry["stale"]}
    for index, given in enumerate(entries):
        entry = checked(given, f"{place}[{index}]")
        if _is_stale(whole, entry):
            raise PackageError(
                f"`{place}[{index}].object`: {entry['object']}, which is not the package's object for {entry['arch']}"
                " [the evidence is about another build]"
            )
        older = kept.get(_key(entry))
        if older is None or older["date"] <= entry["date"]:
            kept[_key(entry)] = _bare(entry)
    if len(kept) > _MAX_ENTRIES:
        raise PackageError(f"`{place}`: more than {_MAX_ENTRIES} entries")
    own = whole.meta.get("eunomia")
    if type(own) is not dict or own.get("version") != 1:
        own = whole.meta["eunomia"] = {"version": 1}
    own["evidence"] = sorted(kept.values(), key=_order)


def checked(entry: Any, place: str) -> dict[str, Any]:
    """Return an entry whose keys are of the right types; others are kept.

    Raises:
        PackageError: they are not.
    """
    if type(entry) is not dict:
        raise PackageError(f"`{place}`: expected object, got {kind_of(entry)}")
    for key in (*_KEYS, "reason", "object"):
        value = entry.get(key)
        if value is None and key not in _KEYS:
            continue
        if type(value) is not str:
            missing = "required, but missing" if key not in entry else f"expected str, got {kind_of(value)}"
            raise PackageError(f"`{place}.{key}`: {missing}")
        if len(value) > _MAX_TEXT:
            raise PackageError(f"`{place}.{key}`: {len(value)} characters, at most {_MAX_TEXT} are read")
    if entry["outcome"] not in OUTCOMES:
        raise PackageError(f"`{place}.outcome`: expected {', '.join(OUTCOMES)}, got {entry['outcome']!r:.40}")
    return entry | {"arch": kernel_name(entry["arch"])}


def _is_stale(package: Package, entry: dict[str, Any]) -> bool:
    named = entry.get("object")
    if not named:
        return False
    from eunomia.package.arches import choose

    chosen = choose(package, entry["arch"])
    return chosen is None or digest(chosen) != named


def _bare(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "stale"}


def _key(entry: dict[str, Any]) -> tuple[str, str]:
    return entry["arch"], entry["kernel"]


def _order(entry: dict[str, Any]) -> tuple[str, list[tuple[int, str]]]:
    words = entry["kernel"].replace("-", ".").replace("+", ".").split(".")
    return entry["arch"], [(int(word), "") if word.isdecimal() and len(word) < 9 else (-1, word) for word in words]
