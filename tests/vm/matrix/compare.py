"""What was predicted against what happened, and what was measured against what the page says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

Document = dict[str, Any]


def wrong(cell: Document) -> str:
    """Return what is wrong with a cell, "" where prediction and outcome agree and nothing failed."""
    predicted, outcome = cell["predicted"], cell["outcome"]
    if (predicted, outcome) in (("yes", "fired"), ("no", "refused")):
        return ""
    what = {
        ("yes", "refused"): "false yes",
        ("no", "fired"): "false no",
        ("no", "attached"): "",  # as predicted it is of no use here, e.g. an LSM program where "bpf" is not active
    }.get((predicted, outcome), f"{outcome}, predicted {predicted}")
    if not what:
        return ""
    reasons = [f"check: {cell['predicted_reason']}"] if cell["predicted_reason"] else []
    reasons += [f"run: {cell['reason']}"] if cell["reason"] else []
    return ": ".join([f"{cell['kind']} {cell['cell']}: {what}", "; ".join(reasons)]) if reasons else what


def all_wrong(kernel: Document) -> list[str]:
    """Return what is wrong with a kernel's cells, and what happened to its machine."""
    return [*kernel["problems"], *filter(None, (wrong(cell) for cell in kernel["cells"]))]


def column(kernel: Document) -> str:
    """Return the name of a kernel's column."""
    return f"{kernel['name']} {kernel['arch']}"


def table(kernels: Iterable[Document], date: str) -> Document:
    """Return what is kept of a measurement: for each row and kernel, prediction, outcome and reasons."""
    columns, rows = [], {}
    for kernel in kernels:
        name = column(kernel)
        columns.append(
            {
                "name": name,
                "release": kernel["release"],
                "booted": kernel["booted"],
                "run": kernel["command"].get("run"),
                "python": kernel["command"].get("python"),
            }
        )
        for cell in kernel["cells"]:
            row = rows.setdefault((cell["kind"], cell["cell"]), {"kind": cell["kind"], "name": cell["cell"], "on": {}})
            kept = ("predicted", "outcome", "predicted_reason", "reason")
            row["on"][name] = {key: steady(cell[key]) for key in kept if cell[key]}
    return {"date": date, "kernels": columns, "rows": list(rows.values())}


def steady(text: str) -> str:
    """Return a reason without what differs from run to run: names of temporary files, further lines."""
    return re.sub(r"\b(eunomia-|/tmp/)[a-z0-9_]{8}\b", r"\1NAME", text.partition("\n")[0])


def iter_differences(page: Document, measured: Document) -> Iterator[str]:
    """Yield where a measurement says otherwise than the page, for the kernels that both have."""
    known = {kernel["name"] for kernel in page["kernels"]}
    rows = {(row["kind"], row["name"]): row for row in page["rows"]}
    for row in measured["rows"]:
        before = rows.pop((row["kind"], row["name"]), None)
        if before is None:
            yield f"{row['kind']} {row['name']}: not on the page"
            continue
        for name, cell in row["on"].items():
            if name in known and cell["outcome"] != before["on"].get(name, {}).get("outcome"):
                there = before["on"].get(name, {}).get("outcome", "nothing")
                yield f"{row['kind']} {row['name']} on {name}: {cell['outcome']}, the page says {there}"
    yield from (f"{kind} {name}: on the page, not measured" for kind, name in rows)
