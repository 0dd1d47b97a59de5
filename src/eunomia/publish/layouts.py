"""Images of one program: the blobs and the manifest of each layout that `ecli push` writes. Nothing is sent here.

The same program and annotations give the same bytes, on any machine and at any time.

Source: OCI image specification 1.1, "Guidelines for Artifact Usage"; CNCF TAG Runtime, "Wasm OCI Artifact layout".
"""

from __future__ import annotations

import io
import json
import tarfile

from eunomia.registry.client import EMPTY, INDEX, MANIFEST, digest_of
from eunomia.registry.image_kinds import (
    IMAGE_CONFIG,
    LEGACY,
    LEGACY_CONFIG,
    MEMBER,
    PACKAGE,
    PACKAGE_ARTIFACT,
    PACKAGE_TAR,
    TITLE,
    WASM,
    WASM_CONFIG,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LAYOUTS = ("oci", "legacy", "image", "wasm")
LAYER = "application/vnd.oci.image.layer.v1.tar"
CREATED = "org.opencontainers.image.created"
NO_CONFIG = b"{}"
# The kernel's names of architectures, and a registry's (Go's).
PLATFORMS = {
    "x86": "amd64", "arm64": "arm64", "riscv": "riscv64", "powerpc": "ppc64le", "s390": "s390x",
    "loongarch": "loong64", "mips": "mips64le", "arm": "arm",
}  # fmt: skip


class Content:
    """A program to push.

    Attributes:
        data: its bytes.
        title: its file's name.
        kind: "package", "tar" (a package with its BTF archive) or "guest".
        architectures: a registry's names of those that it is for; empty where nothing in it depends on one.
        annotations: what it says of itself.
        core: whether a guest is a module, "" for a component and for packages.
    """

    __slots__ = ("annotations", "architectures", "core", "data", "kind", "title")

    def __init__(
        self,
        data: bytes,
        title: str,
        kind: str,
        architectures: list[str] | None = None,
        annotations: dict[str, str] | None = None,
    ) -> None:
        self.data = data
        self.title = title
        self.kind = kind
        self.architectures = architectures or []
        self.annotations = annotations or {}
        self.core = kind == "guest" and data[4:8] == b"\1\0\0\0"


class Image:
    """A manifest, or an index, and the blobs that it names."""

    __slots__ = ("blobs", "data", "digest", "media_type")

    def __init__(self, document: dict[str, Any], media_type: str, blobs: list[bytes]) -> None:
        self.data = dump(document)
        self.media_type = media_type
        self.digest = digest_of(self.data)
        self.blobs = blobs

    def descriptor(self, **more: Any) -> dict[str, Any]:
        """Return what an index says of it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.data), **more}


def dump(document: dict[str, Any]) -> bytes:
    """Return a document's bytes, as all our documents are written."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def image(content: Content, layout: str, annotations: dict[str, str], architecture: str = "") -> Image:
    """Return the image of a program in one of LAYOUTS.

    Args:
        content: the program.
        layout: `oci` is our own type for packages, and CNCF's Wasm artifact for guests, which `wasm` is as well.
        annotations: of the manifest.
        architecture: of a container image; "" for what the program is for.
    """
    if layout == "legacy":
        return _legacy(content, annotations)
    if layout == "image":
        return _container(content, annotations, architecture)
    return _guest(content, annotations) if content.kind == "guest" else _package(content, annotations)


def index(images: list[tuple[str, Image]], annotations: dict[str, str], artifact_type: str = "") -> Image:
    """Return the index of (a registry's name of an architecture, image)."""
    entries = [made.descriptor(platform={"architecture": name, "os": "linux"}) for name, made in images]
    kind = {"artifactType": artifact_type} if artifact_type else {}
    document = {"schemaVersion": 2, "mediaType": INDEX, **kind, "manifests": entries, "annotations": annotations}
    return Image(document, INDEX, [])


def _package(content: Content, annotations: dict[str, str]) -> Image:
    kind = PACKAGE_TAR if content.kind == "tar" else PACKAGE
    return _image(PACKAGE_ARTIFACT, (NO_CONFIG, EMPTY), (content.data, kind), content.title, annotations)


def _guest(content: Content, annotations: dict[str, str]) -> Image:
    config: dict[str, Any] = {
        **({"created": annotations[CREATED]} if CREATED in annotations else {}),
        "architecture": "wasm",
        "os": "wasip1" if content.core else "wasip2",
        "layerDigests": [digest_of(content.data)],
    }
    return _image("", (dump(config), WASM_CONFIG), (content.data, WASM), content.title, annotations)


def _image(
    kind: str, config: tuple[bytes, str], layer: tuple[bytes, str], title: str, annotations: dict[str, str]
) -> Image:
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        **({"artifactType": kind} if kind else {}),
        "config": _descriptor(*config),
        "layers": [_descriptor(*layer) | {"annotations": {TITLE: title}}],
        "annotations": annotations,
    }
    return Image(document, MANIFEST, [config[0], layer[0]])


def _legacy(content: Content, annotations: dict[str, str]) -> Image:
    """The first system's, which other versions of it read: no mediaType, and a layer of Wasm whatever is in it."""
    document = {
        "schemaVersion": 2,
        "config": _descriptor(NO_CONFIG, LEGACY_CONFIG),
        "layers": [_descriptor(content.data, LEGACY)],
        "annotations": annotations,
    }
    return Image(document, MANIFEST, [NO_CONFIG, content.data])


def _container(content: Content, annotations: dict[str, str], architecture: str) -> Image:
    """A container image with one file in its root. Its layer is not compressed: no two libraries compress alike."""
    is_guest = content.kind == "guest"
    name = content.title.rpartition("/")[2]
    layer = _tar(name, content.data)
    labels = {key: value for key, value in annotations.items() if key != CREATED}
    config = {
        **({"created": annotations[CREATED]} if CREATED in annotations else {}),
        "architecture": "wasm" if is_guest else architecture or (content.architectures or ["amd64"])[0],
        "os": ("wasip1" if content.core else "wasip2") if is_guest else "linux",
        "config": {"Entrypoint": [f"/{name}"], "Labels": {**labels, MEMBER: f"/{name}"}},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
        "history": [{"created_by": f"ecli push {name}", "comment": "a program of eunomia"}],
    }
    if is_guest and content.core:
        config["os"] = "wasi"  # what engines of containers ask for
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor(dump(config), IMAGE_CONFIG),
        "layers": [_descriptor(layer, LAYER)],
        "annotations": annotations,
    }
    return Image(document, MANIFEST, [dump(config), layer])


def _tar(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(data), 0o644
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def _descriptor(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}
