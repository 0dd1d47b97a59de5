"""Before something from elsewhere is loaded: the policy's word, and where nobody has one, the user's at a terminal."""

from __future__ import annotations

import os
import sys

from eunomia.cli.report import clean
from eunomia.errors import RefusedError
from eunomia.registry import gate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values
    from eunomia.cli.powers import Powers
    from eunomia.package.model import Package
    from eunomia.registry.resolve import Limits, Program

VARIABLE = "ECLI_ALLOW_UNSIGNED"
MAX_ROWS = 16
YES = ("y", "yes")


def admit(program: Program, package: Package | None, values: Values, limits: Limits | None = None) -> gate.Asked:
    """Return what was found out, where a program may be loaded; ask the user where nobody else has said so.

    Args:
        program: its bytes and where they come from.
        package: what they are; None for a guest.
        values: the options of the command.
        limits: for fetching signatures.

    Raises:
        RefusedError: it may not.
        PolicyError: a policy file is wrong.
    """
    seen: list[Powers] = []

    def powers() -> Powers:
        if not seen:
            from eunomia.cli.powers import powers_of, powers_of_guest

            seen.append(powers_of_guest(program.data) if package is None else powers_of(package))
        return seen[0]

    found = gate.ask(
        program,
        lambda: powers().programs,
        allow_unsigned=allows_unsigned(values),
        terminal=is_terminal(),
        limits=limits,
    )
    verb = values.command.name or "run"
    for line in found.decision.warnings:
        tell(f"{verb} {program.source.text}: {line}")
    if found.decision.allowed:
        if values["verbose"]:
            by = f" (by {found.decision.rule})" if found.decision.rule is not None else ""
            tell(f"{program.source.text}: allowed: {found.decision.why}{by}")
            for line in dict.fromkeys(each.earlier for each in found.verdicts.values() if each.earlier):
                tell(f"{program.source.text}: verified earlier, by the signature at {line}")
        return found
    if found.decision.action == "ask" and confirm(program, found, powers()):
        failure = gate.remember(program, found)
        if failure:
            tell(f"the answer could not be kept: {failure}")
        return found
    if found.decision.action == "ask":
        raise RefusedError(f"{verb} {program.source.text}: not allowed, by your answer")
    raise RefusedError(gate.refusal(verb, program, found))


def allows_unsigned(values: Values) -> bool:
    """Tell whether the user lets through what no rule is about."""
    return bool(values.get("allow-unsigned")) or os.environ.get(VARIABLE, "") not in ("", "0")


def is_terminal() -> bool:
    """Tell whether somebody reads what is asked, and can answer."""
    try:
        return os.isatty(0) and os.isatty(2)
    except OSError:
        return False


def confirm(program: Program, found: gate.Asked, powers: Powers) -> bool:
    """Show what would happen, and return whether the user wants it."""
    sys.stderr.write("\n".join(map(clean, page(program, found, powers))) + "\n")
    sys.stderr.write("Run it? [y/N] ")
    sys.stderr.flush()
    answer = os.read(0, 4096).decode("utf-8", "replace")
    if not answer.endswith("\n"):
        sys.stderr.write("\n")
    return answer.strip().lower() in YES


def page(program: Program, found: gate.Asked, powers: Powers) -> list[str]:
    """Return the lines of the question."""
    source = program.source
    if found.known:
        last = gate.date(max(found.known.values()))
        head = f"{source.text} has changed since {last}, when you allowed it: {found.decision.why}."
    else:
        head = f"{source.text}: {found.decision.why}."
    rows = [("from", f"{source.name}{':' + source.tag if source.tag else ''}")]
    if source.hub:
        rows.append(("hub", source.hub))
    if source.digest:
        rows.append(("image", source.digest))
    rows.append(("digest", f"{found.digest} ({len(program.data)} bytes)"))
    rows += [("before", each) for each in list(found.known)[-1:]]
    rows.append(("signed", signers(found)))
    if found.decision.rule is not None:
        rows.append(("rule", str(found.decision.rule)))
    rows += titled("attaches", [f"{each.name}  {each.section}" for each in powers.programs] or ["nothing"])
    rows += titled("changes", powers.changes or ["nothing: it only observes" if not powers.unseen else "unknown"])
    rows += titled("pins", powers.pins)
    if powers.unseen:
        rows.append(("note", powers.unseen))
    return [head, *(f"  {title:9} {text}" for title, text in rows)]


def signers(found: gate.Asked) -> str:
    """Return what is known of signatures: they are looked at where a rule says whose would count."""
    for verdict in found.verdicts.values():
        return f"by {verdict.signer}" if verdict.signer else verdict.why
    return "not looked at: no rule says whose signature counts"


def titled(title: str, lines: list[str]) -> list[tuple[str, str]]:
    """Return rows of which the first has the title; of many the first few, and how many more there are."""
    shown = lines if len(lines) <= MAX_ROWS else [*lines[:MAX_ROWS], f"… and {len(lines) - MAX_ROWS} more"]
    return [(title if not number else "", line) for number, line in enumerate(shown)]


def tell(line: str) -> None:
    """Write a line on standard error, without what a terminal would obey."""
    from eunomia.cli.run import warn

    warn(clean(line))
