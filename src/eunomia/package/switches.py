"""Spellings of options on a command line, and what happens when two want the same one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from eunomia.package.options import Option

RESERVED = ("--help", "--version", "-h", "-V")


def assign_switches(options: Sequence[Option]) -> None:
    """Give every option its spellings on the command line.

    First all options get upstream's spelling, in order (`--name`; a bool with a default `--enable-name` or
    `--disable-name`). A name that is taken, or that ecli keeps for itself, becomes `set-name`, then `set-name-2`… in
    `long` too. Then, where still free: shorts (else `short` becomes ""), `--name` and `--no-name` of bools, and
    dashes for underscores.
    """
    taken = set(RESERVED)
    for option in options:
        option.switches = {}
        value = _flag_value(option)
        before = (
            "" if value is None else ("no-", "")[value] if option.default is None else ("disable-", "enable-")[value]
        )
        option.long = _free(option.long, before, taken)
        _take(option, f"--{before}{option.long}", value, taken)
    for option in options:
        value = _flag_value(option)
        if f"-{option.short}" in taken:
            option.short = ""
        elif option.short:
            _take(option, f"-{option.short}", value, taken)
        for spelling, meaning in _other_spellings(option, value):
            if spelling not in taken:
                _take(option, spelling, meaning, taken)


def _other_spellings(option: Option, value: bool | None) -> list[tuple[str, bool | None]]:
    names = [option.long] if "_" not in option.long else [option.long, option.long.replace("_", "-")]
    found: list[tuple[str, bool | None]] = []
    for name in names:
        if value is None:
            found.append((f"--{name}", None))
            continue
        if value or option.default is None:
            found += [(f"--{name}", True), (f"--enable-{name}", True)]
        if not value or option.default is None:
            found += [(f"--no-{name}", False), (f"--disable-{name}", False)]
    return found


def _flag_value(option: Option) -> bool | None:
    """What giving the flag means: the opposite of the default. None: it takes a value."""
    if option.takes_value:
        return None
    if option.default is None:
        return not option.initial
    return not option.default or option.default == "false"


def _free(long: str, before: str, taken: set[str]) -> str:
    """A long name that nothing else has, neither with what is put before it nor alone."""
    candidate, number = long, 1
    while f"--{before}{candidate}" in taken or f"--{candidate}" in taken:
        candidate = f"set-{long}" if number == 1 else f"set-{long}-{number}"
        number += 1
    return candidate


def _take(option: Option, spelling: str, value: bool | None, taken: set[str]) -> None:
    option.switches[spelling] = value
    taken.add(spelling)
