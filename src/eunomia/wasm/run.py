"""A run of a guest: its thread, its streams, pausing and ending it, and what came of it.

On the way of `ecli run GUEST.wasm`: imports nothing heavy.
"""

from __future__ import annotations

import _thread
import atexit
import os
from time import monotonic

from eunomia._native import check, ffi, lib, text
from eunomia.errors import GuestError
from eunomia.wasm.callbacks import Calls
from eunomia.wasm.losses import Losses
from eunomia.wasm.policy import Policy
from eunomia.wasm.streams import STEP, Output, Streams
from eunomia.wasm.words import in_python

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from threading import Thread
    from typing import Any

    from eunomia.wasm.directories import Directory
    from eunomia.wasm.functions import HostFunction
    from eunomia.wasm.guest import Guest

KEPT = 64 << 20  # bytes of output that is kept, unless told
MAX_FAILURES = 1000
LET_GO = 0.02  # seconds that `wait` gives the kernel to let go of programs and maps; on tracepoints it takes up to 0.1
SIGINT = 2
LARGE = 1 << 20  # bytes of a guest's stack, above which its thread gets a stack for it
HOSTS = 2 << 20  # bytes for the host's functions on the same stack
_MAX = (1 << 64) - 1
ENDINGS = {
    lib.EU_RUNNING: "running", lib.EU_RETURNED: "returned", lib.EU_EXITED: "exited", lib.EU_TRAPPED: "trapped",
    lib.EU_TERMINATED: "terminated", lib.EU_OUT_OF_FUEL: "out of fuel", lib.EU_TIMED_OUT: "timed out",
    lib.EU_FAILED: "failed",
}  # fmt: skip
FAILED = frozenset(("trapped", "out of fuel", "failed"))
_runs: set[Run] = set()  # those with a thread of their own


class Run(Output, Losses):
    """A guest while it runs, and after. Made by `Guest.run`.

    Attributes:
        ending: `running`, then how it ended: `returned`, `exited` (by its own call), `trapped`, `out of fuel`,
            `timed out`, `terminated` (by `terminate`, a signal, or the end of the block), `failed` (a host function, or
            the host).
        exit_code: 0 to 255 as the guest says it; 1 after a trap, a failure or without fuel; 0 when it was ended from
            outside or by its duration. None while it runs.
        text: one line about the ending, "" where there is nothing to say.
        detail: the calls of a guest that trapped, innermost first, one a line.
        failures: lines about what the guest asked for in vain, and warnings about how it asks, oldest first.
    """

    def __init__(
        self,
        guest: Guest,
        functions: list[HostFunction],
        policy: Policy | None,
        on_record: Callable[[str, bytes], None] | None,
        on_failure: Callable[[str, list[str]], None] | None,
    ) -> None:
        self.ending = "running"
        self.exit_code: int | None = None
        self.text = ""
        self.detail = ""
        self.failures: list[str] = []
        self._module = guest
        self._policy = policy or Policy()
        self._on_failure = on_failure
        self._calls = Calls(self._policy, self._failed, self._note, on_record, functions)
        self._options = ffi.new("struct eu_guest_options *")
        self._kept: list[Any] = []
        self._guest: Any = ffi.NULL
        self._lock = _thread.allocate_lock()
        self._thread: Thread | None = None
        self._running = _thread.allocate_lock()  # held until the ending is known
        self._streams = Streams()

    # before the start

    def _open_streams(self, stdin: Any, stdout: Any, stderr: Any) -> None:
        """Set where input comes from and output goes to."""
        self._options.stdin_fd = self._streams.source(stdin)
        self._options.stdout_fd = self._streams.target("stdout", stdout)
        self._options.stderr_fd = self._streams.target("stderr", stderr)

    def _set_words(self, args: Sequence[str], env: Mapping[str, str], dirs: Sequence[Directory | str]) -> None:
        """Set arguments, environment and directories."""
        self._options.args = self._words(args)
        self._options.env = self._words([f"{name}={value}" for name, value in env.items()])
        if not dirs:
            return
        from eunomia.wasm.directories import Directory

        found = [each if isinstance(each, Directory) else Directory.parse(each) for each in dirs]
        array = ffi.new("struct eu_preopen[]", len(found) + 1)
        self._kept.append(array)
        for place, each in zip(array, found, strict=False):
            place.host, place.guest = self._text(each.host), self._text(each.guest)
            place.writable, place.token = each.rights == "rw", each.rights == "token"
        self._options.preopens = array
        self._calls.policy = self._policy.with_groups(
            each.host for each in found if each.is_group and each.rights == "token"
        )

    def _text(self, value: str) -> Any:
        data = os.fsencode(value)
        if b"\0" in data:
            raise ValueError(f"guest {self._module.name}: a NUL in {value!r}")
        kept = ffi.new("char[]", data)
        self._kept.append(kept)
        return kept

    def _words(self, words: Sequence[str]) -> Any:
        array = ffi.new("const char *[]", [*(self._text(word) for word in words), ffi.NULL])
        self._kept.append(array)
        return array

    def _set_limits(
        self, *, memory: int, table: int, fuel: int | None, stack: int, duration: float, max_output: int | None
    ) -> None:
        """Set what it may use; 0 is the default."""
        options = self._options
        options.memory, options.table, options.stack = memory, table, stack
        options.fuel = 0 if fuel is None else fuel or _MAX
        options.duration = max(1, int(duration * 1e9)) if duration else 0
        options.max_output = max_output if max_output is not None else KEPT if self._streams.keeps else 0
        policy = self._calls.policy
        if policy is not None:
            options.max_objects, options.max_links = policy.number("objects"), policy.number("links")

    def _set_modules(self, modules: Sequence[Guest]) -> None:
        """Set the modules beside the guest."""
        array = ffi.new("struct eu_guest_module[]", len(modules) + 1)
        self._kept.append(array)
        for place, each in zip(array, modules, strict=False):
            data = ffi.from_buffer(each.wasm)
            self._kept.append(data)
            place.name, place.wasm, place.size = self._text(each.name), data, len(each.wasm)
        self._options.modules = array

    def _set_callback(self, module: str, export: str) -> None:
        """Set the names of TinyGo's form of polling."""
        self._options.callback_module, self._options.callback_export = self._text(module), self._text(export)

    def _make(self) -> Any:
        """Make the guest of the module."""
        from eunomia.wasm import engine
        from eunomia.wasm.functions import c_functions

        options, calls = self._options, self._calls
        options.library = self._text(engine.library())
        cache = engine.cache()
        options.cache = self._text(cache) if cache else ffi.NULL
        if self._module.hints_are_options and os.isatty(2):
            size = len(self._module.wasm) / 1e6
            options.compiling = self._text(f"ecli: compiling {ascii(self._module.name)[1:-1]} ({size:.1f} MB), once\n")
        options.context = calls.handle
        options.decide, options.failed = lib.eu_python_decides, lib.eu_python_failed
        options.note, options.package, options.lost = lib.eu_python_note, lib.eu_python_package, lib.eu_python_lost
        if calls.on_record is not None:
            options.on_record = lib.eu_python_record
        calls.functions = [function.bound(calls) for function in calls.functions]
        options.functions = c_functions(calls.functions, self._kept)
        self._guest = lib.eu_guest_new(self._module.wasm, len(self._module.wasm), options)
        if not self._guest:
            raise GuestError(f"run {self._module.name}: {self._in_words(text(lib.eu_error()))}")
        return self._guest

    def _start(self, *, thread: bool, take_signals: bool) -> None:
        """Make the guest of the module and run it, in a thread or to its end."""
        self._make()
        if take_signals:
            check(lib.eu_guest_take_signals(self._guest), "take signals")
        if not thread:
            self._run(take_signals)
            return
        from threading import Thread, stack_size

        self._running.acquire()
        self._thread = Thread(target=self._run, args=(take_signals,), name=f"guest {self._module.name}", daemon=True)
        _runs.add(self)
        try:
            before = stack_size(self._options.stack + HOSTS) if self._options.stack > LARGE else None
            try:
                self._thread.start()
            finally:
                if before is not None:
                    stack_size(before)
        except BaseException:  # no more threads: as if it had not been started
            self._thread = None
            _runs.discard(self)
            if take_signals:
                lib.eu_guest_take_signals(ffi.NULL)
            raise

    def _run(self, took_signals: bool) -> None:
        ending = lib.eu_guest_run(self._guest)
        if took_signals:
            lib.eu_guest_take_signals(ffi.NULL)
        with self._lock:
            guest, self._guest = self._guest, ffi.NULL
            self.text, self.detail = text(lib.eu_guest_text(guest)), text(lib.eu_guest_detail(guest))
            words = ENDINGS.get(ending, "failed")
            self.exit_code = 1 if words in FAILED else int(lib.eu_guest_exit_code(guest)) if words == "exited" else 0
            self.ending = words
        if self._running.locked():
            self._running.release()
        lib.eu_guest_free(guest)
        _runs.discard(self)

    def _in_words(self, line: str) -> str:
        return line if self._module.hints_are_options else in_python(line)

    def _failed(self, line: str, said: list[str]) -> None:
        line = self._in_words(line)
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(line)
        if self._on_failure is not None:
            self._on_failure(line, said)

    def _note(self, line: str) -> None:
        self._failed(line, [])

    # while it runs

    @property
    def is_running(self) -> bool:
        """Whether it has not ended; a paused guest runs."""
        return self.ending == "running"

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended. The kernel lets go of what it had by then, or soon: `close` waits for that too.

        Args:
            timeout: seconds; None: as long as it takes.

        Returns:
            The exit code, or None when the time was up.

        Raises:
            BaseException: what a function of `register` or `on_record` raised.
            RuntimeError: a function of `register` or `on_record` waits for the guest that called it.
        """
        self._refuse_itself("wait for")
        if self._thread is not None and self._ends_within(timeout):
            self._thread.join(LET_GO)
        if self.ending != "running" and self._calls.error is not None:
            raise self._calls.error
        return self.exit_code

    def _ends_within(self, timeout: float | None) -> bool:
        ended = self._running.acquire(timeout=-1 if timeout is None else max(timeout, 0))
        if ended:
            self._running.release()
        return ended

    def wait_attached(self, timeout: float | None = None) -> bool:
        """Wait until it has attached something, `has_attached`, or has ended; return whether it has attached something.

        Args:
            timeout: seconds; None: as long as it takes.
        """
        end = None if timeout is None else monotonic() + timeout
        while not self.has_attached and self.is_running and (end is None or monotonic() < end):
            self._ends_within(STEP)
        return self.has_attached

    def stop(self, timeout: float = 2.0) -> int:
        """End it as Ctrl-C does: a guest that handles signals may finish what it does, then it is terminated.

        Args:
            timeout: seconds that it has for its end.

        Returns:
            The exit code.

        Raises:
            BaseException, RuntimeError: as `wait`.
        """
        self._refuse_itself("stop")
        self.signal(SIGINT)
        code = self.wait(timeout)
        if code is None:
            self.terminate()
            code = self.wait()
        return code or 0

    def _refuse_itself(self, what: str) -> None:
        # once it has ended, another thread may have its number
        if self.is_running and self._thread is not None and self._thread.ident == _thread.get_ident():
            raise RuntimeError(f"{what} a guest in a call of its own [terminate() ends it]")

    def check(self, *, exit_code: bool = False) -> int:
        """Wait until it has ended, and return its exit code.

        A guest that was refused something, and ends with a code of its own for that, raises nothing by default.

        Args:
            exit_code: a code other than 0 raises GuestError too, with what it asked for in vain first.

        Raises:
            GuestError: it trapped, had no fuel left, or the host failed; `.ending` says which.
            BaseException: what a function of `register` or `on_record` raised.
        """
        code = self.wait()
        if self.ending in FAILED:
            raise GuestError(f"run {self._module.name}: {self.text or self.ending}", self.ending)
        if exit_code and code:
            why = f": {self.failures[0]}" if self.failures else ""
            raise GuestError(f"run {self._module.name}: exit code {code}{why}", self.ending)
        return code or 0

    def pause(self) -> bool:
        """Have it stand still, wherever it is: in its code, a sleep, a poll or a callback. From any thread.

        Returns:
            False where it was paused already, or has ended.
        """
        return self._control(lib.eu_guest_pause)

    def resume(self) -> bool:
        """Have a paused guest go on; False where it was not paused. From any thread."""
        return self._control(lib.eu_guest_resume)

    def terminate(self) -> bool:
        """End it, wherever it is, paused or not; what it has in the kernel is let go. From any thread.

        Returns:
            False where it has ended already. The ending is known after `wait`.
        """
        return self._control(lib.eu_guest_terminate)

    def signal(self, number: int) -> None:
        """Tell it of a signal, as SIGINT would: a guest that handles signals gets it, once; others end. See `stop`."""
        with self._lock:
            if self._guest:
                lib.eu_guest_signal(self._guest, number)

    def _control(self, function: Callable[[Any], int]) -> bool:
        with self._lock:
            return bool(self._guest) and function(self._guest) == 0

    @property
    def has_attached(self) -> bool:
        """Whether it has asked to attach something, and was allowed to: it is attached then, or a moment later."""
        return self._calls.attaches > 0

    @property
    def is_paused(self) -> bool:
        """Whether it stands still."""
        with self._lock:
            return bool(self._guest) and lib.eu_guest_state(self._guest) == 2

    # the end

    def close(self) -> None:
        """End the guest if it runs, and wait for it. What it has written can be read still. Again: nothing.

        Raises:
            RuntimeError: as `wait`.
        """
        self._refuse_itself("close the run of")
        if self._thread is not None:
            self.terminate()
            self._thread.join()
        elif self._guest:  # it never ran
            guest, self._guest = self._guest, ffi.NULL
            lib.eu_guest_free(guest)
        self._streams.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        code = "" if self.exit_code is None else f", exit code {self.exit_code}"
        return f"<Run of {self._module.name}: {self.ending}{code}>"


def _end_all() -> None:
    """End what still runs when Python ends, which would end a guest's thread in the middle of a call into Python."""
    for run in list(_runs):
        run.terminate()
    for run in list(_runs):
        if run._thread is not None:
            run._thread.join(1)


atexit.register(_end_all)
os.register_at_fork(after_in_child=_runs.clear)  # their threads are not in the child
