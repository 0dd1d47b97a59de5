"""What a program says of itself where images are listed: title, licence, programs, maps, options, as annotations.

Source: OCI image specification 1.1, "Pre-Defined Annotation Keys".
"""

from __future__ import annotations

import os
import time

from eunomia.errors import RegistryError
from eunomia.package.archive import is_tar
from eunomia.publish.layouts import CREATED, PLATFORMS, Content
from eunomia.registry.image_kinds import TITLE
from eunomia.registry.resolve import WASM, package_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.package.model import Package

PREFIX = "org.opencontainers.image."
OWN = "vnd.eunomia."
MAX_TEXT = 1000
MAX_NAME = 100
# The words of the kernel for module licences in those of SPDX, where that is certain (process/license-rules.rst).
LICENCES = {
    "GPL": "GPL-2.0-or-later",
    "GPL v2": "GPL-2.0-only",
    "Dual MIT/GPL": "MIT OR GPL-2.0-only",
    "Dual MPL/GPL": "MPL-1.1 OR GPL-2.0-only",
}


def content(data: bytes, origin: str, *, is_remote: bool = False) -> Content:
    """Return what there is to push of a program's bytes: a package or a guest, checked, with what it says of itself.

    Args:
        data: a package in any form, an object, a C source, or a guest. Packages as JSON or tar stay as they are.
        origin: where it comes from; its last part becomes the file's name.
        is_remote: it is not given to a compiler.

    Raises:
        PackageError: it is no program, or damaged.
    """
    name = file_name(origin)
    if data[:4] == WASM:
        title = name if name.endswith(".wasm") else f"{name or 'app'}.wasm"
        return Content(data, title, "guest", [], {TITLE: title.removesuffix(".wasm"), f"{OWN}kind": "guest"})
    package = package_of(data, origin, remote=is_remote)
    has_archive = is_tar(data)
    if not has_archive and data.lstrip()[:1] != b"{":
        data = package.to_json().encode()  # an object, a source, YAML
    suffix = ".tar" if has_archive else ".json"
    stem = name.rpartition(".")[0] if name.endswith((".json", ".tar", ".yaml", ".yml", ".o", ".c")) else name
    title = f"{stem.removesuffix('.bpf') or 'package'}{suffix}"
    return Content(data, title, "tar" if has_archive else "package", _architectures(package), _of_package(package))


def file_name(origin: str) -> str:
    """Return the last part of a path, a URL or a reference, as a file's name without what others would stumble over."""
    text = origin.partition("?")[0].rstrip("/").rpartition("/")[2].partition("@")[0].partition(":")[0]
    return "".join(char if char.isalnum() or char in "._-+" else "_" for char in text).lstrip(".-")[:MAX_NAME]


def created() -> dict[str, str]:
    """Return the annotation of the time that SOURCE_DATE_EPOCH tells, none where it is not set.

    Raises:
        RegistryError: it is no time.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return {}
    if not (text.isascii() and text.isdecimal() and len(text) < 12):
        raise RegistryError(f"push: SOURCE_DATE_EPOCH is {text[:40]!r}, expected seconds since 1970")
    return {CREATED: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(text)))}


def _architectures(package: Package) -> list[str]:
    from eunomia.package.arches import is_portable, served

    if is_portable(package):
        return []
    return [PLATFORMS[name] for name in served(package) if name in PLATFORMS]


def _of_package(package: Package) -> dict[str, str]:
    from eunomia.package.describe import describe

    facts = describe(package)
    doc = facts["doc"] if isinstance(facts["doc"], dict) else {}
    needs = facts["needs"]
    licence = facts["licence"] or ""
    found = {
        TITLE: _text(doc.get("title")) or facts["name"].removesuffix("_bpf"),
        f"{PREFIX}description": _text(doc.get("brief") or doc.get("description") or doc.get("details")),
        f"{PREFIX}version": _text(doc.get("version")),
        f"{PREFIX}licenses": LICENCES.get(licence, licence),
        f"{OWN}kind": "package",
        f"{OWN}programs": _list(f"{row['name']} ({row['attach']})" for row in facts["programs"]),
        f"{OWN}maps": _list(f"{row['name']} ({row['type']})" for row in facts["maps"] if row["type"] != "variables"),
        f"{OWN}options": _list(row["switches"][0] for row in facts["options"] if row["switches"]),
        f"{OWN}architectures": _list(facts["architectures"]["served"]),
        f"{OWN}kernel": _text(needs["kernel"]),
        f"{OWN}capabilities": _list(_words(needs["capabilities"])),
    }
    return {key: value for key, value in found.items() if value}


def _words(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, (list, tuple, dict)) else [str(value)] if value else []


def _list(items: Any) -> str:
    return _text(", ".join(items))


def _text(value: object) -> str:
    """One line of printable text, cut where it is long."""
    text = " ".join("".join(char if char.isprintable() else " " for char in str(value or "")).split())
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
