"""Components: hosted by wasmtime's own Python bindings, with the interface of wit/eunomia-bpf.wit.

Its records go through Python, which takes 130 us for one of 64 bytes; a module's guest gets them from C. Not on the way
of a start: importing the bindings takes 60 ms and more.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from wasmtime import Config, Engine, ExitTrap, Store, WasiConfig, WasmtimeError
from wasmtime.component import Component, Instance, Linker

from eunomia.errors import GuestError
from eunomia.wasm.objects import CONSOLE, OBJECTS, Objects
from eunomia.wasm.shim import Shim, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from eunomia.wasm.directories import Directory
    from eunomia.wasm.policy import Policy

FUEL, MEMORY, TABLE = 100_000_000_000, 256 << 20, 100_000
GRACE = 0.5  # seconds for what it does when it is ended


def run_component(
    data: bytes,
    name: str,
    args: Sequence[str] = (),
    *,
    policy: Policy,
    env: Mapping[str, str] | None = None,
    dirs: Sequence[Directory] = (),
    memory: int = 0,
    table: int = 0,
    fuel: int | None = None,
    duration: float = 0.0,
    on_failure: Callable[[str, list[str]], None] | None = None,
) -> int:
    """Run a component to its end with this process's standard input and output; return its exit code.

    It exports `run: func(args: list<string>) -> u8`, or `wasi:cli/run`. KeyboardInterrupt ends it.

    Raises:
        GuestError: it is damaged, imports what nobody offers, or trapped.
    """
    ended: list[BaseException | int] = []
    over = threading.Event()  # Thread.join() forgets that a thread runs where a signal interrupts it
    engine, component = _compile(data, name)
    store = _store(engine, memory or MEMORY, table or TABLE, FUEL if fuel is None else fuel or (1 << 64) - 1)
    store.set_wasi(_wasi([name, *args], env or {}, dirs))
    shim = Shim(name, policy, on_failure, duration)

    def work() -> None:
        try:
            ended.append(_run(store, Linker(engine), component, shim, [name, *args]))
        except BaseException as exc:  # raised again below
            ended.append(exc)
        over.set()

    threading.Thread(target=work, name=f"component {name}", daemon=True).start()
    was_stopped = not _await(over, duration)
    if was_stopped:
        shim.terminate()
        engine.increment_epoch()
        if not over.wait(GRACE):
            return 0  # it sleeps in wasmtime's WASI, which nothing interrupts: what it has in the kernel goes with us
    line = shim.close()
    if line and on_failure is not None:
        on_failure(line, [])
    return _conclude(name, ended[0], was_stopped)


def _compile(data: bytes, name: str) -> tuple[Engine, Component]:
    config = Config()
    config.consume_fuel = config.epoch_interruption = True
    engine = Engine(config)
    try:
        return engine, Component(engine, data)
    except WasmtimeError as exc:
        raise GuestError(f"open {name}: {_line(exc)}") from exc


def _store(engine: Engine, memory: int, table: int, fuel: int) -> Store:
    store = Store(engine)
    store.set_fuel(fuel)
    store.set_limits(memory_size=memory, table_elements=table, instances=100, tables=100, memories=4)
    store.set_epoch_deadline(1)
    return store


def _await(over: threading.Event, duration: float) -> bool:
    """Wait for its end; False when it shall end."""
    try:
        return over.wait(duration or None)
    except KeyboardInterrupt:
        return False


def _conclude(name: str, ended: BaseException | int, was_stopped: bool) -> int:
    if isinstance(ended, int):
        return ended
    if isinstance(ended, Stopped) or (was_stopped and isinstance(ended, WasmtimeError)):
        return 0
    if isinstance(ended, ExitTrap):
        return ended.code & 0xFF
    if isinstance(ended, WasmtimeError):
        raise GuestError(f"run {name}: {_line(ended)}") from ended
    raise ended


def _line(exc: WasmtimeError) -> str:
    """Return what an error of the bindings says in one line: its first, and the innermost cause."""
    said, _, causes = str(exc).partition("Caused by:")
    first = (said.strip().splitlines() or [""])[0]
    lines = [line.strip().lstrip("0123456789").removeprefix(": ") for line in causes.splitlines() if line.strip()]
    shown = lines[-1:] if first.startswith("error while executing") and lines else [first, *lines[-1:]]
    limits = (("memory", "--memory SIZE"), ("table", "--table N"))
    advice = "".join(f" [{option} allows more]" for what, option in limits if f"exceeds {what} limits" in shown[-1])
    return "".join(each if each.isprintable() else "?" for each in ": ".join(shown)) + advice


def _run(store: Store, linker: Linker, component: Component, shim: Shim, words: list[str]) -> int:
    shim.start()
    linker.add_wasip2()
    objects = Objects(shim)
    with linker.root() as root:
        with root.add_instance(OBJECTS) as instance:
            objects.define(instance)
        with root.add_instance(CONSOLE) as instance:
            instance.add_func("print", _print)
    return _enter(store, linker.instantiate(store, component), words)


def _enter(store: Store, instance: Instance, words: list[str]) -> int:
    run = instance.get_func(store, "run")
    if run is not None:
        return int(run(store, words[1:]))
    for name in (f"wasi:cli/run@0.2.{minor}" for minor in range(20)):
        outer = instance.get_export_index(store, name)
        index = instance.get_export_index(store, "run", outer) if outer else None
        command = instance.get_func(store, index) if index else None
        if command is not None:
            result = command(store)
            return 1 if getattr(result, "tag", "ok") == "err" else 0
    raise GuestError(f"run {words[0]}: the component exports neither run nor wasi:cli/run")


def _print(_store: Any, text: str) -> None:
    data = text.encode()
    while data:
        data = data[os.write(1, data) :]


def _wasi(words: list[str], env: Mapping[str, str], dirs: Sequence[Directory]) -> WasiConfig:
    made = WasiConfig()
    made.argv = words
    made.env = list(env.items())
    made.inherit_stdin()
    made.inherit_stdout()
    made.inherit_stderr()
    for each in dirs:
        if f"{os.path.realpath(each.host)}/".startswith("/proc/") or os.path.realpath(each.host) == "/":
            raise GuestError(
                f"directory {each.host}: has /proc in it, of which components can have nothing [modules can]"
            )
        if each.rights != "token":
            made.preopen_dir(each.host, each.guest, each.rights == "rw")
    return made
