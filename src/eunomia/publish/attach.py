"""What is said of an image beside it: signatures, SBOM, provenance, evidence, as referrers that anybody can list.

Source: OCI image specification 1.1, "Image Manifest" (`subject`); distribution specification 1.1, "Listing Referrers".
"""

from __future__ import annotations

from eunomia.publish.layouts import NO_CONFIG, dump
from eunomia.registry.attached_files import Attached, attached
from eunomia.registry.client import EMPTY, MANIFEST, digest_of
from eunomia.registry.image_kinds import TITLE

__all__ = ["Attached", "attach", "attached"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.publish.upload import Pusher


def attach(
    client: Pusher,
    repository: str,
    reference: str,
    data: bytes,
    artifact_type: str,
    *,
    media_type: str = "",
    title: str = "",
    annotations: dict[str, str] | None = None,
) -> str:
    """Attach bytes to an image; return the digest of the manifest that has them. Again is the same manifest.

    Args:
        client: of the registry.
        repository: path in it.
        reference: tag or digest of the manifest or index.
        data: the bytes.
        artifact_type: what they are, a media type: `application/vnd.in-toto+json`.
        media_type: of the layer; "" for the artifact type.
        title: name for a file of them.
        annotations: of the manifest.

    Raises:
        RegistryError: there is no such image, or the registry refuses.
    """
    subject = client.manifest(repository, reference)
    layer = {"mediaType": media_type or artifact_type, "digest": digest_of(data), "size": len(data)}
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": {"mediaType": EMPTY, "digest": digest_of(NO_CONFIG), "size": len(NO_CONFIG)},
        "layers": [layer | ({"annotations": {TITLE: title}} if title else {})],
        "subject": {"mediaType": subject.media_type, "digest": subject.digest, "size": len(subject.data)},
        **({"annotations": annotations} if annotations else {}),
    }
    client.put_blob(repository, NO_CONFIG)
    client.put_blob(repository, data)
    made = dump(document)
    return client.put_manifest(repository, digest_of(made), made, MANIFEST)
