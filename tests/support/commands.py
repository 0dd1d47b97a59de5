"""The real commands, run as a user types them, in a child process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

SESSION_VARIABLE = "EUNOMIA_TEST_SESSION"
"""Set in the environment of every child, so that a process that outlives its test is recognised as ours."""


class Result:
    """What a command that ended has left: exit code, standard output, standard error."""

    def __init__(self, args: list[str], returncode: int, stdout: str, stderr: str) -> None:
        self.args, self.returncode, self.stdout, self.stderr = args, returncode, stdout, stderr

    @property
    def lines(self) -> list[str]:
        """Standard output by line."""
        return self.stdout.splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON lines of standard output that are events (not `$eunomia` ones)."""
        documents = [json.loads(line) for line in self.lines if line.startswith("{")]
        return [document for document in documents if "$eunomia" not in document]

    def __repr__(self) -> str:
        return f"$ {' '.join(self.args)}\nexit {self.returncode}\n--- stdout\n{self.stdout}--- stderr\n{self.stderr}---"


class Running:
    """A command in the background. Its output goes to files, so it never blocks on a full pipe."""

    def __init__(
        self,
        args: list[str],
        stdin: int | IO[Any] | None,
        env: dict[str, str],
        cwd: Path | None,
        new_session: bool = False,
    ) -> None:
        self.args = args
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 (closed in result)
        self.process = subprocess.Popen(
            args,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=self._out,
            stderr=self._err,
            env=env,
            start_new_session=new_session,
            cwd=cwd,
        )
        self._result: Result | None = None

    @property
    def pid(self) -> int:
        """The process id of the command."""
        return self.process.pid

    @property
    def stdout(self) -> str:
        """What it has written to standard output so far."""
        return self._result.stdout if self._result else _content(self._out)

    @property
    def stderr(self) -> str:
        """What it has written to standard error so far."""
        return self._result.stderr if self._result else _content(self._err)

    def wait_attached(self, links: int = 1, timeout: float = 30) -> Running:
        """Wait until it holds at least `links` BPF links or perf events, and their number has stopped growing."""
        deadline, before = time.monotonic() + timeout, -1
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"ended before it was attached: {self.finish()!r}")
            count = attached(self.pid)
            if count >= links and count == before:
                return self
            before = count
            time.sleep(0.05)
        raise AssertionError(f"not attached after {timeout} s ({before} links): {self.stop()!r}")

    def wait_attached_below(self, timeout: float = 30) -> Running:
        """Wait until some process that it started (sudo's, a shell's) is attached."""
        deadline, before = time.monotonic() + timeout, 0
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"ended before it was attached: {self.finish()!r}")
            count = sum(attached(pid) for pid in descendants(self.pid))
            if count and count == before:
                return self
            before = count
            time.sleep(0.05)
        raise AssertionError(f"nothing below it attached after {timeout} s: {self.stop_all()!r}")

    def stop_all(self, number: int = signal.SIGINT, timeout: float = 20) -> Result:
        """Send a signal to its whole session, as a terminal does; only for a command with a session of its own."""
        if self.process.poll() is None:
            os.killpg(self.pid, number)
        return self.finish(timeout)

    def wait_for(self, text: str, timeout: float = 20) -> Running:
        """Wait until its standard output holds text."""
        deadline = time.monotonic() + timeout
        while text not in self.stdout:
            if self.process.poll() is not None and text not in self.stdout:
                raise AssertionError(f"ended without printing {text!r}: {self.finish()!r}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{text!r} not printed in {timeout} s: {self.stop()!r}")
            time.sleep(0.02)
        return self

    def stop(self, number: int = signal.SIGINT, timeout: float = 20) -> Result:
        """Send a signal (SIGINT: as Ctrl-C does), and return what the command has left."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.finish(timeout)

    def finish(self, timeout: float = 60) -> Result:
        """Wait for its end; kill it, and fail, when it does not end in time."""
        if self._result is None:
            late = False
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                late = True
                self.process.kill()
                self.process.wait()
            self._result = Result(self.args, self.process.returncode, _content(self._out), _content(self._err))
            self._out.close()
            self._err.close()
            if late:
                raise AssertionError(f"did not end in {timeout} s: {self._result!r}")
        return self._result


class Command:
    """`ecli` or `ecc` beside the interpreter of the tests: call it for a whole run, or `start` it."""

    def __init__(self, name: str, session: str) -> None:
        self.name, self._session = name, session
        self._started: list[Running] = []

    @property
    def argv(self) -> list[str]:
        """The words that start the command: its script beside the interpreter, else the entry point itself."""
        script = Path(sys.executable).parent / self.name
        if script.exists():
            return [str(script)]
        return [sys.executable, "-c", f"import sys; from eunomia.cli.main import {self.name}; sys.exit({self.name}())"]

    def start(
        self,
        *args: object,
        stdin: int | IO[Any] | None = None,
        env: dict[str, str | None] | None = None,
        cwd: Path | None = None,
        prefix: list[str] | None = None,
    ) -> Running:
        """Start it in the background; env is merged over ours (None removes), prefix (`setpriv …`) goes first."""
        merged = {**os.environ, SESSION_VARIABLE: self._session}
        for key, value in (env or {}).items():
            if value is None:
                merged.pop(key, None)
            else:
                merged[key] = value
        running = Running([*(prefix or []), *self.argv, *map(str, args)], stdin, merged, cwd)
        self._started.append(running)
        return running

    def __call__(self, *args: object, input: str | bytes | None = None, timeout: float = 60, **start: Any) -> Result:
        """Run it to its end; input is what it reads from standard input."""
        if input is None:
            return self.start(*args, **start).finish(timeout)
        with tempfile.TemporaryFile() as source:
            source.write(input.encode() if isinstance(input, str) else input)
            source.seek(0)
            return self.start(*args, stdin=source, **start).finish(timeout)

    def close(self) -> None:
        """Kill what a failed test has left running."""
        for running in self._started:
            if running.process.poll() is None:
                running.process.kill()
            running.finish()
        self._started.clear()


def attached(pid: int) -> int:
    """Return how many BPF links and perf events a process holds."""
    count = 0
    folder = f"/proc/{pid}/fd"
    try:
        for name in os.listdir(folder):
            try:
                target = os.readlink(f"{folder}/{name}")
            except OSError:
                continue
            count += target in (
                "anon_inode:bpf_link",
                "anon_inode:bpf-link",
                "anon_inode:[perf_event]",
                "anon_inode:bpf-raw-tracepoint",
            )
    except OSError:
        return 0
    return count


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and theirs."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found, below = [], children.get(pid, [])
    while below:
        found += below
        below = [child for one in below for child in children.get(one, [])]
    return found


def _content(file: IO[bytes]) -> str:
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode(errors="replace")
