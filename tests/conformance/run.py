"""Run the conformance guests on a host: `python tests/conformance/run.py --host "ecli run" [CASE...]`.

The host is a command that takes options for a case (see --allow and --dir), the guest and the guest's arguments, hands
the guest's output on, and ends with the guest's exit code. A case is a part of a guest's name or of its sentence.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]  # run as a script

from conformance.build import Builder, build_target  # noqa: E402

PATIENCE = 60.0  # seconds for anything that must come
STOPPING = 15.0  # seconds for an interrupted guest; a host takes milliseconds, a busy machine more
BASE = 0x40000000  # no process has such a number: kill(2) tells the kernel side something, and nobody gets a signal


def cases() -> list[dict[str, Any]]:
    """Return the cases of guests.toml, one for each code where a case has several."""
    found = []
    for case in tomllib.loads((HERE / "guests.toml").read_text())["case"]:
        for code, exit_code in case.pop("codes", {None: None}).items():
            one = dict(case)
            if code is not None:
                one |= {"name": case["name"].replace("{code}", code), "exit": exit_code}
                one["args"] = [word.replace("{code}", code) for word in case["args"]]
            found.append(one)
    return found


class Provoked:
    """What a case makes happen, and the words that stand for it in guests.toml."""

    def __init__(self, group: str = "", folder: str | None = None) -> None:
        self.folder = folder
        self.words = {
            "channel": str(random.randrange(1 << 20, 1 << 30)),
            "mypid": str(os.getpid()),
            "cgroup": group,
            "cgroups": os.path.dirname(group),
            "group": os.path.basename(group),
            "pid": "0",
            "path": "",
        }

    def fill(self, text: str) -> str:
        """Put the words into a text."""
        for name, value in self.words.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def provoke(self, what: str) -> None:
        """exec, nap (150 ms), target (its program), open, connect (in its control group), kills N-N or kills N N N."""
        kind, _, rest = what.partition(" ")
        if kind == "kills":
            kills(int(self.words["channel"]), _numbers(rest))
        elif kind in ("exec", "nap"):
            argv = ["/bin/true"] if kind == "exec" else ["sleep", "0.15"]
            with subprocess.Popen(argv) as child:
                self.words["pid"] = str(child.pid)
        elif kind == "open":
            with tempfile.NamedTemporaryFile(prefix="conformance-") as file:
                self.words["path"] = file.name
                os.close(os.open(file.name, os.O_RDONLY))
        elif kind == "target":
            subprocess.run(["./target"], cwd=self.folder, check=True)
        elif kind == "connect":
            self._connect()
        else:
            raise ValueError(f"provoke: unknown: {what}")

    def _connect(self) -> None:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                Path(self.words["cgroup"], "cgroup.procs").write_text(str(os.getpid()))
                with socket.create_server(("127.0.0.1", 0)) as server:
                    socket.create_connection(server.getsockname()).close()
                status = 0
            finally:
                os._exit(status)
        if os.waitpid(child, 0)[1]:
            raise RuntimeError("no connection could be made in the control group")


_kill = ctypes.CDLL(None).kill
_kill.argtypes = [ctypes.c_int, ctypes.c_int]


def kills(channel: int, numbers: Iterator[int] | range | list[int]) -> None:
    """Call kill(BASE + number, channel) for each number, which fails and is seen."""
    for number in numbers:
        _kill(BASE + number, channel)


def _numbers(text: str) -> range | list[int]:
    first, dash, last = text.partition("-")
    return range(int(first), int(last) + 1) if dash else [int(word) for word in text.split()]


@contextmanager
def control_group() -> Iterator[str]:
    """A control group (v2) of the case's own."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if " - cgroup2 " in line:
            path = Path(line.split()[4], f"conformance-{os.getpid()}")
            break
    else:
        raise RuntimeError("cgroup v2 is not mounted")
    path.mkdir()
    try:
        yield str(path)
    finally:
        path.rmdir()


class Run:
    """A guest on a host, its output in files."""

    def __init__(self, argv: list[str], env: dict[str, str] | None = None, folder: str | None = None) -> None:
        self.argv = argv
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err, env=env, cwd=folder
        )

    @property
    def stdout(self) -> str:
        """What it has written so far."""
        return _content(self._out)

    @property
    def stderr(self) -> str:
        """What it and its host have written to standard error so far."""
        return _content(self._err)

    def wait_for(self, pattern: str) -> str | None:
        """Wait until standard output matches; else say why it did not."""
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, self.stdout):
            if self.process.poll() is not None and not re.search(pattern, self.stdout):
                return f"ended with exit code {self.process.returncode} before it printed {pattern!r}"
            if time.monotonic() > end:
                return f"did not print {pattern!r} within {PATIENCE:.0f} s"
            time.sleep(0.02)
        return None

    def interrupt(self) -> str | None:
        """Send SIGINT; say what is wrong with the end."""
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(STOPPING)
        except subprocess.TimeoutExpired:
            return f"did not end within {STOPPING:.0f} s of SIGINT"
        return None if code == 0 else f"exit code {code} after SIGINT, not 0"

    def close(self) -> None:
        """Make sure that it is over."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._out.close()
        self._err.close()


def run_case(case: dict[str, Any], host: list[str], guest: Path, env: dict[str, str] | None = None) -> list[str]:
    """Run one case and return what is wrong, a line each, and what was printed; nothing when all is well."""
    if "target" in case:
        with tempfile.TemporaryDirectory() as folder:
            build_target(Path(folder))
            return _run_case(case, Provoked(folder=folder), host, guest.resolve(), env)
    if "{cgroup" in str(case):
        with control_group() as group:
            return _run_case(case, Provoked(group), host, guest, env)
    return _run_case(case, Provoked(), host, guest, env)


def _run_case(
    case: dict[str, Any], provoked: Provoked, host: list[str], guest: Path, env: dict[str, str] | None
) -> list[str]:
    options = [word for each in case.get("allow", []) for word in ("--allow", provoked.fill(each))]
    if "dir" in case:
        options += ["--dir", provoked.fill(case["dir"])]
    run = Run([*host, *options, str(guest), *map(provoked.fill, case.get("args", []))], env, provoked.folder)
    try:
        problem = _drive(case, provoked, run)
        problems = [problem] if problem else []
        problems += _compare(case, provoked, run)
        if problems:
            problems += [f"$ {shlex.join(run.argv)}", "stdout: " + run.stdout[-3000:], "stderr: " + run.stderr[-3000:]]
    finally:
        run.close()
    return problems


def _drive(case: dict[str, Any], provoked: Provoked, run: Run) -> str | None:
    if "ready" in case and (problem := run.wait_for(re.escape(case["ready"]))):
        return problem
    if case.get("provoke") == "interrupt":
        run.process.send_signal(signal.SIGINT)
    elif "provoke" in case:
        provoked.provoke(case["provoke"])
    if "until" in case and (problem := run.wait_for(provoked.fill(case["until"]))):
        return problem
    if "after" in case:
        time.sleep(case["after"])
    if "exit" not in case:
        return run.interrupt()
    try:
        code = run.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return f"did not end within {PATIENCE:.0f} s"
    return None if code == case["exit"] else f"exit code {code}, not {case['exit']}"


def _compare(case: dict[str, Any], provoked: Provoked, run: Run) -> list[str]:
    problems = []
    for name, text in (("stdout", run.stdout), ("stderr", run.stderr)):
        for pattern in case.get(name, []):
            if not re.search(provoked.fill(pattern), text):
                problems.append(f"{name} lacks {provoked.fill(pattern)!r}")
    for pattern in case.get("absent", []):
        if re.search(provoked.fill(pattern), run.stdout):
            problems.append(f"stdout has {pattern!r}")
    return problems


def _content(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), 1 << 22, 0).decode(errors="replace")


def main() -> int:
    """Run the cases that are named, or all, and say how many failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--host", default="ecli run", help="the command before the guest (ecli run)")
    parser.add_argument("--guests", type=Path, help="folder of the built guests (made in a temporary one)")
    parser.add_argument("case", nargs="*", help="parts of the names of cases or guests (all)")
    arguments = parser.parse_args()
    failed = total = 0
    with tempfile.TemporaryDirectory() as folder:
        builder = Builder(arguments.guests or Path(folder))
        for case in cases():
            if arguments.case and not any(word in case["name"] or word in case["guest"] for word in arguments.case):
                continue
            problems = run_case(case, shlex.split(arguments.host), builder.guest(case["guest"]))
            total, failed = total + 1, failed + bool(problems)
            print(f"{'FAILED' if problems else 'ok'}  {case['name']}", *problems, sep="\n    ", flush=True)
    print(f"{total} cases, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
