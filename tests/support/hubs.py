"""Indexes of hubs and hubs in folders, for tests."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any


def version(name: str = "1.0", data: bytes = b"tool", **more: Any) -> dict[str, Any]:
    """Return the row of a version with these bytes."""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return {"version": name, "digest": digest, "size": len(data), "location": f"t/{name}/package.json", **more}


def tool(name: str, *versions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the entry of a tool."""
    return {
        "name": name,
        "kind": "package",
        "summary": f"does {name}",
        "versions": list(versions or [version()]),
        **more,
    }


def index(*tools: dict[str, Any], **more: Any) -> bytes:
    """Return an index as bytes; nothing in it is checked."""
    return json.dumps({"eunomia_hub": 1, "title": "a hub", "tools": list(tools), **more}).encode()


def folder(path: Path, *tools: dict[str, Any], files: dict[str, bytes] | None = None) -> Path:
    """Write a hub into a folder: its index, and files by their location."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "index.json").write_bytes(index(*tools))
    for location, data in (files or {}).items():
        (path / location).parent.mkdir(parents=True, exist_ok=True)
        (path / location).write_bytes(data)
    return path


def packages(path: Path, root: Path, guests: dict[str, bytes] | None = None) -> Path:
    """Write our own tools with their texts, and guests by name, as a folder that `ecli hub build` takes."""
    for source in sorted((root / "src/eunomia/builtin").glob("[a-z]*.json")):
        place = path / source.stem
        place.mkdir(parents=True)
        shutil.copy(source, place / "package.json")
        shutil.copy(root / "tools" / source.stem / "README.md", place / "README.md")
    for name, wasm in (guests or {}).items():
        (path / name / "1.0").mkdir(parents=True)
        (path / name / "1.0/app.wasm").write_bytes(wasm)
        (path / name / "README.md").write_text(f"# {name}\n\nA guest that ends with a code of its own.\n")
    return path
