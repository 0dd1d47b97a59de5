"""`eunomia.lock`: which bytes a name stands for, so that scripts and fleets run the same everywhere, or nothing.

One in the current folder is heeded where it is our own (ours, root's, or of who called sudo): what it names may run
without further questions, so another user's must not be taken for an answer. `--lock FILE` names any.

Source: docs/reference/names.md, "The lock file".
"""

from __future__ import annotations

import os

from eunomia.errors import FetchError
from eunomia.registry.remote import architecture
from eunomia.registry.resolve import LOCK, Limits, own_users, verified
from eunomia.registry.store import digest_of, is_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from eunomia.registry.resolve import Program
    from eunomia.registry.source import Source

MAX_FILE = 8 << 20
VERSION = 1
KEYS = ("name", "kind", "place", "digest", "platform", "sha256")
KINDS = ("builtin", "file", "hub", "oci", "url")
HEAD = """\
# Written by `ecli lock`: what these names stand for. `ecli run` in this folder takes nothing else for them.
version = 1
"""


class Locked:
    """What the lock file says of one name.

    Attributes:
        name: as it is typed.
        kind: of `Source`.
        place: `Source.name`, of an image with its tag, of a hub's tool with its version.
        digest: of the image's manifest or index, "" for what is no image.
        sha256: `sha256:…` of the program's bytes.
        platform: of an image, what these bytes are for: an index leads to others on other machines.
    """

    __slots__ = ("digest", "kind", "name", "place", "platform", "sha256")

    def __init__(  # noqa: PLR0917 (as the file has them)
        self, name: str, kind: str, place: str, digest: str, sha256: str, platform: str = ""
    ) -> None:
        self.name = name
        self.kind = kind
        self.place = place
        self.digest = digest
        self.sha256 = sha256
        self.platform = platform

    @classmethod
    def of(cls, name: str, source: Source, data: bytes, platform: str = "") -> Locked:
        """Return what is to be kept of a program that was fetched, of an image with the platform that was asked for."""
        tag = f":{source.tag}" if source.kind == "oci" and source.tag else ""
        of_image = f"linux/{architecture(platform)}" if source.kind == "oci" else ""
        return cls(name, source.kind, source.name + tag, source.digest, digest_of(data), of_image)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Locked) and self.to_tree() == other.to_tree()

    def __hash__(self) -> int:
        return hash((self.name, self.sha256))

    def to_tree(self) -> dict[str, str]:
        """Return its keys and values as the file has them."""
        return {key: value for key in KEYS if (value := getattr(self, key))}


def held(program: str, limits: Limits, find: Callable[[str, Limits], Program]) -> Program:
    """Return a program, held to what the lock file says of it where it does.

    Args:
        find: finds what is not in it.

    Raises:
        FetchError: it is not what the lock file says; or not in it, would come from elsewhere, and `limits.locked`.
    """
    path = limits.lock or LOCK
    locked = read(path).get(program) if limits.lock or is_ours(path, limits) else None
    if locked is None:
        return find(program, limits)
    holds = locked.platform in ("", f"linux/{architecture(limits.platform)}")
    wanted = limits.sha256.lower().removeprefix("sha256:")
    if wanted and holds and f"sha256:{wanted}" != locked.sha256:
        raise FetchError(f"open {program}: --sha256 is {wanted}, and {path} says {locked.sha256[7:]}")
    limits.say(f"{program}: {locked.place}, held to {locked.digest or locked.sha256} by {path}")
    found = _fetched(locked, limits, find)
    verified(found.data, limits, program)
    actual = digest_of(found.data)
    if holds and actual != locked.sha256:
        raise FetchError(
            f"open {program}: it is {actual}, and {path} says {locked.sha256}"
            f" [if it was meant to change: ecli lock --update {program}]"
        )
    found.source.text = program
    found.source.pinned = True
    return found


def _fetched(locked: Locked, limits: Limits, find: Callable[[str, Limits], Program]) -> Program:
    """Return what an entry leads to, by its digest where its kind has one."""
    from eunomia.registry import remote

    plain = Limits(
        limits.timeout, limits.max_size, locked.sha256, pull=limits.pull, offline=limits.offline,
        plain_http=limits.plain_http, ca_file=limits.ca_file, platform=limits.platform, member=limits.member,
        tell=limits.tell, progress=limits.progress,
    )  # fmt: skip
    if locked.kind == "oci":
        from eunomia.registry.reference import Reference, parse

        named = parse(locked.place)
        pinned = Reference(named.registry, named.repository, named.tag, locked.digest)
        return remote.image(pinned, locked.name, plain, pinned=True)
    if locked.kind == "url":
        return remote.url(locked.place, locked.name, plain, pinned=True)
    if locked.kind == "hub":
        from eunomia.registry.hub import find as find_tool

        tool = find_tool(locked.place)
        if tool is None:
            raise FetchError(
                f"open {locked.name}: it is locked to {locked.place}, and no hub of yours has it [ecli hub update]"
            )
        return remote.of_hub(tool, locked.place, plain, pinned=True)
    plain.sha256 = ""  # the error for other bytes is the lock's
    plain.locked = limits.locked
    return find(locked.name, plain)


def is_ours(path: str, limits: Limits) -> bool:
    """Return whether a lock file that nobody named may be heeded; that it may not is told."""
    try:
        facts = (os.lstat(path), os.stat(path))
    except OSError:
        return False
    if all(each.st_uid in own_users() for each in facts) and not facts[1].st_mode & 0o002:
        return True
    limits.warn(f"{path}: not heeded: another user can write it [--lock {path} heeds it]")
    return False


def read(path: str) -> dict[str, Locked]:
    """Return what a lock file says, by name.

    Raises:
        FetchError: it is not there, or damaged.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as exc:
        raise FetchError(f"read {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(data) > MAX_FILE:
        raise FetchError(f"read {path}: larger than {MAX_FILE >> 20} MB, not a lock file")
    import tomllib

    try:
        tree = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as exc:
        raise FetchError(f"read {path}: {exc}") from exc
    if tree.get("version") != VERSION:
        raise FetchError(f"read {path}: version is {tree.get('version')!r}, expected {VERSION}")
    programs = tree.get("program", [])
    if not isinstance(programs, list):
        raise FetchError(f"read {path}: program is no list of tables")
    found = {}
    for index, each in enumerate(programs):
        locked = _checked(path, index, each)
        if locked.name in found:
            raise FetchError(f"read {path}: program[{index}]: {locked.name} is there twice")
        found[locked.name] = locked
    return found


def _checked(path: str, index: int, tree: Any) -> Locked:
    place = f"read {path}: program[{index}]"
    if not isinstance(tree, dict) or not all(isinstance(value, str) for value in tree.values()):
        raise FetchError(f"{place}: not a table of texts")
    if missing := next((key for key in ("name", "kind", "place", "sha256") if not tree.get(key)), ""):
        raise FetchError(f"{place}: no {missing}")
    if tree["kind"] not in KINDS:
        raise FetchError(f"{place}: kind {tree['kind']!r} is none of {', '.join(KINDS)}")
    if not is_digest(tree["sha256"]):
        raise FetchError(f"{place}: sha256 is no digest (sha256: and 64 hexadecimal digits)")
    if tree["kind"] == "oci" and not tree.get("digest"):
        raise FetchError(f"{place}: an image without a digest")
    return Locked(
        tree["name"], tree["kind"], tree["place"], tree.get("digest", ""), tree["sha256"], tree.get("platform", "")
    )


def write(path: str, entries: dict[str, Locked]) -> None:
    """Write a lock file, its names in order, so that others see the old one or the new one.

    Raises:
        FetchError: a name cannot be written, or the file cannot.
    """
    import json

    lines = [HEAD]
    for name in sorted(entries):
        tree = entries[name].to_tree()
        if not all(value.isprintable() for value in tree.values()):
            raise FetchError(f"lock {name!r}: control characters in it")
        lines.append(
            "\n[[program]]\n" + "".join(f"{key} = {json.dumps(tree[key], ensure_ascii=False)}\n" for key in tree)
        )
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write("".join(lines))
        os.replace(temporary, path)
    except OSError as exc:
        raise FetchError(f"write {path}: {(exc.strerror or str(exc)).lower()}") from exc
