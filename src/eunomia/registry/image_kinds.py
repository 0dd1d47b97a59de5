"""What a manifest says that its layers are: media types of packages, guests and container images.

Source: OCI image specification 1.1; CNCF TAG Runtime, "Wasm OCI Artifact layout"; Docker's "Image Manifest Version 2,
Schema 2".
"""

from __future__ import annotations

from eunomia.errors import FetchError
from eunomia.registry.reference import is_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PACKAGE = "application/vnd.eunomia.package.v1+json"
PACKAGE_TAR = "application/vnd.eunomia.package.v1.tar"
PACKAGE_ARTIFACT = "application/vnd.eunomia.package"
WASM = "application/wasm"
WASM_CONFIG = "application/vnd.wasm.config.v0+json"
LEGACY = "application/vnd.wasm.content.layer.v1+wasm"
LEGACY_CONFIG = "application/vnd.wasm.config.v1+json"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
CONTAINERS = (IMAGE_CONFIG, "application/vnd.docker.container.image.v1+json")
TITLE = "org.opencontainers.image.title"
MEMBER = "vnd.eunomia.program"  # label or annotation: which of an image's files to run
MAX_LAYERS = 500
MAX_SIZE = 1 << 40
MAX_TEXT = 4096
_GUESTS = (
    WASM,
    LEGACY,
    "application/vnd.module.wasm.content.layer.v1+wasm",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
    "application/vnd.wasm.content.layer.v1.tar+wasm",
)
_FILESYSTEMS = (
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
)


class NoProgramError(FetchError):
    """There is no program in an image."""


def several(names: list[str]) -> FetchError:
    """Return the error for an image with more than one program in it."""
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return FetchError(f"several programs in it: {shown} [--member NAME]")


class Layer:
    """What a manifest says of a blob.

    Attributes:
        media_type: what it is.
        digest: `sha256:…`.
        size: in bytes.
        title: the file's name where an annotation tells one, else "".
    """

    __slots__ = ("digest", "media_type", "size", "title")

    def __init__(self, media_type: str, digest: str, size: int, title: str = "") -> None:
        self.media_type = media_type
        self.digest = digest
        self.size = size
        self.title = title

    @property
    def is_filesystem(self) -> bool:
        """Whether it is a tar of a container image's files."""
        return self.media_type.startswith(_FILESYSTEMS)

    @property
    def is_program(self) -> bool:
        """Whether its type is one of packages or of guests."""
        return self.media_type in (PACKAGE, PACKAGE_TAR) or self.media_type in _GUESTS


def layers_of(document: dict[str, Any]) -> list[Layer]:
    """Return the layers of an image's manifest.

    Raises:
        FetchError: it has none, or damaged ones.
    """
    if document.get("schemaVersion") == 1:
        raise FetchError("an image in Docker's schema 1, which is not read [push it again with a newer client]")
    found = document.get("layers", document.get("blobs"))
    if not isinstance(found, list) or len(found) > MAX_LAYERS:
        raise FetchError(f"its manifest has no list of at most {MAX_LAYERS} layers")
    return [_layer(each, f"layers[{number}]") for number, each in enumerate(found)]


def config_of(document: dict[str, Any]) -> Layer | None:
    """Return the configuration of an image's manifest, None where it has none."""
    return _layer(document["config"], "config") if isinstance(document.get("config"), dict) else None


def _layer(entry: object, place: str) -> Layer:
    told = entry if isinstance(entry, dict) else {}
    media_type, digest, size = told.get("mediaType"), told.get("digest"), told.get("size")
    if not isinstance(media_type, str) or not isinstance(digest, str) or not is_digest(digest):
        raise FetchError(f"`$.{place}` of its manifest: expected an object with mediaType and digest")
    if type(size) is not int or not 0 <= size < MAX_SIZE:
        raise FetchError(f"`$.{place}.size` of its manifest: expected a size, got {str(size)[:40]}")
    return Layer(media_type, digest, size, strings(told.get("annotations")).get(TITLE, ""))


def chosen(layers: list[Layer], member: str) -> Layer | None:
    """Return the layer that is the program by its type or by its title; None where only the bytes can tell.

    Args:
        layers: of the manifest.
        member: title or digest of the one that is wanted, or a path in a container image; "" for the one there is.

    Raises:
        FetchError: there are several.
    """
    if member:
        found = [layer for layer in layers if member in (layer.title, layer.digest)]
        return found[0] if found else None
    programs = [layer for layer in layers if layer.is_program]
    if len(programs) > 1 and not all(layer.media_type == LEGACY for layer in layers):
        raise several([layer.title or layer.digest for layer in programs])
    # of several in the first system's layout it takes the first, and so do we
    return programs[0] if programs else None


def strings(tree: object) -> dict[str, str]:
    """Return the strings of an object of JSON that has strings, such as annotations; what is none is left out."""
    if not isinstance(tree, dict):
        return {}
    return {key: value for key, value in tree.items() if isinstance(value, str) and len(value) <= MAX_TEXT}
