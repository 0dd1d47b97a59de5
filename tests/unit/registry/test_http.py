"""Downloads: what is refused, and how that is said. The servers are on this machine's loopback interface."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from eunomia.errors import FetchError
from eunomia.registry.http import download

BODY = b"x" * 1000


class Handler(BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self) -> None:
        getattr(self, "get_" + self.path.strip("/").partition("/")[0].partition("?")[0], self.get_missing)()

    def reply(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def get_ok(self) -> None:
        self.reply(200, BODY)

    def get_missing(self) -> None:
        self.reply(404, b"<html>not here</html>")

    def get_empty(self) -> None:
        self.reply(204)

    def get_moved(self) -> None:
        self.reply(302, Location="/ok")

    def get_circle(self) -> None:
        self.reply(302, Location=f"/circle/{time.monotonic_ns()}")

    def get_file(self) -> None:
        self.reply(302, Location="file:///etc/passwd")

    def get_cut(self) -> None:
        self.reply(200, BODY, Content_Length="1500")

    def get_endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(1000):
            self.wfile.write(BODY)

    def get_silent(self) -> None:
        time.sleep(1)

    def get_slow(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(20):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what these tests are about."""


@pytest.fixture(scope="module")
def url() -> Iterator[Callable[[str], str]]:
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield lambda path: f"http://127.0.0.1:{server.server_port}/{path}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def fetch(url: str, timeout: float = 5, max_size: int = 2000) -> bytes:
    return download(url, timeout=timeout, max_size=max_size)


@pytest.mark.parametrize("path", ["ok", "ok?token=a.b", "moved"])
def test_the_body_of_status_200_is_returned(url: Callable[[str], str], path: str) -> None:
    assert fetch(url(path)) == BODY


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing", "HTTP status 404 Not Found"),
        ("empty", "HTTP status 204 No Content, expected 200"),
        ("circle", "redirected more than 5 times, or in a circle"),
        ("file", "redirected to file:///etc/passwd, which is neither http nor https"),
        ("cut", "the connection ended"),
        ("endless", "too large: at most 2000 bytes are allowed [--max-size SIZE]"),
    ],
)
def test_what_is_not_a_whole_answer_is_refused(url: Callable[[str], str], path: str, message: str) -> None:
    with pytest.raises(FetchError) as failure:
        fetch(url(path))

    assert str(failure.value).startswith(f"fetch {url(path)}: ")
    assert message in str(failure.value)


def test_a_stated_size_past_the_limit_is_refused_before_reading(url: Callable[[str], str]) -> None:
    with pytest.raises(FetchError, match="too large: 1000 bytes, at most 999 bytes are allowed"):
        fetch(url("ok"), max_size=999)


@pytest.mark.parametrize("path", ["silent", "slow"])
def test_time_ends_for_servers_that_say_nothing_and_for_those_that_drip(url: Callable[[str], str], path: str) -> None:
    before = time.monotonic()

    with pytest.raises(FetchError, match=r"timed out after 0.3 s \[--timeout SECONDS\]"):
        fetch(url(path), timeout=0.3)

    assert time.monotonic() - before < 0.9


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("http://127.0.0.1:1/x", "connection refused"),
        ("http:///x", "not a URL: no host in it"),
        ("http://host:99999/x", "not a URL"),
        ("http://[::1/x", "not a URL"),
        ("http://name.invalid/x", "no such host"),
    ],
)
def test_addresses_without_a_server_are_one_line(bad: str, message: str) -> None:
    with pytest.raises(FetchError) as failure:
        fetch(bad)

    assert message in str(failure.value)
    assert "\n" not in str(failure.value)


def test_control_characters_in_a_url_are_no_way_to_write_headers() -> None:
    with pytest.raises(FetchError):
        fetch("http://127.0.0.1:1/x HTTP/1.1\r\nX: y")
