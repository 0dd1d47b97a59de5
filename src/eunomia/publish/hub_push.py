"""A hub put into an OCI repository: one artifact whose first layer is the index, and each file of the hub a layer.

What copies the artifact (oras, skopeo) copies the hub; `oras pull` gives the folder back.
"""

from __future__ import annotations

import json
import os
from typing import Any

from eunomia.errors import FetchError
from eunomia.publish.upload import Pusher
from eunomia.registry import hub_index
from eunomia.registry.client import MANIFEST, MAX_MANIFEST, digest_of
from eunomia.registry.hub_source import ARTIFACT, INDEX_LAYER, TITLE
from eunomia.registry.reference import parse

EMPTY = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
FILE_TYPES = {
    ".json": "application/vnd.eunomia.package.v1+json",
    ".tar": "application/x-tar",
    ".wasm": "application/wasm",
    ".md": "text/markdown",
}
OTHER_TYPE = "application/octet-stream"


def push(folder: str, reference: str, **connection: Any) -> str:
    """Put a hub that was built into a repository; return the digest of its manifest.

    Args:
        folder: the hub's, as `hub_build.build` wrote it.
        reference: `[oci://]REGISTRY/REPOSITORY[:TAG]`.
        connection: what `Pusher` takes.

    Raises:
        FetchError: the folder is no hub, a file is not what the index says, or the registry refuses.
        OSError: a file cannot be read.
    """
    to = parse(reference)
    index = _read(folder, hub_index.FILE, hub_index.MAX_INDEX)
    tree = hub_index.parse(index, folder)
    with Pusher(to.registry, **connection) as pusher:
        layers = [_layer(pusher, to.repository, hub_index.FILE, index, INDEX_LAYER)]
        for location, digest in _files(tree, folder):
            data = _read(folder, location, hub_index.MAX_SIZE)
            if digest and digest_of(data) != digest:
                raise FetchError(
                    f"push hub {folder}: {location} is not what the index says: {digest_of(data)}, expected {digest}"
                    " [ecli hub build]"
                )
            kind = FILE_TYPES.get(os.path.splitext(location)[1], OTHER_TYPE)
            if not digest and kind != FILE_TYPES[".md"]:
                kind = OTHER_TYPE
            layers.append(_layer(pusher, to.repository, location, data, kind))
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ARTIFACT,
            "config": {
                "mediaType": EMPTY_TYPE,
                "digest": pusher.put_blob(to.repository, EMPTY),
                "size": len(EMPTY),
            },
            "layers": layers,
            "annotations": {"org.opencontainers.image.title": tree.get("title") or "hub"},
        }
        data = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
        if len(data) > MAX_MANIFEST:
            raise FetchError(
                f"push hub {folder}: {len(layers)} files, more than one manifest can name [serve it over http]"
            )
        return pusher.put_manifest(to.repository, to.wanted, data, MANIFEST)


def _files(tree: dict[str, Any], folder: str) -> list[tuple[str, str]]:
    """Return the files of an index that lie in its folder, with their digests where it has them."""
    found: dict[str, str] = {}
    for tool in tree["tools"]:
        for version in tool["versions"]:
            found[version["location"]] = version["digest"]
            found.update(dict.fromkeys(version.get("signatures", ()), ""))
        if tool.get("readme"):
            found[tool["readme"]] = ""
    for suffix in (".sig", ".sigstore.json"):
        if os.path.exists(os.path.join(folder, hub_index.FILE + suffix)):
            found[hub_index.FILE + suffix] = ""
    return sorted((location, digest) for location, digest in found.items() if "://" not in location)


def _layer(pusher: Pusher, repository: str, title: str, data: bytes, media_type: str) -> dict[str, Any]:
    digest = pusher.put_blob(repository, data)
    return {"mediaType": media_type, "digest": digest, "size": len(data), "annotations": {TITLE: title}}


def _read(folder: str, location: str, limit: int) -> bytes:
    path = os.path.join(folder, location)
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise FetchError(f"push hub {folder}: no {location} in it [ecli hub build makes a hub]") from None
    except OSError as exc:
        raise OSError(exc.errno, f"open {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(data) > limit:
        raise FetchError(f"push hub {folder}: {location} has more than {limit} bytes")
    return data
