"""Small guests, and how they get into a registry."""

from __future__ import annotations

import json
from typing import Any

from eunomia.publish.upload import Pusher

from . import wasm_writer
from .image_makers import tar_gz

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def guest(code: int) -> bytes:
    """A guest that ends with this exit code."""
    return wasm_writer.module(
        [("wasi_snapshot_preview1", "proc_exit", "i:")], wasm_writer.const(code) + wasm_writer.call(0)
    )


def push(reference: str, data: bytes, ca_file: str = "") -> str:
    """Push a guest as the CNCF's Wasm artifact; return the digest of its manifest."""
    host, _, rest = reference.partition("/")
    repository, _, tag = rest.partition(":")
    with Pusher(host, ca_file=ca_file) as pusher:
        config = pusher.put_blob(repository, b"{}")
        layer = pusher.put_blob(repository, data)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.wasm.config.v0+json", "digest": config, "size": 2},
            "layers": [{"mediaType": "application/wasm", "digest": layer, "size": len(data)}],
        }
        return pusher.put_manifest(repository, tag, json.dumps(document).encode(), MANIFEST)


def push_container(reference: str, data: bytes, *, is_index: bool = False) -> str:
    """Push a container image with the file app.wasm, behind an index if asked; return what the tag names."""
    host, _, rest = reference.partition("/")
    repository, _, tag = rest.partition(":")
    layer = tar_gz({"app.wasm": data})
    config = json.dumps({"architecture": "wasm", "os": "wasip1", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
    with Pusher(host) as pusher:
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": pusher.put_blob(repository, config), "size": len(config)},
            "layers": [{"mediaType": LAYER, "digest": pusher.put_blob(repository, layer), "size": len(layer)}],
        }
        body = json.dumps(document).encode()
        digest = pusher.put_manifest(repository, "part" if is_index else tag, body, MANIFEST)
        if not is_index:
            return digest
        entry = {
            "mediaType": MANIFEST,
            "digest": digest,
            "size": len(body),
            "platform": {"os": "wasip1", "architecture": "wasm"},
        }
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
        return pusher.put_manifest(repository, tag, json.dumps(index).encode(), INDEX)
