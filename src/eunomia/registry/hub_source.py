"""Where a hub is: files over HTTP, a folder, or an artifact in an OCI repository; its index and its tools' bytes.

In a repository the hub is one artifact: the index is its first layer, every file of the hub another one, so that
copying the artifact copies the hub.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from eunomia.errors import FetchError
from eunomia.registry import hub_index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.registry.client import Client, Manifest
    from eunomia.registry.hub import Found
    from eunomia.registry.reference import Reference
    from eunomia.registry.resolve import Limits

ARTIFACT = "application/vnd.eunomia.hub"
INDEX_LAYER = "application/vnd.eunomia.hub.index.v1+json"
TITLE = "org.opencontainers.image.title"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
MAX_SIGNATURE = 1 << 20  # bytes of a file with signatures


class Source:
    """A hub's place.

    Args:
        text: an http or https URL (of its folder or of its index), `oci://REGISTRY/REPOSITORY[:TAG]`, or a folder.
        plain_http: allow http to other machines than this one.
        ca_file: certificates to trust, in place of the system's.
    """

    __slots__ = ("_files", "ca_file", "plain_http", "text")

    def __init__(self, text: str, *, plain_http: bool = False, ca_file: str = "") -> None:
        self.text = text
        self.plain_http = plain_http
        self.ca_file = ca_file
        self._files: dict[str, str] = {}

    def index(self, limits: Limits) -> bytes:
        """Return the bytes of the index.

        Raises:
            FetchError: it cannot be had.
            OSError: the folder's file cannot be read.
        """
        if is_oci(self.text):
            return self._oci_index(limits)
        if is_url(self.text):
            self._check_transport()
            from eunomia.registry.http import download

            return download(self.base() + hub_index.FILE, timeout=limits.timeout, max_size=hub_index.MAX_INDEX)
        return _file(os.path.join(self.text, hub_index.FILE), hub_index.MAX_INDEX, "index of a hub")

    def beside_index(self, suffix: str, limits: Limits) -> bytes:
        """Return the bytes of a file beside the index, which was fetched before: a signature of it.

        Raises:
            FetchError: there is none.
            OSError: it cannot be read.
        """
        name = hub_index.FILE + suffix
        if is_oci(self.text):
            reference = _reference(self.text)
            digest = self._files.get(name, "")
            if not digest:
                raise FetchError(f"read hub {self.text}: no {name} in it, the index is not signed")
            with _client(reference.registry, limits, plain_http=self.plain_http, ca_file=self.ca_file) as client:
                return _blob(client, reference.repository, digest, -1, MAX_SIGNATURE)
        if is_url(self.text):
            from eunomia.registry.http import download

            return download(self.base() + name, timeout=limits.timeout, max_size=MAX_SIGNATURE)
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
            return f"oci://{_reference(self.text).name}@{digest}" if digest else ""
        return self.base() + location if is_url(self.text) else os.path.join(self.text, location)

    def base(self) -> str:
        """The URL that locations are below."""
        url = self.text.partition("?")[0].partition("#")[0]
        return url.removesuffix(hub_index.FILE).rstrip("/") + "/"

    def _check_transport(self) -> None:
        parts = urlsplit(self.text)
        if parts.scheme.lower() == "http" and parts.hostname not in LOOPBACK and not self.plain_http:
            raise FetchError(
                f"fetch {self.text}: http to another machine can be read and changed on its way"
                " [use https, or --plain-http]"
            )

    def _oci_index(self, limits: Limits) -> bytes:
        reference = _reference(self.text)
        with _client(reference.registry, limits, plain_http=self.plain_http, ca_file=self.ca_file) as client:
            layers = _layers(client.manifest(reference.repository, reference.wanted), self.text)
            self._files = {title: digest for title, digest, _, _ in layers}
            digest, size = next(((row[1], row[2]) for row in layers if row[3] == INDEX_LAYER), ("", 0))
            if not digest:
                raise FetchError(f"read hub {self.text}: no hub is there, but something else [ecli hub push makes one]")
            if size > hub_index.MAX_INDEX:
                raise FetchError(f"read hub {self.text}: an index of {size} bytes, at most {hub_index.MAX_INDEX}")
            return _blob(client, reference.repository, digest, size)


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
        _reference(text)
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
    if is_url(place):
        from eunomia.registry.http import download

        return download(place, timeout=limits.timeout, max_size=most)
    if not is_oci(place):
        return _file(place, most, found.text)
    from eunomia.registry.hubs import load

    name, _, digest = place.partition("://")[2].rpartition("@")
    registry, _, repository = name.partition("/")
    options = next((each.options for each in load() if each.name == found.hub), {})
    options = {key: options[key] for key in ("plain_http", "ca_file") if key in options}
    with _client(registry, limits, **options) as client:
        return _blob(client, repository, digest, found.size if place == found.place else -1, most)


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


def _reference(text: str) -> Reference:
    from eunomia.registry.reference import parse

    return parse(text)


def _client(registry: str, limits: Limits, *, plain_http: bool | None = None, ca_file: str = "") -> Client:
    from eunomia.registry.client import Client

    return Client(registry, plain_http=plain_http or None, ca_file=ca_file, timeout=limits.timeout)


def _blob(client: Client, repository: str, digest: str, size: int, most: int = hub_index.MAX_SIZE) -> bytes:
    sink = _Bounded(most)
    client.blob(repository, digest, size, sink)
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
