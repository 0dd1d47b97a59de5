"""The files of a container image: its layers one upon another, with whiteouts and links, and nothing unpacked to disk.

Source: OCI image specification 1.1, "Image Layer Filesystem Changeset".
"""

from __future__ import annotations

import io

from eunomia.btf.compressed import damage
from eunomia.errors import FetchError, MissingDependencyError
from eunomia.registry.tar_stream import TarStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.registry.tar_stream import Readable

MAX_UNPACKED = 512 << 20  # bytes of all layers
MAX_FILES = 200_000
MAX_LINKS = 16
WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
ZSTD_WINDOW = 1 << 27  # bytes; what zstd itself takes unless asked


class Node:
    """A file of an image, and the layer that has it."""

    __slots__ = ("kind", "layer", "link", "size")

    def __init__(self, kind: str, link: str, size: int, layer: int) -> None:
        self.kind = kind
        self.link = link
        self.size = size
        self.layer = layer


class Files:
    """The files of an image.

    Args:
        limit: bytes of all layers when unpacked.
    """

    def __init__(self, limit: int = MAX_UNPACKED) -> None:
        self._limit = limit
        self._layers: list[bytes] = []
        self._nodes: dict[str, Node] = {}

    def add_layer(self, data: bytes) -> None:
        """Lay a layer upon those that are here.

        Raises:
            FetchError: damaged, too large, or with names that leave it.
            MissingDependencyError: compressed with zstd, and nothing here reads it.
        """
        number = len(self._layers)
        fresh: dict[str, Node] = {}
        hidden: set[str] = set()
        opaque: set[str] = set()
        stream = _tar(data, self._limit)
        for member in stream:
            folder, _, name = member.path.rpartition("/")
            if name == OPAQUE:
                opaque.add(folder)
            elif name.startswith(WHITEOUT):
                hidden.add(f"{folder}{'/' if folder else ''}{name.removeprefix(WHITEOUT)}")
            else:
                fresh[member.path] = Node(member.kind, member.link, member.size, number)
                if len(fresh) + len(self._nodes) > MAX_FILES:
                    raise FetchError(f"more than {MAX_FILES} files")
        hidden.update(path for path, node in fresh.items() if node.kind != "directory")
        kept = {path: node for path, node in self._nodes.items() if not _is_hidden(path, hidden, opaque)}
        self._nodes = {**kept, **fresh}
        self._layers.append(data)

    def paths(self) -> list[str]:
        """Return the paths of files and of links to files, sorted."""
        found = (path for path, node in self._nodes.items() if node.kind in ("file", "link", "symlink"))
        return sorted(path for path in found if self.resolve(path))

    def resolve(self, path: str, folder: str = "") -> str:
        """Return the path of the regular file that a path leads to, through links; "" for none."""
        parts = _parts(path, folder)
        for _ in range(MAX_LINKS):
            moved = self._through_link(parts)
            if moved is None:
                break
            parts = moved
        node = self._nodes.get("/".join(parts))
        return "/".join(parts) if node is not None and node.kind == "file" else ""

    def size(self, path: str) -> int:
        """Return the bytes of a file that resolve() returned."""
        return self._nodes[path].size

    def read(self, path: str, limit: int) -> bytes:
        """Return the content of a file that resolve() returned.

        Raises:
            FetchError: more than `limit` bytes.
        """
        content = b""
        for member in _tar(self._layers[self._nodes[path].layer], self._limit):
            if member.path == path and member.kind == "file":
                content = member.content(limit)
        return content  # of the last of the name, which is what unpacking leaves

    def _through_link(self, parts: list[str]) -> list[str] | None:
        """Return the path with its first link replaced, None where it has none."""
        for count in range(1, len(parts) + 1):
            node = self._nodes.get("/".join(parts[:count]))
            if node is not None and node.kind == "symlink":
                return _parts(node.link, "/".join(parts[: count - 1])) + parts[count:]
            if node is not None and node.kind == "link":
                return _parts(node.link, "") + parts[count:]
        return None


def _parts(path: str, folder: str) -> list[str]:
    """Return the parts of a path as the kernel takes it below a root: `..` does not leave it."""
    found: list[str] = []
    for part in ([] if path.startswith("/") else folder.split("/")) + path.split("/"):
        if part == "..":
            found = found[:-1]
        elif part not in ("", "."):
            found.append(part)
    return found


def _is_hidden(path: str, hidden: set[str], opaque: set[str]) -> bool:
    if path in hidden or "" in opaque:
        return True
    folder = path.rpartition("/")[0]
    while folder:
        if folder in hidden or folder in opaque:
            return True
        folder = folder.rpartition("/")[0]
    return False


def _tar(data: bytes, limit: int) -> TarStream:
    return TarStream(_Damage(opened(data)), limit)


def opened(data: bytes) -> Readable:
    """Return a file of the bytes, unpacked where they are compressed; the bytes tell, not a media type.

    Raises:
        MissingDependencyError: compressed with zstd, and nothing here reads it.
        FetchError: compressed with something that layers are not compressed with.
    """
    if data[:2] == b"\x1f\x8b":
        import gzip

        return gzip.GzipFile(fileobj=io.BytesIO(data))
    if data[:4] == b"\x28\xb5\x2f\xfd" or (data[1:4] == b"\x2a\x4d\x18" and data[:1] >= b"\x50"):
        return _zstd(data)
    if data[:6] == b"\xfd7zXZ\0" or data[:3] == b"BZh":
        raise FetchError("compressed with xz or bzip2, which no registry's layers are [gzip or zstd]")
    return io.BytesIO(data)


def _zstd(data: bytes) -> Readable:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14

        options = {zstd.DecompressionParameter.window_log_max: 27}
        return zstd.open(io.BytesIO(data), options=options)  # type: ignore[no-any-return,unused-ignore]
    except ImportError:  # an older Python
        pass
    try:
        import zstandard  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise MissingDependencyError(
            "a layer is compressed with zstd, which nothing here reads [pip install zstandard]"
        ) from None
    reader = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    return reader.stream_reader(io.BytesIO(data), read_across_frames=True)  # type: ignore[no-any-return,unused-ignore]


class _Damage:
    """A decompressor whose errors are ours."""

    def __init__(self, source: Readable) -> None:
        self._source = source

    def read(self, size: int) -> bytes:
        try:
            return self._source.read(size)
        except damage() as exc:
            raise FetchError(f"a layer's compressed bytes are damaged: {exc}") from exc
