"""A live BPF object: opened from a package, loaded into the kernel, attached; closed, nothing of it stays behind."""

from __future__ import annotations

from os import close as close_file
from os import environ, fsencode

from eunomia._native import check, error, ffi, lib, text
from eunomia.kernel.program import Link, Program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Any, Self

    from eunomia.events.account import Account  # sanctioned, as the call in Object.account
    from eunomia.events.stream import EventStream  # sanctioned, as the call in Object.events
    from eunomia.kernel.map import Map
    from eunomia.kernel.pins import Pinned
    from eunomia.package.model import Package

KERNEL_BTF = "/sys/kernel/btf/vmlinux"
PERF_EVENT_ARRAY = 4  # BPF_MAP_TYPE_PERF_EVENT_ARRAY
PROG_ARRAY = 3  # BPF_MAP_TYPE_PROG_ARRAY
# Families of sections that do the same in two ways, the better one first.
ALTERNATIVES = (
    ("fentry", "kprobe"),
    ("fexit", "kretprobe"),
    ("tp_btf", "raw_tp"),
    ("tp_btf", "raw_tracepoint"),
)
COUNTERS = ".data.eunomia"  # ours, not the tool's: docs/reference/accounting.md
DEFAULT_PERF_PAGES = 64


class Object:
    """An opened BPF object and what the kernel holds of it.

    Not thread-safe: one thread at a time opens, loads, attaches and closes. Maps of a loaded object may be used by any.

    Attributes:
        package: what it was opened from.
        programs: by name.
        maps: by libbpf's name, made on first use.
        skipped: optional programs that could not be loaded or attached, and why, by name.
        dormant: programs that are attached and that this kernel never runs, and why, by name.
        passed_over: programs in whose place another of their group runs, and why, by name.
        pinned: what `pin` has pinned, None where it has not.
    """

    __slots__ = (
        "_bound",
        "_btf",
        "_btf_file",
        "_groups",
        "_handle",
        "_kconfig",
        "_keep",
        "_maps",
        "_no_rings",
        "_pages",
        "_plain",
        "_sizes",
        "_verifier_log",
        "_writes",
        "dormant",
        "loaded",
        "package",
        "passed_over",
        "pinned",
        "programs",
        "skipped",
    )

    def __init__(self, package: Package, btf: str | None, kconfig: str, plain_btf: bool, verifier_log: int = 0) -> None:
        self.package = package
        self._btf = btf
        self._btf_file = -1
        self._kconfig = kconfig
        self._plain = plain_btf
        self._verifier_log = verifier_log
        self._no_rings = False
        self._maps: dict[str, Map] | None = None
        self._writes: list[tuple[str, int, bytes]] = []
        self._bound: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._pages: dict[str, int] = {}
        self._handle: Any = ffi.NULL
        self._keep: Any = None
        self.loaded = False
        self.skipped: dict[str, str] = {}
        self.passed_over: dict[str, str] = {}
        self.dormant: dict[str, str] = {}
        self._groups: dict[str, list[str]] | None = None
        self.programs: dict[str, Program] = {}
        self.pinned: Pinned | None = None

    @classmethod
    def open(
        cls,
        package: Package,
        *,
        btf: str | None = None,
        kconfig: str = "",
        plain_btf: bool = False,
        verifier_log: int = 0,
    ) -> Object:
        """Open a package's object; nothing is asked of the kernel yet.

        Args:
            package: the package; of several architectures' objects this machine's is taken.
            btf: file with the types to relocate against (raw BTF, a kernel image or its .deb); default: $BTF_FILE_PATH,
                else the running kernel's, else the package's archive.
            kconfig: `CONFIG_X=value` lines for `extern … __kconfig` variables, before the kernel's configuration.
            plain_btf: let libbpf read the whole kernel BTF (slower; to compare).
            verifier_log: log level to ask the verifier for, even where it accepts: 1 states, 4 statistics.

        Raises:
            LoadError: libbpf does not understand the object.
            OSError: the BTF file cannot be read.
        """
        opened = cls(package.here(), btf or environ.get("BTF_FILE_PATH") or None, kconfig, plain_btf, verifier_log)
        opened._open()
        return opened

    def _open(self) -> None:
        path = self._btf
        if path or self.package.btf_archive:
            path = self._other_btf(path)
        name = ffi.new("char[]", self.package.name.encode())
        kconfig = ffi.new("char[]", self._kconfig.encode()) if self._kconfig else ffi.NULL
        btf = ffi.new("char[]", path.encode()) if path else ffi.NULL
        options = ffi.new(
            "struct eu_open_options *", [name, btf, kconfig, self._plain, self._no_rings, self._verifier_log]
        )
        self._keep = (name, kconfig, btf)
        self._handle = lib.eu_open(ffi.from_buffer(self.package.object), len(self.package.object), options)
        if not self._handle:
            from eunomia.kernel.failure import open_failure

            self.close()
            raise open_failure(self.package)
        found = (Program(self, index) for index in range(lib.eu_prog_count(self._handle)))
        self.programs = Named("program", ((program.name, program) for program in found))

    def _other_btf(self, path: str | None) -> str | None:
        """Return a file of types other than the kernel's own: the user's, else of the archive; None: neither."""
        from eunomia.kernel.archive import archived_btf, chosen_btf, in_memory

        btf = chosen_btf(path) if path else archived_btf(self.package)
        if btf is None:
            return path
        if self._btf_file < 0:
            self._btf_file = in_memory(btf)  # libbpf reads it when the object loads
        return f"/proc/self/fd/{self._btf_file}"

    def write(self, section: str, offset: int, data: bytes) -> None:
        """Write bytes of a global variable's initial value; before load.

        Args:
            section: of the object, as in `.rodata`.
            offset: within it, in bytes.
            data: little-endian, as C has it.

        Raises:
            ValueError: closed or loaded already.
            OSError: there is no such section, or the bytes are outside of it.
        """
        self._before_load()
        self._write(section, offset, data)
        self._writes.append((section, offset, data))

    def _write(self, section: str, offset: int, data: bytes) -> None:
        info = ffi.new("struct eu_map_info *")
        for index in range(lib.eu_map_count(self._handle)):
            lib.eu_map_get(self._handle, index, info)
            if info.section and text(info.section) == section:
                if lib.eu_map_write_initial(self._handle, index, offset, data, len(data)) < 0:
                    raise error(f"write section {section}")
                return
        raise OSError(2, f"write section {section}: the object has no such section")

    def load(self) -> None:
        """Load programs and maps into the kernel.

        Optional programs that it refuses are left out and named in `skipped`, those of which there are others in
        `passed_over`. Prog arrays are filled as `@prog_array` says.

        Raises:
            VerifierError: the verifier refused a program.
            UnsupportedError: this kernel lacks something that the object needs.
            PermissionError: privileges are missing.
            LoadError: any other refusal.
        """
        self.package.for_arch()  # raises where the package was made for other architectures
        self._before_load()
        for program in self.programs.values():
            if program.name not in self._bound and program.attaches_to_program:
                self.bind(program, program.targets[0])
        while lib.eu_load(self._handle) < 0:
            from eunomia.kernel.failure import culprit, lacks_rings, load_failure, ring_failure

            failure = (ring_failure(self) if self._no_rings else None) or load_failure(self)
            if not self._no_rings and lacks_rings(self):
                self._no_rings = True
                self._reopen()
                continue
            name = culprit(self)
            if name is None or name in self.skipped or name in self.passed_over:
                raise failure
            if self._others(name):
                self.passed_over[name] = str(failure)
            elif self.programs[name].optional:
                self.skipped[name] = str(failure)
            else:
                raise failure
            self._reopen()
        self.loaded = True
        arrays = [each for each in self.package.meta["bpf_skel"].get("maps") or () if "prog_array" in each]
        if arrays:
            from eunomia.kernel.tailcalls import fill

            fill(self, arrays)

    @property
    def groups(self) -> dict[str, list[str]]:
        """Programs of which one is enough, the preferred first, by the group's name."""
        if self._groups is None and _may_have_alternatives(self):
            from eunomia.kernel.alternatives import find_groups

            self._groups = find_groups(self)
        self._groups = self._groups or {}
        return self._groups

    def group_of(self, name: str) -> str | None:
        """Return the group of alternatives that a program is in."""
        return next((group for group, members in self.groups.items() if name in members), None)

    def _others(self, name: str) -> list[str]:
        """Return the programs that may still run in a program's place."""
        group = self.group_of(name)
        gone = {name, *self.skipped, *self.passed_over}
        return (
            [each for each in self.groups[group] if each not in gone and self.programs[each].autoload] if group else []
        )

    def _reopen(self) -> None:
        """Begin again without the programs in `skipped`: libbpf loads an object whole or not at all."""
        gone = {*self.skipped, *self.passed_over}
        wanted = {name: program.autoload and name not in gone for name, program in self.programs.items()}
        lib.eu_close(self._handle)
        self._maps = None
        self._open()
        for write in self._writes:
            self._write(*write)
        for name, entries in self._sizes.items():
            if not (self._no_rings and self.maps[name].type == PERF_EVENT_ARRAY):  # bytes of a ring that is none now
                self.maps[name].resize(entries)
        for name, pages in self._pages.items():
            self.maps[name].set_perf_pages(pages)
        for name, target in self._bound.items():
            self._bind(name, target)
        for name, on in wanted.items():
            self.programs[name].autoload = on

    def bind(self, program: Program, target: str) -> None:
        """Name the program that another one attaches to; `Program.set_target` calls it."""
        self._before_load()
        self._bind(program.name, target)
        self._bound[program.name] = target

    def _bind(self, name: str, target: str) -> None:
        index = list(self.programs).index(name)
        check(lib.eu_prog_bind(self._handle, index, fsencode(target)), f"program {name}")

    def attach(
        self, *, skip: Collection[str] = (), targets: Mapping[str, str | Sequence[str]] | None = None
    ) -> list[Link]:
        """Attach the programs that the package lists (all, where it lists none), in its order.

        Args:
            skip: names of programs that are not attached.
            targets: what programs attach to, by their names, in place of what their sections and annotations say: one
                target or several each.

        Returns:
            The links, which the object owns: they end when it is closed.

        Raises:
            ValueError: targets name a program that the object does not have, or none for one; nothing is attached.
            TypeError: targets are not by program.
            AttachError: a program did not attach; those attached before it are detached again. Optional programs are
                passed over and named in `skipped`.
        """
        self.handle()
        chosen: Mapping[str, Sequence[str]] = {}
        if targets is not None:
            from eunomia.kernel.settings import targets_by_program

            chosen = targets_by_program(targets, self.programs)
        listed = self.package.meta["bpf_skel"].get("progs") or []
        names = [entry["name"] for entry in listed] or list(self.programs)
        if self.groups or _has_prog_array(self):
            from eunomia.kernel.alternatives import in_order

            names = in_order(self, names, chosen)
        links: list[Link] = []
        for name in names:
            program = self.programs.get(name)
            if program is None:
                from eunomia.errors import AttachError

                raise AttachError(f"attach program {name}: the package lists it, but its object has no such program")
            if name in skip or name in self.skipped or name in self.passed_over or not program.autoload:
                continue
            try:
                for target in chosen.get(name, (None,)):
                    links.append(program.attach(target))
            except OSError as exc:
                rest = [each for each in names if each not in skip and self.programs[each].autoload]
                self._left_out(program, exc, len(rest) > 1 and program.section[:10] != "struct_ops")
                continue
            for other in self._others(name):
                self.passed_over[other] = f"{name} runs in its place"
            if program.section[:3] == "lsm":
                self._look_at_lsm(name)
        return links

    def _look_at_lsm(self, name: str) -> None:
        """Note that a program of a security hook is attached, and that the kernel does not call such programs."""
        room = ffi.new("char[]", 1024)
        if lib.eu_probe_security(b"lsm", room, 1024) > 0 and "bpf" not in (active := text(room).strip()).split(","):
            self.dormant[name] = f'"bpf" is not among the security modules of this kernel [boot with lsm={active},bpf]'

    def _left_out(self, program: Program, exc: OSError, several: bool) -> None:
        """Note that a program does not attach, or end the attaching where the tool is nothing without it."""
        program.detach()
        cause = exc.strerror or str(exc)
        if self._others(program.name):
            self.passed_over[program.name] = cause
        elif program.optional:
            self.skipped[program.name] = cause
        else:
            self.detach()
            from eunomia.kernel.failure import attach_failure

            raise attach_failure(exc, program.name, several) from exc

    def target_kinds(self) -> set[str]:
        """Return the kinds of targets that its programs take, as in `iface`; {} where sections say everything."""
        kinds: list[str] = []
        while name := lib.eu_target_kind_name(len(kinds)):
            kinds.append(text(name))
        return {kind for kind in kinds if any(program.takes(kind) for program in self.programs.values())}

    def detach(self, *, wait: bool = False) -> None:
        """Detach all programs; maps and their contents stay.

        Args:
            wait: until programs that still run have ended (tens of milliseconds): what is read afterwards is all there
                is, and `account` balances without anything pending. Programs that can sleep are not waited for.
        """
        for program in self.programs.values():
            program.detach()
        if wait:
            check(lib.eu_programs_wait(0), "wait for programs")

    def pin(self, folder: str) -> Pinned:
        """Pin maps, programs and links below a folder of bpffs: all stays, attached too, when the object is closed.

        Args:
            folder: is made; below it `maps`, `programs` and `links`, with dots in names as `_`.

        Returns:
            How many pins there are, and which programs' attachments cannot be pinned: they end with the object.

        Raises:
            FileExistsError: there is something already.
            OSError: the folder is not to be on a BPF file system, or the kernel refuses.
        """
        from eunomia.kernel.pins import pin_object

        self.pinned = pin_object(self, folder)
        return self.pinned

    def unpin(self) -> None:
        """Remove the pins that `pin` made; what is attached ends with the object again, or now where that is closed.

        Raises:
            OSError: they cannot be removed.
        """
        if self.pinned is not None:
            from eunomia.kernel.pins import mark_links, remove_tree

            remove_tree(self.pinned.folder)
            if self._handle:
                mark_links(self, False)
            self.pinned = None

    @property
    def maps(self) -> dict[str, Map]:
        """The maps by libbpf's name."""
        if self._maps is None:
            from eunomia.kernel.map import Map

            found = (Map(self, index) for index in range(lib.eu_map_count(self.handle())))
            self._maps = Named("map", ((each.name, each) for each in found if each.section != COUNTERS))
        return self._maps

    def events(self, name: str | None = None, **keywords: Any) -> EventStream:
        """Iterate the events of a ring or perf buffer as typed values; see `eunomia.events`.

        Args:
            name: of the map; may be left out where there is one event source only.
        """
        from eunomia.events.stream import events  # sanctioned upward import: convenience of the public API

        return events(self, name, **keywords)

    def account(self) -> dict[str, Account]:
        """Return what became of the records of each map since the object was loaded: all its readers, closed ones too.

        It may be read while events flow, from any thread: a record that was produced and not read yet is `pending`.

        Returns:
            By map: event sources, maps that were sampled, and maps whose updates are counted (what found no room).

        Raises:
            OSError: the object is not loaded.
        """
        from eunomia.events.account import object_accounts  # sanctioned upward import: convenience of the public API

        return object_accounts(self)

    @property
    def used_minimal_btf(self) -> bool:
        """Whether it was relocated against minimal BTF made in memory."""
        return bool(lib.eu_used_minimal_btf(self.handle()))

    @property
    def rings_replaced(self) -> bool:
        """Whether its ring buffers were made perf buffers, because this kernel has none."""
        return self._no_rings

    def handle(self) -> Any:
        """Return the C object; for the rooms above this one.

        Raises:
            ValueError: closed.
        """
        if not self._handle:
            raise ValueError(f"object {self.package.name} is closed")
        return self._handle

    def close(self) -> None:
        """Detach, unload and free; the second call does nothing."""
        handle, self._handle = self._handle, ffi.NULL
        if handle:
            lib.eu_close(handle)
        btf, self._btf_file = self._btf_file, -1
        if btf >= 0:
            close_file(btf)

    def remember_size(self, name: str, entries: int) -> None:
        """Note a map's changed size, for a second try at loading; Map calls it."""
        self._sizes[name] = entries

    def remember_perf_pages(self, name: str, pages: int) -> None:
        """Note the size of a perf buffer, for a second try at loading; Map calls it."""
        self._pages[name] = pages

    def perf_pages(self, name: str) -> int:
        """Return the pages for each CPU that a reader of a perf buffer has; Map asks for it."""
        return self._pages.get(name, DEFAULT_PERF_PAGES)

    def _before_load(self) -> None:
        self.handle()
        if self.loaded:
            raise ValueError(f"object {self.package.name} is loaded already")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if not self._handle else "loaded" if self.loaded else "opened"
        return f"<Object {self.package.name} {state}>"


def _may_have_alternatives(live: Object) -> bool:
    """Tell whether looking for groups is worth it; most packages have none."""
    sections = [program.section.partition("/")[0].removesuffix(".s") for program in live.programs.values()]
    return (
        any(new in sections and old in sections for new, old in ALTERNATIVES)
        or any("alternative" in each for each in live.package.meta["bpf_skel"].get("progs") or ())
    )  # fmt: skip


def _has_prog_array(live: Object) -> bool:
    info = ffi.new("struct eu_map_info *")
    for index in range(lib.eu_map_count(live.handle())):
        lib.eu_map_get(live.handle(), index, info)
        if info.type == PROG_ARRAY:
            return True
    return False


class Named(dict[str, "Any"]):
    """Maps or programs by name; a KeyError says which there are."""

    def __init__(self, what: str, pairs: Iterable[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self._what = what

    def __missing__(self, name: object) -> Any:
        raise KeyError(f"no {self._what} {name} (there are {', '.join(self)})")
