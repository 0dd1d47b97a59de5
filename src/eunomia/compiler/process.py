"""Run a compiler: start it, read what it says, wait. (The standard library's subprocess costs 10 ms of import.)"""

from __future__ import annotations

import os


def which(name: str) -> str | None:
    """Return the path of a program, as a shell would find it, or None."""
    if "/" in name:
        return name if os.path.isfile(name) and os.access(name, os.X_OK) else None
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder or ".", name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


class Process:
    """A running program whose output and diagnostics come through one pipe; standard input is empty."""

    __slots__ = ("_pid", "_pipe")

    def __init__(self, argv: list[str]) -> None:
        """Start argv[0].

        Raises:
            OSError: it cannot be started.
        """
        reading, writing = os.pipe()
        try:
            self._pid = os.posix_spawn(
                argv[0],
                argv,
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, writing, 1),
                    (os.POSIX_SPAWN_DUP2, writing, 2),
                ],
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._pipe = reading

    def wait(self) -> tuple[int, bytes]:
        """Return the exit status (negative: the signal that ended it) and all it said."""
        parts = []
        try:
            while part := os.read(self._pipe, 1 << 16):
                parts.append(part)
        finally:
            os.close(self._pipe)
            _, status = os.waitpid(self._pid, 0)
        return os.waitstatus_to_exitcode(status), b"".join(parts)


def run(argv: list[str]) -> tuple[int, bytes]:
    """Run a program to its end; the result is that of Process.wait()."""
    return Process(argv).wait()
