"""Option tables and the parser over them: long options with `=` or a space, clustered shorts, `--no-x`, `--`.

A command is one table (`Command`); help pages, docs/reference/options.md and shell completion are made from it. This
module is on the way of `ecli run` and imports nothing.
"""

from __future__ import annotations

from eunomia.errors import EunomiaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

CONVERTED = frozenset(("count", "index", "number", "rate", "share", "one-in", "seconds", "size"))
KINDS_WITH_VALUE = CONVERTED | {"text", "file", "choice"}


class UsageError(EunomiaError):
    """The command line is wrong; exit code 2. `marked` shows the place, where it is in a long word."""

    marked = ""


class HelpRequested(Exception):
    """`--help` was given: the caller prints the page of `command` and exits 0."""

    def __init__(self, command: Command) -> None:
        super().__init__(command.name)
        self.command = command


class Verbosity:
    """How often -v was given, for the reporting of errors."""

    level = 0


class Opt:
    """One option of a command.

    Args:
        long: its name without dashes, also the key of its value.
        short: one letter, or "".
        kind: flag, verbose (a flag that counts), text, file, count (from 1), index (from 0), number (an integer), rate
            (above 0), share (0 to 1), one-in (1/N), seconds, size (bytes), choice.
        help: one sentence, lower case, no full stop.
        metavar: what its value is called in help pages.
        default: its value when not given. A flag: False shows `--x`, True shows `--no-x`, None shows `--[no-]x`.
        repeat: may be given several times; the value is a list.
        choices: what a `choice` may be.
        group: the heading in help pages.
        hidden: not shown in help pages and completion.
    """

    __slots__ = ("choices", "default", "group", "help", "hidden", "kind", "long", "metavar", "repeat", "short")

    def __init__(
        self,
        long: str,
        short: str = "",
        kind: str = "flag",
        help: str = "",
        metavar: str = "",
        *,
        default: Any = None,
        repeat: bool = False,
        choices: tuple[str, ...] = (),
        group: str = "Options",
        hidden: bool = False,
    ) -> None:
        self.long = long
        self.short = short
        self.kind = kind
        self.help = help
        self.metavar = metavar or ("|".join(choices) if choices else kind.upper() if kind in KINDS_WITH_VALUE else "")
        self.default = default
        self.repeat = repeat
        self.choices = choices
        self.group = group
        self.hidden = hidden

    @property
    def takes_value(self) -> bool:
        """Whether a value follows it."""
        return self.kind in KINDS_WITH_VALUE

    def convert(self, text: str) -> Any:
        """Return the value that text stands for, or raise UsageError."""
        try:
            if self.kind not in CONVERTED:
                return self._checked(text)
            from eunomia.cli.convert import CONVERT

            return CONVERT[self.kind](text)
        except ValueError as exc:
            raise UsageError(f"--{self.long}: {exc}") from None

    def _checked(self, text: str) -> str:
        if not text:  # most likely a shell's variable that is not set; "none" would be another run than was meant
            raise ValueError("the value is empty")
        if self.choices and text not in self.choices:
            raise ValueError(f"{text!r} is none of {', '.join(self.choices)}")
        return text


class Command:
    """One command: its table of options and the texts of its help page.

    Args:
        name: as typed after the program.
        operands: how its help page writes what is not an option, as in `PACKAGE`.
        summary: one line for the list of commands.
        options: its table.
        stop: option parsing ends at the first operand (what follows belongs to PROG).
        details: paragraphs for the end of the help page.
        examples: pairs of command line and what it does.
        prog: the program that it belongs to.
        choices: what an operand may be, for completion: words, or "@builtin", "@file", "@command", "@run".
        shorts_after: its short options are understood after PROG too, where the tool has none of that letter.
    """

    __slots__ = (
        "choices",
        "details",
        "examples",
        "name",
        "operands",
        "options",
        "prog",
        "shorts_after",
        "stop",
        "summary",
    )

    def __init__(
        self,
        name: str,
        operands: str,
        summary: str,
        options: tuple[Opt, ...] = (),
        *,
        stop: bool = False,
        details: str = "",
        examples: tuple[tuple[str, str], ...] = (),
        prog: str = "ecli",
        choices: tuple[str, ...] = (),
        shorts_after: bool = False,
    ) -> None:
        self.shorts_after = shorts_after
        self.name = name
        self.operands = operands
        self.summary = summary
        self.options = options
        self.stop = stop
        self.details = details
        self.examples = examples
        self.prog = prog
        self.choices = choices

    @property
    def title(self) -> str:
        """The words that start it, as in `ecli run`."""
        return f"{self.prog} {self.name}".rstrip()

    def parse(self, argv: Sequence[str]) -> Values:
        """Parse the words after the command's name.

        Raises:
            UsageError: an unknown option, or a missing or malformed value.
            HelpRequested: -h or --help was given.
        """
        values = Values(self)
        position = 0
        while position < len(argv):
            word = argv[position]
            position += 1
            if word == "--":
                values.operands.extend(argv[position:])
                break
            if word.startswith("--"):
                position = values.take_long(word, argv, position)
            elif word.startswith("-") and word != "-":
                position = values.take_short(word, argv, position)
            else:
                values.operands.append(word)
                if self.stop:
                    values.rest = list(argv[position:])
                    break
        return values


class Values(dict[str, "Any"]):
    """The values of a command's options by long name.

    `operands` are the words that are no options, `rest` those after the operand that stopped parsing, `given` the names
    of the options that were on the command line.
    """

    __slots__ = ("command", "given", "longs", "operands", "rest")

    def __init__(self, command: Command) -> None:
        super().__init__()
        self.command = command
        self.operands: list[str] = []
        self.rest: list[str] = []
        self.given: set[str] = set()
        self.longs = {option.long: option for option in command.options}
        for option in command.options:
            self[option.long] = [] if option.repeat else option.default

    def take_long(self, word: str, argv: Sequence[str], position: int) -> int:
        """Take the long option in word (its value may be argv[position]); return the position after it."""
        name, equals, text = word[2:].partition("=")
        option = self.longs.get(name)
        on = True
        if option is None and name.startswith("no-"):
            option = self.longs.get(name[3:])
            on = False
            if option is not None and option.kind != "flag":
                option = None
        if option is None:
            if name == "help" and not equals:
                raise HelpRequested(self.command)
            raise unknown_option(word.partition("=")[0], self.shown, self.command.title, before=self.command.stop)
        if not option.takes_value:
            if equals:
                raise UsageError(f"--{name} takes no value, found {text!r}")
            self._flag(option, on)
            return position
        if not equals:
            if position >= len(argv):
                raise UsageError(f"--{name} needs a value: {option.metavar}")
            text = argv[position]
            position += 1
        self._store(option, text)
        return position

    def take_short(self, word: str, argv: Sequence[str], position: int) -> int:
        """Take the cluster of short options in word; return the position after it and its value."""
        for index in range(1, len(word)):
            letter = word[index]
            option = next((each for each in self.command.options if each.short == letter), None)
            if option is None:
                if letter == "h":
                    raise HelpRequested(self.command)
                raise unknown_option(f"-{letter}", (), self.command.title, before=self.command.stop)
            if not option.takes_value:
                self._flag(option, True)
                continue
            text = word[index + 1 :]
            if text.startswith("="):
                text = text[1:]
            elif not text:
                if position >= len(argv):
                    raise UsageError(f"-{letter} needs a value: {option.metavar}")
                text = argv[position]
                position += 1
            self._store(option, text)
            break
        return position

    def has_short(self, letter: str) -> bool:
        """Return whether a letter is a short option."""
        return any(option.short == letter for option in self.command.options)

    @property
    def shown(self) -> list[str]:
        """The long names that help pages show."""
        return [option.long for option in self.command.options if not option.hidden]

    def no_more_than(self, count: int) -> None:
        """Raise UsageError when there are more than count operands."""
        if len(self.operands) > count:
            raise UsageError(f"unexpected argument {self.operands[count]!r} [see {self.command.title} --help]")

    def _flag(self, option: Opt, on: bool) -> None:
        self.given.add(option.long)
        if option.kind == "verbose":
            self[option.long] = (self[option.long] or 0) + 1
            Verbosity.level += 1
        else:
            self[option.long] = on

    def _store(self, option: Opt, text: str) -> None:
        self.given.add(option.long)
        value = option.convert(text)
        if option.repeat:
            self[option.long].append(value)
        else:
            self[option.long] = value


def unknown_option(word: str, known: Iterable[str], command: str, *, before: bool = False) -> UsageError:
    """Return the error for an option that is not in the table, with the nearest name there is.

    Args:
        before: it stands where PROG has not been named yet, whose own options come after it.
    """
    near = did_you_mean(word, [f"--{name}" for name in known])
    hint = "" if near or not before else "; a tool's own options go after its name"
    return UsageError(f"unknown option {word}{near} [see {command} --help{hint}]")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean X?)", or "" when nothing is near."""
    from difflib import SequenceMatcher

    typed = word.lstrip("-").lower()
    best, score = "", 0.59
    for name in known:
        there = name.lstrip("-").lower()
        # `--pif` may have meant `--pid_filter`; `--foo` hardly `--toolchain`
        start = SequenceMatcher(None, typed, there[: len(typed)]).ratio() * 0.9 if there[:1] == typed[:1] else 0.0
        ratio = max(start, SequenceMatcher(None, typed, there).ratio())
        if ratio > score:
            best, score = name, ratio
    return f" (did you mean {best}?)" if best else ""


VERBOSE = Opt(
    "verbose", "v", "verbose", "say more: libbpf's and the verifier's log, tracebacks; twice: debug messages", default=0
)
QUIET = Opt("quiet", "q", "flag", "no line at the end unless events were lost, none before it", default=False)
JSON = Opt("json", "j", "flag", "write JSON", default=False)
