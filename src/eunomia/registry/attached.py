"""Signatures beside files and URLs: FILE.sigstore.json and FILE.sig."""

from __future__ import annotations

import json

from eunomia.errors import FetchError, SignatureError
from eunomia.registry import signature_forms as forms
from eunomia.registry.signature_forms import Signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SUFFIXES = ((".sigstore.json", "bundle"), (".sig", "raw"))
MISSING = (403, 404, 410)  # what web servers and object stores answer for what is not there


def beside(name: str, read: Callable[[str, int], bytes | None]) -> list[Signature]:
    """Return the signatures beside a file.

    Args:
        name: the file's path or URL; of a URL the query is left where it is.
        read: returns the bytes of a name, at most so many, None where there is nothing.

    Raises:
        SignatureError: what is there is larger than a signature, or no base64.
    """
    found = []
    for suffix, form in SUFFIXES:
        path, query, rest = name.partition("?") if "://" in name else (name, "", "")
        place = f"{path}{suffix}{query}{rest}"
        data = read(place, forms.MAX_BUNDLE if form == "bundle" else forms.MAX_RAW)
        if data is not None:
            found.append(signature_of(data, form, place))
    return found


def signature_of(data: bytes, form: str, name: str) -> Signature:
    """Return the signature in a file: a bundle, a bare one, or the `--bundle` of cosign before its bundles."""
    if form == "raw" and not data.lstrip().startswith(b"{"):
        return Signature("raw", b"", forms.raw_signature(data, name), name)
    try:
        old = json.loads(data).get("base64Signature")
    except (ValueError, AttributeError, RecursionError):
        old = None
    if isinstance(old, str):
        return Signature("raw", b"", forms.raw_signature(old.encode("utf-8", "replace"), name), name)
    return Signature("bundle", data, b"", name)


def beside_file(path: str) -> list[Signature]:
    """Return the signatures beside a file.

    Raises:
        SignatureError: what is there is no signature.
        OSError: it cannot be read.
    """
    return beside(path, read_file)


def read_file(path: str, limit: int) -> bytes | None:
    """Return the bytes of a file with a signature, None where there is none.

    Raises:
        SignatureError: it is larger than that.
        OSError: it cannot be read.
    """
    data = read_whole(path, limit)
    if data is not None and len(data) > limit:
        raise SignatureError(f"read {path}: larger than {limit >> 10} KB, not a signature")
    return data


def read_whole(path: str, limit: int) -> bytes | None:
    """Return the bytes of a file, one more than the limit of a larger one, None where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        raise FetchError(f"read {path!r}: not a file name") from None
    except OSError as exc:
        raise OSError(exc.errno, f"read {path}: {(exc.strerror or str(exc)).lower()}") from exc


def beside_url(url: str, timeout: float, ca_file: str = "") -> list[Signature]:
    """Return the signatures beside a URL.

    Raises:
        SignatureError: what is there is no signature.
        FetchError: it could not be asked for.
    """
    return beside(url, lambda place, limit: read_url(place, limit, timeout, ca_file))


def read_url(url: str, limit: int, timeout: float, ca_file: str = "") -> bytes | None:
    """Return what is at a URL, None where there is nothing."""
    from eunomia.registry.http import get

    try:
        answer = get(url, timeout=timeout, max_size=limit, ca_file=ca_file)
    except FetchError as exc:
        if exc.status in MISSING:
            return None
        raise
    return answer.data if answer is not None else None
