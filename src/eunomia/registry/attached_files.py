"""What is said of an image beside it, read: provenance, SBOM, evidence, as referrers.

Source: OCI image specification 1.1, "Image Manifest" (`subject`); distribution specification 1.1, "Listing Referrers".
"""

from __future__ import annotations

import io

from eunomia.errors import RegistryError
from eunomia.registry.image_kinds import layers_of, strings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.registry.client import Client

MAX_SIZE = 16 << 20


class Attached:
    """Something that was attached to an image.

    Attributes:
        digest: of its manifest.
        artifact_type: what it is.
        data: its bytes.
        media_type: of these.
        title: its file's name, "" for none.
        annotations: of its manifest.
    """

    __slots__ = ("annotations", "artifact_type", "data", "digest", "media_type", "title")

    def __init__(  # noqa: PLR0917
        self, digest: str, artifact_type: str, data: bytes, media_type: str, title: str, annotations: dict[str, str]
    ) -> None:
        self.digest = digest
        self.artifact_type = artifact_type
        self.data = data
        self.media_type = media_type
        self.title = title
        self.annotations = annotations


def attached(client: Client, repository: str, digest: str, artifact_type: str = "") -> list[Attached]:
    """Return what is attached to the manifest of a digest.

    Args:
        client: of the registry.
        repository: path in it.
        digest: of the manifest or index.
        artifact_type: only what is of this type; "" for all.

    Raises:
        RegistryError: the registry refuses, or something attached is damaged.
    """
    found = []
    for entry in client.referrers(repository, digest, artifact_type):
        manifest = client.manifest(repository, entry["digest"])
        document = manifest.document
        kind = strings(document).get("artifactType") or strings(document.get("config")).get("mediaType", "")
        if artifact_type and kind != artifact_type:  # a registry that does not tell types right lists it for us
            continue
        for layer in layers_of(document)[:1]:
            if layer.size > MAX_SIZE:
                raise RegistryError(
                    f"pull {client.named(repository, manifest.digest)}: {layer.size} bytes, at most {MAX_SIZE} are read"
                )
            sink = io.BytesIO()
            client.blob(repository, layer.digest, layer.size, sink)
            annotations = strings(document.get("annotations"))
            data = sink.getvalue()
            found.append(Attached(manifest.digest, kind, data, layer.media_type, layer.title, annotations))
    return found
