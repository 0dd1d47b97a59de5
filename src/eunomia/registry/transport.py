"""HTTP as registries need it: connections that are kept, time limits that a slow server cannot stretch, few redirects.

Credentials are sent to the host that they are for, and never along with a redirect to another one. What fails is a
`TransportError` whose text is only the cause: its caller knows what it was doing.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from urllib.parse import quote, urljoin, urlsplit

from eunomia.errors import EunomiaError
from eunomia.registry import proxies, tls
from eunomia.registry.reference import is_loopback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
CHUNK = 1 << 16
MIN_RATE = 1024  # bytes a second, over the time limit: less is a server that holds us up
TOTAL = 2  # times the time limit for all of a document


_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._:%")


class TransportError(EunomiaError):
    """A request got no whole answer; `again` tells whether it may get one at another try."""

    def __init__(self, cause: str, again: bool = False) -> None:
        super().__init__(cause)
        self.again = again


class _Clock:
    """How long the rest of an answer may take."""

    __slots__ = ("deadline", "timeout")

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.deadline = time.monotonic() + timeout

    def extend(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds

    def left(self) -> float:
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return min(seconds, self.timeout)


class _Watched(io.RawIOBase):
    """A socket's raw file whose reads end at the clock's deadline: a byte now and then does not stretch it."""

    def __init__(self, sock: socket.socket, clock: _Clock) -> None:
        super().__init__()
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._clock = clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._clock.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """http.client's response, read through the watch."""

    def __init__(self, sock: socket.socket, *words: Any, clock: _Clock, **more: Any) -> None:
        super().__init__(sock, *words, **more)
        self.fp.close()
        self.fp = io.BufferedReader(_Watched(sock, clock))


class Response:
    """An answer: its status and headers, and a body to read once. `url` is where it came from in the end."""

    def __init__(self, answer: _Answer, url: str, clock: _Clock, release: Callable[[bool], None]) -> None:
        self.status = answer.status
        self.reason = answer.reason
        self.headers = answer.headers
        self.url = url
        self._answer = answer
        self._clock = clock
        self._release = release

    def read(self, limit: int) -> bytes:
        """Return the whole body; TransportError where it has more than limit bytes, or is cut."""
        stated = -1 if self._answer.length is None else self._answer.length
        if stated > limit:
            self.close()
            raise TransportError(f"the answer has {stated} bytes, at most {limit} are read")
        body = bytearray()
        self._clock.extend(self._clock.timeout * TOTAL)
        for chunk in self._chunks():
            body += chunk
            if len(body) > limit:
                self.close()
                raise TransportError(f"the answer has more than {limit} bytes")
        if 0 <= len(body) < stated:
            raise TransportError(f"the connection ended after {len(body)} of {stated} bytes", again=True)
        return bytes(body)

    def stream(self) -> Iterator[bytes]:
        """Yield the body as it comes, for as long as it comes at a rate that makes sense."""
        timeout = self._clock.timeout
        self._clock.extend(timeout)
        window = 0
        for chunk in self._chunks():
            yield chunk
            window += len(chunk)
            if window >= MIN_RATE * timeout:
                window = 0
                self._clock.extend(timeout)

    @property
    def length(self) -> int:
        """What Content-Length says, -1 where it says nothing usable."""
        stated = self.headers.get("Content-Length", "")
        return int(stated) if stated.isascii() and stated.isdecimal() and len(stated) < 19 else -1

    def finish(self) -> None:
        """Read what little there is, so that the connection can be kept."""
        try:
            self.read(CHUNK)
        except TransportError:
            self.close()

    def close(self) -> None:
        """Give the connection up; what was not read is not waited for."""
        self._answer.close()
        self._release(False)

    def _chunks(self) -> Iterator[bytes]:
        whole, seen = False, 0
        left = self._answer.length if not self._answer.chunked else None  # read1 itself does not stop at the length
        try:
            while left != 0 and (chunk := self._answer.read1(CHUNK if left is None else min(left, CHUNK))):
                left = None if left is None else left - len(chunk)
                seen += len(chunk)
                yield chunk
            whole = not left
        except TimeoutError:
            text = f"timed out: too little came in {self._clock.timeout:g} s [--timeout SECONDS]"
            raise TransportError(text, again=seen >= CHUNK) from None
        except http.client.IncompleteRead:
            raise TransportError("the connection ended before all of it came", again=True) from None
        except (http.client.HTTPException, OSError, ValueError) as exc:
            raise TransportError(reason(exc), again=isinstance(exc, OSError)) from exc
        finally:
            self._answer.close()
            self._release(whole and not self._answer.will_close)


class Transport:
    """Connections to a registry, its token server, and where these redirect to.

    Args:
        timeout: seconds for connecting, for the head of an answer, and for each stretch of its body.
        ca_file: certificates to trust besides the system's; "" for none.
        insecure: believe any certificate.
        plain_hosts: `HOST[:PORT]` that may be asked over plain HTTP besides loopback.
    """

    def __init__(
        self, *, timeout: float = 30.0, ca_file: str = "", insecure: bool = False, plain_hosts: tuple[str, ...] = ()
    ) -> None:
        self.timeout = timeout
        self.ca_file = ca_file
        self._insecure = insecure
        self._plain_hosts = plain_hosts
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._idle: dict[tuple[str, str], http.client.HTTPConnection] = {}

    def close(self) -> None:
        """Close the connections that were kept."""
        while self._idle:
            self._idle.popitem()[1].close()

    def request(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes | memoryview | None = None
    ) -> Response:
        """Send a request and return its answer, after up to 5 redirects.

        Args:
            method: HTTP's; a redirect of others than GET and HEAD is followed only where it keeps the method.
            url: http or https.
            headers: `Authorization` among them goes to url's own host only.
            body: sent again at a redirect.

        Raises:
            TransportError: no answer, or a redirect that is not followed.
        """
        headers = dict(headers or {})
        for _ in range(MAX_REDIRECTS + 1):
            response = self._once(method, url, headers, body)
            keeps = method in ("GET", "HEAD") or response.status in (307, 308)
            if response.status not in REDIRECTS or not keeps:
                return response
            response.finish()
            target = self._target(url, response.headers.get("Location", ""))
            if origin(target) != origin(url):
                if method == "POST":  # its body may be a password
                    raise TransportError(f"redirected with what was sent to {target}")
                headers.pop("Authorization", None)
            url = target
        raise TransportError(f"redirected more than {MAX_REDIRECTS} times")

    def _target(self, url: str, location: str) -> str:
        if not location:
            raise TransportError("redirected to nowhere (no Location)")
        target = absolute(url, location)
        scheme, host = origin(target)
        if scheme not in ("http", "https"):
            raise TransportError(f"redirected to {target}, which is neither http nor https")
        if scheme == "http" and origin(url)[0] == "https":
            raise TransportError(f"redirected from https to {target}")
        if scheme == "http" and not self.may_be_plain(host):
            raise TransportError(f"redirected to plain HTTP at {host} [--plain-http]")
        return target

    def may_be_plain(self, host: str) -> bool:
        """Tell whether a host may be asked without TLS."""
        return is_loopback(host) or host in self._plain_hosts

    def _once(self, method: str, url: str, headers: dict[str, str], body: bytes | memoryview | None) -> Response:
        place = origin(url)
        for _ in range(2):
            kept = self._idle.pop(place, None)
            connection = kept or self._connect(place)
            try:
                return self._send(connection, place, method, url, headers, body)
            except TransportError as exc:
                connection.close()
                if not kept or not exc.again or method not in ("GET", "HEAD"):
                    raise  # a kept connection may have been closed by the server in the meantime: once more
        raise TransportError("the connection ended", again=True)

    def _send(  # noqa: PLR0917
        self,
        connection: http.client.HTTPConnection,
        place: tuple[str, str],
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | memoryview | None,
    ) -> Response:
        clock = _Clock(self.timeout)
        connection.response_class = lambda *words, **more: _Answer(*words, clock=clock, **more)  # type: ignore[assignment]
        sent = self._headers(headers, url)
        if body is not None:
            sent["Content-Length"] = str(len(body))
        if connection.sock is not None:
            connection.sock.settimeout(self.timeout)
        try:
            try:
                connection.request(method, proxies.target(url), _pieces(body), sent)
            except (BrokenPipeError, ConnectionResetError):
                if connection.sock is None:
                    raise
                # The server hung up before it read all: it may have said why.
            clock.extend(self.timeout)
            answer = connection.getresponse()
        except TimeoutError:
            raise TransportError(f"timed out after {self.timeout:g} s [--timeout SECONDS]") from None
        except (http.client.HTTPException, OSError, ValueError) as exc:
            raise TransportError(reason(exc), again=_may_help(exc)) from exc

        def release(keep: bool) -> None:
            if keep and place not in self._idle:
                self._idle[place] = connection
            elif self._idle.get(place) is not connection:
                connection.close()

        assert isinstance(answer, _Answer)
        return Response(answer, url, clock, release)

    def _headers(self, headers: dict[str, str], url: str) -> dict[str, str]:
        from eunomia import __version__

        return {"User-Agent": f"eunomia/{__version__}", **proxies.headers(url), **headers}

    def _connect(self, place: tuple[str, str]) -> http.client.HTTPConnection:
        scheme, host = place
        try:
            if scheme == "https":
                if host not in self._contexts:  # reading the system's certificates takes 10 ms and more
                    self._contexts[host] = tls.context(host, self.ca_file, self._insecure)
                return proxies.https(host, self._contexts[host], self.timeout)
            return proxies.http_connection(host, self.timeout)
        except (http.client.HTTPException, ValueError) as exc:
            raise TransportError(reason(exc)) from exc


def _pieces(body: bytes | memoryview | None) -> Any:
    """Split a body, so that the socket's time limit is one for each piece and not for all of them."""
    if body is None or len(body) <= CHUNK:
        return None if body is None else bytes(body)
    view = memoryview(body)
    return (view[start : start + CHUNK] for start in range(0, len(view), CHUNK))


def origin(url: str) -> tuple[str, str]:
    """Return the scheme and the host with its port of a URL, in lower case, without the scheme's usual port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise TransportError(f"not a URL: {url}") from None
    host = (parts.hostname or "").lower()
    if not host or not set(host) <= _HOST:
        raise TransportError(f"not a URL: {url}")
    host = f"[{host}]" if ":" in host else host
    scheme = parts.scheme.lower()
    usual = {"http": 80, "https": 443}.get(scheme)
    return scheme, host if port in (None, usual) else f"{host}:{port}"


def absolute(url: str, location: str) -> str:
    """Return where a Location or Link header points: without a fragment, a user's name, and what no URL may hold."""
    try:
        parts = urlsplit(urljoin(url, location))
        _ = parts.port
    except ValueError:
        raise TransportError(f"not a URL: {location}") from None
    place = parts.netloc.rpartition("@")[2]
    safe = "/%:=&?~#+!$,;'@()*[]"
    return parts._replace(
        netloc=place, path=quote(parts.path, safe), query=quote(parts.query, safe), fragment=""
    ).geturl()


def reason(exc: BaseException) -> str:
    """Return the cause of a failed request, in lower case."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {exc.verify_message} [--ca-file FILE]"
    if isinstance(exc, ssl.SSLError):
        return f"TLS: {(exc.reason or str(exc)).lower().replace('_', ' ')}"
    if isinstance(exc, socket.gaierror):
        return "no such host"
    if isinstance(exc, http.client.RemoteDisconnected):
        return "the connection ended without an answer"
    if isinstance(exc, http.client.BadStatusLine):
        return "the answer is not HTTP"
    if isinstance(exc, http.client.InvalidURL):
        return "not a URL that can be asked for"
    text = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    return f"{text[:1].lower()}{text[1:]}" or type(exc).__name__


def _may_help(exc: BaseException) -> bool:
    """Tell whether another try may: not where nobody listens, nor with a certificate that is not trusted."""
    if isinstance(exc, (http.client.RemoteDisconnected, http.client.IncompleteRead)):
        return True
    if isinstance(exc, (ssl.SSLCertVerificationError, socket.gaierror, ConnectionRefusedError)):
        return False
    return isinstance(exc, OSError) and exc.errno is not None  # a proxy's refusal of a tunnel has none
