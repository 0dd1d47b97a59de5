"""The members of a tar that comes as a stream from somebody else: every size bounded, no name leaves the archive.

tarfile takes headers of any size into memory, and reads some of them in quadratic time (CVE-2024-6232, in the Python
that Debian 12 has); of all that it can do, an image's layer needs little.

Source: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar's manual, "Basic Tar Format"; OCI image specification 1.1,
"Image Layer Filesystem Changeset".
"""

from __future__ import annotations

from eunomia.errors import FetchError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    class Readable(Protocol):
        """Where the bytes come from."""

        def read(self, size: int, /) -> bytes: ...


BLOCK = 512
CHUNK = 1 << 16
MAX_EXTENSION = 1 << 20  # bytes of a header of names
MAX_NAME = 4096
MAX_DEPTH = 255
KINDS = {b"0": "file", b"\0": "file", b"7": "file", b"1": "link", b"2": "symlink", b"5": "directory"}


class Member:
    """A member of a tar.

    Attributes:
        path: below the root, without a leading slash and without `.`.
        kind: "file", "link" (of the path in `link`), "symlink", "directory" or "other".
        link: where a link leads.
        size: bytes of the content.
    """

    __slots__ = ("_stream", "kind", "link", "path", "size")

    def __init__(self, path: str, kind: str, link: str, size: int, stream: TarStream) -> None:
        self.path = path
        self.kind = kind
        self.link = link
        self.size = size
        self._stream = stream

    def content(self, limit: int) -> bytes:
        """Return the bytes of a file, before the next member is asked for."""
        if self.size > limit:
            raise FetchError(f"{self.path} has {self.size} bytes, at most {limit} are read")
        return self._stream.take(self.size)


class TarStream:
    """The members of a tar, read once, in their order.

    Args:
        source: the bytes, not compressed.
        limit: of all bytes that are read.
    """

    def __init__(self, source: Readable, limit: int) -> None:
        self._source = source
        self._limit = self._left = limit
        self._content = 0  # of the member that was given last
        self._padding = 0

    def __iter__(self) -> Iterator[Member]:
        """Yield the members.

        Raises:
            FetchError: damaged, cut short, too large, or with a name that leaves the archive.
        """
        extension: dict[str, str] = {}
        while True:
            self._skip()
            header = self._read(BLOCK)
            if not header.strip(b"\0"):
                return  # the end: a block of zeros, or nothing at all
            _check(header)
            size, kind = _number(header[124:136]), header[156:157]
            if kind in b"xgLK":
                if size > MAX_EXTENSION:
                    raise FetchError(f"a header of {size} bytes, at most {MAX_EXTENSION} are read")
                self._begin(size)
                found = _extension(kind, self.take(size))
                extension.update(found if kind != b"g" else {})
                continue
            yield self._member(header, kind, size, extension)
            extension = {}

    def take(self, size: int) -> bytes:
        """Return bytes of the content of the member that was given last."""
        size = min(size, self._content)
        data = self._read(size)
        if len(data) != size:
            raise FetchError(f"the tar is cut short after {self._limit - self._left} bytes")
        self._content -= size
        return data

    def _member(self, header: bytes, kind: bytes, size: int, extension: dict[str, str]) -> Member:
        name = extension.get("path", "")
        if not name:
            prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
            name = f"{prefix}{'/' if prefix else ''}{_text(header[:100])}"
        if "size" in extension:
            stated = extension["size"]
            size = int(stated) if stated.isascii() and stated.isdecimal() and len(stated) < 19 else -1
        told = KINDS.get(kind, "other")
        is_sparse = any(key.startswith("GNU.sparse") for key in extension)
        if size < 0:
            raise FetchError("a header of the tar is damaged: its size")
        self._begin(0 if told in ("link", "symlink", "directory") else size)
        path = _safe(name)
        if told == "file" and (name.endswith("/") or not path):
            told = "directory"  # as old tars have them
        return Member(
            path, "other" if is_sparse else told, extension.get("linkpath") or _text(header[157:257]), size, self
        )

    def _begin(self, size: int) -> None:
        self._content = size
        self._padding = -size % BLOCK

    def _skip(self) -> None:
        while self._content:
            self.take(CHUNK)
        self._read(self._padding)
        self._padding = 0

    def _read(self, size: int) -> bytes:
        """Read, less at the end only; what is too much is no data but an error."""
        if size > self._left:
            raise FetchError(f"more than {self._limit} bytes when unpacked [--max-size SIZE]")
        parts = []
        while size:
            part = self._source.read(min(size, CHUNK * 16))
            if not part:
                break
            parts.append(part)
            size -= len(part)
            self._left -= len(part)
        return b"".join(parts)


def _check(header: bytes) -> None:
    stated = _number(header[148:156]) if len(header) == BLOCK else -1
    if stated != sum(header[:148]) + 8 * 32 + sum(header[156:]):
        raise FetchError("not a tar, or a damaged one")


def _number(field: bytes) -> int:
    """An octal number, or GNU's base 256; -1 for neither."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    text = field.strip(b"\0 ")
    return int(text or b"0", 8) if all(48 <= byte < 56 for byte in text) else -1


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _extension(kind: bytes, data: bytes) -> dict[str, str]:
    """Return what a header says of the member behind it: GNU's long names, or the records of pax."""
    if kind in b"LK":
        return {"path" if kind == b"L" else "linkpath": _text(data)}
    found, at = {}, 0
    while at < len(data) and data[at] != 0:
        space = data.find(b" ", at, at + 20)
        length = data[at:space] if space > 0 else b""
        if not length.isdigit() or not int(length) > space - at + 1 or at + int(length) > len(data):
            raise FetchError("a header of the tar is damaged: a record of pax")
        key, _, value = data[space + 1 : at + int(length) - 1].partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        at += int(length)
    return found


def _safe(name: str) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in name or len(name) > MAX_NAME or len(parts) > MAX_DEPTH:
        raise FetchError(f"its member {name[:80]!r} leaves the archive, or has too long a name")
    return "/".join(parts)
