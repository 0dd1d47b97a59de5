"""Measurements of Wasm guests against native C programs with the same work, in the same run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cases import Row
from measure import Flood, Process, interleave, ratio
from sides import BASELINE, ROOT, Sides

GUESTS = ROOT / "benchmarks/guests"


class Guests:
    """The guests, their native counterparts, and the command that runs a guest."""

    def __init__(self, sides: Sides) -> None:
        sys.path.insert(0, str(ROOT / "tests"))
        from conformance.build import Builder

        self.sides = sides
        builder = Builder(sides.work / "guests")
        self.wasm: dict[str, Path] = {}
        for name, kernel_side in (("consume", "record"), ("lookup", "record"), ("tool", "core")):
            words = {"object": kernel_side, "objects": str(BASELINE), "link": [f"-I{BASELINE}"]}
            self.wasm[name] = builder.build(GUESTS, name=name, source=f"{name}.c", **words)
        self.consume = sides.work / "consume"
        sides.compile_c(BASELINE / "consume.c", self.consume, f'-DOBJECT="{builder.folder}/consume.d/record.bpf.o"')

    def ecli(self, name: str, *arguments: object) -> list[str | Path]:
        """Return the command line of a guest."""
        return [*self.sides.command("ecli"), "run", self.wasm[name], *map(str, arguments)]


def guests(sides: Sides, rounds: int, records: int) -> list[Row]:
    """Records into a guest, lookups of a guest, its start and its memory."""
    side = Guests(sides)
    return [*_delivery(side, rounds, records), *_lookups(side, rounds), *_start(side, 3 * rounds)]


def _delivery(side: Guests, rounds: int, records: int) -> list[Row]:
    flood = Flood(side.sides.work / "flood", "null")
    env = side.sides.env(fresh=False)
    runs = {
        "native": _drained(env, flood, [side.consume, str(flood.pid)], records),
        "callback": _drained(env, flood, side.ecli("consume", flood.pid), records),
        "batch": _drained(env, flood, side.ecli("consume", flood.pid, "batch"), records),
    }
    try:
        samples = interleave(rounds, runs)
    finally:
        flood.close()
    native = f"{samples['native'].text(1)} ns"
    return [
        [what, f"{samples[name].text(1)} ns", "C consumer", native, f"{ratio(samples, name, 'native'):.2f}", target]
        for name, what, target in (
            ("callback", "guest: a record of 64 bytes into an old-style callback", "< 80 ns"),
            ("batch", "guest: the same in batches", "< 25 ns, ≤ 2"),
        )
    ]


def _drained(env: dict[str, str], flood: Flood, argv: list[str | Path], records: int) -> Callable[[], float]:
    """CPU time of each record that waits in the ring; the process prints how many it got when it is done."""

    def once() -> float:
        with tempfile.TemporaryFile() as output:
            process = Process(argv, env=env, read=False, output=output.fileno())
            try:
                process.wait_attached()
                process.freeze()
                flood.send(records)
                cpu = process.cpu_ns()
                process.thaw()
                end = time.monotonic() + 20
                while not (said := os.pread(output.fileno(), 4096, 0).split()) and time.monotonic() < end:
                    time.sleep(0.01)
                cpu = process.cpu_ns() - cpu
                if not said or int(said[-1]) != records:
                    raise RuntimeError(f"{argv[0]} got {said} records, not {records}")
                return cpu / records
            finally:
                process.end()

    return once


def _lookups(side: Guests, rounds: int) -> list[Row]:
    env, count = side.sides.env(fresh=False), "300000"

    def printed(argv: list[str | Path]) -> Callable[[], float]:
        return lambda: float(subprocess.run(list(map(str, argv)), env=env, capture_output=True, check=True).stdout)

    samples = interleave(
        rounds, {"native": printed([side.consume, "lookup", count]), "guest": printed(side.ecli("lookup", count))}
    )
    mine, there = f"{samples['guest'].text(0)} ns", f"{samples['native'].text(0)} ns"
    return [
        [
            "guest: a map lookup",
            mine,
            "C, bpf_map_lookup_elem",
            there,
            f"{ratio(samples, 'guest', 'native'):.2f}",
            "< 1.5",
        ]
    ]


def _start(side: Guests, rounds: int) -> list[Row]:
    """Whole process until its first event comes out."""
    own = os.getpid()

    def attached(argv: list[str | Path], fresh: bool) -> Callable[[], float]:
        def once() -> float:
            process = Process(argv, env=side.sides.env(fresh=fresh), read=True)
            try:
                return 1e3 * process.seconds_until_line(b'"sig":', lambda: os.kill(own, signal.SIGURG))
            finally:
                process.end()

        return once

    guest = side.ecli("tool", own)
    runs = {
        "c": attached(side.sides.c_tool("core", own, json=True), False),
        "cached": attached(guest, False),
        "first": attached(guest, True),
    }
    samples = interleave(rounds, runs)
    c = samples["c"].text() + " ms"
    rows = [
        [what, samples[name].text() + " ms", "C tool", c, f"{ratio(samples, name, 'c'):.2f}", target]
        for name, what, target in (
            ("cached", "guest: start to first event, module from the cache", "< 100 ms"),
            ("first", "guest: start to first event, module never seen", "< 150 ms"),
        )
    ]
    process = Process(guest, env=side.sides.env(fresh=False), read=False)
    try:
        process.wait_attached()
        time.sleep(0.3)
        memory = process.resident_kib()
    finally:
        process.end()
    return [*rows, ["guest and host: resident memory", f"{memory / 1024:.1f} MiB", "–", "–", "–", "< 80 MB"]]
