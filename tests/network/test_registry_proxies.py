"""Registries behind proxies: CONNECT for TLS, whole URLs for plain HTTP, and what goes around them."""

from __future__ import annotations

import base64
import select
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from eunomia.errors import FetchError
from eunomia.registry import tls
from eunomia.registry.client import MANIFEST, Client
from eunomia.registry.credentials import Credentials
from support.badregistry import BadRegistry
from support.registries import certificate

LOGIN = Credentials("me", "secret")


class Proxy(ThreadingHTTPServer):
    """A proxy that knows one host, `registry.test`, whatever its port: a server on loopback.

    Attributes:
        seen: request line and `Proxy-Authorization` of what came.
        password: what it wants to be told, "" for nothing.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = (target.partition(":")[0], int(target.partition(":")[2]))
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.seen: list[tuple[str, str]] = []
        self.password = ""

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_CONNECT(self) -> None:
        if not self.is_let_in() or not self.path.startswith("registry.test:"):
            return self.send_error(407 if self.server.password else 502)
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        self.splice(b"")
        return None

    def do_GET(self) -> None:
        if not self.is_let_in() or urlsplit(self.path).hostname != "registry.test":
            return self.send_error(407 if self.server.password else 502)
        path = urlsplit(self.path)._replace(scheme="", netloc="").geturl()
        lines = [f"{name}: {value}" for name, value in self.headers.items() if not name.startswith("Proxy-")]
        head = "\r\n".join([f"{self.command} {path} HTTP/1.1", *lines, "Connection: close", "", ""])
        self.close_connection = True
        self.splice(head.encode())
        return None

    do_HEAD = do_GET

    def is_let_in(self) -> bool:
        given = self.headers.get("Proxy-Authorization", "")
        self.server.seen.append((f"{self.command} {self.path}", given))
        wanted = base64.b64encode(self.server.password.encode()).decode()
        return not self.server.password or given == f"Basic {wanted}"

    def splice(self, first: bytes) -> None:
        with socket.create_connection(self.server.target) as other:
            other.sendall(first)
            while True:
                for ready in select.select([self.connection, other], [], [], 10)[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    (other if ready is self.connection else self.connection).sendall(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BadRegistry, Path]]:
    ca, key = certificate(tmp_path_factory.mktemp("tls"))
    with BadRegistry((ca, key)) as registry:
        registry.add_manifest("org/tool", "1", {"schemaVersion": 2, "mediaType": MANIFEST})
        registry.users = {"me": "secret"}
        yield registry, ca


@pytest.fixture
def proxy(secure: tuple[BadRegistry, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving(secure[0].host) as made:
        monkeypatch.setenv("HTTPS_PROXY", made.url)
        yield made


class serving:
    def __init__(self, target: str) -> None:
        self.proxy = Proxy(target)
        self.thread = threading.Thread(target=self.proxy.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Proxy:
        self.thread.start()
        return self.proxy

    def __exit__(self, *_: object) -> None:
        self.proxy.shutdown()
        self.thread.join()
        self.proxy.server_close()


def test_tls_goes_through_a_tunnel_and_the_proxy_sees_no_credentials(
    secure: tuple[BadRegistry, Path], proxy: Proxy
) -> None:
    registry, _ = secure
    with Client("registry.test:5000", credentials=LOGIN, insecure=True) as client:
        found = client.manifest("org/tool", "1")

    assert found.document == {"schemaVersion": 2, "mediaType": MANIFEST}
    assert proxy.seen == [("CONNECT registry.test:5000", "")]
    assert registry.asked[-1].headers["authorization"].startswith("Basic ")
    assert registry.asked[-1].headers["host"] == "registry.test:5000"


def test_certificate_is_checked_for_the_registrys_name_not_the_proxys(
    secure: tuple[BadRegistry, Path], proxy: Proxy
) -> None:
    client = Client("registry.test:5000", ca_file=str(secure[1]))

    with pytest.raises(FetchError) as caught:
        client.manifest("org/tool", "1")

    assert str(caught.value).startswith(
        "pull registry.test:5000/org/tool:1: the certificate is not trusted: Hostname mismatch"
    )


def test_proxy_with_a_password_gets_its_own(
    secure: tuple[BadRegistry, Path], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.password = "pat:a b"
    monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("://", "://pat:a%20b@"))
    with Client("registry.test:5000", credentials=LOGIN, insecure=True) as client:
        client.manifest("org/tool", "1")
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    stranger = Client("registry.test:5000", insecure=True)

    with pytest.raises(FetchError) as caught:
        stranger.manifest("org/tool", "1")

    assert str(caught.value) == (
        "pull registry.test:5000/org/tool:1: tunnel connection failed: 407 Proxy Authentication Required"
    )


def test_plain_http_goes_as_whole_urls(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    with BadRegistry() as plain, serving(plain.host) as other:
        plain.add_manifest("org/tool", "1", {"schemaVersion": 2, "mediaType": MANIFEST})
        monkeypatch.setenv("http_proxy", other.url.replace("://", "://pat:pw@"))
        with Client("registry.test", plain_http=True) as client:
            client.manifest("org/tool", "1")

    packed = base64.b64encode(b"pat:pw").decode()
    assert other.seen == [("GET http://registry.test/v2/org/tool/manifests/1", f"Basic {packed}")]
    assert "proxy-authorization" not in plain.asked[-1].headers


def test_loopback_and_no_proxy_go_around_it(
    secure: tuple[BadRegistry, Path], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, ca = secure
    with Client(registry.host, credentials=LOGIN, ca_file=str(ca)) as client:
        client.manifest("org/tool", "1")
    monkeypatch.setenv("NO_PROXY", ".test")
    outside = Client("registry.test:5000", timeout=5)

    with pytest.raises(FetchError) as caught:
        outside.manifest("org/tool", "1")

    assert str(caught.value) == "pull registry.test:5000/org/tool:1: no such host"
    assert proxy.seen == []


def test_proxy_that_is_not_of_http_is_said(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")

    with pytest.raises(FetchError) as caught:
        Client("registry.test:5000").manifest("org/tool", "1")

    assert str(caught.value) == (
        "pull registry.test:5000/org/tool:1: the proxy socks5://127.0.0.1:1080 is not one of http"
        " [https_proxy, http_proxy]"
    )


def test_folders_of_docker_and_podman_have_more_certificates(secure: tuple[BadRegistry, Path], tmp_path: Path) -> None:
    registry, ca = secure
    folder = tmp_path / registry.host
    folder.mkdir()
    (folder / "ca.crt").write_bytes(ca.read_bytes())
    (folder / "damaged.crt").write_text("nothing")
    name, _, port = registry.host.partition(":")
    context = tls.context(registry.host, folders=(str(tmp_path), "/nowhere"))

    with socket.create_connection((name, int(port))) as raw, context.wrap_socket(raw, server_hostname=name) as secured:
        secured.sendall(b"GET /v2/ HTTP/1.0\r\n\r\n")
        answer = secured.recv(100)

    assert answer.startswith(b"HTTP/1.1 401")
