"""`--attach`, `--iface`, `--attach-cgroup`, `--binary`, `--freq`: which programs attach to what. Imported if given."""

from __future__ import annotations

from eunomia.cli.parser import UsageError, did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values
    from eunomia.kernel.object import Object

IFACE_WORDS = frozenset(("native", "generic", "offload", "replace"))


def choose_targets(live: Object, values: Values) -> dict[str, list[str]]:
    """Return the targets by the names of the programs that attach to them.

    What is named for one program goes before what is said for all of a kind.

    Raises:
        UsageError: no such program, no program takes such a target, or nothing that could be a target.
    """
    named: dict[str, list[str]] = {}
    shared: dict[str, list[str]] = {}
    for text in values["attach"]:
        program, target = split(text)
        if ":" not in target:
            raise UsageError(f"--attach: {text!r} names no target [PROGRAM=KIND:NAME, as in count=iface:eth0]")
        if program:
            _name(live, named, program, target)
        else:
            _share(live, shared, "--attach", target)
    for option, kind in (("iface", "iface"), ("attach-cgroup", "cgroup")):
        for name in values[option]:
            _share(live, shared, f"--{option}", f"{kind}:{with_modes(name) if kind == 'iface' else quoted(name)}")
    if values["binary"]:
        move(live, shared, values["binary"])
    if values["freq"]:
        sampled = [program for program in live.programs.values() if program.autoload and program.takes("perf")]
        if not sampled:
            raise UsageError("--freq: the package has no perf_event program")
        for each in sampled:
            each.frequency = values["freq"]
    return checked(live, {**shared, **named})


def checked(live: Object, chosen: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return targets as they are, where each could be one of its program.

    Raises:
        UsageError: it is none, whatever the kernel has.
    """
    for name, targets in chosen.items():
        for target in targets:
            if why := live.programs[name].refusal(target):
                raise UsageError(why)
    return chosen


def bind_programs(live: Object, values: Values) -> None:
    """Name the programs that others attach to (`--attach PROGRAM=prog:NAME`), which must be known before load.

    Raises:
        UsageError: as in choose_targets.
    """
    for name, targets in choose_targets(live, values).items():
        for target in targets:
            if target.startswith("prog:"):
                live.programs[name].set_target(target)


def move(live: Object, shared: dict[str, list[str]], binary: str) -> None:
    """Put the functions and probes of uprobes and USDT programs into another binary.

    Raises:
        UsageError: no program has any.
    """
    moved = False
    for name, program in live.programs.items():
        kind = next((each for each in ("uprobe", "usdt") if program.autoload and program.takes(each)), "")
        own = [target.partition(":")[2] for target in program.targets] or [program.section.partition("/")[2]]
        parts = 2 if kind == "usdt" else 1  # PROVIDER:NAME, FUNCTION
        spots = [spot.rsplit(":", parts)[1:] for spot in own if spot.count(":") >= parts]
        if kind and spots:
            shared.setdefault(name, []).extend(":".join((kind, quoted(binary), *spot)) for spot in spots)
            moved = True
    if not moved:
        raise UsageError("--binary: the package has no uprobe or USDT program whose section names a function")


def split(text: str) -> tuple[str, str]:
    """Return the program and the target of `PROGRAM=TARGET`; options of targets have equals signs too."""
    program, equals, target = text.partition("=")
    return (program, target) if equals and program.isidentifier() else ("", text)


def quoted(name: str) -> str:
    """Return a name as targets have it: commas and backslashes in it are its own."""
    return name.replace("\\", "\\\\").replace(",", "\\,")


def with_modes(text: str) -> str:
    """Return `NAME[,WORD]...` of --iface as a target has it: words at its end are those of `iface:`."""
    name, words = text, ""
    while "," in name and name.rpartition(",")[2] in IFACE_WORDS:
        name, _, word = name.rpartition(",")
        words = f",{word}{words}"
    return quoted(name) + words


def _name(live: Object, named: dict[str, list[str]], program: str, target: str) -> None:
    if program not in live.programs:
        known = ", ".join(live.programs) or "none"
        raise UsageError(f"--attach: no program {program}{did_you_mean(program, live.programs)} (there are {known})")
    if target in named.get(program, ()):
        raise UsageError(f"--attach: {program}={target} is given twice")
    named.setdefault(program, []).append(target)


def _share(live: Object, shared: dict[str, list[str]], option: str, target: str) -> None:
    kind = target.partition(":")[0]
    try:
        takers = [name for name, program in live.programs.items() if program.autoload and program.takes(kind)]
    except OSError as exc:
        raise UsageError(f"{option}: {exc.strerror} [{', '.join(sorted(live.target_kinds()))}]") from None
    if not takers:
        kinds = ", ".join(sorted(live.target_kinds()))
        hint = f"they take {kinds}" if kinds else "their sections say where they attach"
        raise UsageError(f"{option}: no program of the package can be attached to {target} [{hint}]")
    for name in takers:
        if target in shared.get(name, ()):
            raise UsageError(f"{option}: {target} is given twice")
        shared.setdefault(name, []).append(target)
