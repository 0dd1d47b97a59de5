"""Images of every layout that people push, made in memory, and a double of the client that pulls them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import Any, Protocol

from eunomia.registry.client import Manifest, digest_of

GUEST = b"\0asm\1\0\0\0"
PACKAGE = b'{"bpf_object":"eNoDAAAAAAE=","bpf_object_size":0,"meta":{}}'
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
EMPTY = "application/vnd.oci.empty.v1+json"


class Sink(Protocol):
    """Where a blob goes."""

    def write(self, data: bytes, /) -> object: ...


def tar(files: dict[str, bytes], links: dict[str, str] | None = None, kind: bytes = tarfile.SYMTYPE) -> bytes:
    """Return a tar of files, and of links that lead where `links` says."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    return out.getvalue()


def tar_gz(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """Return the same, compressed with gzip."""
    return gzip.compress(tar(files, links), mtime=0)


class Images:
    """What a registry has, and the methods of the client that read it."""

    def __init__(self) -> None:
        self.manifests: dict[str, Manifest] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[str] = []

    def add_blob(self, data: bytes, media_type: str, title: str = "") -> dict[str, Any]:
        """Keep a blob; return its descriptor."""
        digest = digest_of(data)
        self.blobs[digest] = data
        told = {"annotations": {"org.opencontainers.image.title": title}} if title else {}
        return {"mediaType": media_type, "digest": digest, "size": len(data), **told}

    def add(self, tag: str, document: dict[str, Any], media_type: str = OCI_MANIFEST) -> dict[str, Any]:
        """Keep a manifest under a tag and its digest; return its descriptor."""
        data = json.dumps({"schemaVersion": 2, "mediaType": media_type, **document}).encode()
        made = Manifest(data, media_type, digest_of(data))
        self.manifests[tag] = self.manifests[made.digest] = made
        return {"mediaType": media_type, "digest": made.digest, "size": len(data)}

    def add_image(
        self,
        tag: str,
        layers: list[tuple[bytes, str, str]],
        config: bytes = b"{}",
        config_type: str = OCI_CONFIG,
        media_type: str = OCI_MANIFEST,
        **more: Any,
    ) -> dict[str, Any]:
        """Keep an image of (bytes, media type, title)."""
        document = {
            "config": self.add_blob(config, config_type),
            "layers": [self.add_blob(*layer) for layer in layers],
            **more,
        }
        return self.add(tag, document, media_type)

    def manifest(self, repository: str, reference: str) -> Manifest:
        """Return what is kept under a tag or digest."""
        return self.manifests[reference]

    def blob(self, repository: str, digest: str, size: int, sink: Sink) -> None:
        """Write what is kept."""
        self.asked.append(digest)
        assert len(self.blobs[digest]) == size
        sink.write(self.blobs[digest])
