"""The table of `ecli run`: its options and the texts of its help page."""

from __future__ import annotations

from eunomia.cli.fetch_table import ALLOW_UNSIGNED, FETCH_OPTIONS
from eunomia.cli.parser import QUIET, VERBOSE, Command, Opt

OUTPUT, WHICH, AGGREGATE, END = "Output", "Which events", "Aggregation", "Ending"
SAMPLES, LOADING, READING = "Sampled maps", "Loading", "Reading"
ATTACHING = "Attaching"
LIFE = "Background and pins"
GUESTS = "Wasm guests"

# Of a guest: its world, its limits, and what it may ask of the kernel.
GUEST_OPTIONS = (
    Opt(
        "dir",
        "",
        "text",
        "a directory of the host: ro: can be read; rw: changed too; token: attached to only "
        "[default: token for a control group, else ro]",
        "HOST[:GUEST][:ro|rw|token]",
        repeat=True,
        group=GUESTS,
    ),
    Opt("env", "", "text", "a variable of its environment, with our value where none is given", "NAME[=VALUE]",
        repeat=True, group=GUESTS),
    Opt("link", "", "text", "another module, whose exports it imports from NAME", "NAME=MODULE",
        repeat=True, group=GUESTS),
    Opt(
        "allow",
        "",
        "text",
        "what it may do beyond observing: prog-type=xdp,tc, iface=eth0, attach=cgroup:/path, map-size=1G, objects=N, "
        "helper=send_signal, all",
        "RULE",
        repeat=True,
        group=GUESTS,
    ),
    Opt("deny", "", "text", "what it may not do, whatever is allowed; all: nothing but what is allowed", "RULE",
        repeat=True, group=GUESTS),
    Opt("policy", "", "file", "rules from a TOML file", repeat=True, group=GUESTS),
    Opt("memory", "", "size", "memory that it may have [default: 256M]", group=GUESTS),
    Opt("fuel", "", "index", "instructions between two waits, 0: no limit [default: 100000000000]", "N", group=GUESTS),
    Opt("stack", "", "size", "size of its stack [default: 1M]", group=GUESTS),
    Opt("table", "", "count", "elements that each of its tables may have [default: 100000]", "N", group=GUESTS),
)  # fmt: skip

OPTIONS = (
    Opt("json", "j", "flag", "write events as JSON lines", default=False, group=OUTPUT),
    Opt(
        "format",
        "",
        "choice",
        "how events are written; raw: the bytes of the records [default: text]",
        choices=("text", "json", "csv", "raw"),
        group=OUTPUT,
    ),
    Opt("fields", "", "text", "these fields only, in this order; b.c is a field within b", "a,b.c", group=OUTPUT),
    Opt("output", "o", "file", "write events to FILE instead of standard output", group=OUTPUT),
    Opt(
        "compat",
        "",
        "flag",
        "text and JSON byte for byte as the first system's ecli writes it",
        default=False,
        group=OUTPUT,
    ),
    Opt(
        "time",
        "",
        "choice",
        "the first column: wall clock, seconds since the start, ISO 8601 or none [default: clock; none with -j]",
        choices=("none", "clock", "age", "iso"),
        group=OUTPUT,
    ),
    Opt("ts", "", "flag", "add `ts`, ISO 8601 with microseconds, to JSON events", default=False, group=OUTPUT),
    Opt(
        "event-names",
        "",
        "flag",
        "begin JSON events with `event`, the name of their type, where a tool has several types",
        default=False,
        group=OUTPUT,
    ),
    Opt("header", "", "flag", "do not write the line of column names", default=True, group=OUTPUT),
    Opt(
        "raw-values",
        "",
        "flag",
        "numbers as they are: no names of signals, errors or system calls, no addresses; enums keep theirs",
        default=False,
        group=OUTPUT,
    ),
    Opt(
        "big-ints",
        "",
        "choice",
        "how JSON writes integers above 2^53",
        default="number",
        choices=("number", "string"),
        group=OUTPUT,
    ),
    Opt("symbols", "", "flag", "stacks as addresses, without looking up symbols", default=True, group=OUTPUT),
    Opt(
        "folded", "", "flag", "stacks on one line each with their count, for flame graphs", default=False, group=OUTPUT
    ),
    Opt("rotate-size", "", "size", "begin a new file after this many bytes; the old one becomes FILE.1", group=OUTPUT),
    Opt("rotate-after", "", "seconds", "begin a new file after this time", group=OUTPUT),
    Opt("rotate-keep", "", "count", "how many old files stay [default: all]", "N", group=OUTPUT),
    Opt("trace-pipe", "", "flag", "the lines of bpf_printk too", default=False, group=OUTPUT),
    Opt(
        "filter",
        "",
        "text",
        "only events that match: 'pid == 42 && comm ~ \"ssh*\"'; of several all must hold",
        "EXPR",
        repeat=True,
        group=WHICH,
    ),
    Opt("pid", "", "text", "only events of these processes", "PID[,PID]", group=WHICH),
    Opt("follow", "", "flag", "with --pid: of their children too", default=False, group=WHICH),
    Opt("comm", "", "text", "only events of tasks with this name; * and ? match", "NAME", group=WHICH),
    Opt("uid", "", "text", "only events of this user, by number or name", "USER", group=WHICH),
    Opt("cgroup", "", "text", "only events of this control group and those below it", "PATH", group=WHICH),
    Opt("container", "", "text", "only events of this container", "NAME|ID", group=WHICH),
    Opt(
        "guest",
        "",
        "file",
        "a Wasm guest (a file, URL or reference) that gets the events that pass, and drops, changes or adds some; of "
        "several one behind the other",
        "FILE",
        repeat=True,
        group=WHICH,
    ),
    Opt("sample", "", "one-in", "every Nth event, the first of each N", "1/N", group=WHICH),
    Opt("rate-limit", "", "rate", "at most so many events a second of each source", "N", group=WHICH),
    Opt(
        "drill-loss",
        "",
        "share",
        "lose this share of the events on purpose, to test alarms: 0.01 or 1%",
        "RATE",
        group=WHICH,
    ),
    Opt("count-by", "", "text", "count events by these fields, in place of writing them", "FIELDS", group=AGGREGATE),
    Opt(
        "hist",
        "",
        "text",
        "a histogram of this field, and its sum; for each key of --count-by",
        "FIELD",
        group=AGGREGATE,
    ),
    Opt(
        "sort", "", "text", "order rows by this column, largest first; +FIELD: smallest first", "FIELD", group=AGGREGATE
    ),
    Opt("top", "", "count", "the first N rows each second, redrawn in place on a terminal", "N", group=AGGREGATE),
    Opt("duration", "", "seconds", "stop after this time: 10, 200ms, 5m, 1h", group=END),
    Opt(
        "max-events",
        "",
        "count",
        "stop after N events; a tool without: after the reading that makes it N elements",
        "N",
        group=END,
    ),
    Opt(
        "fail-on-loss",
        "",
        "flag",
        "exit with 3 when events were lost, other than by --sample and --rate-limit",
        default=False,
        group=END,
    ),
    Opt("interval", "", "seconds", "show sampled maps, or what is counted, this often", group=SAMPLES),
    Opt(
        "clear",
        "",
        "flag",
        "empty sampled maps, or what is counted, after each interval, or never",
        group=SAMPLES,
    ),
    Opt("per-cpu", "", "flag", "values of per-CPU maps apart, not summed", default=False, group=SAMPLES),
    Opt(
        "attach",
        "",
        "text",
        "attach a program, or all that take such a target, there: count=iface:eth0, cgroup:/path, tc:eth0:egress",
        "[PROGRAM=]TARGET",
        repeat=True,
        group=ATTACHING,
    ),
    Opt("iface", "", "text", "the interface of XDP, tc and netkit programs", "NAME", repeat=True, group=ATTACHING),
    Opt("attach-cgroup", "", "file", "the control group of its cgroup programs", "PATH", repeat=True, group=ATTACHING),
    Opt("binary", "", "file", "the program or library of its uprobes and USDT probes", group=ATTACHING),
    Opt("freq", "", "count", "samples a second of its perf_event programs, on each CPU", "HZ", group=ATTACHING),
    Opt(
        "enable",
        "",
        "text",
        'attach this program too, which is off: SEC("?...")',
        "PROGRAM",
        repeat=True,
        group=ATTACHING,
    ),
    Opt("skip", "", "text", "run without this program", "PROGRAM", repeat=True, group=ATTACHING),
    Opt(
        "detach",
        "d",
        "flag",
        "return when all is attached; the run goes on in the background, with a log (`ecli ps`, `logs`, `stop`)",
        default=False,
        group=LIFE,
    ),
    Opt(
        "name",
        "",
        "text",
        "what the run is called [default: the package's name, with a number if it is taken]",
        group=LIFE,
    ),
    Opt(
        "pin",
        "",
        "flag",
        "pin maps, programs and links in bpffs: all stays attached after the end, until `ecli stop NAME`",
        default=False,
        group=LIFE,
    ),
    Opt("pin-dir", "", "file", "the folder of the pins [default: /sys/fs/bpf/eunomia/NAME]", "DIR", group=LIFE),
    Opt(
        "btf",
        "",
        "file",
        "kernel types to relocate against: BTF, vmlinux, vmlinuz or a .deb (BTF_FILE_PATH)",
        group=LOADING,
    ),
    Opt(
        "ring-size",
        "",
        "text",
        "bytes of the ring buffers, or of one: 8M, rounded up to a power of two; `package`: as the package says "
        "[default: the package's, more where memory allows]",
        "[MAP=]SIZE",
        repeat=True,
        group=LOADING,
    ),
    Opt(
        "perf-pages",
        "",
        "text",
        "pages of the perf buffers of each CPU, or of one buffer, a power of two [default: 64]",
        "[MAP=]N",
        repeat=True,
        group=LOADING,
    ),
    Opt(
        "wakeup",
        "",
        "choice",
        "when programs wake the reader [default: adaptive where the package can]",
        choices=("adaptive", "each", "batch"),
        group=READING,
    ),
    Opt("cpu", "", "index", "read on this CPU only", "N", group=READING),
    Opt(
        "queue",
        "",
        "size",
        "output that may wait for a slow reader before events are lost [default: 64M]",
        group=READING,
    ),
    Opt(
        "keep-privileges",
        "",
        "flag",
        "give up no capabilities and no system calls when everything is attached",
        default=False,
        group=LOADING,
    ),
    Opt("plain-btf", "", "flag", "let libbpf read the whole kernel BTF", default=False, group=LOADING, hidden=True),
    Opt(
        "prog-type",
        "p",
        "text",
        "accepted for compatibility; what PROG is, its bytes decide",
        "TYPE",
        group=LOADING,
        hidden=True,
    ),
    *FETCH_OPTIONS,
    ALLOW_UNSIGNED,
    *GUEST_OPTIONS,
    QUIET,
    VERBOSE,
)

DETAILS = """\
PROG is the name of a built-in tool (`ecli list`), a file (a package as JSON, YAML or tar, a BPF object, a .bpf.c
source, a Wasm guest), a folder with one guest or package, an http or https URL (no sources), or `-` for standard input.
`ecli run PROG --help` shows the options of a tool.

After PROG come the tool's own options; ecli's long options are understood there too, its short ones only before PROG.
`--` ends options. All that follows a Wasm guest is the guest's; it observes, and does what --allow says
(docs/wasm.md).

Exit codes: 0 done, also after Ctrl-C and --duration; 1 failed; 2 usage; 3 events were lost and --fail-on-loss was
given; a guest's own."""

COMMAND = Command(
    "run",
    "PROG [ARGS]",
    "run a tool: load, attach, and print its events",
    OPTIONS,
    stop=True,
    details=DETAILS,
    examples=(
        ("sudo ecli run opensnoop", "a built-in tool"),
        ("sudo ecli run -j --duration 10 ./package.json --pid 42", "JSON lines for ten seconds; --pid is the tool's"),
        ("sudo ecli run --filter 'err != 0 && comm ~ \"ssh*\"' opensnoop", "events that match"),
        ("ecli run opensnoop --help", "the options of a tool"),
        ("sudo ecli run --allow iface=eth0 xdp.wasm eth0", "a Wasm guest, that may change what eth0 lets pass"),
    ),
    choices=("@builtin", "@file"),
)

PROG_TYPES = ("json", "jsoneunomia", "tar", "wasm", "wasmmodule")
