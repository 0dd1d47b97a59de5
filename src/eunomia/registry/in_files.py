"""Which file of a container image is the program: the one that it names, else the one in its root.

What an image names stands in its label `vnd.eunomia.program`, else in ENTRYPOINT and CMD.
"""

from __future__ import annotations

import json

from eunomia.errors import FetchError
from eunomia.package.archive import is_tar
from eunomia.registry.image_kinds import MEMBER, NoProgramError, several, strings
from eunomia.registry.layers import MAX_UNPACKED, Files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SUFFIXES = (".wasm", ".json", ".tar", ".o", ".yaml", ".yml")
UNPACKED = 8  # times as much as a program may have, its layers may have when unpacked
MAX_LOOKED = 64  # files that may be programs by their names
KEYS = (b'"bpf_object"', b'"bpf_skel"', b'"data_sz"')


def is_program(data: bytes) -> bool:
    """Tell whether bytes are a program of ours by how they begin: a guest, an object, a package."""
    if data[:4] in (b"\0asm", b"\x7fELF"):
        return True
    if data[:1] == b"{" or data[:16].lstrip()[:1] == b"{":
        return any(key in data for key in KEYS)
    return is_tar(data) and b"package.json" in data[:512]


def in_files(layers: list[bytes], settings: bytes, member: str, limit: int) -> tuple[str, bytes]:
    """Return path and bytes of the program in a container image.

    Args:
        layers: the lowest first; tars, compressed or not.
        settings: the image's configuration, JSON.
        member: path of the file that is wanted, "" for the one that the image names.
        limit: bytes that the program may have.

    Raises:
        FetchError: there is none, there are several, or the image is damaged.
        MissingDependencyError: compressed with zstd, and nothing here reads it.
    """
    files = Files(max(MAX_UNPACKED, UNPACKED * limit))
    for data in layers:
        files.add_layer(data)
    config = _config(settings)
    folder = config.get("WorkingDir") if isinstance(config.get("WorkingDir"), str) else ""
    named = member or strings(config.get("Labels")).get(MEMBER, "")
    if named:
        path = files.resolve(named, folder or "")
        if not path:
            raise FetchError(f"no file {named[:200]!r} in it [it has {_shown(files.paths())}]")
        return path, files.read(path, limit)
    for word in [*_words(config.get("Entrypoint")), *_words(config.get("Cmd"))]:
        path = files.resolve(word, folder or "")
        if path:
            found = _if_program(files, path, limit)
            if found is not None:
                return path, found
    return _only_one(files, folder or "", limit)


def _only_one(files: Files, folder: str, limit: int) -> tuple[str, bytes]:
    """Return the one program in the root, else in the working directory, else anywhere."""
    paths = [path for path in files.paths() if path.endswith(SUFFIXES)]
    places = [[path for path in paths if "/" not in path]]
    if folder.strip("/"):
        places.append([path for path in paths if path.rpartition("/")[0] == folder.strip("/")])
    places.append([path for path in paths if path.endswith(".wasm") or path.rpartition("/")[2] == "package.json"])
    for place in places:
        found = {path: data for path in place[:MAX_LOOKED] if (data := _if_program(files, path, limit)) is not None}
        if len(found) > 1:
            raise several([f"/{path}" for path in found])
        if found:
            return next(iter(found.items()))
    raise NoProgramError(f"a container image without a package or guest in it [it has {_shown(files.paths())}]")


def _if_program(files: Files, path: str, limit: int) -> bytes | None:
    real = files.resolve(path)
    if not real or not 0 < files.size(real) <= limit:
        return None
    data = files.read(real, limit)
    return data if is_program(data) else None


def _config(settings: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(settings)
    except (ValueError, RecursionError) as exc:
        raise FetchError(f"its configuration is not JSON: {str(exc)[:100]}") from None
    config = tree.get("config") if isinstance(tree, dict) else None
    return config if isinstance(config, dict) else {}


def _words(value: object) -> list[str]:
    """The words of ENTRYPOINT or CMD; a shell form's are `/bin/sh -c 'WORDS'`."""
    words = [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
    if len(words) == 3 and words[1] == "-c":
        words = words[2].split()
    return words[:64]


def _shown(paths: list[str]) -> str:
    return ", ".join(f"/{path}" for path in paths[:5]) + (", …" if len(paths) > 5 else "") if paths else "no files"
