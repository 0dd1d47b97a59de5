"""The cache of what came from elsewhere: blobs by their digest, and what names stood for when they were fetched.

`blobs/HEX` has the bytes whose sha256 is HEX; `names/HEX` (of the name's sha256) is a few lines that lead from a name
to them. Files are written beside their place and renamed; what is read is verified. Nothing here raises because a
disk is full or read-only: `failure` says it, and the run goes on without a cache. On the way of `ecli run`.
"""

from __future__ import annotations

import os

from eunomia.registry.reference import is_digest as is_known  # of a manifest: sha512 too

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BLOB = 256 << 20  # bytes
MAX_ENTRY = 1 << 16  # bytes
FORMAT = "eunomia 1"
KEEP_TOUCH = 3600  # seconds; the time of last use is no finer than this
LARGE = 1 << 20  # bytes from which OpenSSL's sha256, with the processor's instructions, makes up for its import


def digest_of(data: bytes) -> str:
    """Return the digest of bytes, as `sha256:HEX`."""
    if len(data) < LARGE:
        try:
            from _sha2 import sha256  # type: ignore[import-not-found]  # CPython 3.12 and newer
        except ImportError:
            try:
                from _sha256 import sha256  # type: ignore[import-not-found]  # CPython 3.11
            except ImportError:
                from hashlib import sha256
    else:
        from hashlib import sha256
    return f"sha256:{sha256(data).hexdigest()}"


def is_digest(text: str) -> bool:
    """Return whether text is `sha256:` and 64 lower-case hexadecimal digits."""
    return len(text) == 71 and text.startswith("sha256:") and not text[7:].strip("0123456789abcdef")


class Entry:
    """What a name stood for when it was fetched.

    Attributes:
        name: the name: a reference with its platform, or a URL.
        data: digest of the program's bytes.
        digest: of the manifest or index that the name pointed to, "" for none.
        manifest: of the manifest of this platform.
        media_type: of the layer or body that the bytes were in.
        parts: digests of what else of an image is kept: its manifests, and layers that are not the program itself.
        etag, modified: a web server's words for the version.
        fetched: when, in seconds since 1970.
        size: of the program's bytes.
        used: when it was last looked up, to about an hour.
    """

    __slots__ = (
        "data",
        "digest",
        "etag",
        "fetched",
        "manifest",
        "media_type",
        "modified",
        "name",
        "parts",
        "size",
        "used",
    )

    def __init__(
        self,
        name: str,
        data: str,
        *,
        digest: str = "",
        manifest: str = "",
        media_type: str = "",
        etag: str = "",
        modified: str = "",
        fetched: int = 0,
        size: int = 0,
        used: float = 0.0,
        parts: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.data = data
        self.digest = digest
        self.manifest = manifest or digest
        self.media_type = media_type
        self.etag = etag
        self.modified = modified
        self.fetched = fetched
        self.size = size
        self.used = used
        self.parts = parts

    def to_bytes(self) -> bytes:
        """Return the file of an entry. What would break its lines is left out."""
        lines = [FORMAT]
        for key in ("name", "data", "digest", "manifest", "media_type", "etag", "modified", "fetched", "size"):
            value = str(getattr(self, key))
            if value and (value.isprintable() or key == "name"):
                lines.append(f"{key} {value}")
        if self.parts:
            lines.append(f"parts {' '.join(self.parts)}")
        return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")

    @classmethod
    def from_bytes(cls, data: bytes, used: float = 0.0) -> Entry | None:
        """Return the entry of a file, None where it is damaged or of another version."""
        lines = data.decode("utf-8", "surrogateescape").split("\n")
        if lines[0] != FORMAT or lines[-1]:
            return None
        found = {}
        for line in lines[1:-1]:
            key, _, value = line.partition(" ")
            found[key] = value
        numbers = (found.get("fetched", "0"), found.get("size", "0"))
        if not is_digest(found.get("data", "")) or not all(each.isdecimal() and len(each) < 19 for each in numbers):
            return None
        if any(found.get(key) and not is_known(found[key]) for key in ("digest", "manifest")):
            return None
        parts = tuple(found.get("parts", "").split())
        if not all(map(is_digest, parts)):
            return None
        texts = {key: found.get(key, "") for key in ("digest", "manifest", "media_type", "etag", "modified")}
        return cls(
            found.get("name", ""),
            found["data"],
            fetched=int(numbers[0]),
            size=int(numbers[1]),
            used=used,
            parts=parts,
            **texts,
        )


class Store:
    """A cache in a folder, shared by processes.

    Attributes:
        folder: where it is, "" for one that keeps nothing.
        failure: why something could not be kept, "" where nothing failed.
        damaged: digests of blobs that were damaged, and are gone.
    """

    __slots__ = ("damaged", "failure", "folder")

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.failure = ""
        self.damaged: list[str] = []

    @classmethod
    def open(cls) -> Store:
        """Return the user's cache; one that keeps nothing where there is no folder for it."""
        from eunomia.caches import folder, why_none

        base = folder(must_write=False)
        store = cls(f"{base}/registry" if base else "")
        if not base:
            store.failure = why_none()
        return store

    def get(self, digest: str) -> bytes | None:
        """Return the bytes of a digest, None where they are not here; damaged ones are removed, and are not here."""
        if not self.folder or not is_digest(digest):
            return None
        path = self._blob(digest)
        data = _read(path, MAX_BLOB)
        if data is None:
            return None
        if digest_of(data) != digest:
            self.damaged.append(digest)
            _remove(path)
            return None
        return data

    def has(self, digest: str) -> bool:
        """Return whether there are bytes of a digest, which may be damaged."""
        return bool(self.folder) and is_digest(digest) and os.path.isfile(self._blob(digest))

    def put(self, data: bytes) -> str:
        """Keep bytes; return their digest, also where they could not be kept."""
        digest = digest_of(data)
        if self.folder and not self._holds(digest, len(data)):
            self._write(self._blob(digest), data)
        return digest

    def tag(self, entry: Entry) -> None:
        """Keep what a name stands for, in place of what it stood for before."""
        if self.folder:
            self._write(self.path_of_name(entry.name), entry.to_bytes())

    def lookup(self, name: str) -> Entry | None:
        """Return what a name stood for when it was fetched, None where it was not; its time of use becomes now."""
        if not self.folder:
            return None
        path = self.path_of_name(name)
        data = _read(path, MAX_ENTRY)
        entry = Entry.from_bytes(data) if data is not None else None
        if entry is None or entry.name != name:
            return None
        _touch(path)
        return entry

    def forget(self, name: str) -> bool:
        """Remove what a name stood for; return whether it was there. Its bytes go when the cache is pruned."""
        return bool(self.folder) and _remove(self.path_of_name(name))

    def entries(self) -> Iterator[Entry]:
        """Yield all entries that can be read, in no order."""
        for path in self.files("names"):
            data = _read(path, MAX_ENTRY)
            try:
                used = os.stat(path).st_mtime
            except OSError:
                continue
            entry = Entry.from_bytes(data, used) if data is not None else None
            if entry is not None:
                yield entry

    def files(self, kind: str) -> Iterator[str]:
        """Yield the paths of the files in `blobs` or `names`."""
        try:
            names = os.listdir(f"{self.folder}/{kind}") if self.folder else []
        except OSError:
            return
        for name in names:
            yield f"{self.folder}/{kind}/{name}"

    def _blob(self, digest: str) -> str:
        return f"{self.folder}/blobs/{digest[7:]}"

    def path_of_name(self, name: str) -> str:
        """Return where the entry of a name is."""
        return f"{self.folder}/names/{digest_of(name.encode('utf-8', 'surrogateescape'))[7:]}"

    def _holds(self, digest: str, size: int) -> bool:
        """Whether a blob is there with its size; a damaged one of that size is found, and replaced, when it is read."""
        try:
            facts = os.stat(self._blob(digest))
        except OSError:
            return False
        return facts.st_size == size

    def _write(self, path: str, data: bytes) -> None:
        """Write a file so that others see all of it or nothing, also when two write it at once."""
        temporary = f"{path}.{os.urandom(6).hex()}.tmp"
        try:
            for folder in (self.folder, os.path.dirname(path)):
                os.makedirs(folder, mode=0o700, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(descriptor, view) :]
            finally:
                os.close(descriptor)
            os.rename(temporary, path)
        except OSError as exc:
            self.failure = self.failure or f"write {path}: {(exc.strerror or str(exc)).lower()}"
            _remove(temporary)


def _read(path: str, limit: int) -> bytes | None:
    """Return the bytes of a regular file, None where there is none that can be read, or a larger one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        if size > limit:
            return None
        chunks = []
        while chunk := os.read(descriptor, max(size, 1) + 1):
            chunks.append(chunk)
            if sum(map(len, chunks)) > limit:
                return None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _touch(path: str) -> None:
    """Note that an entry was used; a cache that cannot be written stays as it is."""
    from time import time

    try:
        if time() - os.stat(path).st_mtime > KEEP_TOUCH:
            os.utime(path)
    except OSError:
        pass


def _remove(path: str) -> bool:
    try:
        os.unlink(path)
    except OSError:
        return False
    return True
