"""What a failure looks like: one line on standard error; with -v also the log and the traceback."""

from __future__ import annotations

import errno
import os
import sys

from eunomia.cli.parser import UsageError, Verbosity
from eunomia.errors import CompileError, EunomiaError

WRITE_ERRORS = (errno.EBADF, errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO)


def report(program: str, exc: BaseException) -> None:
    """Write the line of an exception; a compiler's diagnostics come before it, the traceback and the log with -v."""
    lines = []
    diagnostics = getattr(exc, "diagnostics", "")
    if diagnostics:
        lines.append(diagnostics.rstrip("\n"))
    of_guest = getattr(exc, "ending", "")  # how a guest ended is no fault of ours
    if Verbosity.level > bool(of_guest) and not isinstance(exc, UsageError):
        import traceback

        chain = not isinstance(exc, EunomiaError)  # ours say all of their cause
        trace = "".join(traceback.format_exception(exc, chain=chain)).rstrip("\n")
        lines += [clean(line) for line in trace.split("\n")]
    lines.append(f"{program}: {one_line(exc)}")
    marked = getattr(exc, "marked", "")
    if marked:
        lines.append(marked)
    try:
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()
    except OSError:
        pass  # nobody is left to be told


def one_line(exc: BaseException) -> str:
    """Return the message of an exception as one line without control characters."""
    return clean(" ".join(_message(exc).split()))


def clean(text: str) -> str:
    """Return text with control characters shown as `\\x1b`: file names and packages come from outside."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def _message(exc: BaseException) -> str:
    if isinstance(exc, CompileError):
        return exc.message  # its diagnostics stand before it
    if isinstance(exc, EunomiaError):
        return str(exc)
    if isinstance(exc, OSError):
        if exc.filename is not None and exc.strerror:
            return f"{os.fsdecode(exc.filename)}: {exc.strerror[:1].lower()}{exc.strerror[1:]}"
        if exc.strerror and exc.errno in WRITE_ERRORS and exc.strerror == os.strerror(exc.errno):
            return f"write output: {exc.strerror.lower()}"  # only our own printing raises these without saying more
        return exc.strerror or str(exc)
    if isinstance(exc, MemoryError):
        return "out of memory"
    if isinstance(exc, ImportError) and "_core" in str(exc):
        return f"import the C extension: {exc} [install the wheel for this machine, or run the set-up of the checkout]"
    return f"internal error: {type(exc).__name__}: {exc} [run with -v and report it]"
