"""The decision, as a table: who may be run, why, and by which rule."""

from __future__ import annotations

from typing import Any

import pytest

from eunomia.registry.trust import (
    DAMAGED,
    EXPIRED,
    NOT_SIGNED,
    SIGNED,
    UNKNOWN,
    WRONG_KEY,
    Case,
    Key,
    Policy,
    Program,
    Rule,
    Verdict,
    decide,
)
from eunomia.registry.trust_match import Pattern, place_of

IMAGE, DATA, OTHER = (f"sha256:{digit * 64}" for digit in "abc")
NAME = "ghcr.io/acme/tool"
TRACES = [Program("on_open", "tp", "tp/syscalls/sys_enter_openat")]
DROPS = [*TRACES, Program("drop", "xdp", "xdp")]


def rule(match: str = "ghcr.io/acme/*", **given: Any) -> Rule:
    found = Rule(given.pop("origin", "policy.toml:1"), [Pattern(match)])
    if given.pop("signed", False):
        found.keys = [Key("acme.pub", b"")]
    for name, value in given.items():
        setattr(found, name, value)
    return found


def outcome(case: dict[str, Any], verdict: Verdict, *files: list[Rule]) -> tuple[str, str]:
    policy = Policy(files)
    made = Case(place_of(case.pop("name", NAME)), (IMAGE, DATA), **case)
    found = decide(made, policy, dict.fromkeys(policy.rules_for(made.place), verdict))
    return found.action, found.why


GOOD = Verdict(SIGNED, "acme.pub")
NONE = Verdict(NOT_SIGNED, why="not signed")
WRONG = Verdict(WRONG_KEY, why="signed by no key of the rule")
OLD = Verdict(EXPIRED, why="the key acme.pub expired on 2026-01-01")
BROKEN = Verdict(DAMAGED, why="its signature is damaged")
UNSEEN = Verdict(UNKNOWN, why="its signatures could not be looked at: no route")
TERMINAL = {"terminal": True}
AT_A_TERMINAL = "unsigned, and run for the first time"
BY_A_SCRIPT = "unsigned, and nobody is at a terminal to be asked"


@pytest.mark.parametrize(
    ("case", "action", "why"),
    [
        ({}, "refuse", BY_A_SCRIPT),
        (TERMINAL, "ask", AT_A_TERMINAL),
        ({"remembered": True}, "allow", "allowed before, at a terminal"),
        ({"remembered": True, **TERMINAL}, "allow", "allowed before, at a terminal"),
        ({"pinned": True}, "allow", "its digest was given"),
        ({"allow_unsigned": True}, "allow", "--allow-unsigned"),
        ({"is_remote": False, "name": "file:/x"}, "allow", "a file of this machine"),
    ],
)
def test_without_a_policy(case: dict[str, Any], action: str, why: str) -> None:
    assert outcome(dict(case), NONE) == (action, why)


@pytest.mark.parametrize("case", [{}, TERMINAL, {"allow_unsigned": True}, {"pinned": True}, {"remembered": True}])
@pytest.mark.parametrize(
    ("verdict", "action", "why"),
    [
        (GOOD, "allow", "signed by acme.pub"),
        (NONE, "refuse", "not signed"),
        (WRONG, "refuse", "signed by no key of the rule"),
        (OLD, "refuse", "the key acme.pub expired on 2026-01-01"),
        (BROKEN, "refuse", "its signature is damaged"),
        (UNSEEN, "refuse", "its signatures could not be looked at: no route"),
    ],
)
def test_a_rule_with_keys_lets_nothing_else_decide(
    case: dict[str, Any], verdict: Verdict, action: str, why: str
) -> None:
    assert outcome(dict(case), verdict, [rule(signed=True)]) == (action, why)


@pytest.mark.parametrize("verdict", [NONE, WRONG, OLD, BROKEN, UNSEEN])
@pytest.mark.parametrize(
    ("unsigned", "case", "action"),
    [
        ("allow", {}, "allow"),
        ("ask", {}, "refuse"),
        ("ask", TERMINAL, "ask"),
        ("ask", {"allow_unsigned": True}, "allow"),
        ("refuse", {"allow_unsigned": True, **TERMINAL}, "refuse"),
    ],
)
def test_a_rule_says_what_becomes_of_the_unsigned(
    verdict: Verdict, unsigned: str, case: dict[str, Any], action: str
) -> None:
    assert outcome(dict(case), verdict, [rule(signed=True, unsigned=unsigned)])[0] == action


@pytest.mark.parametrize(
    ("given", "case", "action", "why"),
    [
        ({}, {}, "refuse", BY_A_SCRIPT),
        ({}, TERMINAL, "ask", AT_A_TERMINAL),
        ({"unsigned": "allow"}, {}, "allow", "the rule allows what is unsigned"),
        ({"unsigned": "refuse"}, {"pinned": True}, "refuse", "nothing from there is allowed"),
        ({"allowed": {DATA}}, {}, "allow", "its digest is allowed"),
        ({"allowed": {IMAGE}}, {}, "allow", "its digest is allowed"),
        ({"allowed": {OTHER}}, TERMINAL, "refuse", "its digest is not among those allowed"),
        ({"allowed": {OTHER}, "unsigned": "ask"}, TERMINAL, "ask", AT_A_TERMINAL),
        ({"match": "stdin"}, {"name": "stdin", "is_remote": False}, "allow", "a file of this machine"),
        ({"match": "stdin", "unsigned": "refuse"}, {"name": "stdin", "is_remote": False}, "refuse",
         "nothing from there is allowed"),
    ],
)  # fmt: skip
def test_a_rule_without_keys(given: dict[str, Any], case: dict[str, Any], action: str, why: str) -> None:
    assert outcome(dict(case), NONE, [rule(**given)]) == (action, why)


@pytest.mark.parametrize(
    ("given", "programs", "action", "why"),
    [
        ({"programs": {"tp", "xdp"}}, DROPS, "allow", "signed by acme.pub"),
        ({"programs": {"tp"}}, TRACES, "allow", "signed by acme.pub"),
        ({"programs": {"tp"}}, DROPS, "refuse", "program drop is of type xdp, allowed are tracepoint"),
        ({"programs": set()}, TRACES, "refuse", "program on_open is of type tracepoint, allowed are none"),
        (
            {"programs": {"tp"}},
            [Program("x", "", "odd")],
            "refuse",
            "program x is of type unknown, allowed are tracepoint",
        ),
        ({"hooks": ("tp/syscalls/*",)}, TRACES, "allow", "signed by acme.pub"),
        (
            {"hooks": ("tp/syscalls/*",)},
            DROPS,
            "refuse",
            "program drop attaches to xdp, allowed are tp/syscalls/*",
        ),
        ({"hooks": ("tp/syscalls/sys_enter_openat", "xdp")}, DROPS, "allow", "signed by acme.pub"),
    ],
)
def test_types_and_hooks_count_for_what_is_signed_too(
    given: dict[str, Any], programs: list[Program], action: str, why: str
) -> None:
    assert outcome({"programs": programs}, GOOD, [rule(signed=True, **given)]) == (action, why)


def test_a_rule_that_warns_allows_and_says_what_it_would_have_refused() -> None:
    warns = rule(signed=True, mode="warn", programs={"tp"})
    policy = Policy([[warns]])

    unsigned = decide(Case(place_of(NAME), (DATA,), programs=TRACES), policy, {warns: NONE})
    foreign = decide(Case(place_of(NAME), (DATA,), programs=DROPS), policy, {warns: GOOD})
    signed = decide(Case(place_of(NAME), (DATA,), programs=TRACES), policy, {warns: GOOD})

    said = "policy.toml:1 (match ghcr.io/acme/*) only warns"
    assert (unsigned.action, unsigned.warnings) == ("allow", [f"not signed: {said}"])
    assert foreign.warnings == [f"program drop is of type xdp, allowed are tracepoint: {said}"]
    assert (signed.action, signed.why, signed.warnings) == ("allow", "signed by acme.pub", [])


def test_the_most_exact_rule_of_a_file_decides_and_of_equal_ones_the_first() -> None:
    everything = rule("*", unsigned="refuse")
    acme = rule("ghcr.io/acme/*", unsigned="allow")
    same = rule("ghcr.io/acme/*", unsigned="refuse")

    assert outcome({}, NONE, [everything, acme, same])[0] == "allow"
    assert outcome({}, NONE, [same, acme, everything])[0] == "refuse"
    assert outcome({"name": "quay.io/x/y"}, NONE, [everything, acme]) == ("refuse", "nothing from there is allowed")


def test_files_decide_each_for_itself_and_the_strictest_counts() -> None:
    system, user = rule("*", unsigned="refuse"), rule("ghcr.io/acme/tool", unsigned="allow")

    assert outcome({}, NONE, [system], [user])[0] == "refuse"
    assert outcome({}, NONE, [user], [system])[0] == "refuse"
    assert outcome({}, NONE, [], [user])[0] == "allow"
    assert outcome({}, NONE, [rule("*", unsigned="ask")], [user])[0] == "refuse"  # nobody is there to be asked
    assert outcome(dict(TERMINAL), NONE, [rule("*", unsigned="ask")], [user])[0] == "ask"


def test_a_denied_digest_is_denied_by_any_rule_that_names_its_place() -> None:
    loose = rule("*", denied={DATA}, origin="policy.toml:9")
    signed = rule("ghcr.io/acme/tool", signed=True, allowed={DATA})

    assert outcome({"pinned": True, "allow_unsigned": True}, GOOD, [loose, signed]) == (
        "refuse", "its digest is denied by policy.toml:9 (match *)",
    )  # fmt: skip
    assert outcome({}, GOOD, [rule("quay.io/*", denied={DATA}), signed])[0] == "allow"
    assert outcome({}, GOOD, [signed], [rule("*", denied={IMAGE})])[0] == "refuse"


def test_a_denied_digest_of_a_rule_that_warns_is_said() -> None:
    warns = rule("*", denied={DATA}, mode="warn", unsigned="allow")

    found = decide(Case(place_of(NAME), (DATA,)), Policy([[warns]]), {})

    assert (found.action, found.warnings) == ("allow", ["its digest is denied by policy.toml:1 (match *)"])
