"""What makes each built-in tool see something: TOOLS[name](start) -> how many of its events or elements were right.

`start(*options)` starts the tool and returns it attached. Only the standard library is there, and one processor.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import pty
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from vm.programs.places import cgroup, cgroup_root
from vm.tools.live import Live

Start = Callable[..., Live]
DISK = "nullb0"  # of the module null_blk; the machines have no real one
MODULES = ("null_blk",)
_libc = ctypes.CDLL(None, use_errno=True)


class Child:
    """A process that waits for `go`, does something, and lives on until `end`: its name and symbols are looked up."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._go, self._done, self._end = os.pipe(), os.pipe(), os.pipe()
        self.pid = os.fork()
        if not self.pid:
            try:
                os.read(self._go[0], 1)
                work()
                os.write(self._done[1], b"x")
                os.read(self._end[0], 1)
            finally:
                os._exit(0)

    def begin(self) -> None:
        """Let it work."""
        os.write(self._go[1], b"x")

    def wait(self) -> None:
        """Wait until it has done its work."""
        os.read(self._done[0], 1)

    def go(self) -> int:
        """Let it work, and wait until it has; return its pid."""
        self.begin()
        self.wait()
        return self.pid

    def end(self) -> None:
        """Let it end, and wait for it."""
        os.write(self._end[1], b"x")
        os.waitpid(self.pid, 0)
        for pair in (self._go, self._done, self._end):
            os.close(pair[0])
            os.close(pair[1])


def forked(work: Callable[[], object]) -> int:
    """Do something in a child and wait for its end; return its pid."""
    pid = os.fork()
    if not pid:
        try:
            work()
        finally:
            os._exit(3)
    os.waitpid(pid, 0)
    return pid


def naps(count: int = 20, seconds: float = 0.01) -> None:
    """Leave the processor and come back."""
    for _ in range(count):
        time.sleep(seconds)


def spin(seconds: float) -> None:
    """Use the processor."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))


def disk_writes(count: int = 8) -> None:
    """Write blocks of 4 KiB to the disk, past the page cache."""
    fd = os.open(f"/dev/{DISK}", os.O_WRONLY | os.O_DIRECT)
    with mmap.mmap(-1, 4096) as block:
        for _ in range(count):
            os.write(fd, block)
    os.close(fd)


def tcp_connection() -> tuple[int, int]:
    """Make and close a connection over loopback; return the client's port and the server's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0]:
            return client.getsockname()[1], port


def field(event: dict[str, Any], name: str) -> Any:
    """Return a field of an event, or of the key or the value of an element."""
    for part in (event, event.get("key"), event.get("value")):
        if isinstance(part, dict) and name in part:
            return part[name]
    return None


def slots(events: list[dict[str, Any]], **key: Any) -> int:
    """Return how much was counted in the histograms of that key."""
    chosen = [event for event in events if all(field(event, name) == value for name, value in key.items())]
    return sum(sum(event["value"]["slots"]) for event in chosen)


def bashreadline(start: Start) -> int:
    """Type a command into a shell."""
    live = start()
    pid, terminal = pty.fork()
    if not pid:
        os.execve(
            "/bin/bash", ["bash", "--norc", "--noprofile", "-i"], {"PATH": "/usr/bin", "PS1": "$ ", "TERM": "dumb"}
        )
    for text in (b"echo typed into a shell\n", b"exit\n"):
        shown = b""
        while not shown.endswith(b"$ "):
            shown += os.read(terminal, 4096)
        os.write(terminal, text)
    with contextlib.suppress(OSError):  # EIO: the shell has closed its side
        while os.read(terminal, 4096):
            pass
    os.waitpid(pid, 0)
    os.close(terminal)
    seen = [event["command"] for event in live.events() if event["pid"] == pid]
    return len(seen) if seen == ["echo typed into a shell", "exit"] else 0


def biolatency(start: Start) -> int:
    """Write to a disk."""
    live = start("--disks")
    disk_writes()
    counted = slots(live.events(), disk=DISK)
    return counted if counted >= 8 else 0


def biosnoop(start: Start) -> int:
    """Write to a disk."""
    live = start("--disk", DISK)
    disk_writes()
    seen = [event for event in live.events() if event["pid"] == os.getpid() and event["type"].startswith("W")]
    return len(seen) if sum(event["bytes"] for event in seen) == 8 * 4096 and seen[0]["disk"] == DISK else 0


def connectguard(start: Start) -> int:
    """Try a connection that it refuses, and one that it lets pass."""
    with cgroup() as place, socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        live = start("--attach-cgroup", place["cgroup"], "--loopback", "--deny", "127.0.0.0/8", "--allow-port", port)
        with socket.socket() as client, socket.create_connection(("127.0.0.1", port)):
            refused = client.connect_ex(("127.0.0.1", port ^ 1)) == errno.EPERM
        seen = [event for event in live.events() if event["verdict"] == "DENIED" and event["dport"] == port ^ 1]
    return len(seen) if refused else 0


def cpudist(start: Start) -> int:
    """Sleep often."""
    live = start("--pids")
    child = Child(naps)
    pid = child.go()
    counted = slots(live.events(), id=pid)
    child.end()
    return counted if counted >= 20 else 0


def execsnoop(start: Start) -> int:
    """Run a program."""
    live = start()
    pid = forked(lambda: os.execv("/bin/true", ["/bin/true", "two words"]))
    seen = [event for event in live.events() if event["pid"] == pid]
    return len([event for event in seen if event["args"] == "/bin/true two words" and event["ppid"] == os.getpid()])


def exitsnoop(start: Start) -> int:
    """End with an exit code."""
    live = start("--failed")
    pid = forked(lambda: None)
    return len([event for event in live.events() if (event["pid"], event["code"]) == (pid, 3)])


def gethostlatency(start: Start) -> int:
    """Look up a name."""
    live = start("--pid", os.getpid())
    socket.getaddrinfo("localhost", 80)
    seen = [event for event in live.events() if event["host"] == "localhost"]
    return len([event for event in seen if event["pid"] == os.getpid() and event["lat_us"] > 0])


def hardirqs(start: Start) -> int:
    """Make the serial port interrupt."""
    live = start()
    console = os.open("/dev/console", os.O_WRONLY | os.O_NOCTTY)
    for _ in range(20):
        os.write(console, b"\n" * 64)
        time.sleep(0.01)
    os.close(console)
    with open("/proc/interrupts") as file:
        known = file.read()
    seen = live.events()
    return sum(event["value"]["count"] for event in seen if event["key"]["hardirq"] in known)


def mountsnoop(start: Start) -> int:
    """Mount and unmount."""
    live = start()
    target = os.path.abspath("mounted")
    os.mkdir(target)
    if _libc.mount(b"eunomia", target.encode(), b"tmpfs", 0, b"size=1M") or _libc.umount(target.encode()):
        raise OSError(ctypes.get_errno(), "mount")
    calls = [str(event["call"]) for event in live.events() if event["target"] == target and event["ret"] in (0, "0")]
    return len(calls) if len(calls) == 2 else 0


def offcputime(start: Start) -> int:
    """Sleep for long."""
    child = Child(lambda: naps(5, 0.1))
    live = start("--pid", child.pid, "--min-block-time", 50000)
    child.go()
    asleep = [event for event in live.events() if "nanosleep" in str(event)]
    child.end()
    return len(asleep) if sum(field(event, "us") for event in asleep) >= 400_000 else 0


def opensnoop(start: Start) -> int:
    """Open a file."""
    live = start("--pid", os.getpid())
    path = os.path.abspath("opened")
    fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    os.close(fd)
    return len([event for event in live.events() if (event["path"], event["fd"]) == (path, fd)])


def profile(start: Start) -> int:
    """Compute for a second."""
    child = Child(lambda: spin(1))
    live = start("--pid", child.pid, "--frequency", 99)
    pid = child.go()
    seen = [event for event in live.events() if field(event, "pid") == pid]
    child.end()
    counted = sum(field(event, "count") for event in seen)
    return counted if counted >= 10 and "Py" in str(seen) else 0


def runqlat(start: Start) -> int:
    """Sleep often."""
    live = start("--pids")
    child = Child(naps)
    pid = child.go()
    counted = slots(live.events(), id=pid)
    child.end()
    return counted if counted >= 20 else 0


def runqslower(start: Start) -> int:
    """Compute in more processes than there are processors."""
    live = start("--min-us", 1000)
    children = [Child(lambda: spin(1.5)) for _ in range(3)]
    for child in children:
        child.begin()
    for child in children:
        child.wait()
    pids = {child.pid for child in children}
    seen = [event for event in live.events() if event["tid"] in pids and event["lat_us"] >= 1000]
    for child in children:
        child.end()
    return len(seen) if pids & {event["prev_tid"] for event in seen} else 0


def sigsnoop(start: Start) -> int:
    """Send a signal."""
    child = Child(lambda: time.sleep(0))
    live = start("--kill")
    os.kill(child.pid, signal.SIGCONT)
    seen = [event for event in live.events() if (event["pid"], event["tpid"]) == (os.getpid(), child.pid)]
    child.go()
    child.end()
    return len([event for event in seen if "SIGCONT" in str(event["sig"])])


def softirqs(start: Start) -> int:
    """Let time pass, and packets."""
    live = start()
    tcp_connection()
    spin(0.3)
    return sum(event["value"]["count"] for event in live.events() if event["key"]["softirq"])


def syscount(start: Start) -> int:
    """Make a thousand system calls."""
    child = Child(lambda: [os.getppid() for _ in range(1000)])
    live = start("--pid", child.pid)
    child.go()
    counts = [event["value"]["count"] for event in live.events() if event["key"]["syscall"] == "getppid"]
    child.end()
    return counts[0] if counts == [1000] else 0


def tcpconnect(start: Start) -> int:
    """Make a connection."""
    live = start("--pid", os.getpid())
    _, server = tcp_connection()
    seen = [event for event in live.events() if (event["daddr"], event["dport"]) == ("127.0.0.1", server)]
    return len([event for event in seen if event["pid"] == os.getpid()])


def tcpstates(start: Start) -> int:
    """Make a connection."""
    live = start("--ipv4")
    client, server = tcp_connection()
    seen = [event for event in live.events() if (event["lport"], event["rport"]) == (client, server)]
    return len(seen) if ("SYN_SENT", "ESTABLISHED") in [(event["oldstate"], event["newstate"]) for event in seen] else 0


TOOLS: dict[str, Callable[[Start], int]] = {
    function.__name__: function
    for function in (
        bashreadline,
        biolatency,
        biosnoop,
        connectguard,
        cpudist,
        execsnoop,
        exitsnoop,
        gethostlatency,
        hardirqs,
        mountsnoop,
        offcputime,
        opensnoop,
        profile,
        runqlat,
        runqslower,
        sigsnoop,
        softirqs,
        syscount,
        tcpconnect,
        tcpstates,
    )
}


def targets(name: str) -> dict[str, list[str]]:
    """Return what a tool must be told of where its programs attach, for a prediction; nothing where they know."""
    if name != "connectguard":
        return {}
    calls = ("connect_ipv4", "connect_ipv6", "sendmsg_ipv4", "sendmsg_ipv6")
    return {program: [f"cgroup:{cgroup_root()}"] for program in calls}
