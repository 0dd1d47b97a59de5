"""The hubs that a user has added: kept in files, fetched, searched. `hub` answers from what this module leaves.

The machine's are in /etc/eunomia/hubs.toml (or $EUNOMIA_SYSTEM_HUBS), the user's in $XDG_CONFIG_HOME/eunomia/hubs.toml,
a `[[hub]]` with `name` and `source` each. The user's are asked first, each in the order of the file.
"""

from __future__ import annotations

import fcntl
import json
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eunomia.caches import home, why_none
from eunomia.errors import FetchError, toml_error
from eunomia.registry import hub, hub_index
from eunomia.registry.hub_source import Source, check, reach
from eunomia.registry.resolve import Limits

SYSTEM = "/etc/eunomia/hubs.toml"
MAX_HUBS = 100
_HEAD = "# The hubs of `ecli hub`; the first that has a name decides. `ecli hub update` after changes by hand.\n"
_KEYS = {"name": str, "source": str, "plain_http": bool, "ca_file": str, "key": str}


class Hub:
    """A hub that was added.

    Attributes:
        name: the user's name for it.
        source: where it is, as `hub_source.Source` takes it.
        is_system: it is of the whole machine.
        options: `plain_http`, `ca_file`, `key`, where they are set.
    """

    __slots__ = ("is_system", "name", "options", "source")

    def __init__(self, name: str, source: str, *, is_system: bool = False, **options: Any) -> None:
        self.name = name
        self.source = source
        self.is_system = is_system
        self.options = {key: value for key, value in options.items() if value}

    def index(self) -> dict[str, Any] | None:
        """Return the index as it was last fetched, None where it was not yet.

        Raises:
            FetchError: the file here is damaged.
        """
        try:
            with open(_index_file(self.name), "rb") as file:
                return hub_index.parse(file.read(hub_index.MAX_INDEX + 1), self.name)
        except FileNotFoundError:
            return None


def load() -> list[Hub]:
    """Return the hubs, in the order in which they are asked.

    Raises:
        FetchError: a file with hubs is malformed.
    """
    found: dict[str, Hub] = {}
    for path in (user_file(), system_file()):
        for each in _read(path, is_system=path == system_file()):
            found.setdefault(each.name, each)
    return list(found.values())


def add(new: Hub, limits: Limits, *, first: bool = False) -> dict[str, Any]:
    """Add a hub, or change the one of this name; nothing is kept of one whose index cannot be had. Return its index.

    A key that a hub of this name was added with stays in force, whatever the new source is, until another one is given
    or the hub is removed: who adds a hub again has not asked to believe everybody. It is put into `new.options`.

    Raises:
        FetchError: its name is malformed, or its index is damaged, cannot be had, or is not signed with the key.
    """
    if not hub_index.NAME.fullmatch(new.name):
        raise FetchError(f"add hub {new.name!r}: a name has letters, digits, and . _ + - within, at most 64")
    new.source = check(new.source)
    with _lock():
        _inherit(new)
        tree, data, source = _fetch(new, limits)
        path = system_file() if new.is_system else user_file()
        there = list(_read(path, is_system=new.is_system))
        others = [each for each in there if each.name != new.name]
        if len(others) >= MAX_HUBS:
            raise FetchError(f"add hub {new.name}: there are {len(others)} hubs in {path} already")
        if first or len(others) == len(there):
            after = [new, *others] if first else [*others, new]
        else:
            after = [new if each.name == new.name else each for each in there]
        _write(path, after)
        _store(new, data, tree, source)
        _relist()
    return tree


def named(name: str) -> list[Hub]:
    """Return the hubs of a name: the user's, the machine's; the first is the one that is asked."""
    return [
        each
        for path in (user_file(), system_file())
        for each in _read(path, is_system=path == system_file())
        if each.name == name
    ]


def _inherit(new: Hub) -> None:
    """Take over the key of a hub of this name, and the certificates of one of this source, where none are given.

    A user's hub hides the machine's of its name, so that one's key counts for it as well.
    """
    for each in named(new.name):
        if new.is_system and not each.is_system:
            continue
        for option in ("key", *(("ca_file",) if each.source == new.source else ())):
            if option in each.options:
                new.options.setdefault(option, each.options[option])


def remove(name: str, *, is_system: bool = False) -> None:
    """Remove a hub; what was in use of it is forgotten, what the cache has of it stays there.

    Raises:
        FetchError: there is none of this name.
    """
    path = system_file() if is_system else user_file()
    with _lock():
        before = list(_read(path, is_system=is_system))
        after = [each for each in before if each.name != name]
        if len(before) == len(after):
            raise _unknown(name)
        _write(path, after)
        for file in (_index_file(name), _lines_file(name)):
            if os.path.exists(file):
                os.unlink(file)
        hub.forget(hub=name)
        _relist()


def update(
    names: list[str], limits: Limits
) -> Iterator[tuple[Hub, dict[str, Any] | None, dict[str, Any] | FetchError]]:
    """Fetch the indexes of these hubs, or of all; yield each hub with its index before, and after or the error.

    Raises:
        FetchError: there is no hub of this name.
    """
    hubs = load()
    for name in names:
        if name not in {each.name for each in hubs}:
            raise _unknown(name)
    for each in hubs:
        if names and each.name not in names:
            continue
        try:
            before = each.index()
        except FetchError:
            before = None
        after: dict[str, Any] | FetchError
        try:
            tree, data, source = _fetch(each, limits)
            with _lock():
                _store(each, data, tree, source)
                _relist()
            after = tree
        except FetchError as exc:
            after = exc
        except OSError as exc:
            after = FetchError(exc.strerror or str(exc))
        yield each, before, after


def search(words: list[str], hubs: list[Hub]) -> list[tuple[int, Hub, dict[str, Any]]]:
    """Return the tools in which all words are, with their scores, the best first. Nothing is fetched."""
    found = []
    for place, each in enumerate(hubs):
        for tool in (each.index() or {"tools": []})["tools"]:
            score = rank(tool, words)
            if score:
                found.append((score, place, each, tool))
    found.sort(key=lambda row: (-row[0], row[3]["name"], row[1]))
    return [(score, each, tool) for score, _, each, tool in found]


def rank(tool: dict[str, Any], words: list[str]) -> int:
    """Return how well a tool fits all words, 0 where one of them is nowhere in it."""
    total = 1
    needs = tool.get("needs", {})
    fields = (
        (tool["name"].lower(), 100, 60, 40),
        (tool.get("summary", "").lower(), 25, 20, 10),
        (" ".join([*tool.get("attach", ()), *tool.get("types", ())]).lower(), 15, 15, 12),
        (" ".join(f"{row['name']} {row['help']}" for row in tool.get("options", ())).lower(), 5, 4, 3),
        (" ".join([tool.get("licence", ""), tool["kind"], *needs.get("capabilities", ())]).lower(), 5, 4, 3),
    )
    for word in words:
        best = 0
        for text, whole, start, within in fields:
            if word.lower() in text:
                parts = _split(text)
                score = (
                    whole
                    if word.lower() in parts
                    else start
                    if any(p.startswith(word.lower()) for p in parts)
                    else within
                )
                best = max(best, score)
        if not best:
            return 0
        total += best
    return total


def _split(text: str) -> list[str]:
    import re

    return [text, *re.split(r"[^a-z0-9_]+", text)]


def user_file() -> str:
    """Return the file with the user's hubs."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return os.path.join(base if os.path.isabs(base) else f"{home()}/.config", "eunomia", "hubs.toml")


def system_file() -> str:
    """Return the file with the machine's hubs."""
    return os.environ.get("EUNOMIA_SYSTEM_HUBS") or SYSTEM


def _read(path: str, *, is_system: bool) -> Iterator[Hub]:
    try:
        with open(path, "rb") as file:
            tree = tomllib.load(file)
    except FileNotFoundError:
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise FetchError(f"read {toml_error(path, exc)}") from None
    rows = tree.get("hub", [])
    if type(rows) is not list:
        raise FetchError(f"read {path}: `hub`: expected tables [[hub]]")
    for index, row in enumerate(rows):
        for key, value in row.items() if type(row) is dict else [("", row)]:
            if _KEYS.get(key) is not type(value):
                raise FetchError(f"read {path}: `hub[{index}].{key}`: expected one of {', '.join(_KEYS)}, of its type")
        if not hub_index.NAME.fullmatch(row.get("name", "")) or not row.get("source"):
            raise FetchError(f"read {path}: `hub[{index}]`: a name and a source are required")
        yield Hub(is_system=is_system, **row)


def _write(path: str, hubs: list[Hub]) -> None:
    text = _HEAD
    for each in hubs:
        text += "\n[[hub]]\n"
        for key, value in {"name": each.name, "source": each.source, **each.options}.items():
            text += f"{key} = {json.dumps(value, ensure_ascii=False)}\n"
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        temporary = f"{path}.{os.getpid()}"
        with open(temporary, "w") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as exc:
        raise OSError(exc.errno, f"write {path}: {(exc.strerror or str(exc)).lower()}") from exc


def _fetch(each: Hub, limits: Limits) -> tuple[dict[str, Any], bytes, Source]:
    source = Source(each.source, reach(limits, each.options))
    data = source.index()
    if "key" in each.options:
        _check_signature(each, data, source.beside_index(".sig"))
    return hub_index.parse(data, each.name), data, source


def _check_signature(each: Hub, data: bytes, signature: bytes) -> None:
    """Raise FetchError where an index is not signed with the key that the user named when adding its hub."""
    from base64 import b64decode

    from eunomia.registry.keys import read_public_keys

    try:
        raw = b64decode(signature, validate=False)
    except ValueError:
        raw = b""
    if not any(key.has_signed(raw, data) for key in read_public_keys(each.options["key"])):
        raise FetchError(
            f"read index of hub {each.name}: it is not signed with {each.options['key']}, the key that the hub was"
            f" added with [ecli hub add --key KEY takes another, ecli hub remove {each.name} forgets it]"
        )


def _store(each: Hub, data: bytes, tree: dict[str, Any], source: Source) -> None:
    """Keep an index, and its lines for the lookup file."""
    lines = []
    for tool in sorted(tree["tools"], key=lambda row: row["name"]):
        for version in hub_index.best_first(tool["versions"]):
            places = [place for text in version.get("signatures", ()) if (place := source.place(text))]
            place = source.place(version["location"], version["digest"])
            yanked = " ".join("".join(c if c.isprintable() else " " for c in version.get("yanked", "")).split())
            fields = [tool["name"], version["version"], each.name, tool["kind"], version["digest"]]
            fields += [str(version["size"]), place, "\x1f".join(places), yanked]
            lines.append(hub.Found(fields))
    temporary = f"{_index_file(each.name)}.{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(data)
    os.replace(temporary, _index_file(each.name))
    hub.write(_lines_file(each.name), lines)


def _relist() -> None:
    """Write the lookup file from the lines of all hubs, in their order."""
    lines = [line for each in load() for line in hub._lines(_lines_file(each.name)) if line.hub == each.name]
    hub.write(os.path.join(_folder(), hub.LOOKUP), lines)


def _folder() -> str:
    path = hub.folder()
    if not path:
        raise FetchError(f"open the hubs' folder: {why_none()}")
    return path


def _index_file(name: str) -> str:
    return os.path.join(_folder(), f"{name}.json")


def _lines_file(name: str) -> str:
    return os.path.join(_folder(), f"{name}.lines")


@contextmanager
def _lock() -> Iterator[None]:
    """Let one process at a time change what is kept."""
    with open(os.path.join(_folder(), ".lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unknown(name: str) -> FetchError:
    there = ", ".join(each.name for each in load()) or "none"
    return FetchError(f"no hub {name} [there are: {there}]")


__all__ = ["Hub", "Limits", "add", "load", "named", "rank", "remove", "search", "update"]
