"""Images in the cache: the way from the digest that was asked for to the program's bytes is kept, and gone again.

What a policy or a user has let through is the digest of a manifest; the cache's own word for which program that stands
for is not enough. The manifests (and what of the image's layers is not the program itself) are kept beside it, each by
its digest, and the program is taken out of them by the code that took it out of what the registry sent.
"""

from __future__ import annotations

from eunomia.errors import FetchError
from eunomia.registry.client import Manifest, document
from eunomia.registry.images import Pulled, pull
from eunomia.registry.reference import Reference
from eunomia.registry.store import Store, digest_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.registry.client import Client, Sink
    from eunomia.registry.store import Entry


class Recorder(Store):
    """A client and a store in one, that remember what a pull has read: `parts` are its bytes by digest."""

    __slots__ = ("client", "parts")

    def __init__(self, client: Client, store: Store) -> None:
        super().__init__(store.folder)
        self.client = client
        self.parts: dict[str, bytes] = {}

    def manifest(self, repository: str, reference: str) -> Manifest:
        """Return a manifest from the registry."""
        found = self.client.manifest(repository, reference)
        self.parts[found.digest] = found.data
        return found

    def blob(self, repository: str, digest: str, size: int, sink: Sink) -> None:
        """Write a blob from the registry."""
        tee = _Tee(sink)
        self.client.blob(repository, digest, size, tee)
        self.parts[digest] = b"".join(tee.chunks)

    def get(self, digest: str) -> bytes | None:
        """Return a blob from the store."""
        data = super().get(digest)
        if data is not None:
            self.parts[digest] = data
        return data


class _Tee:
    """Writes where it should, and keeps what it wrote."""

    __slots__ = ("chunks", "sink")

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.chunks: list[bytes] = []

    def write(self, data: bytes, /) -> object:
        """Write data."""
        self.chunks.append(bytes(data))
        return self.sink.write(data)


class _Cached:
    """A client whose registry is the cache."""

    __slots__ = ("store",)

    def __init__(self, store: Store) -> None:
        self.store = store

    def manifest(self, repository: str, reference: str) -> Manifest:
        """Return a manifest by its digest."""
        data = self._get(reference)
        return Manifest(data, str(document(data).get("mediaType", "")), reference)

    def blob(self, repository: str, digest: str, size: int, sink: Sink) -> None:
        """Write a blob."""
        sink.write(self._get(digest))

    def _get(self, digest: str) -> bytes:
        data = self.store.get(digest)
        if data is None:
            raise FetchError(f"{digest} is not in the cache")
        return data


def recorded(
    reference: Reference, client: Client, store: Store, *, architecture: str, max_size: int, member: str = ""
) -> tuple[Pulled, dict[str, bytes]]:
    """Pull an image's program; return it with all that it was taken out of, by digest."""
    recorder: Any = Recorder(client, store)
    found = pull(reference, recorder, recorder, architecture=architecture, max_size=max_size, member=member)
    return found, recorder.parts


def leads_to(entry: Entry, store: Store, *, architecture: str, max_size: int, member: str = "") -> bool:
    """Tell whether the digest of an entry leads to its bytes, by what the cache has of the image."""
    cached: Any = _Cached(store)
    try:
        found = pull(
            Reference("cache", "cache", "", entry.digest),
            cached,
            store,
            architecture=architecture,
            max_size=max_size,
            member=member,
        )
    except (FetchError, ValueError):
        return False
    return found.manifest_digest == entry.manifest and digest_of(found.data) == entry.data
