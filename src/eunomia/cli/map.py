"""`ecli map`: maps of runs and pins: listed, dumped, and their elements read, written and deleted."""

from __future__ import annotations

import sys

from eunomia.cli.parser import JSON, VERBOSE, Command, Opt, UsageError, did_you_mean
from eunomia.cli.report import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from eunomia.cli.parser import Values
    from eunomia.life.maps import Place

ACTIONS = ("list", "dump", "get", "set", "delete")
COMMAND = Command(
    "map",
    "ACTION [MAP] [KEY] [VALUE]",
    "show and change maps of runs and pins, typed by BTF",
    (
        Opt("header", "", "flag", "do not write the line of column names", default=True),
        JSON,
        VERBOSE,
    ),
    details="""\
  list [RUN]         maps of all runs and pins, or of one
  dump MAP           all elements; -j: as JSON lines
  get MAP KEY        one value
  set MAP KEY VALUE  write it
  delete MAP KEY     delete it

MAP is RUN.MAP or PID.MAP (`opensnoop.counts`), a path in bpffs, or id:N. RUN.bss, RUN.data and RUN.rodata are its
global variables: KEY is the name of one, and may be left out of `get`.

Keys and values are typed by BTF: numbers (42, 0x2a, -1), names of enums, true and false, text for char arrays, JSON for
structs and arrays ('{"pid":1,"comm":"bash"}'; members that are left out are 0), addresses for 4 and 16 bytes and for
tries (10.0.0.0/8), hex:0a0b for bytes as they are. A per-CPU map takes one value for all CPUs, or an array with one for
each.

Exit codes: 0 done; 1 there is no such map or element, or the kernel refuses; 2 usage.""",
    examples=(
        ("sudo ecli map list", "what there is"),
        ("sudo ecli map dump opensnoop.attempts", "all elements"),
        ("sudo ecli map set guard.allowed '{\"uid\":1000}' 1", "write one"),
        ("sudo ecli map get opensnoop.rodata targ_pid", "a global variable"),
    ),
    choices=ACTIONS,
    stop=True,
)
LINES = 4096
WORDS = 3  # columns of the list that are no numbers


def main(argv: list[str]) -> int:
    """Run `ecli map`."""
    values = COMMAND.parse(argv)
    action, words = take(values)
    run: dict[str, Callable[[list[str], Values], int]] = {
        "list": show_list,
        "dump": dump,
        "get": get,
        "set": write,
        "delete": delete,
    }
    if action not in run:
        raise UsageError(f"map: no action {action!r}{did_you_mean(action, ACTIONS)} (there are {', '.join(ACTIONS)})")
    try:
        return run[action](words, values)
    except ValueError as exc:
        raise UsageError(f"map {action}: {exc}") from exc


def take(values: Values) -> tuple[str, list[str]]:
    """Return the action and its words; options may stand behind the action, negative numbers behind those."""
    if not values.operands:
        raise UsageError("map: what to do? [list, dump, get, set, delete; see ecli map --help]")
    action, words = values.operands[0], []
    rest = list(values.rest)
    while rest:
        word = rest.pop(0)
        if word == "--":
            words += rest
            break
        if len(words) < 2 and word.startswith("-") and len(word) > 1 and not word[1].isdigit():
            more = COMMAND.parse([word])
            values.update({name: more[name] for name in more.given})
        else:
            words.append(word)
    return action, words


def wants(words: list[str], action: str, *names: str, least: int | None = None) -> list[str | None]:
    """Return the words of an action, None for those that are left out.

    Raises:
        UsageError: there are too few or too many.
    """
    if len(words) < (len(names) if least is None else least):
        raise UsageError(f"map {action}: {names[len(words)]} is missing [ecli map {action} {' '.join(names)}]")
    if len(words) > len(names):
        raise UsageError(f"map {action}: unexpected argument {words[len(names)]!r} [quote JSON and text with blanks]")
    return [*words, *[None] * (len(names) - len(words))]


def show_list(words: list[str], values: Values) -> int:
    """`ecli map list`."""
    from eunomia.life.maps import places

    (run,) = wants(words, "list", "RUN", least=0)
    found = sorted(places(run), key=lambda place: (place.run, place.facts.id))
    if values["json"]:
        from dataclasses import asdict

        write_json([{"run": each.run, **asdict(each.facts)} for each in found])
        return 0
    head = [("RUN", "MAP", "TYPE", "ID", "KEY", "VALUE", "ENTRIES", "BYTES")] if values["header"] and found else []
    rows = head + [row_of(each) for each in found]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:WORDS], widths, strict=False)]
        cells += [cell.rjust(width) for cell, width in zip(row[WORDS:], widths[WORDS:], strict=True)]
        sys.stdout.write(clean("  ".join(cells)) + "\n")
    if not all(each.facts.name for each in found):
        sys.stderr.write("ecli: names of maps are not to be seen without CAP_SYS_ADMIN [sudo ecli map list]\n")
    return 0


def row_of(place: Place) -> tuple[str, ...]:
    """Return the cells of a map."""
    facts = place.facts
    numbers = (facts.id, facts.key_size, facts.value_size, facts.max_entries, facts.memory)
    return (place.run, facts.name or "?", facts.type or "?", *map(str, numbers))


def dump(words: list[str], values: Values) -> int:
    """`ecli map dump`."""
    from eunomia.life.elements import Elements
    from eunomia.life.maps import open_map

    (name,) = wants(words, "dump", "MAP")
    lines: list[str] = []
    with open_map(str(name)) as found:
        try:
            for key, value in Elements(found):
                lines.append(line(key, value, values["json"]))
                if len(lines) >= LINES:
                    sys.stdout.write("".join(lines))
                    lines.clear()
        except KeyboardInterrupt:
            return 130
        finally:
            sys.stdout.write("".join(lines))
    return 0


def line(key: Any, value: Any, as_json: bool) -> str:
    """Return the line of an element."""
    if as_json:
        return f'{{"key":{compact(key)},"value":{compact(value)}}}\n'
    return f"{shown(key)}: {shown(value)}\n"


def get(words: list[str], values: Values) -> int:
    """`ecli map get`."""
    from eunomia.life.elements import Elements
    from eunomia.life.maps import open_map

    name, key = wants(words, "get", "MAP", "KEY", least=1)
    with open_map(str(name)) as found:
        value = Elements(found).get(key)
    sys.stdout.write(f"{compact(value) if values['json'] else shown(value)}\n")
    return 0


def write(words: list[str], values: Values) -> int:
    """`ecli map set`; a queue or stack has no key."""
    from eunomia.life.elements import Elements
    from eunomia.life.maps import open_map

    name, key, value = wants(words, "set", "MAP", "KEY", "VALUE", least=2)
    with open_map(str(name)) as found:
        if value is None:
            key, value = None, key
        Elements(found).set(key, str(value))
    return 0


def delete(words: list[str], values: Values) -> int:
    """`ecli map delete`."""
    from eunomia.life.elements import Elements
    from eunomia.life.maps import open_map

    name, key = wants(words, "delete", "MAP", "KEY")
    with open_map(str(name)) as found:
        Elements(found).delete(str(key))
    return 0


def compact(value: Any) -> str:
    """Return JSON without blanks; control characters are escaped by it."""
    if type(value) is int:
        return str(value)
    import json

    return json.dumps(value, separators=(",", ":"))


def shown(value: Any) -> str:
    """Return a value as text: JSON, except that a lone text has no quotation marks."""
    return clean(value) if isinstance(value, str) else compact(value)


def write_json(document: Any) -> None:
    """Write a JSON document for people and scripts."""
    import json

    sys.stdout.write(json.dumps(document, indent=2) + "\n")
