"""Whether something from elsewhere may be loaded: rules, facts and what is known of signatures make a decision.

Pure: nothing here reads a file, asks a network or prints. docs/reference/trust-policy.md says it for users; what reads
the files is trust_file, what gathers the rest is gate.
"""

from __future__ import annotations

ALLOW, ASK, REFUSE = "allow", "ask", "refuse"
MODES = ("enforce", "warn")
UNSIGNED = (ALLOW, ASK, REFUSE)
SIGNED, NOT_SIGNED, WRONG_KEY, EXPIRED, DAMAGED, UNKNOWN = (
    "signed", "unsigned", "wrong key", "expired", "damaged", "unknown",
)  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from eunomia.registry.trust_match import Pattern, Place


class Key:
    """A public key of a rule: the text that names it, its PEM, and when it ends (seconds since 1970, 0: never)."""

    __slots__ = ("name", "not_after", "pem")

    def __init__(self, name: str, pem: bytes, not_after: float = 0.0) -> None:
        self.name = name
        self.pem = pem
        self.not_after = not_after


class Identity:
    """A keyless signer of a rule: who, whose word that is, and the file with the root of trust ("": none)."""

    __slots__ = ("identity", "issuer", "root", "root_data")

    def __init__(self, identity: str, issuer: str, root: str = "", root_data: bytes = b"") -> None:
        self.identity = identity
        self.issuer = issuer
        self.root = root
        self.root_data = root_data


class Rule:
    """One `[[trust]]` of a policy file.

    Attributes:
        origin: `FILE:LINE`, for messages.
        match: what it is about.
        mode: "enforce", or "warn": what it would refuse is said, and allowed.
        keys, identities: whose signatures count.
        programs: types of programs that are allowed, in the words of docs/reference/policy.md; None for all.
        signed_as: the names of other places that count in a signature too: where images were mirrored from.
        hooks: patterns of what programs attach to (their sections); None for all.
        allowed, denied: digests of manifests or of programs, as `sha256:HEX`.
        unsigned: what becomes of what is signed by none of these.
    """

    __slots__ = (
        "allowed", "denied", "hooks", "identities", "keys", "match", "mode", "origin", "programs", "signed_as",
        "unsigned",
    )  # fmt: skip

    def __init__(self, origin: str, match: Sequence[Pattern]) -> None:
        self.origin = origin
        self.match = tuple(match)
        self.mode = "enforce"
        self.keys: list[Key] = []
        self.identities: list[Identity] = []
        self.programs: frozenset[str] | None = None
        self.hooks: tuple[str, ...] | None = None
        self.signed_as: tuple[Pattern, ...] = ()
        self.allowed: frozenset[str] = frozenset()
        self.denied: frozenset[str] = frozenset()
        self.unsigned = ""

    @property
    def wants_signature(self) -> bool:
        """Whether it says who may sign."""
        return bool(self.keys or self.identities)

    @property
    def otherwise(self) -> str:
        """What becomes of what is signed by nobody who counts: `unsigned`, or what it is without that."""
        return self.unsigned or (REFUSE if self.wants_signature or self.allowed else ASK)

    def __str__(self) -> str:
        return f"{self.origin} (match {', '.join(each.text for each in self.match)})"


class Program:
    """A program that will be loaded: its name, its type in the policy's words ("" unknown), its section."""

    __slots__ = ("name", "section", "word")

    def __init__(self, name: str, word: str, section: str) -> None:
        self.name = name
        self.word = word
        self.section = section


class Case:
    """What is to be decided.

    Attributes:
        place: where it comes from.
        digests: of the manifest and of the program, `sha256:HEX`, without empty ones.
        programs: those in it; None where they are not looked at.
        pinned: the user, or a lock file, named the digest.
        remembered: the user has said yes to this digest from this source.
        allow_unsigned: `--allow-unsigned` was given.
        terminal: somebody can be asked.
        is_remote: it came over a network.
    """

    __slots__ = ("allow_unsigned", "digests", "is_remote", "pinned", "place", "programs", "remembered", "terminal")

    def __init__(
        self,
        place: Place,
        digests: Sequence[str] = (),
        *,
        programs: Sequence[Program] | None = None,
        pinned: bool = False,
        remembered: bool = False,
        allow_unsigned: bool = False,
        terminal: bool = False,
        is_remote: bool = True,
    ) -> None:
        self.place = place
        self.digests = frozenset(each for each in digests if each)
        self.programs = programs
        self.pinned = pinned
        self.remembered = remembered
        self.allow_unsigned = allow_unsigned
        self.terminal = terminal
        self.is_remote = is_remote


class Verdict:
    """What is known of the signatures, for the keys and identities of one rule.

    Attributes:
        state: "signed", "unsigned", "wrong key" (signed, by none of them), "expired", "damaged", "unknown".
        signer: whose signature it is.
        why: one line for all states but "signed".
        until: when the signature, key or certificate ends, seconds since 1970; 0 never.
        earlier: where the signature was when it was found; "" where it was looked for, and found, now.
    """

    __slots__ = ("earlier", "signer", "state", "until", "why")

    def __init__(self, state: str, signer: str = "", why: str = "", until: float = 0.0, *, earlier: str = "") -> None:
        self.earlier = earlier
        self.state = state
        self.signer = signer
        self.why = why
        self.until = until


class Decision:
    """What becomes of it.

    Attributes:
        action: "allow", "ask" (somebody at the terminal), "refuse".
        rule: the rule that decided, None where it was none.
        why: one line.
        signer: whose signature was found good, "" for none.
        warnings: lines about rules in the mode `warn` that would have refused.
        is_final: it refuses, and no option, answer or digest of the user's could change that.
    """

    __slots__ = ("action", "is_final", "rule", "signer", "warnings", "why")

    def __init__(self, action: str, why: str, rule: Rule | None = None, signer: str = "") -> None:
        self.action = action
        self.why = why
        self.rule = rule
        self.signer = signer
        self.is_final = action == REFUSE and rule is not None
        self.warnings: list[str] = []

    @property
    def allowed(self) -> bool:
        """Whether it may be loaded without a question."""
        return self.action == ALLOW


class Policy:
    """The rules of each file, in their order; each file decides for itself, and all of them must agree."""

    __slots__ = ("files",)

    def __init__(self, files: Sequence[Sequence[Rule]] = ()) -> None:
        self.files = [list(rules) for rules in files]

    def rules_for(self, place: Place) -> list[Rule]:
        """Return of each file the rule that names a place most exactly; of two that do so equally the first."""
        found = []
        for rules in self.files:
            best, weight = None, None
            for rule in rules:
                fits = [each.weight for each in rule.match if each.matches(place)]
                if fits and (weight is None or max(fits) > weight):
                    best, weight = rule, max(fits)
            if best is not None:
                found.append(best)
        return found

    def denying(self, case: Case) -> Rule | None:
        """Return a rule that names the place, however exactly, and denies one of its digests."""
        for rules in self.files:
            for rule in rules:
                if rule.denied & case.digests and any(each.matches(case.place) for each in rule.match):
                    return rule
        return None


def decide(case: Case, policy: Policy, verdicts: dict[Rule, Verdict]) -> Decision:
    """Decide about a case.

    Args:
        case: what is asked.
        policy: the rules that there are.
        verdicts: what is known of signatures, for each rule of `policy.rules_for` that wants one.

    Returns:
        The strictest decision of the files; without a rule: what is pinned, remembered or let through by
        `--allow-unsigned` is allowed, at a terminal somebody is asked, and all else is refused.
    """
    denying = policy.denying(case)
    if denying is not None and denying.mode == "enforce":
        return Decision(REFUSE, f"its digest is denied by {denying}", denying)
    rules = policy.rules_for(case.place)
    decisions = [_by_rule(case, rule, verdicts.get(rule, Verdict(UNKNOWN))) for rule in rules]
    decisions = decisions or [_by_default(case)]
    strictest = max(decisions, key=lambda each: UNSIGNED.index(each.action))  # of equal ones the system's
    warnings = [line for each in decisions for line in each.warnings]
    if denying is not None:
        warnings.insert(0, f"its digest is denied by {denying}")
    strictest.warnings = warnings
    return strictest


def _by_rule(case: Case, rule: Rule, verdict: Verdict) -> Decision:
    decision = _strictly(case, rule, verdict)
    if rule.mode == "warn" and decision.action != ALLOW:
        lenient = Decision(ALLOW, f"{rule} only warns", rule)
        lenient.warnings = [f"{decision.why}: {rule} only warns"]
        return lenient
    return decision


def _strictly(case: Case, rule: Rule, verdict: Verdict) -> Decision:
    why = _foreign_program(case, rule)
    if why:
        return Decision(REFUSE, why, rule)
    if rule.allowed & case.digests:
        return Decision(ALLOW, "its digest is allowed", rule)
    if verdict.state == SIGNED and rule.wants_signature:
        return Decision(ALLOW, f"signed by {verdict.signer}", rule, verdict.signer)
    if rule.otherwise == ALLOW:
        return Decision(ALLOW, "the rule allows what is unsigned", rule)
    if rule.otherwise == REFUSE:
        return Decision(REFUSE, _missing(rule, verdict), rule)
    decision = _by_default(case)
    decision.rule = rule
    if rule.wants_signature and decision.action != ALLOW:
        decision.why = _missing(rule, verdict)
    return decision


def _missing(rule: Rule, verdict: Verdict) -> str:
    """Say what a rule asks for and does not get."""
    if rule.wants_signature:
        return verdict.why or verdict.state
    return "its digest is not among those allowed" if rule.allowed else "nothing from there is allowed"


def _foreign_program(case: Case, rule: Rule) -> str:
    """Return which program is of a type, or at a hook, that the rule does not allow; "" for none."""
    for program in case.programs or ():
        if rule.programs is not None and program.word not in rule.programs:
            allowed = ", ".join(sorted(map(said, rule.programs))) or "none"
            return f"program {program.name} is of type {said(program.word) or 'unknown'}, allowed are {allowed}"
        if rule.hooks is not None and not any(_fits(each, program.section) for each in rule.hooks):
            return (
                f"program {program.name} attaches to {program.section}, allowed are {', '.join(rule.hooks) or 'none'}"
            )
    return ""


def said(word: str) -> str:
    """Return a policy's word for a type of programs as people know it."""
    return {"tp": "tracepoint", "raw_tp": "raw_tracepoint"}.get(word, word)


def _fits(pattern: str, text: str) -> bool:
    if pattern in (text, "*"):
        return True
    if "*" not in pattern:
        return False
    from fnmatch import fnmatchcase

    return fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))


def _by_default(case: Case) -> Decision:
    if not case.is_remote:
        return Decision(ALLOW, "it comes with eunomia" if case.place.scheme == "builtin" else "a file of this machine")
    if case.pinned:
        return Decision(ALLOW, "its digest was given")
    if case.remembered:
        return Decision(ALLOW, "allowed before, at a terminal")
    if case.allow_unsigned:
        return Decision(ALLOW, "--allow-unsigned")
    if case.terminal:
        return Decision(ASK, "unsigned, and run for the first time")
    return Decision(REFUSE, "unsigned, and nobody is at a terminal to be asked")
