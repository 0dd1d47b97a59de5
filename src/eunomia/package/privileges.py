"""Which capabilities each program type, map type and service needs: the one table that messages, checks and docs go by.

Measured: tests/kernel/test_privileges.py runs every row as an ordinary user with just these, and without each of them.
"""

from __future__ import annotations

from eunomia.package import perfmon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from eunomia.btf.object import ObjectBtf

BPF, PERFMON, NET_ADMIN, NET_RAW = "CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN", "CAP_NET_RAW"
SYS_ADMIN, READ, PTRACE, SYSLOG = "CAP_SYS_ADMIN", "CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE", "CAP_SYSLOG"
NUMBERS = {READ: 2, NET_ADMIN: 12, NET_RAW: 13, PTRACE: 19, SYS_ADMIN: 21, SYSLOG: 34, PERFMON: 38, BPF: 39,
           "CAP_DAC_OVERRIDE": 1, "CAP_SYS_RESOURCE": 24, "CAP_CHECKPOINT_RESTORE": 40}  # fmt: skip
_TRACING, _NETWORK = (BPF, PERFMON), (BPF, NET_ADMIN)


class Row:
    """What programs of some sections need.

    Attributes:
        title: of the row. sections: how their names begin.
        load: capabilities to load them. attach: to attach them, where they are attached by default.
        note: when that is different.
    """

    __slots__ = ("attach", "load", "note", "sections", "title")

    def __init__(
        self, title: str, sections: str, load: tuple[str, ...], attach: tuple[str, ...] = (), note: str = ""
    ) -> None:
        self.title = title
        self.sections = sections.split()
        self.load = load
        self.attach = attach
        self.note = note


UPROBES = "before Linux 6.16, and its stable updates, CAP_PERFMON is enough"
TRACEFS = "tracepoint ids are in tracefs, for root only; CAP_SYS_ADMIN too where it is not mounted"
PATTERNS = "CAP_SYSLOG for patterns: they are looked up among the kernel's symbols"
PROGRAMS = (
    Row("tracepoints", "tp tracepoint", _TRACING, (READ,), TRACEFS),
    Row("raw tracepoints", "raw_tp raw_tracepoint tp_btf", _TRACING),
    Row("kprobes of several functions", "kprobe.multi kretprobe.multi kprobe.session", _TRACING, (), PATTERNS),
    Row("kprobes", "kprobe kretprobe ksyscall kretsyscall", _TRACING, (PERFMON,)),
    Row("uprobes of several functions", "uprobe.multi uretprobe.multi", _TRACING),
    Row("uprobes", "uprobe uretprobe", _TRACING, (SYS_ADMIN,), UPROBES),
    Row("USDT", "usdt", _TRACING, (), "as uprobes where the kernel has no uprobe.multi links (before 6.6)"),
    Row("fentry and the like", "fentry fexit fmod_ret", _TRACING, (), "CAP_SYS_ADMIN for functions of modules"),
    Row("LSM", "lsm", _TRACING),
    Row("iterators", "iter", _TRACING),
    Row("performance events", "perf_event", _TRACING, (PERFMON,)),
    Row("XDP", "xdp", _NETWORK),
    Row("tcx, netkit", "tcx netkit", _NETWORK),
    Row("tc", "tc classifier action", _NETWORK, (NET_ADMIN,), "to detach too"),
    Row("socket filters", "socket", (BPF,), (NET_RAW,), "none for one's own sockets"),
    Row("traffic of control groups", "cgroup_skb cgroup/skb", (BPF,), (NET_ADMIN,)),
    Row("control groups", "cgroup sockops", _NETWORK, (), "the group's folder must be readable"),
    Row("socket maps", "sk_msg sk_skb", _NETWORK),
    Row("socket choice", "sk_lookup sk_reuseport", (BPF,)),
    Row("flow dissector, netfilter, lightweight tunnels", "flow_dissector netfilter lwt", _NETWORK),
    Row("struct_ops", "struct_ops", _TRACING),
    Row("extensions", "freplace", (BPF, PERFMON, NET_ADMIN)),
    Row("system calls", "syscall", (BPF,)),
)
MOSTLY = ", most also CAP_PERFMON¹"
MAPS = dict.fromkeys(("sockmap", "sockhash", "devmap", "devmap_hash", "xskmap"), NET_ADMIN)
MAPS["struct_ops"] = PERFMON
SERVICES = (
    ("memory of maps and programs, before Linux 5.11", "CAP_SYS_RESOURCE", "raises RLIMIT_MEMLOCK"),
    ("names of kernel functions (stacks, `ksym`)", SYSLOG, "the file is opened before privileges are dropped"),
    ("names of functions of others' processes (stacks)", f"{PTRACE} {READ}", "kept while a run shows stacks"),
    ("names of control groups and containers, `--cgroup`, `--container`", READ, "kept while a run asks for them"),
    ("`--rotate-size`, `--rotate-after` in a folder of another user", "CAP_DAC_OVERRIDE", "kept with these options"),
    ("tracefs where it is not mounted (tracepoints, `--trace-pipe`)", SYS_ADMIN, ""),
    ("types and functions of kernel modules", SYS_ADMIN, ""),
)


def row_of(section: str) -> Row | None:
    """Return the row of a program's section; None for sections that libbpf does not know."""
    name = section.removeprefix("?")
    found: tuple[int, Row | None] = (0, None)
    for row in PROGRAMS:
        for prefix in row.sections:
            if len(prefix) > found[0] and (
                name == prefix or name.startswith((f"{prefix}/", f"{prefix}.", f"{prefix}_"))
            ):
                found = (len(prefix), row)
    return found[1]


class Need:
    """A capability, the programs and maps that need it, and at which step: `load` or `attach`."""

    __slots__ = ("capability", "note", "programs", "steps")

    def __init__(self, capability: str) -> None:
        self.capability = capability
        self.programs: list[str] = []
        self.steps: list[str] = []
        self.note = ""

    def add(self, name: str, step: str) -> None:
        """Remember who needs it, and when."""
        if name not in self.programs:
            self.programs.append(name)
        if step not in self.steps:
            self.steps.append(step)


def needs_capabilities(obj: ObjectBtf, programs: Container[str] | None = None) -> dict[str, Need]:
    """Return what an object needs at most on any kernel, by capability, in order of names.

    What attaches elsewhere than by default, and what showing events needs (`SERVICES`), is not in it.

    Args:
        obj: the object.
        programs: names of those that are loaded; None: all.
    """
    found: dict[str, Need] = {}

    def add(capability: str, name: str, step: str, note: str = "") -> None:
        need = found.setdefault(capability, Need(capability))
        need.add(name, step)
        need.note = need.note or note

    for program in obj.programs:
        row = row_of(program.section)
        if programs is not None and program.name not in programs:
            continue
        for capability in row.load if row else (BPF,):
            add(capability, program.name, "load")
        if row is not None and PERFMON not in row.load:
            why = perfmon.reason(obj, program.name)
            if why:
                add(PERFMON, program.name, "load", why)
        for capability in row.attach if row else ():
            add(capability, program.name, "attach", row.note if row else "")
    for name, definition in obj.maps.items():
        add(BPF, name, "load")
        capability = MAPS.get(definition.type_name, "")
        if capability:
            add(capability, name, "load")
    if not found:
        add(BPF, "the object", "load")
    return dict(sorted(found.items()))


def missing(names: Iterable[str], held: int) -> Iterator[str]:
    """Yield the capabilities that a bit set does not have; CAP_SYS_ADMIN stands for these that were split off it."""
    for name in names:
        number = NUMBERS[name]
        admin = name in (BPF, PERFMON, SYSLOG) and held >> NUMBERS[SYS_ADMIN] & 1
        if not (held >> number & 1 or admin):
            yield name


def lacking(names: Iterable[str], held: int) -> str:
    """Return the capabilities that are missing as words, "" where none is."""
    *most, last = list(missing(names, held)) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def command(names: Iterable[str]) -> str:
    """Return the words that run a command as this user with these capabilities, for who may use sudo."""
    words = ",".join("+" + name.removeprefix("CAP_").lower() for name in names)
    user = "--reuid $(id -u) --regid $(id -g) --init-groups"
    return f"sudo setpriv {user} --inh-caps {words} --ambient-caps {words}"


def markdown() -> str:
    """Return the tables of docs/reference/privileges.md."""
    lines = ["| programs | sections | to load | to attach | |", "| --- | --- | --- | --- | --- |"]
    for row in PROGRAMS:
        sections = ", ".join(f"`{each}`" for each in row.sections)
        cells = (
            row.title,
            sections,
            " ".join(row.load) + (MOSTLY if PERFMON not in row.load else ""),
            " ".join(row.attach) or "–",
            row.note,
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "¹ What it is for without which the verifier refuses: helpers that read memory or tasks (`bpf_printk`,",
    ]
    lines += [
        "`bpf_get_current_comm`, `bpf_probe_read_*`, `bpf_snprintf`), adding variables to pointers into packets and"
    ]
    lines += [
        "maps, subtracting pointers, keys on the stack with padding that was not written. `ecli check` looks at the"
    ]
    lines += ["instructions, and names it wherever they do not show that the program can do without."]
    lines += ["", "| maps | to create |", "| --- | --- |"]
    for capability in sorted(set(MAPS.values())):
        names = ", ".join(name for name, needed in MAPS.items() if needed == capability)
        lines.append(f"| {names} | {BPF} {capability} |")
    lines += [f"| all others | {BPF} |", "", "| what else | needs | |", "| --- | --- | --- |"]
    lines += [f"| {what} | {capability} | {note} |" for what, capability, note in SERVICES]
    return "\n".join(lines) + "\n"
