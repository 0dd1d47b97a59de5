"""Guests for tests: built once a session, and run in this process through the C core, without the command line."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eunomia._native import ffi, lib, text
from eunomia.wasm import engine


def build_c(source: Path, output: Path, *options: str) -> Path:
    """Compile a C guest with zig's wasi-libc, unless it is there."""
    if not output.exists():
        part = output.with_suffix(f".{os.getpid()}")
        zig = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi", "-O1", "-w", "-s", *options]
        subprocess.run([*zig, "-o", str(part), str(source)], check=True)
        part.rename(output)
    return output


@dataclass(frozen=True)
class Directory:
    """A preopened directory."""

    host: Path | str
    guest: str
    writable: bool = False
    token: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a guest ended, and what it wrote."""

    ending: int
    code: int
    text: str
    out: str
    err: str


class Running:
    """A guest in a thread of its own."""

    def __init__(self, guest: Any, keep: list[Any], files: dict[str, Any]) -> None:
        self.guest = guest
        self._keep, self._files = keep, files
        self._thread = threading.Thread(target=lib.eu_guest_run, args=[guest], daemon=True)
        self._thread.start()

    def is_over(self) -> bool:
        """Tell whether it ended."""
        return not self._thread.is_alive()

    def wait(self, seconds: float = 60) -> Outcome:
        """Wait for its end.

        Raises:
            TimeoutError: it did not end.
        """
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise TimeoutError("the guest did not end")
        texts = {}
        for name, file in self._files.items():
            file.seek(0)
            texts[name] = file.read().decode()
            file.close()
        made = Outcome(
            lib.eu_guest_ending(self.guest),
            lib.eu_guest_exit_code(self.guest),
            text(lib.eu_guest_text(self.guest)),
            texts.get("out", ""),
            texts.get("err", ""),
        )
        lib.eu_guest_free(self.guest)
        return made


def start(
    wasm: Path | bytes,
    args: Sequence[str] = (),
    *,
    env: Sequence[str] = (),
    dirs: Sequence[Directory] = (),
    stdin: int | None = None,
    stdout: int | None = None,
    **options: Any,
) -> Running:
    """Start a guest; stdin is empty and output is kept in files, where no descriptors are given.

    Raises:
        ValueError: it cannot be made.
    """
    keep: list[Any] = []

    def string(value: str) -> Any:
        keep.append(ffi.new("char[]", os.fsencode(value)))
        return keep[-1]

    def strings(values: Sequence[str]) -> Any:
        keep.append(ffi.new("const char *[]", [*map(string, values), ffi.NULL]))
        return keep[-1]

    files = {"err": tempfile.TemporaryFile()}  # noqa: SIM115 (closed by wait)
    if stdout is None:
        files["out"] = tempfile.TemporaryFile()  # noqa: SIM115
    empty = open(os.devnull, "rb")  # noqa: SIM115
    rows = [(string(str(d.host)), string(d.guest), d.writable, d.token) for d in dirs]
    preopens = ffi.new("struct eu_preopen[]", [*rows, (ffi.NULL, ffi.NULL, 0, 0)])
    keep += [empty, preopens]
    given = {
        "args": strings(["guest.wasm", *args]),
        "env": strings(env),
        "stdin_fd": empty.fileno() if stdin is None else stdin,
        "stdout_fd": files["out"].fileno() if stdout is None else stdout,
        "stderr_fd": files["err"].fileno(),
        "preopens": preopens,
        "library": string(engine.library()),
        **options,
    }
    keep.append(ffi.new("struct eu_guest_options *", given))
    data = wasm if isinstance(wasm, bytes) else wasm.read_bytes()
    guest = lib.eu_guest_new(data, len(data), keep[-1])
    if not guest:
        raise ValueError(text(lib.eu_error()))
    return Running(guest, keep, files)


def run(wasm: Path | bytes, *args: str, **options: Any) -> Outcome:
    """Run a guest to its end."""
    return start(wasm, args, **options).wait()


@contextlib.contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """Yield both ends of a pipe and close what is still open."""
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            with contextlib.suppress(OSError):
                os.close(end)


def read_until(fd: int, wanted: bytes, seconds: float = 60) -> bytes:
    """Read from a pipe until the text came.

    Raises:
        TimeoutError: it did not come.
    """
    got, end = b"", time.monotonic() + seconds
    os.set_blocking(fd, False)
    while wanted not in got:
        with contextlib.suppress(BlockingIOError):
            part = os.read(fd, 65536)
            got += part
            if not part:
                break
        if time.monotonic() > end:
            raise TimeoutError(f"only {got!r} came")
        time.sleep(0.002)
    return got


def eventually(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait until a condition holds; False when it does not in this time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
