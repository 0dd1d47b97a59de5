"""The only door to C: the functions of the core (native/api_*.h) and the conversion of their errors."""

from __future__ import annotations

import os

from eunomia._native._core import ffi, lib

__all__ = ["check", "error", "ffi", "lib", "text"]


def text(pointer: object) -> str:
    """Return a C string as str; undecodable bytes are replaced, NULL is ""."""
    return ffi.string(pointer).decode(errors="replace") if pointer else ""


def error(operation: str) -> OSError:
    """Return the last failure in this thread as an OSError; its text is the core's line, or operation and errno."""
    number = lib.eu_errno() or 5
    return OSError(number, text(lib.eu_error()) or f"{operation}: {os.strerror(number).lower()}")


def check(result: int, operation: str) -> int:
    """Return result, or raise the last failure when it is negative."""
    if result < 0:
        raise error(operation)
    return result
