"""What an index says about a tool, made from its bytes: for `ecli hub build`, and `ecli info` of what is in no hub."""

from __future__ import annotations

import re
from typing import Any

from eunomia.package.describe import describe
from eunomia.package.model import Package
from eunomia.registry.hub_index import MAX_TEXT, VERSION

MAX_ATTACH = 400
MAX_FIELDS = 200


def of_package(package: Package) -> dict[str, Any]:
    """Return the description of a package, without name and versions.

    Raises:
        PackageError: the package is damaged.
    """
    found = describe(package)
    doc, needs = found["doc"], found["needs"]
    programs = [each for each in found["programs"] if each["autoload"]] or found["programs"]
    return {
        "kind": "package",
        "summary": line(doc.get("brief") or doc.get("description") or ""),
        "details": _short(str(doc.get("details") or "")),
        "licence": _short(found["licence"]),
        "attach": _unique(each["attach"] for each in programs),
        "types": _unique(each["type"] for each in programs if each["type"]),
        "options": [_option(each) for each in found["options"]],
        "events": [_event(each) for each in found["events"]],
        "needs": {
            "kernel": needs["kernel"],
            "btf": needs["kernel_btf"],
            "capabilities": needs["capabilities"],
        },
        "architectures": found["architectures"]["served"],
        "evidence": [
            {key: _short(each.get(key) or "") for key in ("kernel", "arch", "outcome", "date", "reason")}
            for each in found["evidence"]
            if not each["stale"]
        ],
    }


def of_guest(described: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a guest, of what `wasm.describe.describe` says about it."""
    objects = described["objects"]
    programs = [each for one in objects for each in one["programs"]]
    return {
        "kind": "guest",
        "summary": "",
        "licence": _short(", ".join(_unique(one.get("licence", "") for one in objects if one.get("licence")))),
        "attach": _unique(each["attach"] for each in programs),
        "types": _unique(each["type"] for each in programs if each["type"]),
        "options": [],
        "events": [],
        "needs": {"kernel": "", "btf": "", "capabilities": []},
        "policy": described["policy"],
        "architectures": [],
        "evidence": [],
    }


def version_of(package: Package) -> str:
    """Return the version that a package says it has, "" where it says none that could be one."""
    found = str((package.meta["bpf_skel"].get("doc") or {}).get("version") or "").strip()
    return found if VERSION.fullmatch(found) else ""


def line(text: object) -> str:
    """Return text as one line of at most 300 characters."""
    words = " ".join(str(text).split())
    return words if len(words) <= 300 else words[:299] + "…"


def _option(row: dict[str, Any]) -> dict[str, Any]:
    switches = row["switches"]
    short = next((each for each in switches if re.fullmatch("-[^-]", each)), "")
    found = {"name": switches[0] if switches else row["name"], "short": short, "type": row["type"]}
    found |= {"default": _short(row["default_text"] or ""), "help": _short(row["help"] or "")}
    if row.get("choices"):
        found["choices"] = [_short(str(each)) for each in row["choices"]][:MAX_FIELDS]
    return found


def _event(row: dict[str, Any]) -> dict[str, Any]:
    """Say of a source of events what its lines show: names of fields of all its types, without padding."""
    fields = [
        f"{member['type']} {member['name']}"
        for each in row["types"]
        for member in each.get("members", ())
        if member["name"] and not member["name"].startswith(("__", "pad"))
    ]
    kind = row["kind"]
    if kind == "sample":
        kind = {"log2_hist": "histogram", "linear_hist": "histogram"}.get(row["sample"].get("type"), "table")
    return {"map": row["map"], "kind": kind, "fields": _unique(fields)[:MAX_FIELDS]}


def _unique(texts: Any) -> list[str]:
    return list(dict.fromkeys(_short(str(each)) for each in texts))[:MAX_ATTACH]


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
