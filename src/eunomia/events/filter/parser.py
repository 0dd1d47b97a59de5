"""From a filter's text to a tree."""

from __future__ import annotations

from eunomia.errors import FilterError
from eunomia.events.filter.tokens import ADDRESS, END, MAC, NAME, NUMBER, OPERATOR, STRING, Token, tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_TEXT = 65536
MAX_DEPTH = 100
_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">=", "~", "!~"))


class Node:
    """Part of the text, from start to end."""

    __slots__ = ("end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end


class Logic(Node):
    """`kind` is "and", "or" or "not"; parts are Logic, Compare, Within or Bare."""

    __slots__ = ("kind", "parts")

    def __init__(self, kind: str, parts: list[Node]) -> None:
        super().__init__(parts[0].start, parts[-1].end)
        self.kind = kind
        self.parts = parts


class Field(Node):
    """A field by its path: names, and numbers of elements. A path of one name may turn out to be a value's name."""

    __slots__ = ("path",)

    def __init__(self, path: tuple[str | int, ...], start: int, end: int) -> None:
        super().__init__(start, end)
        self.path = path

    @property
    def text(self) -> str:
        """The path as it is written."""
        return show_path(self.path)


class Literal(Node):
    """A constant; kind and value are those of its token, and `word` for a name with a sign: (name, -1)."""

    __slots__ = ("kind", "value")

    def __init__(self, kind: str, value: Any, start: int, end: int) -> None:
        super().__init__(start, end)
        self.kind = kind
        self.value = value


class Bits(Node):
    """`left & right` (or | or ^, of constants)."""

    __slots__ = ("left", "operator", "right")

    def __init__(self, operator: str, left: Node, right: Node) -> None:
        super().__init__(left.start, right.end)
        self.operator = operator
        self.left = left
        self.right = right


class Compare(Node):
    """`left operator right`."""

    __slots__ = ("at", "left", "operator", "right")

    def __init__(self, operator: str, left: Node, right: Node, at: tuple[int, int]) -> None:
        super().__init__(left.start, right.end)
        self.operator = operator
        self.left = left
        self.right = right
        self.at = at


class Within(Node):
    """`left in {items}`: each item is a constant or a pair, first and last."""

    __slots__ = ("items", "left")

    def __init__(self, left: Node, items: list[Node | tuple[Node, Node]], end: int) -> None:
        super().__init__(left.start, end)
        self.left = left
        self.items = items


class Bare(Node):
    """A field, or bits of it, that is not zero."""

    __slots__ = ("operand",)

    def __init__(self, operand: Node) -> None:
        super().__init__(operand.start, operand.end)
        self.operand = operand


def show_path(path: tuple[str | int, ...]) -> str:
    """Return a path as it is written: `a.b[2].c`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def parse(text: str) -> Node:
    """Return the tree of a filter.

    Raises:
        FilterError: it is none; with the place.
    """
    if len(text) > MAX_TEXT:
        raise FilterError(f"a filter has at most {MAX_TEXT} characters", text[:60], 0, 60)
    if not text.strip():
        raise FilterError("the filter is empty", text, 0, len(text))
    return _Parser(text).whole()


class _Parser:
    __slots__ = ("at", "depth", "found", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.found = tokens(text)
        self.at = 0
        self.depth = 0

    def whole(self) -> Node:
        node = self.disjunction()
        token = self.found[self.at]
        if token.kind != END:
            if token.kind == OPERATOR and token.value in ")]}":
                raise self.error(f"`{token.value}` closes nothing", token)
            if token.kind == OPERATOR and token.value in _COMPARISONS:
                raise self.error("comparisons do not chain; join them by &&", token)
            raise self.error("expected && or || before this", token)
        return truth(node)

    def error(self, message: str, place: Token | Node) -> FilterError:
        return FilterError(message, self.text, place.start, place.end)

    def take(self, *operators: str) -> Token | None:
        """Return the next token where it is one of these operators or words."""
        token = self.found[self.at]
        if token.kind in {OPERATOR, NAME} and token.value in operators:
            self.at += 1
            return token
        return None

    def disjunction(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"nested deeper than {MAX_DEPTH}", self.found[self.at])
        parts = [self.conjunction()]
        while self.take("||", "or"):
            parts.append(self.conjunction())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Logic("or", [truth(part) for part in parts])

    def conjunction(self) -> Node:
        parts = [self.negation()]
        while self.take("&&", "and"):
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else Logic("and", [truth(part) for part in parts])

    def negation(self) -> Node:
        first = None if self.is_field_called_not() else self.take("!", "not")
        if not first:
            return self.comparison()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"nested deeper than {MAX_DEPTH}", first)
        node = Logic("not", [truth(self.negation())])
        self.depth -= 1
        node.start = first.start
        return node

    def is_field_called_not(self) -> bool:
        """Words that are operators are fields' names too, where an operand stands."""
        token, after, third = (self.found[min(self.at + ahead, len(self.found) - 1)] for ahead in range(3))
        if token.kind != NAME or token.value != "not":
            return False
        if after.kind == NAME and after.value == "in":
            return third.kind != OPERATOR or third.value not in _COMPARISONS
        return after.kind == OPERATOR and after.value in {*_COMPARISONS, ".", "[", "&"}

    def comparison(self) -> Node:
        left = self.bits()
        token = self.found[self.at]
        operator = self.take(*_COMPARISONS)
        if operator:
            self.operand(left, operator)
            right = self.bits()
            self.operand(right, operator)
            return Compare(operator.value, left, right, (operator.start, operator.end))
        negated = self.take("not")
        if self.take("in"):
            self.operand(left, token)
            node = self.within(left)
            return Logic("not", [node]) if negated else node
        if negated:
            raise self.error("expected `in` behind `not`", self.found[self.at])
        return left

    def operand(self, node: Node, operator: Token) -> None:
        if isinstance(node, Logic | Compare | Within):
            raise self.error(f"`{operator.value}` compares fields and constants, this is a condition", node)

    def bits(self) -> Node:
        left = self.unary()
        while operator := self.take("&", "|", "^"):
            self.operand(left, operator)
            right = self.unary()
            self.operand(right, operator)
            left = Bits(operator.value, left, right)
        return left

    def unary(self) -> Node:
        minus = self.take("-")
        if not minus:
            return self.primary()
        node = self.primary()
        if isinstance(node, Literal) and node.kind == NUMBER:
            numerator, denominator, unit = node.value
            return Literal(NUMBER, (-numerator, denominator, unit), minus.start, node.end)
        if isinstance(node, Field) and len(node.path) == 1:
            return Literal("word", (node.path[0], -1), minus.start, node.end)
        raise self.error("`-` goes before a number or a name of one", minus)

    def primary(self) -> Node:
        token = self.found[self.at]
        if token.kind in {NUMBER, STRING, ADDRESS, MAC}:
            self.at += 1
            return Literal(token.kind, token.value, token.start, token.end)
        if self.take("("):
            node = self.disjunction()
            close = self.take(")")
            if not close:
                raise self.error("expected `)`" if self.found[self.at].kind != END else "`(` is not closed", token)
            node.start, node.end = token.start, close.end
            return node
        if token.kind == NAME:
            return self.path()
        if token.kind == END:
            raise self.error("something is missing here", token)
        raise self.error(f"expected a field or a constant, found `{self.text[token.start : token.end]}`", token)

    def path(self) -> Node:
        first = self.found[self.at]
        self.at += 1
        path: list[str | int] = [first.value]
        end = first.end
        while True:
            if self.take("."):
                token = self.found[self.at]
                if token.kind != NAME:
                    raise self.error("expected a field's name behind `.`", token)
                path.append(token.value)
            elif self.take("["):
                token = self.found[self.at]
                if token.kind != NUMBER or token.value[1:] != (1, "") or token.value[0] > 1 << 24:
                    raise self.error("expected the number of an element", token)
                path.append(token.value[0])
                self.at += 1
                token = self.found[self.at]
                if token.kind != OPERATOR or token.value != "]":
                    raise self.error("expected `]`", token)
            else:
                return Field(tuple(path), first.start, end)
            self.at += 1
            end = token.end

    def within(self, left: Node) -> Within:
        opened = self.take("{", "(")
        if not opened:
            item = self.item()
            return Within(left, [item], (item[1] if isinstance(item, tuple) else item).end)
        close = "}" if opened.value == "{" else ")"
        items: list[Node | tuple[Node, Node]] = []
        while not (end := self.take(close)):
            if items and not self.take(","):
                raise self.error(f"expected `,` or `{close}`", self.found[self.at])
            if items and (end := self.take(close)):
                break
            items.append(self.item())
        if not items:
            raise FilterError("the set is empty", self.text, opened.start, end.end)
        return Within(left, items, end.end)

    def item(self) -> Node | tuple[Node, Node]:
        first = self.unary()
        self.constant(first)
        if not self.take(".."):
            return first
        last = self.unary()
        self.constant(last)
        return first, last

    def constant(self, node: Node) -> None:
        if not isinstance(node, Literal) and not (isinstance(node, Field) and len(node.path) == 1):
            raise self.error("a set holds constants", node)


def truth(node: Node) -> Node:
    """Return a node that is true or false: an operand alone is so when it is not zero."""
    return node if isinstance(node, Logic | Compare | Within | Bare) else Bare(node)
