"""What is written to a registry: blobs in one piece or in chunks, resumed where they were cut, manifests, referrers.

Source: OCI distribution specification 1.1.1, "Push", "Pushing Manifests with Subject", "Enabling the Referrers API".
"""

from __future__ import annotations

import hashlib
import json
from urllib.parse import quote, urlencode

from eunomia.errors import RegistryError
from eunomia.registry import retry
from eunomia.registry.client import INDEX, MAX_MANIFEST, Client, digest_of, document, fallback_tag
from eunomia.registry.reference import is_digest
from eunomia.registry.transport import TransportError, absolute, origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from eunomia.registry.transport import Response

CHUNK = 8 << 20  # bytes of a PATCH; a smaller blob goes in one PUT
MAX_CHUNK = 64 << 20
OCTETS = {"Content-Type": "application/octet-stream"}


class Pusher(Client):
    """A registry that is written to; made with the arguments of Client."""

    chunk = CHUNK

    def put_blob(self, repository: str, data: bytes | BinaryIO, *, mount_from: str = "") -> str:
        """Write a blob that the repository does not have yet.

        Args:
            repository: path in the registry.
            data: the bytes, or a file that can be read twice.
            mount_from: another repository of this registry that may have it.

        Returns:
            Its digest.
        """
        source = _Source(data)
        what = f"push {self.registry}/{repository}"
        scopes = _writing(repository)
        if self._has(what, repository, source.digest, scopes):
            self._progress(source.digest, source.size, source.size)
            return source.digest
        query = {}
        if mount_from:
            query = {"mount": source.digest, "from": mount_from}
            scopes = (*scopes, f"repository:{mount_from}:pull")
        path = "blobs/uploads/" + (f"?{urlencode(query)}" if query else "")
        response = self._send(what, "POST", repository, path, {"Content-Length": "0"}, scopes=scopes)
        if response.status != 201:
            self._upload(what, repository, source, self._expect(what, response, (202,)))
        response.finish()
        return source.digest

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str) -> str:
        """Write a manifest or an index; return its digest.

        One with a `subject` is found by `referrers` afterwards: where the registry has no API for these, the tag
        that stands for it is written.

        Args:
            repository: path in the registry.
            reference: tag; or the digest, for one without a tag.
            data: the bytes, at most 4 MiB.
            media_type: what they are.
        """
        what = f"push {self.named(repository, reference)}"
        digest = digest_of(data)
        if len(data) > MAX_MANIFEST:
            raise RegistryError(f"{what}: a manifest of {len(data)} bytes, at most {MAX_MANIFEST} are accepted")
        if is_digest(reference) and reference != digest:
            raise ValueError(f"put manifest {reference}: its digest is {digest}")
        response = self._send(
            what,
            "PUT",
            repository,
            f"manifests/{reference}",
            {"Content-Type": media_type},
            data,
            scopes=_writing(repository),
        )
        self._expect(what, response, (201, 200, 202))
        response.finish()
        stated = response.headers.get("Docker-Content-Digest", "")
        if is_digest(stated) and stated.startswith("sha256:") and stated != digest:
            raise RegistryError(f"{what}: the registry made {stated} of it, expected {digest}")
        said = document(data)
        if isinstance(said.get("subject"), dict) and not response.headers.get("OCI-Subject"):
            self._list_referrer(what, repository, said, _descriptor(said, media_type, digest, len(data)))
        return digest

    def delete(self, repository: str, reference: str) -> None:
        """Remove a tag, or a manifest by its digest; not every registry lets one."""
        what = f"delete {self.named(repository, reference)}"
        scopes = (f"repository:{repository}:delete,pull",)
        response = self._send(what, "DELETE", repository, f"manifests/{reference}", scopes=scopes)
        self._expect(what, response, (202, 200, 204))
        response.finish()

    def _has(self, what: str, repository: str, digest: str, scopes: tuple[str, ...]) -> bool:
        response = self._send(what, "HEAD", repository, f"blobs/{digest}", scopes=scopes)
        response.finish()
        return response.status == 200

    def _upload(self, what: str, repository: str, source: _Source, begun: Response) -> None:
        """Send a blob to an upload that was begun: whole, or in chunks, going on where a connection was cut."""
        begun.finish()
        place = self._location(what, begun)
        chunk = self.chunk
        least = begun.headers.get("OCI-Chunk-Min-Length", "")
        if least.isascii() and least.isdecimal():
            chunk = min(max(chunk, int(least[:12])), MAX_CHUNK)
        done, patience = 0, retry.Patience()
        while True:
            try:
                if source.size - done <= chunk and not done:
                    self._finish(what, repository, place, source, source.read(0, source.size))
                    return
                while done < source.size:
                    place, done = self._patch(what, repository, place, source, done, chunk)
                    patience = retry.Patience()
                    self._progress(source.digest, done, source.size)
                self._finish(what, repository, place, source, b"")
                return
            except TransportError as exc:
                if not exc.again or not patience.wait():
                    raise RegistryError(f"{what}: after {done} of {source.size} bytes: {exc}") from exc
                if self._has(what, repository, source.digest, _writing(repository)):
                    return  # only its answer was lost
                place, done = self._state(what, repository, place)

    def _patch(  # noqa: PLR0917
        self, what: str, repository: str, place: str, source: _Source, done: int, chunk: int
    ) -> tuple[str, int]:
        """Send one chunk; return where the next one goes, and how many bytes the registry has."""
        piece = source.read(done, chunk)
        headers = {**OCTETS, "Content-Range": f"{done}-{done + len(piece) - 1}"}
        response = self._write("PATCH", what, repository, place, headers, piece)
        response.finish()
        if response.status in (416, *retry.STATUSES):
            raise TransportError(f"{response.status} {response.reason}", again=True)
        self._expect(what, response, (202, 201, 204))
        following = self._location(what, response)
        return following, _received(response, done + len(piece))

    def _finish(self, what: str, repository: str, place: str, source: _Source, data: bytes) -> None:
        """Close an upload with the digest, and all or nothing of the bytes."""
        url = place + ("&" if "?" in place else "?") + f"digest={quote(source.digest, safe='')}"
        response = self._write("PUT", what, repository, url, OCTETS, data)
        if response.status in (416, *retry.STATUSES):
            response.finish()
            raise TransportError(f"{response.status} {response.reason}", again=True)
        self._expect(what, response, (201, 204, 202, 200))
        response.finish()
        self._progress(source.digest, source.size, source.size)

    def _state(self, what: str, repository: str, place: str) -> tuple[str, int]:
        """Return where an upload that was cut goes on, and how many bytes the registry has; or begin a new one."""
        response = self._write("GET", what, repository, place, {}, None)
        response.finish()
        if response.status in (204, 202, 200) and response.headers.get("Range"):
            location = response.headers.get("Location", "")
            return (absolute(response.url, location) if location else place), _received(response, 0)
        path = "blobs/uploads/"
        again = self._send(what, "POST", repository, path, {"Content-Length": "0"}, scopes=_writing(repository))
        again.finish()
        return self._location(what, self._expect(what, again, (202,))), 0

    def _write(  # noqa: PLR0917
        self, method: str, what: str, repository: str, url: str, headers: dict[str, str], data: bytes | None
    ) -> Response:
        return self._send(what, method, repository, "", headers, data, url=url, scopes=_writing(repository), raw=True)

    def _location(self, what: str, response: Response) -> str:
        """Return where an upload goes on: the same registry, or another host, which gets no credentials."""
        location = response.headers.get("Location", "")
        if not location:
            raise RegistryError(f"{what}: the registry does not say where the upload goes (no Location)")
        try:
            target = absolute(response.url, location)
            scheme, host = origin(target)
        except TransportError as exc:
            raise RegistryError(f"{what}: the upload's Location: {exc}") from None
        if scheme == "https" or (
            scheme == "http" and not self._base().startswith("https") and self._transport.may_be_plain(host)
        ):
            return target
        raise RegistryError(f"{what}: the upload's Location is {target}, which is not https")

    def _list_referrer(self, what: str, repository: str, said: dict[str, Any], descriptor: dict[str, Any]) -> None:
        """Add a manifest to the list of its subject's referrers, which registries without the API keep under a tag."""
        subject = said["subject"].get("digest", "")
        if not isinstance(subject, str) or not is_digest(subject):
            raise ValueError(f"{what}: its subject has no digest")
        tag = fallback_tag(subject)
        listed = [each for each in self._fallback_index(repository, subject) if isinstance(each, dict)]
        if any(each.get("digest") == descriptor["digest"] for each in listed):
            return
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*listed, descriptor]}
        self.put_manifest(repository, tag, json.dumps(index, separators=(",", ":")).encode(), INDEX)


class _Source:
    """A blob to send: bytes, or a file that is read piece by piece."""

    def __init__(self, data: bytes | BinaryIO) -> None:
        self._data = data if isinstance(data, bytes) else None
        self._file = None if isinstance(data, bytes) else data
        hasher = hashlib.sha256()
        self.size = 0
        while piece := self.read(self.size, 1 << 20):
            hasher.update(piece)
            self.size += len(piece)
        self.digest = f"sha256:{hasher.hexdigest()}"

    def read(self, start: int, count: int) -> bytes:
        if self._data is not None:
            return self._data[start : start + count]
        assert self._file is not None
        self._file.seek(start)
        return self._file.read(count)


def _descriptor(said: dict[str, Any], media_type: str, digest: str, size: int) -> dict[str, Any]:
    """Return what the list of referrers says of a manifest: its artifact type (or its config's) and annotations."""
    found: dict[str, Any] = {"mediaType": media_type, "digest": digest, "size": size}
    config = said.get("config")
    kind = said.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else "")
    if kind:
        found["artifactType"] = kind
    if isinstance(said.get("annotations"), dict):
        found["annotations"] = said["annotations"]
    return found


def _writing(repository: str) -> tuple[str, ...]:
    return (f"repository:{repository}:pull,push",)


def _received(response: Response, otherwise: int) -> int:
    """Return the bytes that `Range: 0-LAST` says were received."""
    last = response.headers.get("Range", "").removeprefix("bytes=").partition("-")[2]
    if not (last.isascii() and last.isdecimal() and len(last) < 19):
        return otherwise
    return int(last) + 1 if last != "0" else min(1, otherwise)
