"""Signatures that were found are kept, so that what is cached can be verified again without a network.

What is kept is not believed: it is verified anew each time, with the keys that are trusted then.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from base64 import b64decode, b64encode

from eunomia import caches
from eunomia.registry.signature_forms import MAX_BUNDLE, Signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_FILE = 4 * MAX_BUNDLE
MAX_KEPT = 100  # of one thing


def keep(subject: str, signatures: Sequence[Signature]) -> None:
    """Keep the signatures of a thing, in place of those before; where nothing can be written nothing is kept.

    Args:
        subject: digest and name of the thing.
    """
    path = _path(subject)
    rows = [
        {
            "form": each.form,
            "payload": b64encode(each.payload).decode(),
            "signature": b64encode(each.signature).decode(),
            "extra": each.extra,
            "origin": each.origin,
        }
        for each in signatures[:MAX_KEPT]
    ]
    data = json.dumps(rows, separators=(",", ":")).encode()
    if not path or len(data) > MAX_FILE:
        return
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(dir=os.path.dirname(path))
        with open(descriptor, "wb") as file:
            file.write(data)
        os.replace(partial, path)
    except OSError:
        return


def kept(subject: str) -> list[Signature]:
    """Return the signatures that were kept of a thing; none where there are none, or they are damaged."""
    path = _path(subject)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            return []
        return [
            Signature(
                str(row["form"]),
                b64decode(row["payload"]),
                b64decode(row["signature"]),
                str(row["origin"]),
                {str(name): str(value) for name, value in row["extra"].items()},
            )
            for row in json.loads(data)
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _path(subject: str) -> str:
    folder = caches.folder()
    name = hashlib.sha256(subject.encode("utf-8", "surrogateescape")).hexdigest()
    return os.path.join(folder, "signatures", f"{name}.json") if folder else ""
