"""`ecli run`: resolve a program, write its options, load, attach, and print its events until something ends it.

What is imported here at run time is what every start pays for (DESIGN decision 8); help pages, errors and accounts are
elsewhere.
"""

from __future__ import annotations

import os
import sys

from eunomia.cli.parser import UsageError
from eunomia.cli.run_table import COMMAND, GUEST_OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from eunomia.cli.guest import Named
    from eunomia.cli.parser import Command, Values
    from eunomia.cli.which import Choice
    from eunomia.events.run import Run, RunOptions
    from eunomia.kernel.object import Object
    from eunomia.life.state import State
    from eunomia.package.model import Package
    from eunomia.package.options import Settings
    from eunomia.registry.gate import Asked
    from eunomia.registry.resolve import Limits, Program

    Act = Callable[[Package, Values, Settings, str, Choice | None], int]

__all__ = ["COMMAND", "main"]


def main(argv: list[str], command: Command = COMMAND, act: Act | None = None) -> int:
    """Run `ecli run`, or a command that takes a program as it does; return the exit code."""
    values = parse(command, argv)
    if not values.operands:
        raise UsageError(
            f"{command.name}: no program given [{command.title} PROG; `ecli list` shows the built-in tools]"
        )
    check(values)
    program = values.operands[0]
    from eunomia.cli.arguments import HELP, VERSION, take_arguments
    from eunomia.cli.fetching import fetched, fetched_again, limits_of, said_of_fetching
    from eunomia.registry.resolve import package_of

    limits = limits_of(values)
    found = fetched(program, limits)
    if found.is_guest:
        from eunomia.cli.guest import run_guest

        return run_guest(found, values, command, limits)
    package = package_of(found.data, found.origin, remote=found.is_remote).here()
    limits.mark("parse")
    # The tool's options may move some of ecli's: they are read with the package's table in hand.
    before = said_of_fetching(values)
    chosen, asked = take_arguments(package, values, program)
    if said_of_fetching(values) != before:
        found = fetched_again(found, program, values)
    if asked in (HELP, VERSION):
        from eunomia.cli.tool_help import print_tool_help, print_tool_version

        (print_tool_help if asked == HELP else print_tool_version)(package, program)
        return 0
    check(values)
    limits.mark("options")
    if act is None or values.get("load", True):
        admit(found, package, values, limits)
        limits.mark("trust")
    check_kind(values, program, package)
    check_plan(package.plan, values)
    settings = package.settings(chosen)
    choice = None
    if any(values[name] for name in ("filter", "pid", "follow", "comm", "uid", "cgroup", "container")):
        from eunomia.cli.which import choose

        choice = choose(package, values, settings, set(chosen))
    try:
        return (act or run)(package, values, settings, program, choice)
    except KeyboardInterrupt:
        return 0  # an end like any other: what was attached is detached


def admit(found: Program, package: Package | None, values: Values, limits: Limits | None) -> Asked | None:
    """Return where a program may be loaded, with what was found out about it; of most there is nothing to find out.

    Raises:
        RefusedError: it may not.
    """
    from eunomia.registry.gate import needs_asking

    if not needs_asking(found):
        return None
    from eunomia.cli.admit import admit as ask

    return ask(found, package, values, limits)


def parse(command: Command, argv: list[str]) -> Values:
    """Parse a command's words; options of `ecli run` that it does not have are as if not given."""
    values = command.parse(argv)
    if command is not COMMAND:
        for option in COMMAND.options:
            values.setdefault(option.long, [] if option.repeat else option.default)
    return values


def check(values: Values) -> None:
    """Raise UsageError where options exclude or need each other, before anything is fetched or loaded."""
    if values.given:
        from eunomia.cli.run_checks import check_options

        check_options(values)


def check_kind(values: Values, program: str, package: Package) -> None:
    """Raise UsageError for options of Wasm guests; those that get a package's events have limits too."""
    limits = ("memory", "fuel", "stack", "table") if values["guest"] or package.has_guest else ()
    for option in GUEST_OPTIONS:
        if option.long in values.given and option.long not in limits:
            raise UsageError(f"--{option.long} is for Wasm guests, and {program} is a package")


def check_plan(plan: Callable[[], bytes], values: Values) -> None:
    """Raise UsageError where options ask for what the records of a plan do not have; it is made only if one does."""
    if any(values[name] for name in ("sample", "rate-limit", "drill-loss")):
        from eunomia.cli.run_checks import check_sources

        check_sources(plan(), values)
    if any(values[name] for name in ("count-by", "hist", "sort", "top")):
        from eunomia.cli.aggregation import check_aggregation

        check_aggregation(plan(), run_options(values, 1))
    if values["fields"]:
        from eunomia.cli.fields import check_fields

        check_fields(plan(), names(values["fields"]))


def run(package: Package, values: Values, settings: Settings, program: str, choice: Choice | None) -> int:
    """Load and attach a package, print its events, and return the exit code."""
    from eunomia.cli.privileges import require_capabilities

    require_capabilities(program, package)
    if values["detach"]:
        from eunomia.cli.detach import detach

        return detach(package, values, lambda: attend(package, values, settings, program, choice))
    return named(package, values, lambda: attend(package, values, settings, program, choice))


def attend(package: Package, values: Values, settings: Settings, program: str, choice: Choice | None) -> int:
    """Load, attach and print until something ends it."""
    catch_signals()
    if values["verbose"]:
        from eunomia._native import lib

        lib.eu_log_to(2, min(values["verbose"], 2))
    out = open_output(values)
    try:
        with load(package, values, settings) as live:
            return follow(live, package, values, out, program, choice=choice)
    finally:
        if choice is not None:
            choice.close()
        if out != 1:
            os.close(out)


def named(package: Package | Named, values: Values, work: Callable[[], int]) -> int:
    """Do the work of a run under its name, by which `ecli ps` and its like find it."""
    held = claim(package, values)
    try:
        return work()
    finally:
        if held is not None:
            held.release(keep=bool(values.get("pinned")))


def claim(package: Package | Named, values: Values) -> State | None:
    """Write the state file of this run; without one it goes on, unless it was to have a name.

    Raises:
        OSError: the name is taken, or the file of a run that was given a name cannot be written.
    """
    from eunomia.life import state

    name = values["name"]
    kind = package.kind
    more = (lambda _: {"kind": kind}) if kind else None
    if values["detach"] or values["pin"]:
        from eunomia.cli.detach import details

        more = details(package, values)
    try:
        held = state.claim(name or state.name_for(package.name), package.name, exact=bool(name), more=more)
    except FileExistsError as exc:
        raise FileExistsError(17, f"{exc.strerror} [ecli ps shows it; ecli stop {name} ends it]") from None
    if held is None and (name or values["detach"] or values["pin"]):
        raise OSError(5, f"run {name or package.name}: {state.why_not()}")
    if held is not None:
        values["running-as"] = held.name
    return held


def load(package: Package, values: Values, settings: Settings) -> Object:
    """Open, write the chosen values and load; nothing stays behind when one of these fails."""
    from eunomia.kernel.object import Object

    live = Object.open(package, btf=values["btf"], kconfig=settings.kconfig, plain_btf=values["plain-btf"])
    clock = values.get("clock")
    try:
        if clock is not None:
            clock.mark("open")
        for section, offset, data in settings.writes:
            live.write(section, offset, data)
        if values["skip"] or values["enable"] or values["ring-size"] or values["perf-pages"]:
            from eunomia.cli.adjust import adjust

            adjust(live, values)
        if any("prog:" in text for text in values["attach"]):
            from eunomia.cli.targets import bind_programs

            bind_programs(live, values)
        live.load()
        if clock is not None:
            clock.mark("load")
    except BaseException:
        live.close()
        raise
    return live


def follow(
    live: Object,
    package: Package,
    values: Values,
    out: int,
    program: str,
    *,
    choice: Choice | None = None,
    options: RunOptions | None = None,
) -> int:
    """Print events until something ends it; return the exit code."""
    from eunomia.events.run import Run

    options = options or run_options(values, out)
    targets = None
    if values["attach"] or values["iface"] or values["attach-cgroup"] or values["binary"] or values["freq"]:
        from eunomia.cli.targets import choose_targets

        targets = values["targets"] = choose_targets(live, values)
    if choice is not None:
        choice.open(options)
    guests = []
    if values["guest"] or (package.has_guest and options.record is None):
        from eunomia.cli.event_guests import open_guests

        guests = open_guests(package, values, options)
    try:
        # Buffers first: what a program writes into a perf buffer that nobody has opened is gone, and not counted.
        with Run(live, package.plan(), options) as reader:
            live.attach(skip=values["skip"], targets=targets)
            tell_attached(live, values, program, reader, choice)
            if values["pin"] or values["detach"]:
                from eunomia.cli.detach import settle

                settle(live, values)
            if not values["keep-privileges"]:
                reader.drop_privileges()
            if options.record is None and any(each.section.startswith("iter") for each in live.programs.values()):
                from eunomia.cli.iterators import show_iterators

                if show_iterators(live, values, out, reader):
                    return 0
            ending, failure = read(reader, live)
            code = account(reader, live, values, ending)
    finally:
        if guests:
            from eunomia.cli.event_guests import close_guests

            close_guests(guests, values)
    if failure:
        raise failure
    return code


def tell_attached(live: Object, values: Values, program: str, reader: Run, choice: Choice | None) -> None:
    """Say what is not as one might expect, and with -v what is attached."""
    if not live.programs:
        warn(f"{program} has no program: nothing is attached")
    if values["wakeup"] == "adaptive" and not reader.manages_wakeups:
        warn("--wakeup adaptive: the package has no wake-up flag, its programs wake as they do [compile it with ecc]")
    for name, cause in live.skipped.items():
        warn(f"program {name} is optional and left out: {cause}")
    for name, cause in live.dormant.items():
        warn(f"program {name} is attached and will never run: {cause}")
    if values.get("clock") is not None:
        values["clock"].mark("attach")
        values["clock"].tell(program)
    if values["verbose"]:
        notice(live, program, values.get("targets", {}))
        for name, cause in live.passed_over.items():
            warn(f"program {name} is left out, another does its work: {cause}")
        for line in choice.pushed if choice else ():
            warn(line)


def read(reader: Run, live: Object) -> tuple[int, OSError | None]:
    """Print events until something ends it, and what is left after that; return the ending and what failed on the way.

    A failure ends in the same order as everything else: its accounts are the ones that matter most.
    """
    ending, failure = -1, None
    try:
        reader.loop()
    except OSError as exc:
        failure = exc
    live.detach()  # from here on nothing is produced, and accounts can balance
    try:
        ending = reader.finish()
    except KeyboardInterrupt:  # once more, after the end: nothing may cut off the line about the events
        ending = reader.finish()
    except OSError as exc:
        failure = failure or exc
    ignore_signals()
    return ending, failure


def account(reader: Run, live: Object, values: Values, ending: int) -> int:
    """Say what became of the events and return the exit code."""
    from eunomia.cli.losses import exit_line, hints, lost_unasked
    from eunomia.events.run import OUTPUT_CLOSED

    accounts = reader.accounts()
    lost = lost_unasked(accounts)
    is_told = lost > 0 or not (values["quiet"] or values["compat"])
    if ending < 0 and not any(each.produced for each in accounts):
        is_told = False  # the failure says it all
    line = exit_line(accounts) if is_told and ending != OUTPUT_CLOSED else ""
    if line:
        warn(f"events: {line}{hints(accounts, live) if lost else ''}")
    missed = sum(program.missed for program in live.programs.values())
    if missed:
        warn(f"events: the kernel left out {missed} runs of programs, which ran on that CPU already: in no account")
        lost += missed
    return 3 if lost and values["fail-on-loss"] else 0


def run_options(values: Values, out: int) -> RunOptions:
    """Return how events are read and written, from the options."""
    from eunomia.events.run import RunOptions

    as_json = values["json"] or values["format"] == "json"
    terminal = os.isatty(out)
    return RunOptions(
        format="json" if as_json else "folded" if values["folded"] else values["format"] or "text",
        compat=values["compat"],
        time=time_column(values),
        header="never" if not values["header"] else "screen" if terminal and not values["compat"] else "once",
        screen_rows=screen_rows(out) if terminal else 0,
        big_ints=values["big-ints"] == "string",
        raw_values=values["raw-values"],
        symbols=values["symbols"],
        per_cpu=values["per-cpu"],
        event_names=values["event-names"],
        out_fd=out,
        duration=values["duration"] or 0.0,
        max_events=values["max-events"] or 0,
        interval=values["interval"] or 0.0,
        clear=values["clear"],
        take_signals=True,
        hold=True,
        trace_pipe=values["trace-pipe"],
        fields=names(values["fields"]),
        wakeup=values["wakeup"] or "adaptive",
        cpu=values["cpu"],
        drill_loss=values["drill-loss"] or 0.0,
        sample=values["sample"] or 0,
        rate_limit=values["rate-limit"] or 0.0,
        count_by=names(values["count-by"]),
        hist=names(values["hist"]),
        sort=names(values["sort"]),
        top=values["top"] or 0,
        live=terminal and bool(values["top"]) and os.environ.get("TERM") != "dumb",
        path=values["output"] if out != 1 else values.get("log"),
        rotate_size=values["rotate-size"] or 0,
        rotate_after=values["rotate-after"] or 0.0,
        rotate_keep=values["rotate-keep"] or 0,
        queue=values["queue"] or 0,
        tell_fd=-1 if values["quiet"] or values["compat"] else 2,
        warn_fd=2,
    )


def names(text: str | None) -> list[str]:
    """Return the field paths of an option."""
    return [name.strip() for name in text.split(",")] if text else []


def time_column(values: Values) -> str:
    """Return the time that events carry: text has the wall clock unless told, JSON and CSV none."""
    if values["time"]:
        return str(values["time"])
    if values["json"] or values["format"] in ("json", "csv"):
        return "iso" if values["ts"] else "none"
    return "clock"


def screen_rows(out: int) -> int:
    """Return after how many lines a header scrolls away."""
    try:
        return max(10, os.get_terminal_size(out).lines - 1)
    except OSError:
        return 24


def open_output(values: Values) -> int:
    """Return the descriptor that events go to."""
    path = values["output"]
    if path is None or path == "-":
        return 1
    rotates = values["rotate-size"] or values["rotate-after"]
    if rotates:
        path = values["output"] = os.path.realpath(path)  # the file is renamed, not a link to it
        if os.path.exists(path) and not os.path.isfile(path):
            raise UsageError(f"--output: {path} is no regular file: it cannot be rotated")
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    except OSError as exc:
        raise OSError(exc.errno, f"open output {path}: {(exc.strerror or str(exc)).lower()}") from exc


def catch_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP end the run in order, also before its loop takes them over.

    `_signal` is what the signal module wraps in enums. SIGHUP that is ignored stays so (nohup); SIGINT does not, for
    shells without job control start background commands with SIGINT ignored.
    """
    import _signal  # type: ignore[import-not-found]  # typeshed has signal only

    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        if number != _signal.SIGHUP or _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, _signal.default_int_handler)


def ignore_signals() -> None:
    """Let no further Ctrl-C cut off the line about the events: the run has ended, the process is about to."""
    import _signal

    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(number, _signal.SIG_IGN)


def notice(live: Object, program: str, targets: dict[str, list[str]]) -> None:
    """Say on standard error what is attached to what (with -v)."""
    attached = 0
    for name, each in live.programs.items():
        if each.attached:
            attached += 1
            warn(f"program {name} is attached to {', '.join(targets.get(name) or each.targets) or each.section}")
    warn(f"{program}: attached {attached} program{'' if attached == 1 else 's'}")


def warn(line: str) -> None:
    """Write a line on standard error; that nobody listens there is no reason to end."""
    if not line.isprintable():
        from eunomia.cli.report import clean

        line = clean(line)
    try:
        sys.stderr.write(f"ecli: {line}\n")
        sys.stderr.flush()
    except OSError:
        pass
