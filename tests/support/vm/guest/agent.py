"""Runs a job's cells in the machine, each in a process of its own, and reports on the console, one JSON line at a time.

What many cells need is imported once, before the first: under TCG an import of eunomia takes as long as many cells.
A cell that crashes or hangs costs itself only.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import sys
import time
import traceback
from typing import Any

JOB = "/job"


class Report:
    """The console, of which the host takes the lines that begin with the job's word."""

    def __init__(self, word: str) -> None:
        self._word = word
        self._console = os.open("/dev/console", os.O_WRONLY | os.O_NOCTTY)

    def send(self, kind: str, **values: Any) -> None:
        """Write one message; the new line before it ends what the kernel may have left half written."""
        data = f"\n{self._word}{json.dumps({'kind': kind, **values})}\n".encode()
        while data:
            data = data[os.write(self._console, data) :]


def main() -> None:
    """Run the job that is in /job/job.json."""
    with open(f"{JOB}/job.json") as file:
        job = json.load(file)
    report = Report(job["word"])
    report.send("ready", uptime=time.clock_gettime(time.CLOCK_BOOTTIME))
    for name in job["preload"]:
        importlib.import_module(name)
    for number, cell in enumerate(job["cells"]):
        run_cell(report, number, cell)
    report.send("done", uptime=time.clock_gettime(time.CLOCK_BOOTTIME))


def run_cell(report: Report, number: int, cell: dict[str, Any]) -> None:
    """Run one cell in a child, send on what it prints and emits, and end it and all its children in time."""
    output, results = os.pipe(), os.pipe()
    report.send("begin", cell=cell["name"])
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        be_cell(number, cell, output[1], results[1])
    os.close(output[1])
    os.close(results[1])
    status, late = follow(report, pid, {output[0]: "output", results[0]: "result"}, started + cell["timeout"])
    code = os.waitstatus_to_exitcode(status)
    seconds = round(time.monotonic() - started, 3)
    report.send("end", cell=cell["name"], status="timeout" if late else code, seconds=seconds)


def follow(report: Report, pid: int, kinds: dict[int, str], deadline: float) -> tuple[int, bool]:
    """Send on lines until the child ends or is late; return its wait status and whether it was late."""
    rests = dict.fromkeys(kinds, b"")
    status, late, ended = 0, False, False
    pidfd = os.pidfd_open(pid)
    while rests:
        ready = select.select([*rests, *([] if ended else [pidfd])], [], [], max(deadline - time.monotonic(), 0))[0]
        if not ready and ended:
            break  # a grandchild in a session of its own keeps the pipe
        if not ready:
            late = True
            os.kill(pid, signal.SIGKILL)
        for fd in ready:
            if fd == pidfd:
                continue
            data = os.read(fd, 65536)
            *lines, rest = (rests[fd] + data).split(b"\n")
            rests[fd] = rest
            for line in lines if data else [*lines, *([rest] if rest else [])]:
                send_line(report, kinds[fd], line)
            if not data:
                del rests[fd]
        if not ended and (pidfd in ready or late):
            status = os.waitpid(pid, 0)[1]
            end_session(pid)
            ended, deadline = True, time.monotonic() + 1
    if not ended:
        status = wait_until(pid, pidfd, deadline)
        late = status == -1
        status = os.waitpid(pid, 0)[1] if late else status
        end_session(pid)
    for fd in (pidfd, *kinds):
        os.close(fd)
    return status, late


def wait_until(pid: int, pidfd: int, deadline: float) -> int:
    """Wait for a child that has closed its pipes; return -1 where it had to be killed."""
    if select.select([pidfd], [], [], max(deadline - time.monotonic(), 0))[0]:
        return os.waitpid(pid, 0)[1]
    os.kill(pid, signal.SIGKILL)
    return -1


def end_session(pid: int) -> None:
    """Kill what the child left in its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def send_line(report: Report, kind: str, line: bytes) -> None:
    """Send a line of output as text, or a result as the document that it is."""
    text = line.decode(errors="replace")
    if kind == "result":
        report.send("result", value=json.loads(text))
    else:
        report.send("output", text=text)


def be_cell(number: int, cell: dict[str, Any], output: int, results: int) -> None:
    """Be the child: never returns."""
    code = 1
    try:
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.set_inheritable(results, True)
        os.environ["EUNOMIA_VM_RESULTS"] = str(results)
        folder = f"/tmp/{number}"
        os.mkdir(folder)
        os.chdir(folder)
        sys.path.insert(0, JOB)
        if "script" in cell:
            sys.argv = [cell["script"], *cell.get("arguments", [])]
            runpy.run_path(cell["script"], run_name="__main__")
        else:
            module, _, function = cell["call"].partition(":")
            getattr(importlib.import_module(module), function)(*cell.get("arguments", []))
        code = 0
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
        if code and not isinstance(exc.code, int):
            print(exc.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
