"""What is said about an image (provenance, an SBOM) is signed, and put beside it as `cosign attest` does.

Source: github.com/sigstore/cosign specs/BUNDLE_SPEC.md; in-toto attestation Statement v1; checked against cosign 2.5.0.
"""

from __future__ import annotations

import json

from eunomia.errors import SignatureError
from eunomia.publish.sign_image import put_bundle
from eunomia.registry import signature_forms as forms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.publish.private_keys import PrivateKey
    from eunomia.publish.upload import Pusher

MAX_PAPER = forms.MAX_BUNDLE * 5 // 8  # bytes: in base64 and an envelope it still is a bundle


def statement_of(paper: bytes, name: str, image: str, digest: str) -> tuple[bytes, str]:
    """Return the in-toto statement that a paper becomes for an image, and the type of its predicate.

    Args:
        paper: an in-toto statement, whose subjects come after the image, or an SBOM in CycloneDX's or SPDX's JSON.
        name: the paper's file, for messages.
        image: `registry/repository`.
        digest: of the image's manifest or index.

    Raises:
        SignatureError: it is none of these.
    """
    document = forms.document_of(paper, f"read {name}", MAX_PAPER)
    subjects: list[Any] = [{"name": image, "digest": {"sha256": digest.removeprefix("sha256:")}}]
    predicate: Any = document
    if document.get("_type") in forms.STATEMENTS:
        kind, predicate = document.get("predicateType"), document.get("predicate")
        listed = document.get("subject")
        subjects += listed if isinstance(listed, list) else []
    elif document.get("bomFormat") == "CycloneDX":
        kind = forms.PREDICATES["cyclonedx"]
    elif "spdxVersion" in document:
        kind = forms.PREDICATES["spdx"]
    else:
        raise SignatureError(f"read {name}: neither an in-toto statement nor an SBOM (CycloneDX or SPDX, JSON)")
    if not isinstance(kind, str) or not kind or kind == forms.SIGN_PREDICATE:
        raise SignatureError(f"read {name}: `$.predicateType`: {kind!r:.80} is none of an attestation")
    made = {"_type": forms.STATEMENTS[0], "subject": subjects, "predicateType": kind, "predicate": predicate}
    return json.dumps(made, separators=(",", ":")).encode(), kind


def attest(  # noqa: PLR0917
    pusher: Pusher, repository: str, reference: str, paper: bytes, name: str, key: PrivateKey
) -> str:
    """Sign what a paper says of an image, and put it beside the image; return its reference.

    Raises:
        RegistryError: the image is not there, or the registry does not take it.
        SignatureError: the paper is none.
    """
    manifest = pusher.manifest(repository, reference)
    payload, kind = statement_of(paper, name, f"{pusher.registry}/{repository}", manifest.digest)
    return put_bundle(pusher, repository, manifest, payload, kind, key)
