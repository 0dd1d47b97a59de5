"""What a test could leave behind: BPF objects, pins, mounts, qdiscs, network namespaces, processes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import socket
import struct
import time
from collections.abc import Iterator

from support.commands import SESSION_VARIABLE

_SYS_BPF = {"x86_64": 321, "aarch64": 280}.get(platform.machine(), 321)
_NEXT_ID = {"program": 11, "map": 12, "link": 31}  # BPF_PROG_GET_NEXT_ID, BPF_MAP_GET_NEXT_ID, BPF_LINK_GET_NEXT_ID
_FDINFO = {b"prog_id": "program", b"map_id": "map", b"link_id": "link"}
_libc = ctypes.CDLL(None, use_errno=True)


def bpf_ids(kind: str) -> set[int]:
    """Return the ids of all programs, maps or links in the kernel. Needs CAP_SYS_ADMIN."""
    found: set[int] = set()
    attr = bytearray(64)
    buffer = (ctypes.c_char * 64).from_buffer(attr)
    while True:
        if _libc.syscall(_SYS_BPF, _NEXT_ID[kind], buffer, 64):
            return found
        (number,) = struct.unpack_from("<I", attr, 4)
        found.add(number)
        attr[:] = struct.pack("<I", number).ljust(64, b"\0")


def holders() -> dict[tuple[str, int], set[int]]:
    """Return the processes that hold a descriptor of each BPF object."""
    found: dict[tuple[str, int], set[int]] = {}
    for pid in _pids():
        try:
            for name in os.listdir(f"/proc/{pid}/fd"):
                if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("anon_inode:bpf"):
                    continue
                with open(f"/proc/{pid}/fdinfo/{name}", "rb") as file:
                    for line in file:
                        key, _, value = line.partition(b":")
                        if key in _FDINFO:
                            found.setdefault((_FDINFO[key], int(value)), set()).add(pid)
        except OSError:
            continue
    return found


def session_processes(session: str) -> dict[int, str]:
    """Return the processes that this test session started and that still run: pid to command line."""
    wanted, found = f"{SESSION_VARIABLE}={session}".encode(), {}
    for pid in _pids():
        if pid == os.getpid():
            continue
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if wanted not in file.read().split(b"\0"):
                    continue
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                found[pid] = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
    return found


def qdiscs() -> set[tuple[str, str]]:
    """Return (interface, kind) of every clsact and ingress qdisc of this network namespace."""
    found: set[tuple[str, str]] = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.bind((0, 0))
        link.send(
            struct.pack("<IHHIIBxxxiIII", 36, 38, 0x301, 1, 0, 0, 0, 0, 0, 0)
        )  # RTM_GETQDISC, NLM_F_REQUEST | NLM_F_DUMP
        while True:
            data = link.recv(65536)
            while len(data) >= 16:
                length, kind = struct.unpack_from("<IH", data)
                if kind in (2, 3) or length < 16:  # NLMSG_ERROR, NLMSG_DONE
                    return found
                name = _attribute(data[36:length], 1).rstrip(b"\0").decode()  # TCA_KIND
                if name in ("clsact", "ingress"):
                    found.add((socket.if_indextoname(struct.unpack_from("<i", data, 20)[0]), name))
                data = data[(length + 3) & ~3 :]


def pins(folder: str = "/sys/fs/bpf") -> set[str]:
    """Return every file and folder under the BPF file system."""
    return {os.path.join(parent, name) for parent, below, names in os.walk(folder) for name in below + names}


def mounts() -> set[str]:
    """Return where a file system is mounted that tools mount by themselves: bpf, tracefs, debugfs, cgroup2."""
    with open("/proc/self/mountinfo") as file:
        lines = [line.partition(" - ") for line in file]
    return {
        f"{after.split()[0]} on {before.split()[4]}"
        for before, _, after in lines
        if after.split()[0] in ("bpf", "tracefs", "debugfs", "cgroup2")
    }


class Snapshot:
    """The state at one moment. `left_behind` compares a later one with it, with patience for what goes by itself."""

    def __init__(self) -> None:
        self.objects = {(kind, number) for kind in _NEXT_ID for number in bpf_ids(kind)}
        self.pins, self.qdiscs, self.namespaces, self.mounts = pins(), qdiscs(), _names("/run/netns"), mounts()

    def left_behind(self, session: str, patience: float = 10) -> list[str]:
        """Return a line for each thing that is there now, was not then, and that no process of others holds."""
        deadline = time.monotonic() + patience
        while (found := self._found(session)) and time.monotonic() < deadline:
            time.sleep(0.1)  # the kernel frees programs and maps after a grace period
        return found

    def _found(self, session: str) -> list[str]:
        processes = session_processes(session)
        found = [f"process {pid}: {line}" for pid, line in processes.items()]
        ours = {*processes, os.getpid()}
        now = Snapshot()
        if now.objects - self.objects:
            held = holders()
            for kind, number in sorted(now.objects - self.objects):
                by = held.get((kind, number), set())
                if not by or by & ours:
                    holder = ", ".join(map(str, sorted(by))) or "no process: pinned or attached"
                    found.append(f"{kind} {number} (held by {holder})")
        found += [f"pin {path}" for path in sorted(now.pins - self.pins)]
        found += [f"mount of {each}" for each in sorted(now.mounts - self.mounts)]
        found += [f"qdisc {kind} on {name}" for name, kind in sorted(now.qdiscs - self.qdiscs)]
        found += [f"network namespace {name}" for name in sorted(now.namespaces - self.namespaces)]
        return found


@contextlib.contextmanager
def made_map() -> Iterator[int]:
    """Make an array map of one entry, give its id, close it."""
    attr = (ctypes.c_uint32 * 18)(2, 4, 4, 1)  # BPF_MAP_TYPE_ARRAY, key size, value size, entries
    descriptor = _libc.syscall(_SYS_BPF, 0, attr, 72)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "create map")
    try:
        with open(f"/proc/self/fdinfo/{descriptor}") as file:
            yield int(file.read().partition("map_id:")[2].split()[0])
    finally:
        os.close(descriptor)


def kernel_descriptors() -> dict[int, str]:
    """Return this process's descriptors of kernel objects that a leak piles up: BPF, perf events, epoll, memfds."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith(("anon_inode:", "/memfd:")):
            found[int(name)] = target
    return found


def _attribute(data: bytes, wanted: int) -> bytes:
    while len(data) >= 4:
        length, kind = struct.unpack_from("<HH", data)
        if length < 4:
            break
        if kind == wanted:
            return data[4:length]
        data = data[(length + 3) & ~3 :]
    return b""


def _names(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
