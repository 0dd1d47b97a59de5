"""What `match` of a rule of trust names: registries, URLs, hubs, files. A wildcard never leaves the host it stands in.

A source is compared by its parts, scheme, host and path, so that `https://acme.org/*` means this host and no other that
begins like it, and a path with `..` means where it leads.
"""

from __future__ import annotations

from eunomia.errors import PolicyError

PORTS = {"https": "443", "http": "80"}
SCHEMES = ("https", "http", "oci", "hub", "file")
STDIN, BUILTIN = "stdin", "builtin"


class Place:
    """Where something comes from, or a pattern for it: scheme ("oci" for registries), host with port, path."""

    __slots__ = ("host", "path", "scheme")

    def __init__(self, scheme: str, host: str, path: str) -> None:
        self.scheme = scheme
        self.host = host
        self.path = path


def place_of(name: str) -> Place:
    """Return the place of a source's name: `registry/repository`, a URL, `hub:NAME/TOOL`, `file:/PATH`, `stdin`."""
    if name in (STDIN, BUILTIN):
        return Place(name, "", "")
    scheme, colon, rest = name.partition(":")
    if colon and scheme in ("hub", "file") and not rest.startswith("//"):
        return Place(scheme, "", rest)
    scheme, mark, rest = name.partition("://")
    if not mark:
        scheme, rest = "oci", name
    scheme = scheme.lower()
    host, _, path = rest.partition("/")
    host = host.rpartition("@")[2].lower().removesuffix(f":{PORTS.get(scheme, '-')}")
    if scheme == "docker":
        scheme = "oci"
    if scheme != "oci":
        path = _straight(path.partition("#")[0])
    return Place(scheme, host, path)


def _straight(path: str) -> str:
    """Return a URL's path without `.` and `..`, written plainly or with %2e, as servers understand it."""
    path, mark, query = path.partition("?")
    parts: list[str] = []
    for part in path.split("/"):
        plain = part.lower().replace("%2e", ".")
        if plain == "..":
            del parts[-1:]
        elif plain != ".":
            parts.append(part)
    return "/".join(parts) + mark + query


class Pattern:
    """One text of `match`.

    Args:
        text: `*` for everything; `ghcr.io/acme/*`, `*.acme.org/tools/*` for registries, `https://HOST/PATH` for URLs,
            `hub:NAME/TOOL`, `file:/PATH`, `stdin`.

    Raises:
        PolicyError: it is none; the message says why.
    """

    __slots__ = ("_place", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        if not text.strip() or text != text.strip() or not text.isprintable():
            raise PolicyError(f"{text!r}: not a pattern")
        self._place = place_of(text)
        host = self._place.host
        if text == "*":
            return
        if self._place.scheme not in (*SCHEMES, STDIN):
            raise PolicyError(f"{text!r}: unknown scheme {self._place.scheme} (known are {', '.join(SCHEMES)})")
        if "*" in host.removeprefix("*.") and host != "*":
            raise PolicyError(
                f"{text!r}: a `*` in the host stands for all of it, or for its first part as in *.acme.org"
            )
        if not host and self._place.scheme in ("oci", "http", "https"):
            raise PolicyError(f"{text!r}: no host in it [ghcr.io/acme/*, https://acme.org/*]")
        if not self._place.path and self._place.scheme != STDIN:
            raise PolicyError(f"{text!r}: nothing after the host [{text.rstrip('/')}/* means all of it]")

    def matches(self, place: Place) -> bool:
        """Tell whether a place is one that this names."""
        mine = self._place
        if self.text == "*":
            return place.scheme not in ("file", STDIN, BUILTIN)  # these are the user's own, where no rule names them
        if mine.scheme != place.scheme or not _same_host(mine.host, place.host):
            return False
        return place.path == mine.path or _fits(mine.path, place.path)

    @property
    def is_registry(self) -> bool:
        """Whether it can name an image."""
        return self.text == "*" or self._place.scheme == "oci"

    @property
    def weight(self) -> tuple[int, ...]:
        """How exactly it names something: a host before a part of one before any; then the longer path."""
        if self.text == "*":
            return (0, 0, 0, 0)
        host, path = self._place.host, self._place.path
        of_host = 1 if host == "*" else 2 if host.startswith("*.") else 3
        fixed = path.partition("*")[0]
        return (of_host, len(host), int(fixed == path), len(fixed))


def _same_host(pattern: str, host: str) -> bool:
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return pattern == host


def _fits(pattern: str, path: str) -> bool:
    # Only `*` is a wildcard: brackets and question marks are characters of paths and queries.
    from fnmatch import fnmatchcase  # only where there are rules (DESIGN decision 8)

    return fnmatchcase(path, pattern.replace("[", "[[]").replace("?", "[?]"))
