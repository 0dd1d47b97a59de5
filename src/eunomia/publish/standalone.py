"""Standalone executables: the prebuilt runner of an architecture, and behind it a package.

No compiler and no linker takes part. The layout of the payload and of the mark in the runner is in
native/tool/payload.h; docs/standalone.md says what such a file can do.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct

from eunomia.errors import EunomiaError, UnsupportedError
from eunomia.package.arches import kernel_name, machine
from eunomia.package.check import ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.package.model import Package

# Architectures with a runner, by the kernel's names, and what uname calls them.
MACHINES = {"x86": "x86_64", "arm64": "aarch64"}
_MAGIC = b"EUTOOL\r\n"
_MARK = b"EUNOMIA-STUB-1\n\0"
_HEADER = struct.Struct("<8sII6Q")
_STATED = struct.Struct("<QQ32s")  # of the mark, behind its magic: where the payload begins, bytes of the file, digest
_VERSION = 1
_PAGE = 4096


def architecture(package: Package, arch: str = "") -> str:
    """Return the architecture that an executable of a package is made for.

    Args:
        package: the package.
        arch: what was asked for, any name of it; "": this machine's, or the only one that the package serves.

    Raises:
        UnsupportedError: there is no runner for it, or the package has nothing for it.
    """
    served = package.architectures
    name = kernel_name(arch) if arch else machine()
    if not arch and len(served) == 1 and name not in served:
        name = served[0]
    if name not in MACHINES:
        known = ", ".join(MACHINES)
        raise UnsupportedError(f"make a standalone executable: there is no runner for {name} (there are {known})")
    package.for_arch(name)
    return name


def build(package: Package, arch: str = "") -> bytes:
    """Return an executable that runs a package on a machine that has nothing but a kernel.

    Args:
        package: the package; its guest, its BTF archive and its objects for other architectures are not taken along.
        arch: as in `architecture()`.

    Raises:
        UnsupportedError: no runner, or nothing in the package for the architecture; or it carries a guest.
        PackageError: the package is damaged.
        EunomiaError: the runner is not installed.
    """
    name = architecture(package, arch)
    if package.has_guest:
        raise UnsupportedError(
            f"make a standalone executable of {package.name}: the package carries a Wasm guest, and an executable runs "
            "none [ecli run has guests; or compile it without --guest]"
        )
    return join(stub(name), payload(package.for_arch(name)))


def stub(arch: str) -> bytes:
    """Return the runner of an architecture, by the kernel's name.

    Raises:
        EunomiaError: it is not installed.
    """
    name = f"eunomia-run-{MACHINES[arch]}"
    try:
        with open(os.path.join(os.path.dirname(__file__), "stubs", name), "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise EunomiaError(
            f"make a standalone executable: the runner {name} is not here [pip install eunomia-compiler; in a "
            "checkout: python native/tool/build.py]"
        ) from None


def payload(package: Package) -> bytes:
    """Return what the runner reads: object, plan and the parts of the meta that it goes by.

    Everything is stored as it is, not compressed: it is read where it lies, and small beside the runner.
    """
    if "plan" not in ours(package.meta) or "options" not in ours(package.meta):
        package = type(package)(package.object, _copy(package.meta), origin=package.origin)
        package.seal()
    plan = package.plan()
    text = json.dumps(_meta(package), ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode(
        "utf-8", "replace"
    )
    sizes = [len(part) for part in (package.object, plan, text) for _ in range(2)]
    return b"".join((_HEADER.pack(_MAGIC, _VERSION, _HEADER.size, *sizes), package.object, plan, text))


def join(runner: bytes, data: bytes) -> bytes:
    """Return a runner with a payload behind it, noted in its mark: a file that was cut off knows that it was.

    Raises:
        EunomiaError: the runner has no mark, or a payload already.
    """
    at = runner.find(_MARK)
    if at < 0 or runner.find(_MARK, at + 1) >= 0:
        raise EunomiaError(
            "make a standalone executable: the runner is damaged [pip install --force-reinstall eunomia-compiler]"
        )
    start = (len(runner) + _PAGE - 1) // _PAGE * _PAGE
    stated = _STATED.pack(start, start + len(data), hashlib.blake2b(data, digest_size=32).digest())
    place = at + len(_MARK)
    marked = runner[:place] + stated + runner[place + len(stated) :]
    return marked.ljust(start, b"\0") + data


def _copy(meta: dict[str, Any]) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(json.dumps(meta))
    return copied


def _meta(package: Package) -> dict[str, Any]:
    """Return the meta without what only other readers need: types' texts, variables, evidence."""
    skel = package.meta["bpf_skel"]
    kept = {key: skel[key] for key in ("obj_name", "progs", "doc") if skel.get(key) is not None}
    maps = [
        {key: each[key] for key in ("name", "ident", "prog_array") if key in each}
        for each in skel.get("maps") or ()
        if "prog_array" in each
    ]
    own = {"version": 1, "options": ours(package.meta)["options"]}
    return {"bpf_skel": {"progs": [], **kept, "maps": maps, "data_sections": []}, "eunomia": own}
