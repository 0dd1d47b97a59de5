"""Timing of processes: interleaved rounds, medians with their noise, and what /proc says about a running process."""

from __future__ import annotations

import os
import select
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

START_TIMEOUT = 15.0


@dataclass
class Samples:
    """Repeated measurements of one thing; the unit is the caller's."""

    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Return the median; the least disturbed summary on a machine that others use too."""
        return statistics.median(self.values)

    @property
    def noise(self) -> float:
        """Return the median absolute deviation, in the unit of the values."""
        middle = self.median
        return statistics.median(abs(value - middle) for value in self.values)

    def text(self, digits: int = 1) -> str:
        """Return `median ± noise`."""
        return f"{self.median:.{digits}f} ± {self.noise:.{digits}f}"


def interleave(rounds: int, sides: dict[str, Callable[[], float]]) -> dict[str, Samples]:
    """Measure all sides once in each round, so that a slow minute of the machine hits all of them alike.

    The order turns round every time. A first round that is not counted warms the page cache.

    Args:
        rounds: counted rounds, at least 1.
        sides: name to a function that measures once.

    Returns:
        The samples of each side, in the order of `sides`.
    """
    samples = {name: Samples() for name in sides}
    names = list(sides)
    for number in range(rounds + 1):
        for name in names if number % 2 else reversed(names):
            value = sides[name]()
            if number:
                samples[name].values.append(value)
    return samples


class Process:
    """A command under measurement, with its standard output in a pipe to us, or in a descriptor, or thrown away."""

    def __init__(
        self, argv: Sequence[str | Path], *, env: dict[str, str], read: bool, output: int = subprocess.DEVNULL
    ) -> None:
        self.argv = [str(part) for part in argv]
        self.started = time.perf_counter()
        self._popen = subprocess.Popen(
            self.argv,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if read else output,
            stderr=subprocess.PIPE,
        )
        self.pid = self._popen.pid

    def seconds_until_line(self, wanted: bytes, provoke: Callable[[], None], pause: float = 0.0001) -> float:
        """Provoke events until `wanted` comes out; return the seconds since the start of the process."""
        assert self._popen.stdout is not None
        output = self._popen.stdout.fileno()
        text = b""
        while wanted not in text:
            provoke()
            if select.select([output], [], [], pause)[0]:
                piece = os.read(output, 1 << 16)
                if not piece:
                    raise RuntimeError(self._died())
                text = (text + piece)[-(1 << 17) :]
            if time.perf_counter() - self.started > START_TIMEOUT:
                self.end()
                raise RuntimeError(f"{' '.join(self.argv)}: no event within {START_TIMEOUT:.0f} s")
        return time.perf_counter() - self.started

    def wait_attached(self) -> None:
        """Wait until the process holds a BPF link and sleeps, seen in /proc: for runs whose output nobody reads."""
        while not (self._has_link() and self.state() == "S"):
            if self._popen.poll() is not None:
                raise RuntimeError(self._died())
            if time.perf_counter() - self.started > START_TIMEOUT:
                self.end()
                raise RuntimeError(f"{' '.join(self.argv)}: not attached within {START_TIMEOUT:.0f} s")
            time.sleep(0.005)
        time.sleep(0.05)

    def wait_writing(self, provoke: Callable[[], object]) -> None:
        """Provoke events until the process writes: for tools that attach without a BPF link."""
        while not self.written():
            provoke()
            if self._popen.poll() is not None:
                raise RuntimeError(self._died())
            if time.perf_counter() - self.started > START_TIMEOUT:
                self.end()
                raise RuntimeError(f"{' '.join(self.argv)}: no event within {START_TIMEOUT:.0f} s")
            time.sleep(0.02)
        time.sleep(0.2)

    def _has_link(self) -> bool:
        folder = f"/proc/{self.pid}/fdinfo"
        try:
            for name in os.listdir(folder):
                with open(f"{folder}/{name}") as file:
                    if "link_type:" in file.read():
                        return True
        except OSError:
            pass
        return False

    def _died(self) -> str:
        _, errors = self._popen.communicate(timeout=5)
        return f"{' '.join(self.argv)}: exit code {self._popen.returncode}: {errors.decode(errors='replace').strip()}"

    def state(self) -> str:
        """Return the state letter of the main thread, as in /proc/PID/stat."""
        return self._read("stat").rpartition(")")[2].split()[0]

    def cpu_ns(self) -> int:
        """Return the nanoseconds all threads of the process ran."""
        total = 0
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            total += int(self._read(f"task/{thread}/schedstat").split()[0])
        return total

    def written(self) -> int:
        """Return the bytes the process passed to write(2)."""
        return int(self._read("io").split("wchar:")[1].split()[0])

    def wakeups(self) -> int:
        """Return how often a thread of the process went to sleep by itself: one for each wake-up."""
        total = 0
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            total += int(self._read(f"task/{thread}/status").split("\nvoluntary_ctxt_switches:")[1].split()[0])
        return total

    def resident_kib(self) -> int:
        """Return the resident memory in KiB, mappings of BPF maps (the ring) not counted."""
        total, counted = 0, True
        for line in self._read("smaps").splitlines():
            if "-" in line.split(" ", 1)[0]:
                counted = "bpf" not in line.rpartition(" ")[2]
            elif counted and line.startswith("Rss:"):
                total += int(line.split()[1])
        return total

    def settle(self) -> None:
        """Wait until the process sleeps and has not run for 20 ms: all that was waiting for it is done."""
        last = -1
        while True:
            now = self.cpu_ns()
            if now == last and self.state() == "S":
                return
            last = now
            time.sleep(0.02)

    def freeze(self) -> None:
        """Stop the process, so that events pile up."""
        os.kill(self.pid, signal.SIGSTOP)
        while self.state() != "T":
            time.sleep(0.001)

    def thaw(self) -> None:
        """Let a stopped process go on."""
        os.kill(self.pid, signal.SIGCONT)

    def end(self) -> None:
        """Interrupt the process and wait for it."""
        if self._popen.poll() is None:
            self.thaw()
            self._popen.send_signal(signal.SIGINT)
        try:
            self._popen.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.communicate()

    def _read(self, name: str) -> str:
        with open(f"/proc/{self.pid}/{name}") as file:
            return file.read()


class Flood:
    """The process whose kill(2) calls are the events (baseline/flood.c)."""

    def __init__(self, program: Path, *arguments: str) -> None:
        self._popen = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = int(self._answer())

    def send(self, count: int) -> float:
        """Send so many signals and return the nanoseconds of CPU time that one took."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(f"{count}\n")
        self._popen.stdin.flush()
        return int(self._answer()) / count

    def _answer(self) -> str:
        assert self._popen.stdout is not None
        return self._popen.stdout.readline()

    def close(self) -> None:
        """End the process."""
        self._popen.communicate()


def run_seconds(argv: Sequence[str | Path], env: dict[str, str]) -> float:
    """Run a command to its end and return the seconds it took; its failure is an error."""
    start = time.perf_counter()
    done = subprocess.run(
        [str(part) for part in argv], env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(map(str, argv))}: exit code {done.returncode}: {done.stderr.decode(errors='replace')}"
        )
    return seconds


def ratio(samples: dict[str, Samples], over: str, under: str) -> float:
    """Return how many times the median of `over` is that of `under`."""
    return samples[over].median / samples[under].median


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as a Markdown table; the first row is its head."""
    head, *rest = [list(row) for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rest])
