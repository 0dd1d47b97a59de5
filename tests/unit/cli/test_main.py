"""The entry points: which words go to which command, and what failures look like."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from eunomia.cli import main as entry
from eunomia.cli.parser import UsageError, Verbosity
from eunomia.cli.report import clean, one_line
from eunomia.errors import CompileError, FetchError, OptionError, PackageError


def failing(exc: BaseException) -> Callable[[Sequence[str]], int]:
    def run(argv: Sequence[str]) -> int:
        raise exc

    return run


@pytest.mark.parametrize(
    ("exc", "code", "line"),
    [
        (PackageError("read package: truncated"), 1, "ecli: read package: truncated\n"),
        (UsageError("unknown option --x"), 2, "ecli: unknown option --x\n"),
        (OptionError("option --pid: too large"), 2, "ecli: option --pid: too large\n"),
        (OSError(errno.ENOENT, "No such file or directory", "/x"), 1, "ecli: /x: no such file or directory\n"),
        (
            OSError(errno.EPERM, "load program p: operation not permitted"),
            1,
            "ecli: load program p: operation not permitted\n",
        ),
        (MemoryError(), 1, "ecli: out of memory\n"),
        (
            CompileError("compile x.bpf.c: failed", "x.bpf.c:1:1: error: no"),
            1,
            "x.bpf.c:1:1: error: no\necli: compile x.bpf.c: failed\n",
        ),
        (KeyError("k"), 1, "ecli: internal error: KeyError: 'k' [run with -v and report it]\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_a_failure_is_one_line_and_an_exit_code(
    exc: BaseException, code: int, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert entry.guarded("ecli", failing(exc), []) == code

    assert capfd.readouterr().err == line


def test_a_traceback_is_shown_with_verbosity(capfd: pytest.CaptureFixture[str]) -> None:
    Verbosity.level = 1
    try:
        entry.guarded("ecli", failing(PackageError("broken")), [])
    finally:
        Verbosity.level = 0

    error = capfd.readouterr().err
    assert error.startswith("Traceback (most recent call last):\n")
    assert error.endswith("ecli: broken\n")


def test_messages_have_no_escape_sequences_and_no_line_breaks() -> None:
    assert one_line(PackageError("read \x1b[31mred\nfile")) == "read \\x1b[31mred file"
    assert clean("a\u202eb\x07") == "a\\u202eb\\x07"


def ecli(*words: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "eunomia", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)  # type: ignore[call-overload,no-any-return]


def test_no_words_show_the_overview_as_a_usage_error() -> None:
    run = ecli()

    assert run.returncode == 2
    assert run.stdout == ""
    assert "Usage: ecli [run] [OPTIONS] PROG [ARGS]" in run.stderr


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("help",)])
def test_help_shows_the_overview(words: tuple[str, ...]) -> None:
    run = ecli(*words)

    assert (run.returncode, run.stderr) == (0, "")
    assert "doctor" in run.stdout


@pytest.mark.parametrize("words", [("help", "run"), ("run", "--help"), ("run", "-h"), ("-j", "--help")])
def test_help_of_run(words: tuple[str, ...]) -> None:
    run = ecli(*words)

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("Run a tool")
    assert "--max-events N" in run.stdout


def test_help_of_an_unknown_command_suggests_one() -> None:
    run = ecli("help", "doktor")

    assert run.returncode == 2
    assert run.stderr == "ecli: no command doktor (did you mean doctor?) [see ecli --help]\n"


def test_run_without_a_program_says_so() -> None:
    run = ecli("run", "-j")

    assert run.returncode == 2
    assert run.stderr.startswith("ecli: run: no program given")


def test_verbosity_may_stand_before_a_command() -> None:
    assert ecli("-v", "version").returncode == 0


def test_a_closed_pipe_ends_quietly() -> None:
    run = subprocess.run(
        f"{sys.executable} -m eunomia help run | true; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "-j", "--folded", "x"), "--json and --folded exclude each other"),
        (("run", "--perf-pages", "3", "x"), "--perf-pages: 3 is not a power of two"),
        (("run", "--sha256", "12", "x"), "--sha256: '12' is not 64 hexadecimal digits"),
        (("run", "-p", "elf", "x"), "--prog-type: 'elf' is none of json, jsoneunomia, tar, wasm, wasmmodule"),
        (("list", "x"), "unexpected argument 'x' [see ecli list --help]"),
        (("completion", "bahs"), "completion: no shell bahs (did you mean bash?) (known are bash, zsh, fish)"),
    ],
)
def test_usage_errors(words: tuple[str, ...], message: str) -> None:
    run = ecli(*words)

    assert (run.returncode, run.stderr) == (2, f"ecli: {message}\n")


def test_an_output_that_is_not_utf8_is_no_failure() -> None:
    run = ecli("run", "--help", env={**os.environ, "PYTHONIOENCODING": "ascii"})

    assert run.returncode == 0


def ecc(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from eunomia.cli.main import ecc; sys.exit(ecc())"
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False, cwd=folder
    )


def test_verbosity_may_stand_before_a_command_of_ecc(tmp_path: Path) -> None:
    run = ecc(tmp_path, "-v", "gen-wasm-skel", "--lang", "go", "x")

    assert (run.returncode, run.stderr) == (0, "")
    assert (tmp_path / "x" / "go.mod").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--lang", "go", "gen-wasm-skel", "x"), "options of `ecc gen-wasm-skel` go after its name"),
        (("-o", "out", "build-wasm", "x"), "options of `ecc build-wasm` go after its name"),
        (("-v", "--nosuch", "x.bpf.c"), "unknown option --nosuch"),
    ],
)
def test_usage_errors_of_ecc_are_a_line_without_a_traceback(
    words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    run = ecc(tmp_path, *words)

    assert (run.returncode, run.stderr.partition(" [")[0]) == (2, f"ecc: {message}")
    assert run.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("pul", "x"), "did you mean the command pull? else `ecli list` shows the built-in tools"),
        (("--timeout", "2", "run", "x"), "a command goes before its options: ecli run …"),
        (("run", "serch"), "`ecli list` shows the built-in tools"),
    ],
)
def test_a_word_that_may_have_been_meant_as_a_command(
    words: tuple[str, ...], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    with pytest.raises(FetchError, match=re.escape(f"no such file or built-in tool [{hint}]")):
        entry.dispatch(words)
