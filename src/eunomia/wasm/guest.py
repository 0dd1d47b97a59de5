"""Guests: Wasm modules that were read and can be run, several times and side by side.

On the way of `ecli run GUEST.wasm`: imports nothing heavy.
"""

from __future__ import annotations

import os

from eunomia.errors import GuestError
from eunomia.wasm.functions import HostFunction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import IO, Any

    from eunomia.wasm.directories import Directory
    from eunomia.wasm.policy import Policy
    from eunomia.wasm.run import Run

    Output = int | IO[Any] | None
    Bytes = bytes | bytearray | memoryview

MAGIC = b"\0asm"
MAX_FILE = 256 << 20  # bytes of a module


class Guest:
    """A Wasm module, and the functions that it is offered beside the host's own.

    Attributes:
        wasm: its bytes; a copy, where it was made of another object that has bytes, as bytearray and memoryview.
        name: what it was opened as; `argv[0]` of its runs.
        hints_are_options: messages name options of `ecli run`, as `--allow`, in place of what a Python program writes.
    """

    __slots__ = ("_functions", "_limits", "_modules", "hints_are_options", "name", "wasm")

    def __init__(self, wasm: Bytes, name: str = "guest.wasm") -> None:
        self.wasm = module_bytes(wasm)
        check_header(self.wasm, name)
        self.name = name
        self.hints_are_options = False
        self._functions: list[HostFunction] = []
        self._modules: list[Guest] = []
        self._limits: list[tuple[list[str], str]] = []  # types of programs that rules of trust allow, and where

    @classmethod
    def open(cls, program: str | Bytes | os.PathLike[str]) -> Guest:
        """Read a guest.

        Args:
            program: the bytes of a module, a path, a folder with one module, an http or https URL, or `-` for standard
                input.

        Raises:
            GuestError: the bytes are no module.
            FetchError: there is nothing of this name, or a download failed.
            RefusedError: a rule of trust refuses it.
            OSError: the file cannot be read.
        """
        if not isinstance(program, (str, os.PathLike)):
            return cls(program)
        from eunomia.registry.gate import programs_of_guest, require, word_limits
        from eunomia.registry.resolve import fetch

        name = os.fspath(program)
        found = fetch(name)
        guest = cls(found.data, name)
        guest._limits = word_limits(require(found, lambda: programs_of_guest(found.data)))
        return guest

    def register(
        self, module: str, name: str, type: str, function: Callable[..., Any], *, memory: bool = False
    ) -> None:
        """Offer a function to the guest, which imports it from `module` as `name`.

        An exception in it ends the guest; `Run.check` and `Run.wait` raise it again. It goes before a function of the
        host with the same name.

        Args:
            type: as in `(i32, i64) -> i32`; none or one result. Pointers are i32.
            function: called in the guest's thread with numbers: signed integers, floats.
            memory: its first argument is the guest's `Memory`.

        Raises:
            ValueError: the type is malformed.
        """
        self._functions.append(HostFunction(module, name, type, function, memory))

    def link(self, name: str, module: Guest | str | Bytes | os.PathLike[str]) -> None:
        """Have another module in every run, whose exports the guest imports from `name`.

        It has a memory of its own, of the same size at most; what the host is asked by it, acts on that. Modules that
        are linked later can import from it too.

        Args:
            name: the module that imports say.
            module: as for `open`.

        Raises:
            ValueError: the name is empty or taken.
            GuestError, FetchError, OSError: as `open`.
        """
        if not name or any(name == other.name for other in self._modules):
            raise ValueError(f"link {name or 'a module'}: {'linked already' if name else 'it has no name'}")
        made = module if isinstance(module, Guest) else Guest.open(module)
        self._modules.append(Guest(made.wasm, name))

    def run(
        self,
        args: Sequence[str] = (),
        *,
        policy: Policy | None = None,
        env: Mapping[str, str] | None = None,
        dirs: Iterable[Directory | str] = (),
        stdin: bytes | int | IO[Any] | None = None,
        stdout: Output = None,
        stderr: Output = None,
        memory: int = 0,
        table: int = 0,
        fuel: int | None = None,
        stack: int = 0,
        duration: float = 0.0,
        max_output: int | None = None,
        on_record: Callable[[str, bytes], None] | None = None,
        on_failure: Callable[[str, list[str]], None] | None = None,
        callback: tuple[str, str] | None = None,
        thread: bool = True,
        take_signals: bool = False,
    ) -> Run:
        """Run the guest.

        Args:
            args: what follows `argv[0]`.
            policy: what it may do; None: what only observes, and what /etc/eunomia/policy.toml says.
            env: its environment; it gets nothing of this process's.
            dirs: directories that it is given, as `Directory` or as `HOST[:GUEST][:ro|rw|token]`.
            stdin: its input: bytes, a descriptor or file; None: empty.
            stdout, stderr: where its output goes: a descriptor or file; None: kept, to be read from the run.
            memory: bytes that its memories may have together [256 MiB].
            table: elements that each of its tables may have [100000].
            fuel: instructions between two waits, 0: no limit [100 000 000 000].
            stack: bytes of its stack [1 MiB].
            duration: seconds after which it is ended, 0: never.
            max_output: bytes of stdout and stderr together, after which it is ended; 0: no limit [64 MiB where one of
                them is kept, else no limit].
            on_record: called with (map, bytes) for each record of its ring and perf buffers, before the guest gets it.
            on_failure: called with a line, and what the verifier said last, when something that it asked for failed or
                was refused; the lines are in `Run.failures` too.
            callback: module and export of TinyGo's form of polling [`callback-wrapper`, `go-callback`].
            thread: in a thread of its own; False: in this one, `run` returns when the guest has ended.
            take_signals: SIGINT, SIGTERM and SIGHUP of this process go to the guest while it runs. One run at a time.

        Returns:
            The run, to be closed: `with guest.run(…) as run`. Leaving the block ends the guest.

        Raises:
            GuestError: the module is damaged, or imports what nobody offers.
            MissingDependencyError: wasmtime is not installed.
            OSError: a directory cannot be opened.
        """
        from eunomia.wasm.run import Run

        for words, origin in self._limits:
            from eunomia.wasm.policy import Policy

            policy = (policy or Policy()).with_types(words, origin)
        run = Run(self, self._functions, policy, on_record, on_failure)
        try:
            run._open_streams(stdin, stdout, stderr)
            run._set_words([self.name, *args], env or {}, list(dirs))
            run._set_modules(self._modules)
            run._set_limits(
                memory=memory, table=table, fuel=fuel, stack=stack, duration=duration, max_output=max_output
            )
            if callback is not None:
                run._set_callback(*callback)
            run._start(thread=thread, take_signals=take_signals)
        except BaseException:
            run.close()
            raise
        return run

    def __repr__(self) -> str:
        return f"<Guest {self.name}: {len(self.wasm)} bytes>"


def module_bytes(wasm: Bytes) -> bytes:
    """Return the bytes of an object that has some; a Guest keeps them, so that nobody changes them meanwhile."""
    try:
        return wasm if type(wasm) is bytes else bytes(memoryview(wasm))
    except TypeError:
        hint = " [Guest.open takes paths]" if isinstance(wasm, (str, os.PathLike)) else ""
        raise TypeError(f"expected the bytes of a Wasm module, not {type(wasm).__name__}{hint}") from None


def is_component(data: bytes) -> bool:
    """Tell whether bytes begin as a component does."""
    return data[:4] == MAGIC and data[6:8] == b"\1\0"


def check_header(data: bytes, name: str) -> None:
    """Raise GuestError for bytes that do not begin as a module does."""
    if data[:4] != MAGIC:
        raise GuestError(f"open {name}: not a Wasm module: it begins with {data[:4].hex(' ') or 'nothing'}")
    version, layer = int.from_bytes(data[4:6], "little"), int.from_bytes(data[6:8], "little")
    if len(data) < 8:
        raise GuestError(f"open {name}: truncated: {len(data)} bytes, a module's header alone has 8")
    if layer == 1:
        raise GuestError(
            f"open {name}: a component, expected a core module [ecli run takes components, or build for wasm32-wasip1]"
        )
    if version != 1 or layer:
        raise GuestError(f"open {name}: Wasm version {version}, expected 1")
