"""The processes and control groups that a filter asks for while events flow."""

from __future__ import annotations

from eunomia._native import ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self


class Members:
    """Keeps them until it is closed."""

    __slots__ = ("handle",)

    def __init__(self, needs: set[str], pids: Sequence[int], folder: str, *, follow: bool) -> None:
        self.handle: Any = lib.eu_members_new()

    def close(self) -> None:
        """Free them; the run that uses them is closed by then."""
        handle, self.handle = self.handle, ffi.NULL
        if handle:
            lib.eu_members_free(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
