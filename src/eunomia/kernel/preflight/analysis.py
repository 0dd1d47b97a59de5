"""What an object needs, item by item, against one kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eunomia._native import ffi, lib
from eunomia.btf.types import DATASEC, FUNC, VAR, VOID
from eunomia.kernel.preflight import machine, tables, where
from eunomia.kernel.preflight.code import Code
from eunomia.kernel.preflight.reach import Explorer
from eunomia.kernel.preflight.relocate import QUESTIONS, Resolver, essential
from eunomia.kernel.preflight.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.kernel.preflight.code import Function, Unit
    from eunomia.kernel.preflight.reach import Place, Reached
    from eunomia.kernel.preflight.report import Status
    from eunomia.kernel.preflight.target import Target
    from eunomia.package.model import Package

WEAK = 2  # STB_WEAK
TRACING, STRUCT_OPS, EXT, LSM = 26, 27, 28, 29
_BY_TARGET = frozenset((TRACING, EXT, LSM))  # libbpf's probe needs a target: trying the program's own says more
_ASK_BTF = _BY_TARGET | {STRUCT_OPS}
ATTACH_COOKIE = 174
# libbpf calls bpf_probe_read (or _str) instead, where these are missing
_FALLBACK = {112: 4, 113: 4, 114: 45, 115: 45}
_RESTRICTED = {4: "confidentiality", 45: "confidentiality", 112: "", 113: "confidentiality", 115: "confidentiality",
               36: "integrity"}  # fmt: skip


class Analysis:
    """Walks an object once for a kernel."""

    def __init__(self, package: Package, target: Target) -> None:
        self.package = package
        self.target = target
        self.obj = package.types
        self.code = Code(self.obj)
        self._externs = _externs(self)
        self._configuration = machine.externs(self)
        self._resolver = self._make_resolver()
        self._rodata = self._read_only()
        listed = {each["name"]: each for each in package.meta["bpf_skel"].get("progs") or ()}
        loaded = {each.name for each in self.obj.programs if each.autoload}
        self.programs = [each for each in self.code.programs if each.name in loaded]
        self._optional = {name for name, each in listed.items() if each.get("optional") is True}
        self.settings = listed
        self.types = {each.name: section_types(each.section) for each in self.programs}

    def findings(self) -> list[Finding]:
        """Return all findings: the machine, the object's maps and externs, then program by program."""
        found = [*machine.findings(self), *self._maps(), *self._struct_ops(), *self._extern_findings()]
        merged: dict[tuple[str, str, str], Finding] = {}
        for program in self.programs:
            for each in (*self._program(program), *self._code_of(program)):
                key = (each.kind, each.name, each.status)
                before = merged.get(key)
                merged[key] = each if before is None else _merge(before, each)
        return found + list(merged.values())

    def is_fatal(self, program: str) -> bool:
        """Tell whether the package cannot do without a program."""
        return program not in self._optional

    # the object

    def _maps(self) -> Iterator[Finding]:
        numbers: dict[int, list[str]] = {}
        for definition in self.obj.maps.values():
            numbers.setdefault(definition.type, []).append(definition.name)
        if self.obj.data_sections:
            numbers.setdefault(2, []).append("global variables")
        for number, names in numbers.items():
            if not number:
                continue
            status, how = self._ask("map type", number, "map_type", number)
            advice = "" if status != "no" else "use another map type, or a newer kernel"
            yield Finding(
                "map type",
                tables.name_of("map type", number),
                status,
                since=tables.since("map type", number),
                detail=_joined(f"of {', '.join(names)}", how),
                advice=advice,
            )

    def _struct_ops(self) -> Iterator[Finding]:
        """Kinds of struct_ops: the kernel has a struct bpf_struct_ops_NAME for each that it takes."""
        for section in (".struct_ops", ".struct_ops.link"):
            found = self.obj.sections.get(section)
            for variable in found.variables if found is not None and self.obj.btf is not None else ():
                name = self.obj.btf.resolve(variable.type).name if self.obj.btf is not None else ""
                known = self.target.has_struct(f"bpf_struct_ops_{essential(name)}")
                status: Status = "unknown" if known is None else "yes" if known else "no"
                advice = "a kernel that is built with it" if status == "no" else ""
                detail = "" if known else "this kernel takes no such struct_ops"
                yield Finding("map type", f"struct_ops {name}", status, detail=detail, advice=advice)

    def _ask(self, kind: str, number: int, probe: str, *args: object) -> tuple[Status, str]:
        """Return whether the kernel has a number: by trying where that is allowed, else by its BTF."""
        if self.target.may_probe:
            result = self.target.probe(probe, *args)
            if result >= 0:
                return ("yes", "") if result else ("no", f"this kernel refuses it{self._built_without(kind, number)}")
        known = self.target.knows(kind, number)
        if known is None:
            return (
                "unknown",
                "no BTF to look in, and not tried (it needs CAP_BPF)" if self.target.live else "not in its BTF",
            )
        return ("yes", "") if known else ("no", f"this kernel has no {kind} {tables.name_of(kind, number)}")

    def _built_without(self, kind: str, number: int) -> str:
        return ": it was built without it" if self.target.knows(kind, number) else ""

    def _extern_findings(self) -> Iterator[Finding]:
        for name, (kind, weak) in self._externs.items():
            if kind != "symbol" and not weak and kind != "kconfig":
                known = self.target.has_function(name) if kind == "kfunc" else self._has_variable(name)
                yield from self._extern_finding(kind, name, known)
            elif kind == "symbol" and not weak and self.target.symbols and name not in self.target.symbols:
                yield from self._extern_finding("kernel symbol", name, False)

    def _extern_finding(self, kind: str, name: str, known: bool | None) -> Iterator[Finding]:
        status: Status = "unknown" if known is None else "yes" if known else "no"
        detail = "" if known else "no BTF to look in" if known is None else "this kernel has none of that name"
        advice = "declare it __weak and ask bpf_ksym_exists() first" if status == "no" else ""
        yield Finding(
            kind,
            name,
            status,
            since=tables.KFUNCS.get(name, ""),
            detail=detail,
            advice=advice,
            where=self._first_use(name),
        )

    def _has_variable(self, name: str) -> bool | None:
        return self.target.has(VAR, name)

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
        place = self._place(program.unit, program.start)

        def made(
            kind: str, name: str, status: Status, *, since: str = "", detail: str = "", advice: str = ""
        ) -> Finding:
            fatal = self.is_fatal(program.name)
            return Finding(kind, name, status, fatal, (program.name,), place, since, detail, advice)

        if prog_type < 0:
            known = 'give it a section of libbpf\'s list: SEC("tp/…"), SEC("kprobe/…")…'
            yield made("program type", section, "no", detail="libbpf does not know this section", advice=known)
            return
        status, how = self._program_type(prog_type)
        advice = "another kind of program, or a newer kernel" if status == "no" else ""
        since = tables.since("program type", prog_type)
        yield made(
            "program type", tables.name_of("program type", prog_type), status, since=since, detail=how, advice=advice
        )
        if status != "no" and attach_type > 2:
            there = self.target.knows("attach type", attach_type)
            answer: Status = "unknown" if there is None else "yes" if there else "no"
            since = tables.since("attach type", attach_type)
            yield made("attach type", tables.name_of("attach type", attach_type), answer, since=since)
            if there is False:
                return
        found = where.find(self.target, section, prog_type, attach_type)
        found = found or where.find_annotated(self.target, section, self.settings.get(program.name, {}))
        if found is not None:
            yield made("attach target", section, found.status, detail=found.detail, advice=found.advice)

    def _program_type(self, prog_type: int) -> tuple[Status, str]:
        if prog_type in _BY_TARGET:
            known = self.target.knows("program type", prog_type)
            if known is None:
                return "unknown" if not self.target.live else "no", "it needs the kernel's BTF, and there is none"
            return ("yes", "") if known else ("no", "this kernel does not have it")
        return self._ask("program type", prog_type, "prog_type", prog_type)

    def _code_of(self, program: Function) -> Iterator[Finding]:
        explorer = Explorer(self.code, self._patched, self._constant, self._configuration.value)
        reached = explorer.run(program)
        yield from self._helpers(program, reached)
        yield from self._kfuncs(program, reached)
        if self._resolver is not None:
            yield from self._relocations(program, reached, self._resolver)

    def _helpers(self, program: Function, reached: Reached) -> Iterator[Finding]:
        prog_type = self.types[program.name][0]
        for number, place in sorted(reached.helpers.items()):
            status, how, advice = self._helper(prog_type, number)
            yield Finding(
                "helper",
                f"bpf_{tables.name_of('helper', number)}",
                status,
                self.is_fatal(program.name),
                (program.name,),
                self._at(place),
                tables.since("helper", number),
                how,
                advice,
            )

    def _helper(self, prog_type: int, number: int) -> tuple[Status, str, str]:
        known = self.target.knows("helper", number)
        name = tables.name_of("helper", number)
        if known is False or (known is None and self.target.may_probe and prog_type not in _ASK_BTF):
            fallback = _FALLBACK.get(number)
            if fallback and known is False:
                return "yes", f"missing; libbpf calls bpf_{tables.name_of('helper', fallback)} instead", ""
        if known is False:
            return (
                "no",
                "this kernel does not have it",
                f"ask bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_{name}) first",
            )
        if self.target.may_probe and prog_type not in _ASK_BTF:
            result = self.target.probe("helper", prog_type, number)
            if result == 1:
                return "yes", "", ""
            if result == 0:
                return self._refused_helper(prog_type, number)
        restricted = _RESTRICTED.get(number)
        if restricted and self.target.live and self.target.lockdown in (restricted, "confidentiality"):
            return self._refused_helper(prog_type, number)
        return ("unknown", "no BTF to look in", "") if known is None else ("yes", "", "")

    def _refused_helper(self, prog_type: int, number: int) -> tuple[Status, str, str]:
        restricted = _RESTRICTED.get(number)
        if restricted and self.target.lockdown in (restricted, "confidentiality"):
            return "no", f"the kernel is locked down ({self.target.lockdown})", "boot with lockdown=none"
        kind = tables.name_of("program type", prog_type)
        return (
            "no",
            f"programs of type {kind} may not call it here",
            "use a helper for this type, or another type of program",
        )

    def _kfuncs(self, program: Function, reached: Reached) -> Iterator[Finding]:
        for name, place in sorted(reached.externs.items()):
            kind, weak = self._externs.get(name, ("", False))
            if kind != "kfunc":
                continue
            known = self.target.has_function(name)
            called = self.code.units[place[0]].insns[place[1]].code == 0x85
            if not weak and known is not True:
                continue  # told for the whole object
            status: Status = "unknown" if known is None else "yes" if known else "no" if called else "guarded"
            advice = "ask bpf_ksym_exists() first" if status == "no" else ""
            detail = "" if known else "this kernel does not have it"
            yield Finding(
                "kfunc",
                name,
                status,
                self.is_fatal(program.name),
                (program.name,),
                self._at(place),
                tables.KFUNCS.get(name, ""),
                detail,
                advice,
            )

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
                finding = Finding(
                    "relocation",
                    answer.subject,
                    status,
                    self.is_fatal(program.name),
                    (program.name,),
                    self._place(unit, at),
                    "",
                    answer.detail,
                    advice,
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
        for name, offset, data in self.package.settings().writes:
            if name in sections:
                sections[name][1][offset : offset + len(data)] = data
        return {index: bytes(data) for index, data in sections.values()}

    def _make_resolver(self) -> Resolver | None:
        local, target = self.obj.btf, machine.relocation_btf(self)
        if local is None or target is None:
            return None
        elsewhere = frozenset(name for _kind, name in self.target.module_names)
        return Resolver(local, target, elsewhere)

    def extern_kind(self, name: str) -> tuple[str, bool]:
        """Return (kfunc, variable, symbol or kconfig; weak) of an extern of the object."""
        return self._externs.get(name, ("", False))

    @property
    def externs(self) -> dict[str, tuple[str, bool]]:
        """All externs by name."""
        return self._externs

    def _at(self, place: Place) -> str:
        return self._place(self.code.units[place[0]], place[1])

    def _place(self, unit: Unit, at: int) -> str:
        return str(unit.line(at) or "")


def section_types(section: str) -> tuple[int, int]:
    """Return (program type, attach type) that libbpf gives a section, (-1, 0) where it knows none."""
    kind, attach = ffi.new("int *"), ffi.new("int *")
    if lib.eu_section_types(section.removeprefix("?").encode(), kind, attach) < 0:
        return -1, 0
    return int(kind[0]), int(attach[0])


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
    from dataclasses import replace

    programs = (*before.programs, *(name for name in each.programs if name not in before.programs))
    return replace(before, programs=programs, fatal=before.fatal or each.fatal)


def _joined(*parts: str) -> str:
    return ": ".join(part for part in parts if part)
