"""`eunomia.wasm` in a program: own functions, records, several guests side by side, pausing and ending them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eunomia.errors import GuestError, MissingDependencyError
from eunomia.wasm import Directory, Guest, Memory, Policy, Run, engine
from support import old_guests
from support import wasm_writer as writer
from support.commands import Command
from support.guests import build_c

WASI = "wasi_snapshot_preview1"
EXIT = (WASI, "proc_exit", "i:")
LOOP = writer.module(body=writer.LOOP + writer.BRANCH + writer.END)


@pytest.fixture(scope="session")
def guests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return old_guests.compile_all(tmp_path_factory.mktemp("guests"))


def until(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def test_a_function_of_ours_is_called_with_numbers_and_memory() -> None:
    seen: list[object] = []

    def double(memory: Memory, address: int, size: int) -> int:
        seen.append((memory.read(address, size), memory.read_text(address), memory.size))
        memory.write(address, b"J")
        seen.append(memory.read(address, 2))
        return size * 2

    body = writer.const(1024) + writer.const(5) + writer.call(0) + writer.call(1)
    guest = Guest(writer.module([("mine", "double", "ii:i"), EXIT], body, data=[(1024, b"hello\0")]))
    guest.register("mine", "double", "(i32, i32) -> i32", double, memory=True)

    with guest.run() as run:
        assert run.check() == 10
    assert run.ending == "exited"
    assert seen == [(b"hello", "hello", 131072), b"Je"]


@pytest.mark.parametrize(
    ("instruction", "type", "core", "value"),
    [
        (b"\x41\x7f", "(i32) -> ()", "i:", -1),
        (b"\x42\x7f", "(i64) -> ()", "I:", -1),
        (b"\x43\0\0\xc0\x3f", "(f32) -> ()", "f:", 1.5),
        (b"\x44" + bytes(6) + b"\xf8\xbf", "(f64) -> ()", "F:", -1.5),
    ],
)
def test_numbers_come_as_they_are(instruction: bytes, type: str, core: str, value: float) -> None:
    seen: list[float] = []
    guest = Guest(writer.module([("mine", "take", core)], instruction + writer.call(0)))
    guest.register("mine", "take", type, seen.append)

    with guest.run() as run:
        assert run.check() == 0

    assert seen == [value]
    assert run.ending == "returned"


def test_an_exception_in_our_function_ends_the_guest_and_is_raised_again() -> None:
    def broken() -> None:
        raise KeyError("gone")

    guest = Guest(writer.module([("mine", "broken", ":")], writer.call(0)), "broken.wasm")
    guest.register("mine", "broken", "() -> ()", broken)

    with guest.run() as run:
        with pytest.raises(KeyError, match="gone"):
            run.check()
        assert (run.ending, run.exit_code) == ("failed", 1)
        assert run.text == "host function mine.broken: KeyError: 'gone'"


@pytest.mark.parametrize(
    ("type", "core", "result", "said"),
    [
        ("i32", ":i", None, "TypeError: its result is NoneType, expected int"),
        ("i32", ":i", 1 << 32, "OverflowError: its result 4294967296 does not fit i32"),
        ("i64", ":I", 1 << 64, "OverflowError: its result 18446744073709551616 does not fit i64"),
        ("f64", ":F", "1", "TypeError: its result is str, expected float"),
    ],
)
def test_a_result_that_does_not_fit_ends_the_guest(type: str, core: str, result: object, said: str) -> None:
    guest = Guest(writer.module([("mine", "give", core)], writer.call(0) + b"\x1a"))
    guest.register("mine", "give", f"() -> {type}", lambda: result)

    with guest.run() as run, pytest.raises((TypeError, OverflowError)):
        run.check()

    assert (run.ending, run.text) == ("failed", f"host function mine.give: {said}")


def test_what_an_exception_says_is_one_line_without_escapes() -> None:
    def broken() -> None:
        raise ValueError("two\nlines \x1b[2J")

    guest = Guest(writer.module([("mine", "broken", ":")], writer.call(0)))
    guest.register("mine", "broken", "() -> ()", broken)

    with guest.run() as run, pytest.raises(ValueError, match="two\nlines"):
        run.check()

    assert run.text == "host function mine.broken: ValueError: two lines ?[2J"


def test_a_function_may_run_guests_but_not_wait_for_its_own() -> None:
    there: list[Run] = []
    codes: list[int] = []
    guest = Guest(writer.module([("mine", "nest", ":"), ("mine", "wait", ":")], writer.call(0) + writer.call(1)))

    def nest() -> None:
        until(lambda: bool(there))
        for thread in (False, True):
            with Guest(writer.module([EXIT], writer.const(5) + writer.call(0))).run(thread=thread) as inner:
                codes.append(inner.check())

    def wait() -> None:
        there[0].wait()

    guest.register("mine", "nest", "() -> ()", nest)
    guest.register("mine", "wait", "() -> ()", wait)
    with guest.run() as run:
        there.append(run)
        with pytest.raises(RuntimeError, match="wait for a guest in a call of its own"):
            run.wait(60)

    assert codes == [5, 5]
    assert run.ending == "failed"


def test_guests_in_an_event_loop() -> None:
    async def main() -> tuple[int | None, list[int]]:
        loop, seen = asyncio.get_running_loop(), []
        guest = Guest(writer.module([("mine", "tell", "i:")], writer.const(1) + writer.call(0)))
        guest.register("mine", "tell", "(i32) -> ()", lambda number: loop.call_soon_threadsafe(seen.append, number))
        with guest.run() as run:
            code = await asyncio.to_thread(run.wait)
        await asyncio.sleep(0)
        return code, seen

    assert asyncio.run(main()) == (0, [1])


def test_memory_outside_of_the_guests_and_after_the_call_is_not_to_be_had() -> None:
    kept: list[Memory] = []

    def look(memory: Memory) -> None:
        kept.append(memory)
        for address, size in ((131072, 1), (131071, 2), (-1, 2), (0, -1)):
            with pytest.raises(IndexError, match="it has 131072"):
                memory.read(address, size)
        with pytest.raises(IndexError):
            memory.write(131070, b"123")
        assert memory.read(131072, 0) == b""

    guest = Guest(writer.module([("mine", "look", ":")], writer.call(0)))
    guest.register("mine", "look", "() -> ()", look, memory=True)

    with guest.run() as run:
        assert run.check() == 0
    with pytest.raises(ValueError, match="the host function has returned"):
        kept[0].read(0, 1)


def test_a_malformed_type_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected one as in '\(i32, i64\) -> i32'"):
        Guest(LOOP).register("mine", "x", "i32 -> int", lambda: 0)


def test_records_come_to_us_before_the_guest_gets_them(guests: dict[str, Path]) -> None:
    records: list[tuple[str, bytes]] = []
    guest = Guest.open(guests["events"])

    with guest.run(["2"], on_record=lambda name, data: records.append((name, data))) as run:
        assert until(lambda: "attached" in run.stdout), run.stderr
        while run.is_running:
            os.getpgid(0)
            time.sleep(0.01)
        assert run.check() == 0
        own = f"event {os.getpid()}\n"
        assert own in run.stdout
        assert run.stdout.count("event ") >= 2
        assert run.read("stdout", len("attached\n")).decode() == run.stdout.removeprefix("attached\n")

    assert ("rb", os.getpid().to_bytes(8, "little")) in records
    assert len(records) >= 2


def test_two_guests_run_side_by_side_and_each_has_its_output(guests: dict[str, Path]) -> None:
    guest = Guest.open(guests["events"])

    with guest.run(["1"]) as first, guest.run(["1"]) as second:
        assert until(lambda: "attached" in first.stdout and "attached" in second.stdout)
        while first.is_running or second.is_running:
            os.getpgid(0)
            time.sleep(0.01)
        assert (first.wait(), second.wait()) == (0, 0)
        assert first.stdout.startswith("attached\nevent ")
        assert second.stdout.startswith("attached\nevent ")


def test_a_guest_is_paused_resumed_and_terminated(guests: dict[str, Path]) -> None:
    with Guest.open(guests["events"]).run(["1000000"]) as run:
        assert until(lambda: "attached" in run.stdout)
        assert run.pause()
        assert run.is_paused
        assert not run.pause()
        before = run.stdout
        for _ in range(20):
            os.getpgid(0)
        time.sleep(0.2)
        assert run.stdout == before
        assert run.resume()
        assert not run.resume()
        assert until(lambda: run.stdout.count("event") > before.count("event"))
        assert run.terminate()
        assert run.wait(20) == 0
        assert run.ending == "terminated"
        assert not run.terminate()


def test_the_end_of_the_block_ends_a_guest_that_loops() -> None:
    with Guest(LOOP).run(fuel=0) as run:
        assert run.is_running
        assert run.exit_code is None
        assert run.wait(0.05) is None

    assert (run.ending, run.exit_code) == ("terminated", 0)
    assert run.read() == b""


def test_endings_have_their_words() -> None:
    def end(wasm: bytes, **options: float) -> Run:
        with Guest(wasm).run(**options) as run:  # type: ignore[arg-type]
            run.wait()
        return run

    assert end(LOOP, fuel=100000).ending == "out of fuel"
    assert end(LOOP, fuel=0, duration=0.1).ending == "timed out"
    trapped = end(writer.module(body=writer.UNREACHABLE))
    assert (trapped.ending, trapped.exit_code) == ("trapped", 1)
    with pytest.raises(GuestError, match="unreachable") as failure:
        trapped.check()
    assert failure.value.ending == "trapped"


def test_refusals_are_told(guests: dict[str, Path]) -> None:
    told: list[str] = []

    with Guest.open(guests["xdp"]).run(["0", "lo"], on_failure=lambda line, said: told.append(line)) as run:
        assert run.check() == 3
    with Guest.open(guests["xdp"]).run(["0", "lo"], policy=Policy(["iface=lo"])) as allowed:
        assert allowed.check() == 0

    assert told == run.failures
    assert told[0].startswith("refused: program on: programs of type xdp")
    assert allowed.failures == []


def test_streams_go_where_they_are_told(tmp_path: Path, guests: dict[str, Path]) -> None:
    with (tmp_path / "out").open("wb") as out, Guest.open(guests["events"]).run(["0"], stdout=out) as run:
        assert run.check() == 0

    assert (tmp_path / "out").read_text() == "attached\n"


def test_what_is_imported_must_be_offered() -> None:
    with pytest.raises(GuestError, match=r"mine\.double"):
        Guest(writer.module([("mine", "double", "ii:i")])).run()


def test_directories_have_rights(tmp_path: Path) -> None:
    assert Directory(tmp_path).rights == "ro"
    parsed = Directory.parse(f"{tmp_path}:/data:rw")
    assert (parsed.host, parsed.guest, parsed.rights) == (str(tmp_path), "/data", "rw")
    assert Directory.parse(f"{tmp_path}:token").guest == str(tmp_path)
    with pytest.raises(ValueError, match="is not HOST"):
        Directory.parse(":x")
    with pytest.raises(FileNotFoundError, match="no such file"):
        Directory(tmp_path / "none")
    with pytest.raises(ValueError, match="are none of ro, rw, token"):
        Directory(tmp_path, "x", "all")


def test_a_control_group_is_a_token_and_a_token_is_leave_to_attach(guests: dict[str, Path]) -> None:
    with open("/proc/mounts") as mounts:
        group = next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")
    assert Directory(group).rights == "token"
    guest = Guest.open(guests["group"])

    with guest.run(["0", group]) as refused:
        assert refused.check() == 3
    with guest.run(["0", f"cgroup:{group}"], dirs=[group]) as run:
        assert run.check() == 0, run.failures
    with guest.run(["0", f"cgroup:{group}"], dirs=[f"{group}:ro"]) as readable:
        assert readable.check() == 3


def test_an_engine_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match=r"\[pip install 'eunomia\[wasm\]'\]"):
        engine.library([str(tmp_path)])


def test_a_guest_runs_in_the_background(ecli: Command, guests: dict[str, Path]) -> None:
    started = ecli("run", "-d", "--name", "wasm-guest", str(guests["events"]), "100000")
    try:
        assert started.returncode == 0, started
        assert started.stdout.startswith("wasm-guest: runs in the background, process ")
        os.getpgid(0)
        listed = ecli("ps")
        assert "wasm-guest" in listed.stdout
        assert until(lambda: "event " in ecli("logs", "wasm-guest").stdout)
    finally:
        stopped = ecli("stop", "wasm-guest")
    assert stopped.returncode == 0, stopped
    assert "wasm-guest" not in ecli("ps").stdout


def test_a_guest_that_fails_at_once_fails_in_the_background_too(ecli: Command, guests: dict[str, Path]) -> None:
    started = ecli("run", "-d", str(guests["xdp"]), "0", "lo")

    assert started.returncode == 3
    assert "[--allow prog-type=xdp]" in started.stderr
    assert started.stdout == "xdp: ended with code 3 [ecli logs xdp: what it wrote]\n"
    assert ecli("logs", "xdp").stdout == started.stderr


def test_a_guest_that_ends_at_once_says_so(ecli: Command, guests: dict[str, Path]) -> None:
    started = ecli("run", "-d", "--name", "short", str(guests["events"]), "0")

    assert (started.returncode, started.stderr) == (0, "")
    assert started.stdout == "short: ended with code 0 [ecli logs short: what it wrote]\n"
    assert ecli("logs", "short").stdout == "attached\n"


def test_a_guest_that_ignores_a_signal_gets_another(ecli: Command, tmp_path: Path) -> None:
    source = """
__attribute__((import_module("wasm_bpf"), import_name("wasm_bpf_take_signal"))) int take_signal(void);
#include <stdio.h>
#include <unistd.h>
int main(void)
{
    for (int told = 0;; told |= take_signal()) {
        puts(told ? "told" : "here");
        sleep(1);
    }
}
"""
    path = tmp_path / "deaf.c"
    path.write_text(source)
    started = ecli("run", "-d", str(build_c(path, tmp_path / "deaf.wasm")))
    try:
        assert started.stdout.startswith("deaf: runs in the background")
    finally:
        stopped = ecli("stop", "deaf", "--timeout", "8")

    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, "deaf: ended\n", "")
    assert "told" in ecli("logs", "deaf").lines


def test_wasm_bpf_is_the_same_by_another_name(guests: dict[str, Path], ecc: Command) -> None:
    import subprocess
    import sys

    program = "import sys; from eunomia.cli.wasm_bpf import main; sys.exit(main())"

    def wasm_bpf(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)

    plain = wasm_bpf("--verbose", "-m", "callback-wrapper", "-c", "go-callback", str(guests["events"]), "--", "0")
    assert (plain.returncode, plain.stdout) == (0, "attached\n")
    assert wasm_bpf("--", str(guests["events"]), "0").stdout == "attached\n"
    assert wasm_bpf("--dir", "/proc:/proc", str(guests["events"]), "0").returncode == 0
    assert wasm_bpf("--version").stdout.startswith("wasm-bpf of eunomia ")
    assert "Usage: wasm-bpf [OPTIONS] MODULE [ARGS]" in wasm_bpf("--help").stdout
    assert wasm_bpf().returncode == 2
    wrong = wasm_bpf(__file__)
    assert (wrong.returncode, "not a Wasm module" in wrong.stderr) == (1, True)
