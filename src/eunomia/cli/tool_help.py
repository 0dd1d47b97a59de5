"""`ecli run TOOL --help` and `--version`: the page of a package, from its doc and its table of options."""

from __future__ import annotations

import sys
import textwrap

from eunomia.cli.help import note, paragraphs, rows, spelling, width
from eunomia.cli.parser import Opt
from eunomia.cli.report import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.package.model import Package
    from eunomia.package.options import Option

# What of ecli's own is on a tool's page; the rest is on `ecli run --help`.
COMMON = ("json", "output", "time", "header", "duration", "max-events", "interval", "folded", "verbose")
DEFAULT_VERSION = "0.1.0"
SHORT_CHOICES = 24  # characters of choices that fit into the place of a value


def doc(package: Package, key: str) -> str:
    """Return a text of the package's `doc`, "" when there is none; control characters are made visible."""
    skel = package.meta.get("bpf_skel")
    texts = skel.get("doc") if isinstance(skel, dict) else None
    text = texts.get(key) if isinstance(texts, dict) else None
    if not isinstance(text, str):
        return ""
    first, *others = text.strip().split("\n")
    rest = textwrap.dedent("\n".join(others)).split("\n")  # those of a comment still begin with the blank after ///
    return "\n".join(clean(line) for line in (first, *rest)).rstrip()


def brief(package: Package) -> str:
    """Return the one line that says what a package does."""
    return doc(package, "brief") or doc(package, "description") or f"{clean(package.name)}: an eBPF program"


def tool_page(package: Package, program: str) -> str:
    """Return the help page of a package."""
    columns = width()
    table = package.options()
    lines = [*paragraphs(brief(package), columns), ""]
    lines.append(f"Usage: ecli run [ECLI OPTIONS] {clean(program)}{' [OPTIONS]' if table else ''}")
    description = doc(package, "description")
    if description and description != brief(package):
        lines += ["", *paragraphs(description, columns)]
    if table:
        lines += ["", "Options of the tool:"]
        lines += rows(((option_spelling(each), option_note(each)) for each in table), columns)
    lines += ["", "Options of ecli (all: `ecli run --help`):"]
    lines += rows(((spelling(each), note(each)) for each in common(table)), columns)
    lines += ["", "Options of ecli may also follow the tool's name, by their long names."]
    if doc(package, "details"):
        lines += ["", *paragraphs(doc(package, "details"), columns)]
    return "\n".join(lines) + "\n"


def common(table: list[Option]) -> list[Opt]:
    """Return ecli's options that a tool's page shows: without those that the tool's own hide."""
    from eunomia.cli.run_table import OPTIONS

    taken = {switch.lstrip("-") for each in table for switch in each.switches}
    by_name = {each.long: each for each in OPTIONS}
    shown = [by_name[name] for name in COMMON if name not in taken]
    return [
        *shown,
        Opt("help", "h", help="show this page", default=False),
        Opt("version", "V", help="show the tool's version", default=False),
    ]


def switch_of(option: Option) -> str:
    """Return the spelling that a page shows: the first, with dashes."""
    return clean(next(iter(option.switches), f"--{option.long}"))


def option_spelling(option: Option) -> str:
    """Return how an option of a package is typed."""
    short = next((each for each in option.switches if not each.startswith("--")), "")
    value = f" {metavar(option)}" if option.takes_value else ""
    return f"{f'{short}, ' if short else '    '}{switch_of(option)}{value}"


METAVARS = {
    "int": "N",
    "uint": "N",
    "float": "X",
    "string": "TEXT",
    "network": "NETWORK",
    "char": "C",
    "enum": "NAME",
}


def metavar(option: Option) -> str:
    """Return what an option's value is called: its choices where they are few, else its kind."""
    choices = "|".join(option.choices or ())
    word = METAVARS.get(option.kind, "VALUE")
    if choices and len(choices) <= SHORT_CHOICES:
        word = clean(choices)
    return f"{word}[,{word}...]" if option.count else word


def option_note(option: Option) -> str:
    """Return an option's text with its type, choices, range and default."""
    text = clean(" ".join(option.help.split()))
    facts = []
    choices = list(option.choices or ())
    if len("|".join(choices)) > SHORT_CHOICES:
        facts.append(clean(f"one of {', '.join(choices[:12])}{', …' if len(choices) > 12 else ''}"))
    elif not choices and (option.takes_value or not text):
        facts.append(f"up to {option.count or 1}" if option.kind == "network" else clean(option.type))
    if option.limits is not None:
        low, high = option.limits
        facts.append(f"{'' if low is None else low}..{'' if high is None else high}")
    default = option.shown_default
    if option.takes_value and default:
        facts.append(f"default: {clean(default)}")
    return f"{text} [{'; '.join(facts)}]".lstrip() if facts else text


def print_tool_help(package: Package, program: str) -> None:
    """Write the help page of a package to standard output."""
    sys.stdout.write(tool_page(package, program))


def print_tool_version(package: Package, program: str) -> None:
    """Write a package's name and version to standard output."""
    sys.stdout.write(f"{clean(package.name)} {textwrap.shorten(doc(package, 'version') or DEFAULT_VERSION, 80)}\n")


def option_words(package: Package) -> list[str]:
    """Return how a package's options are typed, for completion."""
    return [switch for option in package.options() for switch in option.switches]
