"""What makes the programs of the matrix run. Each takes the live case, and may return how often it fired.

Where it returns nothing, the program's own counter `hits` says it.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vm.programs import marked
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


def fork(_: Live) -> None:
    """A child that ends at once."""
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def getppid(_: Live) -> None:
    """A function of libc."""
    libc.getppid()


def call_marked(live: Live) -> None:
    """The function that is a USDT probe."""
    marked.call(int(live.words["address"]), 7301)


def busy(live: Live) -> None:
    """Use the processor until a sampler has seen it, 5 seconds at most."""
    deadline = time.monotonic() + 5
    while not live.hits() and time.monotonic() < deadline:
        sum(range(20000))


def page_faults(_: Live) -> None:
    """Touch fresh pages."""
    with mmap.mmap(-1, 1 << 20) as memory:
        memory.write(bytes(1 << 20))


def lines(live: Live) -> list[str]:
    """Read what the iterator prints."""
    with live.obj.programs["handle"].iterate() as text:
        return text.read().decode().splitlines()


def iterate_tasks(live: Live) -> int:
    """The lines that name this process."""
    return lines(live).count(f"task {os.getpid()}")


def iterate_maps(live: Live) -> int:
    """The lines of maps: the object's own at least."""
    return sum(line.startswith("map ") for line in lines(live))


def iterate_files(live: Live) -> int:
    """The lines that name a file of this process that was opened for it."""
    with open(os.devnull) as file:
        return lines(live).count(f"file {file.fileno()}")


def iterate_elements(live: Live) -> int:
    """The lines of the map's elements."""
    live.obj.maps["walked"][1] = 7303
    return lines(live).count("1 is 7303")


def iterate_groups(live: Live) -> int:
    """The lines of control groups: the case's own."""
    return lines(live).count(f"group {os.stat(live.words['cgroup']).st_ino}")


def run_packet(live: Live) -> None:
    """A test run of the second program."""
    live.obj.programs["packet"].test_run(bytes(64))


def run_syscall(live: Live) -> int:
    """A test run with a context, which comes back changed."""
    answer = live.obj.programs["handle"].test_run(context=(21).to_bytes(4, "little") + bytes(4))
    return live.hits() if int.from_bytes(answer.context[4:8], "little") == 42 else 0


def set_timer(live: Live) -> None:
    """A test run that starts a timer; wait for it, 5 seconds at most."""
    if answer := live.obj.programs["handle"].test_run(bytes(64)).result:
        raise RuntimeError(f"the timer was not started: {answer}")
    deadline = time.monotonic() + 5
    while not live.hits() and time.monotonic() < deadline:
        time.sleep(0.005)


def read_events(live: Live) -> int:
    """Events of the map that say what the program wrote."""
    with live.obj.maps["events"].events(timeout=5) as events:
        libc.fsync(-1)
        event = next(iter(events))
    return int((event.pid, event.number) == (os.getpid(), 7302))


def share_memory(live: Live) -> int:
    """System calls that the program counts in memory that user space reads."""
    for _ in range(2):
        libc.fsync(-1)
    return live.hits() if live.obj.maps["arena"].variables() == {"fsyncs": 5 + 2} else 0


def submit_samples(live: Live) -> None:
    """Samples in a user ring buffer, which a system call lets the program drain."""
    for number in (7304, 1, 7304):
        live.obj.maps["samples"].submit(number.to_bytes(4, "little"))
    libc.fsync(-1)


def udp(family: int, address: str, port: int = 7300, *, connected: bool = False) -> None:
    """Send a datagram from one socket to another, and take it there."""
    with socket.socket(family, socket.SOCK_DGRAM) as taker, socket.socket(family, socket.SOCK_DGRAM) as sender:
        taker.bind((address, port))
        taker.settimeout(5)
        if connected:
            sender.connect((address, port))
            sender.send(b"eunomia")
            sender.getpeername()
        else:
            sender.sendto(b"eunomia", (address, port))
        taker.recvfrom(20)
        taker.getsockname()


def udp4(_: Live) -> None:
    """A datagram over IPv4, from a socket without an address."""
    udp(socket.AF_INET, "127.0.0.1")


def loopback(_: Live) -> None:
    """A datagram to 127.0.0.1:7300."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"eunomia", ("127.0.0.1", 7300))


def udp6(_: Live) -> None:
    """A datagram over IPv6, from a socket without an address."""
    udp(socket.AF_INET6, "::1")


def connect4(_: Live) -> None:
    """A connected socket over IPv4, which asks for its names."""
    udp(socket.AF_INET, "127.0.0.1", connected=True)


def connect6(_: Live) -> None:
    """A connected socket over IPv6, which asks for its names."""
    udp(socket.AF_INET6, "::1", connected=True)


def unix_socket(_: Live) -> None:
    """A connection and a datagram between UNIX sockets with names; each asks for its names."""
    with (
        tempfile.TemporaryDirectory(prefix="eunomia-") as folder,
        socket.socket(socket.AF_UNIX) as server,
        socket.socket(socket.AF_UNIX) as client,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as taker,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
    ):
        server.bind(f"{folder}/stream")
        server.listen()
        client.connect(f"{folder}/stream")
        client.getpeername()
        server.getsockname()
        taker.bind(f"{folder}/datagram")
        taker.settimeout(5)
        sender.sendto(b"eunomia", f"{folder}/datagram")
        taker.recvfrom(20)


def socket_options(_: Live) -> None:
    """Set an option of a socket, and get it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_IP, socket.IP_TOS, 8)
        sock.getsockopt(socket.SOL_IP, socket.IP_TOS)


def read_sysctl(_: Live) -> None:
    """Read a kernel parameter."""
    with open("/proc/sys/net/ipv4/ip_forward") as file:
        file.read()


def open_null(_: Live) -> None:
    """Open a device."""
    with open(os.devnull):
        pass


@contextlib.contextmanager
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a TCP connection over the loopback interface."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0] as other,
    ):
        other.settimeout(5)
        yield client, other


def tcp(_: Live) -> None:
    """A TCP connection."""
    with connection():
        pass


def _through_map(live: Live, which: int) -> int:
    with connection() as ends:
        live.obj.maps["sockets"][1] = ends[which].fileno()
        ends[0].sendall(b"eunomia")
        return live.hits() if ends[1].recv(20) == b"eunomia" else 0


def send_through_map(live: Live) -> int:
    """What a socket in the map sends."""
    return _through_map(live, 0)


def drop_through_map(live: Live) -> None:
    """What a socket in the map would receive, and the program drops; 5 seconds at most."""
    with connection() as ends:
        live.obj.maps["sockets"][1] = ends[1].fileno()
        ends[0].sendall(b"eunomia")
        deadline = time.monotonic() + 5
        while not live.hits() and time.monotonic() < deadline:
            time.sleep(0.005)


def receive_through_map(live: Live) -> int:
    """What a socket in the map receives."""
    return _through_map(live, 1)


def over_veth(live: Live) -> None:
    """A frame that v1 sends and v0 receives: an IPv4 header without anything behind it."""
    _frame(live, 0x0800, bytes((0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0, 10, 77, 0, 2, 10, 77, 0, 1)))


def _frame(live: Live, protocol: int, packet: bytes) -> None:
    """Send a frame from v1, which v0 receives."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((live.words["peer"], protocol))
        sock.send(b"\xff" * 6 + b"\x02\0\0\0\0\x01" + protocol.to_bytes(2, "big") + packet.ljust(50, b"\0"))


def _sum(header: bytes) -> bytes:
    """Return an IPv4 header with its checksum."""
    total = sum(int.from_bytes(header[at : at + 2], "big") for at in range(0, 20, 2))
    total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + (~total & 0xFFFF).to_bytes(2, "big") + header[12:]


def forwarded(live: Live) -> None:
    """A packet from v1 that v0 receives for somebody behind the route."""
    with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
        file.write("1")
    header = bytes((0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0, 10, 77, 0, 2, 10, 79, 0, 5))
    _frame(live, 0x0800, _sum(header))


def routed(_: Live) -> None:
    """A datagram to somebody behind the route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"eunomia", ("10.79.0.5", 7300))


def segment_routed(live: Live) -> None:
    """An IPv6 packet from v1 to the route's address, with a segment routing header of which one segment is left."""
    ours, then = socket.inet_pton(socket.AF_INET6, "fd79::1"), socket.inet_pton(socket.AF_INET6, "fd79::2")
    routing = bytes((59, 4, 4, 1, 1, 0, 0, 0)) + then + ours
    source = socket.inet_pton(socket.AF_INET6, "fd77::2")
    for name in ("all", live.words["iface"]):
        for key in ("forwarding", "seg6_enabled"):
            with open(f"/proc/sys/net/ipv6/conf/{name}/{key}", "w") as file:
                file.write("1")
    _frame(live, 0x86DD, b"\x60\0\0\0" + len(routing).to_bytes(2, "big") + bytes((43, 64)) + source + ours + routing)


def over_netkit(_: Live) -> None:
    """A datagram that leaves by n0."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"eunomia", ("10.78.0.2", 7300))


def congestion_control(_: Live) -> None:
    """A connection of a socket that chooses the congestion control."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"eunomia_case")
        client.connect(server.getsockname())
