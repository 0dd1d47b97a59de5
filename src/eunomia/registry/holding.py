"""Locks of the cache: one process downloads a thing that several want, and nothing is removed while something is added.

Locks are flock(2)'s: they end with their process, however that ends. Where there can be none (a read-only cache, NFS
without locks) everything goes on without.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

from eunomia.registry.store import digest_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.registry.store import Store

PAUSE = 0.05  # seconds between two tries
ALL = "all"


@contextlib.contextmanager
def downloading(store: Store, name: str, timeout: float) -> Iterator[bool]:
    """Hold the right to download a thing; yield whether another process had it meanwhile.

    Args:
        name: of its entry in the cache.
        timeout: seconds after which it is downloaded all the same: the other one may hang.
    """
    # One of 256 files that are never removed: a lock whose file is gone would lock nothing.
    with _locked(store, f"get-{digest_of(name.encode('utf-8', 'surrogateescape'))[7:9]}", fcntl.LOCK_EX, timeout) as it:
        yield it


@contextlib.contextmanager
def adding(store: Store) -> Iterator[None]:
    """Let nothing be removed until a blob and the name that leads to it are both there."""
    with _locked(store, ALL, fcntl.LOCK_SH, 10.0):
        yield


@contextlib.contextmanager
def removing(store: Store) -> Iterator[None]:
    """Let nobody add anything."""
    with _locked(store, ALL, fcntl.LOCK_EX, 10.0):
        yield


@contextlib.contextmanager
def _locked(store: Store, name: str, kind: int, timeout: float) -> Iterator[bool]:
    descriptor = _open(store, name)
    has_waited = False
    try:
        if descriptor >= 0:
            has_waited = _wait(descriptor, kind, timeout)
        yield has_waited
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _open(store: Store, name: str) -> int:
    if not store.folder:
        return -1
    try:
        os.makedirs(f"{store.folder}/locks", mode=0o700, exist_ok=True)
        return os.open(f"{store.folder}/locks/{name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return -1


def _wait(descriptor: int, kind: int, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    has_waited = False
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            has_waited = True
        except OSError:
            return has_waited
        else:
            return has_waited
        if time.monotonic() > deadline:
            return has_waited
        time.sleep(PAUSE)
