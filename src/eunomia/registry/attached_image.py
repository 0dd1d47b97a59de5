"""Where the signatures of an image are: in its registry under cosign's tag, and as referrers. All of it is bounded."""

from __future__ import annotations

import io

from eunomia.errors import RegistryError, SignatureError
from eunomia.registry import signature_forms as forms
from eunomia.registry.signature_forms import Signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from eunomia.registry.client import Client

SIMPLE_LAYER = "application/vnd.dev.cosign.simplesigning.v1+json"
SIMPLE_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
BUNDLE_CONTENT = "dev.sigstore.bundle.content"
PREDICATE = "dev.sigstore.bundle.predicateType"
SIGNATURE = "dev.cosignproject.cosign/signature"
EXTRAS = ("dev.sigstore.cosign/certificate", "dev.sigstore.cosign/chain", "dev.sigstore.cosign/bundle")
EMPTY = "application/vnd.oci.empty.v1+json"
MAX_REFERRERS = 100  # that are opened, of one image
MAX_LAYERS = 1000  # of a manifest with signatures that are looked at; one manifest has all of cosign 2's
MAX_PAYLOADS = 100  # different ones that are fetched; the signatures of one name have the same


def simple_tag(digest: str) -> str:
    """Return the tag under which cosign has the signatures of a manifest."""
    return f"{digest.replace(':', '-')}.sig"


def of_image(
    client: Client,
    repository: str,
    digest: str,
    predicate: str = forms.SIGN_PREDICATE,
    others: set[str] | None = None,
) -> Iterator[Signature]:
    """Yield the signatures of a manifest or index: those under cosign's tag, then its referrers.

    Args:
        client: the registry.
        repository: path in it.
        digest: of the manifest or index.
        predicate: of attestations the type that is wanted; they are referrers only.
        others: takes the types that other attestations say they are of.

    Raises:
        FetchError: the registry could not be asked.
        SignatureError: there are more than are looked at, or what has them is damaged.
    """
    payloads: dict[str, bytes] = {}
    try:
        if predicate == forms.SIGN_PREDICATE:
            yield from _simple(client, repository, simple_tag(digest), payloads)
    except RegistryError as exc:
        if exc.status != 404:
            raise
    opened = 0
    for each in client.referrers(repository, digest):
        kind = str(each.get("artifactType") or "")
        # some registries tell the type of the manifest's configuration, cosign 2.5's list an empty one
        if kind not in (*forms.BUNDLES, SIMPLE_ARTIFACT, EMPTY, ""):
            continue
        annotations = each.get("annotations")
        stated = annotations.get(PREDICATE) if isinstance(annotations, dict) else None
        if stated not in (None, "", predicate):
            if others is not None and stated != forms.SIGN_PREDICATE:
                others.add(str(stated)[:200])
            continue  # of a signature: provenance, an SBOM
        opened += 1
        if opened > MAX_REFERRERS:
            raise SignatureError(f"{client.registry}/{repository}@{digest}: more than {MAX_REFERRERS} signatures")
        yield from _referrer(client, repository, each["digest"], payloads, is_signature=kind not in (EMPTY, ""))


def _referrer(
    client: Client, repository: str, digest: str, payloads: dict[str, bytes], *, is_signature: bool
) -> Iterator[Signature]:
    """Yield the signatures in a manifest that refers to another, which may be something else."""
    document, origin = _document(client, repository, digest)
    if not is_signature and not isinstance(document.get("layers"), list):
        return
    layers = _layers(document, origin)
    if any(layer.get("mediaType") == SIMPLE_LAYER for layer in layers):
        yield from _simple(client, repository, digest, payloads)
        return
    for layer in layers[:1]:
        if layer.get("mediaType") in forms.BUNDLES:
            yield Signature("bundle", _blob(client, repository, layer, forms.MAX_BUNDLE, origin), b"", origin)


def _simple(client: Client, repository: str, reference: str, payloads: dict[str, bytes]) -> Iterator[Signature]:
    document, origin = _document(client, repository, reference)
    layers = _layers(document, origin)
    if len(layers) > MAX_LAYERS:
        raise SignatureError(f"{origin}: {len(layers)} signatures, at most {MAX_LAYERS} are looked at")
    for layer in layers:
        found = layer.get("annotations")
        annotations: dict[str, Any] = found if isinstance(found, dict) else {}
        text = annotations.get(SIGNATURE)
        if layer.get("mediaType") != SIMPLE_LAYER or not isinstance(text, str):
            continue
        digest = str(layer.get("digest"))
        if digest not in payloads:
            if len(payloads) >= MAX_PAYLOADS:
                raise SignatureError(f"{origin}: more than {MAX_PAYLOADS} different payloads")
            payloads[digest] = _blob(client, repository, layer, forms.MAX_PAYLOAD, origin)
        extra = {name: annotations[name] for name in EXTRAS if isinstance(annotations.get(name), str)}
        try:
            signature = forms.raw_signature(text.encode("utf-8", "replace"), origin)
        except SignatureError:
            signature = b""  # counted as one that nobody made
        yield Signature("simple", payloads[digest], signature, origin, extra)


def _document(client: Client, repository: str, reference: str) -> tuple[dict[str, Any], str]:
    """Return a manifest's JSON, and what it is called in messages."""
    found = client.manifest(repository, reference)
    origin = f"{client.registry}/{repository}{'@' if ':' in reference else ':'}{reference}"
    try:
        return found.document, origin
    except ValueError as exc:
        raise SignatureError(f"{origin}: not JSON") from exc


def _layers(document: dict[str, Any], origin: str) -> list[dict[str, Any]]:
    layers = document.get("layers")
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise SignatureError(f"{origin}: `$.layers`: expected a list of objects")
    return layers


def _blob(client: Client, repository: str, layer: dict[str, Any], limit: int, origin: str) -> bytes:
    size, digest = layer.get("size"), layer.get("digest")
    if type(size) is not int or not isinstance(digest, str) or not 0 <= size <= limit:
        raise SignatureError(f"{origin}: a layer of {size!r:.20} bytes, expected at most {limit}")
    sink = io.BytesIO()
    client.blob(repository, digest, size, sink)
    return sink.getvalue()
