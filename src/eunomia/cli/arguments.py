"""The words after PROG: the package's options first, long and short, then ecli's long ones."""

from __future__ import annotations

from eunomia.cli.parser import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values
    from eunomia.package.model import Package
    from eunomia.package.options import Option

HELP, VERSION = "help", "version"
_TRUE = frozenset(("true", "1", "yes", "on"))
_FALSE = frozenset(("false", "0", "no", "off"))


def take_arguments(package: Package, values: Values, program: str) -> tuple[list[tuple[str, int, bytes]], str]:
    """Read the words after PROG.

    Args:
        package: whose options they may be.
        values: of ecli's options; long ones among the words are stored there.
        program: its name, for messages.

    Returns:
        What to write before loading, as (section, offset, bytes), and "help" or "version" where that was asked for, else "".

    Raises:
        UsageError: an unknown option, a missing value, or a word that is no option.
        OptionError: a value is malformed or out of range.
    """
    table = package.options()
    longs: dict[str, tuple[Option, bool]] = {}
    for option in table:
        for name, on in spellings(option):
            longs.setdefault(name, (option, on))
    shorts = {option.short: option for option in table if option.short}
    given: dict[str, tuple[Option, object]] = {}
    words = values.rest
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word == "--":
            if position < len(words):
                raise _unexpected(words[position], program)
            break
        if word.startswith("--"):
            name, equals, text = word[2:].partition("=")
            found = longs.get(name)
            if found is not None:
                option, on = found
                value, position = _value(option, on, word, text if equals else None, words, position)
                given[option.name] = (option, value)
            elif name == "help" and not equals:
                return [], HELP
            elif name == "version" and not equals:
                return [], VERSION
            elif name in values.longs or (name.startswith("no-") and name[3:] in values.longs):
                position = values.take_long(word, words, position)
            else:
                raise _unknown(f"--{name}", [*longs, *values.longs], program)
        elif word.startswith("-") and word != "-":
            position, asked = _cluster(word, shorts, given, words, position, program)
            if asked:
                return [], asked
        else:
            raise _unexpected(word, program)
    for option in table:
        if option.name not in given and option.default is not None:
            given[option.name] = (option, option.default)
    return [(option.section, option.offset, option.encode(value)) for option, value in given.values()], ""


def spellings(option: Option) -> list[tuple[str, bool]]:
    """Return the long names of an option and, for a bool, the value that each of them stands for."""
    if option.kind != "bool":
        return [(option.long, True)]
    plain = option.long
    return [(plain, True), (f"enable-{plain}", True), (f"disable-{plain}", False), (f"no-{plain}", False)]


def _value(option: Option, on: bool, word: str, text: str | None, words: list[str], position: int) -> tuple[object, int]:
    if option.kind == "bool":
        if text is None:
            return on, position
        lower = text.lower()
        if lower not in _TRUE and lower not in _FALSE:
            raise UsageError(f"{word.partition('=')[0]}: {text!r} is neither true nor false")
        return (lower in _TRUE) == on, position
    if text is None:
        if position >= len(words):
            raise UsageError(f"{word} needs a value")
        text = words[position]
        position += 1
    return option.parse(text), position


def _cluster(
    word: str, shorts: dict[str, Option], given: dict[str, tuple[Option, object]], words: list[str], position: int, program: str
) -> tuple[int, str]:
    """Take a cluster of the package's short options."""
    for index in range(1, len(word)):
        letter = word[index]
        option = shorts.get(letter)
        if option is None:
            if letter == "h":
                return position, HELP
            if letter == "V":
                return position, VERSION
            raise _unknown_short(letter, program)
        if option.kind == "bool":
            given[option.name] = (option, True)
            continue
        text: str | None = word[index + 1 :].removeprefix("=") or None
        value, position = _value(option, True, f"-{letter}", text, words, position)
        given[option.name] = (option, value)
        break
    return position, ""


def _unknown(word: str, known: list[str], program: str) -> UsageError:
    from eunomia.cli.parser import unknown_option

    return unknown_option(word, known, f"ecli run {program}")


def _unknown_short(letter: str, program: str) -> UsageError:
    from eunomia.cli.run import OPTIONS

    for option in OPTIONS:
        if option.short == letter:
            return UsageError(
                f"unknown option -{letter} of {program} [ecli's short options go before PROG; --{option.long} works after it]"
            )
    return UsageError(f"unknown option -{letter} [see ecli run {program} --help]")


def _unexpected(word: str, program: str) -> UsageError:
    return UsageError(f"unexpected argument {word!r}: {program} takes options only [see ecli run {program} --help]")
