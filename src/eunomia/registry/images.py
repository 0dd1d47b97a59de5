"""The program in an image of a registry, whoever made it: packages and guests of every layout that people push.

Our own type for packages, CNCF's Wasm artifact and its forerunners, single files as `oras push` and others leave them,
and container images that hold a program (`FROM scratch` and `COPY`), all of these behind an index by architecture too.
docs/reference/images.md lists them.
"""

from __future__ import annotations

import io
import os

from eunomia.errors import FetchError
from eunomia.registry.image_kinds import (
    CONTAINERS,
    MEMBER,
    Layer,
    NoProgramError,
    chosen,
    config_of,
    layers_of,
    several,
    strings,
)
from eunomia.registry.in_files import in_files, is_program
from eunomia.registry.reference import is_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.registry.client import Client, Manifest
    from eunomia.registry.reference import Reference
    from eunomia.registry.store import Store

MAX_SIZE = 64 << 20  # bytes of a program, and of an image's layers together
MAX_CONFIG = 1 << 20
MAX_ENTRIES = 1000  # of an index
MAX_INDEXES = 3  # one within another
MAX_TRIED = 4  # images of an index
ARCHITECTURES = {
    "x86_64": "amd64", "x86-64": "amd64", "x86": "amd64", "x64": "amd64", "aarch64": "arm64", "armv8": "arm64",
    "i386": "386", "i686": "386", "armv7l": "arm", "armhf": "arm",
}  # fmt: skip
WASM = ("wasm", "wasm32", "wasm64")
UNKNOWN = ("", "unknown")


class Pulled:
    """A program from a registry.

    Attributes:
        data: its bytes.
        digest: of what the reference named: a manifest or an index.
        manifest_digest: of the manifest that has the program.
        media_type: of the layer that had it.
        annotations: of the manifest, those of the index below them.
        title: its file's name where the image tells one, else "".
    """

    __slots__ = ("annotations", "data", "digest", "manifest_digest", "media_type", "title")

    def __init__(  # noqa: PLR0917 (the order of the contract)
        self,
        data: bytes,
        digest: str,
        manifest_digest: str,
        media_type: str,
        annotations: dict[str, str] | None = None,
        title: str = "",
    ) -> None:
        self.data = data
        self.digest = digest
        self.manifest_digest = manifest_digest
        self.media_type = media_type
        self.annotations = annotations or {}
        self.title = title


def pull(
    reference: Reference,
    client: Client,
    store: Store | None = None,
    *,
    architecture: str = "",
    max_size: int = MAX_SIZE,
    member: str = "",
) -> Pulled:
    """Return the program of an image.

    Args:
        reference: the image's name.
        client: of its registry.
        store: what has its blobs already is not asked for; None for no store.
        architecture: a registry's name (`arm64`) or uname's; "" for this machine's.
        max_size: bytes that the program, and a container image's layers together, may have.
        member: title or path of the file to take from an image that holds several; "" for what it names itself.

    Raises:
        FetchError: the registry refuses, or there is no program in the image, or several.
    """
    return _Pull(reference, client, store, _architecture(architecture), max_size, member).run()


def _architecture(name: str) -> str:
    name = (name or os.uname().machine).lower()
    return ARCHITECTURES.get(name, name)


class _Pull:
    """One pull: what every step of it needs."""

    def __init__(  # noqa: PLR0917
        self, reference: Reference, client: Client, store: Store | None, architecture: str, max_size: int, member: str
    ) -> None:
        self.repository = reference.repository
        self.wanted = reference.wanted
        self.name = str(reference)
        self.client = client
        self.store = store
        self.architecture = architecture
        self.max_size = max_size
        self.member = member

    def run(self) -> Pulled:
        top = self.client.manifest(self.repository, self.wanted)
        try:
            found = self.of(top, MAX_INDEXES)
        except FetchError as exc:
            if str(exc).startswith(("pull ", "open ")):
                raise
            raise FetchError(f"pull {self.name}: {exc}") from exc
        found.digest = top.digest
        found.annotations = {**strings(top.document.get("annotations")), **found.annotations}
        return found

    def of(self, manifest: Manifest, depth: int) -> Pulled:
        """Return the program of a manifest, or of one that an index has for the architecture."""
        document = manifest.document
        if not manifest.is_index and not isinstance(document.get("manifests"), list):
            return self.of_image(manifest, document)
        if not depth:
            raise FetchError(f"more than {MAX_INDEXES} indexes, one within another")
        failure = None
        for digest in choose(document, self.architecture)[:MAX_TRIED]:
            try:
                return self.of(self.client.manifest(self.repository, digest), depth - 1)
            except NoProgramError as exc:  # a container's own image stands before the guest that is for any machine
                failure = failure or exc
        raise failure or NoProgramError("an empty index")

    def of_image(self, manifest: Manifest, document: dict[str, Any]) -> Pulled:
        """Return the program of an image: in a layer of its own, or in a file of a container image."""
        layers = layers_of(document)
        member = self.member or strings(document.get("annotations")).get(MEMBER, "")
        layer = chosen(layers, member)
        if layer is not None:
            return self.pulled(self.blob(layer), manifest, layer, "")
        config = config_of(document)
        is_container = config is not None and config.media_type in CONTAINERS
        if member and not is_container and any(layer.title or not layer.is_filesystem for layer in layers):
            there = ", ".join(layer.title or layer.digest for layer in layers[:8])
            raise FetchError(f"no {member[:200]!r} in it [it has {there or 'no layers'}]")
        if not is_container and not member:  # `oras push FILE` without a type calls any file a layer
            found = self.by_bytes(manifest, layers)
            if found is not None:
                return found
        if is_container or any(layer.is_filesystem for layer in layers):
            return self.of_files(manifest, config if is_container else None, layers, member)
        types = ", ".join(dict.fromkeys(layer.media_type[:80] for layer in layers[:5])) or "none"
        raise NoProgramError(f"no package and no guest in it: its layers are of type {types}")

    def of_files(self, manifest: Manifest, config: Layer | None, layers: list[Layer], member: str) -> Pulled:
        """Return the program among the files of a container image."""
        total = sum(layer.size for layer in layers)
        if total > self.max_size:
            raise FetchError(
                f"a container image with {total} bytes in its layers, at most {self.max_size} are read"
                " to look for a program [--max-size SIZE]"
            )
        if config is not None and config.size > MAX_CONFIG:
            raise FetchError(f"its configuration has {config.size} bytes, at most {MAX_CONFIG} are read")
        settings = self.blob(config) if config is not None else b"{}"
        blobs = [self.blob(layer) for layer in layers]
        path, data = in_files(blobs, settings, member, self.max_size)
        return self.pulled(data, manifest, layers[-1], path.rpartition("/")[2])

    def by_bytes(self, manifest: Manifest, layers: list[Layer]) -> Pulled | None:
        """Return the one layer whose bytes are a program's, in an artifact of somebody else's type; None for none."""
        found, left = [], self.max_size
        for layer in layers:
            if layer.size <= left:
                left -= layer.size
                data = self.blob(layer)
                if is_program(data):
                    found.append((layer, data))
        if len(found) > 1:
            raise several([layer.title or layer.digest for layer, _ in found])
        return self.pulled(found[0][1], manifest, found[0][0], "") if found else None

    def pulled(self, data: bytes, manifest: Manifest, layer: Layer, title: str) -> Pulled:
        annotations = strings(manifest.document.get("annotations"))
        return Pulled(data, manifest.digest, manifest.digest, layer.media_type, annotations, title or layer.title)

    def blob(self, layer: Layer) -> bytes:
        """Return the bytes of a layer, from the store where it has them."""
        if layer.size > self.max_size:
            raise FetchError(
                f"{layer.title or layer.digest}: too large: {layer.size} bytes, at most {self.max_size} bytes are"
                " allowed [--max-size SIZE]"
            )
        data = self.store.get(layer.digest) if self.store is not None else None
        if data is None:
            sink = io.BytesIO()
            self.client.blob(self.repository, layer.digest, layer.size, sink)
            data = sink.getvalue()
        return data


def choose(index: dict[str, Any], architecture: str) -> list[str]:
    """Return the digests of an index's manifests that may have the program, the best first.

    Those for the architecture, then Wasm (which is for any), then those that say no platform.

    Raises:
        FetchError: there is none, or several without a platform.
    """
    entries = index.get("manifests")
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise FetchError(f"its index has no list of at most {MAX_ENTRIES} manifests")
    own: list[str] = []
    wasm: list[str] = []
    other: list[str] = []
    there: dict[str, None] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not is_digest(strings(entry).get("digest", "")):
            raise FetchError("an entry of its index has no digest")
        if strings(entry.get("annotations")).get("vnd.docker.reference.type") == "attestation-manifest":
            continue
        platform = strings(entry.get("platform"))
        system, machine = platform.get("os", ""), platform.get("architecture", "")
        if machine in WASM:
            (own if architecture in WASM else wasm).append(entry["digest"])
        elif machine in UNKNOWN:
            other.append(entry["digest"])
            continue
        elif ARCHITECTURES.get(machine, machine) == architecture and system in (*UNKNOWN, "linux"):
            own.append(entry["digest"])
        there[f"{system}/{machine}"] = None
    if not own and not wasm and len(other) > 1:
        raise several(other)
    if not own and not wasm and not other:
        have = ", ".join(list(there)[:8]) or "nothing"
        raise FetchError(f"nothing for linux/{architecture} in it: it has {have} [--platform PLATFORM]")
    return list(dict.fromkeys([*own, *wasm, *(other if len(other) == 1 else [])]))
