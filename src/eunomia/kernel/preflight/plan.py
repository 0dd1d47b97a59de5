"""What a run would do with a package: which programs it loads, what they attach to, which stand in for others."""

from __future__ import annotations

from struct import iter_unpack
from typing import TYPE_CHECKING

from eunomia.btf.elf import SHT_REL, STT_FUNC
from eunomia.errors import EunomiaError
from eunomia.kernel.alternatives import find_groups
from eunomia.kernel.object import Object
from eunomia.kernel.tailcalls import places

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from eunomia.kernel.program import Program
    from eunomia.package.model import Package
    from eunomia.package.options import Settings

PROG_ARRAY = 3  # BPF_MAP_TYPE_PROG_ARRAY


class Plan:
    """A package, opened by libbpf and not loaded, with all that was chosen for a run.

    Attributes:
        package: what is planned with.
        settings: values of its variables.
        loaded: names of the programs that are loaded, in libbpf's order.
        attached: targets by the programs that are attached; none: their sections say where.
        groups: programs of which one is enough, the preferred first, by the group's name.
        optional: names of programs that may be missing.
        annotations: what the package says about each program, by its name.
        btf: the file with types to relocate against in place of the kernel's, "" none.
        failure: why a run would not get as far as loading, "" where it does.
    """

    def __init__(
        self,
        package: Package,
        settings: Settings,
        live: Object | None = None,
        targets: Mapping[str, Sequence[str]] | None = None,
        *,
        skip: Iterable[str] = (),
        btf: str = "",
        failure: str = "",
    ) -> None:
        self.package = package
        self.settings = settings
        self.btf = btf
        self.failure = failure
        self._live = live
        listed: list[dict[str, Any]] = package.meta["bpf_skel"].get("progs") or []
        self.annotations = {each["name"]: each for each in listed}
        self.optional = {name for name, each in self.annotations.items() if each.get("optional") is True}
        self.groups: dict[str, list[str]] = {}
        self.attached: dict[str, list[str]] = {}
        if live is None:
            self.loaded = [each.name for each in package.types.programs if each.autoload]
            self.attached = {name: [] for name in self.loaded}
            return
        self.loaded = [name for name, program in live.programs.items() if program.autoload]
        try:
            self.groups = find_groups(live)
            self._choose(live, targets or {}, set(skip))
        except EunomiaError as exc:
            self.failure = self.failure or str(exc)

    def program(self, name: str) -> Program | None:
        """Return an opened program; None where libbpf did not open the object."""
        return self._live.programs.get(name) if self._live is not None else None

    @property
    def map_sizes(self) -> dict[str, int]:
        """Entries of the maps as they will be made, by name."""
        return {} if self._live is None else {name: each.max_entries for name, each in self._live.maps.items()}

    def _choose(self, live: Object, targets: Mapping[str, Sequence[str]], skip: set[str]) -> None:
        names = list(self.annotations) or list(live.programs)
        absent = next((name for name in names if name not in live.programs), None)
        if absent is not None:
            self.failure = f"attach program {absent}: the package lists it, but its object has no such program"
        called = self._tail_called()
        callers = {live.programs[name].type for name in self.loaded if name not in called}
        for name in names:
            program = live.programs.get(name)
            if program is None or name not in self.loaded or name in skip:
                continue
            chosen = [*(targets.get(name) or program.targets)]
            if name in called and not chosen and program.type in callers:
                continue
            self.attached[name] = chosen

    def _tail_called(self) -> set[str]:
        """Return the programs in prog arrays: by annotation, or as the object fills them."""
        found: set[str] = set()
        for each in self.package.meta["bpf_skel"].get("maps") or ():
            if "prog_array" in each:
                found.update(name for _place, name in places(each["prog_array"], each["name"]))
        obj = self.package.types
        arrays = [each for each in obj.maps.values() if each.type == PROG_ARRAY]
        if arrays:
            found |= _named_in_maps(self.package)
        return found & set(self.loaded)


def _named_in_maps(package: Package) -> set[str]:
    """Return the functions that the definitions of maps point to: `.values = {[1] = (void *)&called}`."""
    elf = package.types.elf
    found = set()
    for section in elf.sections:
        if section.type == SHT_REL and section.info < len(elf.sections) and elf.sections[section.info].name == ".maps":
            for _offset, info in iter_unpack("<QQ", section.data[: len(section.data) // 16 * 16]):
                if info >> 32 < len(elf.symbols) and elf.symbols[info >> 32].type == STT_FUNC:
                    found.add(elf.symbols[info >> 32].name)
    return found


def open_plan(
    package: Package,
    values: Mapping[str, Any] | None = None,
    targets: Mapping[str, Sequence[str]] | Sequence[str] | None = None,
    *,
    enable: Iterable[str] = (),
    skip: Iterable[str] = (),
    btf: str | None = None,
) -> tuple[Plan, Object | None]:
    """Plan a run; the object, which the caller closes, is None where libbpf does not open it.

    Raises:
        OptionError: a value is none.
        KeyError: no such program.
    """
    settings = package.settings(values)
    try:
        live = Object.open(package, btf=btf, kconfig=settings.kconfig)
    except (EunomiaError, OSError) as exc:
        return Plan(package, settings, failure=str(exc), btf=btf or ""), None
    for names, on in ((skip, False), (enable, True)):
        for name in names:
            live.programs[name].autoload = on
    try:
        chosen = targets_by_program(live, targets)
    except OSError as exc:
        return Plan(package, settings, live, failure=str(exc), btf=btf or ""), live
    return Plan(package, settings, live, chosen, skip=skip, btf=btf or ""), live


def targets_by_program(
    live: Object, targets: Mapping[str, Sequence[str]] | Sequence[str] | None
) -> dict[str, list[str]]:
    """Return targets by program; of a plain list each goes to all programs that take its kind, as with `--attach`."""
    if targets is None or not isinstance(targets, (list, tuple)):
        return {name: list(each) for name, each in (targets or {}).items()}  # type: ignore[union-attr]  # a mapping
    found: dict[str, list[str]] = {}
    for text in targets:
        kind = text.partition(":")[0]
        takers = [name for name, each in live.programs.items() if each.autoload and each.takes(kind)]
        if not takers:
            raise OSError(22, f"no program of the package can be attached to {text}")
        for name in takers:
            found.setdefault(name, []).append(text)
    return found
