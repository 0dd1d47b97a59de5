"""Names of images: what is one, what it means, and what is said of a wrong one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunomia.errors import FetchError
from eunomia.registry.reference import Reference, is_digest, is_loopback, is_reference, parse

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("ghcr.io/org/tool", "ghcr.io/org/tool:latest"),
        ("oci://ghcr.io/org/tool:1.2", "ghcr.io/org/tool:1.2"),
        ("docker://localhost/tool", "localhost/tool:latest"),
        ("localhost:5000/a/b-c/d.e_f__g:v1", "localhost:5000/a/b-c/d.e_f__g:v1"),
        ("[::1]:5000/tool:V1", "[::1]:5000/tool:V1"),
        (f"r.io/tool@{DIGEST}", f"r.io/tool@{DIGEST}"),
        (f"r.io/tool:1@{DIGEST}", f"r.io/tool:1@{DIGEST}"),
        ("GHCR.IO/org/tool", "ghcr.io/org/tool:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/org/x", "docker.io/org/x:latest"),
        ("127.0.0.1:5000/tool.wasm", "127.0.0.1:5000/tool.wasm:latest"),
    ],
)
def test_reference_with_a_host_is_read(text: str, full: str) -> None:
    assert is_reference(text)
    assert str(parse(text)) == full
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("tool:1.2", "ghcr.io/eunomia/tool:1.2"),
        (f"tool@{DIGEST}", f"ghcr.io/eunomia/tool@{DIGEST}"),
        ("org/tool:1", "ghcr.io/org/tool:1"),
        ("oci://tool", "ghcr.io/eunomia/tool:latest"),
    ],
)
def test_reference_without_a_host_goes_to_the_default_registry_only(text: str, full: str) -> None:
    assert is_reference(text)
    assert str(parse(text, registry="ghcr.io", prefix="eunomia/")) == full
    with pytest.raises(FetchError, match="no default registry is configured"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "sigsnoop", "org/tool", "./tool:1", "../a.b/c:1", "/abs.d/x:1", "~/x.y/z", "tool@1.2", "-", "", "--x=a.b/c",
        "https://a.b/c", "build.d/package.json", "a.b/c.wasm", "file.bpf.c", ".hidden/x:1",
    ],
)  # fmt: skip
def test_what_has_none_of_the_forms_is_no_reference(text: str) -> None:
    assert not is_reference(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("r.io/Tool", "names in registries are in lower case"),
        ("r.io/a//b", "'a//b' is no repository"),
        ("r.io/../../etc/passwd", "is no repository"),
        ("r.io/a___b", "'a___b' is no repository"),
        ("r.io/-a", "'-a' is no repository"),
        ("r.io/a-", "'a-' is no repository"),
        ("r.io/tool:", "'' is no tag"),
        ("r.io/tool:-x", "'-x' is no tag"),
        ("r.io/tool:" + "x" * 129, "is no tag"),
        ("r.io/tool:a\x1b[2J", "is no tag"),
        ("r.io/tool@sha256:abc", "'sha256:abc' is no digest"),
        (f"r.io/tool@{DIGEST.upper()}", "is no digest"),
        ("r.io:0/tool", "'r.io:0' has no port from 1 to 65535"),
        ("r.io:70000/tool", "has no port"),
        ("r.io:/tool", "has no port"),
        ("a..b/tool", "'a..b' is no host"),
        ("us er.io/tool", "is no host"),
        ("user:pw@r.io/tool", "is no digest"),
        ("[::1/tool:1", "is no host"),
        ("[::1]x/tool", "has no port"),
        ("r.io/" + "a" * 260, "longer than 255"),
        ("r.io/" + "a" * 1000, "too long"),
    ],
)
def test_wrong_reference_says_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(FetchError) as caught:
        parse(text)

    assert why in str(caught.value)
    assert len(str(caught.value)) < 700


def test_pinned_reference_asks_for_the_digest() -> None:
    pinned = parse(f"r.io/tool:1@{DIGEST}")

    assert (pinned.tag, pinned.wanted, pinned.name) == ("1", DIGEST, "r.io/tool")
    assert (parse("r.io/tool").wanted, parse(f"r.io/tool@{DIGEST}").tag) == ("latest", "")


@given(st.text(max_size=60) | st.text(alphabet="ab.:/@-_[]0sha256", max_size=60))
def test_any_text_is_a_reference_or_our_error(text: str) -> None:
    try:
        found = parse(text, registry="r.io", prefix="p")
    except FetchError:
        return

    assert isinstance(found, Reference)
    assert parse(str(found)) == found


def test_loopback_is_told_by_its_spelling() -> None:
    assert all(map(is_loopback, ["localhost", "localhost:1", "127.0.0.1:80", "127.9.9.9", "[::1]:5000", "[::1]"]))
    assert not any(
        map(is_loopback, ["127.0.0.1.evil.io", "localhost.evil.io", "10.0.0.1", "127.1", "[::2]", "127.0.0.x"])
    )


def test_digests_are_of_kinds_that_are_checked() -> None:
    assert is_digest(DIGEST)
    assert is_digest("sha512:" + HEX * 2)
    assert not any(map(is_digest, ["", HEX, "md5:" + HEX[:32], DIGEST + "0", "sha256:../../etc/passwd"]))


@pytest.mark.parametrize(
    "text", ["127.0.0.1:5671", "127.0.0.1:5671/", "localhost:5000", "foo.example:8080", "[::1]:5/"]
)
def test_a_registry_alone_is_told_as_that(text: str) -> None:
    assert is_reference(text)
    with pytest.raises(FetchError, match="a registry, and no image in it"):
        parse(text, registry="registry.example")


def test_a_wrong_digest_behind_a_tag_is_told_as_that() -> None:
    assert is_reference("127.0.0.1:5671/me/forks:v@1")
    with pytest.raises(FetchError, match="'1' is no digest"):
        parse("127.0.0.1:5671/me/forks:v@1")
