"""What a registry has: manifests, blobs, tags and referrers, read over the OCI distribution API.

Nothing that a registry says is believed without its digest, and nothing is read without a bound. What writes is
`eunomia.publish.upload`.

Source: OCI distribution specification 1.1.1; OCI image specification 1.1.1.
"""

from __future__ import annotations

import hashlib
import json

from eunomia.errors import RegistryError
from eunomia.registry import retry
from eunomia.registry.reference import check_digest, is_digest
from eunomia.registry.session import Session
from eunomia.registry.transport import TransportError, absolute, origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Protocol

    from eunomia.registry.transport import Response

    class Sink(Protocol):
        """What a blob is written to."""

        def write(self, data: bytes, /) -> object: ...


MAX_MANIFEST = 4 << 20  # bytes; what registries accept by the specification
MAX_LIST = 4 << 20
MAX_PAGES = 100
MAX_TAGS = 100_000
MAX_REFERRERS = 10_000
MAX_BLOB = 1 << 40
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPTED = (MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST)
EMPTY = "application/vnd.oci.empty.v1+json"
NO_REFERRERS = (400, 403, 404, 405, 406, 501)  # what registries without the API answer to it
VAGUE = ("", "application/json", "application/octet-stream", "text/plain", "binary/octet-stream")


class Descriptor:
    """What something in a registry is: its media type, digest and size."""

    __slots__ = ("digest", "media_type", "size")

    def __init__(self, media_type: str, digest: str, size: int) -> None:
        self.media_type = media_type
        self.digest = digest
        self.size = size


class Manifest:
    """A manifest or an index as the registry gave it: the bytes, their digest, and what they say that they are."""

    __slots__ = ("data", "digest", "media_type")

    def __init__(self, data: bytes, media_type: str, digest: str) -> None:
        self.data = data
        self.media_type = media_type
        self.digest = digest

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object of the bytes."""
        return document(self.data)

    @property
    def is_index(self) -> bool:
        """Whether it is a list of manifests by platform, and no image."""
        return self.media_type in (INDEX, DOCKER_LIST)


def document(data: bytes) -> dict[str, Any]:
    """Return the JSON object that data is; ValueError where it is none."""
    try:
        found = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def digest_of(data: bytes, kind: str = "sha256") -> str:
    """Return the digest of data, as it is written in manifests."""
    return f"{kind}:{hashlib.new(kind, data).hexdigest()}"


class Client(Session):
    """What a registry has; made with the arguments of Session.

    Its methods raise RegistryError for what a registry answers, and for none; the message says the operation.
    """

    def manifest(self, repository: str, reference: str) -> Manifest:
        """Return a manifest or an index.

        Args:
            repository: path in the registry.
            reference: tag or digest; a digest is checked.
        """
        what = self.named(repository, reference)
        headers = {"Accept": ", ".join(ACCEPTED)}
        response, data = self._read(f"pull {what}", repository, f"manifests/{reference}", headers, MAX_MANIFEST)
        stated = response.headers.get("Docker-Content-Digest", "")
        digest = self._checked(what, data, reference, stated)
        return Manifest(data, _media_type(what, response, data), digest)

    def head(self, repository: str, reference: str) -> Descriptor | None:
        """Return what a tag or digest names, without its bytes, so nothing of it is checked; None for no such."""
        what = self.named(repository, reference)
        headers = {"Accept": ", ".join(ACCEPTED)}
        response = self._send(f"pull {what}", "HEAD", repository, f"manifests/{reference}", headers)
        response.finish()
        if response.status == 404:
            return None
        self._expect(f"pull {what}", response, (200,))
        digest = response.headers.get("Docker-Content-Digest", "")
        if not is_digest(digest):  # a registry need not say it
            found = self.manifest(repository, reference)
            return Descriptor(found.media_type, found.digest, len(found.data))
        return Descriptor(_content_type(response), digest, response.length)

    def blob(self, repository: str, digest: str, size: int, sink: Sink) -> None:
        """Write a blob to sink, with checked size and digest; a cut download goes on where it was cut.

        Args:
            repository: path in the registry.
            digest: of the blob.
            size: bytes that it has; -1 for unknown, which is bounded by MAX_BLOB.
            sink: has got bytes that are not the blob's where this raises.
        """
        what = f"pull {self.named(repository, digest)}"
        check_digest(digest, what.removeprefix("pull "))
        hasher = hashlib.new(digest.partition(":")[0])
        done, patience = 0, retry.Patience()
        while True:
            before = done
            try:
                for chunk in self._blob_from(what, repository, digest, done, size):
                    hasher.update(chunk)
                    sink.write(chunk)
                    done += len(chunk)
                    self._progress(digest, done, size)
                break
            except TransportError as exc:
                if done - before >= retry.PROGRESS:
                    patience = retry.Patience()
                if not exc.again or not patience.wait():
                    raise RegistryError(f"{what}: {_after(done, size)}{exc}") from exc
        if size not in (-1, done):
            raise RegistryError(f"{what}: {done} bytes, expected {size}")
        if hasher.hexdigest() != digest.partition(":")[2]:
            raise RegistryError(f"{what}: its bytes have another digest, {hasher.name}:{hasher.hexdigest()}")

    def tags(self, repository: str) -> list[str]:
        """Return a repository's tags, as the registry sorts them."""
        what = f"list {self.registry}/{repository}"
        found: list[str] = []
        for page in self._pages(what, repository, "tags/list"):
            names = page.get("tags") or []
            if not isinstance(names, list):
                raise RegistryError(f"{what}: the registry's list of tags is none")
            found += [name for name in names if isinstance(name, str) and 0 < len(name) <= 128]
            if len(found) > MAX_TAGS:
                raise RegistryError(f"{what}: more than {MAX_TAGS} tags")
        return found

    def referrers(self, repository: str, digest: str, artifact_type: str = "") -> list[dict[str, Any]]:
        """Return descriptors of what refers to a manifest: its signatures, attestations and the like.

        A registry without the API for it is asked for the tag that the specification has instead.

        Args:
            repository: path in the registry.
            digest: of the manifest that is referred to.
            artifact_type: only those of this type, and those whose registry does not say it; "" for all.
        """
        what = f"pull {self.named(repository, digest)}"
        check_digest(digest, what.removeprefix("pull "))
        found = self._listed(what, repository, digest, artifact_type)
        if artifact_type and not found:  # registries that mistake the config's type for it filter by that
            found = self._listed(what, repository, digest, "")
        good = [each for each in found if _is_descriptor(each)]
        maybe = (artifact_type, EMPTY, None)
        return [each for each in good if not artifact_type or each.get("artifactType") in maybe]

    def _listed(self, what: str, repository: str, digest: str, artifact_type: str) -> list[Any]:
        query = f"?artifactType={_quoted(artifact_type)}" if artifact_type else ""
        found: list[Any] = []
        try:
            for page in self._pages(what, repository, f"referrers/{digest}{query}", INDEX):
                manifests = page.get("manifests")
                found += manifests if isinstance(manifests, list) else []
                if len(found) > MAX_REFERRERS:
                    raise RegistryError(f"{what}: more than {MAX_REFERRERS} referrers")
        except RegistryError as exc:
            if exc.status not in NO_REFERRERS:
                raise
            found = self._fallback_index(repository, digest)
        return found

    def _fallback_index(self, repository: str, digest: str) -> list[Any]:
        """Return what the tag `sha256-HEX` lists, nothing where there is none."""
        try:
            found = self.manifest(repository, fallback_tag(digest))
        except RegistryError as exc:
            if exc.status == 404:
                return []
            raise
        manifests = found.document.get("manifests") if found.media_type == INDEX else None
        return manifests if isinstance(manifests, list) else []

    def _blob_from(self, what: str, repository: str, digest: str, done: int, size: int) -> Iterator[bytes]:
        """Yield a blob's bytes from a place on; of an answer with all of it those before are left out."""
        headers = {"Range": f"bytes={done}-"} if done else {}
        response = self._send(what, "GET", repository, f"blobs/{digest}", headers, raw=True)
        self._expect(what, response, (200, 206) if done else (200,))
        skip = done
        if response.status == 206:
            skip = done - _range_start(response, done)
        expected = response.length + (done - skip if response.status == 206 else 0)
        if size >= 0 and response.length >= 0 and expected != size:
            response.close()
            raise RegistryError(f"{what}: {expected} bytes, expected {size}")
        limit, seen = (size if size >= 0 else MAX_BLOB) - done + skip, 0
        try:
            for chunk in response.stream():
                seen += len(chunk)
                if seen > limit:
                    raise RegistryError(f"{what}: more than the {limit + done - skip} bytes that it should have")
                if skip < len(chunk):
                    yield chunk[skip:]
                skip = max(0, skip - len(chunk))
        finally:
            response.close()
        if 0 <= seen < response.length or (size >= 0 and seen < limit):
            raise TransportError("the connection ended before all of it came", again=True)

    def _read(  # noqa: PLR0917
        self, what: str, repository: str, path: str, headers: dict[str, str], limit: int, url: str = ""
    ) -> tuple[Response, bytes]:
        """Return a small answer and all of its bytes, asked for again where the connection was cut."""
        patience = retry.Patience()
        while True:
            response = self._expect(what, self._send(what, "GET", repository, path, headers, url=url), (200,))
            try:
                return response, response.read(limit)
            except TransportError as exc:
                if not exc.again or not patience.wait():
                    raise RegistryError(f"{what}: {exc}") from exc

    def _checked(self, what: str, data: bytes, reference: str, stated: str) -> str:
        """Return the digest of a manifest: the one that was asked for, or that its registry states."""
        wanted = reference if is_digest(reference) else stated if is_digest(stated) else ""
        actual = digest_of(data, wanted.partition(":")[0] or "sha256")
        if wanted and actual != wanted:
            raise RegistryError(f"pull {what}: the manifest has another digest, {actual}, expected {wanted}")
        return actual

    def _pages(self, what: str, repository: str, path: str, media_type: str = "") -> Iterator[dict[str, Any]]:
        """Yield the objects of a list that may come in pages."""
        url = ""
        for _ in range(MAX_PAGES):
            headers = {"Accept": media_type} if media_type else {}
            response, data = self._read(what, repository, path, headers, MAX_LIST, url)
            if media_type and _content_type(response) != media_type:
                raise RegistryError(f"{what}: {_content_type(response)[:80]!r}, expected {media_type}", 406)
            try:
                yield document(data)
            except ValueError as exc:
                raise RegistryError(f"{what}: the registry's answer is not JSON: {exc}") from None
            following = _next_page(response)
            if not following:
                return
            try:
                url = absolute(response.url, following)
                is_here = origin(url) == origin(response.url)
            except TransportError as exc:
                raise RegistryError(f"{what}: the next page of the list: {exc}") from None
            if not is_here:
                raise RegistryError(f"{what}: the next page of the list is elsewhere, at {url}")
        raise RegistryError(f"{what}: more than {MAX_PAGES} pages")


def fallback_tag(digest: str) -> str:
    """Return the tag that lists a digest's referrers in registries without the API for it."""
    kind, _, value = digest.partition(":")
    return f"{kind[:32]}-{value[:64]}"


def _content_type(response: Response) -> str:
    value: str = response.headers.get("Content-Type", "")
    return value.partition(";")[0].strip().lower()


def _media_type(what: str, response: Response, data: bytes) -> str:
    """Return what a manifest is, where the registry and its own text agree.

    Source: OCI image specification 1.1, "mediaType"; CVE-2021-41190 is what becomes of two answers.
    """
    try:
        inside = document(data).get("mediaType", "")
    except ValueError as exc:
        raise RegistryError(f"pull {what}: the manifest is not JSON: {exc}") from None
    stated = _content_type(response)
    if not isinstance(inside, str) or (inside and stated not in (*VAGUE, inside)):
        raise RegistryError(f"pull {what}: the manifest says that it is {inside!r}, the registry {stated!r}")
    if inside or stated not in VAGUE:
        return inside or stated
    return INDEX if isinstance(document(data).get("manifests"), list) else MANIFEST


def _range_start(response: Response, asked: int) -> int:
    value = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    start = int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else -1
    if not 0 <= start <= asked:
        response.close()
        raise TransportError(f"the registry sent another part than bytes {asked} and on")
    return start


def _next_page(response: Response) -> str:
    """Return what `Link: <URL>; rel="next"` names, "" for none."""
    value: str = response.headers.get("Link", "")
    url, bracket, parameters = value.partition(">")
    return url.strip().removeprefix("<") if bracket and "next" in parameters else ""


def _is_descriptor(each: object) -> bool:
    if not isinstance(each, dict):
        return False
    size, digest = each.get("size"), each.get("digest")
    return (
        isinstance(each.get("mediaType"), str)
        and isinstance(digest, str)
        and is_digest(digest)
        and type(size) is int
        and 0 <= size <= MAX_BLOB
    )


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def _after(done: int, size: int) -> str:
    return f"after {done}{f' of {size}' if size >= 0 else ''} bytes: " if done else ""
