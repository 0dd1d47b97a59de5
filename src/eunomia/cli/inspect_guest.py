"""`ecli inspect GUEST.wasm`: what a guest imports and carries, and what it would have to be allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eunomia.cli.inspect import aligned
from eunomia.cli.report import clean
from eunomia.wasm.describe import narrower
from eunomia.wasm.interface import AGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

PAGE = 64  # KiB


def page(found: dict[str, Any], *, everything: bool = False) -> Iterator[str]:
    """Yield the lines of the page for people; with `everything` each import and export."""
    is_component = found["kind"] == "component"
    what = "component" if is_component else "guest"
    yield f"{clean(found['name'])}: a Wasm {what}, {found['size']} bytes"
    yield from [f"  {each}" for each in found["interfaces"]] if is_component else aligned(_head(found))
    for number, row in enumerate(found["objects"], 1):
        yield ""
        yield from _object(number, row)
    if not found["objects"] and not found.get("entry", "").startswith("on_"):
        yield ""
        yield "Objects: none found in its data (it may make, read or unpack them when it runs)"
    yield ""
    yield "Policy"
    yield from _policy(found)
    if is_component:
        return
    yield ""
    yield from _imports(found["imports"], everything)
    if everything:
        yield ""
        yield f"Exports ({len(found['exports'])})"
        yield from aligned([(row["name"], row["kind"], row["type"]) for row in found["exports"]])


def _head(found: dict[str, Any]) -> list[tuple[str, str]]:
    memory = found["memory"]
    size = "none of its own"
    if memory:
        most = f", at most {memory['max_pages'] * PAGE} KiB" if memory["max_pages"] is not None else ""
        size = f"{memory['pages'] * PAGE} KiB at the start{most}"
    entry = found["entry"] or "none: neither _start nor bpf_main is exported, it cannot be run"
    if entry.startswith("on_"):
        entry += ": for a tool's events, ecli run --guest FILE TOOL"
    ages = "; ".join(words for age, words in AGES.items() if age in found["interface"]) or "none"
    return [("entry", entry), ("interface", ages), ("memory", size)]


def _imports(rows: list[dict[str, Any]], everything: bool) -> Iterator[str]:
    """Yield the imports: what this host does not have one by one, the rest by its age of the interface."""
    unknown = [row for row in rows if not row["known"]]
    notes = [f"{len(unknown)} that this host does not have"] if unknown else []
    notes += [] if everything or len(unknown) == len(rows) else ["-v shows each"]
    yield f"Imports ({', '.join([str(len(rows)), *notes])})"
    if everything:
        yield from aligned([_import(row) for row in rows])
        return
    counts = {age: sum(row["interface"] == age for row in rows) for age in AGES}
    yield from aligned([(AGES[age], str(number)) for age, number in counts.items() if number])
    yield from aligned([_import(row) for row in unknown])


def _import(row: dict[str, Any]) -> tuple[str, ...]:
    name = f"{row['module']}.{row['name']}"
    if row["known"]:
        return (name, row["type"], AGES[row["interface"]])
    note = f"another type here: {' or '.join(row['expected'])}" if row["expected"] else _giver(row["module"])
    return (name, row["type"] or row["kind"], f"NOT HERE: {note}")


def _giver(module: str) -> str:
    """Say who may have what this host does not."""
    if module in ("env", "wasm_bpf", "callback-wrapper", "eunomia") or module.startswith("wasi_"):
        return "unknown"
    return f"yours to give (--link {clean(module)}=MODULE, or Guest.register)"


def _object(number: int, row: dict[str, Any]) -> Iterator[str]:
    what = f"package {clean(row['package'])}" if "package" in row else "BPF object"
    how = {"ELF": "", "package": ""}.get(row["form"], f", as {row['form']}")
    yield f"{what[:1].upper()}{what[1:]} {number} ({row['size']} bytes{how})"
    if row["error"]:
        yield f"  {clean(row['error'])}"
        return
    licence = [("licence", row["licence"] or "none")]
    programs = [
        (each["name"], each["attach"], each["type"] or "unknown type", f"{each['instructions']} instructions",
         ("" if each["allowed"] else "must be allowed") + ("" if each["autoload"] else " not loaded by itself"))
        for each in row["programs"]
    ]  # fmt: skip
    maps = [
        (each["name"], each["type"], f"{each['max_entries']} entries" if each.get("max_entries") else "",
         f"{each.get('key_size') or 0} -> {each['value_size']} bytes" if each.get("value_size") else "",
         "pinned" if each["pinned"] else "")
        for each in row["maps"]
    ]  # fmt: skip
    yield from aligned(licence)
    if programs:
        yield "  programs"
        yield from aligned(programs, "    ")
    if maps:
        yield "  maps"
        yield from aligned(maps, "    ")


def _policy(found: dict[str, Any]) -> Iterator[str]:
    if found.get("entry", "").startswith("on_"):
        yield "  nothing to allow: a guest of events has no BPF of its own"
        return
    if not found["policy"]:
        unknown = "  unknown: what it loads is not to be seen here; a refusal says what is missing"
        yield "  nothing to allow: its programs only observe" if found["objects"] else unknown
        return
    yield f"  needs     {' '.join(map(clean, found['policy']))}"
    for each in narrower(found["objects"]):
        yield f"  narrower  {each}"
