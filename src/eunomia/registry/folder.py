"""The one program of a folder: a guest or package that was built there, or a project's."""

from __future__ import annotations

import os

from eunomia.errors import FetchError

PLACES = ("", "build", "dist", "out")  # where builds leave what they make, the nearest first
SUFFIXES = (".wasm", ".json", ".tar")


def program_in(folder: str) -> str:
    """Return the path of the one program in a folder, or in its build folder: a guest before a package.

    Raises:
        FetchError: there is none, or there are several.
    """
    for place in PLACES:
        path = os.path.join(folder, place) if place else folder
        for suffix in SUFFIXES:
            found = _with_suffix(path, suffix)
            if len(found) > 1:
                names = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
                raise FetchError(f"open {folder}: several programs in {path}: {names} [name one]")
            if found:
                return os.path.join(path, found[0])
    raise FetchError(f"open {folder}: no guest (*.wasm) or package (package.json, *.tar) in this folder")


def _with_suffix(folder: str, suffix: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(
        name
        for name in names
        if name.endswith(suffix) and (suffix != ".json" or name == "package.json") and name[0] != "."
    )
