"""`ecli inspect`: what is in a package, without running it and without root."""

from __future__ import annotations

import sys

from eunomia.cli.fetch_table import FETCH_OPTIONS
from eunomia.cli.parser import JSON, VERBOSE, Command, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

COMMAND = Command(
    "inspect",
    "PROG",
    "show what is in a package: programs, maps, options, event types, needs; or in a Wasm guest",
    (*FETCH_OPTIONS, JSON, VERBOSE),
    details="PROG is a package, an object, a C source, a Wasm guest, a folder with one of these, a URL, - for standard "
    "input, or the name of a built-in tool. Nothing of it is run.\n\n"
    "Of a guest: the objects and packages in its data, what its policy must allow, and what it imports, by its age of "
    "the interface or as unknown; with -v each import and export.",
    examples=(
        ("ecli inspect opensnoop", "a built-in tool"),
        ("ecli inspect -j ./package.json", "a file, as JSON"),
    ),
    choices=("@builtin", "@file"),
)


def main(args: list[str]) -> int:
    """Run `ecli inspect`."""
    values = COMMAND.parse(args)
    if not values.operands:
        raise UsageError("inspect: which package? [see ecli inspect --help]")
    values.no_more_than(1)
    from eunomia.cli.fetching import fetched, limits_of
    from eunomia.registry.resolve import package_of

    program = fetched(values.operands[0], limits_of(values))
    if program.is_guest:
        from eunomia.cli.inspect_guest import page as guest_page
        from eunomia.wasm.describe import describe as describe_guest

        found = describe_guest(program.data, values.operands[0])
        lines = guest_page(found, everything=bool(values["verbose"]))
    else:
        from eunomia.package.describe import describe

        found = describe(package_of(program.data, program.origin, remote=program.is_remote))
        lines = page(found)
    if values["json"]:
        import json

        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(lines) + "\n")
    return 0


def page(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the page for people."""
    yield from _head(found)
    for title, table in (
        (f"Programs ({len(found['programs'])})", _programs(found["programs"])),
        (f"Maps ({len(found['maps'])})", _maps(found["maps"])),
        (f"Options ({len(found['options'])})", _options(found["options"])),
        (
            "Variables that cannot be options",
            [(row["name"], row["type"], row["section"]) for row in found["not_settable"]],
        ),
    ):
        if table:
            yield ""
            yield title
            yield from aligned(table)
    for event in found["events"]:
        yield ""
        yield from _event(event)
    yield ""
    yield from _needs(found["needs"])
    if found["evidence"]:
        yield ""
        yield "Evidence: what came of it, by kernel"
        yield from aligned(evidence_rows(found["evidence"]))
    if found["btf_archive"]:
        yield ""
        yield f"BTF archive ({len(found['btf_archive'])} kernels)"
        yield from aligned([(path, f"{size} bytes") for path, size in found["btf_archive"].items()])


def _head(found: dict[str, Any]) -> Iterator[str]:
    brief = found["doc"].get("brief") or found["doc"].get("description") or ""
    yield _clean(found["name"]) + (f": {_clean(' '.join(brief.split()))}" if brief else "")
    sizes = found["sizes"]
    rows = [
        ("licence", found["licence"] or "none: helpers for GPL programs are refused by the kernel"),
        ("object", f"{sizes['object']} bytes ({sizes['packed_object']} packed)"),
        ("meta", f"{sizes['meta']} bytes"),
    ]
    producer = " ".join(str(value) for value in found["producer"].values() if value)
    if found["doc"].get("version"):
        rows.insert(0, ("version", found["doc"]["version"]))
    if producer:
        rows.append(("made by", producer))
    if found["guest"]:
        guest = found["guest"]
        what = f"{guest['size']} bytes, {guest['digest'][:19]}: gets the events before they are shown"
        rows.append(("guest", f"{_clean(guest['name'])}, {what}"))
    rows.append(("for", architectures(found["architectures"])))
    if found["events"]:
        uncounted = "not counted: what a full buffer loses is unknown"
        rows.append(("accounts", "every event and every loss is counted" if found["accounting"] else uncounted))
    yield from aligned(rows)


def architectures(found: dict[str, Any]) -> str:
    """Say in words which architectures a package serves."""
    names, objects = found["served"], found["objects"]
    if not names:
        return "every architecture, as far as the package says"
    if not objects:
        return f"{' and '.join(names)}: one object serves {'them all' if len(names) > 1 else 'it alone'}"
    own = [name for name in names if name not in objects]
    return f"{', '.join(own)}; objects of their own for {', '.join(f'{k} ({v} bytes)' for k, v in objects.items())}"


def evidence_rows(entries: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return the rows of a table of evidence."""
    return [
        (
            each["arch"],
            each["kernel"],
            each["outcome"],
            each["date"],
            (each.get("reason") or "") + (" (of another build)" if each.get("stale") else ""),
        )
        for each in entries
    ]


def _programs(programs: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            row["name"],
            row["attach"],
            row["type"] or "unknown type",
            f"{row['instructions']} instructions",
            _extras(row) + ("" if row["autoload"] else " not loaded by itself"),
        )
        for row in programs
    ]


def _maps(maps: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for row in maps:
        sides = [_side(row, side) for side in ("key", "value")]
        arrow = " -> ".join(side for side in sides if side)
        unit = "bytes" if row["type"] in {"ringbuf", "user_ringbuf"} else "entries"
        entries = row.get("max_entries")
        rows.append((row["name"], row["type"], arrow, f"{entries} {unit}" if entries else "", _extras(row)))
    return rows


def _side(row: dict[str, Any], side: str) -> str:
    if side in row:
        return str(row[side])
    size = row.get(f"{side}_size")
    return f"{size} bytes" if size else ""


def _extras(row: dict[str, Any]) -> str:
    import json

    extras = row.get("meta") or {}
    return " ".join(f"@{key} {json.dumps(value, ensure_ascii=False)}" for key, value in extras.items())


def _options(options: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for row in options:
        shown = f"= {row['default_text']}" if row["default_text"] else ""
        rows.append((row["switches"][0], row["type"], shown, row["help"]))
    return rows


def _event(event: dict[str, Any]) -> Iterator[str]:
    yield f"Events of {_clean(event['map'])} ({event['kind']})"
    if not event["types"]:
        yield "  their type is not known: records are shown as bytes"
    for one in event["types"]:
        role = f"{one['role']}: " if "role" in one else ""
        yield f"  {role}{_clean(one['type'])}, {one['size']} bytes"
        yield from aligned([_member(row) for row in one.get("members", ())], "    ")


def _member(row: dict[str, Any]) -> tuple[str, ...]:
    if "bits" in row:
        return (f"{row['offset']}.{row['bit_offset']}", row["name"], row["type"], f"{row['bits']} bits")
    return (str(row["offset"]), row["name"], row["type"], f"{row['size']} bytes" if row["size"] else "to the end")


def _needs(needs: dict[str, Any]) -> Iterator[str]:
    yield "Needs"
    rows = []
    if needs["kernel"]:
        reasons = ", ".join(f"{reason} {floor}" for reason, floor in needs["because"].items())
        rows.append(("kernel", f"{needs['kernel']} or newer", reasons))
    if needs["kernel_btf"]:
        count = needs["core_relocations"]
        rows.append(("kernel BTF", needs["kernel_btf"], f"{count} CO-RE relocations" if count else ""))
    rows.append(("capabilities", " ".join(needs["capabilities"]), ""))
    yield from aligned(rows)


def aligned(table: Sequence[Sequence[str]], indent: str = "  ") -> Iterator[str]:
    """Yield rows with their columns aligned; the last column is as long as it is."""
    rows = [[_clean(cell) for cell in row] for row in table]
    columns = max((len(row) for row in rows), default=0)
    widths = [min(max((len(row[i]) for row in rows if i < len(row)), default=0), 44) for i in range(columns)]
    for row in rows:
        yield (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))).rstrip()


def _clean(text: Any) -> str:
    from eunomia.cli.report import clean

    return clean(str(text))
