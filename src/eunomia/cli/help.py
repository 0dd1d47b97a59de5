"""Help pages, made from the option tables: grouped, aligned and wrapped to the terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap

from eunomia.cli.parser import Command, Opt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO

LEFT = 30  # column where the texts of options begin


def width() -> int:
    """Return how wide a page may be."""
    return max(40, min(shutil.get_terminal_size((100, 24)).columns, 110))


def spelling(option: Opt) -> str:
    """Return how an option is typed, as in `-o, --output FILE` or `--no-header`."""
    long = f"--no-{option.long}" if option.default is True and option.kind == "flag" else f"--{option.long}"
    if option.kind == "flag" and option.default is None:
        long = f"--[no-]{option.long}"
    short = f"-{option.short}, " if option.short else "    "
    return f"{short}{long}{' ' + option.metavar if option.takes_value else ''}"


def note(option: Opt) -> str:
    """Return an option's text with its default and whether it repeats."""
    text = option.help
    if option.takes_value and not option.repeat and option.default not in (None, "", 0):
        default = f"{option.default:g}" if isinstance(option.default, float) else option.default
        text += f" [default: {default}]"
    return text + (" (may be repeated)" if option.repeat else "")


def rows(pairs: Iterable[tuple[str, str]], columns: int, left: int = LEFT) -> list[str]:
    """Return lines of a two-column list; a long left side has a line of its own."""
    lines: list[str] = []
    for head, text in pairs:
        wrapped = textwrap.wrap(text, max(20, columns - left), break_on_hyphens=False) or [""]
        start = f"  {head}"
        if len(start) + 2 > left:
            lines.append(start)
        else:
            wrapped[0] = start.ljust(left) + wrapped[0]
            lines.append(wrapped.pop(0).rstrip())
        lines.extend(" " * left + line for line in wrapped if line)
    return lines


def paragraphs(text: str, columns: int) -> list[str]:
    """Return text wrapped to columns; blank lines part paragraphs, a paragraph with indented lines stays as it is."""
    lines: list[str] = []
    for block in text.strip("\n").split("\n\n"):
        if any(line.startswith((" ", "-", "*")) for line in block.split("\n")):
            lines.extend(block.split("\n"))
        else:
            lines.extend(textwrap.wrap(block, columns, break_on_hyphens=False))
        lines.append("")
    return lines[:-1]


def option_groups(options: Sequence[Opt], columns: int) -> list[str]:
    """Return the groups of a table with their headings."""
    lines: list[str] = []
    shown = [option for option in options if not option.hidden]
    for group in dict.fromkeys(option.group for option in shown):
        lines += ["", f"{group}:"]
        lines += rows(((spelling(each), note(each)) for each in shown if each.group == group), columns)
    return lines


def page(command: Command) -> str:
    """Return the help page of a command."""
    columns = width()
    lines = [*textwrap.wrap(f"{command.summary[:1].upper()}{command.summary[1:]}.", columns), ""]
    shown = any(not option.hidden for option in command.options)
    lines.append(f"Usage: {command.title}{' [OPTIONS]' if shown else ''} {command.operands}".rstrip())
    lines += option_groups((*command.options, Opt("help", "h", help="show this page", default=False)), columns)
    if command.details:
        lines += ["", *paragraphs(command.details, columns)]
    if command.examples:
        lines += ["", "Examples:"]
        lines += rows(command.examples, columns, max(len(line) for line, _ in command.examples) + 4)
    return "\n".join(lines) + "\n"


def print_page(command: Command) -> None:
    """Write the help page of a command to standard output."""
    sys.stdout.write(page(command))


def load_command(name: str) -> Command:
    """Import the module of a command of ecli and return its table."""
    from eunomia.cli.main import COMMANDS, HIDDEN_COMMANDS

    module = COMMANDS.get(name) or HIDDEN_COMMANDS[name]
    try:
        command: Command = __import__(f"eunomia.cli.{module}", fromlist=["COMMAND"]).COMMAND
    except ModuleNotFoundError as exc:
        from eunomia.errors import missing_part

        missing = missing_part(exc.name or "")
        if missing is None:
            raise
        return Command(name, "", f"not installed [{str(missing).partition('[')[2]}")
    return command


def commands() -> list[Command]:
    """Return the tables of all commands, in the order of the overview."""
    from eunomia.cli.main import COMMANDS

    return [load_command(name) for name in COMMANDS]


def overview() -> str:
    """Return the page of `ecli --help`: what ecli is, its commands, how a tool is run."""
    columns = width()
    lines = ["Run eBPF tools: built-in ones, packages made by ecc, objects and sources.", ""]
    lines += ["Usage: ecli [run] [OPTIONS] PROG [ARGS]", "       ecli COMMAND [OPTIONS]", "", "Commands:"]
    lines += rows(((each.name, each.summary) for each in commands()), columns, 16)
    lines += [
        "",
        "`ecli PROG` is `ecli run PROG`. `ecli COMMAND --help` and `ecli run PROG --help` say more.",
        "",
        "Examples:",
    ]
    examples = (
        ("ecli list", "what is built in"),
        ("sudo ecli run opensnoop", "print files as they are opened, anywhere"),
        ("ecli run opensnoop --help", "the options of a tool (no root needed)"),
        ("sudo ecli run -j ./package.json", "a package of your own, as JSON lines"),
    )
    lines += rows(examples, columns, 36)
    return "\n".join(lines) + "\n"


def print_overview(out: TextIO | None = None) -> None:
    """Write the overview."""
    (out or sys.stdout).write(overview())


COMMAND = Command(
    "help", "[COMMAND]", "show this overview, or the help page of a command or built-in tool", choices=("@command",)
)


def main(argv: list[str]) -> int:
    """Run `ecli help [COMMAND]`."""
    from eunomia.cli.main import COMMANDS
    from eunomia.cli.parser import UsageError, did_you_mean

    values = COMMAND.parse(argv)
    values.no_more_than(1)
    if not values.operands:
        print_overview()
        return 0
    name = values.operands[0]
    if name not in COMMANDS:
        from eunomia.builtin import names

        if name in names():
            from eunomia.cli.run import main as run

            return run([name, "--help"])
        raise UsageError(f"no command {name}{did_you_mean(name, COMMANDS)} [see ecli --help]")
    print_page(load_command(name))
    return 0
