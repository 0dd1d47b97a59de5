"""A built-in tool that runs: `ecli run -j TOOL` in a process forked from one that has it imported already."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from typing import Any, NoReturn

from support.commands import attached

ATTACH_TIMEOUT = 60.0  # emulated processors, two machines at a time, and other work beside
STOP_TIMEOUT = 30.0


class Refused(Exception):
    """The tool ended before it was attached; its last line is the text."""


class Wrong(Exception):
    """The tool ran, and what it left is not right: exit code, messages, account."""


class Live:
    """A tool between attach and Ctrl-C."""

    def __init__(self, *words: object) -> None:
        """Start it and wait until it is attached.

        Raises:
            Refused: it ended instead.
        """
        self._number = len([name for name in os.listdir() if name.endswith(".out")])
        started = time.monotonic()
        self.pid = os.fork()
        if not self.pid:
            self._be_tool([str(word) for word in words])
        self._wait_attached(started + ATTACH_TIMEOUT)
        self.seconds = time.monotonic() - started
        """Until it was attached; without the start of Python and the imports."""

    def events(self, settle: float = 0.3) -> list[dict[str, Any]]:
        """End it as Ctrl-C does; return its events or the elements of its maps, after a look at its account.

        Raises:
            Wrong: exit code, messages or account are not those of a run in which all went well.
        """
        time.sleep(settle)
        os.kill(self.pid, signal.SIGINT)
        code = self._wait_end(time.monotonic() + STOP_TIMEOUT)
        errors = self._text("err")
        if code:
            raise Wrong(f"exit code {code}: {last_line(errors)}")
        documents = [json.loads(line) for line in self._text("out").splitlines()]
        events = [document for document in documents if "$eunomia" not in document]
        check_account(errors, len(events))
        return events

    def _wait_attached(self, deadline: float) -> None:
        """Wait until it holds links, sleeps, and their number has stopped growing."""
        before = same = 0
        while same < 2:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                raise Refused(last_line(self._text("err")))
            if time.monotonic() > deadline:
                self._kill()
                raise Wrong(f"not attached after {ATTACH_TIMEOUT:.0f} s")
            count = attached(self.pid)
            same = same + 1 if count and count == before and state(self.pid) == "S" else 0
            before = count
            time.sleep(0.03)

    def _wait_end(self, deadline: float) -> int:
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        self._kill()
        raise Wrong(f"did not end in {STOP_TIMEOUT:.0f} s after Ctrl-C")

    def _kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def _text(self, suffix: str) -> str:
        with open(f"{self._number}.{suffix}", errors="replace") as file:
            return file.read()

    def _be_tool(self, words: list[str]) -> NoReturn:
        from eunomia.cli.main import ecli

        code = 1
        try:
            for fd, suffix in ((1, "out"), (2, "err")):
                os.dup2(os.open(f"{self._number}.{suffix}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC), fd)
            sys.argv = ["ecli", "run", "-j", *words]
            code = ecli()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def state(pid: int) -> str:
    """Return the state of a process as /proc has it: S sleeps."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def last_line(text: str) -> str:
    """Return what a command said last."""
    return (text.strip().splitlines() or ["it said nothing"])[-1].removeprefix("ecli: ")


def check_account(errors: str, nr_events: int) -> None:
    """Hold the line that tells the account against the events that were printed.

    Raises:
        Wrong: the equation does not hold, or other events were delivered than came out, or there is no such line.
    """
    line = last_line(errors)
    if not errors.strip():
        return  # sampled maps have no account of events
    if not line.startswith("events: "):
        raise Wrong(f"said at the end: {line}")
    if equation := re.search(r"produced (\d+) = ([^\[]*)", line):
        terms = re.sub(r"\([^)]*\)", "", equation[2])
        if int(equation[1]) != sum(map(int, re.findall(r"\d+", terms))):
            raise Wrong(f"the account does not balance: {line}")
    delivered = sum(
        int(number) for pair in re.findall(r"(\d+) delivered|delivered (\d+)", line) for number in pair if number
    )
    if delivered != nr_events:
        raise Wrong(f"{nr_events} events came out: {line}")
