"""Causes of kernel events: each function makes one kind happen, for certain, and says what a tool must have seen."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time


def signals(number: int = signal.SIGUSR1, count: int = 1) -> int:
    """Send a signal count times to a child that ignores it; return the child's pid (kill(2), also for sigsnoop)."""
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import signal,sys; signal.signal({int(number)}, signal.SIG_IGN); print(flush=True); sys.stdin.read()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    for _ in range(count):
        os.kill(child.pid, number)
    child.communicate()
    return child.pid


def exec_program(*argv: str) -> int:
    """Run a program (default: /bin/true) and wait for its end; return its pid."""
    child = subprocess.Popen(argv or ["/bin/true"], stdout=subprocess.DEVNULL)
    child.wait()
    return child.pid


def open_file(path: str | None = None) -> str:
    """Open a file (default: a new temporary one) once and return its path."""
    if path is None:
        descriptor, path = tempfile.mkstemp(prefix="eunomia-open-")
        os.close(descriptor)
        os.unlink(path)
        descriptor = os.open(path, os.O_CREAT | os.O_RDONLY, 0o600)
        os.unlink(path)
    else:
        descriptor = os.open(path, os.O_RDONLY)
    os.close(descriptor)
    return path


def tcp_connection() -> tuple[int, int]:
    """Make and close a TCP connection over loopback; return (client port, server port)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0] as peer:
            local = client.getsockname()[1]
            client.sendall(b"x")
            peer.recv(1)
    return local, port


def spin(seconds: float) -> None:
    """Use a processor for so long, with a system call now and then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(20000):
            pass
        os.getppid()


def sleeps(count: int = 50, seconds: float = 0.001) -> None:
    """Leave the processor and come back count times."""
    for _ in range(count):
        time.sleep(seconds)


def disk_writes(folder: str | None = None, count: int = 4) -> None:
    """Write and fsync a small file count times, so that block requests are made where the folder is on a disk."""
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(count):
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
