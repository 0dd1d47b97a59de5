"""`ecli replay`: show a recording as if it happened now, filtered and formatted anew; `--info`: what it is."""

from __future__ import annotations

import os

from eunomia.cli import run as running
from eunomia.cli.parser import Command, Opt, UsageError
from eunomia.cli.run_table import AGGREGATE, END, OPTIONS, OUTPUT, WHICH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values
    from eunomia.events.recording import Recording, Replay

REPLAY = "Replay"
_OWN = (
    Opt("info", "", "flag", "say what the recording is, and check all of it", default=False, group=REPLAY),
    Opt("realtime", "", "flag", "with the pauses that were between the events", default=False, group=REPLAY),
    Opt("speed", "", "text", "with pauses so many times shorter: 10, 0.5", "N", group=REPLAY),
    Opt("from", "", "text", "only events from then on: seconds into it, HH:MM:SS or ISO 8601", "TIME", group=REPLAY),
    Opt("to", "", "text", "only events before then", "TIME", group=REPLAY),
)
_GROUPS = (OUTPUT, WHICH, AGGREGATE, END)
_NOT_HERE = ("trace-pipe", "follow", "cgroup", "container", "duration")

COMMAND = Command(
    "replay",
    "FILE",
    "show a recording of `ecli record`, filtered and formatted anew",
    (
        *_OWN,
        *(each for each in OPTIONS if each.group in _GROUPS and each.long not in _NOT_HERE),
        *(each for each in OPTIONS if each.long in {"interval", "clear", "quiet", "verbose"}),
    ),
    details="""\
FILE is a recording, `-` is standard input. It needs no root, and not the machine that it was made on: times, names of
addresses and stacks are the recorded ones. Nothing is lost here: a slow reader of the output slows the replay.

A file that was cut off (kill -9, power, disk full) is shown up to its last whole block; a damaged one up to the damage,
which is an error.""",
    examples=(
        ("ecli replay opens.eurec", "all of it, as fast as it goes"),
        ("ecli replay opens.eurec --filter 'ret < 0' -j", "other events and another format than live"),
        ("ecli replay opens.eurec --from 10 --to 20 --speed 0.5", "ten seconds in slow motion"),
        ("ecli replay --info opens.eurec", "what it is"),
    ),
    choices=("@file",),
)


def main(argv: list[str]) -> int:
    """Run `ecli replay`; return the exit code."""
    values = running.parse(COMMAND, argv)
    values.no_more_than(1)
    running.check(values)
    if not values.operands:
        raise UsageError("replay: which recording? [ecli replay FILE; - is standard input]")
    path = values.operands[0]
    fd = 0 if path == "-" else open_file(path)
    try:
        from eunomia.events.recording import Recording

        running.catch_signals()
        with Recording(fd, "standard input" if path == "-" else path) as recording:
            if values["info"]:
                from eunomia.cli.replay_info import show

                return show(recording, values["json"])
            return replay(recording, values)
    except KeyboardInterrupt:
        return 0
    finally:
        if fd:
            os.close(fd)


def open_file(path: str) -> int:
    """Return a descriptor of a recording."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as exc:
        raise OSError(exc.errno, f"open recording {path}: {(exc.strerror or str(exc)).lower()}") from exc


def replay(recording: Recording, values: Values) -> int:
    """Show the recording; return the exit code."""
    from eunomia.events.recording import Replay

    since, until = (moment(values, name, recording) for name in ("from", "to"))
    if until and since >= until:
        raise UsageError(f"--from {values['from']} is not before --to {values['to']}: no event is between them")
    running.check_plan(recording.plan, values)
    out = running.open_output(values)
    try:
        options = running.run_options(values, out)
        options.hold, options.tell_fd = False, -1
        wanted = [name for name in ("filter", "pid", "comm", "uid") if values[name]]
        if wanted:
            from eunomia.cli.which import select

            choice = select(recording.plan(), values)
            if choice.selection.needs:
                raise UsageError(f"--{' or --'.join(wanted)}: these events do not say it, and the live system is gone")
            choice.open(options)
        guests = []
        if values["guest"] or recording.package.has_guest:
            from eunomia.cli.event_guests import open_guests

            guests = open_guests(recording.package, values, options)
        try:
            with Replay(recording, options, speed=speed(values), since=since, until=until) as reader:
                ending = reader.loop()
                tell_cut(recording)
                return account(reader, values, ending)
        finally:
            if guests:
                from eunomia.cli.event_guests import close_guests

                close_guests(guests, values)
    finally:
        if out != 1:
            os.close(out)


def account(reader: Replay, values: Values, ending: int) -> int:
    """Say what was lost, while recording or now, unless the reader of the output has left; return the exit code."""
    from eunomia.cli.losses import exit_line, lost_unasked
    from eunomia.events.run import OUTPUT_CLOSED

    accounts = reader.accounts()
    lost = lost_unasked(accounts)
    if (lost or values["verbose"]) and ending != OUTPUT_CLOSED:
        running.warn(f"events: {exit_line(accounts)}")
    return 3 if lost and values["fail-on-loss"] else 0


def tell_cut(recording: Recording) -> None:
    """Say that the file ends early."""
    counts = recording.counts()
    if counts.is_cut:
        running.warn(
            f"{recording.name}: cut off after block {counts.blocks - 1}; {counts.records}"
            f" event{'' if counts.records == 1 else 's'} read"
        )


def speed(values: Values) -> float:
    """Return how many times as fast as it was; 0: as fast as it goes."""
    if values["speed"] is None:
        return 1.0 if values["realtime"] else 0.0
    try:
        number = float(values["speed"].removesuffix("x"))
    except ValueError:
        number = 0.0
    if not 1e-6 <= number <= 1e6:
        raise UsageError(f"--speed: {values['speed']!r} is not a number above 0, as in 10 or 0.5")
    return number


def moment(values: Values, name: str, recording: Recording) -> int:
    """Return the wall clock, in nanoseconds, that an option means; 0: it was not given."""
    text = values[name]
    if text is None:
        return 0
    from eunomia.cli.replay_time import parse_moment

    try:
        return parse_moment(text, str(recording.meta.get("started", "")))
    except ValueError as exc:
        raise UsageError(f"--{name}: {exc}") from None
