"""The measurements. Each takes the sides and the number of rounds and returns rows of the report (see HEAD)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from measure import Flood, Process, Samples, interleave, ratio, run_seconds
from sides import BACKLOG, BASELINE, ROOT, VARIANTS, Sides

Row = list[str]
HEAD: Row = ["what", "eunomia", "compared with", "there", "ratio", "target"]
_NAMES = {"plain": "no CO-RE", "core": "one CO-RE read", "tpbtf": "tp_btf"}


def start(sides: Sides, rounds: int) -> list[Row]:
    """Whole-process time until the first provoked event is read from standard output, every run with empty caches."""
    own = os.getpid()

    def attached(argv: list[str | Path]) -> Callable[[], float]:
        def once() -> float:
            process = Process(argv, env=sides.env(), read=True)
            try:
                return 1e3 * process.seconds_until_line(b'"sig":', lambda: os.kill(own, signal.SIGURG))
            finally:
                process.end()

        return once

    runs = {f"c {v}": attached(sides.c_tool(v, own, json=True)) for v in VARIANTS}
    runs |= {f"ecli {v}": attached(sides.ecli(v, own, json=True)) for v in VARIANTS}
    runs |= {f"standalone {v}": attached(sides.standalone(v, own, json=True)) for v in VARIANTS}
    runs["python"] = lambda: 1e3 * run_seconds([sys.executable, "-I", "-c", "pass"], sides.env())
    peers = {"bcc": sides.bcc(own), "bpftrace": sides.bpftrace(own)}
    samples = interleave(rounds, runs)
    peer_samples = interleave(max(3, rounds // 5), {name: attached(argv) for name, argv in peers.items() if argv})
    rows = []
    for v in VARIANTS:
        target = "≤ 1.5, < 60 ms" if v != "plain" else "–"
        mine, c = samples[f"ecli {v}"].text() + " ms", samples[f"c {v}"].text() + " ms"
        rows.append(
            [
                f"start to first event, {_NAMES[v]}",
                mine,
                "C tool",
                c,
                _times(ratio(samples, f"ecli {v}", f"c {v}")),
                target,
            ]
        )
    for v in VARIANTS:
        mine, c = samples[f"standalone {v}"].text() + " ms", samples[f"c {v}"].text() + " ms"
        times = _times(ratio(samples, f"standalone {v}", f"c {v}"))
        target = "≤ 0.4" if v != "plain" else "–"
        rows.append([f"standalone: start to first event, {_NAMES[v]}", mine, "C tool", c, times, target])
    for name, argv in peers.items():
        if not argv:
            rows.append(
                [
                    "start to first event, no CO-RE",
                    samples["ecli plain"].text() + " ms",
                    name,
                    "not usable here",
                    "–",
                    "–",
                ]
            )
            continue
        slower = peer_samples[name].median / samples["ecli plain"].median
        target = "≥ 10" if name == "bcc" else "–"
        there = peer_samples[name].text() + " ms"
        rows.append(
            [
                "start to first event, no CO-RE",
                samples["ecli plain"].text() + " ms",
                name,
                there,
                f"{slower:.1f} times faster",
                target,
            ]
        )
    rows.append(["(floor: Python that does nothing)", samples["python"].text() + " ms", "–", "–", "–", "–"])
    return rows


def draining(
    env: dict[str, str], flood: Flood, argv: list[str | Path], records: int, line: tuple[float, float]
) -> Callable[[], float]:
    """CPU time of each record that waits in the ring; it writes that many bytes for one, from and to."""

    def once() -> float:
        process = Process(argv, env=env, read=False)
        try:
            process.wait_attached()
            process.freeze()
            flood.send(records)
            cpu, written = process.cpu_ns(), process.written()
            process.thaw()
            process.settle()
            size = (process.written() - written) / records
            if not line[0] <= size <= line[1]:
                raise RuntimeError(f"{argv[0]} wrote {size:.1f} bytes a record, not {line[0]} to {line[1]}")
            return (process.cpu_ns() - cpu) / records
        finally:
            process.end()

    return once


def backlog(sides: Sides, rounds: int, records: int) -> list[Row]:
    """CPU time of a record that waits in the ring, read, rendered and written to /dev/null."""
    flood = Flood(sides.work / "flood", "null")

    def drained(argv: list[str | Path]) -> Callable[[], float]:
        return draining(sides.env(), flood, argv, records, (30, 400))  # else not all of them were rendered

    runs = {}
    for json in (False, True):
        form = "JSON" if json else "text"
        runs[f"c {form}"] = drained(sides.c_tool(BACKLOG, flood.pid, json=json))
        runs[f"ecli {form}"] = drained(sides.ecli(BACKLOG, flood.pid, json=json))
    try:
        samples = interleave(rounds, runs)
    finally:
        flood.close()
    rows = []
    for form in ("text", "JSON"):
        mine, c = samples[f"ecli {form}"], samples[f"c {form}"]
        times = f"{c.median / mine.median:.1f} times faster"
        rows.append([f"records waiting, {form}", _rate(mine), "C tool with printf", _rate(c), times, "≥ 4"])
    return rows


def idle(sides: Sides, seconds: float) -> list[Row]:
    """Wake-ups without events, and resident memory without the ring."""
    found: dict[str, tuple[int, int]] = {}
    for name, argv in (("ecli", sides.ecli("core", 1, json=False)), ("c", sides.c_tool("core", 1, json=False))):
        process = Process(argv, env=sides.env(), read=False)
        try:
            process.wait_attached()
            time.sleep(0.3)
            before = process.wakeups()
            time.sleep(seconds)
            found[name] = process.wakeups() - before, process.resident_kib()
        finally:
            process.end()
    (mine, memory), (c, c_memory) = found["ecli"], found["c"]
    return [
        [f"wake-ups in {seconds:.0f} s without events", str(mine), "C tool", str(c), "–", "0"],
        [
            "resident memory",
            f"{memory / 1024:.1f} MiB",
            "C tool",
            f"{c_memory / 1024:.1f} MiB",
            _times(memory / c_memory),
            "< 40 MB",
        ],
    ]


def compiling(sides: Sides, rounds: int) -> list[Row]:
    """`ecc` from the second compile on against a plain clang run of the same source."""
    clean, defines = sides.source("core"), sides.work / "late.bpf.c"
    defines.write_text(
        f"#define LATE 1 /* a macro before vmlinux.h: its precompiled form cannot be used */\n{clean.read_text()}"
    )
    env = sides.env(fresh=False)

    def ecc(source: Path) -> list[str | Path]:
        return [*sides.command("ecc"), source, f"-I{BASELINE}", "-o", sides.work / "timed.json"]

    def clang(source: Path) -> list[str | Path]:
        return [*sides.plain_clang(source), f"-I{BASELINE}", "-o", sides.work / "timed.o"]

    runs = {}
    for name, source in (("", clean), (" late", defines)):
        runs[f"ecc{name}"] = lambda source=source: 1e3 * run_seconds(ecc(source), env)
        runs[f"clang{name}"] = lambda source=source: 1e3 * run_seconds(clang(source), env)
    samples = interleave(rounds, runs)
    rows = []
    for name, what, target in (
        ("", "ecc, second compile", "≤ 0.7"),
        (" late", "ecc, source with a macro before vmlinux.h", "≤ 1.2"),
    ):
        mine, plain = samples[f"ecc{name}"], samples[f"clang{name}"]
        times = _times(mine.median / plain.median)
        rows.append([what, mine.text(0) + " ms", "clang -target bpf", plain.text(0) + " ms", times, target])
    return rows


def importing(sides: Sides, rounds: int) -> list[Row]:
    """What `import eunomia` adds to a Python that does nothing."""
    env = sides.env()
    runs = {
        name: lambda code=code: 1e3 * run_seconds([sys.executable, "-c", code], env)
        for name, code in (("nothing", "pass"), ("eunomia", "import eunomia"))
    }
    samples = interleave(rounds, runs)
    more = samples["eunomia"].median - samples["nothing"].median
    mine, there = samples["eunomia"].text() + " ms", samples["nothing"].text() + " ms"
    return [["import eunomia", mine, "python -c pass", there, f"{more:+.1f} ms", "–"]]


def python_api(sides: Sides, records: int) -> list[Row]:
    """Events and a large hash map through Python, in a process of their own."""
    script = ROOT / "benchmarks/python_side.py"
    flood = Flood(sides.work / "flood", "null")
    argv = [sys.executable, script, sides.package(BACKLOG), str(flood.pid), str(records)]
    found: dict[str, float] = {}
    try:
        with subprocess.Popen(
            list(map(str, argv)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            if process.stdout.readline().strip() != "attached":
                raise RuntimeError("python_side.py did not attach")
            for _ in range(6):
                flood.send(records)
                process.stdin.write("go\n")
                process.stdin.flush()
                found |= _named(process.stdout.readline())
            for line in process.stdout:
                found |= _named(line)
    finally:
        flood.close()
    dumped = subprocess.run([sides.work / "mapdump", "1000000"], capture_output=True, check=True).stdout
    c_entry = float(dumped.split()[0])
    rows = [
        [f"Python: {what}", f"{1e3 / found[name]:.2f} million/s", "–", "–", "–", target]
        for name, what, target in (
            ("iterator", "iterating typed events", "≥ 1 million/s"),
            ("numpy", "events into NumPy", "≥ 20 million/s"),
            ("arrow", "events into Arrow", "≥ 20 million/s"),
        )
    ]
    for name, what in (("items", "items()"), ("map_numpy", "to_numpy()"), ("map_arrow", "to_arrow()")):
        entry = found[name]
        there = ["C loop, lookup_batch", f"{c_entry:.0f} ns", _times(entry / c_entry), "≤ 1.5"]
        rows.append([f"Python: {what} of a hash map of a million", f"{entry:.0f} ns an entry", *there])
    for form in ("text", "json"):
        entry = found[f"map_{form}"]
        there = ["C loop, lookup_batch", f"{c_entry:.0f} ns", _times(entry / c_entry), "≤ 1.5"]
        rows.append([f"ecli: a hash map of a million as {form}", f"{entry:.0f} ns an entry", *there])
    return rows


def _named(line: str) -> dict[str, float]:
    name, value = line.split()
    return {name: float(value)}


def wheel(_sides: Sides) -> list[Row]:
    """Size of the newest wheel in dist/."""
    wheels = sorted((ROOT / "dist").glob("eunomia-*.whl"), key=lambda path: path.stat().st_mtime)
    size = f"{wheels[-1].stat().st_size / 1e3:.0f} kB" if wheels else "not built [make wheel]"
    return [["wheel", size, "–", "–", "–", "< 1 MB"]]


def _rate(samples: Samples) -> str:
    return f"{1e3 / samples.median:.2f} million/s ({samples.text(0)} ns)"


def _times(value: float) -> str:
    return f"{value:.2f}"
