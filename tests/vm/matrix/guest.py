"""The cells of the matrix, as the agent in the machine calls them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from functools import partial

from guest import emit

from vm.matrix.warm import KERNEL

START_TOOL = "sigsnoop"
ROUNDS = 3
_LIMIT = 60.0


def tool(name: str) -> None:
    """Run one built-in tool."""
    from vm.tools import cell

    emit(kind="tool", **cell.run(name, KERNEL))


def program(name: str) -> None:
    """Run one program of the table of program types."""
    from eunomia import Package
    from vm.programs import cell
    from vm.programs.table import BY_NAME

    if os.path.exists(f"/job/programs/{name}.error"):
        with open(f"/job/programs/{name}.error") as file:
            raise SystemExit(file.read())
    case, package = BY_NAME[name], Package.open(f"/job/programs/{name}.json")
    ask = partial(cell.predict, target=KERNEL)
    emit(kind="program", **cell.run(case, package, ask))


def command() -> None:
    """Run the real command line: `ecli check`, then `ecli run` until its first event; and Python alone, for scale."""
    check = subprocess.run(["ecli", "check", START_TOOL], capture_output=True, text=True, check=False)
    runs, pythons = [], []
    for _ in range(ROUNDS):
        runs.append(first_event())
        started = time.monotonic()
        subprocess.run(["python3", "-I", "-c", "pass"], check=True)
        pythons.append(time.monotonic() - started)
    emit(kind="command", check=check.returncode, run=round(min(runs), 3), python=round(min(pythons), 3))


def first_event() -> float:
    """Return the seconds from the start of `ecli run` until the first event of a signal that we keep sending.

    Raises:
        RuntimeError: it ended with an exit code, or said something wrong at the end.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        ["ecli", "run", "-j", START_TOOL, "--kill"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    text = b""
    while f'"tpid":{os.getpid()}'.encode() not in text:
        os.kill(os.getpid(), signal.SIGCONT)
        if select.select([process.stdout], [], [], 0.01)[0]:
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                break
            text += piece
        if time.monotonic() - started > _LIMIT:
            process.kill()
    seconds = time.monotonic() - started
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    if process.returncode or not errors.decode().startswith("ecli: events: "):
        raise RuntimeError(f"ecli run {START_TOOL}: exit code {process.returncode}: {errors.decode()}")
    return seconds
