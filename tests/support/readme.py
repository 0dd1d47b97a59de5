"""Do what an example's README says, word for word, and compare what is shown with what it shows.

`python -m support.readme FOLDER` does so in namespaces of its own, in a copy of the folder. Of a README, `console`
blocks are done in their order: `$ ` begins a command. One whose output has a line `^C` runs on while the next block is
done; then it gets Ctrl-C. Every line of output that the README shows must appear, those that begin with a time of day
in their order; others may stand between. Digits stand for other digits, `…` for anything. Comments after a
block say more:

    <!-- exact: dropped 3 --> these words are taken as they are, with their digits
    <!-- fails: rmdir -->     commands of the block that begin so must fail
    <!-- like: rmdir: … -->   so much of the line that begins with this word must appear;
                              with `FIRST => LINE` a line that may begin otherwise

Only the standard library: this also runs in virtual machines.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BLOCK = re.compile(r"^```console\n(.*?)^```$((?:\s*<!--.*?-->)*)", re.M | re.S)
NOTE = re.compile(r"<!--\s*(exact|fails|like):\s*(.*?)\s*-->", re.S)
TIME = re.compile(r"\d\d:\d\d:\d\d ")
HEADER = re.compile(r"[A-Z_]+(?: +[A-Z_]+)+")
DURATION = r"\b\d+(?:\.\d+)?(?:ns|us|ms|s)\b"
PATIENCE = 60.0
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_REC, MS_PRIVATE, MNT_DETACH = 1 << 14, 1 << 18, 2


class Step:
    """One command of a README, and the output that the README shows of it."""

    def __init__(self, command: str, notes: dict[str, list[str]]) -> None:
        self.command = command
        self.expected: list[str] = []
        self.at_end: list[str] = []
        self.is_interrupted = False
        self.exact = set(notes.get("exact", ()))
        self.like = dict(map(_substitute, notes.get("like", ())))
        self.fails = any(command.removeprefix("sudo ").startswith(word) for word in notes.get("fails", ()))

    def pattern(self, line: str) -> re.Pattern[str]:
        """Return what matches a line that was shown once, with other times, numbers and addresses."""
        words = []
        for word in self.like.get(line.split(maxsplit=1)[0], line).split():
            if word in self.exact:
                words.append(re.escape(word))
                continue
            loose = re.sub(r"(?:0x)?[0-9a-f]*\d[0-9a-f]*", "\0", re.sub(DURATION, "\1", word))
            words.append(re.escape(loose).replace("\1", DURATION).replace("\0", "(?:0x)?[0-9a-f]+").replace("…", ".*"))
        return re.compile(r"\s*" + r"\s+".join(words) + r"\s*")

    def missing(self, shown: str, wanted: list[str]) -> str | None:
        """Return the first line of `wanted` that output lacks, None when it has all."""
        left = shown.splitlines()
        at = 0  # where the next event may stand
        for line in wanted:
            pattern, is_event = self.pattern(line), TIME.match(line)
            found = next((i for i in range(at if is_event else 0, len(left)) if pattern.fullmatch(left[i])), None)
            if found is None:
                return line
            left[found] = "\0"
            at = found if is_event else at
        return None


def _substitute(like: str) -> tuple[str, str]:
    """Return the first word of the line that is shown, and what stands for it."""
    first, arrow, line = like.partition(" => ")
    return (first, line) if arrow else (like.partition(" ")[0], like)


def blocks(text: str) -> list[list[Step]]:
    """Return the commands of a README, by block."""
    found = []
    for body, comments in BLOCK.findall(text):
        notes: dict[str, list[str]] = {}
        for kind, words in NOTE.findall(comments):
            notes.setdefault(kind, []).extend(words.split() if kind == "exact" else [words])
        steps: list[Step] = []
        for line in body.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line[2:], notes))
            elif steps and steps[-1].command.endswith("\\"):
                steps[-1].command += "\n" + line
            elif line == "^C":
                steps[-1].is_interrupted = True
            elif line.strip() not in {"", "…"}:
                (steps[-1].at_end if steps[-1].is_interrupted else steps[-1].expected).append(line)
        found.append(steps)
    return found


class Player:
    """Does the steps of one README in a folder."""

    def __init__(self, folder: Path, environment: dict[str, str], skip_build: bool) -> None:
        self.folder, self.environment, self.skip_build = folder, environment, skip_build
        self.transcript = ""

    def play(self, text: str) -> None:
        """Do all blocks of a README.

        Raises:
            AssertionError: something went otherwise than the README says.
        """
        waiting: list[tuple[Step, subprocess.Popen[bytes], Path]] = []
        try:
            for steps in blocks(text):
                started = [entry for step in steps if (entry := self._step(step)) is not None]
                while waiting:
                    self._interrupt(*waiting.pop())
                waiting = started
            while waiting:
                self._interrupt(*waiting.pop())
        finally:
            for _, process, _ in waiting:
                _end(process)

    def _step(self, step: Step) -> tuple[Step, subprocess.Popen[bytes], Path] | None:
        if self.skip_build and step.command.startswith(("ecc ", "cc ")):
            return None
        output = Path(tempfile.mkstemp(dir=self.folder.parent)[1])
        with output.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", step.command],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if step.is_interrupted:
            try:
                self._wait_attached(step, process, output)
            except AssertionError:
                _end(process)
                raise
            return step, process, output
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            _end(process)
            raise self._failure(step, output, f"did not end in {PATIENCE:.0f} s") from None
        if bool(code) != step.fails:
            raise self._failure(step, output, f"exit code {code}")
        self._compare(step, output, step.expected)
        return None

    def _wait_attached(self, step: Step, process: subprocess.Popen[bytes], output: Path) -> None:
        """Wait for the line of column names, where the README shows one, else until nothing more is attached."""
        deadline, before, same = time.monotonic() + PATIENCE, -1, 0
        head = [line for line in step.expected[:1] if HEADER.fullmatch(line)]
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise self._failure(step, output, f"ended by itself, exit code {process.returncode}")
            count = _kernel_descriptors(process.pid)
            same = same + 1 if count and count == before else 0
            if same > 2 and step.missing(_text(output), head) is None:
                return
            before = count
            time.sleep(0.15)
        raise self._failure(step, output, "attached nothing")

    def _interrupt(self, step: Step, process: subprocess.Popen[bytes], output: Path) -> None:
        deadline = time.monotonic() + PATIENCE / 3
        while step.missing(_text(output), step.expected) is not None and time.monotonic() < deadline:
            time.sleep(0.1)
        code = _end(process)
        if code:
            raise self._failure(step, output, f"exit code {code}")
        self._compare(step, output, step.expected + step.at_end)

    def _compare(self, step: Step, output: Path, wanted: list[str]) -> None:
        shown = _text(output)
        missing = step.missing(shown, wanted)
        if missing is not None:
            raise self._failure(step, output, f"not shown: {missing}")
        self._note(step, shown)
        output.unlink()

    def _note(self, step: Step, shown: str) -> None:
        lines = shown.splitlines(keepends=True)
        if len(lines) > 60:
            lines = [*lines[:30], f"… {len(lines) - 60} lines …\n", *lines[-30:]]
        self.transcript += f"$ {step.command}\n{''.join(lines)}"

    def _failure(self, step: Step, output: Path, what: str) -> AssertionError:
        self._note(step, _text(output))
        output.unlink()
        return AssertionError(f"{step.command}: {what}\n{self.transcript}")


def _end(process: subprocess.Popen[bytes]) -> int:
    """End a command with all that it started, as Ctrl-C does, or harder; return its exit code."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(PATIENCE / 3)
    return -signal.SIGKILL


def _text(path: Path) -> str:
    return path.read_text(errors="replace")


def _kernel_descriptors(leader: int) -> int:
    """Return how many BPF and perf descriptors a command's session holds, 0 as long as it is still being loaded."""
    count = links = 0
    for name in os.listdir("/proc"):
        try:
            if not name.isdigit() or os.getsid(int(name)) != leader:
                continue
            for number in os.listdir(f"/proc/{name}/fd"):
                target = os.readlink(f"/proc/{name}/fd/{number}")
                count += target.startswith(("anon_inode:bpf", "anon_inode:[perf_event]"))
                links += target in {"anon_inode:[eventpoll]", "anon_inode:[signalfd]", "anon_inode:[eventfd]"}
        except OSError:
            continue
    return count if links else 0


def _isolate() -> None:
    """Give this process a network and mounts of its own, the usual ones: loopback up, cgroup v2 at /sys/fs/cgroup."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    os.makedirs("/run/netns", exist_ok=True)
    libc.umount2(b"/sys/fs/cgroup/unified", MNT_DETACH)
    for place, kind in ((b"/run/netns", b"tmpfs"), (b"/sys/fs/cgroup", b"cgroup2")):
        if (
            libc.mount(b"none", place, kind, 0, None) and ctypes.get_errno() != errno.EBUSY
        ):  # EBUSY: it is mounted there
            raise OSError(ctypes.get_errno(), f"mount {place.decode()}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def main(arguments: list[str]) -> int:
    """Do the README of a folder; return 0 when everything was as it says."""
    skip_build = "--skip-build" in arguments
    (source,) = (Path(word).resolve() for word in arguments if not word.startswith("-"))
    _isolate()
    with tempfile.TemporaryDirectory(prefix="eunomia-example-") as parent:
        folder = Path(parent) / source.name
        shutil.copytree(source, folder)
        commands = Path(parent) / "bin"
        commands.mkdir()
        (commands / "sudo").write_text('#!/bin/bash\nexec "$@"\n')
        (commands / "sudo").chmod(0o755)
        path = f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
        player = Player(folder, {**os.environ, "PATH": path, "LC_ALL": "C"}, skip_build)
        try:
            player.play((folder / "README.md").read_text())
        except AssertionError as exc:
            print(exc)
            return 1
    print(player.transcript, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
