"""Where a hub is: files over HTTP, a folder, or an artifact in an OCI repository; its index and its tools' bytes.

In a repository the hub is one artifact: the index is its first layer, every file of the hub another one, so that
copying the artifact copies the hub.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from eunomia.errors import FetchError
from eunomia.registry import hub_index
from eunomia.registry.download import client_for
from eunomia.registry.reference import is_loopback, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.registry.client import Manifest
    from eunomia.registry.hub import Found
    from eunomia.registry.reference import Reference
    from eunomia.registry.resolve import Limits

ARTIFACT = "application/vnd.eunomia.hub"
INDEX_LAYER = "application/vnd.eunomia.hub.index.v1+json"
TITLE = "org.opencontainers.image.title"
MAX_SIGNATURE = 1 << 20  # bytes of a file with signatures


class Source:
    """A hub's place.

    Args:
        text: an http or https URL (of its folder or of its index), `oci://REGISTRY/REPOSITORY[:TAG]`, or a folder.
        limits: what may be spent on it; `reach` puts the hub's own certificates and the like into them.
    """

    __slots__ = ("_files", "limits", "text")

    def __init__(self, text: str, limits: Limits) -> None:
        self.text = text
        self.limits = limits
        self._files: dict[str, str] = {}

    def index(self) -> bytes:
        """Return the bytes of the index.

        Raises:
            FetchError: it cannot be had.
            OSError: the folder's file cannot be read.
        """
        if not is_remote(self.text):
            return _file(os.path.join(self.text, hub_index.FILE), hub_index.MAX_INDEX, "index of a hub")
        if self.limits.offline:
            raise FetchError(f"fetch {self.text}: not asked, as --offline says")
        if is_oci(self.text):
            return self._oci_index()
        parts = urlsplit(self.text)
        if parts.scheme.lower() == "http" and not is_loopback(parts.netloc) and not self.limits.plain_http:
            raise FetchError(
                f"fetch {self.text}: http to another machine can be read and changed on its way"
                " [use https, or --plain-http]"
            )
        return _download(self.base() + hub_index.FILE, self.limits, hub_index.MAX_INDEX)

    def beside_index(self, suffix: str) -> bytes:
        """Return the bytes of a file beside the index, which was fetched before: a signature of it.

        Raises:
            FetchError: there is none.
            OSError: it cannot be read.
        """
        name = hub_index.FILE + suffix
        if is_oci(self.text):
            digest = self._files.get(name, "")
            if not digest:
                raise FetchError(f"read hub {self.text}: no {name} in it, the index is not signed")
            return _blob(parse(self.text), digest, -1, self.limits, MAX_SIGNATURE)
        if is_url(self.text):
            return _download(self.base() + name, self.limits, MAX_SIGNATURE)
        return _file(os.path.join(self.text, name), MAX_SIGNATURE, "signature of the index")

    def place(self, location: str, digest: str = "") -> str:
        """Return where a file of the hub is, as `Found.place` says it.

        Args:
            location: as in the index.
            digest: of its bytes, where the index has it.

        Returns:
            "" for a file that is not in the hub's artifact.
        """
        if "://" in location:
            return location
        if is_oci(self.text):
            digest = digest or self._files.get(location, "")
            return f"oci://{parse(self.text).name}@{digest}" if digest else ""
        return self.base() + location if is_url(self.text) else os.path.join(self.text, location)

    def base(self) -> str:
        """The URL that locations are below."""
        url = self.text.partition("?")[0].partition("#")[0]
        return url.removesuffix("/" + hub_index.FILE).rstrip("/") + "/"

    def _oci_index(self) -> bytes:
        reference = parse(self.text)
        with client_for(reference, self.limits) as client:
            layers = _layers(client.manifest(reference.repository, reference.wanted), self.text)
        self._files = {title: digest for title, digest, _, _ in layers}
        digest, size = next(((row[1], row[2]) for row in layers if row[3] == INDEX_LAYER), ("", 0))
        if not digest:
            raise FetchError(f"read hub {self.text}: no hub is there, but something else [ecli hub push makes one]")
        if size > hub_index.MAX_INDEX:
            raise FetchError(f"read hub {self.text}: an index of {size} bytes, at most {hub_index.MAX_INDEX}")
        return _blob(reference, digest, size, self.limits, hub_index.MAX_INDEX)


def reach(limits: Limits, options: dict[str, Any]) -> Limits:
    """Return limits with what a hub was added with: `plain_http`, `ca_file`."""
    from eunomia.registry.resolve import Limits

    return Limits(
        limits.timeout,
        limits.max_size,
        offline=limits.offline,
        plain_http=True if options.get("plain_http") else limits.plain_http,
        ca_file=options.get("ca_file") or limits.ca_file,
        tell=limits.tell,
        progress=limits.progress,
    )


def is_remote(text: str) -> bool:
    """Return whether a source is on the network, and no folder."""
    return is_url(text) or is_oci(text)


def is_url(text: str) -> bool:
    """Return whether a source is an http or https URL."""
    return text.lower().startswith(("http://", "https://"))


def is_oci(text: str) -> bool:
    """Return whether a source is a repository of an OCI registry."""
    return text.lower().startswith("oci://")


def check(text: str) -> str:
    """Return a source as it is kept: a folder with its whole path.

    Raises:
        FetchError: it is none.
    """
    if not text.isprintable():
        raise FetchError(f"add hub {text!r}: control characters in it")
    if is_oci(text):
        parse(text)
        return text
    if is_url(text):
        if not urlsplit(text).hostname:
            raise FetchError(f"add hub {text}: no host in this URL")
        if urlsplit(text).password:
            raise FetchError(f"add hub {text.partition('://')[0]}://…: a password in a URL is kept and shown")
        return text
    if "://" in text:
        raise FetchError(f"add hub {text}: unknown URL scheme [http, https, oci, or a folder]")
    if not os.path.isdir(text):
        raise FetchError(f"add hub {text}: no such folder [a hub is a folder, an http(s) URL, or oci://…]")
    return os.path.abspath(text)


def read_place(found: Found, limits: Limits) -> bytes:
    """Return the bytes at a version's place, of the size that the index says; their digest is for the caller.

    Raises:
        FetchError: they cannot be had, or there are more or fewer.
        OSError: a file cannot be read.
    """
    data = _at(found, found.place, limits, found.size)
    if len(data) != found.size:
        raise FetchError(
            f"open {found.text}: {len(data)} bytes at {found.place}, the index of the hub says {found.size}"
            " [ecli hub update; the hub may have been changed meanwhile]"
        )
    return data


def read_signature(found: Found, place: str, limits: Limits) -> bytes:
    """Return the bytes of a file with a signature of a version.

    Raises:
        FetchError: it cannot be had, or is too large to be one.
        OSError: it cannot be read.
    """
    return _at(found, place, limits, MAX_SIGNATURE)


def _at(found: Found, place: str, limits: Limits, most: int) -> bytes:
    """Return what is at a place of a hub, at most so many bytes; of a blob, which has a digest, exactly its own."""
    if not is_remote(place):
        return _file(place, most, found.text)
    from eunomia.registry.hubs import load

    limits = reach(limits, next((each.options for each in load() if each.name == found.hub), {}))
    if is_url(place):
        return _download(place, limits, most)
    name, _, digest = place.rpartition("@")
    return _blob(parse(name), digest, found.size if place == found.place else -1, limits, most)


def _download(url: str, limits: Limits, most: int) -> bytes:
    from eunomia.registry.http import get

    answer = get(url, timeout=limits.timeout, max_size=most, ca_file=limits.ca_file, progress=limits.progress)
    return answer.data if answer is not None else b""


def _file(path: str, limit: int, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise FetchError(f"open {path}: no such file, which should have the {what}") from None
    except OSError as exc:
        raise OSError(exc.errno, f"open {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(data) > limit:
        raise FetchError(f"open {path}: more than the {limit} bytes that the {what} may have")
    return data


def _layers(manifest: Manifest, what: str) -> list[tuple[str, str, int, str]]:
    """Return (title, digest, size, media type) of the layers of a hub's artifact."""
    if manifest.is_index:
        raise FetchError(f"read hub {what}: images by platform are there, no hub [ecli hub push makes one]")
    found = []
    try:
        for each in manifest.document["layers"]:
            title = (each.get("annotations") or {}).get(TITLE, "")
            if type(each["size"]) is not int or not hub_index.DIGEST.fullmatch(each["digest"]):
                raise ValueError(each)
            found.append((str(title), each["digest"], each["size"], str(each["mediaType"])))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FetchError(f"read hub {what}: its manifest is malformed") from None
    return found


def _blob(reference: Reference, digest: str, size: int, limits: Limits, most: int) -> bytes:
    sink = _Bounded(most)
    with client_for(reference, limits) as client:
        client.blob(reference.repository, digest, size, sink)
    return bytes(sink.data)


class _Bounded:
    """Takes a blob whose size nobody has said, up to a limit."""

    __slots__ = ("data", "most")

    def __init__(self, most: int) -> None:
        self.data = bytearray()
        self.most = most

    def write(self, data: bytes, /) -> None:
        """Take some of the blob."""
        if len(self.data) + len(data) > self.most:
            raise FetchError(f"read hub: a blob has more than the {self.most} bytes that are allowed")
        self.data += data
