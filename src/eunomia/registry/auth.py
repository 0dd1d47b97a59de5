"""How a registry is shown who asks: its challenge, Basic, and the tokens that a token server gives for it.

A challenge comes from outside: what it names is asked only over https, or over plain HTTP of the same loopback or
the same host that the user allowed; and a password goes nowhere else.

Source: distribution.github.io "Token Authentication Specification", "OAuth2 Token Authentication"; RFC 9110 11.6.1.
"""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import urlencode, urlsplit

from eunomia.errors import RegistryError
from eunomia.registry.reference import is_loopback
from eunomia.registry.transport import TransportError, origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from eunomia.registry.credentials import Credentials
    from eunomia.registry.transport import Response, Transport

MAX_HEADER = 8192
MAX_TOKEN = 64 << 10  # bytes of a token server's answer
USUAL_LIFE = 60.0  # seconds of a token whose server does not say
EARLY = 5.0  # seconds before its end at which a token is not used any more
CLIENT = "eunomia"


class Challenge:
    """One way in that a `WWW-Authenticate` header offers: its scheme in lower case, and its parameters."""

    __slots__ = ("parameters", "scheme")

    def __init__(self, scheme: str, parameters: dict[str, str]) -> None:
        self.scheme = scheme
        self.parameters = parameters


def challenges(header: str) -> list[Challenge]:
    """Return the challenges of a header's value; what is malformed ends them."""
    found: list[Challenge] = []
    text, place = header[:MAX_HEADER], 0
    while place < len(text):
        word, place = _word(text, _skip(text, place, " \t,"))
        if not word:
            break
        after = _skip(text, place, " \t")
        if text[after : after + 1] == "=" and found:
            value, place = _value(text, _skip(text, after + 1, " \t"))
            found[-1].parameters.setdefault(word.lower(), value)
        else:
            found.append(Challenge(word.lower(), {}))
    return found


def _skip(text: str, place: int, what: str) -> int:
    while place < len(text) and text[place] in what:
        place += 1
    return place


def _word(text: str, place: int) -> tuple[str, int]:
    start = place
    while place < len(text) and (text[place].isalnum() or text[place] in "!#$%&'*+-.^_`|~"):
        place += 1
    return text[start:place], place


def _value(text: str, place: int) -> tuple[str, int]:
    if text[place : place + 1] != '"':
        end = place
        while end < len(text) and text[end] not in " \t,":
            end += 1
        return text[place:end], end
    chars = []
    place += 1
    while place < len(text) and text[place] != '"':
        place += text[place] == "\\"
        chars.append(text[place : place + 1])
        place += 1
    return "".join(chars), place + 1


class _Token:
    __slots__ = ("until", "value")

    def __init__(self, value: str, life: float) -> None:
        self.value = value
        self.until = time.monotonic() + life - min(EARLY, life / 2)


class Authenticator:
    """The `Authorization` of requests to one registry.

    Args:
        transport: what token servers are asked by.
        base: URL of the registry.
        credentials: gives them for a repository, or None; asked only once the registry wants some.
    """

    def __init__(
        self, transport: Transport, base: str, credentials: Callable[[str], Credentials | None], name: str
    ) -> None:
        self._transport = transport
        self._base = base
        self._find = credentials
        self._name = name
        self._basic: dict[str, str] = {}
        self._tokens: dict[str, _Token] = {}
        self._known: dict[str, Credentials | None] = {}
        self.was_asked = False

    def header(self, repository: str, scopes: tuple[str, ...]) -> str:
        """Return what is known to be good for these scopes, "" for nothing yet or an expired token."""
        if repository in self._basic:
            return self._basic[repository]
        token = self._tokens.get(" ".join(scopes))
        return f"Bearer {token.value}" if token and token.until > time.monotonic() else ""

    def credentials(self, repository: str) -> Credentials | None:
        """Return who we are for a repository; looked for once."""
        if repository not in self._known:
            self._known[repository] = self._find(repository)
        return self._known[repository]

    def answer(self, response: Response, repository: str, scopes: tuple[str, ...]) -> str:
        """Return the `Authorization` that answers a 401.

        Raises:
            RegistryError: there is none: not logged in, or a challenge that is not answered.
            TransportError: the token server did not answer.
        """
        self.was_asked = True
        offered = [each for value in response.headers.get_all("WWW-Authenticate", []) for each in challenges(value)]
        bearer = next((each for each in offered if each.scheme == "bearer" and each.parameters.get("realm")), None)
        if bearer:
            wanted = list(scopes)
            for scope in bearer.parameters.get("scope", "").split():
                if scope not in wanted and _is_scope(scope):
                    wanted.append(scope)
            token = self._token(bearer.parameters, repository, wanted)
            self._tokens[" ".join(scopes)] = token
            return f"Bearer {token.value}"
        if any(each.scheme == "basic" for each in offered):
            return self._basic_answer(repository)
        kinds = ", ".join(each.scheme[:20] for each in offered[:4]) or "no challenge"
        raise RegistryError(f"401 unauthorized with {kinds}: only Bearer and Basic are answered", 401)

    def _basic_answer(self, repository: str) -> str:
        known = self.credentials(repository)
        if known is None or known.token:
            raise RegistryError(f"401 unauthorized: not logged in [ecli login {self._name}]", 401)
        header = basic(known)
        if self._basic.get(repository) == header:
            raise self._refused(known)
        self._basic[repository] = header
        return header

    def _refused(self, known: Credentials) -> RegistryError:
        who = f"those of {known.username}" if known.username else "the stored token"
        return RegistryError(f"401 unauthorized: credentials refused, {who} [ecli login {self._name}]", 401)

    def _token(self, parameters: dict[str, str], repository: str, scopes: list[str]) -> _Token:
        realm = parameters["realm"]
        known = self.credentials(repository)
        self._check_realm(realm)
        fields = [("service", parameters["service"])] if parameters.get("service") else []
        fields += [("scope", scope) for scope in scopes[:8]]
        if known and known.token:
            response = self._post(realm, fields, {"grant_type": "refresh_token", "refresh_token": known.token})
        else:
            headers = {"Authorization": basic(known)} if known else {}
            account = [("account", known.username)] if known else []
            url = realm + ("&" if urlsplit(realm).query else "?") + urlencode(account + fields)
            response = self._transport.request("GET", url, headers)
            if response.status in (404, 405) and known:
                response.close()
                secret = {"grant_type": "password", "username": known.username, "password": known.password}
                response = self._post(realm, fields, secret)
        return self._read(response, known)

    def _post(self, realm: str, fields: list[tuple[str, str]], secret: dict[str, str]) -> Response:
        scopes = " ".join(value for name, value in fields if name == "scope")
        service = [(name, value) for name, value in fields if name == "service"]
        body = urlencode([*service, ("scope", scopes), ("client_id", CLIENT), *secret.items()])
        return self._transport.request(
            "POST", realm, {"Content-Type": "application/x-www-form-urlencoded"}, body.encode()
        )

    def _check_realm(self, realm: str) -> None:
        try:
            scheme, host = origin(realm)
        except (TransportError, ValueError):
            raise RegistryError(f"401 unauthorized: its token server {realm[:200]!r} is not a URL") from None
        ours, our_host = origin(self._base)
        if scheme == "https":
            return
        if scheme == "http" and ours == "http" and (host == our_host or (is_loopback(host) and is_loopback(our_host))):
            return
        raise RegistryError(f"401 unauthorized: its token server {realm[:200]} is not https, and is sent nothing")

    def _read(self, response: Response, known: Credentials | None) -> _Token:
        data = response.read(MAX_TOKEN)
        if response.status in (400, 401, 403):
            if known:
                raise self._refused(known)
            raise RegistryError(f"401 unauthorized: not logged in [ecli login {self._name}]", 401)
        if response.status != 200:
            raise TransportError(
                f"the token server says {response.status} {response.reason}", again=response.status >= 500
            )
        try:
            answer = json.loads(data)
            value = answer.get("token") or answer.get("access_token")
            if not isinstance(value, str) or not value.isascii() or not value.isprintable():
                raise ValueError
            return _Token(value, _life(answer))
        except (ValueError, AttributeError, RecursionError):
            raise TransportError("the token server's answer has no token") from None


def basic(known: Credentials) -> str:
    """Return the value of a Basic `Authorization`."""
    return "Basic " + base64.b64encode(f"{known.username}:{known.password}".encode()).decode()


def _life(answer: dict[str, Any]) -> float:
    life = answer.get("expires_in")
    return min(float(life), 86400.0) if isinstance(life, (int, float)) and life > 0 else USUAL_LIFE


def _is_scope(scope: str) -> bool:
    return len(scope) < 512 and scope.isascii() and scope.isprintable()
