"""Many guests, ended in every way: nothing is left of them, neither in the process nor in the kernel."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import wasmtime

from eunomia.wasm import Guest, Policy
from support import kernel_state, old_guests
from support import wasm_writer as writer
from support.commands import Command

LOOP = writer.module(body=writer.LOOP + writer.BRANCH + writer.END)
STUBBORN = r"""(module
    (import "wasm_bpf" "wasm_bpf_take_signal" (func $signal (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\10\00\00\00\06\00\00\00\18\00\00\00\07\00\00\00ready\0a\00\00signal\0a")
    (func (export "_start")
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))
        (loop $l
            (if (call $signal) (then (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 64)))))
            (br $l))))"""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A guest that attaches a program and prints as many events as it is told."""
    return old_guests.compile_all(tmp_path_factory.mktemp("guests"))["events"]


def test_stop_is_what_ctrl_c_is_then_the_end() -> None:
    import wasmtime

    seen = []
    with Guest(bytes(wasmtime.wat2wasm(STUBBORN))).run(fuel=0) as run:
        for line in run.lines():
            seen.append(line)
            if line == "ready":
                assert run.stop(3) == 0

    assert seen == ["ready", "signal"]
    assert run.ending == "terminated"


def test_attaching_can_be_waited_for(events: Path) -> None:
    with Guest.open(events).run(["1000000"]) as run:
        assert run.wait_attached(30)
        assert run.has_attached
        assert run.is_running
        assert run.stop() == 0


def until(true: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.005)


def held(pid: int) -> set[tuple[str, int]]:
    """Programs, maps and links that a process holds."""
    return {thing for thing, pids in kernel_state.holders().items() if pid in pids}


def process() -> dict[str, int]:
    """What this process has of what guests need."""
    gc.collect()
    with open("/proc/self/status") as status, open("/proc/self/maps") as maps:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        mapped = len(maps.readlines())
    return {
        "threads": len(os.listdir("/proc/self/task")),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "maps": mapped,
        "KiB": resident,
    }


def run_all(guest: Guest, failing: Guest, times: int) -> set[str]:
    """Start and end guests in each way, `times` times."""
    endings = set()
    for _ in range(times):
        with guest.run(fuel=0) as endless:
            assert endless.terminate()
        endings.add(endless.ending)
        for run in (
            guest.run(fuel=100000),
            guest.run(duration=0.001),
            Guest(writer.module(body=writer.UNREACHABLE)).run(),
            Guest(writer.module()).run(),
        ):
            with run:
                run.wait(60)
            endings.add(run.ending)
        with failing.run() as run, pytest.raises(KeyError):
            run.check()
        endings.add(run.ending)
    return endings


def test_five_hundred_guests_leave_nothing_in_the_process() -> None:
    def fail() -> None:
        raise KeyError("mine")

    failing = Guest(writer.module([("m", "fail", ":")], writer.call(0)))
    failing.register("m", "fail", "() -> ()", fail)
    guest = Guest(LOOP)
    run_all(guest, failing, 8)
    before = process()

    endings = run_all(guest, failing, 84)

    after = process()
    assert endings == {"terminated", "out of fuel", "timed out", "trapped", "returned", "failed"}
    assert (after["threads"], after["descriptors"]) == (before["threads"], before["descriptors"])
    assert after["maps"] <= before["maps"] + 64  # of the allocator
    assert after["KiB"] <= before["KiB"] + 16384


def test_guests_with_programs_leave_nothing_in_the_kernel(events: Path) -> None:
    guest = Guest.open(events)
    with guest.run(["0"]) as run:
        run.wait(60)
    before, mine = process(), held(os.getpid())

    for _ in range(10):
        with guest.run(["1000000"]) as run:
            until(lambda: "attached" in run.stdout)
            assert held(os.getpid()) - mine

    after = process()
    assert held(os.getpid()) == mine
    assert (after["threads"], after["descriptors"]) == (before["threads"], before["descriptors"])


def test_sixteen_threads_compile_run_pause_and_end_guests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    wrong: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(4):
                shared, own = Guest(LOOP), Guest(writer.module(body=writer.const(number * 4 + turn) + b"\x1a"))
                with own.run() as short:
                    assert short.check() == 0
                with shared.run(fuel=0) as run:
                    assert run.pause()
                    assert run.resume()
                    assert run.terminate()
                assert run.ending == "terminated"
        except BaseException as exc:
            wrong.append(exc)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    kept = list((tmp_path / "eunomia/wasm").iterdir())
    assert {path.suffix for path in kept} == {".cwasm"}
    assert not [path for path in kept if path.name.startswith(".")]


def test_terminate_while_an_object_is_loaded_ends_the_guest_after_it(events: Path) -> None:
    inside, leave = threading.Event(), threading.Event()

    class Slow(Policy):
        def refuse_load(self, *words: object) -> str:  # type: ignore[override]
            inside.set()
            leave.wait(60)
            return super().refuse_load(*words)  # type: ignore[arg-type]

    mine = held(os.getpid())
    with Guest.open(events).run(["1000000"], policy=Slow(["all"])) as run:
        assert inside.wait(60)
        assert run.terminate()
        leave.set()
        assert run.wait(60) == 0
        assert (run.ending, run.stdout) == ("terminated", "")

    assert held(os.getpid()) == mine


def test_second_interrupt_ends_a_guest_that_goes_on_after_the_first(ecli: Command, tmp_path: Path) -> None:
    (tmp_path / "stubborn.wasm").write_bytes(bytes(wasmtime.wat2wasm(STUBBORN)))
    running = ecli.start("run", "--fuel", "0", str(tmp_path / "stubborn.wasm")).wait_for("ready")

    running.process.send_signal(signal.SIGINT)
    running.wait_for("signal")
    assert running.process.poll() is None
    running.process.send_signal(signal.SIGINT)

    ended = running.finish(30)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ready\nsignal\n", "")


def test_killed_command_leaves_nothing_in_the_kernel(ecli: Command, events: Path) -> None:
    running = ecli.start("run", str(events), "1000000").wait_for("attached")
    attached = held(running.process.pid)
    assert {kind for kind, _ in attached} >= {"program", "map"}

    running.process.kill()
    running.finish(30)

    until(lambda: not {each for each in attached if each[1] in kernel_state.bpf_ids(each[0])})
