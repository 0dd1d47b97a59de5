"""Rules of a policy: `KEY=VALUE[,VALUE]` as `--allow` and `--deny` take them, and what they match.

On the way of `ecli run GUEST.wasm`: what is rare is imported where it is needed.
"""

from __future__ import annotations

import os

from eunomia.errors import PolicyError
from eunomia.package.calls import HELPERS
from eunomia.wasm import kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

NAMES = ("prog-type", "iface", "helper", "kfunc", "pin", "symbols")  # lists of words or patterns
NUMBERS = ("map-size", "objects", "links")
KEYS = (*NAMES, "attach", *NUMBERS)
SYMBOLS = ("kernel", "processes")
WILDCARDS = frozenset("*?[")


class Rules:
    """What some rules say, by key.

    Attributes:
        origin: where they are written, for messages: `--allow`, a file's name.
        everything: `all` is among them.
        names: words and patterns by key.
        attach: (kind, pattern).
        numbers: upper bounds by key.
    """

    __slots__ = ("attach", "everything", "names", "numbers", "origin")

    def __init__(self, texts: Iterable[str] = (), origin: str = "", *, numbers: bool = True) -> None:
        self.origin = origin
        self.everything = False
        self.names: dict[str, list[str]] = {}
        self.attach: list[tuple[str, str]] = []
        self.numbers: dict[str, int] = {}
        for text in texts:
            self.add(text, numbers=numbers)

    def add(self, text: str, *, numbers: bool = True) -> None:
        """Add a rule.

        Raises:
            PolicyError: it is none.
        """
        key, equals, value = text.partition("=")
        key = key.strip()
        if key == "all" and not equals:
            self.everything = True
            return
        if key not in KEYS or (key in NUMBERS and not numbers):
            raise self._error(text, _unknown(key, KEYS if numbers else (*NAMES, "attach")))
        if not value.strip():
            raise self._error(text, f"no value [{key}=…]")
        if key in NUMBERS:
            self._add_number(key, value.strip(), text)
        elif key == "attach":
            self._add_attach(value.strip(), text)
        else:
            self._add_names(key, value, text)

    def _add_number(self, key: str, value: str, text: str) -> None:
        from eunomia.wasm.sizes import parse_count, parse_size

        try:
            self.numbers[key] = parse_size(value) if key == "map-size" else parse_count(value)
        except ValueError as exc:
            raise self._error(text, str(exc)) from None

    def _add_attach(self, value: str, text: str) -> None:
        kind, colon, pattern = value.partition(":")
        if not colon or kind not in kinds.KINDS or not pattern:
            known = ", ".join(sorted(kinds.KINDS))
            raise self._error(text, f"expected KIND:NAME, as in cgroup:/sys/fs/cgroup/x; kinds are {known}")
        self.attach.append((kind, _resolved(pattern) if kind in kinds.WITH_PATHS else pattern))

    def _add_names(self, key: str, value: str, text: str) -> None:
        words = [word.strip() for word in value.split(",") if word.strip()]
        known = {"prog-type": sorted(kinds.TYPES), "helper": sorted(HELPERS), "symbols": SYMBOLS}.get(key)
        for word in words:
            if known is not None and word not in known and not (WILDCARDS & set(word)):
                raise self._error(text, _unknown(word, known))
        if key == "pin":
            words = [_resolved(word) for word in words]
        self.names.setdefault(key, []).extend(words)

    def _error(self, text: str, why: str) -> PolicyError:
        return PolicyError(f"{self.origin or 'policy'}: {text!r}: {why}")

    def names_word(self, key: str, word: str) -> bool:
        """Tell whether a word, or a pattern for it, is among the rules of a key; for paths, one above it too."""
        patterns = self.names.get(key, ())
        if key == "pin":
            word = os.path.realpath(word)
            return any(_is_below(pattern, word) for pattern in patterns)
        return any(_matches(pattern, word) for pattern in patterns)

    def limits(self, kind: str) -> bool:
        """Tell whether some rule is about targets of a kind."""
        if kind in kinds.OF_INTERFACES and self.names.get("iface"):
            return True
        return any(kinds.is_near(each, kind) for each, _ in self.attach)

    def has_target(self, kind: str, name: str) -> bool:
        """Tell whether a rule names a target: each thing that it may stand for."""
        patterns = self._patterns(kind)
        return bool(patterns) and (
            name in patterns or all(_names(kind, patterns, each) for each in kinds.alternatives(kind, name))
        )

    def touches(self, kind: str, name: str) -> bool:
        """Tell whether a rule names something that a target may stand for. A pattern in it may stand for anything."""
        patterns = self._patterns(kind)
        return bool(patterns) and (
            name in patterns
            or any(
                (kind == "kprobe" and WILDCARDS & set(each)) or _names(kind, patterns, each)
                for each in kinds.alternatives(kind, name)
            )
        )

    def _patterns(self, kind: str) -> list[str]:
        found = [pattern for each, pattern in self.attach if kinds.is_same(each, kind)]
        return [*self.names.get("iface", ()), *found] if kind in kinds.OF_INTERFACES else found


def _names(kind: str, patterns: list[str], name: str) -> bool:
    """Tell whether one of the patterns names a thing."""
    if kind in kinds.OF_INTERFACES or kind == "socket":
        first = kinds.interface(name)
        return any(_matches(each, first) or kinds.interface(each) == first for each in patterns)
    if kind in kinds.WITH_PATHS and name:
        path = os.path.realpath(_binary(name) if kind in ("uprobe", "usdt") else name)
        return any(_is_below(each, path) for each in patterns)
    if WILDCARDS & set(name):  # what it stands for is no more than what a pattern with the same start does
        return any(each == name or (each.endswith("*") and name.startswith(each[:-1])) for each in patterns)
    return any(_matches(each, name) for each in patterns)


def _binary(name: str) -> str:
    """Return the path of a program or library, which may be given as a shell and the linker find it."""
    from eunomia._native import ffi, lib

    path = ffi.new("char[]", 4096)
    found = "/" not in name and lib.eu_find_binary_of(os.fsencode(name), 0, path, 4096) == 0
    return os.fsdecode(ffi.string(path)) if found else name


def _matches(pattern: str, text: str) -> bool:
    if pattern in (text, "*"):
        return True
    if not WILDCARDS & set(pattern):
        return False
    from fnmatch import fnmatchcase

    return fnmatchcase(text, pattern)


def _is_below(pattern: str, path: str) -> bool:
    """Tell whether a path is what a pattern names, or below that; a wildcard stays within one part of it."""
    wanted = [part for part in pattern.split("/") if part]
    parts = [part for part in path.split("/") if part]
    if pattern == "*":
        return True
    return len(wanted) <= len(parts) and all(map(_matches, wanted, parts))


def _resolved(pattern: str) -> str:
    """Resolve the part of a path before its first wildcard, as the paths that it is compared with are."""
    if not pattern.startswith(("/", ".")):
        return pattern
    parts = os.path.abspath(pattern).split("/")
    fixed = 0
    while fixed < len(parts) and not WILDCARDS & set(parts[fixed]):
        fixed += 1
    return os.path.join(os.path.realpath("/".join(parts[:fixed]) or "/"), *parts[fixed:])


def _unknown(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    if word in kinds.TYPES and "prog-type" in known:
        return f"not a rule (did you mean prog-type={word}?)"
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"unknown {word!r}" + (f" (did you mean {near[0]}?)" if near else f", expected one of {', '.join(known)}")
