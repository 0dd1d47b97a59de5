"""Where a program came from, as trust decisions, lock files and messages need it. On the way of `ecli run`."""

from __future__ import annotations

REMOTE = frozenset(("url", "oci", "hub"))


class Source:
    """Where the bytes of a program came from.

    Attributes:
        kind: `file`, `stdin`, `builtin`, `url`, `oci` or `hub` (an index led to it, wherever the bytes lie).
        text: what the user typed.
        name: what it is called there: `registry/repository` of an image, the URL, the path, the tool's name.
        tag: the tag of an image, "" where a digest was given or there is none.
        digest: `sha256:…` of the manifest or index that the tag named, "" for what is no image.
        manifest: `sha256:…` of the manifest of this machine's image; `digest` where there is no index.
        data_digest: `sha256:…` of the program's bytes where they came from elsewhere, else "".
        media_type: of the layer or body that the bytes were in, "" where nobody said.
        hub: the name of the hub that led to it, "" for none.
        pinned: the user or a lock file named the digest that it has.
        cached: the bytes came out of the cache, and nobody elsewhere was asked.
    """

    __slots__ = (
        "cached",
        "data_digest",
        "digest",
        "hub",
        "kind",
        "manifest",
        "media_type",
        "name",
        "pinned",
        "tag",
        "text",
    )

    def __init__(
        self,
        kind: str,
        text: str,
        name: str = "",
        *,
        tag: str = "",
        digest: str = "",
        manifest: str = "",
        data_digest: str = "",
        media_type: str = "",
        hub: str = "",
        pinned: bool = False,
        cached: bool = False,
    ) -> None:
        self.kind = kind
        self.text = text
        self.name = name or text
        self.tag = tag
        self.digest = digest
        self.manifest = manifest or digest
        self.data_digest = data_digest
        self.media_type = media_type
        self.hub = hub
        self.pinned = pinned
        self.cached = cached

    @property
    def is_remote(self) -> bool:
        """Whether the bytes came from elsewhere, by the network or by the index of a hub."""
        return self.kind in REMOTE

    def __str__(self) -> str:
        if self.digest:
            return f"{self.name}{':' + self.tag if self.tag else ''}@{self.digest}"
        return self.name
