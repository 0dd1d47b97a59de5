"""Standard output for words that come from elsewhere: what a terminal would obey is shown in place of being sent.

Every command prints through it. Events, and what guests write, do not pass here: the C core removes escapes from the
first, and a guest's output is its own.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO


class Printable:
    """A text stream that shows control and formatting characters as `\\u001b`, which JSON reads as what they are.

    New lines and tabs pass. All else is the stream's.
    """

    __slots__ = ("_stream",)

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text."""
        return self._stream.write(text if _is_plain(text) else shown(text))

    def writelines(self, lines: Any) -> None:
        """Write each of the lines."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _is_plain(text: str) -> bool:
    if text.isascii():
        return text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable()
    return text.replace("\n", "").replace("\t", "").isprintable()


def shown(text: str) -> str:
    """Return text with each character that is neither printable nor a new line or tab as `\\uXXXX`."""
    return "".join(char if char.isprintable() or char in "\n\t" else _escape(ord(char)) for char in text)


def _escape(code: int) -> str:
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
