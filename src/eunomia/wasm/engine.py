"""Where the engine's library and its cache are; wasmtime's Python bindings are not imported (docs/decisions/022)."""

from __future__ import annotations

import os
import sys

from eunomia import caches
from eunomia.errors import MissingDependencyError, UnsupportedError

_INSTALL = "pip install 'eunomia[wasm]'"
_MAJOR = "50"


def library(path: list[str] | None = None) -> str:
    """Return the path of wasmtime's library, of the wheel that is installed for this Python.

    Args:
        path: folders to look in; None: sys.path.

    Raises:
        MissingDependencyError: wasmtime is not installed, or is of another version.
        UnsupportedError: it has no library for this machine.
    """
    machine = os.uname().machine
    for folder in sys.path if path is None else path:
        package = os.path.join(folder or ".", "wasmtime")
        if not os.path.isdir(package):
            continue
        found = os.path.join(package, f"linux-{machine}", "_libwasmtime.so")
        if not os.path.isfile(found):
            raise UnsupportedError(
                f"run a guest: {package} has no library for {machine} Linux with this C library"
                " (there are wheels of wasmtime for x86_64 and aarch64)"
            )
        if (there := _version(folder or ".")) and there.partition(".")[0] != _MAJOR:
            raise MissingDependencyError(f"run a guest: wasmtime {there}, needed is {_MAJOR} [{_INSTALL}]")
        return found
    raise MissingDependencyError(f"run a guest: the package wasmtime is not installed [{_INSTALL}]")


def cache() -> str:
    """Return the folder for compiled modules, which the core makes and checks; "" where nothing can be kept."""
    base = caches.folder()
    return os.path.join(base, "wasm") if base else ""


def version(path: str) -> str:
    """Return the version of the library that `library` found, "" where nothing tells."""
    return _version(path.rsplit("/", 3)[0])


def _version(folder: str) -> str:
    """Return the version of the metadata, "" where there is none: a copied package, which the core tests itself."""
    for name in os.listdir(folder):
        if name.startswith("wasmtime-") and name.endswith(".dist-info"):
            return name[len("wasmtime-") : -len(".dist-info")]
    return ""
