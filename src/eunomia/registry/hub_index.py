"""The index of a hub: read with every size bounded, checked with the place of each mistake, written canonically.

docs/reference/hub.md is its description. It comes from elsewhere: nothing in it leaves the hub's folder, names are
plain, and texts are escaped by whoever prints them.
"""

from __future__ import annotations

import json
import re
from typing import Any

from eunomia.errors import FetchError

FORMAT = 1
FILE = "index.json"
MAX_INDEX = 32 << 20
MAX_TOOLS = 20_000
MAX_VERSIONS = 2000
MAX_ROWS = 4096  # of any other list
MAX_TEXT = 4000
MAX_SIZE = 512 << 20  # of a tool, bytes
MAX_LOCATION = 1000
KINDS = ("package", "guest")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.+-]{0,63}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LOCATION = re.compile(r"[A-Za-z0-9._~+@=,/-]+")
_URL = re.compile(r"https?://[!-~]+")
_OCI = re.compile(r"oci://[A-Za-z0-9._:\[\]-]+/[a-z0-9._/-]+@sha256:[0-9a-f]{64}")
_TOOL = {
    "summary": str,
    "details": str,
    "licence": str,
    "readme": str,
    "attach": list,
    "types": list,
    "options": list,
    "events": list,
}
_TOOL |= {"needs": dict, "architectures": list, "evidence": list, "policy": list}
_ROWS = {
    "attach": None,
    "types": None,
    "architectures": None,
    "policy": None,
    "options": ("name", "help"),
    "events": ("map",),
    "evidence": ("kernel", "arch", "outcome"),
}
_NEEDS = {"kernel": str, "btf": str, "capabilities": list}


def parse(data: bytes, hub: str) -> dict[str, Any]:
    """Return the document of an index, checked: what docs/reference/hub.md promises about it holds.

    Args:
        data: its bytes.
        hub: what the hub is called in messages.

    Raises:
        FetchError: it is none, or damaged; with the place in it.
    """
    if len(data) > MAX_INDEX:
        raise FetchError(f"read index of hub {hub}: {len(data)} bytes, at most {MAX_INDEX} are read")
    try:
        tree = json.loads(data.decode("utf-8"), parse_constant=_refuse)
    except RecursionError:
        raise FetchError(f"read index of hub {hub}: JSON nested too deep") from None
    except ValueError as exc:
        raise FetchError(f"read index of hub {hub}: malformed JSON: {exc}") from None
    try:
        _check(tree)
    except ValueError as exc:
        raise FetchError(f"read index of hub {hub}: {exc}") from None
    checked: dict[str, Any] = tree
    return checked


def dump(tree: dict[str, Any]) -> bytes:
    """Return an index as it is written: the same tools give the same bytes."""
    tree = tree | {"eunomia_hub": FORMAT, "tools": sorted(tree["tools"], key=lambda tool: tool["name"])}
    for tool in tree["tools"]:
        tool["versions"] = sorted(tool["versions"], key=lambda each: order(each["version"]), reverse=True)
    return (json.dumps(tree, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def order(version: str) -> tuple[Any, ...]:
    """Return what versions are sorted by: releases above their release candidates, numbers as numbers.

    Source: semver.org 2.0.0 §11, for versions with any number of parts.
    """
    release, _, rest = version.partition("+")[0].partition("-")
    return (*(_part(part) for part in release.split(".")), (0 if rest else 1, 0, ""), *map(_part, rest.split(".")))


def best_first(versions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return versions as `hub.find` wants them: those that stand, then the candidates, each the newest first."""
    return sorted(versions, key=lambda each: (is_release(each["version"]), order(each["version"])), reverse=True)


def newest(tool: dict[str, Any]) -> dict[str, Any] | None:
    """Return the version that a tool's name alone stands for; None where all are withdrawn."""
    return next((each for each in best_first(tool["versions"]) if not each.get("yanked")), None)


def is_release(version: str) -> bool:
    """Return whether a version is no alpha, beta, candidate or the like: has no `-` before a `+`."""
    return "-" not in version.partition("+")[0]


def _part(text: str) -> tuple[int, int, str]:
    return (2, int(text), "") if text.isdecimal() and text.isascii() and len(text) < 20 else (1, 0, text)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _check(tree: Any) -> None:
    _want(tree, dict, "$")
    found = tree.get("eunomia_hub")
    if type(found) is not int:
        raise ValueError("`$.eunomia_hub`: expected a number: it is no index of a hub")
    if found != FORMAT:
        raise ValueError(f"`$.eunomia_hub`: version {found} of the format, this ecli reads {FORMAT} [update eunomia]")
    _text(tree, "title", "$", required=False)
    _text(tree, "url", "$", required=False)
    tools = _list(tree, "tools", "$", MAX_TOOLS)
    seen = set()
    for index, tool in enumerate(tools):
        place = f"$.tools[{index}]"
        _check_tool(tool, place)
        if tool["name"] in seen:
            raise ValueError(f"`{place}.name`: {tool['name']} is there twice")
        seen.add(tool["name"])


def _check_tool(tool: Any, place: str) -> None:
    _want(tool, dict, place)
    _matches(tool, "name", NAME, place)
    if tool.get("kind") not in KINDS:
        raise ValueError(f"`{place}.kind`: expected package or guest, got {tool.get('kind')!r:.40}")
    for key, kind in _TOOL.items():
        if key in tool:
            _want(tool[key], kind, f"{place}.{key}")
            if kind is str:
                _text(tool, key, place)
    if tool.get("readme"):
        check_location(tool["readme"], f"{place}.readme", relative=True)
    for key, words in _ROWS.items():
        for index, row in enumerate(_list(tool, key, place, MAX_ROWS, required=False)):
            _check_row(row, words, f"{place}.{key}[{index}]")
    _check_needs(tool.get("needs", {}), f"{place}.needs")
    versions = _list(tool, "versions", place, MAX_VERSIONS)
    if not versions:
        raise ValueError(f"`{place}.versions`: empty")
    seen = set()
    for index, version in enumerate(versions):
        _check_version(version, f"{place}.versions[{index}]")
        if version["version"] in seen:
            raise ValueError(f"`{place}.versions[{index}].version`: {version['version']} is there twice")
        seen.add(version["version"])


def _check_needs(needs: dict[str, Any], place: str) -> None:
    for key, kind in _NEEDS.items():
        if key in needs:
            _want(needs[key], kind, f"{place}.{key}")
            if kind is str:
                _text(needs, key, place)
    for index, row in enumerate(_list(needs, "capabilities", place, 64, required=False)):
        _check_row(row, None, f"{place}.capabilities[{index}]")


def _check_version(version: Any, place: str) -> None:
    _want(version, dict, place)
    _matches(version, "version", VERSION, place)
    _matches(version, "digest", DIGEST, place)
    size = version.get("size")
    if type(size) is not int or not 0 < size <= MAX_SIZE:
        raise ValueError(f"`{place}.size`: expected a number of bytes up to {MAX_SIZE}, got {size!r:.40}")
    check_location(version.get("location"), f"{place}.location")
    _text(version, "yanked", place, required=False)
    for index, location in enumerate(_list(version, "signatures", place, 32, required=False)):
        check_location(location, f"{place}.signatures[{index}]")


def check_location(text: Any, place: str, *, relative: bool = False) -> None:
    """Check where a file is: a path below the hub, an http or https URL, or a digest in a repository.

    Raises:
        ValueError: it is none of these, or leaves the hub's folder.
    """
    if type(text) is not str or not 0 < len(text) <= MAX_LOCATION:
        raise ValueError(f"`{place}`: expected a path or URL, got {text!r:.40}")
    if not relative and (_URL.fullmatch(text) or _OCI.fullmatch(text)):
        return
    parts = text.split("/")
    if not _LOCATION.fullmatch(text) or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"`{place}`: {text!r:.100} is no path below the hub, nor an http or oci URL")


def _check_row(row: Any, words: tuple[str, ...] | None, place: str) -> None:
    """Check a row of a list: a text, or an object whose `words` are texts and whose others are texts or flat lists."""
    if words is None:
        _bounded(row, place)
        return
    _want(row, dict, place)
    for word in words:
        _text(row, word, place)
    for key, value in row.items():
        if type(value) is str:
            _text(row, key, place)
        elif type(value) is list:
            for index, each in enumerate(_list(row, key, place, MAX_ROWS)):
                _check_row(each, None, f"{place}.{key}[{index}]")
        elif type(value) not in (bool, int):
            raise ValueError(f"`{place}.{key}`: expected text, got {type(value).__name__}")


def _want(value: Any, kind: type, place: str) -> None:
    if type(value) is not kind:
        words: dict[type, str] = {dict: "object", list: "array", str: "text"}
        raise ValueError(f"`{place}`: expected {words[kind]}, got {words.get(type(value), type(value).__name__)}")


def _text(row: dict[str, Any], key: str, place: str, *, required: bool = True) -> None:
    if key not in row and not required:
        return
    _bounded(row.get(key), f"{place}.{key}")


def _bounded(text: Any, place: str) -> None:
    _want(text, str, place)
    if len(text) > MAX_TEXT:
        raise ValueError(f"`{place}`: {len(text)} characters, at most {MAX_TEXT}")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError(f"`{place}`: half of a surrogate pair, which is no character")


def _matches(row: dict[str, Any], key: str, pattern: re.Pattern[str], place: str) -> None:
    value = row.get(key)
    if type(value) is not str or not pattern.fullmatch(value):
        raise ValueError(f"`{place}.{key}`: malformed: {value!r:.100}")


def _list(row: dict[str, Any], key: str, place: str, most: int, *, required: bool = True) -> list[Any]:
    if key not in row and not required:
        return []
    value = row.get(key)
    _want(value, list, f"{place}.{key}")
    assert type(value) is list
    if len(value) > most:
        raise ValueError(f"`{place}.{key}`: {len(value)} rows, at most {most}")
    return value
