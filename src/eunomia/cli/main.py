"""The entry points ecli and ecc: from a command's name to its module, from exceptions to a line and an exit code."""

from __future__ import annotations

import os
import sys

from eunomia.errors import FetchError, OptionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Name of the command: the module in eunomia.cli that has its `COMMAND` and `main(argv) -> int`.
COMMANDS = {
    "run": "run",
    "record": "record",
    "replay": "replay",
    "list": "list",
    "search": "search",
    "info": "info",
    "hub": "hub",
    "install": "install",
    "upgrade": "upgrade",
    "inspect": "inspect",
    "push": "push",
    "pull": "pull",
    "export": "export",
    "sign": "sign",
    "verify": "verify",
    "key": "key",
    "test-run": "test_run",
    "check": "check",
    "evidence": "evidence",
    "features": "features",
    "ps": "ps",
    "logs": "logs",
    "stop": "stop",
    "map": "map",
    "login": "login",
    "logout": "logout",
    "clean": "clean",
    "cache": "cache",
    "lock": "lock",
    "doctor": "doctor",
    "completion": "completion",
    "version": "version",
    "help": "help",
}
HIDDEN_COMMANDS = {"docs-options": "docs"}
_PACKAGE = "eunomia.cli"


def ecli() -> int:
    """Run `ecli` with the words of the command line; return the exit code."""
    return guarded("ecli", dispatch, sys.argv[1:])


def ecc() -> int:
    """Run `ecc` with the words of the command line; return the exit code."""

    def run(argv: Sequence[str]) -> int:
        from eunomia.cli.ecc import main  # may be in a wheel that is not installed

        return main(list(argv))

    return guarded("ecc", run, sys.argv[1:])


def dispatch(argv: Sequence[str]) -> int:
    """Run one command of ecli; the first word is its name, or else belongs to `run`."""
    words = list(argv)
    while len(words) > 1 and words[0] in ("-v", "--verbose") and words[1] in COMMANDS:
        words[0], words[1] = words[1], words[0]
    if not words:
        from eunomia.cli.help import print_overview

        print_overview(sys.stderr)
        return 2
    name = words[0]
    if name in ("-h", "--help"):
        name, words = "help", ["help", *words[1:]]
    elif name in ("-V", "--version"):
        name, words = "version", ["version", *words[1:]]
    if name == "run" or (name not in COMMANDS and name not in HIDDEN_COMMANDS):
        from eunomia.cli.run import main

        try:
            return main(words[1:] if name == "run" else words)
        except FetchError as exc:
            raise (exc if name == "run" else _not_a_command(exc)) from None
    return command_main(name)(words[1:])


def _not_a_command(exc: FetchError) -> FetchError:
    """Return the error for a word behind which there is nothing; it may have been meant as a command."""
    from eunomia.cli.parser import did_you_mean

    words, _, hint = str(exc).partition(" [")
    word = words.removeprefix("open ").partition(": ")[0]
    if not hint or "no such file" not in words:
        return exc
    if word in COMMANDS:
        return FetchError(f"{words} [a command goes before its options: ecli {word} …]")
    near = did_you_mean(word, COMMANDS).partition("mean ")[2].rstrip("?)")
    return FetchError(f"{words} [did you mean the command {near}? else {hint}") if near else exc


def command_main(name: str) -> Callable[[list[str]], int]:
    """Import the module of a command and return its entry."""
    module = COMMANDS.get(name) or HIDDEN_COMMANDS[name]
    imported = __import__(f"{_PACKAGE}.{module}", fromlist=["main"])
    entry: Callable[[list[str]], int] = imported.main
    return entry


def guarded(program: str, run: Callable[[Sequence[str]], int], argv: Sequence[str]) -> int:
    """Call run and turn what it raises into one line on standard error and the exit code of DESIGN's contract."""
    from eunomia.cli.parser import HelpRequested
    from eunomia.cli.printable import Printable

    _occupy_standard_descriptors()
    stream = sys.stdout
    sys.stdout = Printable(stream)  # a text stream in all that is asked of it
    try:
        try:
            code = run(argv)
        except HelpRequested as exc:
            from eunomia.cli.help import print_page

            print_page(exc.command)
            code = 0
        sys.stdout.flush()
        return code
    except Exception as exc:
        return _answer(program, exc)
    except KeyboardInterrupt:
        return 130
    finally:
        sys.stdout = stream


def _answer(program: str, exc: Exception) -> int:
    """Say what went wrong, as its kind asks for; return the exit code."""
    from eunomia.cli.parser import UsageError

    if isinstance(exc, ModuleNotFoundError):
        from eunomia.errors import missing_part

        exc = missing_part(exc.name or "") or exc
    if isinstance(exc, BrokenPipeError):
        _drop_output()
        return 0
    return _fail(program, exc, 2 if isinstance(exc, (UsageError, OptionError)) else 1)


def _occupy_standard_descriptors() -> None:
    """Open 0, 1 and 2 where they are closed, unreadable and unwritable: else a BPF map would become standard output."""
    from posix import O_RDONLY, O_WRONLY, fstat
    from posix import open as posix_open

    for number, mode in ((0, O_WRONLY), (1, O_RDONLY), (2, O_RDONLY)):
        try:
            fstat(number)
        except OSError:
            posix_open("/dev/null", mode)  # takes the lowest free number
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 (for good; writing says: bad file descriptor)
    elif hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 is no reason to fail
    if sys.stderr is None:
        sys.stderr = open("/dev/null", "w")  # noqa: SIM115 (for good, as above)


def _fail(program: str, exc: Exception, code: int) -> int:
    from eunomia.cli.report import report

    report(program, exc)
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    return code


def _drop_output() -> None:
    """Point standard output at /dev/null, so that the interpreter's last flush cannot fail."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)
    except OSError:  # no /dev/null here: the interpreter's complaint then stands
        pass
