"""Programs from http and https URLs: one GET with a time limit, a size limit, few redirects and a checked status."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

from eunomia.errors import FetchError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Any

MAX_REDIRECTS = 5
CHUNK = 1 << 16


class _Redirects(HTTPRedirectHandler):
    """Follow a few redirects, never from https down to http; urllib refuses those to other schemes."""

    max_redirections = MAX_REDIRECTS
    max_repeats = 2

    def redirect_request(  # noqa: PLR0917 (urllib's signature)
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme.lower() != "https" and urlsplit(req.full_url).scheme.lower() == "https":
            raise FetchError(f"fetch {req.full_url}: redirected from https to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Answer:
    """What a server sent.

    Attributes:
        data: the body.
        type: its media type, as the server says.
        etag, modified: the server's words for this version, "" for none.
        may_keep: the server does not forbid to keep it.
    """

    __slots__ = ("data", "etag", "may_keep", "modified", "type")

    def __init__(self, data: bytes, headers: http.client.HTTPMessage) -> None:
        self.data = data
        self.type = headers.get("Content-Type", "")[:255]
        self.etag = headers.get("ETag", "")[:1024]
        self.modified = headers.get("Last-Modified", "")[:255]
        self.may_keep = "no-store" not in headers.get("Cache-Control", "").lower()


def download(url: str, *, timeout: float, max_size: int) -> bytes:
    """Return what is at a URL; see `get`."""
    answer = get(url, timeout=timeout, max_size=max_size)
    assert answer is not None, "a request without conditions has no 304"
    return answer.data


def get(
    url: str,
    *,
    timeout: float,
    max_size: int,
    etag: str = "",
    modified: str = "",
    ca_file: str = "",
    progress: Callable[[str, int, int], None] | None = None,
) -> Answer | None:
    """Return what is at a URL, None where it still is what `etag` and `modified` say.

    Args:
        url: http or https; the proxies of the environment are used.
        timeout: seconds, for connecting, for each read, and for the whole.
        max_size: bytes that it may have.
        etag, modified: the server's words for a version that is here, "" for none.
        ca_file: PEM file of certificates that are trusted besides the system's.
        progress: called with the URL, the bytes that came, and the bytes that it has (-1: unknown).

    Raises:
        FetchError: no connection, a status other than 200, or more time, bytes or redirects than allowed.
    """
    deadline = time.monotonic() + timeout
    try:
        request = _request(url, etag, modified)
        with _opener(url, ca_file).open(request, timeout=timeout) as response:
            if response.status != 200:
                raise FetchError(f"fetch {url}: HTTP status {response.status} {response.reason}, expected 200")
            return Answer(_body(response, url, deadline, timeout, max_size, progress), response.headers)
    except HTTPError as exc:
        with exc:
            if exc.code == 304 and (etag or modified):
                return None
            if exc.code in (301, 302, 303, 307, 308):
                target = exc.headers.get("Location", "")
                if urlsplit(target).scheme.lower() not in ("", "http", "https"):
                    raise FetchError(f"fetch {url}: redirected to {target}, which is neither http nor https") from None
                raise FetchError(f"fetch {url}: redirected more than {MAX_REDIRECTS} times, or in a circle") from None
            failure = FetchError(f"fetch {url}: HTTP status {exc.code} {exc.reason}")
            failure.status = exc.code
            raise failure from None
    except TimeoutError:
        raise _timed_out(url, timeout) from None
    except URLError as exc:
        if isinstance(exc.reason, TimeoutError):
            raise _timed_out(url, timeout) from None
        raise FetchError(f"fetch {url}: {_reason(exc.reason)}") from exc
    except http.client.IncompleteRead as exc:
        raise FetchError(
            f"fetch {url}: the connection ended before all of it came (after {len(exc.partial)} bytes)"
        ) from exc
    except (http.client.HTTPException, OSError, ValueError) as exc:
        raise FetchError(f"fetch {url}: {_reason(exc)}") from exc


def _opener(url: str, ca_file: str) -> OpenerDirector:
    """Return an opener that knows http and https and nothing else (no file:, no ftp:, no data:)."""
    from urllib.request import HTTPDefaultErrorHandler, HTTPErrorProcessor

    from eunomia.registry.tls import context

    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPHandler(),
        HTTPSHandler(context=context(urlsplit(url).netloc, ca_file)),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _request(url: str, etag: str = "", modified: str = "") -> Request:
    from eunomia import __version__

    try:
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError("no host in it")
        _ = parts.port
        headers = {"User-Agent": f"eunomia/{__version__}", "Accept": "*/*"}
        headers |= {"If-None-Match": etag} if etag else {}
        headers |= {"If-Modified-Since": modified} if modified else {}
        request = Request(url, headers=headers)
    except ValueError as exc:
        raise FetchError(f"fetch {url}: not a URL: {exc}") from None
    return request


def _body(  # noqa: PLR0917 (one place calls it)
    response: Any,
    url: str,
    deadline: float,
    timeout: float,
    max_size: int,
    progress: Callable[[str, int, int], None] | None,
) -> bytes:
    stated = response.headers.get("Content-Length", "")
    if stated.isdecimal() and int(stated) > max_size:
        raise _too_large(url, max_size, f"{int(stated)} bytes, ")
    body = bytearray()
    while True:
        chunk = response.read1(CHUNK)
        if not chunk:
            break
        body += chunk
        if len(body) > max_size:
            raise _too_large(url, max_size, "")
        if time.monotonic() > deadline:
            raise _timed_out(url, timeout)
        if progress is not None:
            progress(url, len(body), int(stated) if stated.isdecimal() else -1)
    if stated.isdecimal() and len(body) < int(stated):
        raise FetchError(f"fetch {url}: the connection ended after {len(body)} of {stated} bytes")
    return bytes(body)


def _too_large(url: str, max_size: int, found: str) -> FetchError:
    return FetchError(f"fetch {url}: too large: {found}at most {max_size} bytes are allowed [--max-size SIZE]")


def _timed_out(url: str, timeout: float) -> FetchError:
    return FetchError(f"fetch {url}: timed out after {timeout:g} s [--timeout SECONDS]")


def _reason(exc: object) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {exc.verify_message}"
    if isinstance(exc, socket.gaierror):
        return "no such host"
    if isinstance(exc, ssl.SSLError) and exc.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return "what answers there does not speak TLS [http://…, if that is meant]"
    text = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    return f"{text[:1].lower()}{text[1:]}" or type(exc).__name__
