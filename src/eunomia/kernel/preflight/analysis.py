"""What an object needs, item by item, against one kernel."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from eunomia._native import ffi, lib
from eunomia.btf.types import DATASEC, FUNC, VAR, VOID
from eunomia.kernel.preflight import calls, instructions, machine, maps, tables, where
from eunomia.kernel.preflight.code import Code
from eunomia.kernel.preflight.found import Found
from eunomia.kernel.preflight.reach import Explorer
from eunomia.kernel.preflight.relocate import QUESTIONS, Resolver
from eunomia.kernel.preflight.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from eunomia.kernel.preflight.code import Function, Unit
    from eunomia.kernel.preflight.plan import Plan
    from eunomia.kernel.preflight.reach import Place, Reached
    from eunomia.kernel.preflight.report import Status
    from eunomia.kernel.preflight.target import Target

WEAK = 2  # STB_WEAK
# Attach types that libbpf leaves out, or kernels before them ignore: xdp, sk_reuseport, perf_event.
LEFT_OUT = frozenset((37, 39, 40, 41))
KALLSYMS_LOOKUP_NAME = 179  # came with spills of less than 8 bytes that the verifier follows (5.16)
ONE_BY_ONE = frozenset(
    (42, 48)
)  # BPF_TRACE_KPROBE_MULTI, BPF_TRACE_UPROBE_MULTI: one probe each instead (attach_many.c)


class Analysis:
    """Walks an object once for a kernel.

    Attributes:
        plan: what a run would do. target: the kernel. obj, code: the object's types and instructions.
        programs: those that are loaded. types: (program type, attach type) of each by name.
        externs: (kfunc, variable, symbol or kconfig; weak) by name.
    """

    def __init__(self, plan: Plan, target: Target) -> None:
        self.plan = plan
        self.package = plan.package
        self.target = target
        self.obj = plan.package.types
        self.code = Code(self.obj)
        self.externs = _externs(self)
        self._configuration = machine.externs(self)
        self._resolver = self._make_resolver()
        self._rodata = self._read_only()
        loaded = set(plan.loaded)
        self.programs = [each for each in self.code.programs if each.name in loaded]
        self.types = {each.name: section_types(each.section) for each in self.programs}
        self._needed: set[str] | None = None

    def findings(self) -> list[Finding]:
        """Return all findings: the machine, the object's maps and externs, then program by program."""
        own = {each.name: [*self._program(each), *self._code_of(each)] for each in self.programs}
        chosen = list(self._alternatives(own))
        found = [*self._whole(), *maps.findings(self), *self._extern_findings(), *chosen]
        merged: dict[tuple[str, str, str], Finding] = {}
        for name, mine in own.items():
            for each in mine:
                finding = each if self.is_fatal(name) else replace(each, fatal=False)
                key = (each.kind, each.name, each.status)
                before = merged.get(key)
                merged[key] = finding if before is None else _merge(before, finding)
        return [*machine.findings(self), *found, *merged.values()]

    def is_fatal(self, program: str) -> bool:
        """Tell whether the package cannot do without a program: it is not optional, and no other runs in its place."""
        return program not in self.plan.optional and (self._needed is None or program in self._needed)

    def _whole(self) -> Iterator[Finding]:
        if self.plan.failure:
            yield Finding("package", self.package.name, "no", detail=self.plan.failure)

    def _alternatives(self, own: dict[str, list[Finding]]) -> Iterator[Finding]:
        """Of each group find the program that will run; the others' findings do not matter then."""
        answers = {name: _answer(mine) for name, mine in own.items()}
        needed = set(own)
        for group, members in self.plan.groups.items():
            there = [name for name in members if name in answers]
            runs = next((name for name in there if answers[name] == "yes"), None)
            hopes = [name for name in there if answers[name] == "unknown"]
            if not there:
                continue
            if runs is not None or hopes:
                needed -= set(there) - set(() if runs else hopes[:1])
            yield _alternative(self, group, there, runs, hopes)
        self._needed = needed

    def ask(self, kind: str, number: int, probe: str, *args: object) -> tuple[Status, str]:
        """Return whether the kernel has a number: by trying where that is allowed, else by its BTF."""
        known = self.target.knows(kind, number)
        if self.target.may_probe:
            result = self.target.probe(probe, *args)
            if result >= 0:
                return (
                    ("yes", "")
                    if result
                    else ("no", f"this kernel {'was built without it' if known else 'does not have it'}")
                )
        if known is None:
            why = "no BTF to look in, and not tried (it needs CAP_BPF)" if self.target.live else "not in its BTF"
            return "unknown", why
        return ("yes", "") if known else ("no", f"this kernel has no {kind} {tables.name_of(kind, number)}")

    # externs

    def _extern_findings(self) -> Iterator[Finding]:
        for name, (kind, weak) in self.externs.items():
            if weak or kind == "kconfig":
                continue
            if kind == "symbol":
                if self.target.symbols and name not in self.target.symbols:
                    yield self._extern_finding("kernel symbol", name, False)
                continue
            known = self.target.has_function(name) if kind == "kfunc" else self.target.has(VAR, name)
            if known and kind == "variable" and self.target.symbols and name not in self.target.symbols:
                known = False  # its BTF names it, but it has no address
            yield self._extern_finding(kind, name, known)

    def _extern_finding(self, kind: str, name: str, known: bool | None) -> Finding:
        status: Status = "unknown" if known is None else "yes" if known else "no"
        detail = "" if known else "no BTF to look in" if known is None else "this kernel has none of that name"
        advice = "declare it __weak and ask bpf_ksym_exists() first" if status == "no" else ""
        since = tables.KFUNCS.get(name, "")
        return Finding(kind, name, status, True, (), self._first_use(name), since, detail, advice)

    def _first_use(self, name: str) -> str:
        for unit in self.code.units.values():
            for at, symbol in sorted(unit.relocations.items()):
                if symbol.name == name:
                    return str(unit.line(at) or "")
        return ""

    # one program

    def _program(self, program: Function) -> Iterator[Finding]:
        prog_type, attach_type = self.types[program.name]
        section = program.section.removeprefix("?")
        place = (program.unit.section.index, program.start)

        def made(kind: str, name: str, how: Found) -> Finding:
            said = (how.since, how.detail, how.advice)
            return self.finding(kind, name, how.status, program.name, place, *said)

        if prog_type < 0:
            known = 'give it a section of libbpf\'s list: SEC("tp/…"), SEC("kprobe/…")…'
            yield made("program type", section, Found("no", "libbpf does not know this section", known))
            return
        answer: Status = "yes"
        status, how = self._program_type(prog_type)
        advice = "another kind of program, or a newer kernel" if status == "no" else ""
        since = tables.since("program type", prog_type)
        yield made("program type", tables.name_of("program type", prog_type), Found(status, how, advice, since))
        if status == "no":
            return
        if attach_type > 2 and attach_type not in LEFT_OUT:
            there = self.target.knows("attach type", attach_type)
            answer = "unknown" if there is None else "yes" if there else "no"
            since = tables.since("attach type", attach_type)
            how = "" if there else "no BTF to look in" if there is None else "this kernel does not have it"
            if there is False and attach_type in ONE_BY_ONE:
                answer, how = "guarded", "this kernel does not have it: each function gets a probe of its own"
            yield made("attach type", tables.name_of("attach type", attach_type), Found(answer, how, "", since))
            if answer == "no":
                return
        refused = "" if answer == "guarded" else self._tried(program.name, section)
        if refused:
            yield made(
                "program type", family_of(section), Found("no", refused, "another kind of program, or a newer kernel")
            )
            return
        for name, found in where.judge(self, program, section):
            yield made("attach target", name, found)

    def _program_type(self, prog_type: int) -> tuple[Status, str]:
        if prog_type in calls.BY_TARGET:
            known = self.target.knows("program type", prog_type)
            if known is None:
                return "unknown" if not self.target.live else "no", "it needs the kernel's BTF, and there is none"
            return ("yes", "") if known else ("no", "this kernel does not have it")
        return self.ask("program type", prog_type, "prog_type", prog_type)

    def _tried(self, program: str, section: str) -> str:
        """Load an empty program with this one's attach type and flags; return why the kernel refuses it."""
        kind, attach = self.types[program]
        if not self.target.may_probe or kind in calls.BY_TARGET or kind == calls.STRUCT_OPS:
            return ""
        number = -self.target.probe("load", kind, attach, 0, where.flags_of(section))
        if number in (0, 1, 13):
            return ""
        words = "it does not know it" if number in (22, 524, 95) else os.strerror(number).lower()
        return f"this kernel refuses an empty {family_of(section)} program: {words}"

    def attach_id(self, program: str) -> tuple[int, int, int, int] | None:
        """Return (program type, attach type, BTF id, flags) to load a program like this one; None: there is no such."""
        kind, attach = self.types[program]
        section = next(each.section for each in self.programs if each.name == program).removeprefix("?")
        if kind not in calls.BY_TARGET:
            return (kind, attach, 0, where.flags_of(section)) if kind != calls.STRUCT_OPS else None
        number, flags = where.type_of(self.target, section)
        return (kind, attach, number, flags) if number else None

    def _code_of(self, program: Function) -> Iterator[Finding]:
        explorer = Explorer(
            self.code,
            self._patched,
            self._constant,
            self._configuration.value,
            small_spills=self.target.knows("helper", KALLSYMS_LOOKUP_NAME) is not False,
        )
        reached = explorer.run(program)
        yield from calls.findings(self, program, reached)
        yield from instructions.findings(self, program.name, reached)
        if self._resolver is not None:
            yield from self._relocations(program, reached, self._resolver)

    def _relocations(self, program: Function, reached: Reached, resolver: Resolver) -> Iterator[Finding]:
        told: dict[tuple[str, str], Finding] = {}
        for index, unit in self.code.units.items():
            for at, record in unit.core.items():
                mine = index == program.unit.section.index and program.start <= at < program.start + program.size
                runs = (index, at) in reached.places or not reached.complete
                if not runs and not mine:
                    continue
                answer = resolver.answer(record)
                asked = record.kind in QUESTIONS
                status: Status = "yes" if answer.found else "unknown" if answer.found is None else "no"
                if answer.found is False and (asked or not runs):
                    status = "guarded"
                advice = ""
                if status == "no":
                    advice = (
                        "ask bpf_core_field_exists() (type, enum value) first, or read the other "
                        "kernel's field by a ___flavour"
                    )
                finding = self.finding(
                    "relocation", answer.subject, status, program.name, (index, at), "", answer.detail, advice
                )
                told.setdefault((finding.name, finding.status), finding)
        names_missing = {name for name, status in told if status == "no"}
        yield from (each for (name, status), each in told.items() if status != "guarded" or name not in names_missing)

    # what the explorer asks

    def _patched(self, unit: Unit, at: int) -> tuple[bool, int | None]:
        record = unit.core.get(at)
        if record is None:
            return False, None
        return True, self._resolver.answer(record).value if self._resolver is not None else None

    def _constant(self, section: int, offset: int, size: int) -> int | None:
        data = self._rodata.get(section)
        if data is None or not 0 <= offset <= len(data) - size:
            return None
        return int.from_bytes(data[offset : offset + size], "little")

    def _read_only(self) -> dict[int, bytes]:
        sections = {each.name: (each.index, bytearray(each.data)) for each in self.obj.data_sections
                    if each.name.startswith(".rodata")}  # fmt: skip
        for name, offset, data in self.plan.settings.writes:
            if name in sections:
                sections[name][1][offset : offset + len(data)] = data
        return {index: bytes(data) for index, data in sections.values()}

    def _make_resolver(self) -> Resolver | None:
        local, target = self.obj.btf, machine.relocation_btf(self)
        if local is None or target is None:
            return None
        elsewhere = frozenset(name for _kind, name in self.target.module_names)
        return Resolver(local, target, elsewhere)

    def finding(self, kind: str, name: str, status: Status, program: str, place: Place, *said: str) -> Finding:
        """Return a finding at an instruction of a program; said: since, detail and advice."""
        line = self.code.units[place[0]].line(place[1])
        since, detail, advice = (*said, "", "", "")[:3]
        source = line.text if line is not None else ""
        return Finding(kind, name, status, True, (program,), str(line or ""), since, detail, advice, source)


def section_types(section: str) -> tuple[int, int]:
    """Return (program type, attach type) that libbpf gives a section, (-1, 0) where it knows none."""
    kind, attach = ffi.new("int *"), ffi.new("int *")
    if lib.eu_section_types(section.removeprefix("?").encode(), kind, attach) < 0:
        return -1, 0
    return int(kind[0]), int(attach[0])


def family_of(section: str) -> str:
    """Return what stands before the slash: `uprobe.s` of `uprobe.s/libc.so.6:malloc`."""
    return section.partition("/")[0]


def _externs(analysis: Analysis) -> dict[str, tuple[str, bool]]:
    """Externs of the object: what each is, and whether it is weak."""
    btf = analysis.obj.btf
    if btf is None:
        return {}
    weak = {each.name for each in analysis.obj.elf.symbols if each.section == 0 and each.binding == WEAK}
    found: dict[str, tuple[str, bool]] = {}
    for section in btf.of_kind(DATASEC):
        if section.name not in (".ksyms", ".kconfig"):
            continue
        for type_id, _offset, _size in section.variables:
            each = btf.type(type_id)
            kind = "kconfig" if section.name == ".kconfig" else "kfunc" if each.kind == FUNC else "variable"
            if kind == "variable" and btf.resolve(each.ref).kind == VOID:
                kind = "symbol"
            found[each.name] = (kind, each.name in weak)
    return found


def _merge(before: Finding, each: Finding) -> Finding:
    programs = (*before.programs, *(name for name in each.programs if name not in before.programs))
    return replace(before, programs=programs, fatal=before.fatal or each.fatal)


def _answer(findings: Iterable[Finding]) -> Status:
    """Return whether a program runs, by its findings."""
    found = {each.status for each in findings}
    return "no" if "no" in found else "unknown" if "unknown" in found else "yes"


def _alternative(analysis: Analysis, group: str, members: list[str], runs: str | None, hopes: list[str]) -> Finding:
    sections = {each.name: each.section.removeprefix("?") for each in analysis.programs}
    told = ", ".join(f"{name} ({sections[name]})" for name in members)
    if runs is not None:
        detail = f"{runs} ({sections[runs]}) runs, of {told}"
        return Finding("alternative", group, "yes", True, tuple(members), detail=detail)
    if hopes:
        detail = f"of {told} none is known to run; it cannot be told of {', '.join(hopes)}"
        return Finding("alternative", group, "unknown", True, tuple(members), detail=detail)
    detail = f"none of {told} can run"
    return Finding("alternative", group, "no", True, tuple(members), detail=detail)
