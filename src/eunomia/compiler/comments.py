"""Documentation comments of a C source: found by a tokenizer, given to the names after them, split as clang does."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

_TOKEN = re.compile(
    r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/|'
    r"^[ \t]*#(?:\\\r?\n|/\*.*?\*/|[^\n])*|[A-Za-z_]\w*|[{}()\[\];,=]",
    re.S | re.M,
)
_DOC = re.compile(r"//[/!](?!/)|/\*[*!](?![*/])")


class Comment:
    """A documentation comment: its lines without decoration, each with its offset in the source."""

    __slots__ = ("lines",)

    def __init__(self, lines: list[tuple[int, str]]) -> None:
        self.lines = lines


class _Raw:
    """Adjacent comments of one kind, as clang merges them."""

    __slots__ = ("end", "line_style", "parts", "trailing")

    def __init__(self, start: int, text: str) -> None:
        self.parts = [(start, text)]
        self.end = start + len(text)
        self.line_style = text.startswith("//")
        self.trailing = text[3:4] == "<"

    def merges(self, start: int, text: str, source: str) -> bool:
        between = source[self.end : start]
        same = self.line_style and text.startswith("//") and self.trailing == (text[3:4] == "<")
        return same and between.count("\n") == 1 and not between.strip()

    def append(self, start: int, text: str) -> None:
        self.parts.append((start, text))
        self.end = start + len(text)


def attach(source: str, known: Container[str]) -> dict[str, Comment]:
    """Return the comment of every name in `known` that has one.

    A comment belongs to the declaration after it (`///<` to the one before it), unless a directive stands between; the
    declaration's names are those that `known` has, which sees through `SEC()`, `BPF_PROG()` and their like.
    """
    found: dict[str, Comment] = {}
    reader = _Reader(source, known, found)
    for match in _TOKEN.finditer(source):
        reader.take(match.start(), match.group())
    return found


class _Reader:
    __slots__ = (
        *("before", "bodies", "braces", "doc", "found", "functions", "initializer", "known", "names", "parens"),
        *("previous", "source", "started"),
    )

    def __init__(self, source: str, known: Container[str], found: dict[str, Comment]) -> None:
        self.source = source
        self.known = known
        self.found = found
        self.doc: _Raw | None = None
        self.braces = self.parens = 0
        self.previous: list[str] = []
        self._reset()

    def _reset(self) -> None:
        self.names: list[tuple[str, int]] = []
        self.functions: list[str] = []
        self.before = ""
        self.started = self.initializer = self.bodies = False

    def take(self, start: int, token: str) -> None:
        first = token[0]
        if token[:2] in {"//", "/*"}:
            self._comment(start, token)
        elif token.lstrip()[:1] == "#":
            if not self.started:
                self.doc = None
        elif first == "{":
            self.started = True
            self.braces += 1
        elif first == "}":
            self.braces = max(0, self.braces - 1)
            # `) {…}` ends a function, `struct {…} name;` goes on
            if not self.braces and self.bodies and not self.initializer:
                self._end(function=True)
        elif self.braces:
            pass
        elif first == ";" and not self.parens:
            self._end(function=False)
        else:
            self._inside(first, token)

    def _inside(self, first: str, token: str) -> None:
        self.started = True
        before, self.before = self.before, token
        if first == "(":
            # `name(…)`, but not an argument's name; `MACRO(name, …)` is below
            if not self.parens and before in self.known:
                self.functions.append(before)
            self.parens += 1
        elif first == ")":
            self.parens = max(0, self.parens - 1)
            self.bodies = True
        elif first == "=" and not self.parens:
            self.initializer = True
        elif first == "," and not self.parens:
            self.initializer = False
        elif (first.isalpha() or first == "_") and not self.initializer and token in self.known:
            self.names.append((token, self.parens))
            if before == "(" and self.parens == 1:
                self.functions.append(token)

    def _end(self, *, function: bool) -> None:
        names = (
            self.functions[:1] if function else [name for name, depth in self.names if not depth] or self.functions[:1]
        )
        if self.doc:
            for name in names:
                self.found.setdefault(name, _undecorated(self.doc))
        self.doc = None
        self.previous = names
        self._reset()

    def _comment(self, start: int, text: str) -> None:
        if self.braces or not _DOC.match(text) or (self.started and text[3:4] != "<"):
            return
        if self.doc and self.doc.merges(start, text, self.source):
            self.doc.append(start, text)
        else:
            self.doc = _Raw(start, text)
        if self.doc.trailing:
            for name in self.previous:
                self.found[name] = _undecorated(self.doc)
            if not self.previous:
                self.doc = None


def _undecorated(raw: _Raw) -> Comment:
    lines = []
    for start, text in raw.parts:
        skip = 4 if text[3:4] == "<" else 3
        if raw.line_style:
            lines.append((start + skip, text[skip:].rstrip("\r")))
            continue
        at = start + skip
        for number, line in enumerate(text[skip:-2].split("\n")):
            decoration = re.match(r"[ \t]*\*", line) if number else None
            cut = decoration.end() if decoration else 0
            lines.append((at + cut, line[cut:].rstrip("\r")))
            at += len(line) + 1
    return Comment(lines)


class Token:
    """A piece of a comment: kind is text, newline, command (name in `text`) or json (a whole value)."""

    __slots__ = ("kind", "offset", "text")

    def __init__(self, kind: str, text: str, offset: int) -> None:
        self.kind = kind
        self.text = text
        self.offset = offset


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*")
_TEXT = re.compile(r'(?:[^\\@"&<]|"[^"]*"|"(?=[^"]*$))+')
_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)(?:\s[^<>]*)?/?>")
_REFERENCE = re.compile(r"&(#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")
_HTML_WORDS = """em strong tt i b big small strike s u font a hr div span h1 h2 h3 h4 h5 h6 code blockquote sub sup img
p br pre ins del ul ol li dl dt dd table caption thead tfoot tbody colgroup col tr th td"""
_HTML = frozenset(_HTML_WORDS.split())


def tokens(
    comment: Comment, swallow: dict[str, str], ignore_line: Container[str], is_text: Container[str]
) -> Iterator[Token]:
    """Yield the tokens of a comment.

    Args:
        comment: without decoration.
        swallow: commands of verbatim blocks with the name that ends them.
        ignore_line: commands whose whole line means nothing.
        is_text: commands after which a brace does not begin a JSON value.

    Source: clang 19 lib/AST/CommentLexer.cpp. Beyond it: names with underscores, JSON values of several lines.
    """
    lines = comment.lines
    row, column = 0, 0
    until = ""
    wants_json = False
    while row < len(lines):
        offset, line = lines[row]
        if until:
            end = re.search(rf"[@\\]{until}\b", line[column:])
            if end:
                column += end.end()
                until = ""
                continue
            row, column = row + 1, 0
            continue
        rest = line[column:]
        if wants_json and rest.lstrip()[:1] in ("{", "["):
            begin = column + len(rest) - len(rest.lstrip())
            value, row, column = _json_at(lines, row, begin)
            wants_json = False
            yield Token("json", value, offset + begin)
            continue
        if not rest:
            yield Token("newline", "", offset + column)
            row, column = row + 1, 0
            continue
        if rest[0] in "@\\":
            name = _NAME.match(rest, 1)
            if name is None:
                width = 2 if rest[1:2] and rest[1] in '\\@&$#<>%".:' else 1
                yield Token("text", rest[width - 1 : width], offset + column)
                column += width
                continue
            word = name.group()
            column += name.end()
            if word in swallow:
                until = swallow[word]
            elif word in ignore_line:
                column = len(line)
            else:
                yield Token("command", word, offset + column - name.end())
                wants_json = word not in is_text
            continue
        text, width = _text_at(rest)
        if text.strip():
            wants_json = False
        if text:
            yield Token("text", text, offset + column)
        column += width


def _text_at(rest: str) -> tuple[str, int]:
    if rest[0] == "<":
        tag = _TAG.match(rest)
        return ("", tag.end()) if tag and tag[1].lower() in _HTML else ("<", 1)
    if rest[0] == "&":
        reference = _REFERENCE.match(rest)
        if reference:
            from html import unescape

            return unescape(reference.group()), reference.end()
        return "&", 1
    match = _TEXT.match(rest)
    return (match.group(), match.end()) if match else (rest[0], 1)


def _json_at(lines: list[tuple[int, str]], row: int, column: int) -> tuple[str, int, int]:
    """The bracketed value that begins at a place, and the place after it; the rest of the line when it never ends."""
    depth, quoted = 0, False
    parts: list[str] = []
    start = (row, column)
    while row < len(lines):
        line = lines[row][1]
        begin = column
        while column < len(line):
            letter = line[column]
            column += 1
            if quoted:
                if letter == "\\":
                    column += 1
                elif letter == '"':
                    quoted = False
            elif letter == '"':
                quoted = True
            elif letter in "{[":
                depth += 1
            elif letter in "}]":
                depth -= 1
                if not depth:
                    return "\n".join([*parts, line[begin:column]]), row, column
        parts.append(line[begin:])
        if quoted:
            break  # a string does not go over the end of a line
        row, column = row + 1, 0
    row, column = start
    return lines[row][1][column:], row, len(lines[row][1])
