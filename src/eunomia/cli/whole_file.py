"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile


def write_whole(path: str, data: bytes, *, replace: bool = True, executable: bool = False) -> None:
    """Write a file whole or not at all; what is no regular file (a pipe, /dev/null) is written into.

    Args:
        path: the file; a symbolic link's target is replaced, not the link.
        data: its bytes.
        replace: False: raise FileExistsError where there is one.
        executable: whoever may read it may run it.

    Raises:
        OSError: it cannot be written; the message names it.
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as file:
                file.write(data)
            return
        if not replace and os.path.lexists(path):
            raise FileExistsError(17, "file exists")
        place = os.path.realpath(path) if replace else path  # a link that was just put there is not followed
        descriptor, partial = tempfile.mkstemp(prefix=".ecli-", dir=os.path.dirname(place) or ".")
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
                mask = os.umask(0)
                os.umask(mask)
                os.fchmod(file.fileno(), (0o777 if executable else 0o666) & ~mask)
            os.replace(partial, place)
        except BaseException:
            os.unlink(partial)
            raise
    except OSError as exc:
        raise OSError(exc.errno, f"write {path}: {(exc.strerror or str(exc)).lower()}") from exc
