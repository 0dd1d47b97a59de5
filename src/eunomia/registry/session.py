"""Requests to one registry: over TLS or not, with what authorizes them, and again where that may help."""

from __future__ import annotations

from http.client import BadStatusLine

from eunomia.errors import FetchError, RegistryError
from eunomia.registry import retry
from eunomia.registry.auth import Authenticator
from eunomia.registry.config import read
from eunomia.registry.reference import is_loopback
from eunomia.registry.transport import Transport, TransportError, origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from eunomia.registry.credentials import Credentials
    from eunomia.registry.transport import Response

API_HOSTS = {"docker.io": "registry-1.docker.io"}


class Session:
    """Requests to one registry, authorized, and sent again where that may help.

    Args:
        registry: `HOST[:PORT]`.
        credentials: who we are; None for what is stored for the repository that is asked for.
        plain_http: True for plain HTTP, False for TLS; None for what config.toml says of this registry, else TLS,
            but on loopback what the server there speaks.
        insecure: believe any certificate.
        ca_file: certificates to trust besides the system's; "" for those that config.toml names.
        timeout: seconds for connecting, for the head of an answer, and for each stretch of a blob.
        progress: called with the blob's digest, the bytes that are done, and all of them (-1 for unknown).
    """

    def __init__(
        self,
        registry: str,
        *,
        credentials: Credentials | None = None,
        plain_http: bool | None = None,
        insecure: bool = False,
        ca_file: str = "",
        timeout: float = 30.0,
        progress: Callable[[str, int, int], object] | None = None,
    ) -> None:
        self.registry = registry
        self._host = API_HOSTS.get(registry, registry)
        self._credentials = credentials
        special = read().registries.get(registry, {})
        plain_http = special.get("plain-http") if plain_http is None else plain_http
        ca_file = ca_file or special.get("ca-file", "")
        self._plain = False if plain_http is None and not is_loopback(registry) else plain_http
        self._transport = Transport(
            timeout=timeout, ca_file=ca_file, insecure=insecure, plain_hosts=(self._host,) if plain_http else ()
        )
        self._progress = progress or _silent
        self._auth: Authenticator | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def check(self) -> bool:
        """Ask the registry whether it lets us in; False where it lets in anybody, so that nothing was checked."""
        what = f"login {self.registry}"
        response = self._send(what, "GET", "", "")
        self._expect(what, response, (200,))
        response.finish()
        return self._auth is not None and self._auth.was_asked

    def named(self, repository: str, reference: str) -> str:
        """Return what messages call a manifest or blob."""
        return f"{self.registry}/{repository}{'@' if ':' in reference else ':'}{reference}"

    def _send(  # noqa: PLR0917
        self,
        what: str,
        method: str,
        repository: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes | memoryview | None = None,
        *,
        url: str = "",
        scopes: tuple[str, ...] = (),
        raw: bool = False,
    ) -> Response:
        """Send a request with what authorizes it, and again where that may help; any other status is returned.

        Args:
            what: the operation, for messages.
            method: HTTP's.
            repository: whose `path` this is; "" for the API's root.
            path: below `/v2/REPOSITORY/`.
            headers: besides ours.
            body: what is sent.
            url: instead of a path.
            scopes: what a token must allow; for reading by default.
            raw: TransportErrors are the caller's to handle, and what is written is sent just once.
        """
        if not scopes:
            scopes = (f"repository:{repository}:pull",) if repository else ()
        try:
            base = self._base()
            url = url or f"{base}/v2/{repository}{'/' if repository else ''}{path}"
            return self._authorized(method, url, repository, scopes, dict(headers or {}), body, raw)
        except TransportError as exc:
            if raw:
                raise
            raise RegistryError(f"{what}: {exc}") from exc
        except FetchError as exc:
            if str(exc).startswith(("open ", "credentials: ")):
                raise
            raise RegistryError(f"{what}: {exc}", getattr(exc, "status", 0)) from exc

    def _authorized(  # noqa: PLR0917
        self,
        method: str,
        url: str,
        repository: str,
        scopes: tuple[str, ...],
        headers: dict[str, str],
        body: bytes | memoryview | None,
        raw: bool,
    ) -> Response:
        auth = self._authenticator()
        ours = origin(url) == origin(self._base())
        patience = retry.Patience()
        answered = 0
        header = auth.header(repository, scopes)
        while True:
            if header and ours:
                headers["Authorization"] = header
            try:
                response = self._transport.request(method, url, headers, body)
            except TransportError as exc:
                if raw or not exc.again or not patience.wait():
                    raise
                continue
            if response.status == 401 and ours and origin(response.url) == origin(self._base()) and answered < 2:
                response.finish()
                header = auth.answer(response, repository, scopes)
                answered += 1
                continue
            again = response.status in retry.STATUSES and (method in ("GET", "HEAD") or not raw)
            if again and patience.wait(response.headers.get("Retry-After", "")):
                response.finish()
                continue
            return response

    def _authenticator(self) -> Authenticator:
        if self._auth is None:
            self._auth = Authenticator(self._transport, self._base(), self._find_credentials, self.registry)
        return self._auth

    def _find_credentials(self, repository: str) -> Credentials | None:
        if self._credentials is not None:
            return self._credentials
        from eunomia.registry.credentials import find

        return find(self.registry, repository)

    def _base(self) -> str:
        if self._plain is None:
            self._plain = self._speaks_plain()
        return f"{'http' if self._plain else 'https'}://{self._host}"

    def _speaks_plain(self) -> bool:
        """Tell what a server on loopback speaks: a request in the clear harms nobody there."""
        if self._transport.ca_file:
            return False  # who names a certificate wants TLS
        try:
            response = self._transport.request("GET", f"http://{self._host}/v2/")
            response.finish()
        except TransportError as exc:
            if isinstance(exc.__cause__, (BadStatusLine, ConnectionResetError)):
                return False  # TLS's alert, or the end: RemoteDisconnected is a BadStatusLine
            raise
        return response.status != 400  # what servers of TLS answer to plain HTTP

    def _expect(self, what: str, response: Response, statuses: tuple[int, ...]) -> Response:
        """Return a response of one of these statuses; RegistryError says what another one means."""
        if response.status in statuses:
            return response
        from eunomia.registry.refusals import refusal

        raise RegistryError(f"{what}: {refusal(response, self.registry)}", response.status)


def _silent(label: str, done: int, total: int) -> None:
    """No progress is shown."""
