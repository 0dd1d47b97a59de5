"""The engine and the life of a guest: linking, endings, limits, control, the cache; modules are a few lines of WAT."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eunomia._native import ffi, lib, text
from eunomia.errors import GuestError, MissingDependencyError, UnsupportedError
from eunomia.wasm import EventGuest, Guest, engine

MEMORY = '(memory (export "memory") 1)'
LOOP = f'(module {MEMORY} (func $spin (export "_start") (loop $l (br $l))))'


def wasm(wat: str) -> bytes:
    import wasmtime

    return bytes(wasmtime.wat2wasm(wat))


def start(body: str, before: str = "") -> bytes:
    """A module whose _start is body."""
    return wasm(f'(module {before} {MEMORY} (func $start (export "_start") {body}))')


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.002)


# endings


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("(unreachable)", "trap: unreachable instruction (abort, panic or a failed check) in start"),
        ("(drop (i32.load (i32.const 65536)))", "trap: memory access out of bounds in start"),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", "trap: integer divide by zero in start"),
        ("(drop (i32.trunc_f32_s (f32.const nan)))", "trap: float that fits no integer in start"),
        ("(call $start)", "trap: stack overflow in start"),
    ],
)
def test_trap_is_a_line_with_its_cause_and_its_function(body: str, line: str) -> None:
    with Guest(start(body)).run() as run:
        assert run.wait() == 1

    assert (run.ending, run.text) == ("trapped", line)


def test_detail_of_a_trap_are_the_calls_innermost_first() -> None:
    code = wasm(f'(module {MEMORY} (func $inner unreachable) (func $outer (export "_start") (call $inner)))')

    with Guest(code).run() as run:
        run.wait()

    assert run.detail.splitlines() == ["inner", "outer"]


def test_equal_calls_are_folded_and_recursion_out_of_its_memory_has_a_hint() -> None:
    body = "(if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))) (return)))"
    wat = f"""(module {MEMORY} (func $f (param i32) {body} (drop (i32.load (i32.const -1))))
        (func $main (export "_start") (call $f (i32.const {{}}))))"""
    hint = " [recursion? the C stack is part of its memory: ecc build-wasm -a=-Wl,-z,stack-size=N]"

    found = []
    for calls in (12, 3, 0):
        with Guest(wasm(wat.format(calls))).run() as run:
            run.wait()
        found.append((run.text.removeprefix("trap: memory access out of bounds in f"), run.detail.splitlines()))

    assert found == [
        (hint, ["f", "… 12 more of it", "main"]),
        ("", ["f", "… 3 more of it", "main"]),
        ("", ["f", "main"]),
    ]


def test_name_of_a_function_cannot_write_to_the_terminal() -> None:
    code = wasm(f'(module {MEMORY} (func (export "_start") unreachable))')
    code = code + b"\0\x0f\x04name\x01\x08\x01\0\x05\x1b[2Jx"

    with Guest(code).run() as run:
        run.wait()

    assert run.text.endswith(" in ?[2Jx")


def test_start_function_that_traps_ends_the_guest() -> None:
    code = wasm(f'(module {MEMORY} (func (export "_start")) (func $first unreachable) (start $first))')

    with Guest(code).run() as run:
        assert run.wait() == 1

    assert run.text.endswith("in first")


def test_function_table_traps_say_which() -> None:
    code = start("(call_indirect (i32.const 1))", "(table 4 funcref)")

    with Guest(code).run() as run:
        run.wait()

    assert run.text == "trap: call of a null function pointer in start"


def test_guest_whose_start_returns_has_code_0() -> None:
    with Guest(start("")).run() as run:
        assert run.wait() == 0

    assert run.ending == "returned"


def test_exit_code_is_the_lowest_byte() -> None:
    imports = '(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))'
    codes = []

    for code in (0, 1, 125, 126, 255, 256, -1):
        with Guest(start(f"(call $exit (i32.const {code}))", imports)).run() as run:
            codes.append(run.wait())

    assert codes == [0, 1, 125, 126, 255, 0, 255]


def test_reactor_without_start_is_named() -> None:
    with Guest(wasm(f'(module {MEMORY} (func (export "run")))')).run() as run:
        assert run.wait() == 1

    assert run.text == "the module exports no function _start (build a WASI command, not a library or reactor)"


# linking


def test_all_unknown_imports_are_in_one_line() -> None:
    code = wasm(
        '(module (import "env" "foo" (func (param i32 i64) (result i32))) (import "a" "memory" (memory 1))'
        ' (import "a" "odd" (func (param v128 anyref))) (func (export "_start")))'
    )

    with pytest.raises(GuestError) as error:
        Guest(code, "x.wasm").run()

    assert str(error.value) == (
        "run x.wasm: the module imports what this host does not have: env.foo (i32, i64) -> i32; a.memory memory;"
        " a.odd function of values that no host function takes"
    )


def test_more_unknown_imports_than_a_line_holds_are_counted() -> None:
    imports = "".join(f'(import "m" "f{i}" (func))' for i in range(20))

    with pytest.raises(
        GuestError,
        match=r"m\.f0 \(\); .*; m\.f7 \(\) and 12 more \(ecli inspect names all\) \[Guest\.register\(\) or ",
    ):
        Guest(wasm(f'(module {imports} (func (export "_start")))')).run()


def test_import_of_another_type_shows_both() -> None:
    code = start("", '(import "wasm_bpf" "wasm_close_bpf_object" (func (param i32) (result i64)))')

    with pytest.raises(GuestError, match=r"wasm_close_bpf_object \(i32\) -> i64, here \(i64\) -> i32"):
        Guest(code).run()


def test_missing_memory_is_named() -> None:
    code = wasm(
        """(module (import "wasi_snapshot_preview1" "args_get" (func (param i32 i32) (result i32)))
        (memory 1) (func (export "_start")))"""
    )

    with pytest.raises(GuestError, match="exports no memory called `memory`, where args_get looks"):
        Guest(code).run()


def test_both_types_of_map_operate_link() -> None:
    narrow = "(func $n (param i32 i32 i32 i32 i32 i64) (result i32))"
    wide = "(func $w (param i32 i32 i64 i64 i64 i64) (result i32))"
    imports = f'(import "wasm_bpf" "wasm_bpf_map_operate" {narrow}) (import "env" "wasm_bpf_map_operate" {wide})'
    zeros = "(i32.const 0) (i32.const 1)"
    body = f"""
        (if (i32.ge_s (call $n {zeros} {"(i32.const 0) " * 3} (i64.const 0)) (i32.const 0)) (then unreachable))
        (if (i32.ge_s (call $w {zeros} {"(i64.const 0) " * 4}) (i32.const 0)) (then unreachable))"""

    with Guest(start(body, imports)).run() as run:
        assert run.wait() == 0, run.text


def test_own_functions_take_and_give_numbers_of_all_types() -> None:
    seen: list[tuple[Any, ...]] = []

    def swap(*numbers: Any) -> float:
        seen.append(numbers)
        return -0.5

    guest = Guest(
        start(
            "(if (f64.ne (call $f (i32.const -1) (i64.const -2) (f32.const 0.25) (f64.const 1e300)) (f64.const -0.5))"
            " (then unreachable))",
            '(import "m" "f" (func $f (param i32 i64 f32 f64) (result f64)))',
        )
    )
    guest.register("m", "f", "(i32, i64, f32, f64) -> f64", swap)

    with guest.run() as run:
        assert run.wait() == 0, run.text

    assert seen == [(-1, -2, 0.25, 1e300)]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\0asm\1\0\0\0\1\x60", "damaged Wasm module: a section near byte 10 is cut off or malformed"),
        (b"\0asm\1\0\0\0\2\3\1\xff\1", "damaged Wasm module"),
        (b"\0asm\1\0\0\0\x0a\2\1\0", "compile the module: "),
    ],
)
def test_damaged_module_is_a_line(data: bytes, line: str) -> None:
    with pytest.raises(GuestError) as error:
        Guest(data).run()

    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_types_of_newer_proposals_are_read_over() -> None:
    code = wasm(
        f"""(module (rec (type $a (struct (field i8) (field (mut (ref null $b))))) (type $b (array (mut i16))))
        (type $c (sub (struct (field i32)))) (type (sub final $c (struct (field i32) (field i64))))
        (import "m" "f" (func $f (param i64))) {MEMORY} (func (export "_start") (call $f (i64.const 7))))"""
    )
    seen: list[int] = []
    guest = Guest(code)
    guest.register("m", "f", "(i64) -> ()", seen.append)

    with guest.run() as run:
        assert run.wait() == 0, run.text

    assert seen == [7]


def test_modules_of_a_guest_link_and_each_host_call_sees_its_own_memory(tmp_path: Path) -> None:
    write = '(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))'
    data = '(data (i32.const 0) "\\08\\00\\00\\00\\04\\00\\00\\00{}")'
    say = "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))"
    library = wasm(f'(module {write} {MEMORY} {data.format("lib!")} (func (export "say") {say}))')
    main = wasm(
        f'(module {write} (import "lib" "say" (func $say)) {MEMORY} {data.format("main")}'
        f' (func (export "_start") {say} (call $say) {say}))'
    )
    keep = [ffi.new("char[]", b"lib"), ffi.from_buffer(library), ffi.new("char[]", os.fsencode(engine.library()))]
    modules = ffi.new("struct eu_guest_module[2]", [{"name": keep[0], "wasm": keep[1], "size": len(library)}])
    words = ffi.new("const char *[]", [ffi.NULL])
    with open(tmp_path / "out", "w+b") as out:
        options = ffi.new(
            "struct eu_guest_options *",
            {"args": words, "env": words, "stdout_fd": out.fileno(), "library": keep[2], "modules": modules},
        )
        guest = lib.eu_guest_new(main, len(main), options)
        assert guest, text(lib.eu_error())

        assert lib.eu_guest_run(guest) == lib.EU_RETURNED, text(lib.eu_guest_text(guest))

        lib.eu_guest_free(guest)
        out.seek(0)
        assert out.read() == b"mainlib!main"


def test_exported_function_is_called_from_outside() -> None:
    code = wasm(
        f"(module {MEMORY} (global $n (mut i32) (i32.const 0))"
        ' (func (export "_initialize") (global.set $n (i32.const 40)))'
        ' (func (export "add") (param i32 i64) (result i64) (i64.add (i64.extend_i32_s (i32.add (global.get $n)'
        ' (local.get 0))) (local.get 1))) (func (export "trap") unreachable))'
    )
    library = ffi.new("char[]", os.fsencode(engine.library()))
    words = ffi.new("const char *[]", [ffi.NULL])
    options = ffi.new("struct eu_guest_options *", {"args": words, "env": words, "library": library})
    guest = lib.eu_guest_new(code, len(code), options)
    slots = ffi.new("uint64_t[8]", [1, 0, 1 << 40])

    assert lib.eu_guest_start(guest) == 0
    assert lib.eu_guest_call(guest, b"add", b"iI:I", slots) == 0
    assert slots[0] == (1 << 40) + 41
    assert (lib.eu_guest_call(guest, b"sub", b":", slots), text(lib.eu_error())) == (
        -2,
        "the module exports no function sub",
    )
    assert (lib.eu_guest_call(guest, b"add", b"ii:i", slots), text(lib.eu_error())) == (-22, "add has another type")
    assert lib.eu_guest_call(guest, b"trap", b":", slots) == -125
    assert lib.eu_guest_call(guest, b"add", b"iI:I", slots) == -125
    assert lib.eu_guest_ending(guest) == lib.EU_TRAPPED
    lib.eu_guest_free(guest)


# limits


def test_guest_that_never_waits_runs_out_of_fuel() -> None:
    with Guest(wasm(LOOP)).run(fuel=1_000_000) as run:
        assert run.wait() == 1

    assert (run.ending, run.text) == (
        "out of fuel",
        "out of fuel in spin: too many instructions without waiting",
    )


def test_memory_grows_to_the_limit_and_no_further() -> None:
    body = """(if (i32.eq (memory.grow (i32.const 15)) (i32.const -1)) (then unreachable))
              (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))"""

    with Guest(start(body)).run(memory=1 << 20) as run:
        assert run.wait() == 0, run.text


def test_module_that_begins_with_more_memory_than_it_may_have_is_refused() -> None:
    with Guest(wasm('(module (memory (export "memory") 10000) (func (export "_start")))')).run() as run:
        assert run.wait() == 1

    assert run.text == "memory minimum size of 10000 pages exceeds memory limits"


def test_table_grows_to_the_limit_and_no_further() -> None:
    body = """(if (i32.eq (table.grow (ref.null func) (i32.const 8)) (i32.const -1)) (then unreachable))
              (if (i32.ne (table.grow (ref.null func) (i32.const 1)) (i32.const -1)) (then unreachable))"""

    with Guest(start(body, "(table 2 funcref)")).run(table=10) as run:
        assert run.wait() == 0, run.text


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview], ids=lambda kind: kind.__name__)
def test_guest_is_made_of_any_object_with_bytes_and_keeps_them(kind: type[bytes]) -> None:
    given = start("(nop)")
    data = kind(given)

    guests = [Guest(data), Guest.open(data)]
    guests[0].link("other", data)
    if isinstance(data, bytearray):
        data[:] = bytes(len(data))  # changed later: ours is a copy

    for guest in guests:
        assert (type(guest.wasm), guest.wasm) == (bytes, given)
        with guest.run() as run:
            assert run.wait() == 0, run.text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("guest.wasm", "not str [Guest.open takes paths]"),
        (Path("guest.wasm"), r"not \w+ [Guest.open takes paths]"),
        (None, "not NoneType"),
        (8, "not int"),
        ([0, 97, 115, 109], "not list"),
    ],
)
@pytest.mark.parametrize("made", [Guest, EventGuest])
def test_what_has_no_bytes_is_refused_with_its_kind(made: Callable[[Any], object], wrong: Any, said: str) -> None:
    with pytest.raises(TypeError) as caught:
        made(wrong)

    said = said.replace(r"\w+", type(wrong).__name__)
    assert str(caught.value) == f"expected the bytes of a Wasm module, {said}"


def test_stack_of_a_guest_is_as_large_as_said() -> None:
    counted: list[int] = []
    body = "(call $count (local.get $n)) (call $deeper (i32.add (local.get $n) (i32.const 1)))"
    guest = Guest(
        wasm(
            f'(module (import "m" "count" (func $count (param i32))) {MEMORY}'
            f' (func $deeper (param $n i32) {body}) (func (export "_start") (call $deeper (i32.const 0))))'
        )
    )
    guest.register("m", "count", "(i32) -> ()", counted.append)
    depths = []

    for stack in (64 << 10, 256 << 10):
        with guest.run(stack=stack) as run:
            run.wait()
        assert run.text.startswith("trap: stack overflow")
        depths.append(counted[-1])

    assert depths[1] > 3 * depths[0] > 0


def test_thread_of_a_guest_has_room_for_its_stack() -> None:
    before = threading.stack_size()
    with Guest(wasm(deep(100_000))).run(stack=64 << 20) as run:
        assert run.wait(30) == 0, run.text
    with Guest(wasm(deep(100_000))).run() as run:
        assert run.wait(30) == 1

    assert run.text == "trap: stack overflow in deeper"
    assert threading.stack_size() == before


def deep(calls: int) -> str:
    """A guest whose function calls itself."""
    return f"""(module {MEMORY} (func $deeper (param i32) (if (local.get 0)
        (then (call $deeper (i32.sub (local.get 0) (i32.const 1))))) (drop (i32.load (i32.const 0))))
        (func (export "_start") (call $deeper (i32.const {calls}))))"""


def test_stack_that_the_thread_has_not_is_refused() -> None:
    with Guest(start("")).run(stack=512 << 20, thread=False) as run:
        assert run.wait() == 1
    assert "has no room on the stack of this thread" in run.text

    with pytest.raises(GuestError, match="1 GiB is the most"):
        Guest(start("")).run(stack=2 << 30)


def test_duration_ends_a_busy_guest() -> None:
    with Guest(wasm(LOOP)).run(duration=0.05) as run:
        assert run.wait(30) == 0

    assert run.ending == "timed out"


# output


HELLO = """(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 0) "\\10\\00\\00\\00\\0c\\00\\00\\00")
    (data (i32.const 16) "first\\nsecond")
    (func (export "_start")
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))))"""


def test_output_is_readable_after_the_block_and_after_close() -> None:
    with Guest(wasm(HELLO)).run() as run:
        assert run.wait(30) == 0
        before = run.stdout, run.stderr

    run.close()

    assert before == (run.stdout, run.stderr) == ("first\nsecond", "first\nsecond")
    assert run.read("stdout", 6) == b"second"
    assert run.failures == []
    with pytest.raises(ValueError, match="no stream 'stdin'"):
        run.read("stdin")


def test_output_that_went_to_a_file_is_there_and_not_in_the_run(tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as file, Guest(wasm(HELLO)).run(stdout=file) as run:
        assert run.wait(30) == 0

    assert (tmp_path / "out").read_bytes() == b"first\nsecond"
    assert run.stderr == "first\nsecond"
    with pytest.raises(ValueError, match=r"^stdout goes to the file that run\(\) was given, and is not kept$"):
        run.read()


def test_lines_come_while_the_guest_runs_and_end_with_it() -> None:
    body = """(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (call $go)
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))"""
    guest = Guest(
        wasm(f"""(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "m" "go" (func $go)) (memory (export "memory") 1)
            (data (i32.const 0) "\\10\\00\\00\\00\\0c\\00\\00\\00") (data (i32.const 16) "first\\nsecond")
            (func (export "_start") {body}))""")
    )
    seen = threading.Event()
    guest.register("m", "go", "() -> ()", lambda: seen.wait(30))
    found = []

    with guest.run() as run:
        for line in run.lines():
            assert found or run.is_running
            found.append(line)
            seen.set()

    assert found == ["first", "secondfirst", "second"]
    assert list(run.lines()) == found
    assert list(run.lines("stderr")) == []


def test_exit_code_raises_where_that_is_asked_for() -> None:
    imports = '(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))'
    with Guest(start("(call $exit (i32.const 3))", imports)).run() as run:
        assert run.check() == 3
        with pytest.raises(GuestError, match=r"^run guest\.wasm: exit code 3$"):
            run.check(exit_code=True)
    with Guest(start("")).run() as run:
        assert run.check(exit_code=True) == 0
        assert run.stop() == 0
        assert not run.wait_attached(30)

    assert run.ending == "returned"


def test_stop_ends_a_guest_that_handles_no_signals_and_one_that_stands_still() -> None:
    with Guest(wasm(LOOP)).run(fuel=0) as run:
        assert not run.wait_attached(0.01)
        assert run.stop() == 0
    assert run.ending == "terminated"

    with Guest(wasm(LOOP)).run(fuel=0) as run:
        assert run.pause()
        assert run.stop(0.05) == 0
    assert run.ending == "terminated"


# control


COUNT = f"""(module (import "m" "tick" (func $tick)) {MEMORY}
    (func (export "_start") (local $i i32) (loop $l
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 10000))) (then (call $tick)))
        (br $l))))"""


def test_busy_guest_stands_still_while_paused_and_goes_on() -> None:
    ticks = [0]
    guest = Guest(wasm(COUNT))
    guest.register("m", "tick", "() -> ()", lambda: ticks.__setitem__(0, ticks[0] + 1))

    with guest.run() as run:
        until(lambda: ticks[0] > 3)
        assert run.pause()
        assert run.is_paused
        until(lambda: not run.pause())
        time.sleep(0.05)  # a host function that was at work when it was paused is through
        stood = ticks[0]
        time.sleep(0.1)
        assert ticks[0] == stood
        assert run.resume()
        assert not run.resume()
        until(lambda: ticks[0] > stood + 3)
        assert run.terminate()
        assert run.wait(30) == 0

    assert run.ending == "terminated"


def test_pausing_again_and_again_is_never_lost() -> None:
    with Guest(wasm(LOOP)).run(fuel=0) as run:
        for _ in range(300):
            assert run.pause()
            assert run.resume()
        assert run.pause()
        assert run.terminate()
        assert run.wait(30) == 0


def test_guest_that_is_terminated_before_it_runs_never_runs() -> None:
    library = ffi.new("char[]", os.fsencode(engine.library()))
    words = ffi.new("const char *[]", [ffi.NULL])
    options = ffi.new("struct eu_guest_options *", {"args": words, "env": words, "library": library})
    code = wasm(LOOP)
    guest = lib.eu_guest_new(code, len(code), options)

    assert lib.eu_guest_terminate(guest) == 0
    assert lib.eu_guest_run(guest) == lib.EU_TERMINATED
    assert lib.eu_guest_terminate(guest) == -3
    assert lib.eu_guest_state(guest) == 3
    lib.eu_guest_free(guest)


def test_guests_side_by_side_do_not_disturb_each_other() -> None:
    ticks = [0, 0]
    runs = []
    for i in range(2):
        guest = Guest(wasm(COUNT))
        guest.register("m", "tick", "() -> ()", lambda i=i: ticks.__setitem__(i, ticks[i] + 1))
        runs.append(guest.run())
    trapping = Guest(start("(drop (i32.load (i32.const 65536)))"))
    until(lambda: min(ticks) > 3)

    with runs[0], runs[1]:
        with trapping.run() as third:
            assert third.wait(30) == 1
        assert runs[0].pause()
        before = ticks[1]
        until(lambda: ticks[1] > before + 3)
        assert runs[1].terminate()
        assert runs[1].wait(30) == 0
        assert runs[0].is_paused
        before = ticks[0]
        runs[0].resume()
        until(lambda: ticks[0] > before + 3)


def test_function_of_the_host_can_end_the_guest() -> None:
    holder: list[Any] = []
    entered = threading.Event()
    guest = Guest(start("(call $end) (unreachable)", '(import "m" "end" (func $end))'))

    def end() -> None:
        entered.wait(30)
        holder[0].terminate()

    guest.register("m", "end", "() -> ()", end)

    with guest.run() as run:
        holder.append(run)
        entered.set()
        assert run.wait(30) == 0

    assert run.ending == "terminated"


def test_trap_is_no_crash_for_a_fault_handler_that_came_later(tmp_path: Path) -> None:
    path = tmp_path / "trap.wasm"
    path.write_bytes(start("(drop (i32.load (i32.const 65536)))"))
    program = f"""if 1:
        import faulthandler
        from eunomia.wasm import Guest
        for _ in range(2):
            with Guest.open({str(path)!r}).run() as run:
                print(run.wait(), run.text)
            faulthandler.enable()"""

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "1 trap: memory access out of bounds in start\n" * 2


def test_child_of_a_fork_runs_guests_of_its_own() -> None:
    program = f"""if 1:
        import os, sys
        from eunomia.wasm import Guest
        os.environ["XDG_CACHE_HOME"] = "/dev/null"  # so that it is compiled
        run = Guest({wasm(LOOP)!r}).run(fuel=0)
        child = os.fork()
        with Guest({start("unreachable")!r}).run() as trapping:
            print(trapping.wait(60), trapping.text, flush=True)
        if child == 0:
            sys.exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), run.is_running)"""

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)

    line = "1 trap: unreachable instruction (abort, panic or a failed check) in start\n"
    assert (ran.stdout, ran.stderr) == (line * 2 + "7 True\n", "")


def test_python_may_end_while_guests_run() -> None:
    tick = start("(loop $l (call $tick) (br $l))", '(import "m" "tick" (func $tick))')
    program = f"""if 1:
        import threading
        from eunomia.wasm import Guest
        ticks = threading.Semaphore(0)
        guest = Guest({tick!r})
        guest.register("m", "tick", "() -> ()", ticks.release)
        runs = [guest.run() for _ in range(4)]
        for _ in range(100):
            ticks.acquire()
        print("last line")"""

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "last line\n", "")


# the cache


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/eunomia/wasm"


def kept(cache: Path) -> list[Path]:
    return sorted(cache.glob("*.cwasm"))


def run_once(code: bytes) -> None:
    with Guest(code).run() as run:
        assert run.wait(60) == 0, run.text


def test_compiled_module_is_kept_for_the_user_alone_and_used_again(cache: Path) -> None:
    code = start("(drop (i32.const 1))")

    run_once(code)
    (file,) = kept(cache)
    first = file.stat()
    run_once(code)

    assert kept(cache) == [file]
    assert file.stat().st_ino == first.st_ino
    assert (first.st_mode & 0o777, cache.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "zeros"])
def test_damaged_file_is_compiled_anew(cache: Path, damage: str) -> None:
    code = start("(drop (i32.const 2))")
    run_once(code)
    (file,) = kept(cache)
    whole = file.read_bytes()
    half = len(whole) // 2
    damaged = {
        "cut": whole[:half],
        "flip": whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :],
        "empty": b"",
        "zeros": bytes(len(whole)),
    }
    file.write_bytes(damaged[damage])

    run_once(code)

    assert file.read_bytes() == whole


def test_file_or_folder_that_others_can_write_is_not_trusted(cache: Path) -> None:
    code = start("(drop (i32.const 3))")
    run_once(code)
    (file,) = kept(cache)
    before = file.stat().st_ino

    file.chmod(0o666)
    run_once(code)
    assert file.stat().st_ino != before
    assert file.stat().st_mode & 0o777 == 0o600

    cache.chmod(0o777)
    file.unlink()
    run_once(code)
    assert kept(cache) == []


def test_link_in_the_cache_is_not_followed(cache: Path, tmp_path: Path) -> None:
    code = start("(drop (i32.const 4))")
    run_once(code)
    (file,) = kept(cache)
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")

    run_once(code)

    assert not file.is_symlink()


def test_cache_is_bounded_and_the_least_recently_used_go(cache: Path) -> None:
    cache.mkdir(parents=True, mode=0o700)
    for i in range(1100):
        old = cache / f"{i:064x}.cwasm"
        old.write_bytes(b"")
        os.utime(old, (i, i))

    run_once(start("(drop (i32.const 5))"))

    names = [file.name for file in kept(cache)]
    assert len(names) == 1000
    assert f"{1099:064x}.cwasm" in names
    assert f"{0:064x}.cwasm" not in names


# the library


def wheel(folder: Path, version: str, machine: str) -> Path:
    library = folder / f"wasmtime/linux-{machine}/_libwasmtime.so"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"")
    (folder / f"wasmtime-{version}.dist-info").mkdir()
    return library


def test_library_is_found_along_the_path(tmp_path: Path) -> None:
    library = wheel(tmp_path / "b", "50.3.1", os.uname().machine)

    assert engine.library([str(tmp_path / "a"), str(tmp_path / "b")]) == str(library)


def test_wasmtime_that_is_missing_or_of_another_version_is_said(tmp_path: Path) -> None:
    wheel(tmp_path, "49.0.0", os.uname().machine)

    with pytest.raises(MissingDependencyError, match="not installed"):
        engine.library([str(tmp_path / "none")])
    with pytest.raises(MissingDependencyError, match=r"wasmtime 49\.0\.0"):
        engine.library([str(tmp_path)])


def test_machine_without_a_wheel_is_said(tmp_path: Path) -> None:
    wheel(tmp_path, "50.0.0", "s390x")

    with pytest.raises(UnsupportedError, match="no library for"):
        engine.library([str(tmp_path)])


def test_library_that_is_none_is_a_line(tmp_path: Path) -> None:
    library = wheel(tmp_path, "50.0.0", os.uname().machine)
    program = f"""if 1:
        from eunomia._native import ffi, lib, text
        path = ffi.new("char[]", {os.fsencode(library)!r})
        options = ffi.new("struct eu_guest_options *", {{"library": path}})
        print(lib.eu_guest_new(b"", 0, options) == ffi.NULL, text(lib.eu_error()))"""

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout.startswith("True load wasmtime: ")
    assert ran.stdout.count("\n") == 1
