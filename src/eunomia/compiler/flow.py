"""Event types where macros see only `void *`: the dataflow of a source's own functions, over libclang's AST.

Records are followed from the calls of the helpers back through casts, assignments, returns and parameters to a
pointer that has a type, and to the map whose address is taken. Needs the Python package libclang (or python3-clang).
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

_HELPERS = {  # (argument that is the map, argument that is the record)
    "bpf_ringbuf_output": (0, 1),
    "bpf_perf_event_output": (1, 3),
    "bpf_skb_output": (1, 3),
    "bpf_xdp_output": (1, 3),
}
_DEPTH = 6
_SPACE = re.compile(rb"(?:\s|;|//[^\n]*|/\*.*?\*/|#(?:\\\r?\n|[^\n])*)+", re.S)
_WORD = re.compile(rb"\w+|.", re.S)
_QUALIFIERS = re.compile(r"\b(?:const|volatile|restrict)\b ?")


def available() -> bool:
    """Whether libclang can be loaded."""
    return _index() is not None


def _index() -> Any:
    try:
        from clang.cindex import Index, LibclangError  # type: ignore[import-untyped]  # libclang has no types

        try:
            return Index.create()
        except LibclangError:
            return None
    except ImportError:
        return None


def infer(path: str, flags: Sequence[str], own: Sequence[str]) -> dict[str, list[str]]:
    """Return the C names of the types that go through each map.

    Args:
        path: the source.
        flags: as clang gets them.
        own: folders whose headers belong to the source.

    Returns:
        An empty dict where libclang is not there or does not understand the source.
    """
    index = _index()
    if index is None:
        return {}
    from clang.cindex import TranslationUnitLoadError

    try:
        unit = index.parse(path, ["-x", "c", "-target", "bpf", "-w", *flags])
    except TranslationUnitLoadError:
        return {}
    files = [path]
    for inclusion in unit.get_includes():
        name = inclusion.include.name
        if (
            not name.endswith("vmlinux.h")
            and any(name.startswith(f"{folder}/") for folder in own)
            and name not in files
        ):
            files.append(name)
    functions = [cursor for name in files for cursor in _top_level(unit, name) if _is_function(cursor)]
    found: dict[str, list[str]] = {}
    for map_name, type_name in sorted(_Flow(functions).run()):
        found.setdefault(map_name, []).append(type_name)
    return found


def _is_function(cursor: Any) -> bool:
    from clang.cindex import CursorKind

    return bool(cursor.kind == CursorKind.FUNCTION_DECL and cursor.is_definition())


def _top_level(unit: Any, path: str) -> Iterator[Any]:
    """The top-level cursors of one file, by hopping over its text: visiting all of vmlinux.h costs 60 to 290 ms."""
    from clang.cindex import Cursor, SourceLocation

    file = unit.get_file(path)
    try:
        with open(path, "rb") as stream:
            text = stream.read()
    except OSError:
        return
    at = 0
    while at < len(text):
        blank = _SPACE.match(text, at)
        if blank:
            at = blank.end()
            continue
        cursor = Cursor.from_location(unit, SourceLocation.from_offset(unit, file, at))
        top = _outermost(cursor)
        if top is None:
            word = _WORD.match(text, at)
            at = word.end() if word else at + 1
            continue
        yield top
        end = top.extent.end
        at = end.offset if end.file and end.file.name == path and end.offset > at else at + 1


def _outermost(cursor: Any) -> Any:
    from clang.cindex import CursorKind

    unit = CursorKind.TRANSLATION_UNIT
    if cursor is None or cursor.kind.is_invalid() or cursor.kind == unit or cursor.kind.is_preprocessing():
        return None
    parent = cursor.semantic_parent
    while parent is not None and parent.kind != unit and not parent.kind.is_invalid():
        cursor, parent = parent, parent.semantic_parent
    return cursor


class _Function:
    __slots__ = ("assigned", "calls", "params", "returns")

    def __init__(self, cursor: Any) -> None:
        self.params = [argument.spelling for argument in cursor.get_arguments()]
        self.calls: list[tuple[str, list[Any], Any]] = []
        self.assigned: dict[str, list[Any]] = {}
        self.returns: list[Any] = []
        self._walk(cursor)

    def _walk(self, cursor: Any) -> None:
        from clang.cindex import CursorKind

        kind = cursor.kind
        children = list(cursor.get_children())
        if kind == CursorKind.CALL_EXPR:
            self.calls.append((_called(cursor, children), children[1:], cursor))
        elif kind == CursorKind.VAR_DECL:
            values = [child for child in children if child.kind.is_expression()]
            if values:
                self.assigned.setdefault(cursor.spelling, []).append(values[-1])
        elif kind == CursorKind.BINARY_OPERATOR and len(children) == 2:
            left = _bare(children[0])
            if left.kind == CursorKind.DECL_REF_EXPR:
                self.assigned.setdefault(left.spelling, []).append(children[1])
        elif kind == CursorKind.RETURN_STMT and children:
            self.returns.append(children[0])
        for child in children:
            self._walk(child)


def _called(cursor: Any, children: list[Any]) -> str:
    name = cursor.spelling or (_bare(children[0]).spelling if children else "")
    # BPF_PROG and BPF_KPROBE put the body into ____name
    return str(name)


def _bare(cursor: Any) -> Any:
    """An expression without casts and parentheses."""
    from clang.cindex import CursorKind

    while cursor.kind in (CursorKind.UNEXPOSED_EXPR, CursorKind.PAREN_EXPR, CursorKind.CSTYLE_CAST_EXPR):
        inner = [child for child in cursor.get_children() if child.kind.is_expression()]
        if not inner:
            break
        cursor = inner[-1]
    return cursor


def _pointee(kind: Any) -> Any:
    from clang.cindex import TypeKind

    canonical = kind.get_canonical()
    if canonical.kind == TypeKind.POINTER:
        target = kind.get_pointee()
        return target if target.kind != TypeKind.INVALID else canonical.get_pointee()
    if canonical.kind in (TypeKind.CONSTANTARRAY, TypeKind.INCOMPLETEARRAY):
        return canonical.element_type if canonical.element_type.get_canonical().kind == TypeKind.RECORD else kind
    return None


# Where a value comes from: ("type", spelling), ("map", name), ("param", index), or nothing.
_Origin = tuple[str, "str | int"]
_UNKNOWN: _Origin = ("", "")


class _Flow:
    """One source's functions, and who calls them with what."""

    __slots__ = ("_functions",)

    def __init__(self, functions: list[Any]) -> None:
        self._functions = {cursor.spelling: _Function(cursor) for cursor in functions}

    def run(self) -> set[tuple[str, str]]:
        """Return pairs of map and type."""
        found: set[tuple[str, str]] = set()
        pending = [(name, *site) for name, function in self._functions.items() for site in self._sites(function)]
        seen: set[tuple[str, _Origin, _Origin]] = set()
        while pending:
            item = pending.pop()
            if item in seen or len(seen) > 10_000:
                continue
            seen.add(item)
            name, where, what = item
            if where[0] == "map" and what[0] == "type":
                found.add((str(where[1]), str(what[1])))
            elif where[0] in ("param", "reserved") or what[0] == "param":
                pending += self._callers(name, where, what)
        return found

    def _sites(self, function: _Function) -> Iterator[tuple[_Origin, _Origin]]:
        for index, (name, arguments, _) in enumerate(function.calls):
            places = _HELPERS.get(name)
            if places and len(arguments) > places[1]:
                yield self._map(function, arguments[places[0]]), self._data(function, arguments[places[1]])
            elif name == "bpf_ringbuf_submit" and arguments:
                yield self._reserved(function, arguments[0]), self._data(function, arguments[0])
            elif name == "bpf_ringbuf_reserve_dynptr" and len(arguments) > 3:
                for record in self._through_dynptr(function, _variable(arguments[3]), index + 1):
                    yield self._map(function, arguments[0]), record

    def _callers(self, name: str, where: _Origin, what: _Origin) -> Iterator[tuple[str, _Origin, _Origin]]:
        for caller, function in self._functions.items():
            for called, arguments, _ in function.calls:
                if called != name:
                    continue
                new_where, new_what = where, what
                if where[0] in ("param", "reserved") and int(where[1]) < len(arguments):
                    look = self._map if where[0] == "param" else self._reserved
                    new_where = look(function, arguments[int(where[1])])
                if what[0] == "param" and int(what[1]) < len(arguments):
                    new_what = self._data(function, arguments[int(what[1])])
                yield caller, new_where, new_what

    def _data(self, function: _Function, value: Any, depth: int = 0) -> _Origin:
        """The type that a pointer has somewhere on its way here."""
        from clang.cindex import CursorKind, TypeKind

        if value.kind in (CursorKind.CSTYLE_CAST_EXPR, CursorKind.UNEXPOSED_EXPR):
            named = self._typed(value)
            if named:
                return ("type", named)
        value = _bare(value)
        target = _pointee(value.type)
        if target is not None and target.get_canonical().kind != TypeKind.VOID:
            named = self._typed(value)
            return ("type", named) if named else _UNKNOWN
        if value.kind == CursorKind.DECL_REF_EXPR and depth < _DEPTH:
            for source in function.assigned.get(value.spelling, ()):
                origin = self._data(function, source, depth + 1)
                if origin[0]:
                    return origin
            # a void pointer from reserve that a typed variable took over: `struct event *e = buffer;`
            for name, sources in function.assigned.items():
                if name != value.spelling and any(_variable(source) == value.spelling for source in sources):
                    taken = next((each for each in self._references(function, name)), None)
                    if taken:
                        return ("type", taken)
            if value.spelling in function.params:
                return ("param", function.params.index(value.spelling))
        return _UNKNOWN

    def _references(self, function: _Function, name: str) -> Iterator[str]:
        for _, arguments, _ in function.calls:
            for argument in arguments:
                for cursor in argument.walk_preorder():
                    if cursor.spelling == name and cursor.kind.is_expression():
                        named = self._typed(cursor)
                        if named:
                            yield named

    def _typed(self, value: Any) -> str:
        from clang.cindex import TypeKind

        target = _pointee(value.type)
        if target is None:
            return ""
        canonical = target.get_canonical()
        if canonical.kind in (TypeKind.VOID, TypeKind.FUNCTIONPROTO, TypeKind.CHAR_S, TypeKind.CHAR_U, TypeKind.UCHAR):
            return ""
        name = _QUALIFIERS.sub("", target.spelling).strip()
        return "" if "(" in name else name

    def _map(self, function: _Function, value: Any, depth: int = 0) -> _Origin:
        """The map whose address an argument is."""
        from clang.cindex import CursorKind

        value = _bare(value)
        if value.kind == CursorKind.DECL_REF_EXPR and value.spelling in function.params:
            return ("param", function.params.index(value.spelling))
        for cursor in value.walk_preorder():
            if cursor.kind != CursorKind.DECL_REF_EXPR:
                continue
            target = cursor.referenced
            parent = target.semantic_parent if target is not None else None
            if parent is not None and parent.kind == CursorKind.TRANSLATION_UNIT and target.kind == CursorKind.VAR_DECL:
                return ("map", cursor.spelling)
            for source in function.assigned.get(cursor.spelling, ()) if depth < _DEPTH else ():
                origin = self._map(function, source, depth + 1)
                if origin[0]:
                    return origin
        return _UNKNOWN

    def _reserved(self, function: _Function, value: Any, depth: int = 0) -> _Origin:
        """The map that a pointer was reserved from."""
        from clang.cindex import CursorKind

        value = _bare(value)
        if depth > _DEPTH:
            return _UNKNOWN
        if value.kind == CursorKind.CALL_EXPR:
            return self._reserved_by_call(function, value, depth)
        if value.kind == CursorKind.DECL_REF_EXPR:
            if value.spelling in function.params:
                return ("reserved", function.params.index(value.spelling))
            inner = function.assigned.get(value.spelling, [])
        else:
            inner = [child for child in value.get_children() if child.kind.is_expression()]
        for each in inner:
            origin = self._reserved(function, each, depth + 1)
            if origin[0]:
                return origin
        return _UNKNOWN

    def _reserved_by_call(self, function: _Function, call: Any, depth: int) -> _Origin:
        children = list(call.get_children())
        name, arguments = _called(call, children), children[1:]
        if name == "bpf_ringbuf_reserve" and arguments:
            return self._map(function, arguments[0])
        callee = self._functions.get(name)
        if callee is None:
            return _UNKNOWN
        for each in callee.returns:
            origin = self._reserved(callee, each, depth + 1)
            if origin[0] == "param" and int(origin[1]) < len(arguments):
                origin = self._map(function, arguments[int(origin[1])])
            if origin[0]:
                return origin
        return _UNKNOWN

    def _through_dynptr(self, function: _Function, pointer: str, start: int) -> Iterator[_Origin]:
        """Types that are written to the start of a dynptr, or that its data is taken as, until it is reserved anew."""
        from clang.cindex import CursorKind

        for name, arguments, call in function.calls[start:]:
            if name == "bpf_ringbuf_reserve_dynptr" and len(arguments) > 3 and _variable(arguments[3]) == pointer:
                break
            if (
                name == "bpf_dynptr_write"
                and len(arguments) > 2
                and _variable(arguments[0]) == pointer
                and _is_zero(arguments[1])
            ):
                yield self._data(function, arguments[2])
            elif (
                name in ("bpf_dynptr_data", "bpf_dynptr_slice_rdwr")
                and arguments
                and _variable(arguments[0]) == pointer
            ):
                if len(arguments) > 1 and not _is_zero(arguments[1]):
                    continue
                for variable, sources in function.assigned.items():
                    if any(_bare(source) == call for source in sources):
                        yield from (("type", named) for named in self._references(function, variable))
                        for cursor in _declared(call, variable, CursorKind):
                            named = self._typed(cursor)
                            if named:
                                yield ("type", named)


def _declared(call: Any, variable: str, kinds: Any) -> Iterator[Any]:
    """The declaration of a local variable in the function around a call."""
    parent = call.translation_unit.cursor
    for top in _enclosing(call, parent):
        for cursor in top.walk_preorder():
            if cursor.kind == kinds.VAR_DECL and cursor.spelling == variable:
                yield cursor


def _enclosing(call: Any, unit: Any) -> Iterator[Any]:
    from clang.cindex import Cursor

    top = _outermost(Cursor.from_location(call.translation_unit, call.extent.start))
    if top is not None and top != unit:
        yield top


def _variable(value: Any) -> str:
    """The variable that an argument names: `p`, `&p`, `(void *)&p`."""
    from clang.cindex import CursorKind

    for cursor in _bare(value).walk_preorder():
        if cursor.kind == CursorKind.DECL_REF_EXPR:
            return str(cursor.spelling)
    return ""


def _is_zero(value: Any) -> bool:
    words = [token.spelling for token in _bare(value).get_tokens()]
    return words[:1] in (["0"], ["0U"], ["0UL"]) and len(words) == 1
