"""Pins in bpffs: an object's maps, programs and links as files that keep them, all or none.

They are made in a folder beside the final one, which takes its name when all are there; one that a crash has left
unfinished is recognised by its name and removed by `ecli clean`.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from eunomia._native import check, error, ffi, lib, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.kernel.object import Object
    from eunomia.kernel.program import Program

ROOT = "/sys/fs/bpf/eunomia"
UNFINISHED = "~"  # between the folder's name and the process that makes it
MAPS, PROGRAMS, LINKS = "maps", "programs", "links"


@dataclass(slots=True)
class Pinned:
    """What was pinned below `folder`, and in `left_out` what cannot be, and why, by program."""

    folder: str
    count: int = 0
    left_out: dict[str, str] = field(default_factory=dict)


def pin_object(live: Object, folder: str) -> Pinned:
    """Pin the maps, programs and links of a loaded object below a folder that is not there yet.

    Raises:
        FileExistsError: there is something already.
        OSError: it is not on a BPF file system, or the kernel refuses.
    """
    live.handle()
    folder = os.path.abspath(folder)
    require_bpffs(folder)
    refuse_dots(folder)
    if os.path.lexists(folder):
        raise taken(folder)
    made = f"{folder}{UNFINISHED}{os.getpid()}"
    result = Pinned(folder)
    try:
        os.makedirs(made, mode=0o700)
        _pin_all(live, made, result)
        os.rename(made, folder)
    except OSError as exc:
        remove_tree(made)
        if exc.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise taken(folder) from exc
        raise _named(exc, folder) from exc
    mark_links(live, True)
    return result


def taken(folder: str) -> FileExistsError:
    """Return the error for a place that has pins already."""
    return FileExistsError(17, f"pin {folder}: there is something already [choose another; ecli stop NAME removes it]")


def _named(exc: OSError, folder: str) -> OSError:
    """Return an error that says what was being done; those of our core say it themselves."""
    if exc.filename is None:
        return exc
    return OSError(exc.errno, f"pin {folder}: {(exc.strerror or str(exc)).lower()}")


def _pin_all(live: Object, folder: str, result: Pinned) -> None:
    for name in (MAPS, PROGRAMS, LINKS):
        os.mkdir(os.path.join(folder, name), mode=0o700)
    for name, found in live.maps.items():
        if found.fd >= 0:
            _pin(found.fd, folder, MAPS, name, result)
    for name, program in live.programs.items():
        if program.fd >= 0:
            _pin(program.fd, folder, PROGRAMS, name, result)
    seen: dict[str, int] = {}
    for _, name, fd, why in attached(live):
        if why:
            result.left_out[name] = why
        if fd < 0:
            continue
        seen[name] = number = seen.get(name, 0) + 1
        _pin(fd, folder, LINKS, name if number == 1 else f"{name}-{number}", result)


def _pin(fd: int, folder: str, kind: str, name: str, result: Pinned) -> None:
    pin_fd(fd, os.path.join(folder, kind, file_name(name)))
    result.count += 1


def pin_fd(fd: int, path: str) -> None:
    """Pin what is behind a descriptor.

    Raises:
        FileExistsError: something is pinned there.
        OSError: it is not on a BPF file system, or the kernel refuses.
    """
    check(lib.eu_pin_fd(fd, os.fsencode(path)), f"pin {path}")


def file_name(name: str) -> str:
    """Return a name as bpffs takes it, which keeps dots to itself: `opensnoo_bss`."""
    return name.replace(".", "_")


def attached(live: Object) -> Iterator[tuple[int, str, int, str]]:
    """Yield each attachment: its index, its program's name, the descriptor of its link (-1: none), why it has none."""
    names = list(live.programs)
    entry = ffi.new("struct eu_attached *")
    index = 0
    while lib.eu_attached(live.handle(), index, entry) > 0:
        yield index, names[entry.prog] if entry.prog >= 0 else "", entry.fd, text(entry.why)
        index += 1


def mark_links(live: Object, pinned: bool, program: Program | None = None) -> None:
    """Note that links are pinned, and stay when the object detaches, or that they are not."""
    for index, name, fd, _ in list(attached(live)):
        if fd >= 0 and (program is None or program.name == name):
            check(lib.eu_attached_set_pinned(live.handle(), index, pinned), "note a pin")


def pin_link(program: Program, path: str) -> None:
    """Pin the link of a program that has one.

    Raises:
        OSError: it has none, several, or one that cannot be pinned.
    """
    links = [(fd, why) for _, name, fd, why in attached(program.owner) if name == program.name]
    if len(links) != 1:
        what = "is not attached" if not links else f"has {len(links)} links [Object.pin pins them all]"
        raise OSError(errno.EINVAL, f"pin link of program {program.name}: it {what}")
    fd, why = links[0]
    if fd < 0:
        raise OSError(errno.EOPNOTSUPP, f"pin link of program {program.name}: {why}")
    require_bpffs(path)
    pin_fd(fd, path)
    mark_links(program.owner, True, program)


def require_bpffs(path: str) -> None:
    """Raise OSError where the place of a pin is not on a BPF file system; nothing is mounted for others."""
    parent = os.path.dirname(os.path.abspath(path))
    while not os.path.isdir(parent):
        parent = os.path.dirname(parent)
    answer = lib.eu_is_bpffs(os.fsencode(parent))
    if answer < 0:
        raise error(f"pin {path}")
    if not answer:
        default = "/sys/fs/bpf"
        mount = default if parent.startswith(default) or not os.path.abspath(path).startswith("/sys") else parent
        is_mounted = mount == default and lib.eu_is_bpffs(default.encode()) == 1
        hint = f"choose a folder below {default}" if is_mounted else f"mount -t bpf bpf {mount}"
        raise OSError(errno.EINVAL, f"pin {path}: {parent} is no BPF file system [{hint}]")


def refuse_dots(folder: str) -> None:
    """Raise OSError where a folder has a dot in its name, which bpffs refuses as `operation not permitted`."""
    if "." in os.path.basename(folder):
        raise OSError(errno.EINVAL, f"pin {folder}: names in bpffs have no dots")


def iter_pins(folder: str) -> Iterator[str]:
    """Yield the paths of all pins below a folder."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (os.path.join(parent, name) for name in sorted(names))


def remove_tree(folder: str) -> int:
    """Remove a folder of pins with all in it; return how many there were. What is not on a BPF file system stays.

    Raises:
        OSError: it is elsewhere, or cannot be removed.
    """
    if not os.path.isdir(folder):
        return 0
    if lib.eu_is_bpffs(os.fsencode(folder)) != 1:
        raise OSError(errno.EINVAL, f"remove pins {folder}: it is no BPF file system")
    count = 0
    # links first: what a program attached elsewhere uses goes last
    for parent, folders, names in os.walk(folder, topdown=False):
        for name in names:
            os.unlink(os.path.join(parent, name))
            count += 1
        for name in folders:
            os.rmdir(os.path.join(parent, name))
    os.rmdir(folder)
    return count
