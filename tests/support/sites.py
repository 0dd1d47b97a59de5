"""A folder on loopback HTTP, and a person at a terminal who answers a question."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import threading
import time
from collections.abc import Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Site:
    """Serves a folder; `requests` are the paths that were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[str] = []
        site = self

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *words: Any, **more: Any) -> None:
                super().__init__(*words, directory=str(folder), **more)

            def do_GET(self) -> None:
                site.requests.append(self.path)
                super().do_GET()

            def log_message(self, *_words: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


def replace(path: Path, data: bytes) -> None:
    """Write a file that a web server tells from the old one, also within the same second."""
    path.write_bytes(data)
    later = path.stat().st_mtime + 10
    os.utime(path, (later, later))


def at_a_terminal(argv: Sequence[str], answer: str, env: dict[str, str], timeout: float = 60) -> tuple[int, str, str]:
    """Run a command at a pseudo-terminal, and answer when it ends its line with `] `.

    Returns:
        Exit code, what was on the terminal (standard error and the echo), standard output.
    """
    ours, theirs = pty.openpty()
    out_read, out_write = os.pipe()
    process = subprocess.Popen(argv, stdin=theirs, stdout=out_write, stderr=theirs, env={**os.environ, **env})
    os.close(theirs)
    os.close(out_write)
    seen, out, answered, deadline = b"", b"", False, time.monotonic() + timeout
    waiting = {ours, out_read}
    while waiting and time.monotonic() < deadline:
        for fd in select.select(list(waiting), [], [], 0.2)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:  # EIO: nobody has the other side of the terminal any more
                data = b""
            if not data:
                waiting.discard(fd)
            elif fd == ours:
                seen += data
            else:
                out += data
        if not answered and seen.endswith(b"] "):
            os.write(ours, answer.encode())
            answered = True
    if process.poll() is None and waiting:
        process.kill()
    code = process.wait()
    os.close(ours)
    os.close(out_read)
    return code, seen.decode(errors="replace").replace("\r\n", "\n"), out.decode(errors="replace")
