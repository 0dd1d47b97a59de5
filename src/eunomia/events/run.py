"""Read, render and write the events of an object until something ends it. The work is the C core's (native/run.c).

It is on the way of every `ecli run`: plain classes, no imports but the door to C (DESIGN decision 8).
"""

from __future__ import annotations

from eunomia._native import check, error, ffi, lib, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from eunomia.kernel.object import Object

FORMATS = {"text": 0, "json": 1, "raw": 2, "folded": 3}
TIMES = {"none": 0, "clock": 1, "age": 2, "iso": 3}
HEADERS = {"never": 0, "once": 1, "screen": 2}

STOPPED, SIGNAL, DURATION, MAX_EVENTS, OUTPUT_CLOSED = range(5)


class RunOptions:
    """How events are read and written.

    Attributes:
        format: "text", "json" (lines), "raw" (the records' bytes), "folded" (stacks, for flame graphs).
        compat: text and JSON byte for byte as the first system's.
        time: "none", "clock" (%H:%M:%S), "age" (seconds since the start), "iso" (ISO 8601, UTC, microseconds).
        header: "never", "once", "screen" (again after screen_rows lines).
        big_ints: JSON integers above 2^53 as strings.
        raw_values: no decoders.
        symbols: stacks with symbols.
        per_cpu: values of per-CPU maps apart, not summed.
        out_fd: descriptor that is written to.
        duration: seconds, 0: no end.
        max_events: 0: no end.
        interval: of sampled maps in seconds, 0: as the package says.
        clear: sampled maps after each reading; None: as the package says.
        perf_pages: of a perf buffer per CPU, a power of two; 0: 64.
        take_signals: SIGINT, SIGTERM and SIGHUP end the loop; handlers are put back afterwards.
        hold: `loop` does not print what is left; detach then, and call `finish`.
        trace_pipe: the lines of bpf_printk too.
    """

    __slots__ = (
        "big_ints",
        "clear",
        "compat",
        "duration",
        "format",
        "header",
        "hold",
        "interval",
        "max_events",
        "out_fd",
        "per_cpu",
        "perf_pages",
        "raw_values",
        "screen_rows",
        "symbols",
        "take_signals",
        "time",
        "trace_pipe",
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
        out_fd: int = 1,
        duration: float = 0.0,
        max_events: int = 0,
        interval: float = 0.0,
        clear: bool | None = None,
        perf_pages: int = 0,
        take_signals: bool = False,
        hold: bool = False,
        trace_pipe: bool = False,
    ) -> None:
        for value, table, name in ((format, FORMATS, "format"), (time, TIMES, "time"), (header, HEADERS, "header")):
            if value not in table:
                raise ValueError(f"{name} {value!r}: expected one of {', '.join(table)}")
        if duration < 0 or max_events < 0 or interval < 0:
            raise ValueError("duration, max_events and interval cannot be negative")
        self.format = format
        self.compat = compat
        self.time = time
        self.header = header
        self.screen_rows = screen_rows
        self.big_ints = big_ints
        self.raw_values = raw_values
        self.symbols = symbols
        self.per_cpu = per_cpu
        self.out_fd = out_fd
        self.duration = duration
        self.max_events = max_events
        self.interval = interval
        self.clear = clear
        self.perf_pages = perf_pages
        self.take_signals = take_signals
        self.hold = hold
        self.trace_pipe = trace_pipe

    def to_format(self) -> Any:
        """Return the C struct that says how records are rendered."""
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
        return form

    def to_c(self) -> Any:
        """Return the C struct with all of it."""
        options = ffi.new("struct eu_run_options *")
        options.format = self.to_format()[0]
        options.out_fd = self.out_fd
        options.duration = self.duration
        options.max_events = self.max_events
        options.interval = self.interval
        options.clear = -1 if self.clear is None else self.clear
        options.perf_pages = self.perf_pages
        options.take_signals = self.take_signals
        options.hold = self.hold
        options.trace_pipe = self.trace_pipe
        return options


class Account:
    """What became of one source's records: produced = delivered + undecodable + discarded + lost + pending.

    Attributes:
        map: its name.
        delivered: events or elements written.
        undecodable: records too short for their type.
        lost: records for which there was no room; None: unknown, for nobody counted (a ring buffer of a package
            without accounting).
        produced: calls that were to produce a record; None: unknown.
        discarded: reserved and given back by the program.
        kind: of the source: 1 ring buffer, 2 perf buffer, 3 sampled map.
    """

    __slots__ = ("delivered", "discarded", "kind", "lost", "map", "produced", "undecodable")

    def __init__(
        self,
        map: str,
        delivered: int,
        undecodable: int,
        lost: int | None,
        produced: int | None = None,
        discarded: int = 0,
        kind: int = 0,
    ) -> None:
        self.kind = kind
        self.produced = produced
        self.discarded = discarded
        self.map = map
        self.delivered = delivered
        self.undecodable = undecodable
        self.lost = lost

    @property
    def pending(self) -> int | None:
        """Produced and not read yet; None: unknown."""
        if self.produced is None:
            return None
        return self.produced - self.delivered - self.undecodable - self.discarded - (self.lost or 0)

    def __repr__(self) -> str:
        lost = "unknown" if self.lost is None else self.lost
        return f"<Account {self.map}: {self.delivered} delivered, {self.undecodable} undecodable, {lost} lost>"


def read_plan(plan: bytes) -> Any:
    """Return the C plan, which the caller frees.

    Raises:
        PackageError: it is damaged.
    """
    made = lib.eu_plan_read(plan, len(plan))
    if not made:
        from eunomia.errors import PackageError

        raise PackageError(text(lib.eu_error()))
    return made


class Run:
    """All event sources and sampled maps of a loaded object, read in one loop.

    One thread runs `loop`; `stop` may be called from any.

    Args:
        obj: loaded; attach before or after, but before `loop`.
        plan: `Package.plan()`.
        options: how.

    Raises:
        PackageError: the plan is damaged.
        OSError: a buffer cannot be opened.
    """

    __slots__ = ("_object", "_plan", "_run")

    def __init__(self, obj: Object, plan: bytes, options: RunOptions) -> None:
        self._object = obj
        self._run: Any = ffi.NULL
        self._plan: Any = read_plan(plan)
        self._run = lib.eu_run_new(obj.handle(), self._plan, options.to_c())
        if not self._run:
            failure = error("open run")
            self.close()
            raise failure

    def loop(self) -> int:
        """Print events until something ends it; what is in the buffers then is printed too.

        Returns:
            STOPPED, SIGNAL, DURATION, MAX_EVENTS or OUTPUT_CLOSED.

        Raises:
            OSError: output cannot be written, or a map not be read.
        """
        return check(lib.eu_run_loop(self._open()), "read events")

    def finish(self) -> int:
        """End a loop with `hold`: wait for programs that still run, print what is left, return the ending."""
        return check(lib.eu_run_finish(self._open()), "read events")

    def stop(self) -> None:
        """End `loop` soon; from any thread."""
        lib.eu_run_stop(self._open())

    def accounts(self) -> list[Account]:
        """Return what became of each source's records, in the plan's order."""
        run = self._open()
        one = ffi.new("struct eu_account *")
        found = []
        for index in range(lib.eu_plan_sources(self._plan)):
            check(lib.eu_run_account(run, index, one), "read account")
            lost = one.lost if one.known or one.lost or one.kind != 1 else None
            produced = one.produced if one.known else None
            found.append(Account(text(one.map), one.delivered, one.undecodable, lost, produced, one.discarded, one.kind))
        return found

    def close(self) -> None:
        """Close the buffers; the second call does nothing."""
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
