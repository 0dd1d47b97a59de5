"""Storing and removing credentials, in Docker's file or by the helper that it names."""

from __future__ import annotations

import base64
import json
import os

from eunomia.errors import FetchError
from eunomia.registry.credentials import (
    ask_helper,
    docker_file,
    files,
    helper_for,
    keys,
    load,
    normal,
    server_name,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.registry.credentials import Credentials


def file_to_write() -> str:
    """Return the path of the file that logins are stored in."""
    return os.environ.get("REGISTRY_AUTH_FILE", "") or docker_file()


def store(registry: str, known: Credentials) -> str:
    """Store credentials for a registry; return where, for a message.

    Raises:
        FetchError: the file or the helper refuses.
    """
    path = file_to_write()
    config = load(path)
    auths = _auths(config, path)
    helper = helper_for(config, registry)
    server = server_name(registry)
    for key in _same(auths, registry):
        del auths[key]
    if helper:
        words = json.dumps({"ServerURL": server, "Username": known.username, "Secret": known.password})
        ask_helper(helper, "store", words)
        auths[server] = {}
        place = f"by docker-credential-{helper}"
    else:
        packed = base64.b64encode(f"{known.username}:{known.password}".encode()).decode()
        auths[server] = {"auth": packed}
        place = f"in {path}"
    _write(path, config)
    return place


def erase(registry: str) -> tuple[str, str]:
    """Remove what is stored for a registry.

    Returns:
        Where it was removed from, and a file of another program that still has some; "" for none.
    """
    path = file_to_write()
    config = load(path)
    auths = _auths(config, path)
    place = ""
    helper = helper_for(config, registry)
    if helper:
        try:
            ask_helper(helper, "get", server_name(registry))
            ask_helper(helper, "erase", server_name(registry))
            place = f"by docker-credential-{helper}"
        except KeyError:
            place = ""
    stored = _same(auths, registry)
    for key in stored:
        place = place or f"from {path}"
        del auths[key]
    if stored:
        _write(path, config)
    return place, next((other for other in files() if other != path and _has(other, registry)), "")


def _has(path: str, registry: str) -> bool:
    config = load(path)
    return bool(_same(_auths(config, path), registry))


def _auths(config: dict[str, Any], path: str) -> dict[str, Any]:
    auths = config.setdefault("auths", {})
    if not isinstance(auths, dict):
        raise FetchError(f"open {path}: `auths` is not an object [repair the file]")
    return auths


def _same(auths: dict[str, Any], registry: str) -> list[str]:
    """Return the keys that mean a registry, whatever way they were spelled."""
    wanted = {normal(key) for key in keys(registry)}
    return [key for key in auths if normal(key) in wanted]


def _write(path: str, config: dict[str, Any]) -> None:
    """Replace a file in one step, readable by its owner only; where it is a link, what it points to."""
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    new = f"{path}.{os.getpid()}.new"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(json.dumps(config, indent="\t") + "\n")
                file.flush()
                os.fsync(descriptor)
            os.replace(new, path)
        except BaseException:
            os.unlink(new)
            raise
    except OSError as exc:
        raise FetchError(f"write {path}: {(exc.strerror or str(exc)).lower()}") from exc
