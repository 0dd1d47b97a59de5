"""Where the guest SDKs are: `sdk/` of a checkout, or the archive inside the wheel, unpacked once into the cache."""

from __future__ import annotations

import os

from eunomia.caches import why_none
from eunomia.compiler import cache
from eunomia.errors import CompileError

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ARCHIVE = os.path.join(_PACKAGE, "sdk.tar.xz")
CHECKOUT = os.path.join(os.path.dirname(os.path.dirname(_PACKAGE)), "sdk")


def folder(language: str) -> str:
    """Return the folder of a language's SDK: "c", "rust" or "go".

    Raises:
        CompileError: there is none, or it cannot be unpacked.
    """
    for base in (CHECKOUT, _unpacked() if os.path.exists(ARCHIVE) else ""):
        path = os.path.join(base, language)
        if base and os.path.isdir(path):
            return path
    raise CompileError(f"find the guest SDK for {language}: not in this installation [pip install --force-reinstall]")


def _unpacked() -> str:
    base = cache.folder()
    if not base:
        raise CompileError(f"unpack the guest SDK: {why_none()}")
    place = os.path.join(base, f"sdk-{cache.file_key(ARCHIVE)}")
    if os.path.isdir(place):
        return place
    import shutil
    import tarfile
    import tempfile

    try:
        partial = tempfile.mkdtemp(prefix="sdk-", dir=base)
        try:
            with tarfile.open(ARCHIVE) as archive:
                if hasattr(tarfile, "data_filter"):
                    archive.extractall(partial, filter="data")
                else:  # before Python 3.11.4; the archive is our own
                    archive.extractall(partial)
            os.rename(partial, place)
        except FileExistsError:
            shutil.rmtree(partial)
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)
            if not os.path.isdir(place):  # another process may have been quicker
                raise
    except OSError as exc:
        raise CompileError(f"unpack the guest SDK to {place}: {(exc.strerror or str(exc)).lower()}") from exc
    return place
