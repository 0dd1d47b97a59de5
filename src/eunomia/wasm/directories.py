"""Directories of the host that a guest is given: by what name, and what it may do below them.

On the way of `ecli run GUEST.wasm`: imports nothing heavy.
"""

from __future__ import annotations

import os

from eunomia._native import lib

RIGHTS = ("ro", "rw", "token")


class Directory:
    """A directory of the host for a guest.

    Args:
        host: its path.
        guest: what the guest calls it; "" as the host does.
        rights: `ro`: what is below it can be read; `rw`: changed too; `token`: nothing below it can be opened, it is
            a name to attach to; "": `token` for a control group, else `ro`.

    Raises:
        ValueError: the rights are none of these.
        OSError: it is no directory, or cannot be opened.
    """

    __slots__ = ("guest", "host", "is_group", "rights")

    def __init__(self, host: str | os.PathLike[str], guest: str = "", rights: str = "") -> None:
        self.host = os.fspath(host)
        self.guest = guest or self.host
        if rights and rights not in RIGHTS:
            raise ValueError(f"directory {self.host}: rights {rights!r} are none of {', '.join(RIGHTS)}")
        try:
            descriptor = os.open(self.host, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            raise OSError(exc.errno, f"directory {self.host}: {(exc.strerror or str(exc)).lower()}") from exc
        self.is_group = lib.eu_is_cgroup(descriptor) > 0
        os.close(descriptor)
        self.rights = rights or ("token" if self.is_group else "ro")

    @classmethod
    def parse(cls, text: str) -> Directory:
        """Return the directory of `HOST[:GUEST][:ro|rw|token]`.

        Raises:
            ValueError: a part is empty, or there are too many.
            OSError: it is no directory.
        """
        parts = text.split(":")
        rights = parts.pop() if len(parts) > 1 and parts[-1] in RIGHTS else ""
        if len(parts) > 2 or not all(parts):
            raise ValueError(f"{text!r} is not HOST[:GUEST][:ro|rw|token]")
        return cls(parts[0], parts[1] if len(parts) > 1 else "", rights)
