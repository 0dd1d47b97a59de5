"""The programs of an object, and their links to what they are attached to."""

from __future__ import annotations

import os

from eunomia._native import check, error, ffi, lib, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import FileIO
    from typing import Any, Protocol, Self

    from eunomia.kernel.object import Object
    from eunomia.kernel.testrun import TestRun

    class HasFileno(Protocol):
        """A socket, or anything else with a descriptor."""

        def fileno(self) -> int:
            """Return the descriptor."""


class Program:
    """A program of an opened object.

    Attributes:
        name: of its function.
        section: as in `tracepoint/syscalls/sys_enter_openat`; says where it attaches.
        frequency: samples a second of a perf_event program, in place of what its annotation says; None: as it says.
        optional: whether the run goes on where it cannot be loaded or attached.
    """

    __slots__ = ("_index", "_object", "_settings", "frequency", "name", "section")

    def __init__(self, owner: Object, index: int) -> None:
        self._object = owner
        self._index = index
        self.frequency: int | None = None
        info = self._info()
        self.name = text(info.name)
        self.section = text(info.section)
        listed = owner.package.meta["bpf_skel"].get("progs") or ()
        self._settings: dict[str, Any] = next((entry for entry in listed if entry["name"] == self.name), {})

    def _info(self) -> Any:
        info = ffi.new("struct eu_prog_info *")
        check(lib.eu_prog_get(self._object.handle(), self._index, info), "program")
        return info

    @property
    def optional(self) -> bool:
        """Whether the package marks it `@optional true`."""
        return self._settings.get("optional") is True

    @property
    def type(self) -> int:
        """BPF_PROG_TYPE_*. Before load, programs that attach to kernel types are still raw tracepoints."""
        return int(self._info().type)

    @property
    def types(self) -> tuple[int, int]:
        """BPF_PROG_TYPE_* and BPF_* of its attach type, as libbpf loads it."""
        info = self._info()
        return int(info.type), int(info.expected_attach_type)

    @property
    def instructions(self) -> int:
        """How many instructions it has."""
        return int(self._info().insns)

    @property
    def fd(self) -> int:
        """Its descriptor, -1 before load; the object owns it."""
        return int(self._info().fd)

    @property
    def attached(self) -> bool:
        """Whether it is attached."""
        return bool(self._info().attached)

    @property
    def autoload(self) -> bool:
        """Whether it is loaded with the object. Can be set before load."""
        return bool(self._info().autoload)

    @autoload.setter
    def autoload(self, on: bool) -> None:
        check(lib.eu_prog_set_autoload(self._object.handle(), self._index, on), f"program {self.name}")

    @property
    def missed(self) -> int:
        """How often the kernel left it out, as it (or another program) was running on that CPU already.

        What these runs would have recorded is in no account.

        Kernel: 5.12+ (0 before)
        Source: kernel/trace/bpf_trace.c, `bpf_prog_inc_misses_counter`
        """
        count = ffi.new("uint64_t *")
        check(lib.eu_prog_missed(self._object.handle(), self._index, count), f"program {self.name}")
        return int(count[0])

    def set_target(self, target: str) -> None:
        """Name the program that it attaches to, before load: freplace replaces a function there, fentry traces one.

        Args:
            target: `prog:NAME`, `prog:ID` or `prog:PATH` of a pin, `,function=FUNCTION` where the section names none.

        Raises:
            ValueError: the object is closed or loaded already.
            OSError: there is no such program, or no such function in it, or this program attaches to none.

        Kernel: 5.6+, 5.10+ for attaching
        Source: kernel/bpf/verifier.c, `bpf_check_attach_target`
        """
        self._object.bind(self, target)

    def attach(self, target: str | int | HasFileno | None = None) -> Link:
        """Attach it to target, or else as the package's annotations and its section say.

        Args:
            target: `KIND:NAME[,OPTION[=VALUE]]...` as in `iface:eth0,generic`, docs/reference/attaching.md; for
                programs of sockets also a socket or its descriptor. Several targets are attached to one by one.

        Returns:
            The link; the object owns it too and ends it when it is closed.

        Raises:
            OSError: the kernel or libbpf refused, or the target is none; the text names program, target and cause.
        """
        if target is not None:
            self._attach(target if type(target) is str else _socket_target(target))  # type: ignore[arg-type]  # no str
            return Link(self)
        targets = self.targets
        if not targets:
            self._attach(None)
        try:
            for each in targets:
                self._attach(each)
        except OSError:
            self.detach()  # of several targets all or none
            raise
        return Link(self)

    def _attach(self, target: str | None) -> None:
        options = self._options()
        keep = ffi.NULL if target is None else ffi.new("char[]", os.fsencode(target))
        options.target = keep
        if self.frequency is not None:
            options.perf_sample, options.perf_frequency = self.frequency, 1
        if lib.eu_prog_attach(self._object.handle(), self._index, options) < 0:
            raise error(f"attach program {self.name}")

    def _options(self) -> Any:
        settings = self._settings
        if "perf_event" in settings:
            from eunomia.kernel.settings import with_variables

            settings = with_variables(settings, self._object)
        return attach_options(settings)

    @property
    def alternative(self) -> str | None:
        """The group of which one program is enough, by `@alternative` or by names (`Object.groups`)."""
        return self._object.group_of(self.name)

    @property
    def tail_called(self) -> bool:
        """Whether it stands in a prog array of the object; after load."""
        return check(lib.eu_prog_in_array(self._object.handle(), self._index), f"program {self.name}") > 0

    @property
    def owner(self) -> Object:
        """The object that it is part of."""
        return self._object

    def iterate(self) -> FileIO:
        """Return what an attached iterator prints, to be read to its end: each call walks anew.

        Raises:
            OSError: it is no attached iterator.

        Kernel: 5.8+
        Source: kernel/bpf/bpf_iter.c
        """
        from io import FileIO

        return FileIO(check(lib.eu_prog_iterate(self._object.handle(), self._index), f"iterate program {self.name}"))

    def test_run(self, data: bytes | None = None, context: bytes = b"", *, repeat: int = 1) -> TestRun:
        """Run it without an event (BPF_PROG_TEST_RUN).

        Args:
            data: the packet of programs of packets, from its Ethernet header on; None: 64 zero bytes for those, nothing
                for others.
            context: what its argument points to, where the kernel takes that: the arguments of raw tracepoints, 8 bytes
                each, a `syscall` program's own struct, `struct __sk_buff`, `struct xdp_md`, `struct bpf_sk_lookup`.
            repeat: how often, 1 or more.

        Raises:
            ValueError: repeat is out of range.
            OSError: this kernel does not test-run programs of this type, or not with such data.
        """
        from eunomia.kernel.testrun import test_run

        return test_run(self, self._index, data, context, repeat)

    @property
    def targets(self) -> list[str]:
        """What the package's `@target` says it attaches to, [] where its section says it."""
        found = self._settings.get("target")
        if found is None:
            return []
        from eunomia.kernel.settings import target_list

        return target_list(found, self.name)

    @property
    def attaches_to_program(self) -> bool:
        """Whether the package's `@target` is another program, which must be known before load."""
        return "target" in self._settings and self.targets[0].startswith("prog:")

    def takes(self, kind: str) -> bool:
        """Tell whether it can be attached to targets of a kind, as in `iface` or `cgroup`."""
        return check(lib.eu_prog_takes(self._object.handle(), self._index, kind.encode()), f"program {self.name}") > 0

    @property
    def target_forms(self) -> str:
        """How to write the targets that it takes, as in `cgroup:PATH`; "" where its section says all there is."""
        room = ffi.new("char[]", 700)
        check(lib.eu_prog_target_forms(self._object.handle(), self._index, room, 700), f"program {self.name}")
        return text(room)

    def refusal(self, target: str) -> str:
        """Return why a target is none for it, "" where it takes it; whether the kernel has it is not looked at."""
        given = os.fsencode(target)
        return text(lib.eu_error()) if lib.eu_target_check(self._object.handle(), self._index, given) < 0 else ""

    def cgroup_refusal(self, name: str) -> str:
        """Return why there is no such control group to attach to, "" where there is."""
        given = os.fsencode(name)
        return text(lib.eu_error()) if lib.eu_probe_cgroup(self._object.handle(), self._index, given) < 0 else ""

    def detach(self) -> None:
        """Undo all attachments of this program; does nothing where there are none."""
        check(lib.eu_prog_detach(self._object.handle(), self._index), f"detach program {self.name}")

    def __repr__(self) -> str:
        return f"<Program {self.name} {self.section}>"


class Link:
    """A program's attachment; `with` or `detach()` ends it, and so does closing the object."""

    __slots__ = ("program",)

    def __init__(self, program: Program) -> None:
        self.program = program

    def detach(self) -> None:
        """Detach the program; the second call does nothing."""
        self.program.detach()

    close = detach

    def pin(self, path: str) -> None:
        """Pin it at a path of bpffs: the program stays attached when the object is closed, until the file is removed.

        Raises:
            OSError: the program has several links, or one that cannot be pinned; something is there; no bpffs.

        Kernel: 5.7+; 5.15+ for perf events, uprobes, kprobes and tracepoints
        """
        from eunomia.kernel.pins import pin_link

        pin_link(self.program, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.detach()

    def __repr__(self) -> str:
        return f"<Link of {self.program.name}>"


def _socket_target(sock: int | HasFileno) -> str:
    return f"socket:,fd={sock if type(sock) is int else sock.fileno()}"  # type: ignore[union-attr]  # an int has none


def attach_options(settings: dict[str, Any]) -> Any:
    """Return struct eu_attach_options from a package's annotations of a program.

    Raises:
        AttachError: an annotation has a value of the wrong kind.

    Source: the first system's `progs[]` extras (`tchook`, `tcopts`, `ifindex`, `flags`, `xdpopts`); our `perf_event`.
    """
    options = ffi.new("struct eu_attach_options *")
    options.old_prog_fd = options.perf_type = options.pid = options.cpu = -1
    options.target = ffi.NULL
    if len(settings) > 3:  # name, attach, link are always there
        from eunomia.kernel.settings import fill

        fill(options, settings)
    return options
