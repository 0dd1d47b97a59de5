"""`ecc watch`: compile a source and run it, and do both again when it is saved."""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import tempfile

from eunomia.cli.ecc import COMMAND as ECC
from eunomia.cli.parser import Command, Opt, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUFFIXES = (".c", ".h")
SETTLED = 0.05  # seconds without another save: editors write a file, its backup and its name apart
PATIENCE = 5.0  # seconds for a run to let go, then it is killed
_COMPILER = ("include", "define", "additional-cflags", "target-arch", "vmlinux", "toolchain", "clang-bin", "verbose")
COMMAND = Command(
    "watch",
    "SOURCE.bpf.c [EVENTS.h] [-- WORDS OF ecli run]",
    "compile a source and run it, and do both again when it, or a header beside it, is saved",
    (
        *(each for each in ECC.options if each.long in _COMPILER),
        Opt("output-path", "o", "file", "keep the package there [default: a temporary file]", "FILE", group="Output"),
        Opt("run", "", "flag", "compile only", default=True, group="Output"),
    ),
    prog="ecc",
    details="A source that does not compile leaves the run before it as it is. A run that ends by itself is run again\n"
    "at the next save. Words after `--` are those of `ecli run` after PROG. Ctrl-C ends both.",
    examples=(
        ("sudo ecc watch tool.bpf.c", "compiles, runs, and waits for the next save"),
        ("sudo ecc watch tool.bpf.c tool.h -- --pid 42 --json", "with options of the tool and of ecli"),
        ("ecc watch --no-run tool.bpf.c", "compiles only"),
    ),
)


def main(argv: list[str]) -> int:
    """Run `ecc watch`."""
    place = argv.index("--") if "--" in argv else len(argv)
    mine, words = argv[:place], argv[place + 1 :]
    values = COMMAND.parse(mine)
    from eunomia.cli.ecc_output import split_operands

    if not values.operands:
        raise UsageError("watch: no source given [ecc watch SOURCE.bpf.c]")
    sources, header = split_operands(values.operands, False)
    if len(sources) != 1:
        raise UsageError("watch: one source at a time")
    if not os.path.isfile(sources[0]):
        raise FileNotFoundError(2, f"watch {sources[0]}: no such file")
    folders = {os.path.dirname(path) or "." for path in (sources[0], header) if path}
    folders.update(each for each in values["include"] or () if os.path.isdir(each))
    with tempfile.TemporaryDirectory(prefix="ecc-watch-") as scratch:
        package = values["output-path"] or os.path.join(scratch, "package.json")
        compiler = [*_ecc(mine, values["output-path"]), "-o", package]
        runner = [*_command("ecli"), "run", package, *words] if values["run"] else None
        return _watch(compiler, runner, sorted(folders))


def _ecc(mine: Sequence[str], output: str | None) -> list[str]:
    """Return the command that compiles: the words of this one without its own options."""
    words: list[str] = []
    skip = False
    for word in mine:
        if skip:
            skip = False
        elif output is not None and word in ("-o", "--output-path"):
            skip = True
        elif not word.startswith(("--output-path=", "-o")) and word not in ("--no-run", "--run"):
            words.append(word)
    return [*_command("ecc"), *words]


def _command(name: str) -> list[str]:
    return [sys.executable, "-c", f"import sys; from eunomia.cli.main import {name}; sys.exit({name}())"]


def _watch(compiler: list[str], runner: list[str] | None, folders: list[str]) -> int:
    from eunomia._native import check, lib

    watch = -1
    for folder in folders:
        watch = check(lib.eu_watch_saves(watch, os.fsencode(folder)), f"watch {folder}")
    run: subprocess.Popen[bytes] | None = None
    try:
        while True:
            if subprocess.run(compiler, check=False).returncode == 0 and runner:
                _end(run)
                run = subprocess.Popen(runner)
            elif run is not None and run.poll() is None:
                _say("the run before goes on; waiting for the next save")
            else:
                _say("waiting for the next save")
            _wait(watch)
            _say("saved: compile")
    except KeyboardInterrupt:
        return 0
    finally:
        _end(run)
        os.close(watch)


def _wait(watch: int) -> None:
    """Wait until sources were saved, and for the saves that belong to the same."""
    saved = False
    while select.select([watch], [], [], SETTLED if saved else None)[0]:
        saved = any(name.endswith(SUFFIXES) and name[:1] != "." for name in _names(os.read(watch, 1 << 16))) or saved


def _names(events: bytes) -> Iterator[str]:
    """Yield the names in inotify(7)'s events: watch, mask, cookie and length as 32-bit numbers, then the name."""
    place = 0
    while place + 16 <= len(events):
        (size,) = struct.unpack_from("=I", events, place + 12)
        yield os.fsdecode(events[place + 16 : place + 16 + size].rstrip(b"\0"))
        place += 16 + size


def _end(run: subprocess.Popen[bytes] | None) -> None:
    """End a run as Ctrl-C does; its last lines come first."""
    if run is None or run.poll() is not None:
        return
    run.send_signal(signal.SIGINT)
    try:
        run.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        run.kill()
        run.wait()


def _say(text: str) -> None:
    sys.stderr.write(f"ecc: {text}\n")
    sys.stderr.flush()
