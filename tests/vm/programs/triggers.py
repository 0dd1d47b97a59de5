"""What makes the programs of the matrix run. Each takes the live case, and may return how often it fired.

Where it returns nothing, the program's own counter `hits` says it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from typing import TYPE_CHECKING

from vm.programs.places import libc

if TYPE_CHECKING:
    from vm.programs.cell import Live


def fsync(_: Live) -> None:
    """A system call that both architectures have."""
    libc.fsync(-1)


def rmdir(_: Live) -> None:
    """Remove a folder whose name begins with `e`."""
    path = tempfile.mkdtemp(prefix="eunomia-")
    try:
        os.rmdir(path)
    except PermissionError:
        return  # a program that denies it: see denied_rmdir
    raise_if_left(path)


def denied_rmdir(live: Live) -> int:
    """A folder that may not be removed; 0 where it could be."""
    path = tempfile.mkdtemp(prefix="eunomia-")
    denied = 0
    try:
        os.rmdir(path)
    except PermissionError:
        denied = 1
    live.obj.detach()
    if denied:
        os.rmdir(path)
    return live.hits() if denied else 0


def raise_if_left(path: str) -> None:
    """Fail where the folder is still there."""
    if os.path.exists(path):
        raise RuntimeError(f"{path} is still there")


def getppid(_: Live) -> None:
    """A function of libc."""
    libc.getppid()


def datagram(address: str = "127.0.0.1", port: int = 7300) -> None:
    """Send one UDP datagram and forget it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"eunomia", (address, port))


def loopback(_: Live) -> None:
    """A datagram from and to the loopback interface."""
    datagram()


def over_veth(live: Live) -> None:
    """A frame that v1 sends and v0 receives."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((live.words["peer"], 0))
        sock.send(b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x08\x00" + bytes(50))


def connect4(_: Live) -> None:
    """A connected UDP socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.connect(("127.0.0.1", 7300))


def read_iterator(live: Live) -> int:
    """Read what the iterator prints; the lines that name this process count."""
    with live.obj.programs["handle"].iterate() as text:
        lines = text.read().decode().splitlines()
    return lines.count(f"task {os.getpid()}")
