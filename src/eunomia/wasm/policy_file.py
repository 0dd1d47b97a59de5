"""Policy files: TOML with the tables `allow`, `deny` and `limit`, each with the keys of the rules.

`[[trust]]` beside them is about where packages and guests come from, and read by eunomia.registry.trust_file.
"""

from __future__ import annotations

import os
import stat
import tomllib
from typing import TYPE_CHECKING

from eunomia.errors import PolicyError, toml_error
from eunomia.wasm.rules import KEYS, NUMBERS, Rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MAX_FILE = 1 << 20
TABLES = ("allow", "deny", "limit")


def read(path: str) -> tuple[Rules, Rules, Rules | None]:
    """Return what a file allows, what it denies, and its limit, which is None where it has none.

    Raises:
        PolicyError: it cannot be read, is wrong, or can be written by others than root and this user.
    """
    try:
        with open(path, "rb") as file:
            _check_owner(path, os.fstat(file.fileno()))
            text = file.read(MAX_FILE + 1)
    except OSError as exc:
        raise PolicyError(f"policy {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(text) > MAX_FILE:
        raise PolicyError(f"policy {path}: more than {MAX_FILE >> 20} MB")
    try:
        tree = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as exc:
        raise PolicyError(f"policy {toml_error(path, exc)}") from exc
    tree.pop("trust", None)
    for name in tree:
        if name not in TABLES or not isinstance(tree[name], dict):
            raise PolicyError(f"policy {path}: {name!r} is none of the tables [allow], [deny], [limit], [[trust]]")
    allowed, denied, limit = (Rules(origin=path) for _ in TABLES)
    for name, rules in zip(TABLES, (allowed, denied, limit), strict=True):
        for rule in _rules(path, name, tree.get(name, {})):
            rules.add(rule, numbers=name != "deny")
    return allowed, denied, limit if "limit" in tree else None


def _check_owner(path: str, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PolicyError(f"policy {path}: others can write it [chown root {path}; chmod go-w {path}]")


def _rules(path: str, table: str, tree: dict[str, Any]) -> Iterator[str]:
    """Yield the rules of a table as options take them."""
    for key, value in tree.items():
        if key == "all" and value is True and table != "limit":
            yield "all"
            continue
        values = value if isinstance(value, list) else [value]
        if key not in KEYS or not values or not all(_fits(key, each) for each in values):
            kind = "a number" if key in NUMBERS else "a list of texts"
            known = kind if key in KEYS else f"one of {', '.join(KEYS)}"
            raise PolicyError(f"policy {path}: [{table}] {key}: expected {known}")
        for each in values:
            yield f"{key}={each}"


def _fits(key: str, value: object) -> bool:
    return isinstance(value, str) or (key in NUMBERS and type(value) is int)
