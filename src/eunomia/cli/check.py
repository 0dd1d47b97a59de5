"""`ecli check`: will a package run here, or on another kernel, and if not, why."""

from __future__ import annotations

import sys

from eunomia.cli import run as running
from eunomia.cli.fetch_table import FETCHING
from eunomia.cli.parser import JSON, VERBOSE, Command, Opt, UsageError, Verbosity
from eunomia.cli.run_table import ATTACHING, LOADING, OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.cli.parser import Values
    from eunomia.cli.which import Choice
    from eunomia.kernel.object import Object
    from eunomia.kernel.preflight.plan import Plan
    from eunomia.kernel.preflight.report import Finding, Report, Verified
    from eunomia.package.model import Package
    from eunomia.package.options import Settings

_RUN = tuple(each for each in OPTIONS if each.group in (ATTACHING, LOADING, FETCHING))

COMMAND = Command(
    "check",
    "PROG [ARGS]",
    "tell whether a package runs on this kernel, or on another one, and if not, why",
    (
        Opt(
            "kernel-btf",
            "",
            "file",
            "ask about the kernel with these types (raw BTF, vmlinux, kernel package) instead of this one",
            "FILE",
        ),
        Opt(
            "load",
            "",
            "flag",
            "load it too, and show what the verifier says of each program (needs root)",
            default=False,
        ),
        *_RUN,
        JSON,
        VERBOSE,
    ),
    stop=True,
    details="""\
PROG and ARGS are those of `ecli run`: what a run with the same words would do is judged, its targets and the programs
that it leaves out included. Nothing of the package is loaded without --load; as root the kernel is asked by loading and
attaching empty programs for a moment. -v shows what is there too. `-j` and `-v` may also stand after PROG, unless the
tool has an option of that letter.

Exit codes: 0 it will run, or nothing that was found speaks against it (what cannot be told is named); 1 it will not;
2 usage.""",
    examples=(
        ("ecli check opensnoop", "a built-in tool, on this kernel"),
        ("ecli check ./package.json --attach count=iface:eth0", "attached to what a run would attach it to"),
        ("ecli check --load ./package.json", "ask the verifier too"),
        ("ecli check --kernel-btf 5.10.btf ./package.json", "on another kernel, by its types"),
    ),
    choices=("@builtin", "@file"),
    shorts_after=True,
)
WORDS = {"yes": "ok", "no": "missing", "guarded": "guarded", "unknown": "unknown"}
ORDER = {"no": 0, "unknown": 1, "guarded": 2, "yes": 3}


NOT_ASKED = " (the verifier was not asked: --load does)"


def main(argv: list[str]) -> int:
    """Run `ecli check`; 1 when the package will not run."""
    return running.main(argv, COMMAND, check)


def check(package: Package, values: Values, settings: Settings, program: str, _choice: Choice | None) -> int:
    """Judge what a run of a package would do, print it, and return the exit code."""
    if values["load"] and values["kernel-btf"]:
        raise UsageError("--load asks the running kernel, --kernel-btf another one: leave one of them out")
    if values["load"]:
        from eunomia.cli.privileges import require_capabilities

        require_capabilities(program, package, "load")
    from eunomia.kernel.preflight import check_plan, of_another_architecture, part_for
    from eunomia.kernel.preflight.target import Target

    target = Target(values["kernel-btf"])
    chosen = part_for(package, target)
    if chosen is None:
        report = of_another_architecture(package, target)
    else:
        plan, live = plan_of(chosen, values, settings)
        try:
            report = check_plan(plan, target, values["load"])
        finally:
            if live is not None:
                live.close()
    if values["json"]:
        import json

        sys.stdout.write(json.dumps(report.to_tree(), indent=2, ensure_ascii=False) + "\n")
    else:
        from eunomia.cli.report import clean

        sys.stdout.write("".join(f"{clean(line)}\n" for line in page(report, bool(Verbosity.level))))
    return int(report.runs == "no")


def plan_of(package: Package, values: Values, settings: Settings) -> tuple[Plan, Object | None]:
    """Open a package and choose its programs and targets as `ecli run` does; the caller closes the object."""
    from eunomia.errors import EunomiaError
    from eunomia.kernel.object import Object
    from eunomia.kernel.preflight.plan import Plan

    btf = values["btf"] or ""
    try:
        live = Object.open(package, btf=btf or None, kconfig=settings.kconfig)
    except EunomiaError as exc:
        return Plan(package, settings, failure=str(exc), btf=btf), None
    try:
        if values["skip"] or values["enable"] or values["ring-size"] or values["perf-pages"]:
            from eunomia.cli.adjust import adjust

            adjust(live, values)
        targets = None
        if any(values[name] for name in ("attach", "iface", "attach-cgroup", "binary", "freq")):
            from eunomia.cli.targets import choose_targets

            targets = choose_targets(live, values)
        return Plan(package, settings, live, targets, skip=values["skip"], btf=btf), live
    except BaseException:
        live.close()
        raise


def page(report: Report, everything: bool) -> Iterator[str]:
    """Yield the lines for people: the answer, what speaks against it, what cannot be told; with `everything` all."""
    place = "runs here" if report.live else f"runs on {report.kernel}"
    yield f"{report.package}: {place}: {report.runs}{_because(report)}"
    yield from _privileges(report)
    told = [each for each in report.findings if each.status in ("no", "unknown")]
    for each in sorted(
        _without_target(told), key=lambda each: (not (each.fatal and each.status == "no"), ORDER[each.status])
    ):
        yield ""
        yield from _finding(each)
    for one in report.verified:
        yield ""
        yield from _verified(one)
    if report.failure and not any(one.refusal for one in report.verified):
        yield ""
        yield f"refused  {report.failure}"
    others = [each for each in report.findings if each.status not in ("no", "unknown")]
    if everything and others:
        yield ""
        width = max(len(each.kind) for each in others)
        yield from (_line(each, width) for each in sorted(others, key=lambda each: ORDER[each.status]))
    elif others:
        guarded = sum(1 for each in others if each.status == "guarded")
        note = f", {guarded} of them missing, but the code asks before it uses them" if guarded else ""
        yield ""
        yield f"{len(others)} other things are no trouble{note} (-v shows them)"


def _without_target(told: list[Finding]) -> Iterator[Finding]:
    """Yield the findings, those of programs of control groups that only lack the same target as one."""
    from dataclasses import replace

    alike = [each for each in told if each.status == "no" and "--attach-cgroup PATH, or " in each.advice]
    for each in told:
        if len(alike) < 2 or each not in alike:
            yield each
        elif each is alike[0]:
            names, programs = (
                ", ".join(one.name for one in alike),
                tuple(name for one in alike for name in one.programs),
            )
            advice, is_fatal = each.advice.partition(", or ")[0], any(one.fatal for one in alike)
            yield replace(each, name=names, programs=programs, advice=advice, fatal=is_fatal, where="", source="")


def _privileges(report: Report) -> Iterator[str]:
    """Yield what it takes to run it, whoever asks."""
    needed = [each for each in report.findings if each.kind == "capability"]
    if needed:
        lacking = [each.name for each in needed if each.status == "no"]
        held = f"not held: {', '.join(lacking)}" if lacking else "held"
        yield f"needs {', '.join(each.name for each in needed)} ({held})"
        if lacking:
            from eunomia.package.privileges import command

            yield f"> without root: {command(each.name for each in needed)} ecli run …"


def _because(report: Report) -> str:
    count = sum(1 for each in report.blocking if each.kind != "alternative")
    if count:
        return f" ({count} {'thing' if count == 1 else 'things'} it needs {'is' if count == 1 else 'are'} missing)"
    if report.failure:
        return " (the kernel refused it)"
    if report.runs == "yes" and report.live and not report.verified:
        return NOT_ASKED
    if report.runs == "unknown":
        return " (nothing found speaks against it, but not everything can be told)"
    return ""


def _finding(each: Finding) -> Iterator[str]:
    word = WORDS[each.status] if each.fatal or each.status != "no" else "left out"
    since = f" (since Linux {each.since})" if each.since else ""
    yield f"{word:<9}{each.kind}: {each.name}{since}"
    if each.detail:
        yield " " * 9 + each.detail
    if each.where:
        yield " " * 9 + f"at {each.where}{f': {each.source}' if each.source else ''}"
    if each.programs and each.kind != "alternative":
        yield " " * 9 + f"program{'s' if len(each.programs) > 1 else ''} {', '.join(each.programs)}"
    if each.advice:
        yield " " * 9 + f"> {each.advice}"


def _line(each: Finding, width: int) -> str:
    return f"{WORDS[each.status]:<9}{each.kind:<{width}}  {each.name}{f': {each.detail}' if each.detail else ''}"


def _verified(one: Verified) -> Iterator[str]:
    count = one.instructions
    facts = [f"{count} instruction{'' if count == 1 else 's'} verified" if count is not None else ""]
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
        yield from (" " * 9 + words for words in one.registers)
        if one.explanation and not one.registers:
            yield " " * 9 + one.explanation
    if one.advice:
        yield " " * 9 + f"> {one.advice}"
