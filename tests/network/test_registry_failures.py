"""What a registry can do to a pull, and the line that says it. Its own table: docs/reference/registries.md."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eunomia.errors import FetchError
from eunomia.registry.client import INDEX, MANIFEST, MAX_MANIFEST, Client, digest_of
from eunomia.registry.credentials import Credentials
from support import badregistry
from support.badregistry import BadRegistry, cut, dripping, raw, redirect, silent, status
from support.commands import Command
from support.registries import certificate

BLOB = bytes(range(256)) * 1000
CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(b"{}"), "size": 2}
LAYER = {"mediaType": "application/octet-stream", "digest": digest_of(BLOB), "size": len(BLOB)}
DOCUMENT: dict[str, Any] = {"schemaVersion": 2, "mediaType": MANIFEST, "config": CONFIG, "layers": [LAYER]}
LOGIN = Credentials("me", "secret")


@pytest.fixture
def bad(home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[BadRegistry]:
    """A registry with an image org/tool:1."""
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    with BadRegistry() as registry:
        registry.add_blob(BLOB)
        registry.add_blob(b"{}")
        registry.add_manifest("org/tool", "1", DOCUMENT)
        yield registry


def manifest(bad: BadRegistry, **options: Any) -> str:
    """Pull the manifest; return the line of what went wrong, without the host, or "" ."""
    return line(bad, lambda client: client.manifest("org/tool", "1"), **options)


def blob(bad: BadRegistry, sink: io.BytesIO | None = None, **options: Any) -> str:
    def pull(client: Client) -> None:
        client.blob("org/tool", digest_of(BLOB), len(BLOB), sink if sink is not None else io.BytesIO())

    return line(bad, pull, **options).replace(digest_of(BLOB), "BLOB")


def line(bad: BadRegistry, do: Callable[[Client], object], **options: Any) -> str:
    with Client(bad.host, **{"timeout": 10.0, "plain_http": True, **options}) as client:
        try:
            do(client)
        except FetchError as exc:
            return str(exc).replace(bad.host, "HOST")
    return ""


MISSING = " [check the name and the tag; a private one needs ecli login HOST]"
STATUSES = [
    (403, {}, b'{"errors":[{"code":"DENIED","message":"no access"}]}',
     "403 forbidden: DENIED: no access [ecli login HOST as a user who may]"),
    (404, {}, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}',
     f"404 not found: MANIFEST_UNKNOWN: manifest unknown{MISSING}"),
    (404, {}, b"<html>nothing here</html>",
     f"404 not found{MISSING}"),
    (429, {"Retry_After": "3600"}, b"",
     "429 too many requests [try again in 3600 s, or ecli login HOST for a higher limit]"),
    (418, {}, b'{"errors":[{"code":7}]}', "418 i'm a teapot"),
    (418, {}, b'{"errors":[' + b"[" * 50000, "418 i'm a teapot"),
    (204, {}, b"", "204 no content"),
    (300, {}, b"", "300 multiple choices: a redirect that is not followed"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "headers", "body", "said"), STATUSES)
def test_status_is_said_with_what_to_do(
    bad: BadRegistry, code: int, headers: dict[str, str], body: bytes, said: str
) -> None:
    bad.fault("GET", "manifests/1", status(code, body, **headers), times=9)

    assert manifest(bad) == f"pull HOST/org/tool:1: {said}"
    assert len(bad.requests("GET")) == 1


def test_registrys_own_words_are_bounded(bad: BadRegistry) -> None:
    body = json.dumps({"errors": [{"code": "X" * 9999, "message": "y" * 9999}]}).encode()
    bad.fault("GET", "manifests/1", status(403, body))

    assert len(manifest(bad)) < 300


def test_too_many_requests_are_waited_out(bad: BadRegistry) -> None:
    bad.fault("GET", "manifests/1", status(429, Retry_After="1"))

    began = time.monotonic()

    assert not manifest(bad)
    assert time.monotonic() - began >= 1


def test_server_error_is_asked_again_and_then_said(bad: BadRegistry) -> None:
    bad.fault("GET", "manifests/1", status(503), times=2)
    passing = manifest(bad)
    bad.fault("GET", "manifests/1", status(502), times=9)

    assert not passing
    assert manifest(bad) == "pull HOST/org/tool:1: 502 bad gateway [the registry is at fault: try again later]"
    assert len(bad.requests("GET")) == 3 + 5


@pytest.mark.parametrize("tokens", [False, True])
def test_without_a_login_the_line_names_it(bad: BadRegistry, tokens: bool) -> None:
    bad.users, bad.tokens = {"me": "secret"}, tokens

    assert manifest(bad) == "pull HOST/org/tool:1: 401 unauthorized: not logged in [ecli login HOST]"
    assert not manifest(bad, credentials=LOGIN)


@pytest.mark.parametrize("tokens", [False, True])
def test_wrong_password_is_told_from_none(bad: BadRegistry, tokens: bool) -> None:
    bad.users, bad.tokens = {"me": "other"}, tokens

    said = manifest(bad, credentials=LOGIN)

    assert said == "pull HOST/org/tool:1: 401 unauthorized: credentials refused, those of me [ecli login HOST]"
    assert len(bad.requests("GET", "manifests")) <= 2


def test_identity_token_is_exchanged_for_tokens(bad: BadRegistry) -> None:
    bad.users, bad.tokens, bad.refresh = {"me": "secret"}, True, "long-lived"

    assert not manifest(bad, credentials=Credentials(token="long-lived"))
    assert manifest(bad, credentials=Credentials(token="stale")).endswith(
        "401 unauthorized: credentials refused, the stored token [ecli login HOST]"
    )
    assert len(bad.requests("POST", "/token")) == 2


def test_token_server_of_the_other_method_gets_a_form(bad: BadRegistry) -> None:
    bad.users, bad.tokens = {"me": "secret"}, True
    bad.fault("GET", "/token", status(405))

    assert not manifest(bad, credentials=LOGIN)
    assert len(bad.requests("POST", "/token")) == 1


def test_token_that_expired_early_is_fetched_again(bad: BadRegistry) -> None:
    bad.users, bad.tokens = {"me": "secret"}, True

    def twice(client: Client) -> None:
        client.manifest("org/tool", "1")
        bad.issued.clear()
        client.manifest("org/tool", "1")
        client.manifest("org/tool", "1")

    assert not line(bad, twice, credentials=LOGIN)
    assert len(bad.requests("GET", "/token")) == 2


@pytest.mark.parametrize(
    ("challenge", "said"),
    [
        ('Bearer realm="http://192.0.2.1/token"',
         "its token server http://192.0.2.1/token is not https, and is sent nothing"),
        ('Bearer realm="ftp://a.b/"', "its token server ftp://a.b/ is not https, and is sent nothing"),
        ('Bearer realm="file:///etc/passwd"', "its token server 'file:///etc/passwd' is not a URL"),
        ('Bearer realm="https://[::1/token"', "its token server 'https://[::1/token' is not a URL"),
        ("Digest nonce=1, Negotiate", "401 unauthorized with digest, negotiate: only Bearer and Basic are answered"),
        ("Bearer", "401 unauthorized with bearer: only Bearer and Basic are answered"),
        ("=,=,,\"'", "401 unauthorized with no challenge: only Bearer and Basic are answered"),
    ],
)  # fmt: skip
def test_hostile_challenge_gets_no_password(bad: BadRegistry, challenge: str, said: str) -> None:
    bad.fault("GET", "manifests/1", status(401, WWW_Authenticate=challenge), times=9)

    told = manifest(bad, credentials=LOGIN)

    assert told.startswith("pull HOST/org/tool:1: 401 unauthorized")
    assert told.endswith(said)
    assert [each for each in bad.asked if "authorization" in each.headers] == []


def test_realm_of_another_host_over_http_is_asked_on_loopback_only(bad: BadRegistry) -> None:
    with BadRegistry() as other:
        bad.users, bad.tokens, bad.realm = {"me": "secret"}, True, other.realm
        other.users, other.issued = {"me": "secret"}, bad.issued

        assert not manifest(bad, credentials=LOGIN)
        assert len(other.requests("GET", "/token")) == 1


def test_registry_over_tls_sends_no_password_to_loopback_in_the_clear(
    bad: BadRegistry, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ca, key = certificate(tmp_path_factory.mktemp("tls"))
    with BadRegistry((ca, key)) as secure:
        secure.users, secure.tokens, secure.realm = {"me": "secret"}, True, bad.realm

        said = manifest(secure, credentials=LOGIN, plain_http=False, ca_file=str(ca))

    assert said == (
        f"pull HOST/org/tool:1: 401 unauthorized: its token server {bad.realm} is not https, and is sent nothing"
    )
    assert bad.asked == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(500), "the token server says 500 Internal Server Error"),
        (status(200, b"no json"), "the token server's answer has no token"),
        (status(200, b'{"token": "a\\r\\nX: y"}'), "the token server's answer has no token"),
        (status(200, b"[" * 50000), "the token server's answer has no token"),
        (status(200, b" " * 70000), "the answer has 70000 bytes, at most 65536 are read"),
        (redirect("http://192.0.2.1/token"), "redirected to plain HTTP at 192.0.2.1 [--plain-http]"),
    ],
)
def test_token_servers_nonsense_is_said(bad: BadRegistry, answer: badregistry.Action, said: str) -> None:
    bad.users, bad.tokens = {"me": "secret"}, True
    bad.fault("GET", "/token", answer, times=9)

    assert manifest(bad, credentials=LOGIN) == f"pull HOST/org/tool:1: {said}"


def test_redirect_to_another_host_takes_no_credentials_along(bad: BadRegistry) -> None:
    bad.users = {"me": "secret"}
    with BadRegistry() as other:
        other.add_blob(BLOB)
        bad.fault("GET", "blobs/", lambda handler: False if not handler.may(handler.path) else redirect(
            f"{other.url}{handler.path}")(handler), times=9)  # fmt: skip
        sink = io.BytesIO()

        assert not blob(bad, sink, credentials=LOGIN)

        assert sink.getvalue() == BLOB
        assert bad.requests("GET", "blobs/")[-1].headers["authorization"].startswith("Basic ")
        assert [each.headers.get("authorization") for each in other.asked] == [None]


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://192.0.2.1/x", "redirected to plain HTTP at 192.0.2.1 [--plain-http]"),
        ("file:///etc/passwd", "not a URL: file:///etc/passwd"),
        ("ftp://192.0.2.1/x", "redirected to ftp://192.0.2.1/x, which is neither http nor https"),
        ("http://[::1/", "not a URL: http://[::1/"),
        ("http://127.0.0.1:99999/", "not a URL: http://127.0.0.1:99999/"),
        ("", "redirected to nowhere (no Location)"),
        ("/v2/org/tool/blobs/again", "redirected more than 5 times"),
    ],
)
def test_redirect_that_is_not_followed_is_said(bad: BadRegistry, location: str, said: str) -> None:
    bad.fault("GET", "blobs/", redirect(location), times=20)

    assert blob(bad) == f"pull HOST/org/tool@BLOB: {said}"


def test_redirect_from_tls_to_plain_http_is_refused(bad: BadRegistry, tmp_path_factory: pytest.TempPathFactory) -> None:
    ca, key = certificate(tmp_path_factory.mktemp("tls"))
    with BadRegistry((ca, key)) as secure:
        secure.fault("GET", "blobs/", redirect(f"{bad.url}/x"), times=9)

        said = blob(secure, plain_http=None, ca_file=str(ca))

    assert said == f"pull HOST/org/tool@BLOB: redirected from https to {bad.url}/x"
    assert bad.asked == []


def test_loopback_that_speaks_tls_is_found_out(
    bad: BadRegistry, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca, key = certificate(tmp_path_factory.mktemp("tls"))
    with BadRegistry((ca, key)) as secure:
        secure.add_manifest("org/tool", "1", DOCUMENT)
        distrusted = manifest(secure, plain_http=None)
        monkeypatch.setenv("SSL_CERT_FILE", str(ca))

        assert distrusted == (
            "pull HOST/org/tool:1: the certificate is not trusted: self-signed certificate [--ca-file FILE]"
        )
        assert not manifest(secure, plain_http=None)
        assert manifest(secure, plain_http=None, ca_file="/nowhere.pem") == (
            "open /nowhere.pem: no such file or directory [--ca-file FILE]"
        )


def test_cut_download_goes_on_where_it_was_cut(bad: BadRegistry) -> None:
    bad.fault("GET", "blobs/", cut(100_000), times=2)
    sink, seen = io.BytesIO(), []

    said = blob(bad, sink, progress=lambda label, done, total: seen.append((done, total)))

    assert not said
    assert sink.getvalue() == BLOB
    ranges = [each.headers.get("range") for each in bad.requests("GET", "blobs/")]
    assert ranges == [None, "bytes=100000-", "bytes=200000-"]
    assert seen[-1] == (len(BLOB), len(BLOB))


def test_registry_without_ranges_sends_all_again(bad: BadRegistry) -> None:
    bad.fault("GET", "blobs/", cut(100_000))
    bad.fault("GET", "blobs/", status(200, BLOB))
    sink = io.BytesIO()

    assert not blob(bad, sink)
    assert sink.getvalue() == BLOB


def test_download_that_is_cut_again_and_again_ends(bad: BadRegistry) -> None:
    bad.fault("GET", "blobs/", cut(10), times=99)

    assert blob(bad) == (
        "pull HOST/org/tool@BLOB: after 50 of 256000 bytes: the connection ended before all of it came"
    )


@pytest.mark.parametrize("content_range", ["bytes 200000-255999/256000", "bytes x-y/z", ""])
def test_another_range_than_the_one_asked_for_is_refused(bad: BadRegistry, content_range: str) -> None:
    bad.fault("GET", "blobs/", cut(100_000))
    bad.fault("GET", "blobs/", status(206, BLOB[200_000:], Content_Range=content_range))

    assert blob(bad) == (
        "pull HOST/org/tool@BLOB: after 100000 of 256000 bytes: the registry sent another part than bytes 100000 and on"
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (BLOB[:-1] + b"x", f"its bytes have another digest, {digest_of(BLOB[:-1] + b'x')}"),
        (BLOB + b"x", "256001 bytes, expected 256000"),
        (BLOB[:-1], "255999 bytes, expected 256000"),
        (b"", "0 bytes, expected 256000"),
    ],
)
def test_other_bytes_than_the_digests_are_refused(bad: BadRegistry, data: bytes, said: str) -> None:
    bad.fault("GET", "blobs/", status(200, data))

    assert blob(bad) == f"pull HOST/org/tool@BLOB: {said}"


def test_blob_without_end_is_left(bad: BadRegistry) -> None:
    bad.fault("GET", "blobs/", raw(b"HTTP/1.1 200 OK\r\n\r\n" + BLOB, times=50))

    assert blob(bad) == "pull HOST/org/tool@BLOB: more than the 256000 bytes that it should have"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (silent(3), "timed out after 0.5 s [--timeout SECONDS]"),
        (raw(b"H", 0.1, 40), "timed out after 0.5 s [--timeout SECONDS]"),
        (raw(b"HTTP/1.1 200 OK\r\nX: y\r\n", 0.1, 40), "timed out after 0.5 s [--timeout SECONDS]"),
        (
            dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", b" ", 0.1, 30),
            "timed out: too little came in 0.5 s [--timeout SECONDS]",
        ),
    ],
)
def test_slow_server_does_not_hold_us_up(bad: BadRegistry, answer: badregistry.Action, said: str) -> None:
    bad.fault("GET", "manifests/1", answer, times=99)
    began = time.monotonic()

    assert manifest(bad, timeout=0.5) == f"pull HOST/org/tool:1: {said}"
    assert time.monotonic() - began < 10


def test_blob_that_drips_is_given_up(bad: BadRegistry) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 256000\r\n\r\n"
    bad.fault("GET", "blobs/", dripping(head, b"x", 0.05, 80), times=99)

    said = blob(bad, timeout=0.3)

    assert said.startswith("pull HOST/org/tool@BLOB: after ")
    assert said.endswith(" of 256000 bytes: timed out: too little came in 0.3 s [--timeout SECONDS]")


def test_nobody_listening_is_said(bad: BadRegistry) -> None:
    with BadRegistry() as gone:
        host = gone.host
    client = Client(host)

    with pytest.raises(FetchError) as caught:
        client.manifest("org/tool", "1")

    assert str(caught.value) == f"pull {host}/org/tool:1: connection refused"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "the answer is not HTTP"),
        (raw(b"HTTP/1.1 9999 OK\r\n\r\n"), "the answer is not HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n"), "got more than 100 headers"),
        (raw(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70000), "got more than 65536 bytes when reading header line"),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
         "the connection ended before all of it came"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"),
         f"the answer has 100000000 bytes, at most {MAX_MANIFEST} are read"),
        (raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (5 << 20)), f"the answer has more than {MAX_MANIFEST} bytes"),
    ],
)  # fmt: skip
def test_nonsense_instead_of_http_is_said(bad: BadRegistry, answer: badregistry.Action, said: str) -> None:
    bad.fault("GET", "manifests/1", answer, times=99)

    assert manifest(bad) == f"pull HOST/org/tool:1: {said}"


@pytest.mark.parametrize(
    ("body", "media_type", "said"),
    [
        (b"<html>please log in to the Wi-Fi</html>", "text/html",
         "the manifest is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"[" * 100_000, MANIFEST, "the manifest is not JSON: nested too deep"),
        (b"[]", MANIFEST, "the manifest is not JSON: not an object"),
        (b"\xff\xfe{", MANIFEST, "the manifest is not JSON: "),
        (json.dumps(DOCUMENT).encode(), INDEX, f"the manifest says that it is '{MANIFEST}', the registry '{INDEX}'"),
        (b'{"mediaType": 7}', MANIFEST, f"the manifest says that it is 7, the registry '{MANIFEST}'"),
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(bad: BadRegistry, body: bytes, media_type: str, said: str) -> None:
    bad.add_manifest("org/tool", "1", body, media_type)

    assert manifest(bad).startswith(f"pull HOST/org/tool:1: {said}")


def test_manifest_of_another_digest_is_refused(bad: BadRegistry) -> None:
    digest = digest_of(json.dumps(DOCUMENT).encode())
    other = b"{}"
    bad.fault("GET", "manifests/sha256", status(200, other, Content_Type=MANIFEST))
    pinned = line(bad, lambda client: client.manifest("org/tool", digest))
    bad.fault("GET", "manifests/1", status(200, other, Content_Type=MANIFEST, Docker_Content_Digest=digest))

    said = f"the manifest has another digest, {digest_of(other)}, expected {digest}"
    assert pinned == f"pull HOST/org/tool@{digest}: {said}"
    assert manifest(bad) == f"pull HOST/org/tool:1: {said}"


def test_connection_that_was_cut_in_a_manifest_is_made_again(bad: BadRegistry) -> None:
    bad.fault("GET", "manifests/1", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), times=2)

    assert not manifest(bad)
    assert len(bad.requests("GET")) == 3


def test_lists_come_in_pages_that_stay_at_the_registry(bad: BadRegistry) -> None:
    first = status(200, b'{"tags": ["a", "b"]}', Link='</v2/org/tool/tags/list?last=b&n=2>; rel="next"')
    bad.fault("GET", "tags/list", first)
    got = []
    paged = line(bad, lambda client: got.extend(client.tags("org/tool")))
    bad.fault("GET", "tags/list", status(200, b'{"tags": []}', Link='<http://192.0.2.1/x>; rel="next"'))
    elsewhere = line(bad, lambda client: client.tags("org/tool"))
    bad.fault("GET", "tags/list", status(200, b'{"tags": []}', Link='</v2/org/tool/tags/list>; rel="next"'), 999)

    assert (paged, got) == ("", ["a", "b", "1"])
    assert elsewhere == "list HOST/org/tool: the next page of the list is elsewhere, at http://192.0.2.1/x"
    assert line(bad, lambda client: client.tags("org/tool")) == "list HOST/org/tool: more than 100 pages"


def test_referrers_that_are_no_descriptors_are_left_out(bad: BadRegistry) -> None:
    digest = digest_of(BLOB)
    good = {"mediaType": MANIFEST, "digest": digest, "size": 3, "artifactType": "a/b"}
    wrong = [
        7, None, {}, {**good, "digest": "sha256:../x"}, {**good, "size": -1}, {**good, "size": True},
        {**good, "size": 1e9}, {**good, "mediaType": None},
    ]  # fmt: skip
    body = json.dumps({"manifests": [*wrong, good]}).encode()
    bad.fault("GET", "referrers/", status(200, body, Content_Type=INDEX), times=2)

    with Client(bad.host) as client:
        assert client.referrers("org/tool", digest) == [good]
        assert client.referrers("org/tool", digest, "a/b") == [good]
        assert client.referrers("org/tool", digest, "c/d") == []


def test_registrys_words_reach_the_terminal_without_control_characters(
    bad: BadRegistry, ecli: Command, home: dict[str, str]
) -> None:
    words = json.dumps({"errors": [{"code": "DENIED", "message": "\x1b[2J\x1b]0;own\x07 \u202egnp.exe\r\nX"}]}).encode()
    bad.fault("GET", "manifests/1", status(403, words))

    done = ecli("inspect", f"oci://{bad.host}/org/tool:1", env=home)

    assert done.returncode == 1
    assert done.stderr == (
        f"ecli: pull {bad.host}/org/tool:1: 403 forbidden: DENIED: \\x1b[2J\\x1b]0;own\\x07 \\u202egnp.exe X"
        f" [ecli login {bad.host} as a user who may]\n"
    )


def test_interrupted_transfer_leaves_nothing_behind(bad: BadRegistry, ecli: Command, home: dict[str, str]) -> None:
    layer = {"mediaType": "application/wasm", "digest": digest_of(BLOB), "size": len(BLOB)}
    bad.add_manifest("org/tool", "1", {**DOCUMENT, "layers": [layer]})
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 256000\r\n\r\n" + BLOB[:90_000]
    bad.fault("GET", f"blobs/{digest_of(BLOB)}", dripping(head, BLOB[:2000], 0.05, 40))

    running = ecli.start("inspect", f"oci://{bad.host}/org/tool:1", env=home)
    deadline = time.monotonic() + 20
    while not bad.requests("GET", "blobs/") and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    done = running.stop()

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
    left = [path for path in Path(home["XDG_CACHE_HOME"]).rglob("*") if path.is_file() and path.stat().st_size]
    assert left == []
