"""What an image is called: `HOST[:PORT]/PATH[:TAG][@DIGEST]`, and the shorter forms of a configured default registry.

This module is on the way of `ecli run`: nothing is imported.

Source: github.com/distribution/reference, and the OCI distribution specification 1.1, "Pulling manifests".
"""

from __future__ import annotations

from eunomia.errors import FetchError

SCHEMES = ("oci://", "docker://")
FILE_SUFFIXES = (".json", ".tar", ".o", ".c", ".wasm", ".yaml", ".yml")
MAX_NAME = 255  # characters of a registry and repository
MAX_TAG = 128
HEX_DIGITS = {"sha256": 64, "sha512": 128}
_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_WORD = _LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Reference:
    """The name of an image.

    Attributes:
        registry: host, with a port where one is given; `[::1]:5000` for IPv6.
        repository: path of the image in the registry.
        tag: what follows `:`; `latest` where neither a tag nor a digest is given.
        digest: `sha256:…` where the image is pinned, else "".
    """

    __slots__ = ("digest", "registry", "repository", "tag")

    def __init__(self, registry: str, repository: str, tag: str = "", digest: str = "") -> None:
        self.registry = registry
        self.repository = repository
        self.tag = tag if tag or digest else "latest"
        self.digest = digest

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def wanted(self) -> str:
        """What a registry is asked for: the digest, else the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        return f"{self.name}{':' if self.tag else ''}{self.tag}{'@' if self.digest else ''}{self.digest}"

    def __repr__(self) -> str:
        return f"Reference({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def is_reference(text: str) -> bool:
    """Tell whether text has one of the forms of a reference; it may still be a wrong one.

    `NAME` alone and `ORG/NAME` have none of them: they are never asked of a registry. A path with the suffix of a
    file that we run is one only with a port, a tag or a digest.
    """
    if text.startswith(SCHEMES):
        return True
    if "://" in text or text[:1] in ("", ".", "/", "~", "-"):
        return False
    name, at, digest = text.partition("@")
    if at:
        return digest.partition(":")[0] in HEX_DIGITS or ":" in name
    first, slash, rest = name.partition("/")
    if ":" in rest or ":" in first:
        return True
    return bool(slash and rest) and _is_host(first) and (not name.endswith(FILE_SUFFIXES) or ":" in first)


def parse(text: str, *, registry: str = "", prefix: str = "") -> Reference:
    """Return the reference that text spells.

    Args:
        text: with or without `oci://`.
        registry: the configured default registry, for text without a host; "" for none.
        prefix: what comes before a name of a single part in the default registry.

    Raises:
        FetchError: it is none, or it has no host and there is no default registry.
    """
    rest = text
    for scheme in SCHEMES:
        rest = rest.removeprefix(scheme)
    if len(rest) > MAX_NAME + MAX_TAG + max(HEX_DIGITS.values()) + 10:
        raise _wrong(text[:80] + "…", "too long")
    name, at, digest = rest.partition("@")
    if at:
        check_digest(digest, text)
    host, slash, path = name.partition("/")
    if not path and _is_registry(host, is_whole=bool(slash)):
        raise _wrong(text, f"a registry, and no image in it [{host}/NAME:TAG]")
    if not slash or not _is_host(host):
        if not registry:
            raise FetchError(
                f"open {text}: no registry is named in it, and no default registry is configured"
                ' [write HOST/NAME:TAG; or registry = "HOST" in ~/.config/eunomia/config.toml or'
                " /etc/eunomia/config.toml]"
            )
        path = f"{prefix.strip('/')}/{name}" if prefix.strip("/") and "/" not in name else name
        host = registry
    path, tag = _split_tag(path)
    host = host.lower()
    _check_host(host, text)
    if host in ("docker.io", "index.docker.io"):
        host = "docker.io"
        path = path if "/" in path else f"library/{path}"
    _check_repository(path, host, text)
    if tag is not None:
        check_tag(tag, text)
    return Reference(host, path, tag or "", digest)


def check_tag(tag: str, text: str) -> None:
    """Raise FetchError where tag is none; text is what the message names."""
    if not tag or len(tag) > MAX_TAG or tag[0] in ".-" or not set(tag) <= _WORD | set("._-"):
        raise _wrong(text, f"{tag[:40]!r} is no tag (letters, digits, '_', '.', '-'; at most {MAX_TAG})")


def is_digest(digest: str) -> bool:
    """Tell whether this is a digest of a kind that we can check."""
    kind, _, value = digest.partition(":")
    return len(value) == HEX_DIGITS.get(kind) and set(value) <= set("0123456789abcdef")


def check_digest(digest: str, text: str) -> None:
    """Raise FetchError where digest is none; text is what the message names."""
    if not is_digest(digest):
        raise _wrong(text, f"{digest[:80]!r} is no digest (sha256: and 64 hexadecimal digits in lower case)")


def is_loopback(host: str) -> bool:
    """Tell whether a host, with or without a port, is this machine's loopback interface by its spelling."""
    name = host
    if host.startswith("["):
        name = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        name = host.partition(":")[0]
    if name in ("localhost", "::1"):
        return True
    parts = name.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(part.isdecimal() and int(part) < 256 for part in parts)


def _is_registry(first: str, *, is_whole: bool) -> bool:
    """Tell whether what stands alone is a registry, and no NAME:TAG: an address, a name with dots, or localhost."""
    name, _, port = first.rpartition(":") if ":" in first else (first, "", "")
    if first.startswith("[") or is_loopback(first) or is_whole:
        return _is_host(first)
    return "." in name and port.isdecimal()


def _is_host(first: str) -> bool:
    return "." in first or ":" in first or first == "localhost"


def _split_tag(path: str) -> tuple[str, str | None]:
    folder, slash, last = path.rpartition("/")
    last, colon, tag = last.partition(":")
    return f"{folder}{slash}{last}", tag if colon else None


def _check_host(host: str, text: str) -> None:
    name, port = host, ""
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        good = bool(bracket) and ":" in name and set(name) <= set("0123456789abcdef:.")
        port = port[1:] if port.startswith(":") else port and "x"
    else:
        name, colon, port = host.partition(":")
        port = port or (colon and "x")
        good = all(part and part[0] != "-" and part[-1] != "-" for part in name.split("."))
        good = good and set(name) <= _LOWER | set("-.")
    if not good or len(host) > MAX_NAME:
        raise _wrong(text, f"{host[:80]!r} is no host")
    if port and not (port.isascii() and port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536):
        raise _wrong(text, f"{host[:80]!r} has no port from 1 to 65535")


def _check_repository(path: str, host: str, text: str) -> None:
    if len(path) + len(host) + 1 > MAX_NAME:
        raise _wrong(text, f"the name is longer than {MAX_NAME} characters")
    if path != path.lower():
        raise _wrong(text, "names in registries are in lower case")
    if not all(_is_component(part) for part in path.split("/")):
        raise _wrong(text, f"{path[:80]!r} is no repository (a-z, 0-9, and between these '.', '_', '__', '-')")


def _is_component(part: str) -> bool:
    """Letters and digits, separated by one of `.`, `_`, `__` or any number of `-`."""
    separator = ""
    for char in part:
        if char in _LOWER:
            if separator not in ("", ".", "_", "__") and separator.strip("-"):
                return False
            separator = ""
        elif char in "._-":
            separator += char
        else:
            return False
    return bool(part) and part[0] in _LOWER and not separator


def _wrong(text: str, why: str) -> FetchError:
    return FetchError(f"open {text}: not a reference: {why}")
