"""`ecli check`: will a package run here, or on another kernel, and if not, why."""

from __future__ import annotations

import sys

from eunomia.cli.parser import JSON, VERBOSE, Command, Opt, UsageError, Verbosity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.kernel.preflight.report import Finding, Report, Verified

COMMAND = Command(
    "check",
    "PROG",
    "tell whether a package runs on this kernel, or on another one, and if not, why",
    (
        Opt(
            "kernel-btf",
            "",
            "file",
            "ask about the kernel with these types (BTF, vmlinux, vmlinuz or its .deb) instead of this one",
            "FILE",
        ),
        Opt(
            "load",
            "",
            "flag",
            "load it too, and show what the verifier says of each program (needs root)",
            default=False,
        ),
        JSON,
        VERBOSE,
    ),
    details="Nothing of the package is loaded without --load; as root the kernel is asked by loading and attaching "
    "empty programs for a moment. -v shows what is there too.\n\n"
    "Exit codes: 0 it will run, or nothing that was found speaks against it (what cannot be told is named); 1 it will "
    "not.",
    examples=(
        ("ecli check opensnoop", "a built-in tool, on this kernel"),
        ("ecli check --load ./package.json", "ask the verifier too"),
        ("ecli check --kernel-btf 5.10.btf ./package.json", "on another kernel, by its types"),
    ),
    choices=("@builtin", "@file"),
)
WORDS = {"yes": "ok", "no": "missing", "guarded": "guarded", "unknown": "unknown"}
ORDER = {"no": 0, "unknown": 1, "guarded": 2, "yes": 3}


def main(args: list[str]) -> int:
    """Run `ecli check`; 1 when the package will not run."""
    values = COMMAND.parse(args)
    if not values.operands:
        raise UsageError("check: which package? [see ecli check --help]")
    values.no_more_than(1)
    if values["load"] and values["kernel-btf"]:
        raise UsageError("--load asks the running kernel, --kernel-btf another one: leave one of them out")
    from eunomia.registry.resolve import resolve

    package = resolve(values.operands[0])
    if values["load"]:
        from eunomia.cli.privileges import require_capabilities

        require_capabilities(package.name, package)
    report = package.check(values["kernel-btf"], values["load"])
    if values["json"]:
        import json

        sys.stdout.write(json.dumps(report.to_tree(), indent=2, ensure_ascii=False) + "\n")
    else:
        from eunomia.cli.report import clean

        sys.stdout.write("".join(f"{clean(line)}\n" for line in page(report, bool(Verbosity.level))))
    return int(report.runs == "no")


def page(report: Report, everything: bool) -> Iterator[str]:
    """Yield the lines for people: the answer, what speaks against it, what cannot be told; with `everything` all."""
    place = "runs here" if report.live else f"runs on {report.kernel}"
    yield f"{report.package}: {place}: {report.runs}{_because(report)}"
    shown = [each for each in report.findings if everything or each.status in ("no", "unknown")]
    for each in sorted(shown, key=lambda each: (ORDER[each.status], not each.fatal)):
        yield ""
        yield from _finding(each)
    for one in report.verified:
        yield ""
        yield from _verified(one)
    if report.failure and not any(one.refusal for one in report.verified):
        yield ""
        yield f"refused  {report.failure}"
    hidden = len(report.findings) - len(shown)
    if hidden:
        guarded = sum(1 for each in report.findings if each.status == "guarded")
        note = f", {guarded} of them missing, but the code asks before it uses them" if guarded else ""
        yield ""
        yield f"{hidden} more findings are no trouble{note} (-v shows them)"


def _because(report: Report) -> str:
    count = len(report.blocking)
    if count:
        return f" ({count} {'thing' if count == 1 else 'things'} it needs {'is' if count == 1 else 'are'} missing)"
    if report.failure:
        return " (the kernel refused it)"
    if report.runs == "unknown":
        return " (nothing found speaks against it, but not everything can be told)"
    return ""


def _finding(each: Finding) -> Iterator[str]:
    word = WORDS[each.status] if each.fatal or each.status != "no" else "left out"
    since = f" (since Linux {each.since})" if each.since and each.status != "yes" else ""
    yield f"{word:<9}{each.kind}: {each.name}{since}"
    places = [f"program {', '.join(each.programs)}" if each.programs else "", f"at {each.where}" if each.where else ""]
    if any(places) and each.status != "yes":
        yield " " * 9 + ", ".join(filter(None, places))
    if each.detail:
        yield " " * 9 + each.detail
    if each.advice:
        yield " " * 9 + f"> {each.advice}"


def _verified(one: Verified) -> Iterator[str]:
    facts = [f"{one.instructions} instructions verified" if one.instructions is not None else ""]
    facts.append(f"{one.states} states at the peak" if one.states is not None else "")
    facts.append(f"stack {'+'.join(map(str, one.stack))} bytes" if one.stack else "")
    yield (
        f"{'verified' if one.accepted else 'refused':<9}program {one.program}: "
        f"{', '.join(filter(None, facts)) or 'no statistics'}"
    )
    if one.refusal:
        yield " " * 9 + one.refusal
        if one.where or one.source:
            yield " " * 9 + f"at {one.where}{': ' if one.where and one.source else ''}{one.source}"
        yield from (" " * 9 + f"{words}" for words in one.registers)
    if one.advice:
        yield " " * 9 + f"> {one.advice}"
