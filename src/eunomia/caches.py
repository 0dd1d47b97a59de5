"""The folders for what is kept between calls: compiled headers, compiled guests, downloads; what the user allowed."""

from __future__ import annotations

import os


def folder(*, must_write: bool = True) -> str:
    """Return the folder of the cache, made if need be; where it cannot be used, an empty string.

    Args:
        must_write: one that can be read only cannot be used.
    """
    return _own("XDG_CACHE_HOME", ".cache", must_write=must_write)


def state_folder(*, must_write: bool = False) -> str:
    """Return the folder for what the user decided and must not be lost with a cache; as `folder` does."""
    return _own("XDG_STATE_HOME", ".local/state", must_write=must_write)


def why_none(*, state: bool = False) -> str:
    """Return why there is no folder of the cache (or of the state) that can be used, and what to do."""
    variable, below = ("XDG_STATE_HOME", ".local/state") if state else ("XDG_CACHE_HOME", ".cache")
    path = _path(variable, below)
    hint = f"[set {variable} to a folder of your own]"
    if not path:
        return f"there is no home folder {hint}"
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        facts = os.stat(path)
    except OSError as exc:
        return f"{exc.filename or path}: {(exc.strerror or str(exc)).lower()} {hint}"
    if facts.st_uid != os.geteuid():
        return f"{path} is another user's {hint}"
    if facts.st_mode & 0o022:
        return f"{path} can be written by others [chmod go-w {path}]"
    return f"{path} cannot be written {hint}"


def _path(variable: str, below: str) -> str:
    base = os.environ.get(variable, "")
    if not os.path.isabs(base):
        own = home()
        base = os.path.join(own, below) if os.path.isabs(own) else ""
    return os.path.join(base, "eunomia") if base else ""


def _own(variable: str, below: str, *, must_write: bool) -> str:
    path = _path(variable, below)
    if not path:
        return ""
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        # A cache that another user can write would let him choose what we compile, or run.
        facts = os.stat(path)
    except OSError:
        return ""
    if facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
        return ""
    return path if not must_write or os.access(path, os.W_OK) else ""


def home() -> str:
    """Our own user's home: under `sudo -E`, $HOME is another's, and what root makes there would lock him out."""
    home = os.path.expanduser("~")
    try:
        if os.stat(home).st_uid == os.geteuid():
            return home
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_dir
    except (OSError, KeyError):
        return home
