"""Credential files of Docker and Podman, and helpers: which of what they say is for a repository."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from eunomia.errors import FetchError
from eunomia.registry.credentials import Credentials, find


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without credentials, and a PATH with nothing but its bin/ and the system's."""
    for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    (tmp_path / "bin").mkdir()
    return tmp_path


def write(path: Path, config: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(config if isinstance(config, str) else json.dumps(config))


def auths(**entries: str) -> dict[str, Any]:
    return {"auths": {name: {"auth": base64.b64encode(words.encode()).decode()} for name, words in entries.items()}}


def helper(home: Path, name: str, script: str) -> None:
    path = home / "bin" / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def said(found: Credentials | None) -> str:
    return f"{found.username}:{found.password}{found.token}" if found else ""


def test_nothing_is_found_where_nothing_is(home: Path) -> None:
    assert find("ghcr.io", "org/tool") is None


def test_files_are_asked_in_the_order_that_login_writes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / ".config/containers/auth.json", auths(**{"r.io": "podman:3"}))
    third = said(find("r.io"))
    write(home / "run/containers/auth.json", auths(**{"r.io": "podman:2"}))
    second = said(find("r.io"))
    write(home / ".docker/config.json", auths(**{"r.io": "docker:1"}))
    first = said(find("r.io"))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(home / "mine.json"))
    write(home / "mine.json", auths(**{"r.io": "mine:0"}))

    assert [said(find("r.io")), first, second, third] == ["mine:0", "docker:1", "podman:2", "podman:3"]


def test_most_exact_name_counts(home: Path) -> None:
    write(home / ".docker/config.json", auths(**{"r.io": "all:1", "r.io/org": "org:2", "r.io/org/tool": "tool:3"}))

    assert said(find("r.io", "org/tool")) == "tool:3"
    assert said(find("r.io", "org/other")) == "org:2"
    assert said(find("r.io", "organisation/tool")) == "all:1"
    assert find("r.io.evil.io", "org/tool") is None


@pytest.mark.parametrize("key", ["https://r.io:5000", "http://r.io:5000/", "https://r.io:5000/v2/", "r.io:5000/v1"])
def test_old_spellings_of_a_registry_are_understood(home: Path, key: str) -> None:
    write(home / ".docker/config.json", auths(**{key: "me:pw"}))

    assert said(find("r.io:5000", "org/tool")) == "me:pw"


def test_docker_hub_has_a_name_of_its_own(home: Path) -> None:
    write(home / ".docker/config.json", auths(**{"https://index.docker.io/v1/": "me:p:w"}))

    assert said(find("docker.io", "library/nginx")) == "me:p:w"


def test_identity_token_counts_before_the_password(home: Path) -> None:
    entry = {"auth": base64.b64encode(b"me:").decode(), "identitytoken": "refresh"}
    write(home / ".docker/config.json", {"auths": {"r.io": entry}})

    found = find("r.io")

    assert found is not None
    assert (found.username, found.token) == ("me", "refresh")


def test_helper_is_asked_for_its_registries_only(home: Path) -> None:
    helper(home, "one", 'read server; echo "{\\"Username\\": \\"$1\\", \\"Secret\\": \\"$server\\"}"')
    helper(home, "all", 'echo "{\\"Username\\": \\"all\\", \\"Secret\\": \\"x\\"}"')
    write(home / ".docker/config.json", {"credHelpers": {"r.io": "one"}, "credsStore": "all"})

    assert said(find("r.io", "org/tool")) == "get:r.io"
    assert said(find("other.io")) == "all:x"


def test_helpers_identity_token_is_one(home: Path) -> None:
    helper(home, "all", 'echo "{\\"Username\\": \\"<token>\\", \\"Secret\\": \\"refresh\\"}"')
    write(home / ".docker/config.json", {"credsStore": "all"})

    found = find("r.io")

    assert found is not None
    assert (found.username, found.password, found.token) == ("", "", "refresh")


def test_helper_that_has_nothing_leaves_the_next_file(home: Path) -> None:
    helper(home, "all", "echo credentials not found in native keychain; exit 1")
    write(home / ".docker/config.json", {"credsStore": "all", "auths": {"r.io": {}}})
    write(home / "run/containers/auth.json", auths(**{"r.io": "podman:2"}))

    assert said(find("r.io")) == "podman:2"


def test_store_that_is_not_installed_is_no_reason_to_refuse(home: Path) -> None:
    write(home / ".docker/config.json", {"credsStore": "desktop", **auths(**{"r.io": "me:pw"})})

    assert said(find("r.io")) == "me:pw"
    assert find("other.io") is None


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("echo cannot open the\x1b key ring; exit 1", "docker-credential-one get: cannot open the\x1b key ring"),
        ("exit 3", "docker-credential-one get: it failed"),
        ("echo no json", "docker-credential-one get: its answer is not understood"),
        ('echo \'{"Username": 7, "Secret": []}\'', "docker-credential-one get: its answer is not understood"),
    ],
)
def test_helper_that_fails_is_named(home: Path, script: str, line: str) -> None:
    helper(home, "one", script)
    write(home / ".docker/config.json", {"credHelpers": {"r.io": "one"}})

    with pytest.raises(FetchError) as caught:
        find("r.io")

    assert str(caught.value) == f"credentials: {line}"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("gone", "no docker-credential-gone in PATH [install it, or remove it from the file]"),
        ("../../bin/sh", "'../../bin/sh' is no name of a credential helper"),
    ],
)
def test_helper_that_is_not_there_is_named(home: Path, name: str, line: str) -> None:
    write(home / ".docker/config.json", {"credHelpers": {"r.io": name}})

    with pytest.raises(FetchError) as caught:
        find("r.io")

    assert str(caught.value) == f"credentials: {line}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not a file of credentials: "),
        ("[]", "not a file of credentials: not an object [repair it, or ecli login again]"),
        ("[" * 100_000, "not a file of credentials: "),
        ('{"auths": {"r.io": {"auth": "no base64!"}}}', "`auth` is not base64 of NAME:PASSWORD [ecli login again]"),
        ('{"auths": {"r.io": {"auth": "bm9jb2xvbg=="}}}', "`auth` is not base64 of NAME:PASSWORD [ecli login again]"),
        ('{"auths": {"r.io": {"auth": 7}}}', "`auth` is not base64 of NAME:PASSWORD [ecli login again]"),
        ('{"auths": {"r.io": {"username": 7}}}', "credentials that are not text [ecli login again]"),
    ],
)
def test_damaged_file_is_named(home: Path, text: str, why: str) -> None:
    path = home / ".docker/config.json"
    write(path, text)

    with pytest.raises(FetchError) as caught:
        find("r.io")

    assert str(caught.value).startswith(f"open {path}: {why}")


@pytest.mark.parametrize(
    "text", ["", "{}", '{"auths": []}', '{"auths": {"r.io": 7}}', '{"credHelpers": 1, "credsStore": []}']
)
def test_file_that_says_nothing_is_nothing(home: Path, text: str) -> None:
    write(home / ".docker/config.json", text)

    assert find("r.io") is None
