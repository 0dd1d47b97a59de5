"""Where programs of the matrix attach: a network namespace, interfaces, a control group, of the case's own.

Each is a context manager that yields words for the targets. They are entered in a process that ends with the case.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from vm.programs import marked, rtnetlink

Words = dict[str, str]
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def _unshare_network() -> None:
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare the network namespace")
    rtnetlink.set_up("lo")


@contextmanager
def anywhere() -> Iterator[Words]:
    """Nothing is needed."""
    yield {}


@contextmanager
def network() -> Iterator[Words]:
    """A network namespace with the loopback interface; it ends with the process."""
    _unshare_network()
    yield {"iface": "lo"}


@contextmanager
def veth() -> Iterator[Words]:
    """A namespace in which v0 (10.77.0.1/24) is joined to v1."""
    _unshare_network()
    rtnetlink.add_pair("veth", "v0", "v1")
    rtnetlink.add_address("v0", "10.77.0.1", 24)
    for name in ("v0", "v1"):
        rtnetlink.set_up(name)
    yield {"iface": "v0", "peer": "v1"}


def cgroup_root() -> str:
    """Return where cgroup v2 is mounted.

    Raises:
        RuntimeError: nowhere.
    """
    with open("/proc/self/mountinfo") as mounts:
        for line in mounts:
            if " - cgroup2 " in line:
                return line.split()[4]
    raise RuntimeError("cgroup v2 is not mounted")


@contextmanager
def cgroup() -> Iterator[Words]:
    """A control group that this process is in, and a network namespace."""
    _unshare_network()
    root = cgroup_root()
    path = tempfile.mkdtemp(prefix="eunomia-", dir=root)
    with open(f"{path}/cgroup.procs", "w") as procs:
        procs.write(str(os.getpid()))
    try:
        yield {"cgroup": path}
    finally:
        with open(f"{root}/cgroup.procs", "w") as procs:
            procs.write(str(os.getpid()))
        os.rmdir(path)


@contextmanager
def netkit() -> Iterator[Words]:
    """A namespace in which the netkit device n0 (10.78.0.1/24) is joined to n1; where there are none, only `lo`."""
    _unshare_network()
    try:
        rtnetlink.add_pair("netkit", "n0", "n1")
    except OSError as exc:
        if exc.errno != errno.EOPNOTSUPP:
            raise
        yield {"iface": "lo", "peer": "lo"}
        return
    rtnetlink.add_address("n0", "10.78.0.1", 24)
    for name in ("n0", "n1"):
        rtnetlink.set_up(name)
    yield {"iface": "n0", "peer": "n1"}


@contextmanager
def reuseport() -> Iterator[Words]:
    """A UDP socket of a group of one at 127.0.0.1:7300."""
    _unshare_network()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("127.0.0.1", 7300))
        yield {"fd": str(sock.fileno())}


@contextmanager
def marked_binary() -> Iterator[Words]:
    """A binary with the USDT probe `eunomia:called`, mapped into this process: before cookies (5.15) it must be."""
    with tempfile.TemporaryDirectory(prefix="eunomia-") as folder:
        marked.write(f"{folder}/marked")
        address = marked.map_code(f"{folder}/marked")
        yield {"binary": f"{folder}/marked", "address": str(address)}
