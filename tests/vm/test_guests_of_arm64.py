"""The same .wasm file on arm64: its events, traps, limits, calls of both sides, by the wheel of the engine for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from eunomia.compiler.guest_projects import build_project
from support import wasm_writer as writer
from support.vm import eunomia
from support.vm.lab import Vm

Lab = Callable[..., Vm]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples/wasm"
SCRIPT = """
import os, subprocess, sys
sys.path.append("/job/lib")
from eunomia.wasm import Guest, Policy
from guest import emit

environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
words = ["ecli", "run", "/job/bootstrap.wasm"]
for start in ("first", "cached"):
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    head = running.stdout.readline()
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    lines = []
    for line in running.stdout:
        lines += [line] * (f" {child.pid} " in line)
        if len(lines) == 2:
            break
    running.send_signal(2)
    rest, said = running.communicate(timeout=60)
    emit(what=start, head=head, lines=[line.split()[1:4] for line in lines], said=said, code=running.returncode)

seen = []
guest = Guest.open("/job/numbers.wasm")
guest.register("m", "take", "(i32, i64, f32, f64) -> f64", lambda *numbers: seen.append(numbers) or -0.5)
guest.register("m", "back", "(f64) -> ()", seen.append)
with guest.run() as run:
    emit(what="numbers", code=run.check(), seen=seen)
for name, options in (("trap", {}), ("deep", {}), ("wild", {}), ("loop", {"fuel": 1000000}),
                      ("loop", {"fuel": 0, "duration": 0.2})):
    with Guest.open(f"/job/{name}.wasm").run(**options) as run:
        run.wait(60)
    emit(what=name, ending=run.ending, text=run.text)
with Guest.open("/job/loop.wasm").run(fuel=0) as run:
    emit(what="control", paused=run.pause(), resumed=run.resume(), ended=run.terminate(), code=run.wait(60))
"""
NUMBERS = (
    writer.const(-7) + b"\x42\x7f" + b"\x43\0\0\xc0\x3f" + b"\x44" + bytes(6) + b"\xf8\xbf"  # i64 -1, f32 1.5, f64 -1.5
    + writer.call(0) + writer.call(1)
)  # fmt: skip
LOAD = b"\x28\x02\x00\x1a"  # i32.load, drop


def modules() -> dict[str, bytes | str | Path]:
    """Guests of a few bytes by their names in the machine."""
    return {
        "numbers.wasm": writer.module([("m", "take", "iIfF:F"), ("m", "back", "F:")], NUMBERS),
        "trap.wasm": writer.module(body=writer.UNREACHABLE),
        "deep.wasm": writer.module(body=writer.call(0)),
        "wild.wasm": writer.module(body=writer.const(-8) + LOAD),
        "loop.wasm": writer.module(body=writer.LOOP + writer.BRANCH + writer.END),
    }


def test_guests_run_on_arm64_as_they_do_here(vm: Lab, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "c/bootstrap", tmp_path / "bootstrap")
    (built,) = build_project(str(tmp_path / "bootstrap"))
    files = {"bootstrap.wasm": Path(built), **modules(), **eunomia.engine("arm64")}

    first, cached, numbers, *ended, control = vm("6.12", "arm64").run(SCRIPT, files=files, timeout=150)

    for start in (first, cached):
        assert start["head"].split()[:4] == ["TIME", "EVENT", "COMM", "PID"]
        assert [line[:2] for line in start["lines"]] == [["EXEC", "true"], ["EXIT", "true"]]
        assert (start["said"], start["code"]) == ("", 0)
    assert (numbers["code"], numbers["seen"]) == (0, [[-7, -1, 1.5, -1.5], -0.5])
    assert [(each["ending"], each["text"].partition(" in ")[0]) for each in ended] == [
        ("trapped", "trap: unreachable instruction (abort, panic or a failed check)"),
        ("trapped", "trap: stack overflow"),
        ("trapped", "trap: memory access out of bounds"),
        ("out of fuel", "out of fuel"),
        ("timed out", ""),
    ]
    assert control == {"what": "control", "paused": True, "resumed": True, "ended": True, "code": 0}
