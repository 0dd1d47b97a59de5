"""The files of a hub beside its index: written in one step, and the newest versions where old clients look for them."""

from __future__ import annotations

import os
from typing import Any

from eunomia.package.model import Package
from eunomia.registry import hub_index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.publish.private_keys import PrivateKey

FIRST_SYSTEM = ("package.json", "app.wasm")  # its clients fetch NAME/package.json and NAME/app.wasm
SIGNATURES = (".sig", ".sigstore.json")


def write_first_system(tree: dict[str, Any], out: str, key: PrivateKey | None) -> None:
    """Write NAME/package.json or NAME/app.wasm: the newest version, where the first system's clients look for it.

    Its signatures are put beside it: they are of the same bytes. What was a tar is signed itself.
    """
    for tool in tree["tools"]:
        best = hub_index.newest(tool)
        if best is None or "://" in best["location"]:
            continue
        with open(os.path.join(out, best["location"]), "rb") as file:
            data = file.read()
        name = best["location"].rpartition("/")[2]
        is_same = name in FIRST_SYSTEM
        if name == "package.tar":
            name, data = "package.json", Package.from_bytes(data, best["location"]).to_json().encode()
        if name not in FIRST_SYSTEM:
            continue
        path = os.path.join(out, tool["name"], name)
        write(path, data)
        if is_same:
            _copy_signatures(os.path.join(out, best["location"]), path)
        elif key is not None:
            from eunomia.publish.hub_sign import sign

            sign(path, key)
        else:
            _copy_signatures("", path)


def _copy_signatures(source: str, path: str) -> None:
    """Put the signatures beside one file beside another of the same bytes; where there are none, take old ones away."""
    for suffix in SIGNATURES:
        if source and os.path.exists(source + suffix):
            with open(source + suffix, "rb") as file:
                write(path + suffix, file.read())
        elif os.path.exists(path + suffix):
            os.unlink(path + suffix)


def write(path: str, data: bytes) -> bool:
    """Write a file in one step, and return True; one that has these bytes already is left alone."""
    try:
        with open(path, "rb") as file:
            if file.read(len(data) + 1) == data:
                return False
    except OSError:
        pass
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = f"{path}.{os.getpid()}.part"
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
        return True
    except OSError as exc:
        raise OSError(exc.errno, f"write {path}: {(exc.strerror or str(exc)).lower()}") from exc
