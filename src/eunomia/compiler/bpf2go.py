"""How Go projects have cilium's bpf2go make an object: `//go:generate … bpf2go [FLAGS] NAME SOURCE [-- CFLAGS]`."""

from __future__ import annotations

import os
import shlex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MARK = "//go:generate "
_ALONE = {"no-strip", "no-global-types"}  # its flags that have no value
_LEFT_OUT = {"vendor", "testdata", "node_modules"}


class Line:
    """One such line: the object of `source` goes by `name` in the Go files of its folder."""

    __slots__ = ("cflags", "folder", "include", "name", "source")

    def __init__(self, folder: str, name: str, source: str, include: list[str], cflags: list[str]) -> None:
        self.folder = folder
        self.name = name
        self.source = source
        self.include = include
        self.cflags = cflags


def lines(folder: str) -> Iterator[Line]:
    """Find the lines of a Go module's files, but not of modules below it."""
    for place, inner, names in os.walk(folder):
        inner[:] = sorted(
            name
            for name in inner
            if not name.startswith((".", "_"))
            and name not in _LEFT_OUT
            and not os.path.exists(os.path.join(place, name, "go.mod"))
        )
        for name in sorted(names):
            if name.endswith(".go"):
                with open(os.path.join(place, name), encoding="utf-8", errors="replace") as file:
                    found = [_read(place, text[len(_MARK) :]) for text in file if text.startswith(_MARK)]
                yield from (line for line in found if line is not None)


def _read(folder: str, text: str) -> Line | None:
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    at = next((i for i, word in enumerate(words) if word.partition("@")[0].rpartition("/")[2] == "bpf2go"), None)
    if at is None:
        return None
    flags = iter(words[at + 1 :])
    rest = list[str]()
    for word in flags:
        if rest or not word.startswith("-"):
            rest.append(word)
        elif "=" not in word and word.lstrip("-") not in _ALONE:
            next(flags, None)
    if len(rest) < 2:
        return None
    include, cflags = list[str](), list[str]()
    given = iter(rest[2:])
    for word in given:
        if word.startswith("-I"):
            include.append(os.path.join(folder, word[2:] or next(given, "")))
        elif word.startswith("-D"):
            cflags.append(word)
    return Line(folder, rest[0], os.path.join(folder, rest[1]), include, cflags)
