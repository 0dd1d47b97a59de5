"""Small images and indexes in a registry, to be signed."""

from __future__ import annotations

import json

from eunomia.publish.upload import Pusher
from eunomia.registry.client import INDEX, MANIFEST

from .commands import Result
from .registries import Registry


def image(registry: Registry, repository: str, tag: str = "1", data: bytes = b'{"hello":1}') -> str:
    """Push an image of one layer; return its digest."""
    with Pusher(registry.host) as pusher:
        layer = {
            "mediaType": "application/octet-stream",
            "size": len(data),
            "digest": pusher.put_blob(repository, data),
        }
        empty = pusher.put_blob(repository, b"{}")
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": empty}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
        return pusher.put_manifest(repository, tag, json.dumps(document).encode(), MANIFEST)


def index(registry: Registry, repository: str, tag: str, digests: list[str]) -> str:
    """Push an index of manifests that are there; return its digest."""
    with Pusher(registry.host) as pusher:
        listed = []
        for digest, arch in zip(digests, ("amd64", "arm64"), strict=True):
            found = pusher.manifest(repository, digest)
            platform = {"architecture": arch, "os": "linux"}
            listed.append({"mediaType": MANIFEST, "size": len(found.data), "digest": digest, "platform": platform})
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
        return pusher.put_manifest(repository, tag, json.dumps(document).encode(), INDEX)


def line(result: Result) -> str:
    """The one line with which a command failed."""
    assert (result.returncode, result.stdout) == (1, ""), result
    (said,) = result.stderr.splitlines()
    return said
