"""`ecli login` and `ecli logout`: what is checked, where it is stored, and who else understands it."""

from __future__ import annotations

import base64
import json
import os
import pty
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eunomia.errors import RegistryError
from eunomia.registry.client import Client
from eunomia.registry.credentials import Credentials, find
from support.badregistry import BadRegistry
from support.commands import Command
from support.registries import PASSWORD, USER, Registry
from support.registry_clients import RegistryClient

HELPER = """#!/bin/sh
# a credential store: one file by server, in the folder that STORE names
file="$STORE/$(cat | tee "$STORE/asked" | sed -n 's/.*"ServerURL": *"\\([^"]*\\)".*/\\1/p;t;p' | tr '/:' '__')"
case "$1" in
  store) cp "$STORE/asked" "$file" ;;
  get) [ -f "$file" ] && cat "$file" || { echo "credentials not found in native keychain"; exit 1; } ;;
  erase) rm -f "$file" ;;
esac
"""


@pytest.fixture
def file(home: dict[str, str]) -> Path:
    """The file that logins are stored in."""
    return Path(home["REGISTRY_AUTH_FILE"])


@pytest.fixture
def docker(home: dict[str, str]) -> dict[str, str | None]:
    """A home where Docker's file is the one that counts."""
    return {**home, "REGISTRY_AUTH_FILE": None}


@pytest.mark.parametrize("kind", ["distribution", "cue"])
def test_login_is_checked_and_stored_for_us_and_for_oras(
    ecli: Command, registry: Callable[..., Registry], oras: RegistryClient, home: dict[str, str], kind: str
) -> None:
    server = registry(kind, login=True)

    done = ecli("login", "-u", USER, "--password-stdin", server.host, input=PASSWORD + "\n", env=home)
    stored = Path(home["REGISTRY_AUTH_FILE"])

    assert done.returncode == 0, done
    assert done.stdout == f"logged in to {server.host} as {USER}, stored in {stored}\n"
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    packed = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert json.loads(stored.read_text())["auths"] == {server.host: {"auth": packed}}
    listed = oras("repo", "ls", "--plain-http", "--registry-config", stored, server.host)
    assert listed.returncode == 0


def test_wrong_password_is_refused_and_not_stored(
    ecli: Command, registry: Callable[..., Registry], home: dict[str, str], file: Path
) -> None:
    server = registry(login=True)

    done = ecli("login", "-u", USER, "--password-stdin", server.host, input="wrong", env=home)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"ecli: login {server.host}: 401 unauthorized: credentials refused, those of {USER}"
        f" [ecli login {server.host}]\n"
    )
    assert not file.exists()


def test_login_over_tls_needs_the_certificate(
    ecli: Command, registry: Callable[..., Registry], home: dict[str, str]
) -> None:
    server = registry(tls=True, login=True)
    words = ("login", "-u", USER, "--password-stdin", server.host)

    distrusted = ecli(*words, input=PASSWORD, env=home)
    trusted = ecli(*words, "--ca-file", server.ca, input=PASSWORD, env=home)
    by_variable = ecli(*words, input=PASSWORD, env={**home, "SSL_CERT_FILE": str(server.ca)})

    assert distrusted.returncode == 1
    assert distrusted.stderr == (
        f"ecli: login {server.host}: the certificate is not trusted: self-signed certificate [--ca-file FILE]\n"
    )
    assert (trusted.returncode, by_variable.returncode) == (0, 0), (trusted, by_variable)


def test_configuration_says_what_is_special_about_a_registry(
    ecli: Command, registry: Callable[..., Registry], home: dict[str, str], tmp_path: Path
) -> None:
    server = registry(tls=True, login=True)
    config = tmp_path / "config.toml"
    config.write_text(f'[registries."{server.host}"]\nca-file = "{server.ca}"\n')

    words = ("login", "-u", USER, "--password-stdin", server.host)
    done = ecli(*words, input=PASSWORD, env={**home, "ECLI_CONFIG": str(config)})

    assert done.returncode == 0, done


def test_registry_that_lets_anybody_in_is_named(
    ecli: Command, registry: Callable[..., Registry], home: dict[str, str]
) -> None:
    server = registry()

    done = ecli("login", "-u", "me", "--password-stdin", server.host, input="x", env=home)

    assert done.returncode == 0
    assert done.stderr == f"ecli: login {server.host}: it lets anybody in: the password was not checked\n"


def test_token_server_is_asked_with_the_password(ecli: Command, home: dict[str, str]) -> None:
    with BadRegistry() as bad:
        bad.users, bad.tokens = {"me": "secret"}, True

        good = ecli("login", "-u", "me", "--password-stdin", bad.host, input="secret", env=home)
        wrong = ecli("login", "-u", "me", "--password-stdin", bad.host, input="guess", env=home)

    assert good.returncode == 0, good
    assert wrong.stderr == (
        f"ecli: login {bad.host}: 401 unauthorized: credentials refused, those of me [ecli login {bad.host}]\n"
    )
    assert "account=me" in bad.requests("GET", "/token")[0].path


def test_login_keeps_what_else_the_file_says(ecli: Command, docker: dict[str, str | None]) -> None:
    path = Path(str(docker["DOCKER_CONFIG"])) / "config.json"
    path.write_text(json.dumps({"psFormat": "x", "auths": {"a.io": {"auth": "YTpi"}, "https://127.0.0.1:1/v2/": {}}}))
    with BadRegistry() as bad:
        bad.users = {"me": "secret"}

        done = ecli("login", "-u", "me", "--password-stdin", bad.host, input="secret", env=docker)

    assert done.returncode == 0, done
    config = json.loads(path.read_text())
    assert (config["psFormat"], config["auths"]["a.io"]) == ("x", {"auth": "YTpi"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["config.json"]


def test_logout_removes_it_whatever_way_it_was_spelled(ecli: Command, docker: dict[str, str | None]) -> None:
    path = Path(str(docker["DOCKER_CONFIG"])) / "config.json"
    path.write_text(json.dumps({"auths": {"https://index.docker.io/v1/": {"auth": "YTpi"}, "a.io": {"auth": "YTpi"}}}))

    out = ecli("logout", "docker.io", env=docker)
    again = ecli("logout", "docker.io", env=docker)

    assert out.stdout == f"logged out of docker.io, removed from {path}\n"
    assert (again.returncode, again.stdout) == (0, "not logged in to docker.io\n")
    assert json.loads(path.read_text()) == {"auths": {"a.io": {"auth": "YTpi"}}}


def test_logout_names_another_file_that_still_logs_in(ecli: Command, docker: dict[str, str | None]) -> None:
    podman = Path(str(docker["XDG_RUNTIME_DIR"])) / "containers/auth.json"
    podman.parent.mkdir()
    podman.write_text(json.dumps({"auths": {"a.io": {"auth": "YTpi"}}}))

    out = ecli("logout", "a.io", env=docker)

    assert out.stdout == "not logged in to a.io\n"
    assert out.stderr == f"ecli: logout a.io: {podman} still has credentials for it\n"


def test_helper_stores_finds_and_erases(
    ecli: Command, docker: dict[str, str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "store").mkdir()
    helper = tmp_path / "docker-credential-test"
    helper.write_text(HELPER)
    helper.chmod(0o755)
    path = Path(str(docker["DOCKER_CONFIG"])) / "config.json"
    path.write_text('{"credsStore": "test"}')
    more = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "STORE": str(tmp_path / "store")}
    for name, value in {**docker, **more}.items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    with BadRegistry() as bad:
        bad.users = {"me": "secret"}
        done = ecli("login", "-u", "me", "--password-stdin", bad.host, input="secret", env={**docker, **more})
        known = find(bad.host, "org/tool")
    config = path.read_text()

    out = ecli("logout", bad.host, env={**docker, **more})

    assert done.stdout == f"logged in to {bad.host} as me, stored by docker-credential-test\n", done
    assert known is not None
    assert (known.username, known.password) == ("me", "secret")
    assert "secret" not in config
    assert "bWU6c2VjcmV0" not in config
    assert out.stdout == f"logged out of {bad.host}, removed by docker-credential-test\n", out
    assert find(bad.host) is None


def test_name_and_password_are_asked_for_at_a_terminal(ecli: Command, home: dict[str, str], file: Path) -> None:
    with BadRegistry() as bad:
        bad.users = {"me": "secret"}
        ours, theirs = pty.openpty()
        with open(theirs, "r+b", buffering=0) as terminal:
            running = ecli.start("login", bad.host, stdin=terminal, env=home, prefix=["setsid", "--ctty", "--wait"])
            for prompt, answer in (("username: ", b"me\n"), ("password: ", b"secret\n")):
                deadline = time.monotonic() + 30
                while not running.stderr.endswith(prompt) and time.monotonic() < deadline:
                    time.sleep(0.02)
                os.write(ours, answer)
            done = running.finish()
        os.close(ours)

    assert done.returncode == 0, done
    assert "secret" not in done.stdout + done.stderr
    assert json.loads(file.read_text())["auths"][bad.host]["auth"] == base64.b64encode(b"me:secret").decode()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "which registry? [HOST[:PORT], as in ghcr.io; see ecli login --help]"),
        (["ghcr"], "'ghcr' is not HOST[:PORT] [as in ghcr.io]"),
        (["ghcr.io/org"], "'ghcr.io/org' is not HOST[:PORT] [as in ghcr.io]"),
        (["ghcr.io"], "no terminal to ask for a password at [-u USER --password-stdin]"),
        (["--password-stdin", "ghcr.io"], "--password-stdin needs the name too [-u USER]"),
        (["--password-stdin", "-u", "me", "ghcr.io"], "an empty password"),
        (["--password-stdin", "-u", "a:b", "ghcr.io"], "an empty password"),
    ],
)
def test_usage_is_said(ecli: Command, home: dict[str, str], words: list[str], said: str) -> None:
    done = ecli("login", *words, env=home)

    assert done.returncode == 2
    assert done.stderr == f"ecli: login: {said}\n"


def test_damaged_file_is_said_before_a_password_is_asked_for(ecli: Command, home: dict[str, str], file: Path) -> None:
    file.write_text("{not json")

    done = ecli("login", "ghcr.io", env=home)

    assert done.returncode == 1
    assert done.stderr.startswith(f"ecli: open {file}: not a file of credentials: ")
    assert done.stderr.endswith(" [repair it, or ecli login again]\n")


def test_logins_of_oras_and_skopeo_are_found(
    registry: Callable[..., Registry],
    oras: RegistryClient,
    skopeo: RegistryClient,
    home: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = registry(login=True)
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, home[name])
    podman = Path(home["XDG_RUNTIME_DIR"]) / "containers/auth.json"
    podman.parent.mkdir()
    before = find(server.host)

    skopeo("login", "--tls-verify=false", "--authfile", podman, "-u", USER, "-p", PASSWORD, server.host)
    of_skopeo = find(server.host)
    podman.unlink()
    oras("login", "--plain-http", "-u", USER, "--password-stdin", server.host, input=PASSWORD)
    of_oras = find(server.host)

    assert before is None
    assert of_skopeo is not None
    assert (of_skopeo.username, of_skopeo.password) == (USER, PASSWORD)
    assert of_oras is not None
    assert (of_oras.username, of_oras.password) == (USER, PASSWORD)


@pytest.mark.parametrize("kind", ["distribution", "ggcr", "cue"])
def test_private_registry_is_read_with_credentials_only(registry: Callable[..., Registry], kind: str) -> None:
    server = registry(kind, login=True)

    with Client(server.host, credentials=Credentials(USER, PASSWORD)) as known:
        was_asked = known.check()
    stranger = Client(server.host, credentials=Credentials(USER, "wrong"))
    with pytest.raises(RegistryError) as caught:
        stranger.manifest("org/tool", "1")
    stranger.close()

    assert was_asked
    assert caught.value.status == 401
    assert "credentials refused, those of eunomia" in str(caught.value)
