"""Control groups (version 2) by path."""

from __future__ import annotations

import os

from eunomia.errors import EunomiaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class NoSuchGroupError(EunomiaError):
    """There is no such control group, or no hierarchy of version 2."""


def hierarchy(mountinfo: str = "/proc/self/mountinfo") -> str:
    """Return the folder of the cgroup2 hierarchy: where it is mounted, else a mount that nobody else sees.

    Raises:
        NoSuchGroupError: the kernel has none, or does not let us.
    """
    for folder in mounts("cgroup2", mountinfo):
        return folder
    from eunomia._native import error, lib

    descriptor = lib.eu_cgroup_mount()
    if descriptor < 0:
        raise NoSuchGroupError(f"there is no cgroup2 hierarchy ({error('mount cgroup2').strerror})")
    return f"/proc/self/fd/{descriptor}"


def mounts(kind: str, mountinfo: str = "/proc/self/mountinfo") -> Iterator[str]:
    """Yield where file systems of a kind are mounted whole, the shortest path first.

    Source: proc_pid_mountinfo(5).
    """
    found = []
    with open(mountinfo, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            words = before.split(" ")
            if after.split(" ")[0] == kind and len(words) > 4 and words[3] == "/":
                found.append(_unescaped(words[4]))
    yield from sorted(found, key=len)


def _unescaped(text: str) -> str:
    """The kernel writes blanks, tabs, new lines and backslashes as \\040."""
    parts = text.split("\\")
    return parts[0] + "".join(chr(int(part[:3], 8)) + part[3:] if part[:3].isdecimal() else part for part in parts[1:])


def find_group(text: str, root: str | None = None, mountinfo: str = "/proc/self/mountinfo") -> str:
    """Return the folder of a control group.

    Args:
        text: the folder, or the path within the hierarchy as /proc/PID/cgroup has it (`/system.slice/ssh.service`).
        root: of the hierarchy; None: where it is mounted.
        mountinfo: of this process.

    Raises:
        NoSuchGroupError: there is none.
    """
    if root is None:
        full = os.path.realpath(text)
        for kind in ("cgroup2", "cgroup"):
            for mount in mounts(kind, mountinfo):
                if (full == mount or full.startswith(f"{mount.rstrip('/')}/")) and os.path.isdir(full):
                    if kind == "cgroup2":
                        return full
                    if not any(full.startswith(f"{each}/") or full == each for each in mounts("cgroup2", mountinfo)):
                        raise NoSuchGroupError(f"{text} is a control group of version 1 [only cgroup2 is supported]")
        root = hierarchy(mountinfo)
    inside = os.path.normpath("/" + text.strip("/"))
    folder = root + inside if inside != "/" else root
    if os.path.isfile(f"{folder}/cgroup.procs"):
        return folder
    raise NoSuchGroupError(f"no control group {text} [looked below {root}{_near(root, inside)}]")


def _near(root: str, inside: str) -> str:
    """What there is where the path stops being true."""
    from difflib import get_close_matches

    parts = inside.strip("/").split("/")
    at = root
    while parts and os.path.isdir(f"{at}/{parts[0]}"):
        at = f"{at}/{parts.pop(0)}"
    try:
        names = sorted(entry.name for entry in os.scandir(at) if entry.is_dir())
    except OSError:
        return ""
    near = get_close_matches(parts[0], names, 1) if parts else []
    if near:
        return f"; did you mean {at[len(root) :]}/{near[0]}?"
    return f"; {at[len(root) :] or '/'} has {', '.join(names[:8])}{', …' if len(names) > 8 else ''}" if names else ""
