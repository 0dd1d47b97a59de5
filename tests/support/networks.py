"""Network namespaces and control groups of a test's own."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def with_own_bpffs(*words: str) -> str:
    """Run iproute2's `tc` or `ip` and return what it prints.

    Both make folders (tc, ip, xdp) in the BPF file system, and mount one where there is none: they get their own, in a
    mount namespace that ends with them.
    """
    command = ["unshare", "--mount", "sh", "-c", 'mount -t bpf none /sys/fs/bpf && exec "$@"', "sh", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def network() -> Iterator[str]:
    """A namespace with lo up, and a veth pair v0 (10.77.0.1) and v1, which is in it too but has no address."""
    name = f"eunomia-{uuid.uuid4().hex[:8]}"
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
        ip("-n", name, "addr", "add", "10.77.0.1/24", "dev", "v0")
        for device in ("v0", "v1"):
            ip("-n", name, "link", "set", device, "up")
        yield name
    finally:
        ip("netns", "del", name)


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Let this thread be in a namespace for a while."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        _setns(there)
        try:
            yield
        finally:
            _setns(before)
    finally:
        os.close(there)
        os.close(before)


def _setns(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def send_datagrams(count: int = 1, port: int = 7777) -> None:
    """Send from and to 127.0.0.1 of the namespace that the thread is in."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        taker.bind(("127.0.0.1", port))
        for _ in range(count):
            sender.sendto(b"ping", ("127.0.0.1", port))


def cgroup_root() -> Path:
    """Where cgroup v2 is mounted."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if " - cgroup2 " in line:
            return Path(line.split()[4])
    raise RuntimeError("cgroup v2 is not mounted (mount -t cgroup2 none DIRECTORY)")


@contextmanager
def cgroup() -> Iterator[Path]:
    """A control group of the test's own; processes that are still in it at the end go to the root."""
    root = cgroup_root()
    path = root / f"eunomia-{uuid.uuid4().hex[:8]}"
    path.mkdir()
    try:
        yield path
    finally:
        for pid in (path / "cgroup.procs").read_text().split():
            (root / "cgroup.procs").write_text(pid)
        path.rmdir()


@contextmanager
def joined(path: Path) -> Iterator[None]:
    """Let this process be in a control group for a while."""
    before = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))[3:]
    (path / "cgroup.procs").write_text(str(os.getpid()))
    try:
        yield
    finally:
        Path(f"{cgroup_root()}{before}/cgroup.procs").write_text(str(os.getpid()))
