"""Where kernels, userlands and wheels are kept between runs; several processes may make the same thing at once."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def folder() -> Path:
    """Return the cache folder: EUNOMIA_VM_CACHE, else `eunomia-tests/vm` in the user's cache."""
    if given := os.environ.get("EUNOMIA_VM_CACHE"):
        path = Path(given)
    else:
        path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eunomia-tests/vm"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of one thing in the cache, against threads and processes."""
    with open(folder() / f".{name.replace('/', '-')}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def making(target: Path) -> Iterator[Path]:
    """Give a new folder that becomes target (replacing an older one) when the block ends well, and vanishes else."""
    target.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield new
        shutil.rmtree(target, ignore_errors=True)
        new.rename(target)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def say(text: str) -> None:
    """Tell on standard error what is fetched or made: the first run takes longer than the others."""
    print(f"vm: {text}", file=sys.stderr, flush=True)
