"""Read, render and write the events of an object until something ends it. The work is the C core's (native/run.c).

It is on the way of every `ecli run`: plain classes, no imports but the door to C (DESIGN decision 8).
"""

from __future__ import annotations

from _thread import RLock

from eunomia._native import check, error, ffi, lib, text
from eunomia.events.account import Account

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self

    from eunomia.events.recorder import Recorder
    from eunomia.kernel.object import Object

FORMATS = {"text": 0, "json": 1, "raw": 2, "folded": 3, "csv": 4}
TIMES = {"none": 0, "clock": 1, "age": 2, "iso": 3}
WAKEUPS = {"adaptive": 0, "each": 1, "batch": 2}
HEADERS = {"never": 0, "once": 1, "screen": 2}

MAX_QUEUE = 256 << 20  # it is one piece of memory, twice as large while its reader is slow; C makes none above 1 GiB

STOPPED, SIGNAL, DURATION, MAX_EVENTS, OUTPUT_CLOSED = range(5)


class RunOptions:
    """How events are read and written.

    Attributes:
        format: "text", "json" (lines), "raw" (the records' bytes), "folded" (stacks, for flame graphs), "csv".
        compat: text and JSON byte for byte as the first system's.
        time: "none", "clock" (%H:%M:%S), "age" (seconds since the start), "iso" (ISO 8601, UTC, microseconds).
        header: "never", "once", "screen" (again after screen_rows lines).
        big_ints: JSON integers above 2^53 as strings.
        raw_values: no decoders.
        symbols: stacks with symbols.
        per_cpu: values of per-CPU maps apart, not summed.
        event_names: JSON lines say of which type they are, where there are several.
        out_fd: descriptor that is written to.
        duration: seconds, 0: no end.
        max_events: 0: no end.
        interval: of sampled maps, and of what is counted, in seconds; 0: as the package says, and at the end (top: 1).
        clear: sampled maps, and what is counted, after each interval; None: as the package says, and no.
        perf_pages: of every perf buffer for each CPU, a power of two; 0: as Map.set_perf_pages said, else 64.
        take_signals: SIGINT, SIGTERM and SIGHUP end the loop; handlers are put back afterwards.
        hold: `loop` does not print what is left; detach then, and call `finish`.
        trace_pipe: the lines of bpf_printk too.
        fields: paths of the fields shown, in this order; (): all.
        wakeup: "adaptive" where the object can, "each" record wakes the reader, "batch".
        cpu: the reading thread's CPU; None: any.
        drill_loss: share of records that is dropped on purpose, 0 to 1.
        filter: bytecode of `compile_filter`; None: all pass.
        members: the C set of processes and control groups that the filter asks for; None: it asks for none.
        guests: guests (eunomia.wasm.EventGuest) that get the events which pass the filter, one behind the other;
            whoever made them closes them, after the run.
        sample: every Nth event of a source; 0 and 1: all.
        rate_limit: events a second of a source; 0: no limit.
        count_by, hist, sort: paths of fields to aggregate by; (): none. A `+` before a path of sort: ascending.
        top: rows that an aggregate shows; 0: all.
        live: redraw aggregates in place.
        record: a recording that raw records go to, in place of lines.
        path: name of out_fd's file, where it may be rotated.
        rotate_size, rotate_after, rotate_keep: bytes, seconds, old files kept; 0: no limit.
        queue: bytes that may wait for a slow reader of the output; 0: 64 MiB.
        tell_fd: descriptor that lines about losses go to during the run; -1: none.
        tell_interval: seconds between these lines at least; 0: 1.
        warn_fd: descriptor that a line goes to when a target is gone (an interface, a control group, the process of
            `pid=N`), and others are there; -1: none.
        program: how these lines begin.
    """

    __slots__ = (
        "big_ints",
        "clear",
        "compat",
        "count_by",
        "cpu",
        "drill_loss",
        "duration",
        "event_names",
        "fields",
        "filter",
        "format",
        "guests",
        "header",
        "hist",
        "hold",
        "interval",
        "live",
        "max_events",
        "members",
        "out_fd",
        "path",
        "per_cpu",
        "perf_pages",
        "program",
        "queue",
        "rate_limit",
        "raw_values",
        "record",
        "rotate_after",
        "rotate_keep",
        "rotate_size",
        "sample",
        "screen_rows",
        "sort",
        "symbols",
        "take_signals",
        "tell_fd",
        "tell_interval",
        "time",
        "top",
        "trace_pipe",
        "wakeup",
        "warn_fd",
    )

    def __init__(
        self,
        *,
        format: str = "text",
        compat: bool = False,
        time: str = "none",
        header: str = "once",
        screen_rows: int = 0,
        big_ints: bool = False,
        raw_values: bool = False,
        symbols: bool = True,
        per_cpu: bool = False,
        event_names: bool = False,
        out_fd: int = 1,
        duration: float = 0.0,
        max_events: int = 0,
        interval: float = 0.0,
        clear: bool | None = None,
        perf_pages: int = 0,
        take_signals: bool = False,
        hold: bool = False,
        trace_pipe: bool = False,
        fields: Sequence[str] = (),
        wakeup: str = "adaptive",
        cpu: int | None = None,
        drill_loss: float = 0.0,
        filter: bytes | None = None,
        members: Any = None,
        guests: Sequence[Any] = (),
        sample: int = 0,
        rate_limit: float = 0.0,
        count_by: Sequence[str] = (),
        hist: Sequence[str] = (),
        sort: Sequence[str] = (),
        top: int = 0,
        live: bool = False,
        record: Recorder | None = None,
        path: str | None = None,
        rotate_size: int = 0,
        rotate_after: float = 0.0,
        rotate_keep: int = 0,
        queue: int = 0,
        tell_fd: int = -1,
        tell_interval: float = 0.0,
        warn_fd: int = -1,
        program: str = "ecli",
    ) -> None:
        for value, table, name in (
            (format, FORMATS, "format"),
            (time, TIMES, "time"),
            (header, HEADERS, "header"),
            (wakeup, WAKEUPS, "wakeup"),
        ):
            if value not in table:
                raise ValueError(f"{name} {value!r}: expected one of {', '.join(table)}")
        if duration < 0 or max_events < 0 or interval < 0:
            raise ValueError("duration, max_events and interval cannot be negative")
        if min(sample, rate_limit, top, rotate_size, rotate_after, rotate_keep, queue, tell_interval) < 0:
            raise ValueError("sample, rate_limit, top, rotate_*, queue and tell_interval cannot be negative")
        if not 0 <= drill_loss <= 1:
            raise ValueError(f"drill_loss {drill_loss}: expected a share from 0 to 1")
        if queue > MAX_QUEUE:
            raise ValueError(f"queue {queue}: at most {MAX_QUEUE} bytes")
        self.format = format
        self.compat = compat
        self.time = time
        self.header = header
        self.screen_rows = screen_rows
        self.big_ints = big_ints
        self.raw_values = raw_values
        self.symbols = symbols
        self.per_cpu, self.event_names = per_cpu, event_names
        self.out_fd = out_fd
        self.duration = duration
        self.max_events = max_events
        self.interval = interval
        self.clear = clear
        self.perf_pages = perf_pages
        self.take_signals = take_signals
        self.hold = hold
        self.trace_pipe = trace_pipe
        self.fields = fields
        self.wakeup = wakeup
        self.cpu = cpu
        self.drill_loss = drill_loss
        self.filter = filter
        self.members, self.guests = members, guests
        self.sample = sample
        self.rate_limit = rate_limit
        self.count_by = count_by
        self.hist = hist
        self.sort = sort
        self.top = top
        self.live = live
        self.record = record
        self.path = path
        self.rotate_size = rotate_size
        self.rotate_after = rotate_after
        self.rotate_keep = rotate_keep
        self.queue = queue
        self.tell_fd = tell_fd
        self.tell_interval, self.warn_fd = tell_interval, warn_fd
        self.program = program

    def to_format(self, keep: list[Any]) -> Any:
        """Return the C struct that says how records are rendered; what it points to is appended to keep."""
        form = ffi.new("struct eu_format *")
        form.format = FORMATS[self.format]
        form.compat = self.compat
        form.time = TIMES[self.time]
        form.header = HEADERS[self.header]
        form.screen_rows = self.screen_rows
        form.big_ints = self.big_ints
        form.raw_values = self.raw_values
        form.symbols = self.symbols
        form.per_cpu = self.per_cpu
        form.event_names = self.event_names
        form.fields = _kept(keep, ",".join(self.fields))
        return form

    def to_c(self, keep: list[Any]) -> Any:
        """Return the C struct with all of it; what it points to is appended to keep."""
        options = ffi.new("struct eu_run_options *")
        options.format = self.to_format(keep)[0]
        options.out_fd = self.out_fd
        options.duration = self.duration
        options.max_events = self.max_events
        options.interval = self.interval
        options.clear = -1 if self.clear is None else self.clear
        options.perf_pages = self.perf_pages
        options.take_signals = self.take_signals
        options.hold = self.hold
        options.trace_pipe = self.trace_pipe
        options.wakeup = WAKEUPS[self.wakeup]
        options.cpu = -1 if self.cpu is None else self.cpu
        options.drill_loss = self.drill_loss
        options.filter = _kept(keep, self.filter)
        options.filter_size = len(self.filter or b"")
        options.members = self.members or ffi.NULL
        if self.guests:
            keep.append(ffi.new("struct eu_sieve *[]", [each.handle() for each in self.guests]))
            options.sieves, options.nr_sieves = keep[-1], len(self.guests)
        options.sample = self.sample
        options.rate_limit = self.rate_limit
        options.count_by = _kept(keep, ",".join(self.count_by))
        options.hist = _kept(keep, ",".join(self.hist))
        options.sort = _kept(keep, ",".join(self.sort))
        options.top = self.top
        options.live = self.live
        options.recorder = self.record.handle() if self.record else ffi.NULL
        options.path = _kept(keep, self.path)
        options.rotate_size = self.rotate_size
        options.rotate_after = self.rotate_after
        options.rotate_keep = self.rotate_keep
        options.queue = self.queue
        options.tell_fd = self.tell_fd
        options.tell_interval = self.tell_interval
        options.warn_fd = self.warn_fd
        options.program = _kept(keep, self.program)
        return options


def _kept(keep: list[Any], value: str | bytes | None) -> Any:
    """Return a C string of value that lives as long as keep, NULL for nothing."""
    if not value:
        return ffi.NULL
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    keep.append(ffi.new("char[]", data))
    return keep[-1]


def read_plan(plan: bytes, obj: Object | None = None) -> Any:
    """Return the C plan, which the caller frees.

    Args:
        plan: its bytes.
        obj: whose buffers are read, where these are live.

    Raises:
        PackageError: it is damaged.
    """
    made = lib.eu_plan_read(plan, len(plan))
    if not made:
        from eunomia.errors import PackageError

        raise PackageError(text(lib.eu_error()))
    if obj is not None and obj.rings_replaced:
        lib.eu_plan_without_rings(made)
    return made


class Run:
    """All event sources and sampled maps of a loaded object, read in one loop.

    One thread runs `loop`; `stop` may be called from any.

    Args:
        obj: loaded; attach before or after, but before `loop`. None: a replay.
        plan: `Package.plan()`.
        options: how.

    Raises:
        PackageError: the plan is damaged.
        OSError: a buffer cannot be opened.
    """

    __slots__ = ("_busy", "_keep", "_lock", "_object", "_plan", "_run")

    def __init__(self, obj: Object | None, plan: bytes, options: RunOptions) -> None:
        self._object = obj
        self._busy = RLock()  # held while it loops: who closes waits for that
        self._lock = RLock()  # accounts and `stop` come from any thread
        self._run: Any = ffi.NULL
        self._plan: Any = read_plan(plan, obj)
        self._keep: list[Any] = []
        self._run = lib.eu_run_new(obj.handle() if obj else ffi.NULL, self._plan, options.to_c(self._keep))
        if not self._run:
            failure = error("open run")
            self.close()
            raise failure

    def loop(self) -> int:
        """Print events until something ends it; what is in the buffers then is printed too.

        Returns:
            STOPPED, SIGNAL, DURATION, MAX_EVENTS or OUTPUT_CLOSED.

        Raises:
            OSError: output cannot be written, or a map not be read; or all that programs are attached to is gone.
        """
        with self._busy:
            return check(lib.eu_run_loop(self._ready()), "read events")

    def finish(self) -> int:
        """End a loop with `hold`: wait for programs that still run, print what is left, return the ending."""
        with self._busy:
            return check(lib.eu_run_finish(self._ready()), "read events")

    def stop(self) -> None:
        """End `loop` soon; from any thread."""
        with self._lock:
            lib.eu_run_stop(self._open())

    def drop_privileges(self) -> bool:
        """Give up for good what reading, showing and detaching do not need, when all programs are attached.

        The process keeps its user, the capabilities of docs/reference/privileges.md, and the system calls of a run. It
        must be this one thread. Nothing in the library calls this by itself.

        Returns:
            Whether system calls are filtered too; False: the kernel has no such filters.

        Raises:
            OSError: the kernel refuses.
        """
        if self._object is None:
            raise ValueError("drop_privileges: a replay has none")
        check(lib.eu_run_drop(self._open(), self._object.handle()), "drop privileges")
        return bool(check(lib.eu_seccomp(), "filter system calls"))

    @property
    def manages_wakeups(self) -> bool:
        """Whether programs wake this reader as it says; False: as the kernel does.

        The object has no wake-up flag (not compiled by ecc, or with --no-accounting; perf buffers need none), or
        another reader of it is open.
        """
        return bool(lib.eu_run_manages_wakeups(self._open()))

    @property
    def has_sources(self) -> bool:
        """Whether there is anything to read: event sources, or maps that are sampled."""
        self._open()
        return bool(self._plan) and lib.eu_plan_sources(self._plan) > 0

    def accounts(self) -> list[Account]:
        """Return what became of each source's records, in the plan's order; then of other maps that programs update."""
        one = ffi.new("struct eu_account *")
        found = []
        with self._lock:
            run = self._open()
            for index in range(lib.eu_run_accounts(run)):
                check(lib.eu_run_account(run, index, one), "read account")
                found.append(Account(one))
        return found

    def close(self) -> None:
        """Close the buffers; the second call does nothing. A loop in another thread is stopped, and waited for."""
        with self._lock:
            if self._run:
                lib.eu_run_stop(self._run)
        with self._busy:
            with self._lock:
                run, self._run = self._run, ffi.NULL
                plan, self._plan = self._plan, ffi.NULL
            if run:
                lib.eu_run_free(run)
            if plan:
                lib.eu_plan_free(plan)

    def _open(self) -> Any:
        if not self._run:
            raise ValueError("the run is closed")
        return self._run

    def _ready(self) -> Any:
        """The run, whose maps are still there."""
        if self._object is not None:
            self._object.handle()
        return self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
