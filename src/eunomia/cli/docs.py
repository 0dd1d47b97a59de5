"""`ecli docs-options FOLDER`: docs/reference/options.md and commands.md, made from the option tables.

A hidden command: it is for this repository, and a test checks that what it writes is what is there.
"""

from __future__ import annotations

import os
import sys

from eunomia.cli.help import commands, note, spelling
from eunomia.cli.parser import Command, Opt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND = Command(
    "docs-options", "FOLDER", "write the reference of options and commands", (Opt("check", help="only compare"),)
)
MADE = "<!-- made by `ecli docs-options docs/reference` from the option tables; do not edit -->\n"
INTRODUCTION = """\
All options of `ecli` and `ecc`; the same word means the same everywhere. The options of a tool are its own:
`ecli run TOOL --help` shows them.

Options are long (`--name VALUE` or `--name=VALUE`; every flag has its `--no-name`) or short (`-j`, clustered as in
`-jv`, `-o FILE` or `-oFILE`); `--` ends them. `ecli [run] [OPTIONS] PROG [ARGS]`: after PROG come the tool's options,
then the long ones of `ecli run`; short options of ecli stand before PROG."""


def all_commands() -> list[Command]:
    """Return the tables of ecli and ecc, in the order of the reference."""
    from eunomia.cli import wasm_bpf
    from eunomia.cli.completion import ecc_commands

    return [*commands(), *ecc_commands(), wasm_bpf.COMMAND]


def cell(text: str) -> str:
    """Return text for a cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def option_rows(options: Sequence[Opt]) -> list[str]:
    """Return the table of options that are shown."""
    rows = ["| option | what it does |", "| --- | --- |"]
    rows += [f"| `{cell(spelling(each).strip())}` | {cell(note(each))} |" for each in options if not each.hidden]
    return rows


def options_page() -> str:
    """Return options.md: every option once, with the commands that have it."""
    found: dict[tuple[str, str], list[tuple[Command, Opt]]] = {}
    for command in all_commands():
        for option in command.options:
            if not option.hidden:
                found.setdefault((option.long, spelling(option).strip()), []).append((command, option))
    lines = [MADE, "# Options", ""]
    lines += [INTRODUCTION, "", "| option | commands | what it does |", "| --- | --- | --- |"]
    for (_, spelled), uses in sorted(found.items()):
        titles = ", ".join(f"`{command.title}`" for command, _ in uses)
        texts = list(dict.fromkeys(note(option) for _, option in uses))
        lines.append(f"| `{cell(spelled)}` | {titles} | {cell('; '.join(texts))} |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Return commands.md: every command with its usage, options, details and examples."""
    lines = [MADE, "# Commands", "", "`ecli PROG` is `ecli run PROG`.", ""]
    lines += ["| command | what it does |", "| --- | --- |"]
    every = all_commands()
    lines += [f"| [`{each.title}`](#{each.title.replace(' ', '-')}) | {cell(each.summary)} |" for each in every]
    for each in every:
        shown = any(not option.hidden for option in each.options)
        usage = f"{each.title}{' [OPTIONS]' if shown else ''} {each.operands}".rstrip()
        lines += ["", f"## {each.title}", "", f"{each.summary[:1].upper()}{each.summary[1:]}."]
        lines += ["", "```", usage, "```"]
        for group in dict.fromkeys(option.group for option in each.options if not option.hidden):
            lines += ["", f"**{group}**", "", *option_rows([one for one in each.options if one.group == group])]
        if each.details:
            lines += ["", each.details]
        if each.examples:
            lines += ["", "```sh", *(f"{line}  # {text}" for line, text in each.examples), "```"]
    lines += ["", "## Exit codes", "", "| code | meaning |", "| --- | --- |"]
    lines += ["| 0 | done, also after SIGINT, SIGTERM and `--duration` |", "| 1 | failed |", "| 2 | usage |"]
    lines += ["| 3 | events were lost and `--fail-on-loss` was given |"]
    lines += ["| any | a Wasm guest's own |"]
    return "\n".join(lines) + "\n"


PAGES = {"options.md": options_page, "commands.md": commands_page}


def main(argv: list[str]) -> int:
    """Run `ecli docs-options FOLDER`."""
    values = COMMAND.parse(argv)
    values.no_more_than(1)
    folder = values.operands[0] if values.operands else os.path.join("docs", "reference")
    stale = []
    for name, make in PAGES.items():
        path = os.path.join(folder, name)
        text = make()
        if values["check"]:
            with open(path, encoding="utf-8") as file:
                stale += [path] if file.read() != text else []
            continue
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    for path in stale:
        sys.stderr.write(f"ecli: {path} is not what the option tables say [ecli docs-options {folder}]\n")
    return int(bool(stale))
