"""The gate that everything passes between being fetched and being loaded: policy files, signatures, what is remembered.

Of built-in tools nothing is asked, of files and standard input only where there is a policy file: that costs a stat.
"""

from __future__ import annotations

import os

from eunomia.caches import home
from eunomia.errors import FetchError, MissingDependencyError, RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eunomia.btf.object import ObjectBtf
    from eunomia.registry import trust
    from eunomia.registry.resolve import Limits, Program
    from eunomia.registry.trust_match import Place

MACHINE = "/etc/eunomia/policy.toml"
VARIABLE = "EUNOMIA_POLICY"  # one more file, which holds beside the other two: it can only tighten


class Asked:
    """What was found out on the way to a decision.

    Attributes:
        decision: what becomes of it.
        rules: the rules that name it, of each file one.
        verdicts: what is known of the signatures, by rule.
        name: what the source is called in rules.
        digest: of the program, `sha256:HEX`.
        known: digests of this source that the user has allowed, with the time of each.
        case, policy: what was asked, and all rules.
    """

    __slots__ = ("case", "decision", "digest", "known", "name", "policy", "rules", "verdicts")

    def __init__(self, name: str, digest: str) -> None:
        self.name = name
        self.digest = digest
        self.decision: trust.Decision
        self.rules: list[trust.Rule] = []
        self.verdicts: dict[trust.Rule, trust.Verdict] = {}
        self.known: dict[str, int] = {}
        self.case: trust.Case
        self.policy: trust.Policy

    def decide(self, *, terminal: bool) -> trust.Decision:
        """Return what would become of it with somebody at a terminal, or without."""
        from eunomia.registry.trust import decide

        self.case.terminal = terminal
        return decide(self.case, self.policy, self.verdicts)


def policy_files() -> tuple[list[str], str]:
    """Return the paths of the machine's policy files that there are, and of the user's, "" for none."""
    system = [MACHINE] if os.path.lexists(MACHINE) else []
    more = os.environ.get(VARIABLE)
    if more:
        system.append(more)
    base = os.environ.get("XDG_CONFIG_HOME", "")
    user = f"{base if os.path.isabs(base) else home() + '/.config'}/eunomia/policy.toml"
    return system, user if os.path.lexists(user) else ""


def needs_asking(program: Program) -> bool:
    """Tell whether anything has to be decided about a program: not about built-in tools, nor files without a policy."""
    source = program.source
    if source.kind == "builtin":
        return False
    return source.is_remote or any(policy_files())


def ask(
    program: Program,
    programs: Callable[[], Sequence[trust.Program]],
    *,
    allow_unsigned: bool = False,
    terminal: bool = False,
    limits: Limits | None = None,
) -> Asked:
    """Find out whether a program may be loaded.

    Args:
        program: its bytes and where they come from.
        programs: returns the BPF programs in it; called where a rule asks for them.
        allow_unsigned: the user lets through what no rule is about.
        terminal: the user can be asked.
        limits: for fetching signatures.

    Raises:
        PolicyError: a policy file is wrong.
        PackageError: the package is damaged.
    """
    from time import time

    from eunomia.registry import trust
    from eunomia.registry.store import digest_of

    source = program.source
    found = Asked(name_of(program), source.data_digest or digest_of(program.data))
    place, policy = _place_and_policy(found.name)
    found.policy = policy
    found.rules = policy.rules_for(place) if place is not None else []
    digests = [found.digest, source.digest, source.manifest]
    looks = any(rule.programs is not None or rule.hooks is not None for rule in found.rules)
    if source.is_remote:
        from eunomia.registry import remembered

        found.known = remembered.allowed(_remembered_name(program))
    found.case = case = trust.Case(
        place,
        digests,
        programs=programs() if looks else None,
        pinned=source.pinned,
        remembered=found.digest in found.known,
        allow_unsigned=allow_unsigned,
        terminal=terminal,
        is_remote=source.is_remote,
    )
    for rule in found.rules:
        if rule.wants_signature and not rule.allowed & case.digests:
            found.verdicts[rule] = _verdict(program, found.digest, rule, time(), limits)
    found.decision = found.decide(terminal=terminal)
    return found


def require(
    program: Program, programs: Callable[[], Sequence[trust.Program]], limits: Limits | None = None
) -> Asked | None:
    """Raise where a rule keeps a program from being loaded: for callers of the Python API, whom nobody asks.

    Raises:
        RefusedError: a rule refuses it.
        PolicyError: a policy file is wrong.
    """
    if not any(policy_files()) or not needs_asking(program):
        return None
    found = ask(program, programs, allow_unsigned=True, limits=limits)
    if not found.decision.allowed:
        raise RefusedError(refusal("open", program, found))
    return found


def programs_of(types: ObjectBtf) -> list[trust.Program]:
    """Return the programs of an object, those that are off included, in the words of policies."""
    from eunomia.package.program_words import of_section
    from eunomia.registry.trust import Program

    return [Program(each.name, of_section(each.section), each.section) for each in types.programs]


def programs_of_guest(wasm: bytes) -> list[trust.Program]:
    """Return the programs of the objects that lie in a guest as they are; what it makes itself `word_limits` is for.

    The import is a sanctioned one of the rooms' table: only the host of guests can read them.
    """
    from eunomia.btf.object import ObjectBtf
    from eunomia.errors import PackageError
    from eunomia.wasm.embedded import find_in

    found = []
    for each in find_in(wasm):
        try:
            found += programs_of(ObjectBtf(each.elf))
        except PackageError:
            continue  # libbpf will not load it either
    return found


def word_limits(found: Asked | None) -> list[tuple[list[str], str]]:
    """Return what the rules allow of types of programs, with the rule of each: guests make their objects themselves."""
    rules = found.rules if found is not None else []
    return [(sorted(each.programs), each.origin) for each in rules if each.programs is not None and each.mode != "warn"]


def remember(program: Program, found: Asked) -> str:
    """Remember that the user has said yes; return why that could not be written, "" where it was."""
    from time import time

    from eunomia.registry import remembered

    return remembered.allow(_remembered_name(program), found.digest, time())


def refusal(verb: str, program: Program, found: Asked) -> str:
    """Return the line for what is refused: what, why, by which rule, and what to do."""
    decision, source = found.decision, program.source
    by = f": refused by {decision.rule}" if decision.rule is not None else ""
    if decision.is_final:
        by = ": refused" if str(decision.rule) in decision.why else by
        return f"{verb} {source.text}: {decision.why}{by} [ecli verify --explain says more]"
    pin = f"--sha256 {found.digest[7:]}" if source.kind != "oci" else f"{source.name}@{source.digest}"
    changed = ""
    if found.known:
        changed = f"; it has changed since {date(max(found.known.values()))}, when it was allowed"
    return (
        f"{verb} {source.text}: {decision.why}{changed}{by} [--allow-unsigned runs it; {pin} runs this and nothing "
        f"else; a rule in {MACHINE} or a signature: docs/trust.md]"
    )


def name_of(program: Program) -> str:
    """Return what a source is called in rules."""
    source = program.source
    if source.kind == "file":
        return f"file:{os.path.realpath(source.name)}"
    if source.kind in ("stdin", "builtin"):
        return source.kind
    if source.kind == "hub":  # HUB/TOOL@VERSION
        return f"hub:{source.name.partition('@')[0]}"
    return source.name


def _remembered_name(program: Program) -> str:
    source = program.source
    return f"{source.name}:{source.tag}" if source.tag else name_of(program)


def _place_and_policy(name: str) -> tuple[Place, trust.Policy]:
    from eunomia.registry import trust

    system, user = policy_files()
    from eunomia.registry.trust_match import place_of

    if not system and not user:
        return place_of(name), trust.Policy()
    from eunomia.registry.trust_file import read_policy

    return place_of(name), read_policy(system, user)


def _verdict(program: Program, digest: str, rule: trust.Rule, now: float, limits: Limits | None) -> trust.Verdict:
    """Return what is known of the signatures for a rule: from the record of an earlier look, else by verifying."""
    from eunomia.registry import remembered, trust

    question = _question(program, digest, rule, now)
    signer, origin = remembered.verified(question, now)
    if signer:
        return trust.Verdict(trust.SIGNED, signer, earlier=origin)
    from eunomia.registry.signatures import verify

    timeout = limits.timeout if limits is not None else 30.0
    offline = bool(getattr(limits, "offline", False))
    try:
        verdict = verify(program.source, program.data, rule.keys, rule.identities, now=now, timeout=timeout,
                         offline=offline, options=limits, signed_as=rule.signed_as)  # fmt: skip
    except (FetchError, MissingDependencyError) as exc:
        return trust.Verdict(trust.UNKNOWN, why=f"its signatures could not be looked at: {exc}")
    if verdict.state == trust.SIGNED:
        remembered.keep_verified(question, verdict.signer, verdict.until, verdict.origin)
    earlier = verdict.origin if verdict.earlier else ""
    return trust.Verdict(verdict.state, verdict.signer, verdict.why, verdict.until, earlier=earlier)


def _question(program: Program, digest: str, rule: trust.Rule, now: float) -> bytes:
    """Return all that the answer of a verification depends on, as bytes that no two questions share.

    A key whose time is over is not in it: what it has signed is asked anew then.
    """
    source = program.source
    parts = [source.kind, source.name, source.tag, source.digest, source.manifest, digest]
    for key in rule.keys:
        if not key.not_after or now < key.not_after:
            parts += ["key", key.name, key.pem.hex(), str(key.not_after)]
    for each in rule.identities:
        parts += ["identity", each.identity, each.issuer, each.root, each.root_data.hex()]
    parts += [text for each in rule.signed_as for text in ("signed-as", each.text)]
    return "\0".join(parts).encode("utf-8", "surrogateescape")


def date(when: float) -> str:
    """Return the day of a time, in UTC."""
    from time import gmtime, strftime

    return strftime("%Y-%m-%d", gmtime(when))
