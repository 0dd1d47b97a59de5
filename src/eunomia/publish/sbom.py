"""What is in a package, as a CycloneDX bill of materials: sources, headers, the guest, who compiled it.

Source: CycloneDX 1.6, JSON (https://cyclonedx.org/docs/1.6/json/).
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from eunomia import __version__
from eunomia.publish.provenance import build_time, stamp

if TYPE_CHECKING:
    from eunomia.package.model import Package
    from eunomia.publish.provenance import Input, Making

SUFFIX = ".cdx.json"
LINKED = {  # native/build_libs.sh has their texts
    "libbpf": "LGPL-2.1-only OR BSD-2-Clause",
    "libelf": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "zlib": "Zlib",
    "musl": "MIT",
}
LICENCES = {  # what a `license` section says, as SPDX writes it; others stand there by name
    "GPL": "GPL-2.0-or-later", "GPL v2": "GPL-2.0-only", "GPL and additional rights": "",
    "Dual BSD/GPL": "GPL-2.0-only OR BSD-3-Clause", "Dual MIT/GPL": "GPL-2.0-only OR MIT",
    "Dual MPL/GPL": "GPL-2.0-only OR MPL-1.1",
}  # fmt: skip


def bill(package: Package, making: Making, name: str, data: bytes, *, is_executable: bool = False) -> bytes:
    """Return the bill of materials of a package, as JSON.

    Args:
        package: what was made.
        making: what was noted while it was made.
        name: of the file.
        data: its bytes.
        is_executable: it has the runner linked in, with its libraries.
    """
    digest = hashlib.sha256(data).hexdigest()
    top = f"package:{digest[:16]}"
    parts = [_file(each) for each in making.inputs]
    parts += _linked() if is_executable else _libbpf(making)
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "version": 1,
        "metadata": {
            "timestamp": stamp(build_time()),
            "tools": {
                "components": [
                    {"type": "application", "name": "ecc", "version": __version__,
                     "purl": f"pkg:pypi/eunomia-compiler@{__version__}"},
                    {"type": "application", "name": "clang", "version": making.compiler.get("version", "")},
                ]
            },
            "component": {
                "type": "application",
                "bom-ref": top,
                "name": package.name,
                **_version(package),
                "hashes": [{"alg": "SHA-256", "content": digest}],
                **_licence(package.types.licence),
                "properties": [
                    {"name": "eunomia:file", "value": name},
                    *({"name": "eunomia:program", "value": f"{each.name} {each.section}"}
                      for each in package.types.programs),
                ],
            },
        },
        "components": parts,
        "dependencies": [{"ref": top, "dependsOn": [each["bom-ref"] for each in parts]}],
    }  # fmt: skip
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _version(package: Package) -> dict[str, str]:
    doc = package.meta["bpf_skel"].get("doc") or {}
    return {"version": str(doc["version"])} if doc.get("version") else {}


def _licence(text: str) -> dict[str, Any]:
    if not text:
        return {}
    known = LICENCES.get(text, "")
    if " OR " in known:
        return {"licenses": [{"expression": known}]}
    return {"licenses": [{"license": {"id": known} if known else {"name": text}}]}


def _file(each: Input) -> dict[str, Any]:
    return {
        "type": "file",
        "bom-ref": f"{each.kind}:{each.digest[:16]}:{each.name}",
        "name": each.name,
        "hashes": [{"alg": "SHA-256", "content": each.digest}],
        "properties": [{"name": "eunomia:kind", "value": each.kind}],
    }


def _libbpf(making: Making) -> list[dict[str, Any]]:
    """Return libbpf, whose headers are compiled into what includes them."""
    if not any(each.kind == "eunomia" and each.name.startswith("eunomia/bpf/") for each in making.inputs):
        return []
    return [_library("libbpf", LINKED["libbpf"])]


def _linked() -> list[dict[str, Any]]:
    """Return what the runner of an executable is linked with."""
    return [_library(name, licence) for name, licence in LINKED.items()]


def _library(name: str, licence: str) -> dict[str, Any]:
    from eunomia._native import lib, text

    version = {"version": text(lib.eu_libbpf_version()).removeprefix("v")} if name == "libbpf" else {}
    return {"type": "library", "bom-ref": name, "name": name, **version, "licenses": [{"expression": licence}]}
