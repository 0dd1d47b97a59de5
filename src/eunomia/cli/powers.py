"""What a package or guest would do here, for a question to the user: what it attaches, pins, can change or block."""

from __future__ import annotations

from eunomia.errors import PackageError
from eunomia.package.calls import REGISTERS, changes_of
from eunomia.package.program_words import OBSERVING
from eunomia.registry.gate import programs_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.btf.object import ObjectBtf
    from eunomia.package.model import Package
    from eunomia.registry.trust import Program

PIN_BY_NAME = 1
# What programs of a type can do beside observing.
BY_TYPE = {
    "xdp": "drop, change and redirect packets",
    "tc": "drop, change and redirect packets",
    "tcx": "drop, change and redirect packets",
    "netkit": "drop, change and redirect packets",
    "cgroup": "block or change what the processes of a control group do",
    "sockops": "change TCP connections",
    "sk_msg": "drop and redirect what sockets send",
    "sk_skb": "drop and redirect what sockets receive",
    "sk_lookup": "choose which socket gets a connection",
    "sk_reuseport": "choose which socket gets a connection",
    "flow_dissector": "change how packets are told apart",
    "lwt": "drop and change packets of a route",
    "netfilter": "drop packets",
    "lsm": "refuse what any process asks of the kernel",
    "lsm_cgroup": "refuse what the processes of a control group ask of the kernel",
    "fmod_ret": "change what functions of the kernel return",
    "freplace": "replace functions of other BPF programs",
    "struct_ops": "replace parts of the kernel, as its scheduler or TCP's congestion control",
    "syscall": "load and change BPF objects",
    "raw_tp_writable": "change what the kernel traces",
    "lirc": "change what an infrared receiver hears",
}
BY_HELPER = {
    "override_return": "make functions of the kernel fail",
    "probe_write_user": "write into the memory of processes",
    "send_signal": "send signals to processes",
    "send_signal_thread": "send signals to threads",
    "setsockopt": "change sockets",
    REGISTERS: "change the registers of processes",
}


class Powers:
    """What is in a package or guest, as far as it can be seen without running it.

    Attributes:
        programs: its BPF programs, those that are off included.
        pins: names of maps that are pinned, and so shared.
        changes: what it can change or block, a line each.
        unseen: why there may be more, "" where all of it was seen.
    """

    __slots__ = ("changes", "pins", "programs", "unseen")

    def __init__(self) -> None:
        self.programs: list[Program] = []
        self.pins: list[str] = []
        self.changes: list[str] = []
        self.unseen = ""

    def add(self, types: ObjectBtf) -> None:
        """Add what an object has."""
        programs = programs_of(types)
        self.programs += programs
        self.pins += [each.name for each in types.maps.values() if each.pinning == PIN_BY_NAME]
        for each in programs:
            if each.word not in OBSERVING:
                can = BY_TYPE.get(each.word, "do what this version of eunomia does not know")
                self.changes.append(f"{each.name} ({each.word or each.section}) can {can}")
        helpers, functions = changes_of(types.elf, [(each.word, each.section) for each in programs])
        self.changes += [f"it can {BY_HELPER[each]} (bpf_{each})" if each != REGISTERS else f"it can {BY_HELPER[each]}"
                         for each in sorted(helpers)]  # fmt: skip
        if functions:
            self.changes.append(f"it calls functions of the kernel: {', '.join(sorted(functions)[:8])}")


def powers_of(package: Package) -> Powers:
    """Return what a package would do.

    Raises:
        PackageError: its object is damaged.
    """
    found = Powers()
    found.add(package.types)
    return found


def powers_of_guest(wasm: bytes) -> Powers:
    """Return what the objects in a guest's data would do; it may make others when it runs."""
    from eunomia.btf.object import ObjectBtf
    from eunomia.wasm.embedded import find_in

    found = Powers()
    for each in find_in(wasm):
        try:
            found.add(ObjectBtf(each.elf))
        except PackageError as exc:
            found.unseen = f"an object in it is damaged: {exc}"
    found.unseen = found.unseen or (
        "" if found.programs else "no BPF object lies in it as it is: it may make or unpack one when it runs"
    )
    return found
