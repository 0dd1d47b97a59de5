"""What a policy asks: signatures are found beside files and URLs, kept, and verified anew with today's keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from eunomia.errors import FetchError, SignatureError
from eunomia.publish.private_keys import PrivateKey, generate
from eunomia.publish.sign import bundle_of, sign_bytes, sign_file
from eunomia.registry import attached
from eunomia.registry.kept_signatures import keep, kept
from eunomia.registry.signature_forms import Signature
from eunomia.registry.signatures import Verdict, verify
from eunomia.registry.source import Source
from eunomia.registry.trust import Key
from support.sites import Site

DATA = b'{"bpf_object":"..."}'
OURS, THEIRS = generate("ecdsa-p256"), generate("ed25519")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "cache/eunomia/signatures"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    found = Site(tmp_path / "site")
    yield found
    found.close()


def trusted(key: PrivateKey = OURS, not_after: float = 0) -> list[Key]:
    return [Key("release", key.public.pem, not_after)]


def look(source: Source, data: bytes = DATA, **more: object) -> tuple[str, str, str]:
    keys = more.pop("keys", trusted())
    found = verify(source, data, keys, **more)  # type: ignore[arg-type]
    assert isinstance(found, Verdict)
    return found.state, found.signer, found.why


def test_the_signature_beside_a_file(tmp_path: Path) -> None:
    path = tmp_path / "package.json"
    path.write_bytes(DATA)
    source = Source("file", str(path))

    assert look(source) == ("unsigned", "", "no signature")
    sign_file(str(path), OURS)
    assert look(source) == ("signed", "release", "")
    assert look(source, keys=trusted(THEIRS))[0] == "wrong key"
    assert look(source, DATA + b" ")[0] == "wrong key"
    until = verify(source, DATA, trusted(not_after=2000.0), now=1000.0)
    assert (until.state, until.until) == ("signed", 2000.0)
    assert look(source, keys=trusted(not_after=2000.0), now=2000.0) == (
        "expired",
        "",
        "signed with the key release, which expired on 1970-01-01",
    )


def test_the_signature_beside_a_url_is_kept_and_verified_anew(site: Site) -> None:
    (site.folder / "package.json").write_bytes(DATA)
    sign_file(str(site.folder / "package.json"), OURS)
    source = Source("url", f"{site.url}/package.json")

    assert look(source)[0] == "signed"
    asked = len(site.requests)
    assert look(source)[0] == "signed"
    assert look(source, offline=True)[0] == "signed"
    assert len(site.requests) == asked, "what is kept needs no network"
    assert look(source, keys=trusted(THEIRS), offline=True)[0] == "wrong key"
    assert len(site.requests) == asked
    assert look(source, keys=trusted(THEIRS))[0] == "wrong key"
    assert len(site.requests) > asked, "another signature may be there by now"
    sign_file(str(site.folder / "package.json"), THEIRS)
    assert look(source, keys=trusted(THEIRS))[0] == "signed"


def test_offline_nothing_is_said_of_what_was_never_seen(site: Site) -> None:
    source = Source("url", f"{site.url}/package.json")

    with pytest.raises(FetchError, match=r"none are in the cache \[without --offline once\]"):
        verify(source, DATA, trusted(), offline=True)
    assert site.requests == []


def test_what_is_damaged_is_said(tmp_path: Path) -> None:
    path = tmp_path / "package.json"
    path.write_bytes(DATA)
    (tmp_path / "package.json.sig").write_bytes(b"not base64!")

    assert look(Source("file", str(path))) == (
        "damaged",
        "",
        f"read {path}.sig: not a signature in base64",
    )
    (tmp_path / "package.json.sig").unlink()
    assert look(Source("file", str(path)), keys=[Key("release", b"no key")])[0] == "damaged"
    assert look(Source("stdin", "-")) == ("unsigned", "", "no signature")


def test_kept_signatures_come_back_whole(cache: Path) -> None:
    found = [
        Signature("simple", b'{"a":1}', b"\0\xff", "r:tag", {"dev.sigstore.cosign/certificate": "pem"}),
        Signature("bundle", b"{}", b"", "r@sha256:00"),
    ]

    keep("sha256:00 r", found)

    back = kept("sha256:00 r")
    assert [(each.form, each.payload, each.signature, each.origin, each.extra) for each in back] == [
        (each.form, each.payload, each.signature, each.origin, each.extra) for each in found
    ]
    assert kept("sha256:00 other") == []
    (path,) = cache.iterdir()
    for damaged in (b"", b"[{}]", b"{}", b"[1]", b"[" * 100_000, path.read_bytes()[:-20]):
        path.write_bytes(damaged)
        assert kept("sha256:00 r") == []
    keep("sha256:00 r", [])
    assert kept("sha256:00 r") == []


def test_what_others_may_write_is_not_kept(tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "cache/eunomia"
    folder.mkdir(parents=True)
    folder.chmod(0o777)

    keep("sha256:00 r", [Signature("raw", b"", b"x")])

    assert kept("sha256:00 r") == []
    assert not cache.exists()


def test_forms_are_told_by_their_bytes() -> None:
    raw, bundle = sign_bytes(DATA, OURS), bundle_of(DATA, OURS)
    old = json.dumps({"base64Signature": raw.decode()}).encode()

    for data, form, expected in (
        (raw, "raw", "raw"),
        (bundle, "raw", "bundle"),
        (bundle, "bundle", "bundle"),
        (old, "bundle", "raw"),
        (b"{", "bundle", "bundle"),
    ):
        assert attached.signature_of(data, form, "f").form == expected
    assert attached.signature_of(old, "bundle", "f").signature == attached.signature_of(raw, "raw", "f").signature


def test_signatures_of_urls_stand_before_the_query() -> None:
    asked: list[str] = []

    def read(name: str, limit: int) -> bytes | None:
        asked.append(name)
        return None

    assert attached.beside("http://h/p.json?a=b?c", read) == []
    assert attached.beside("/tmp/p?.json", read) == []
    assert asked == [
        "http://h/p.json.sigstore.json?a=b?c",
        "http://h/p.json.sig?a=b?c",
        "/tmp/p?.json.sigstore.json",
        "/tmp/p?.json.sig",
    ]


def test_files_too_large_for_a_signature_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "f.sig").write_bytes(b"A" * 9000)

    with pytest.raises(SignatureError, match=r"f\.sig: larger than 8 KB, not a signature"):
        attached.beside_file(str(tmp_path / "f"))
    with pytest.raises(IsADirectoryError, match=r"read .*: is a directory"):
        attached.read_file(str(tmp_path), 10)
    assert attached.read_file(str(tmp_path / "f.sig" / "x"), 10) is None
