"""Archives of the newc kind, which the kernel unpacks as its first root file system; no cpio(1) and no root needed."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class Archive:
    """An archive in memory. The kernel takes several behind one another: the userland, then a job's files."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._known: set[str] = set()

    def add(self, name: str, data: bytes | str, mode: int = 0o644) -> None:
        """Add a file, and the directories above it."""
        self._entry(name, stat.S_IFREG | mode, data.encode() if isinstance(data, str) else data)

    def device(self, name: str, major: int, minor: int) -> None:
        """Add a character device."""
        self._entry(name, stat.S_IFCHR | 0o600, b"", major, minor)

    def copy(self, source: Path, name: str) -> None:
        """Add a file, a link, or a directory with all that is in it, except byte code."""
        status = source.lstat()
        if stat.S_ISDIR(status.st_mode):
            if name:
                self._entry(name, status.st_mode)
            for path in sorted(source.iterdir()):
                self.copy(path, f"{name}/{path.name}".lstrip("/"))
        elif stat.S_ISLNK(status.st_mode):
            self._entry(name, status.st_mode, os.fsencode(source.readlink()))
        elif stat.S_ISREG(status.st_mode):
            self._entry(name, status.st_mode, source.read_bytes())

    def to_bytes(self) -> bytes:
        """Return the archive, padded so that another can follow."""
        end = Archive()
        end._entry("TRAILER!!!", 0)
        data = b"".join([*self._parts, *end._parts])
        return data + b"\0" * (-len(data) % 512)

    def _entry(self, name: str, mode: int, data: bytes = b"", major: int = 0, minor: int = 0) -> None:
        name = name.strip("/")
        above = name.rpartition("/")[0]
        if above and above not in self._known:
            self._entry(above, stat.S_IFDIR | 0o755)
        if stat.S_ISDIR(mode):
            if name in self._known:
                return
            self._known.add(name)
        encoded = os.fsencode(name) + b"\0"
        fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(encoded), 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
        self._parts += [header, b"\0" * (-len(header) % 4), data, b"\0" * (-len(data) % 4)]
