"""What the user has allowed at a terminal, and what was verified before: small files in the user's state folder.

Both are worth as much as the folder: it belongs to this user, and nobody else can write it, or it is not used.
"""

from __future__ import annotations

import os
from errno import ENOSPC

from eunomia.caches import state_folder, why_none
from eunomia.registry.store import digest_of, is_digest

MAX_FILE = 64 << 10
MAX_LINES = 64  # digests of one source
ALLOWED, VERIFIED = "allowed", "verified"


def allowed(name: str) -> dict[str, int]:
    """Return the digests that the user has allowed of a source, with the time of each; the oldest first."""
    found = {}
    for line in _read(ALLOWED, name).splitlines()[1:]:
        digest, _, when = line.partition(" ")
        if is_digest(digest) and when.isdecimal() and len(when) < 19:
            found[digest] = int(when)
    return found


def allow(name: str, digest: str, now: float) -> str:
    """Remember that the user has allowed a digest of a source; return why that could not be written, "" if it was."""
    known = allowed(name)
    known.pop(digest, None)
    known[digest] = int(now)
    lines = [f"{each} {when}" for each, when in list(known.items())[-MAX_LINES:]]
    return _write(ALLOWED, name, "\n".join((_line(name), *lines)) + "\n")


def verified(question: bytes, now: float) -> tuple[str, str]:
    """Return whose signature was found good for a question, and where; "" where it was not, or it has ended.

    Args:
        question: all that the answer depends on: digests, and the keys, identities and roots of trust themselves.
        now: seconds since 1970.
    """
    lines = _read(VERIFIED, digest_of(question)).splitlines()
    if len(lines) not in (3, 4) or lines[0] != digest_of(question) or not lines[1].isdecimal():
        return "", ""
    until = int(lines[1])
    return (lines[2], lines[3] if len(lines) > 3 else "") if not until or now < until else ("", "")


def keep_verified(question: bytes, signer: str, until: float, origin: str = "") -> None:
    """Remember that a question was answered by a good signature, which ends at `until` (0: never), found at origin."""
    digest = digest_of(question)
    if signer.isprintable() and signer:
        place = f"{origin}\n" if origin and origin.isprintable() else ""
        _write(VERIFIED, digest, f"{digest}\n{int(until)}\n{signer}\n{place}")


def _line(name: str) -> str:
    return name if name.isprintable() else repr(name)


def _path(kind: str, name: str) -> str:
    """Return the file of a name, "" where this user has no folder of his own."""
    base = state_folder()
    return f"{base}/{kind}/{digest_of(name.encode('utf-8', 'surrogateescape'))[7:]}" if base else ""


def _read(kind: str, name: str) -> str:
    path = _path(kind, name)
    if not path:
        return ""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        facts = os.fstat(descriptor)
        if facts.st_uid != os.geteuid() or facts.st_mode & 0o022 or facts.st_size > MAX_FILE:
            return ""
        return os.read(descriptor, MAX_FILE).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def _write(kind: str, name: str, text: str) -> str:
    """Write a file beside its place and rename it there; return why that failed, "" where it did not."""
    path = _path(kind, name)
    if not path:
        return why_none(state=True)
    beside = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            data = text.encode("utf-8", "replace")
            if os.write(descriptor, data) != len(data):
                raise OSError(ENOSPC, "no space left on device")
        finally:
            os.close(descriptor)
        os.replace(beside, path)
    except OSError as exc:
        try:  # noqa: SIM105 (contextlib is not for the way of `ecli run`)
            os.unlink(beside)
        except OSError:
            pass
        return f"{path}: {(exc.strerror or str(exc)).lower()} [set XDG_STATE_HOME to a folder with room]"
    return ""
