"""Our own diagnostics, in the compiler's form: file, line, column, the line itself and a caret."""

from __future__ import annotations

_BOLD, _RED, _MAGENTA, _GREEN, _OFF = "\x1b[1m", "\x1b[0;1;31m", "\x1b[0;1;35m", "\x1b[0;1;32m", "\x1b[0m"


class Reporter:
    """Collects what is wrong with the annotations of one source.

    Attributes:
        errors: how many there are.
        text: all of it, as clang would print it.
    """

    __slots__ = ("_color", "_path", "_source", "errors", "text")

    def __init__(self, path: str, source: str, *, color: bool = False) -> None:
        self._path = path
        self._source = source
        self._color = color
        self.errors = 0
        self.text = ""

    def error(self, offset: int, message: str) -> None:
        """Note a mistake at an offset of the source."""
        self.errors += 1
        self.text += self._render("error", _RED, offset, message)

    def warning(self, offset: int, message: str) -> None:
        """Note what is likely a mistake."""
        self.text += self._render("warning", _MAGENTA, offset, message)

    def _render(self, level: str, color: str, offset: int, message: str) -> str:
        start = self._source.rfind("\n", 0, offset) + 1
        end = self._source.find("\n", offset)
        line = self._source[start : end if end >= 0 else None].rstrip("\r")
        row = self._source.count("\n", 0, start) + 1
        column = len(self._source[start:offset].encode()) + 1
        pad = "".join("\t" if letter == "\t" else " " for letter in self._source[start:offset])
        place = f"{self._path}:{row}:{column}:"
        if self._color:
            return f"{_BOLD}{place} {color}{level}: {_OFF}{_BOLD}{message}{_OFF}\n{line}\n{_GREEN}{pad}^\n{_OFF}"
        return f"{place} {level}: {message}\n{line}\n{pad}^\n"
