"""How a guest's crash looks to who ran it, stacks that are large, and the line about compiling."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from support import wasm_writer as writer
from support.commands import Command

DEEP = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static volatile int sink;
__attribute__((noinline)) static int deeper(int n) {
    volatile char room[1000];
    memset((void *)room, n, sizeof(room));
    int below = n ? deeper(n - 1) : 0;
    return below + room[n % 1000];
}
int main(int argc, char **argv) {
    sink = deeper(argc > 1 ? atoi(argv[1]) : 0);
    puts("done");
    return 0;
}
"""
HINT = " [recursion? the C stack is part of its memory: ecc build-wasm -a=-Wl,-z,stack-size=N]"
MISSED = "ecli: run {}: trap: memory access out of bounds in {}" + HINT


@pytest.fixture
def folder(ecc: Command, tmp_path: Path) -> Path:
    """A guest that recurses as deep as its argument says: as it is built, and with names and a larger stack."""
    (tmp_path / "deep.c").write_text(DEEP)
    for name, options in (("deep.wasm", []), ("named.wasm", ["-a=-g", "-a=-Wl,-z,stack-size=4194304"])):
        built = ecc("build-wasm", tmp_path / "deep.c", *options, "-o", tmp_path / name, timeout=300)
        assert built.returncode == 0, repr(built)
    return tmp_path


def test_c_stack_that_is_full_traps_with_a_hint_and_calls_are_folded(ecli: Command, folder: Path) -> None:
    plain, named = folder / "deep.wasm", folder / "named.wasm"

    assert ecli("run", plain, 100).stdout == ecli("run", named, 3000).stdout == "done\n"
    short = ecli("run", plain, 3000)
    long = ecli("run", "-v", named, 30000)

    assert (short.returncode, long.returncode) == (1, 1)
    function = short.stderr.rpartition(" in ")[2].partition(" [")[0]
    assert function.startswith("function ")
    assert short.stderr.splitlines() == [MISSED.format(plain, function)]
    *_, calls, more, line = long.stderr.splitlines()
    assert calls == "  in deeper"
    assert more.startswith("  … ")
    assert more.endswith(" more of it")
    assert line == MISSED.format(named, "deeper")


def test_end_of_a_guest_is_no_traceback_but_for_those_who_ask_twice(ecli: Command, tmp_path: Path) -> None:
    path = tmp_path / "trap.wasm"
    path.write_bytes(writer.module(body=writer.UNREACHABLE))

    once, twice = ecli("run", "-v", path), ecli("run", "-vv", path)

    assert (once.returncode, twice.returncode) == (1, 1)
    assert once.stderr.splitlines()[-2] == "  in function 0"
    assert "Traceback" not in once.stderr
    assert "Traceback" in twice.stderr


def test_stack_is_as_large_as_the_option_says(ecli: Command, tmp_path: Path) -> None:
    import wasmtime

    path = tmp_path / "calls.wasm"
    path.write_bytes(
        wasmtime.wat2wasm("""(module (memory (export "memory") 1) (func $f (param i32)
            (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))))
            (drop (i32.load (i32.const 0))))
            (func (export "_start") (call $f (i32.const 200000))))""")
    )

    small, large = ecli("run", path), ecli("run", "--stack", "64M", path)

    assert small.returncode == 1
    assert small.stderr.endswith("stack overflow in f [--stack SIZE allows more]\n")
    assert (large.returncode, large.stderr) == (0, "")


def test_table_is_as_large_as_the_option_says(ecli: Command, tmp_path: Path) -> None:
    import wasmtime

    path = tmp_path / "table.wasm"
    path.write_bytes(
        wasmtime.wat2wasm('(module (memory (export "memory") 1) (table 200000 funcref) (func (export "_start")))')
    )

    small, large, none = ecli("run", path), ecli("run", "--table", "200000", path), ecli("run", "--table", "0", path)

    line = "table minimum size of 200000 elements exceeds table limits [--table N allows more]"
    assert (small.returncode, small.stderr) == (1, f"ecli: run {path}: {line}\n")
    assert (large.returncode, large.stderr) == (0, "")
    assert (none.returncode, "'0' is not a whole number above 0" in none.stderr) == (2, True)


def test_terminal_is_told_of_a_guest_that_compiles_for_long_once(ecli: Command, tmp_path: Path) -> None:
    step = (
        writer.const(0) + writer.const(0) + b"\x28\x02\x00\x04\x40" + writer.const(8) + writer.const(16)
        + b"\x2b\x03\x00" + writer.const(24) + b"\x2b\x03\x00\xa3\x39\x03\x00\x05" + writer.call(0) + b"\x0b\x1a"
    )  # fmt: skip
    path = tmp_path / "large.wasm"
    leave = writer.const(0) + b"\x28\x02\x00\x45\x04\x40\x0f\x0b"  # where memory is 0, as it is
    path.write_bytes(writer.module(body=leave + 60000 * step))  # one function: it compiles in one thread
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}

    def told() -> bytes:
        ours, theirs = pty.openpty()
        try:
            done = subprocess.run([*ecli.argv, "run", path], stderr=theirs, env=environment, check=False, timeout=300)
            assert done.returncode == 0
            os.write(theirs, b"\n.")
            said = b""
            while not said.endswith(b"\n."):
                said += os.read(ours, 4096)
            return said
        finally:
            os.close(ours)
            os.close(theirs)

    first = told()
    second = told()

    assert first == f"ecli: compiling {path} (1.8 MB), once\r\n\r\n.".encode()
    assert second == b"\r\n."
