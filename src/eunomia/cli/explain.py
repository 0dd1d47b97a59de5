"""`ecli verify --explain`: which rule decides about something, and what a run at a terminal or in a script would do."""

from __future__ import annotations

import sys

from eunomia.cli.report import clean
from eunomia.registry import gate
from eunomia.registry.trust import said
from eunomia.registry.verification import last_day

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.cli.parser import Values
    from eunomia.registry import trust
    from eunomia.registry.resolve import Program

OUTCOMES = {"allow": "runs", "ask": "asks first", "refuse": "refused"}


def explain(operand: str, values: Values) -> int:
    """Print what decides about a program; return 0 where a script may run it, else 1.

    Raises:
        PolicyError: a policy file is wrong.
        FetchError: there is nothing of this name.
    """
    from eunomia.cli.fetching import fetched, limits_of

    limits = limits_of(values)
    program = fetched(operand, limits)
    found = document(program, gate.ask(program, lambda: _programs(program), limits=limits))
    if values["json"]:
        import json

        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(map(clean, page(found))) + "\n")
    return 0 if found["script"]["action"] == "allow" else 1


def _programs(program: Program) -> list[trust.Program]:
    from eunomia.registry.resolve import package_of

    if program.is_guest:
        return gate.programs_of_guest(program.data)
    return gate.programs_of(package_of(program.data, program.origin, remote=program.is_remote).here().types)


def document(program: Program, found: gate.Asked) -> dict[str, Any]:
    """Return all of it as plain data."""
    source = program.source
    powers = None
    if source.kind != "builtin":
        powers = _powers(program)
    return {
        "program": source.text,
        "kind": source.kind,
        "name": found.name,
        "tag": source.tag,
        "image": source.digest,
        "digest": found.digest,
        "size": len(program.data),
        "from_cache": source.cached,
        "pinned": source.pinned,
        "allowed_before": found.digest in found.known,
        "rules": [_rule(each, found) for each in found.rules],
        "policy_files": [path for paths in (gate.policy_files(),) for path in (*paths[0], paths[1]) if path],
        "attaches": [f"{each.name} {each.section}" for each in powers.programs] if powers else [],
        "changes": powers.changes if powers else [],
        "terminal": _decision(found.decide(terminal=True)),
        "script": _decision(found.decide(terminal=False)),
    }


def _powers(program: Program) -> Any:
    from eunomia.cli.powers import powers_of, powers_of_guest
    from eunomia.registry.resolve import package_of

    if program.is_guest:
        return powers_of_guest(program.data)
    return powers_of(package_of(program.data, program.origin, remote=program.is_remote).here())


def _rule(rule: trust.Rule, found: gate.Asked) -> dict[str, Any]:
    verdict = found.verdicts.get(rule)
    return {
        "origin": rule.origin,
        "match": [each.text for each in rule.match],
        "mode": rule.mode,
        "keys": [each.name for each in rule.keys],
        "not_after": [last_day(each.not_after) if each.not_after else None for each in rule.keys],
        "signed_as": [each.text for each in rule.signed_as],
        "identities": [f"{each.identity} ({each.issuer})" for each in rule.identities],
        "programs": sorted(rule.programs) if rule.programs is not None else None,
        "hooks": list(rule.hooks) if rule.hooks is not None else None,
        "unsigned": rule.otherwise,
        "signature": None
        if verdict is None
        else {"state": verdict.state, "signer": verdict.signer, "why": verdict.why, "earlier": verdict.earlier},
    }


def _decision(decision: trust.Decision) -> dict[str, Any]:
    return {
        "action": decision.action,
        "why": decision.why,
        "rule": decision.rule.origin if decision.rule is not None else None,
        "warnings": decision.warnings,
    }


def page(found: dict[str, Any]) -> list[str]:
    """Return the lines for people."""
    rows = [("called", found["name"] + (f":{found['tag']}" if found["tag"] else ""))]
    if found["image"]:
        rows.append(("image", found["image"]))
    rows.append(("digest", f"{found['digest']} ({found['size']} bytes{', from the cache' * found['from_cache']})"))
    for each in found["rules"]:
        rows += _rule_rows(each)
    if not found["rules"]:
        files = ", ".join(found["policy_files"])
        rows.append(("rule", f"none is about it, in {files}" if files else "none: there is no policy file"))
    for title, flag in (("pinned", "pinned"), ("before", "allowed_before")):
        if found[flag]:
            rows.append((title, "its digest was given" if flag == "pinned" else "allowed at a terminal"))
    for title, lines in (("attaches", found["attaches"]), ("changes", found["changes"])):
        rows += [(title if not number else "", line) for number, line in enumerate(lines)]
    for title, key in (("terminal", "terminal"), ("script", "script")):
        decision = found[key]
        by = f", by {decision['rule']}" if decision["rule"] else ""
        rows.append((title, f"{OUTCOMES[decision['action']]}: {decision['why']}{by}"))
    rows += [("warning", line) for line in found["script"]["warnings"]]
    return [found["program"], *(f"  {title:9} {text}" for title, text in rows)]


def _rule_rows(rule: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("rule", f"{rule['origin']} (match {', '.join(rule['match'])}), {rule['mode']}")]
    keys = zip(rule["keys"], rule["not_after"], strict=True)
    wanted = [*(f"key {name}{f' (until {day})' if day else ''}" for name, day in keys), *rule["identities"]]
    rows.append(("", f"signed by {' or '.join(wanted)}, else {rule['unsigned']}" if wanted
                 else f"unsigned: {rule['unsigned']}"))  # fmt: skip
    if rule["signed_as"]:
        rows.append(("", f"signed as {', '.join(rule['signed_as'])} too"))
    for key in ("programs", "hooks"):
        if rule[key] is not None:
            rows.append(("", f"{key} {', '.join(map(said, rule[key])) or 'none'}"))
    if rule["signature"] is not None:
        found = rule["signature"]
        earlier = f", verified earlier: {found['earlier']}" if found["earlier"] else ""
        rows.append(("signature", f"by {found['signer']}{earlier}" if found["state"] == "signed" else found["why"]))
    return rows
