"""Small guests, and how they get into a registry."""

from __future__ import annotations

import json

from eunomia.publish.upload import Pusher

from . import wasm_writer

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


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
