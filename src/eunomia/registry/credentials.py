"""Who we are to a registry: what `ecli login`, `docker login` and `podman login` have stored, and their helpers.

Source: docs.docker.com "docker login", "Credential stores"; github.com/docker/docker-credential-helpers;
containers-auth.json(5).
"""

from __future__ import annotations

import base64
import binascii
import json
import os

from eunomia.errors import FetchError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HUB_KEY = "https://index.docker.io/v1/"  # what Docker Hub's credentials have been called since the beginning
TOKEN_USER = "<token>"  # a helper's user name where the secret is an identity token
MAX_FILE = 4 << 20
HELPER_TIMEOUT = 60.0  # seconds; a helper may ask the user to unlock a key ring


class Credentials:
    """A name and a password, or an identity token (OAuth2's refresh token)."""

    __slots__ = ("password", "token", "username")

    def __init__(self, username: str = "", password: str = "", token: str = "") -> None:
        self.username = username
        self.password = password
        self.token = token

    def __repr__(self) -> str:
        return f"Credentials({self.username!r})"  # never the secret: reprs end up in logs


def find(registry: str, repository: str = "") -> Credentials | None:
    """Return what is stored for a repository, the most exact first; None where there is nothing.

    REGISTRY_AUTH_FILE is asked first, then Docker's file, then Podman's.

    Raises:
        FetchError: a file or helper is there and cannot be used.
    """
    for path in files():
        config = load(path)
        found = _in_config(config, path, registry, repository)
        if found:
            return found
    return None


def files() -> list[str]:
    """Return the paths of the credential files, in the order that they are asked in; they need not be there."""
    stated = os.environ.get("REGISTRY_AUTH_FILE", "")
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    podman = [os.path.join(runtime, "containers/auth.json")] if os.path.isabs(runtime) else []
    podman.append(os.path.join(_config_home(), "containers/auth.json"))
    return [*([stated] if stated else []), docker_file(), *podman]


def docker_file() -> str:
    """Return the path of Docker's file, where `ecli login` writes."""
    return os.path.join(os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker"), "config.json")


def load(path: str) -> dict[str, Any]:
    """Return a credential file's object, empty where there is no file.

    Raises:
        FetchError: it cannot be read, or is not JSON.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as exc:
        raise FetchError(f"open {path}: {(exc.strerror or str(exc)).lower()}") from None
    try:
        if len(data) > MAX_FILE:
            raise ValueError("too large")
        config = json.loads(data or b"{}")
        if not isinstance(config, dict):
            raise ValueError("not an object")
    except (ValueError, RecursionError) as exc:
        raise FetchError(f"open {path}: not a file of credentials: {exc} [repair it, or ecli login again]") from None
    return config


def keys(registry: str, repository: str = "") -> list[str]:
    """Return the names under which credentials may be stored, the most exact first."""
    parts = repository.split("/") if repository else []
    exact = ["/".join([registry, *parts[:count]]) for count in range(len(parts), -1, -1)]
    if registry == "docker.io":
        exact += [HUB_KEY, "index.docker.io", "registry-1.docker.io"]
    return exact


def normal(key: str) -> str:
    """Return a stored key as a registry and path: without a scheme, and without the API's version behind it."""
    bare = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    host, _, path = bare.partition("/")
    return host if path in ("v1", "v2") else bare


def helper_for(config: dict[str, Any], registry: str) -> str:
    """Return the name of the helper that a file names for a registry, "" for none."""
    by_host = config.get("credHelpers")
    if isinstance(by_host, dict):
        for key in keys(registry):
            name = by_host.get(key)
            if isinstance(name, str) and name:
                return name
    name = config.get("credsStore", "")
    return name if isinstance(name, str) else ""


def server_name(registry: str) -> str:
    """Return what a registry is called in files and to helpers."""
    return HUB_KEY if registry == "docker.io" else registry


def ask_helper(name: str, action: str, words: str) -> str:
    """Run docker-credential-NAME with an action and words on its standard input; return what it says.

    Raises:
        FetchError: it is not there, takes too long, or says no; KeyError where it has nothing for this.
    """
    import subprocess

    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or not name.isascii():
        raise FetchError(f"credentials: {name[:40]!r} is no name of a credential helper")
    program = f"docker-credential-{name}"
    try:
        run = subprocess.run(
            [program, action], input=words.encode(), capture_output=True, timeout=HELPER_TIMEOUT, check=False
        )
    except FileNotFoundError:
        raise FetchError(f"credentials: no {program} in PATH [install it, or remove it from the file]") from None
    except OSError as exc:
        raise FetchError(f"credentials: run {program}: {(exc.strerror or str(exc)).lower()}") from None
    except subprocess.TimeoutExpired:
        raise FetchError(f"credentials: {program} {action} took longer than {HELPER_TIMEOUT:g} s") from None
    said = run.stdout.decode("utf-8", "replace").strip()
    if run.returncode:
        if "not found" in said.lower():
            raise KeyError(words)
        said = said or run.stderr.decode("utf-8", "replace").strip()
        raise FetchError(f"credentials: {program} {action}: {' '.join(said.split())[:200] or 'it failed'}")
    return said


def decode(entry: dict[str, Any], path: str) -> Credentials | None:
    """Return what an entry of `auths` says; None for an empty one (a helper has it)."""
    token = entry.get("identitytoken") or ""
    username, password = entry.get("username", ""), entry.get("password", "")
    packed = entry.get("auth", "")
    if packed:
        try:
            text = base64.b64decode(packed, validate=True).decode()
            username, colon, password = text.partition(":")
            if not colon:
                raise ValueError
        except (ValueError, TypeError, binascii.Error):
            raise FetchError(f"open {path}: `auth` is not base64 of NAME:PASSWORD [ecli login again]") from None
    if not all(isinstance(each, str) for each in (token, username, password)):
        raise FetchError(f"open {path}: credentials that are not text [ecli login again]")
    password = password.rstrip("\0")
    if not token and not (username or password):
        return None
    return Credentials(username, password, token)


def _in_config(config: dict[str, Any], path: str, registry: str, repository: str) -> Credentials | None:
    auths = config.get("auths")
    stored = {normal(key): entry for key, entry in auths.items()} if isinstance(auths, dict) else {}
    helper = helper_for(config, registry)
    if helper and helper == config.get("credsStore") and not _is_installed(helper):
        helper = ""  # a file that came from another machine is no reason to refuse what anybody may pull
    for key in keys(registry, repository):
        entry = stored.get(normal(key))
        found = decode(entry, path) if isinstance(entry, dict) else None
        if found:
            return found
        if helper and "/" not in key:
            found = _from_helper(helper, server_name(registry))
            if found:
                return found
            helper = ""
    return None


def _is_installed(helper: str) -> bool:
    from shutil import which

    return which(f"docker-credential-{helper}") is not None


def _from_helper(helper: str, server: str) -> Credentials | None:
    try:
        said = ask_helper(helper, "get", server)
    except KeyError:
        return None
    try:
        answer = json.loads(said)
        username, secret = answer["Username"], answer["Secret"]
        if not isinstance(username, str) or not isinstance(secret, str):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise FetchError(f"credentials: docker-credential-{helper} get: its answer is not understood") from None
    if username == TOKEN_USER:
        return Credentials(token=secret)
    return Credentials(username, secret) if username or secret else None


def _config_home() -> str:
    stated = os.environ.get("XDG_CONFIG_HOME", "")
    return stated if os.path.isabs(stated) else os.path.expanduser("~/.config")
