"""`wasm-bpf MODULE [ARGS]`: `ecli run GUEST.wasm` by the name and options of the first system's runtime."""

from __future__ import annotations

import sys

from eunomia.cli.fetch_table import ALLOW_UNSIGNED, FETCH_OPTIONS
from eunomia.cli.parser import VERBOSE, Command, Opt, UsageError
from eunomia.cli.run_table import COMMAND as RUN
from eunomia.cli.run_table import GUEST_OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND = Command(
    "",
    "MODULE [ARGS]",
    "run a Wasm guest; the same as `ecli run MODULE`",
    (
        Opt(
            "wrapper-module-name", "m", "text", "module of TinyGo's form of polling", "NAME", default="callback-wrapper"
        ),
        Opt("callback-export-name", "c", "text", "its callback's export", "NAME", default="go-callback"),
        next(option for option in RUN.options if option.long == "duration"),
        *GUEST_OPTIONS,
        *FETCH_OPTIONS,
        ALLOW_UNSIGNED,
        VERBOSE,
    ),
    stop=True,
    details="MODULE is what `ecli run` takes. All that follows it is the guest's; a `--` right after it is left out. "
    "`wasm-bpf -V` shows the version.",
    examples=(("sudo wasm-bpf bootstrap.wasm -- -d 100", "its own options"),),
    prog="wasm-bpf",
    choices=("@file",),
)


def main() -> int:
    """Run `wasm-bpf` with the words of the command line; return the exit code."""
    from eunomia.cli.main import guarded

    return guarded("wasm-bpf", run, sys.argv[1:])


def run(argv: Sequence[str]) -> int:
    """Run the guest that the words name."""
    if list(argv) in (["-V"], ["--version"]):
        from eunomia import __version__

        sys.stdout.write(f"wasm-bpf of eunomia {__version__}\n")
        return 0
    values = COMMAND.parse(argv)
    if not values.operands:
        raise UsageError("no module given [wasm-bpf MODULE [ARGS]; see wasm-bpf --help]")
    if len(values.operands) > 1:  # behind `--`
        values.rest = values.operands[1:]
    elif values.rest[:1] == ["--"]:
        del values.rest[0]
    for option in RUN.options:
        values.setdefault(option.long, [] if option.repeat else option.default)
    from eunomia.cli.fetching import fetched, limits_of
    from eunomia.cli.guest import run_guest
    from eunomia.cli.run import check
    from eunomia.errors import GuestError

    check(values)
    limits = limits_of(values)
    found = fetched(values.operands[0], limits)
    if not found.is_guest:
        raise GuestError(f"open {values.operands[0]}: {_what_it_is(found.data)}")
    names = ("wrapper-module-name", "callback-export-name")
    if any(name in values.given for name in names):
        values["callback"] = tuple(values[name] for name in names)
    return run_guest(found, values, limits=limits)


def _what_it_is(data: bytes) -> str:
    """Say why bytes are no guest."""
    if not data.strip():
        return "empty, not a Wasm module"
    if data.startswith((b"(module", b"(component")):
        return "WebAssembly as text, not a module [wat2wasm or wasm-tools makes one of it]"
    return "not a Wasm module [ecli run takes packages, objects and sources]"
