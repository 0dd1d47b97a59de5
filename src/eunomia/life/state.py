"""The state file of a run: what `ecli ps` and its like know it by. On the way of `ecli run`: imports nothing heavy.

docs/reference/life.md has the format. It is no error when it cannot be written: the run is then not found by its name.
"""

from __future__ import annotations

import os
import sys
from _json import encode_basestring_ascii as quote
from time import time

from eunomia._native import ffi, lib, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

VERSION = 1
EEXIST = 17
MAX_NAME = 64
TRIES = 200
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class State:
    """The state file of this process, held until `release`.

    Attributes:
        name: what the run is called; unique among those of this user.
    """

    __slots__ = ("_fd", "_pid", "name")

    def __init__(self, name: str, fd: int) -> None:
        self.name = name
        self._fd = fd
        self._pid = os.getpid()

    def release(self, *, keep: bool = False) -> None:
        """Remove the file; the second call does nothing, and neither does one in a forked child.

        Args:
            keep: the file stays, as the record of pins that outlive the run.
        """
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        if keep or os.getpid() != self._pid:
            os.close(fd)
        else:
            lib.eu_state_release(self.name.encode(), fd)


def is_name(name: str) -> bool:
    """Tell whether a text can be the name of a run: letters, digits, `-` and `_`, no number."""
    return 0 < len(name) <= MAX_NAME and _ALLOWED.issuperset(name) and not name.isdigit()


def name_for(package: str) -> str:
    """Return a name for a run of a package."""
    package = package.removesuffix("_bpf")  # of an object's name, NAME.bpf.o
    name = "".join(char if char in _ALLOWED else "_" for char in package)[: MAX_NAME - 4] or "run"
    return f"run-{name}" if name.isdigit() else name


def claim(
    wanted: str,
    package: str,
    *,
    exact: bool = False,
    argv: Sequence[str] | None = None,
    more: Callable[[str], Mapping[str, str]] | None = None,
) -> State | None:
    """Write this process's state file.

    Args:
        wanted: its name; where that is taken and exact is not asked for, `-2`, `-3`… is added.
        package: the package's name.
        exact: this name or none.
        argv: the command line; default: this process's.
        more: gives further members for a name, texts: `log`, `pins`, `digest`…; "" for those that do not apply.

    Returns:
        None where it cannot be written: no directory for it, a full disk.

    Raises:
        FileExistsError: exact is asked for, and a run of this name lives, or has left pins.
    """
    if lib.eu_guard_leftovers() > 0:  # a run and its guardian were killed: what they attached is not to stay
        from eunomia.life.clean import clean_journals

        clean_journals()
    number, name = 1, wanted
    while number < TRIES:
        document = _document(name, package, argv or sys.argv, more(name) if more else {})
        fd = lib.eu_state_claim(name.encode(), document, len(document))
        if fd >= 0:
            return State(name, fd)
        if lib.eu_errno() != EEXIST:
            return None
        if _has_lost_its_pins(name):
            continue
        if exact:
            raise FileExistsError(EEXIST, f"run named {name}: there is one already")
        number += 1
        name = f"{wanted}-{number}"
    return None


def _has_lost_its_pins(name: str) -> bool:
    """Take a state file away that is the record of pins which somebody has removed; tell whether it was one."""
    from eunomia.life.runs import read_states

    run = read_states().runs.get(name)
    if run is None or run.is_alive or not run.pins or os.path.isdir(run.pins):
        return False
    return bool(lib.eu_state_take_away(f"{name}.json".encode()) > 0)


def why_not() -> str:
    """Return why the last `claim` of this thread gave None."""
    return text(lib.eu_error())


def _document(name: str, package: str, argv: Sequence[str], more: Mapping[str, str]) -> bytes:
    pid = os.getpid()
    words = ",".join(quote(word) for word in argv)
    rest = "".join(f",{quote(key)}:{quote(value)}" for key, value in more.items() if value)
    return (
        f'{{"version":{VERSION},"name":{quote(name)},"package":{quote(package)},"pid":{pid},'
        f'"start":{lib.eu_process_start(pid)},"since":{time():.3f},"argv":[{words}]{rest}}}\n'
    ).encode()


def directory() -> str:
    """Return where state files are.

    Raises:
        OSError: this user has no such place.
    """
    room = ffi.new("char[]", 4096)
    if lib.eu_state_dir(room, 4096) < 0:
        raise OSError(lib.eu_errno(), text(lib.eu_error()))
    return os.fsdecode(ffi.string(room))
