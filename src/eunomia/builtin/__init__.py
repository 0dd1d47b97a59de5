"""The built-in tools: packages made of tools/ by tools/build.py, one NAME.json each, beside this file."""

from __future__ import annotations

import os

__all__ = ["names", "read"]

_SUFFIX = ".json"


def names() -> list[str]:
    """Return the names of the built-in tools, in alphabetical order; none where they have not been compiled.

    What begins with `_` is no tool: it is loaded beside one.
    """
    return sorted(
        name[: -len(_SUFFIX)] for name in os.listdir(_folder()) if name.endswith(_SUFFIX) and not name.startswith("_")
    )


def read(name: str) -> bytes:
    """Return a built-in tool's package.

    Args:
        name: one of names().

    Raises:
        FileNotFoundError: there is no such tool.
    """
    if not name or "/" in name or "\0" in name:
        raise FileNotFoundError(2, "no built-in tool of this name", name)
    with open(os.path.join(_folder(), name + _SUFFIX), "rb") as file:
        return file.read()


def _folder() -> str:
    return os.path.dirname(__file__)
