"""Tools by name, from the hubs that a user has added: which bytes a name stands for. Offline: `hubs` does the fetching.

Two files answer: the versions that are in use here (`keep`), and all versions that the hubs' indexes list. Both have a
line for each version, the best one of a name first, its fields parted by tabs; so a name is found without parsing.
This module is on the way of `ecli run`.
"""

from __future__ import annotations

import os

from eunomia import caches
from eunomia.errors import FetchError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.registry.resolve import Limits

HEAD = b"eunomia hub lookup 1\n"
LOOKUP = "lookup"
KEPT = "hub-tools"
MAX_LOOKUP = 64 << 20
NR_FIELDS = 9


class Found:
    """One version of a tool in a hub.

    Attributes:
        name: what it is run by.
        version: as its hub calls it.
        hub: the name that the user gave the hub.
        kind: `package` or `guest`.
        digest: `sha256:…` of its bytes.
        size: how many these are.
        place: where they are: an http or https URL, a file's path, or `oci://REGISTRY/REPOSITORY@DIGEST` for a blob.
        signatures: the places of the files with its signatures.
        yanked: why its hub has withdrawn it, "" where it has not.
        in_use: it is the version that the name stands for here (`keep`).
    """

    __slots__ = ("digest", "hub", "in_use", "kind", "name", "place", "signatures", "size", "version", "yanked")

    def __init__(self, fields: list[str]) -> None:
        self.name, self.version, self.hub, self.kind, self.digest, size, self.place, signatures, self.yanked = fields
        self.size = int(size)
        self.in_use = False
        self.signatures = tuple(signatures.split("\x1f")) if signatures else ()

    @property
    def text(self) -> str:
        """How a user names it, all of it said: `HUB/NAME@VERSION`."""
        return f"{self.hub}/{self.name}@{self.version}"

    @property
    def line(self) -> str:
        """Its line in the files of this module."""
        fields = (self.name, self.version, self.hub, self.kind, self.digest, str(self.size), self.place)
        return "\t".join((*fields, "\x1f".join(self.signatures), self.yanked)) + "\n"


def find(name: str, version: str = "", *, newest: bool = False) -> Found | None:
    """Return what a name stands for in the user's hubs, None where no hub has it. Nothing is fetched.

    Args:
        name: NAME, HUB/NAME, or either with `@VERSION`. The hub of the version of NAME that is in use decides, else the
            first that has NAME, whatever its versions.
        version: a whole version, the beginning of one (`1.2` is the newest 1.2.x), or a digest; "" is the one that is
            in use here (`keep`), else the newest. Withdrawn versions are found by their whole name only.
        newest: do not ask which one is in use here.

    Raises:
        FetchError: hubs have the name, but not this version.
    """
    if "@" in name and not version:
        name, _, version = name.partition("@")
    used = None if newest else next(_named(_kept_file(), name), None)
    if used is not None and not version:
        used.in_use = True
        return used
    listed = (versions(f"{used.hub}/{used.name}") if used is not None else []) or versions(name)
    if not listed:
        return None
    for each in listed:
        if version in (each.version, each.digest):
            return each
    for each in listed:
        if not each.yanked and (not version or _begins(each.version, version)):
            return each
    raise _no_version(listed, version)


def versions(name: str) -> list[Found]:
    """Return all versions of NAME in the first hub that has it, or of HUB/NAME, as the indexes say; the best first."""
    listed = list(_named(_lookup_file(), name))
    return [each for each in listed if each.hub == listed[0].hub]


def names(hub: str = "") -> set[str]:
    """Return the names of all tools of the hubs, or of one of them."""
    return {each.name for each in _lines(_lookup_file()) if hub in ("", each.hub)}


def fetch(found: Found, limits: Limits) -> bytes:
    """Return the bytes of a version from where its hub has them; they are what the hub's index says.

    Raises:
        FetchError: they cannot be had, or are others.
    """
    if found.size > limits.max_size:
        raise FetchError(
            f"open {found.text}: too large: {found.size} bytes, at most {limits.max_size} bytes are allowed"
            " [--max-size SIZE]"
        )
    from eunomia.registry.hub_source import read_place

    data = read_place(found, limits)
    import hashlib

    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if digest != found.digest:
        raise FetchError(
            f"open {found.text}: {found.place} is not what the index of the hub says: {digest},"
            f" expected {found.digest} [ecli hub update; the hub may have been changed meanwhile, or tampered with]"
        )
    return data


def read_signatures(found: Found, limits: Limits) -> list[bytes]:
    """Return what is in the files with signatures of a version: each a bundle (JSON) or one signature in base64.

    Raises:
        FetchError: one cannot be had.
    """
    from eunomia.registry.hub_source import read_signature

    return [read_signature(found, place, limits) for place in found.signatures]


def kept() -> list[Found]:
    """Return the versions that are in use here, by name."""
    return sorted(_lines(_kept_file()), key=lambda each: each.name)


def keep(found: Found) -> None:
    """Remember a version as the one that its name stands for here, until `ecli upgrade` takes a newer one."""
    path = _kept_file()
    if path:
        write(path, [each for each in kept() if each.name != found.name] + [found])


def forget(names: list[str] | None = None, hub: str = "") -> None:
    """Forget which versions of these names, or of all tools of a hub, are in use here."""
    path = _kept_file()
    if path and os.path.exists(path):
        write(path, [each for each in kept() if each.name not in (names or ()) and each.hub != hub])


def write(path: str, lines: list[Found]) -> None:
    """Write a file of this module in one step, so that who reads it meanwhile sees the old one or the new one."""
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(HEAD + "".join(each.line for each in lines).encode())
    os.replace(temporary, path)


def folder() -> str:
    """Return the folder of the hubs' indexes, made if need be; "" where there can be none."""
    base = caches.folder()
    if not base:
        return ""
    path = os.path.join(base, "hubs")
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def _lookup_file() -> str:
    base = caches.folder()
    return os.path.join(base, "hubs", LOOKUP) if base else ""


def _kept_file() -> str:
    base = caches.state_folder()
    return os.path.join(base, KEPT) if base else ""


def _named(path: str, name: str) -> Iterator[Found]:
    hub, _, name = name.rpartition("/")
    if name and "\t" not in name and "\n" not in name:
        yield from (each for each in _lines(path, name) if hub in ("", each.hub))


def _lines(path: str, name: str = "") -> Iterator[Found]:
    """Yield the lines of a name, or all, in the order of the file; none of a file that is not there or not ours."""
    data = _read(path)
    if not data.startswith(HEAD):
        return
    start = len(HEAD) - 1
    wanted = f"\n{name}\t".encode() if name else b"\n"
    while (start := data.find(wanted, start)) >= 0 and start + 1 < len(data):
        end = data.find(b"\n", start + 1)
        fields = data[start + 1 : end if end >= 0 else len(data)].decode("utf-8", "replace").split("\t")
        if len(fields) == NR_FIELDS and fields[5].isdecimal():
            yield Found(fields)
        if end < 0:
            return
        start = end


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_LOOKUP)
    except OSError:
        return b""


def _begins(version: str, prefix: str) -> bool:
    return version.startswith(prefix) and version[len(prefix) : len(prefix) + 1] in (".", "-", "+")


def _fits(each: Found, version: str, but: str) -> bool:
    return each.hub != but and (version in (each.version, each.digest) or _begins(each.version, version))


def _no_version(listed: list[Found], version: str) -> FetchError:
    first = listed[0]
    if not version:
        return FetchError(
            f"open {first.name}: every version in hub {first.hub} is withdrawn: {first.yanked}"
            f" [{first.name}@{first.version} runs it nevertheless]"
        )
    other = next((each for each in _named(_lookup_file(), first.name) if _fits(each, version, first.hub)), None)
    if other is not None:
        return FetchError(
            f"open {first.name}@{version}: no such version in hub {first.hub}, which this name stands for"
            f" [{other.hub}/{first.name}@{version} is the one of hub {other.hub}]"
        )
    there = ", ".join(each.version for each in listed[:5]) + (", …" if len(listed) > 5 else "")
    withdrawn = next((each for each in listed if _begins(each.version, version)), None)
    why = f" ({withdrawn.version} is withdrawn: {withdrawn.yanked})" if withdrawn else ""
    return FetchError(
        f"open {first.name}@{version}: no such version in hub {first.hub}{why} [there are {there}; ecli hub update]"
    )
