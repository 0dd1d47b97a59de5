"""`ecli run GUEST.wasm`: a Wasm guest, with the words that follow it.

On the way of a start: imports nothing heavy.
"""

from __future__ import annotations

import os
import sys

from eunomia.cli.fetch_table import FETCH_OPTIONS
from eunomia.cli.parser import UsageError, Verbosity
from eunomia.cli.run_table import COMMAND, GUEST_OPTIONS
from eunomia.errors import GuestError, PolicyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Command, Values
    from eunomia.registry.resolve import Limits, Program
    from eunomia.wasm.directories import Directory
    from eunomia.wasm.losses import Losses
    from eunomia.wasm.policy import Policy
    from eunomia.wasm.run import Run

# Options of `ecli run` that mean something for a guest too.
COMMON = frozenset(
    ("duration", "verbose", "quiet", "allow-unsigned", "prog-type", "detach", "name",
     *(option.long for option in (*FETCH_OPTIONS, *GUEST_OPTIONS)))
)  # fmt: skip


def run_guest(found: Program, values: Values, command: Command = COMMAND, limits: Limits | None = None) -> int:
    """Run a guest; return its exit code."""
    program = values.operands[0]
    if command is not COMMAND:
        raise UsageError(f"{command.name}: {program} is a Wasm guest, not a package [ecli run takes guests]")
    for option in COMMAND.options:
        if option.long in values.given and option.long not in COMMON:
            raise UsageError(f"--{option.long} is for packages: {program} is a Wasm guest [its own options follow it]")
    from eunomia.cli.run import admit, named
    from eunomia.registry.gate import word_limits
    from eunomia.wasm.guest import check_header, is_component

    policy = make_policy(values)
    asked = admit(found, None, values, limits)
    if limits is not None:
        limits.mark("trust")
    for words, origin in word_limits(asked):
        policy = policy.with_types(words, origin)
    dirs = [directory(text) for text in values["dir"]]
    if is_component(found.data):
        return run_component(found, values, policy, dirs)
    check_header(found.data, program)
    if values["detach"]:
        from eunomia.cli.detach_guest import run_in_background

        return run_in_background(Named(found), values, found, policy, dirs)
    return named(Named(found), values, lambda: attend(found, values, policy, dirs))


def run_component(found: Program, values: Values, policy: Policy, dirs: list[Directory]) -> int:
    """Run a component; return its exit code."""
    for option in ("link", "detach", "stack", "callback"):
        if values.get(option):
            shown = "wrapper-module-name" if option == "callback" else option
            raise UsageError(f"--{shown} is for modules: {values.operands[0]} is a component")
    from signal import SIGTERM, default_int_handler, signal

    from eunomia.wasm import engine

    engine.library()  # or says what to install
    from eunomia.wasm.component import run_component as run

    signal(SIGTERM, default_int_handler)
    return run(
        found.data, values.operands[0], values.rest, policy=policy, env=environment(values["env"]), dirs=dirs,
        memory=values["memory"] or 0, table=values["table"] or 0, fuel=values["fuel"],
        duration=values["duration"] or 0.0, on_failure=tell,
    )  # fmt: skip


class Named:
    """A guest as the state file of a run knows it: by what a package has too."""

    __slots__ = ("name", "object", "origin")
    kind = "guest"

    def __init__(self, found: Program) -> None:
        from eunomia.registry.resolve import file_name

        self.name = file_name(found.origin).removesuffix(".wasm") if found.origin != "-" else "guest"
        self.object = found.data
        self.origin = found.origin


def attend(found: Program, values: Values, policy: Policy, dirs: list[Directory]) -> int:
    """Run a guest in this thread until it ends; return the exit code."""
    from eunomia.cli.run import ignore_signals

    with begin(found, values, policy, dirs, thread=bool(values["stack"])) as run:  # this one's stack may be too small
        if values.get("clock") is not None:
            values["clock"].mark("begin")
            values["clock"].tell(values.operands[0])
        run.wait()
        ignore_signals()
        return conclude(run, values.operands[0])


def begin(found: Program, values: Values, policy: Policy, dirs: list[Directory], *, thread: bool) -> Run:
    """Start a guest with the streams, signals and words of this command."""
    from eunomia._native import lib
    from eunomia.wasm.guest import Guest

    lib.eu_guest_await_signals()
    if values["verbose"]:
        lib.eu_log_to(2, min(values["verbose"], 2))
    callback = values.get("callback")
    guest = Guest(found.data, values.operands[0])
    guest.hints_are_options = True
    for each in values["link"]:
        name, _, module = each.partition("=")
        if not name or not module:
            raise UsageError(f"--link: {each!r} is not NAME=MODULE")
        guest.link(name, linked(module, values))
    return guest.run(
        values.rest,
        policy=policy,
        env=environment(values["env"]),
        dirs=dirs,
        stdin=0 if found.origin != "-" else None,
        stdout=1,
        stderr=2,
        memory=values["memory"] or 0,
        fuel=values["fuel"],
        stack=values["stack"] or 0,
        table=values["table"] or 0,
        duration=values["duration"] or 0.0,
        on_failure=tell,
        callback=callback,
        thread=thread,
        take_signals=True,
    )


def linked(module: str, values: Values) -> bytes:
    """Return the bytes of a module that is linked, where it may be loaded."""
    from eunomia.cli.fetching import fetched, limits_of
    from eunomia.cli.run import admit

    limits = limits_of(values)
    limits.sha256 = ""  # that is PROG's
    found = fetched(module, limits)
    admit(found, None, values, limits)
    return found.data


def conclude(run: Run, program: str) -> int:
    """Say how a guest ended, where that is not as it wanted; return the exit code.

    Raises:
        GuestError: it trapped, had no fuel left, or the host failed.
    """
    from eunomia.wasm.run import FAILED

    tell_losses(run)
    if run.ending in FAILED:
        if Verbosity.level and run.detail:
            from eunomia.cli.report import clean

            for line in map(clean, run.detail.split("\n")):  # names of functions: the guest chose them
                sys.stderr.write(f"  {line}\n" if line.startswith("…") else f"  in {line}\n")
            sys.stderr.flush()
        raise GuestError(f"run {program}: {run.text or run.ending}{advice(run.ending, run.text)}", run.ending)
    return run.exit_code or 0


def advice(ending: str, text: str) -> str:
    """Return what to do about an ending, in brackets, "" where only the guest's author can do something."""
    if "[" in text or "--" in text:
        return ""
    if ending == "out of fuel":
        return " [--fuel N allows more, 0 any number]"
    if "stack overflow" in text:
        return " [--stack SIZE allows more]"
    if "exceeds memory limits" in text:
        return " [--memory SIZE allows more]"
    if "exceeds table limits" in text:
        return " [--table N allows more]"
    return ""


def tell(line: str, said: list[str]) -> None:
    """Write a failure of what a guest asked for, with what the verifier said last."""
    from eunomia.cli.report import clean
    from eunomia.cli.run import warn

    for each in [] if Verbosity.level else said:  # with -v all of it stands above
        sys.stderr.write(f"  {clean(each)}\n")
    warn(clean(" ".join(line.split())))


def tell_losses(run: Losses) -> None:
    """Write a line about records that were lost, unless the guest asked for them."""
    line = run.loss_line()
    if line:
        tell(line, [])


def make_policy(values: Values) -> Policy:
    """Return the policy that the options make.

    Raises:
        UsageError: a rule is wrong. PolicyError: a file is.
    """
    from eunomia.wasm.policy import Policy

    try:
        Policy(values["allow"], values["deny"], machine=False)
    except PolicyError as exc:
        raise UsageError(f"--{exc}") from None
    return Policy(values["allow"], values["deny"], values["policy"])


def directory(text: str) -> Directory:
    """Return the directory of `--dir`."""
    from eunomia.wasm.directories import Directory

    try:
        return Directory.parse(text)
    except ValueError as exc:
        raise UsageError(f"--dir: {exc}") from None


def environment(words: list[str]) -> dict[str, str]:
    """Return the guest's environment: of each NAME=VALUE, and of NAME where we have it."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name:
            raise UsageError(f"--env: {word!r} is not NAME=VALUE or NAME")
        if equals:
            found[name] = value
        elif name in os.environ:
            found[name] = os.environ[name]
    return found
