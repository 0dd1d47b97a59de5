"""The bytes of a package: JSON text, base64 and zlib, with every size bounded. Imports C modules only."""

from __future__ import annotations

import _json
from binascii import Error as BinasciiError
from binascii import a2b_base64, b2a_base64
from zlib import compress, decompressobj
from zlib import error as ZlibError

from eunomia.errors import PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAX_DOCUMENT = 256 << 20
MAX_OBJECT = 64 << 20
_MAX_DEPTH = 200


class _Context:
    """What the C scanner asks of a decoder (the attributes of json.JSONDecoder)."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int

    @staticmethod
    def parse_constant(text: str) -> float:
        raise ValueError(f"{text} is not JSON")


_scan: Callable[[str, int], tuple[Any, int]] = _json.make_scanner(_Context)  # type: ignore[arg-type]
_SPACE = " \t\n\r"


def parse_json(text: str) -> Any:
    """Return the value of a JSON document.

    Raises:
        PackageError: it is none; with line and column.
    """
    try:
        value, end = _scan(text, len(text) - len(text.lstrip(_SPACE)))
        if not text[end:].strip(_SPACE):
            return value
    except RecursionError:
        raise PackageError("read package: JSON nested too deep") from None
    except (StopIteration, SystemError, ValueError, TypeError):
        pass
    raise PackageError(f"read package: malformed JSON: {_why(text)}")


def _why(text: str) -> str:
    """Ask the slow parser where the mistake is."""
    import json

    def refuse(constant: str) -> float:
        raise ValueError(f"{constant} is not JSON")

    try:
        json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as exc:
        said = exc.msg.removesuffix(" starting at")
        return f"{said[:1].lower()}{said[1:]} at line {exc.lineno}, column {exc.colno}"
    except (ValueError, RecursionError) as exc:
        return str(exc)
    return "not understood"


def dump_json(value: Any, *, indent: int | None = None) -> str:
    """Return a value as upstream's ecc writes it: keys sorted, minified, no newline at the end."""
    import json

    separators = (",", ":") if indent is None else (",", ": ")
    try:
        return json.dumps(
            value, sort_keys=True, ensure_ascii=False, separators=separators, indent=indent, allow_nan=False
        )
    except RecursionError:
        raise PackageError("write package: nested too deep") from None
    except (ValueError, TypeError) as exc:
        raise PackageError(f"write package: {exc}") from None


def decode_text(data: bytes) -> str:
    """Return the text of a document, without a byte order mark."""
    if len(data) > MAX_DOCUMENT:
        raise PackageError(f"read package: {len(data)} bytes, at most {MAX_DOCUMENT} are read")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as exc:
        raise PackageError(f"read package: byte {exc.start} is not UTF-8: not a JSON package") from None


def unpack(text: str, place: str) -> bytes:
    """Return the bytes behind base64 text.

    Raises:
        PackageError: not standard base64 with padding.
    """
    try:
        return a2b_base64(text.encode("ascii"), strict_mode=True)
    except UnicodeEncodeError:
        raise PackageError(f"`{place}`: malformed base64: a character that is not ASCII") from None
    except BinasciiError as exc:
        raise PackageError(f"`{place}`: malformed base64: {_lower(str(exc))} (damaged, or not made by ecc?)") from None


def inflate(data: bytes, place: str, limit: int = MAX_OBJECT) -> bytes:
    """Return what a zlib stream holds, never more than limit bytes.

    Raises:
        PackageError: not a zlib stream, cut off, followed by other bytes, or longer than limit.
    """
    stream = decompressobj()
    try:
        out = stream.decompress(data, limit + 1)
    except ZlibError as exc:
        cause = str(exc).rsplit(": ", 1)[-1]
        raise PackageError(f"`{place}`: malformed compressed data: {cause}") from None
    if len(out) > limit:
        raise PackageError(f"`{place}`: inflates to more than {limit} bytes")
    if not stream.eof:
        raise PackageError(f"`{place}`: malformed compressed data: cut off after {len(data)} bytes")
    if stream.unused_data:
        raise PackageError(f"`{place}`: malformed compressed data: {len(stream.unused_data)} more bytes after its end")
    return out


def unpack_object(text: str, size: int, place: str) -> bytes:
    """Return the object of a package: base64 of a zlib stream that inflates to `size` bytes."""
    if size > MAX_OBJECT:
        raise PackageError(f"`{place}_size`: {size} bytes, at most {MAX_OBJECT} are read")
    data = unpack(text, place)
    stream = decompressobj()
    try:
        out = stream.decompress(data, size + 1)
    except ZlibError:
        return inflate(data, place, size)
    if len(out) > size:
        raise PackageError(f"`{place}_size`: {size} in the package, but the object inflates to more")
    if len(out) < size and stream.eof:
        raise PackageError(f"`{place}_size`: {size} in the package, but the object has {len(out)} bytes")
    if not stream.eof or stream.unused_data:
        return inflate(data, place, size)
    return out


def pack(data: bytes, level: int = 6) -> str:
    """Return bytes as base64 of a zlib stream."""
    return b2a_base64(compress(data, level), newline=False).decode("ascii")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
