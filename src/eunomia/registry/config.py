"""The configuration of fetching: the default registry and its prefix, and what is special about single registries.

`/etc/eunomia/config.toml`, over it the user's `$XDG_CONFIG_HOME/eunomia/config.toml`, over both `ECLI_REGISTRY`. It is
read only where a name has no host of its own, and before a registry is asked: never for files and built-in tools.
"""

from __future__ import annotations

import os

from eunomia.errors import FetchError, toml_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SYSTEM = "/etc/eunomia/config.toml"
MAX_FILE = 1 << 20
_TOP: dict[str, type] = {"registry": str, "prefix": str, "registries": dict}
_OF_ONE: dict[str, type] = {"plain-http": bool, "ca-file": str}


class Config:
    """What the files and the environment say.

    Attributes:
        registry: the default registry, "" where none is configured.
        prefix: what comes before a name of a single part there.
        registries: of single registries, `plain-http` and `ca-file`.
    """

    __slots__ = ("prefix", "registries", "registry")

    def __init__(self) -> None:
        self.registry = ""
        self.prefix = ""
        self.registries: dict[str, dict[str, Any]] = {}


def read() -> Config:
    """Return the configuration.

    Raises:
        FetchError: a file cannot be read, or says something that is not known.
    """
    found = Config()
    for path in paths():
        _merge(found, path)
    if text := os.environ.get("ECLI_REGISTRY", ""):
        if text.startswith(("http://", "https://")):
            raise FetchError(
                f"ECLI_REGISTRY={text}: a registry has no scheme [ECLI_REGISTRY={text.partition('://')[2]};"
                " --plain-http, or plain-http in config.toml, where it has no TLS]"
            )
        found.registry, _, found.prefix = text.removeprefix("oci://").strip("/").partition("/")
    return found


def paths() -> list[str]:
    """Return where configuration is looked for, what holds last at the end; ECLI_CONFIG is in place of all."""
    own = os.environ.get("ECLI_CONFIG", "")
    return [own] if own else [SYSTEM, user_path()]


def user_path() -> str:
    """Return the path of the user's own file, whether it is there or not."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return os.path.join(base if os.path.isabs(base) else os.path.expanduser("~/.config"), "eunomia", "config.toml")


def _merge(found: Config, path: str) -> None:
    tree = _parse(path)
    for key, value in tree.items():
        _check(path, key, value, _TOP)
    if "registry" in tree:  # a prefix belongs to its registry
        found.registry, found.prefix = tree["registry"].strip("/"), ""
        found.registry, _, found.prefix = found.registry.partition("/")
    found.prefix = tree.get("prefix", found.prefix).strip("/")
    for host, table in tree.get("registries", {}).items():
        _check(path, f"registries.{host}", table, {f"registries.{host}": dict})
        for key, value in table.items():
            _check(
                path,
                f"registries.{host}.{key}",
                value,
                {f"registries.{host}.{name}": of for name, of in _OF_ONE.items()},
            )
        found.registries[host.lower()] = {**found.registries.get(host.lower(), {}), **table}


def _parse(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as exc:
        raise FetchError(f"read {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(data) > MAX_FILE:
        raise FetchError(f"read {path}: larger than {MAX_FILE >> 20} MB")
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as exc:
        raise FetchError(f"read {toml_error(path, exc)}") from exc


def _check(path: str, key: str, value: Any, known: dict[str, type]) -> None:
    if key not in known:
        raise FetchError(f"read {path}: unknown key {key} [known are {', '.join(known)}]")
    if type(value) is not known[key]:
        words = {str: "a text", dict: "a table", bool: "true or false"}
        raise FetchError(f"read {path}: {key} is not {words[known[key]]}")
