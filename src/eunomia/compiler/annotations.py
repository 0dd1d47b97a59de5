"""Annotations: `@key value` in documentation comments, as clang's comment parser and upstream's ecc read them."""

from __future__ import annotations

from eunomia.compiler.comments import Comment, Token, tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Annotation:
    """One `key: value`; `is_json` when the value was JSON and is parsed, `problem` when JSON was begun and is none."""

    __slots__ = ("is_json", "key", "offset", "problem", "raw", "value")

    def __init__(
        self, key: str, value: Any, offset: int, *, raw: str = "", is_json: bool = False, problem: str = ""
    ) -> None:
        self.key = key
        self.value = value
        self.offset = offset
        self.raw = raw
        self.is_json = is_json
        self.problem = problem


# Source: clang 19 include/clang/AST/CommentCommands.td.
_WORDS = {
    "inline": "a b c e em emoji p ref anchor",
    "block": """brief short result return returns throw throws exception deprecated headerfile abstract classdesign
        coclass dependency discussion helper helperclass helps instancesize ownership performance security superclass
        arg attention author authors bug copyright date details invariant li note par post pre remark remarks retval sa
        see since todo version warning""",
    "lines": """defgroup ingroup addtogroup weakgroup name section subsection subsubsection paragraph mainpage subpage
        relates related relatesalso relatedalso addindex nosubgrouping extends implements memberof fn namespace overload
        property typedef var def function functiongroup method methodgroup callback constant const enum struct union
        class interface category protocol template file dir package page example include if ifnot cond elseif else
        endif""",
    "blocks": "code verbatim htmlonly latexonly xmlonly manonly rtfonly docbookonly dot msc internal",
    "ours": """sample cmdarg description ifindex flags xdpopts tchook tcopts intepreter type value title usage
        event_type decode optional perf_event range choices export_config unit
        filter target alternative prog_array""",
}
INLINE = frozenset(_WORDS["inline"].split())
BLOCK = frozenset(_WORDS["block"].split())
PARAMETERS = frozenset(("param", "tparam", "templatefield"))
_VERBATIM_LINES = frozenset(_WORDS["lines"].split())
_VERBATIM_BLOCKS = {
    **{name: f"end{name}" for name in _WORDS["blocks"].split()},
    "link": "/link",
    "textblock": "/textblock",
}
# Never taken for a misspelling of one of clang's commands.
OURS = frozenset(_WORDS["ours"].split())
_ALL = INLINE | BLOCK | PARAMETERS | _VERBATIM_LINES | _VERBATIM_BLOCKS.keys()
_PLAIN_TEXT = frozenset(("description", *INLINE, *BLOCK))


def read(comment: Comment) -> list[Annotation]:
    """Return the annotations of a comment in order; where a key comes twice, upstream takes the last."""
    return list(_Parser(comment).run())


class _Parser:
    """Paragraphs and block commands. Source: clang 19 lib/AST/CommentParser.cpp; upstream compiler document_parser."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, comment: Comment) -> None:
        corrected = _corrections(comment)
        swallow = dict(_VERBATIM_BLOCKS)
        lines = set(_VERBATIM_LINES)
        for word, meant in corrected.items():
            if meant in _VERBATIM_BLOCKS:
                swallow[word] = _VERBATIM_BLOCKS[meant]
            elif meant in _VERBATIM_LINES:
                lines.add(word)
        self._tokens = list(tokens(comment, swallow, lines, _PLAIN_TEXT))
        for token in self._tokens:
            if token.kind == "command":
                token.text = corrected.get(token.text, token.text)
        self._at = 0

    def run(self) -> Iterator[Annotation]:
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind == "newline":
                self._at += 1
            elif token.kind == "command" and token.text in BLOCK:
                yield from self._block(token)
            elif token.kind == "command" and token.text in PARAMETERS:
                self._at += 1
                self._paragraph()
            else:
                yield from _assigned(self._paragraph())

    def _paragraph(self) -> list[Token]:
        """Take the tokens up to a blank line or a block command."""
        taken: list[Token] = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind == "command" and token.text in BLOCK | PARAMETERS:
                break
            self._at += 1
            if token.kind == "newline":
                after = self._at
                while (
                    after < len(self._tokens)
                    and self._tokens[after].kind == "text"
                    and not self._tokens[after].text.strip()
                ):
                    after += 1
                if after < len(self._tokens) and self._tokens[after].kind == "newline":
                    self._at = after + 1
                    break
            taken.append(token)
        return taken

    def _block(self, command: Token) -> Iterator[Annotation]:
        self._at += 1
        taken = self._paragraph()
        text = "\n".join(token.text for token in taken if token.kind in ("text", "json") and token.text.strip()).strip()
        if text:
            yield Annotation(command.text, text, command.offset, raw=text)


def _assigned(paragraph: list[Token]) -> Iterator[Annotation]:
    """Each run of text is assigned to the command before it; before any command, to `description`."""
    key, offset = "description", -1
    wants_word = False
    json_begun: Annotation | None = None
    for token in paragraph:
        if token.kind == "command":
            key, offset = token.text, token.offset
            wants_word = key in INLINE
            json_begun = None
        elif token.kind == "json":
            json_begun = _value(key, token.text, token.offset)
            yield json_begun
        elif token.kind == "text":
            text = token.text.strip()
            if wants_word and text:
                text = text.partition(" ")[2].strip()
                wants_word = False
            if not text:
                continue
            if json_begun is not None:
                # `@key {…} more`: for upstream the whole line is the value then, a string
                whole = f"{json_begun.raw}{token.text}".strip()
                problem = json_begun.problem or f"text after the JSON value: {text[:40]!r}"
                yield Annotation(key, whole, json_begun.offset, raw=whole, problem=problem)
                continue
            yield _value(
                key, text, token.offset + len(token.text) - len(token.text.lstrip()) if offset < 0 else token.offset
            )


def _value(key: str, text: str, offset: int) -> Annotation:
    """JSON where the text is JSON, else the text."""
    if key == "description":
        return Annotation(key, _string(text), offset, raw=text)
    import json

    try:
        return Annotation(key, json.loads(text), offset, raw=text, is_json=True)
    except json.JSONDecodeError as exc:
        return Annotation(
            key, text, offset, raw=text, problem=f"{exc.msg.lower()} at character {exc.pos + 1} of the value"
        )
    except RecursionError:
        return Annotation(key, text, offset, raw=text, problem="nested too deep")


def _string(text: str) -> str:
    """A description in quotes is JSON to upstream; other JSON (a number) would make its loader refuse."""
    if text[:1] == '"':
        import json

        try:
            value = json.loads(text)
        except ValueError:
            return text
        return value if isinstance(value, str) else text
    return text


def _corrections(comment: Comment) -> dict[str, str]:
    """clang's spelling correction of unknown commands: the only one at edit distance 1 is what was meant."""
    from eunomia.compiler.comments import _NAME

    found = {}
    for _, line in comment.lines:
        at = 0
        while (at := min((i for i in (line.find("@", at), line.find("\\", at)) if i >= 0), default=-1)) >= 0:
            name = _NAME.match(line, at + 1)
            at += 1
            word = name.group() if name else ""
            if len(word) > 1 and word not in _ALL and word not in OURS and "_" not in word:
                near = [command for command in _ALL if _is_near(word, command)]
                if len(near) == 1:
                    found[word] = near[0]
    return found


def _is_near(one: str, other: str) -> bool:
    """Whether one insertion, deletion or replacement turns one word into the other."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    if len(one) == len(other):
        return one[start + 1 :] == other[start + 1 :]
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return longer[start + 1 :] == shorter[start:]
