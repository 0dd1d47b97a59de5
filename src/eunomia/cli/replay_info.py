"""`ecli replay --info`: what a recording is, its accounts, and whether it is whole."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from eunomia.events.recording import Recording


def show(recording: Recording, as_json: bool) -> int:
    """Read all of a recording and describe it; return the exit code: 1 where it is damaged."""
    damage = None
    try:
        recording.scan()
    except OSError as exc:
        damage = exc
    found = describe(recording)
    if as_json:
        import json

        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(page(found)) + "\n")
    sys.stdout.flush()
    if damage:
        raise damage
    return 0


def describe(recording: Recording) -> dict[str, Any]:
    """Return what is known, as JSON has it."""
    counts = recording.counts()
    span: dict[str, Any] = {}
    if counts.records:
        span = {name: iso(recording.wall(time)) for name, time in (("first", counts.first), ("last", counts.last))}
        span["seconds"] = round((counts.last - counts.first) / 1e9, 6)
    return {
        **recording.meta,
        "package": package_name(recording),
        "blocks": counts.blocks,
        "bytes": counts.bytes,
        "events": counts.records,
        "event_bytes": counts.record_bytes,
        "samples": counts.samples,
        **({"span": span} if span else {}),
        "accounts": [each.to_dict() for each in recording.accounts],
        "whole": counts.is_whole,
        "cut": counts.is_cut,
    }


def package_name(recording: Recording) -> str:
    """Return the package's name, or what is wrong with it: the events do not need it."""
    from eunomia.errors import EunomiaError

    try:
        return recording.package.name
    except EunomiaError as exc:
        return f"unreadable: {exc}"


def iso(ns: int) -> str:
    """Return a wall clock as ISO 8601 in UTC."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)
    except OverflowError:
        return f"{ns} ns after 1970"
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def page(found: dict[str, Any]) -> list[str]:
    """Return the lines for people."""
    from eunomia.cli.report import clean

    host = found.get("host")
    host = host if isinstance(host, dict) else {}
    arguments = found.get("arguments")
    words = [f"{name}={value}" for name, value in arguments.items()] if isinstance(arguments, dict) else []
    rows = [
        ("tool", " ".join([str(found.get("tool", "?")), *words, f"(package {found['package']})"])),
        ("recorded", f"{found.get('started', '?')} by eunomia {found.get('eunomia', '?')}"),
        ("host", " ".join(str(host.get(name, "?")) for name in ("name", "kernel", "machine"))),
        ("holds", f"{_number(found['events'], 'event')}, {_number(found['samples'], 'reading')} of sampled maps"),
        ("size", f"{_number(found['bytes'], 'byte')} in {_number(found['blocks'], 'block')}"),
    ]
    if isinstance(found.get("options"), dict) and found["options"]:
        rows.append(("options", " ".join(_words(found["options"]))))
    if "span" in found:
        span = found["span"]
        rows.append(("span", f"{span['first']} to {span['last']} ({span['seconds']:.3f} s)"))
    for each in found["accounts"]:
        rows.append(("account", _sentence(each)))
    rows.append(("file", "whole" if found["whole"] else "cut off" if found["cut"] else "damaged"))
    return [clean(f"{name:9} {text}") for name, text in rows]


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _words(options: dict[str, Any]) -> list[str]:
    """Options as they were written on the command line."""
    words = []
    for name, value in options.items():
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        else:
            words += [f"--{name}={each}" for each in (value if isinstance(value, list) else [value])]
    return words


def _sentence(each: dict[str, Any]) -> str:
    lost = {cause: count for cause, count in each["lost"].items() if count}
    causes = f" ({', '.join(f'{cause} {count}' for cause, count in lost.items())})" if lost else ""
    parts = f"recorded {each['delivered']} + filtered {each['filtered']} + discarded {each['discarded']}"
    if not each["known"]:
        return f"{each['map']}: {parts} + lost {sum(lost.values())} or more{causes}"
    whole = f"{parts} + lost {sum(lost.values())}{causes} + pending {each['pending']}"
    return f"{each['map']}: produced {each['produced']} = {whole}"
