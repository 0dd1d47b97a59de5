"""What a check found: findings, and the answer to "will it run here"."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["yes", "no", "guarded", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a package needs, and whether the kernel has it.

    Attributes:
        kind: `package`, `program type`, `attach type`, `attach target`, `alternative`, `map type`, `map`, `helper`,
            `kfunc`, `instruction`, `relocation`, `variable`, `kernel symbol`, `configuration`, `capability`, `machine`.
        name: of the thing, as the kernel calls it.
        status: `guarded`: it is missing, and the package's code asks first and does without.
        fatal: a "no" that keeps the package from running; an optional program's is none.
        programs: the programs that need it, none: the whole object.
        where: `file:line` of the source, "" where it has no line info. source: that line.
        since: the first kernel that has it, "" unknown.
        detail: what was found. advice: what to do, "" where there is nothing to do.
    """

    kind: str
    name: str
    status: Status
    fatal: bool = True
    programs: tuple[str, ...] = ()
    where: str = ""
    since: str = ""
    detail: str = ""
    advice: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """What the verifier said of one program.

    Attributes:
        program: its name. accepted: whether it was loaded.
        instructions: how many it processed. states: how many it kept at most (None: not told). stack: bytes by
            subprogram.
        refusal: its last words, "" where it accepted. where: `file:line`. source: that line. registers: their state
            in words.
        mistake: name of a known mistake, "" for others. advice: what to do about it.
        explanation: the kernel's own words for it, "" where it gives none (before Linux 7.3).
    """

    program: str
    accepted: bool
    instructions: int | None = None
    states: int | None = None
    stack: tuple[int, ...] = ()
    refusal: str = ""
    where: str = ""
    source: str = ""
    registers: tuple[str, ...] = ()
    mistake: str = ""
    advice: str = ""
    explanation: str = ""


@dataclass(slots=True)
class Report:
    """The result of a check.

    Attributes:
        package: its name. kernel: the running kernel's release, or the BTF file. live: whether the running kernel
            was asked.
        findings: in the order of the object. verified: with `load`, each program that the verifier was asked about.
        failure: with `load`, the one line of what refused, "" where all was loaded.
    """

    package: str
    kernel: str
    live: bool
    findings: list[Finding] = field(default_factory=list)
    verified: list[Verified] = field(default_factory=list)
    failure: str = ""

    @property
    def runs(self) -> Literal["yes", "no", "unknown"]:
        """Will it run: `no` where what it cannot do without is missing, `unknown` where that cannot be told."""
        fatal = [each.status for each in self.findings if each.fatal]
        if "no" in fatal or self.failure:
            return "no"
        return "unknown" if "unknown" in fatal else "yes"

    @property
    def blocking(self) -> list[Finding]:
        """What keeps it from running."""
        return [each for each in self.findings if each.fatal and each.status == "no"]

    def to_tree(self) -> dict[str, Any]:
        """Return it as plain data, as `ecli check --json` prints it (docs/reference/check.md)."""
        return {
            "package": self.package,
            "kernel": self.kernel,
            "live": self.live,
            "runs": self.runs,
            "findings": [asdict(each) for each in self.findings],
            "verified": [asdict(each) for each in self.verified],
            "failure": self.failure,
        }
