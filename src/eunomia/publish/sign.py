"""Signatures are made: of files (beside them) and of images (in their registry, in both of cosign's forms)."""

from __future__ import annotations

import os
import tempfile
from base64 import b64encode

from eunomia.errors import SignatureError
from eunomia.registry import signature_forms as forms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.publish.private_keys import PrivateKey

MAX_FILE = 256 << 20  # bytes, what a program may have
RAW_SUFFIX, BUNDLE_SUFFIX = ".sig", ".sigstore.json"


def sign_bytes(data: bytes, key: PrivateKey) -> bytes:
    """Return what a file FILE.sig has: the signature over data in base64, without a line end, as cosign writes it."""
    return b64encode(key.sign(data))


def bundle_of(data: bytes, key: PrivateKey) -> bytes:
    """Return what a file FILE.sigstore.json has: a sigstore bundle of data."""
    return forms.message_bundle(data, key.sign(data), key.public.hint)


def sign_file(path: str, key: PrivateKey, form: str = "both") -> list[str]:
    """Sign a file; return the paths of what was written beside it.

    Args:
        path: the file.
        key: who signs.
        form: simple (FILE.sig), bundle (FILE.sigstore.json) or both. An older signature there is replaced.

    Raises:
        SignatureError: it is too large.
        OSError: it cannot be read, or what is beside it cannot be written.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as exc:
        raise OSError(exc.errno, f"sign {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(data) > MAX_FILE:
        raise SignatureError(f"sign {path}: larger than {MAX_FILE >> 20} MB")
    written = []
    if form in ("simple", "both"):
        written.append(_write(path + RAW_SUFFIX, sign_bytes(data, key)))
    if form in ("bundle", "both"):
        written.append(_write(path + BUNDLE_SUFFIX, bundle_of(data, key)))
    return written


def _write(path: str, data: bytes) -> str:
    """Write a file whole or not at all."""
    folder, name = os.path.split(path)
    try:
        descriptor, partial = tempfile.mkstemp(prefix=f".{name}.", dir=folder or ".")
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), 0o644)
            os.replace(partial, path)
        except BaseException:
            os.unlink(partial)
            raise
    except OSError as exc:
        raise OSError(exc.errno, f"write {path}: {(exc.strerror or str(exc)).lower()}") from exc
    return path
