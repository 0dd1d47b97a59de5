"""What compiling keeps between calls: kernel headers, precompiled headers, what compilers said of themselves."""

from __future__ import annotations

import _thread
import os

from eunomia.caches import folder
from eunomia.errors import CompileError

__all__ = ["file_key", "folder", "key", "prune", "read_text", "remove", "unfinished", "write_text"]

_PRECOMPILED_KEPT = 4


def key(*parts: str) -> str:
    """Return a short name for what these parts say together."""
    from _blake2 import blake2b

    return str(blake2b("\0".join(parts).encode(errors="surrogateescape"), digest_size=12).hexdigest())


def file_key(path: str) -> str:
    """Return a short name for the bytes of a file."""
    from _blake2 import blake2b

    try:
        with open(path, "rb") as file:
            return str(blake2b(file.read(), digest_size=12).hexdigest())
    except OSError as exc:
        raise CompileError(f"read {path}: {(exc.strerror or str(exc)).lower()}") from exc


def read_text(name: str) -> str | None:
    """Return a small kept text, or None."""
    base = folder()
    if not base:
        return None
    try:
        with open(os.path.join(base, name), encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError):
        return None


def write_text(name: str, text: str) -> None:
    """Keep a small text; a cache that cannot be written keeps nothing."""
    base = folder()
    if not base:
        return
    path = os.path.join(base, name)
    partial = unfinished(path)
    try:
        with open(partial, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(partial, path)
    except OSError:
        remove(partial)


def unfinished(path: str) -> str:
    """Return the name under which a file is written before it is given its own: no other thread or process has it."""
    return f"{path}.{os.getpid()}.{_thread.get_ident()}"


def remove(path: str) -> None:
    """Delete a file if it is there."""
    try:
        os.unlink(path)
    except OSError:
        return


def prune(base: str, suffix: str) -> None:
    """Delete all but the newest few files with this suffix: each is 15 MB, and compilers and kernels come and go."""
    try:
        found = sorted((entry.stat().st_mtime, entry.path) for entry in os.scandir(base) if entry.name.endswith(suffix))
    except OSError:
        return
    for _, path in found[:-_PRECOMPILED_KEPT]:
        remove(path)
