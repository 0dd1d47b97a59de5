"""The words after PROG: the package's options first, long and short, then ecli's long ones."""

from __future__ import annotations

from eunomia.cli.parser import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.cli.parser import Values
    from eunomia.package.model import Package
    from eunomia.package.options import Option

HELP, VERSION = "help", "version"


def take_arguments(package: Package, values: Values, program: str) -> tuple[dict[str, Any], str]:
    """Read the words after PROG.

    Args:
        package: whose options they may be.
        values: of ecli's options; long ones among the words are stored there.
        program: its name, for messages.

    Returns:
        The values by the names of the package's variables, and "help" or "version" where that was asked for, else "".

    Raises:
        UsageError: an unknown option, a missing value, or a word that is no option.
        OptionError: a value is malformed or out of range.
    """
    arguments = _Arguments(package, values, program)
    asked = arguments.read()
    return arguments.chosen, asked


class _Arguments:
    """The words, how far they were read, and what they chose."""

    __slots__ = ("chosen", "package", "position", "program", "switches", "values", "words")

    def __init__(self, package: Package, values: Values, program: str) -> None:
        self.package = package
        self.switches = {spelling: option for option in package.options() for spelling in option.switches}
        self.values = values
        self.words = values.rest
        self.program = program
        self.position = 0
        self.chosen: dict[str, Any] = {}

    def read(self) -> str:
        """Read all words; return what was asked for instead of a run."""
        words = self.words
        asked = ""
        while self.position < len(words) and not asked:
            word = words[self.position]
            self.position += 1
            if word == "--":
                break
            if word.startswith("--"):
                asked = self._long(word)
            elif word.startswith("-") and word != "-":
                asked = self._cluster(word)
            else:
                raise self._unexpected(word)
        if self.position < len(words) and not asked:
            raise self._unexpected(words[self.position])
        return asked

    def _long(self, word: str) -> str:
        name, equals, text = word.partition("=")
        option = self.switches.get(name)
        longs = self.values.longs
        if option is not None:
            self._take(option, name, text if equals else None)
        elif word in ("--help", "--version"):
            return word[2:]
        elif name[2:] in longs or (name.startswith("--no-") and name[5:] in longs):
            self.position = self.values.take_long(word, self.words, self.position)
        else:
            raise self._unknown(name)
        return ""

    def _cluster(self, word: str) -> str:
        """Take a cluster of short options, as in `-xp 42` or `-p42`."""
        for index in range(1, len(word)):
            switch = f"-{word[index]}"
            option = self.switches.get(switch)
            if option is None:
                if self.values.command.shorts_after and self.values.has_short(word[index]):
                    self.position = self.values.take_short(f"-{word[index:]}", self.words, self.position)
                    break
                if switch in ("-h", "-V"):
                    return HELP if switch == "-h" else VERSION
                raise self._unknown_short(switch)
            if option.switches[switch] is None:
                self._take(option, switch, word[index + 1 :].removeprefix("=") or None)
                break
            self._take(option, switch, None)
        return ""

    def _take(self, option: Option, switch: str, text: str | None) -> None:
        """Store the value of an option, which may be the next word."""
        meaning = option.switches[switch]
        if meaning is not None:
            # `--x=false` of a flag that means true says the opposite.
            self.chosen[option.name] = meaning if text is None else meaning == bool(option.parse(text))
            return
        if text is None:
            if self.position >= len(self.words):
                raise UsageError(f"{switch} needs a value: {option.type}")
            text = self.words[self.position]
            self.position += 1
        self.chosen[option.name] = option.parse(text)

    def _unknown(self, name: str) -> UsageError:
        from eunomia.cli.parser import unknown_option
        from eunomia.package.describe import not_settable

        variable = next((row for row in not_settable(self.package) if row["name"] == name[2:].replace("-", "_")), None)
        if variable:
            return UsageError(
                f"unknown option {name}: variable {variable['name']} is a `{variable['type']}`, and only numbers, bool,"
                f" enums, text and arrays of them can be set [see ecli run {self.program} --help]"
            )
        known = [spelling[2:] for spelling in self.switches if spelling.startswith("--")]
        return unknown_option(name, [*known, *self.values.shown], f"ecli run {self.program}")

    def _unknown_short(self, switch: str) -> UsageError:
        for option in self.values.command.options:
            if f"-{option.short}" == switch:
                hint = f"ecli's short options go before PROG; after it, use --{option.long}"
                return UsageError(f"unknown option {switch} of {self.program} [{hint}]")
        return UsageError(f"unknown option {switch} [see ecli run {self.program} --help]")

    def _unexpected(self, word: str) -> UsageError:
        hint = f"see ecli run {self.program} --help"
        return UsageError(f"unexpected argument {word!r}: {self.program} takes options only [{hint}]")
