"""Writing to registries: pieces, cuts, tokens that expire on the way, mounts, referrers."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from eunomia.errors import RegistryError
from eunomia.publish.upload import Pusher
from eunomia.registry.client import MANIFEST, digest_of, fallback_tag
from eunomia.registry.credentials import Credentials
from support.badregistry import BadRegistry, Handler, cut_upload, hang_up, silent, status
from support.registries import PASSWORD, USER, Registry

BLOB = bytes(range(256)) * 20  # 5120 bytes
DIGEST = digest_of(BLOB)
LOGIN = Credentials("me", "secret")


@pytest.fixture
def bad(home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[BadRegistry]:
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    with BadRegistry() as registry:
        yield registry


def pusher(bad: BadRegistry, **options: Any) -> Pusher:
    """Return one that sends pieces of 2000 bytes."""
    made = Pusher(bad.host, timeout=10.0, **options)
    made.chunk = 2000
    return made


def refusal(bad: BadRegistry, do: Callable[[Pusher], object], **options: Any) -> str:
    with pusher(bad, **options) as client, pytest.raises(RegistryError) as caught:
        do(client)
    return str(caught.value).replace(bad.host, "HOST").replace(DIGEST, "BLOB")


def referrer(subject: str, kind: str) -> bytes:
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}"), "size": 2}
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": empty,
            "layers": [empty],
            "subject": {"mediaType": MANIFEST, "digest": subject, "size": 3},
            "annotations": {"for": kind},
        }
    ).encode()


def test_large_blob_goes_in_pieces(bad: BadRegistry) -> None:
    seen: list[tuple[int, int]] = []
    with pusher(bad, progress=lambda label, done, total: seen.append((done, total))) as client:
        digest = client.put_blob("org/tool", io.BytesIO(BLOB))

    assert digest == DIGEST
    assert bad.blobs[DIGEST] == BLOB
    ranges = [each.headers["content-range"] for each in bad.requests("PATCH")]
    assert ranges == ["0-1999", "2000-3999", "4000-5119"]
    assert [done for done, _ in seen] == [2000, 4000, 5120, 5120]


def test_small_blob_goes_at_once_and_only_once(bad: BadRegistry) -> None:
    with pusher(bad) as client:
        client.put_blob("org/tool", b"small")
        client.put_blob("org/tool", b"small")

    assert bad.blobs[digest_of(b"small")] == b"small"
    assert [each.method for each in bad.asked] == ["GET", "HEAD", "POST", "PUT", "HEAD"]


@pytest.mark.parametrize("keep", [0, 700, 2000])
def test_upload_that_is_cut_goes_on_where_it_was_cut(bad: BadRegistry, keep: int) -> None:
    bad.fault("PATCH", "state=2000", cut_upload(keep))
    with pusher(bad) as client:
        client.put_blob("org/tool", BLOB)

    assert bad.blobs[DIGEST] == BLOB
    starts = [each.headers["content-range"].partition("-")[0] for each in bad.requests("PATCH")]
    assert starts[:3] == ["0", "2000", str(2000 + keep)]


def test_upload_that_the_registry_forgot_begins_anew(bad: BadRegistry) -> None:
    def forget(handler: Handler) -> None:
        handler.server.uploads.clear()
        hang_up(handler)

    bad.fault("PATCH", "state=2000", forget)
    with pusher(bad) as client:
        client.put_blob("org/tool", BLOB)

    assert bad.blobs[DIGEST] == BLOB
    assert len(bad.requests("POST")) == 2


def test_blob_in_one_piece_that_was_cut_is_sent_again(bad: BadRegistry) -> None:
    bad.fault("PUT", "digest=", hang_up)
    with pusher(bad) as client:
        client.put_blob("org/tool", b"small")

    assert bad.blobs[digest_of(b"small")] == b"small"
    assert len(bad.requests("PUT")) == 2


def test_blob_whose_answer_was_lost_is_not_sent_again(bad: BadRegistry) -> None:
    def take_it_and_hang_up(handler: Handler) -> None:
        handler.server.add_blob(handler.rfile.read(int(handler.headers["Content-Length"])))
        hang_up(handler)

    bad.fault("PUT", "digest=", take_it_and_hang_up)
    with pusher(bad) as client:
        client.put_blob("org/tool", b"small")

    assert len(bad.requests("PUT")) == 1


def test_registry_that_was_busy_is_asked_again(bad: BadRegistry) -> None:
    bad.fault("PATCH", "state=2000", status(503))
    bad.fault("POST", "uploads", status(429, Retry_After="0"))
    bad.fault("PUT", "digest=", status(500))
    with pusher(bad) as client:
        client.put_blob("org/tool", BLOB)

    assert bad.blobs[DIGEST] == BLOB


def test_token_that_expires_in_the_middle_of_a_push_is_renewed(bad: BadRegistry) -> None:
    def expire(handler: Handler) -> bool:
        handler.server.issued.clear()
        return False

    bad.users, bad.tokens = {"me": "secret"}, True
    bad.fault("PATCH", "state=2000", expire)
    bad.fault("PUT", "digest=", expire)
    with pusher(bad, credentials=LOGIN) as client:
        client.put_blob("org/tool", BLOB)

    assert bad.blobs[DIGEST] == BLOB
    assert len(bad.requests("GET", "/token")) == 3
    assert "scope=repository%3Aorg%2Ftool%3Apull%2Cpush" in bad.requests("GET", "/token")[0].path


def test_blob_of_another_repository_is_mounted(bad: BadRegistry) -> None:
    bad.users, bad.tokens = {"me": "secret"}, True

    def unknown_here(handler: Handler) -> bool | None:
        return handler.reply(404) if handler.may(handler.path) else False

    bad.fault("HEAD", "/b/blobs", unknown_here, times=9)
    bad.add_blob(BLOB)
    with pusher(bad, credentials=LOGIN) as client:
        mounted = client.put_blob("b", BLOB, mount_from="a")

    assert mounted == DIGEST
    assert bad.requests("PUT") == bad.requests("PATCH") == []
    assert "repository%3Aa%3Apull" in bad.requests("GET", "/token")[-1].path


def test_mount_that_is_refused_becomes_an_upload(bad: BadRegistry) -> None:
    with pusher(bad) as client:
        client.put_blob("b", b"small", mount_from="a")

    assert bad.blobs[digest_of(b"small")] == b"small"


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "the registry does not say where the upload goes (no Location)"),
        ({"Location": "http://192.0.2.1/u"}, "the upload's Location is http://192.0.2.1/u, which is not https"),
        ({"Location": "ftp://192.0.2.1/u"}, "the upload's Location is ftp://192.0.2.1/u, which is not https"),
        ({"Location": "http://[::1/"}, "the upload's Location: not a URL: http://[::1/"),
    ],
)
def test_uploads_location_is_checked(bad: BadRegistry, headers: dict[str, str], said: str) -> None:
    bad.fault("POST", "uploads", status(202, **headers))

    assert refusal(bad, lambda client: client.put_blob("org/tool", BLOB)) == f"push HOST/org/tool: {said}"


def test_upload_to_another_host_takes_no_credentials_along(bad: BadRegistry) -> None:
    bad.users = {"me": "secret"}
    with BadRegistry() as other:
        other.uploads["u7"] = bytearray()
        location = f"{other.url}/v2/x/blobs/uploads/u7?sig=1"
        bad.fault(
            "POST", "uploads",
            lambda handler: status(202, Location=location)(handler) if handler.may(handler.path) else False, times=2,
        )  # fmt: skip
        with pusher(bad, credentials=LOGIN) as client:
            client.put_blob("org/tool", BLOB)

        assert other.blobs[DIGEST] == BLOB
        assert [each for each in other.asked if "authorization" in each.headers] == []


@pytest.mark.parametrize(
    ("method", "text", "answer", "said"),
    [
        ("POST", "uploads", status(403, b'{"errors":[{"code":"DENIED","message":"read only"}]}'),
         "403 forbidden: DENIED: read only [ecli login HOST as a user who may]"),
        ("PUT", "digest=", status(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}'),
         "400 bad request: DIGEST_INVALID: no"),
        ("PATCH", "uploads", status(413), "413 request entity too large"),
    ],
)  # fmt: skip
def test_refused_upload_is_said(bad: BadRegistry, method: str, text: str, answer: Any, said: str) -> None:
    bad.fault(method, text, answer, times=9)

    assert refusal(bad, lambda client: client.put_blob("org/tool", BLOB)) == f"push HOST/org/tool: {said}"


def test_push_without_a_login_names_it(bad: BadRegistry) -> None:
    bad.users, bad.tokens = {"me": "secret"}, True

    assert refusal(bad, lambda client: client.put_blob("org/tool", BLOB)) == (
        "push HOST/org/tool: 401 unauthorized: not logged in [ecli login HOST]"
    )


def test_silent_registry_ends_a_push(bad: BadRegistry) -> None:
    bad.fault("PUT", "manifests/1", silent(2))
    client = Pusher(bad.host, timeout=0.4)

    with pytest.raises(RegistryError, match=r"^push .*/org/tool:1: timed out after 0.4 s \[--timeout SECONDS\]$"):
        client.put_manifest("org/tool", "1", b"{}", MANIFEST)
    client.close()


def test_manifest_is_written_and_its_digest_checked(bad: BadRegistry) -> None:
    with pusher(bad) as client:
        assert client.put_manifest("org/tool", "1", b"{}", MANIFEST) == digest_of(b"{}")
        assert client.manifest("org/tool", "1").data == b"{}"
        client.delete("org/tool", "1")
        assert client.head("org/tool", "1") is None
    bad.fault("PUT", "manifests/1", status(201, Docker_Content_Digest=DIGEST))

    said = f"the registry made BLOB of it, expected {digest_of(b'{}')}"
    assert refusal(bad, lambda client: client.put_manifest("org/tool", "1", b"{}", MANIFEST)) == (
        f"push HOST/org/tool:1: {said}"
    )


def test_manifest_that_no_registry_takes_is_not_sent(bad: BadRegistry) -> None:
    said = refusal(bad, lambda client: client.put_manifest("org/tool", "1", b" " * (4 << 20) + b"{}", MANIFEST))

    assert said == "push HOST/org/tool:1: a manifest of 4194306 bytes, at most 4194304 are accepted"
    assert bad.asked == []


@pytest.mark.parametrize("api", [True, False])
def test_referrers_are_found_with_the_api_and_without(bad: BadRegistry, api: bool) -> None:
    bad.referrers = api
    one, two = referrer(DIGEST, "kind/one"), referrer(DIGEST, "kind/two")
    with pusher(bad) as client:
        for data in (one, two, one):
            client.put_manifest("org/tool", digest_of(data), data, MANIFEST)
        every = client.referrers("org/tool", DIGEST)
        second = client.referrers("org/tool", DIGEST, "kind/two")
        tags = client.tags("org/tool")

    assert [each["digest"] for each in every] == [digest_of(one), digest_of(two)]
    assert [each["digest"] for each in second] == [digest_of(two)]
    assert tags == ([] if api else [fallback_tag(DIGEST)])


@pytest.mark.parametrize("kind", ["distribution", "ggcr", "cue"])
@pytest.mark.parametrize("login", [False, True])
def test_real_registries_take_pieces_mounts_and_referrers(
    registry: Callable[..., Registry], kind: str, login: bool
) -> None:
    server = registry(kind, login=login)
    name = server.repository().partition("/")[2]
    known = Credentials(USER, PASSWORD) if login else Credentials()
    with Pusher(server.host, credentials=known) as client:
        client.chunk = 2000
        blob = client.put_blob(name, BLOB)
        config = client.put_blob(name, b"{}")
        layers = [{"mediaType": "application/octet-stream", "digest": blob, "size": len(BLOB)}]
        empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2}
        image = {"schemaVersion": 2, "mediaType": MANIFEST, "config": empty, "layers": layers}
        digest = client.put_manifest(name, "1", json.dumps(image).encode(), MANIFEST)
        client.put_blob(f"{name}/other", BLOB, mount_from=name)
        signed = referrer(digest, "kind/one")
        client.put_manifest(name, digest_of(signed), signed, MANIFEST)
        sink = io.BytesIO()
        client.blob(name, blob, len(BLOB), sink)

        assert sink.getvalue() == BLOB
        assert client.manifest(name, digest).document == image
        sink = io.BytesIO()
        client.blob(f"{name}/other", blob, -1, sink)
        assert digest_of(sink.getvalue()) == blob
        assert [each["digest"] for each in client.referrers(name, digest)] == [digest_of(signed)]
        assert [each["digest"] for each in client.referrers(name, digest, "kind/one")] == [digest_of(signed)]
        assert "1" in client.tags(name)
        assert client.head(name, "none") is None
