"""The guest of a package: a Wasm module that gets the package's events before they are shown.

`meta.eunomia.guest` is `{"name": "filter.wasm", "wasm": …, "digest": "sha256:…"}`: the module deflated and in
base64, as plans are, and the SHA-256 of the module itself.
"""

from __future__ import annotations

import hashlib

from eunomia.errors import PackageError
from eunomia.package import codec
from eunomia.package.check import kind_of, ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.package.model import Package

PLACE = "$.meta.eunomia.guest"
MAX_WASM = 64 << 20


def guest_of(package: Package) -> tuple[str, bytes] | None:
    """Return the name and the bytes of a package's guest, None where it has none.

    Raises:
        PackageError: it is damaged.
    """
    found = ours(package.whole.meta).get("guest")
    if found is None:
        return None
    if type(found) is not dict:
        raise PackageError(f"`{PLACE}`: expected object, got {kind_of(found)}")
    for key in ("name", "wasm", "digest"):
        if type(found.get(key)) is not str:
            raise PackageError(f"`{PLACE}.{key}`: expected str, got {kind_of(found.get(key))}")
    wasm = codec.inflate(codec.unpack(found["wasm"], f"{PLACE}.wasm"), f"{PLACE}.wasm", MAX_WASM)
    digest = digest_of(wasm)
    if digest != found["digest"]:
        raise PackageError(f"`{PLACE}`: the module's digest is {digest}, expected {found['digest']}")
    return found["name"], wasm


def add_guest(package: Package, name: str, wasm: bytes) -> None:
    """Put a guest into a package, in the place of one that it had."""
    if len(wasm) > MAX_WASM:
        raise PackageError(f"guest {name}: {len(wasm)} bytes, at most {MAX_WASM}")
    whole = package.whole
    entry = {"name": name, "wasm": codec.pack(wasm, 9), "digest": digest_of(wasm)}
    whole.meta.setdefault("eunomia", {"version": 1})["guest"] = entry


def digest_of(wasm: bytes) -> str:
    """Return what names a module."""
    return f"sha256:{hashlib.sha256(wasm).hexdigest()}"
