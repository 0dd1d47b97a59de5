"""Signatures of images are put into their repository, in the forms of cosign 2 (a tag) and cosign 3 (a referrer).

Source: github.com/sigstore/cosign specs/SIGNATURE_SPEC.md and specs/BUNDLE_SPEC.md; checked against cosign 2.5.0.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode

from eunomia.errors import RegistryError, SignatureError
from eunomia.registry import signature_forms as forms
from eunomia.registry.attached_image import (
    BUNDLE_CONTENT,
    EMPTY,
    PREDICATE,
    SIGNATURE,
    SIMPLE_LAYER,
    of_image,
    simple_tag,
)
from eunomia.registry.client import MANIFEST, Manifest, digest_of
from eunomia.registry.verification import Subject, check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from eunomia.publish.private_keys import PrivateKey
    from eunomia.publish.upload import Pusher

CONFIG = "application/vnd.oci.image.config.v1+json"
MAX_DEPTH = 4  # of indexes in indexes
MAX_IMAGES = 256  # that are signed at once
# What registries answer that do not take a type of manifest.
NOT_TAKEN = (400, 405, 415, 422, 501)


class Signed:
    """What was written for one manifest or index: its digest, the references, and what could not be."""

    __slots__ = ("digest", "notes", "written")

    def __init__(self, digest: str) -> None:
        self.digest = digest
        self.written: list[str] = []
        self.notes: list[str] = []


def sign_image(
    pusher: Pusher, repository: str, reference: str, key: PrivateKey, *, form: str = "both", recursive: bool = False
) -> list[Signed]:
    """Sign what a tag or digest names now.

    A form in which this key has signed it already is left as it is.

    Args:
        pusher: the registry.
        repository: path in it.
        reference: tag or digest.
        key: who signs.
        form: simple, bundle or both.
        recursive: of an index, sign each manifest in it too.

    Raises:
        RegistryError: it is not there, or the registry does not take the signature.
        SignatureError: an index with more images than are signed at once.
    """
    done = []
    for manifest in _manifests(pusher, repository, reference, recursive):
        done.append(_sign_one(pusher, repository, manifest, key, form))
    return done


def _manifests(pusher: Pusher, repository: str, reference: str, recursive: bool) -> Iterator[Manifest]:
    waiting, seen = [(reference, 0)], set()
    while waiting:
        name, depth = waiting.pop(0)
        manifest = pusher.manifest(repository, name)
        if manifest.digest in seen:
            continue
        seen.add(manifest.digest)
        if len(seen) > MAX_IMAGES or depth > MAX_DEPTH:
            raise SignatureError(f"sign {pusher.registry}/{repository}: more than {MAX_IMAGES} images, or too deep")
        yield manifest
        if recursive and manifest.is_index:
            for each in manifest.document.get("manifests") or ():
                if isinstance(each, dict) and isinstance(each.get("digest"), str):
                    waiting.append((each["digest"], depth + 1))


def _sign_one(pusher: Pusher, repository: str, manifest: Manifest, key: PrivateKey, form: str) -> Signed:
    name = f"{pusher.registry}/{repository}"
    subject = Subject(manifest.digest, manifest.data, name)
    there = {each.form for each in check(subject, of_image(pusher, repository, manifest.digest), [key.public]).verified}
    signed = Signed(manifest.digest)
    if form in ("simple", "both"):
        if "simple" in there:
            signed.notes.append(f"{name}@{manifest.digest}: has a simple signature of this key already")
        else:
            signed.written.append(_put_simple(pusher, repository, manifest.digest, key))
    if form in ("bundle", "both"):
        if "bundle" in there:
            signed.notes.append(f"{name}@{manifest.digest}: has a bundle of this key already")
        else:
            _try_bundle(pusher, repository, manifest, key, signed, must=form == "bundle")
    return signed


def _try_bundle(  # noqa: PLR0917
    pusher: Pusher, repository: str, manifest: Manifest, key: PrivateKey, signed: Signed, must: bool
) -> None:
    try:
        payload = forms.statement(f"{pusher.registry}/{repository}", manifest.digest)
        signed.written.append(put_bundle(pusher, repository, manifest, payload, forms.SIGN_PREDICATE, key))
    except RegistryError as exc:
        if must or exc.status not in NOT_TAKEN:
            raise
        signed.notes.append(f"{pusher.registry}: the registry takes no bundles, only the simple signature was written")


def _put_simple(pusher: Pusher, repository: str, digest: str, key: PrivateKey) -> str:
    """Add a signature to those under cosign's tag. Who signs at the same moment may lose his: the tag has no lock."""
    payload = forms.simple_payload(f"{pusher.registry}/{repository}", digest)
    layers = _layers_there(pusher, repository, simple_tag(digest))
    layers.append(
        {
            "mediaType": SIMPLE_LAYER,
            "size": len(payload),
            "digest": pusher.put_blob(repository, payload),
            "annotations": {SIGNATURE: b64encode(key.sign(payload)).decode()},
        }
    )
    never = "0001-01-01T00:00:00Z"
    config = {
        "architecture": "",
        "config": {},
        "created": never,
        "history": [{"created": never}] * len(layers),
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
    }
    data = _json(config)
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "size": len(data), "digest": pusher.put_blob(repository, data)},
        "layers": layers,
    }
    pusher.put_manifest(repository, simple_tag(digest), _json(document), MANIFEST)
    return f"{pusher.registry}/{repository}:{simple_tag(digest)}"


def _layers_there(pusher: Pusher, repository: str, tag: str) -> list[dict[str, Any]]:
    try:
        layers = pusher.manifest(repository, tag).document.get("layers")
    except RegistryError as exc:
        if exc.status == 404:
            return []
        raise
    if not isinstance(layers, list) or not all(isinstance(each, dict) and "digest" in each for each in layers):
        raise SignatureError(f"sign: {pusher.registry}/{repository}:{tag} is there and no signature")
    return layers


def put_bundle(  # noqa: PLR0917
    pusher: Pusher, repository: str, manifest: Manifest, payload: bytes, predicate: str, key: PrivateKey
) -> str:
    """Sign a statement, write the bundle so that it refers to the manifest, as cosign 3 does; return its reference."""
    signature = key.sign(forms.pre_authentication(forms.IN_TOTO, payload))
    bundle = forms.envelope_bundle(payload, signature, key.public.hint)
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": forms.BUNDLE,
        "config": {"mediaType": EMPTY, "size": 2, "digest": pusher.put_blob(repository, b"{}")},
        "layers": [{"mediaType": forms.BUNDLE, "size": len(bundle), "digest": pusher.put_blob(repository, bundle)}],
        "subject": {"mediaType": manifest.media_type, "size": len(manifest.data), "digest": manifest.digest},
        "annotations": {
            BUNDLE_CONTENT: "dsse-envelope",
            PREDICATE: predicate,
            "org.opencontainers.image.created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        },
    }
    data = _json(document)
    digest = pusher.put_manifest(repository, digest_of(data), data, MANIFEST)
    return f"{pusher.registry}/{repository}@{digest}"


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
