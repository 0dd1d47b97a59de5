"""What a reader costs the traced process: a flood of events, and one that comes alone."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from cases import Row
from measure import Flood, Process, Samples, interleave, ratio
from sides import LARGE, Sides

BATCH_SECONDS = 0.06  # `--wakeup batch` sleeps so long between two looks


def flooded(sides: Sides, rounds: int, events: int) -> list[Row]:
    """A process calls kill(2) as fast as it can while the reader runs: calls a second, and how many events are lost."""
    flood = Flood(sides.work / "flood", "null")
    lost: dict[str, Samples] = {}
    peers = {"bcc": sides.bcc(flood.pid), "bpftrace": sides.bpftrace(flood.pid)}

    def flooding(name: str, argv: list[str | Path]) -> Callable[[], float]:
        lost[name] = Samples()

        def once() -> float:
            process = Process(argv, env=sides.env(), read=False)
            try:
                if name in peers:
                    process.wait_writing(lambda: flood.send(1))
                else:
                    process.wait_attached()
                before = _written_after(process, lambda: flood.send(1000))
                cost = 0.0

                def measured() -> None:
                    nonlocal cost
                    cost = flood.send(events)

                delivered = _written_after(process, measured) / (before / 1000) if before else 0
                lost[name].values.append(max(0.0, 100 * (1 - delivered / events)))
                return cost
            finally:
                process.end()

        return once

    runs: dict[str, Callable[[], float]] = {"nobody": lambda: flood.send(events)}
    runs["empty"] = _attached(sides, flood, events)
    for form in ("text", "JSON"):
        json = form == "JSON"
        runs[f"c {form}"] = flooding(f"c {form}", sides.c_tool(LARGE, flood.pid, json=json))
        runs[form] = flooding(form, sides.ecli(LARGE, flood.pid, json=json))
    for way in ("each", "batch"):
        runs[way] = flooding(way, _with(sides.ecli(LARGE, flood.pid, json=True), "--wakeup", way))
    peer_runs = {name: flooding(name, argv) for name, argv in peers.items() if argv}
    try:
        samples = interleave(rounds, runs)
        samples |= interleave(1, peer_runs)
    finally:
        flood.close()

    def rate(name: str) -> str:
        times = samples[name].median / samples["nobody"].median
        return f"{1e3 / samples[name].median:.2f} million calls/s of CPU ({times:.1f} times untraced)"

    rows = []
    for form in ("text", "JSON"):
        faster = f"{ratio(samples, f'c {form}', form):.1f} times the calls"
        rows.append([f"flood, {form}", rate(form), "C tool, ring of 8 MiB too", rate(f"c {form}"), faster, "≥ 1.3"])
        rows.append(
            [f"flood, {form}: lost", f"{lost[form].text()} %", "C tool", f"{lost[f'c {form}'].text()} %", "–", "0"]
        )
    slower = f"{samples['JSON'].median / samples['nobody'].median:.2f} times"
    empty = f"{samples['empty'].median / samples['nobody'].median:.2f} times"
    rows.append(["flood: a call takes, against untraced", slower, "a program that does nothing", empty, "–", "< 1.3"])
    rows += [[f"flood, --wakeup {way}", rate(way), "adaptive", rate("JSON"), "–", "–"] for way in ("each", "batch")]
    for name in peers:
        there = f"{rate(name)}, {lost[name].text(0)} % lost" if name in peer_runs else "not usable here"
        rows.append(["flood, JSON", f"{rate('JSON')}, {lost['JSON'].text(0)} % lost", name, there, "–", "–"])
    return rows


def latency(sides: Sides, events: int) -> list[Row]:
    """Time from kill(2) to the first byte of its line in a pipe, events with random gaps of 1 to 20 ms."""
    found = {}
    for name in ("c", "ecli", "each", "batch"):
        read, write = os.pipe()
        argv = [str(sides.work / "latency"), str(events), str(read)]
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=[read]
        ) as provoker:
            os.close(read)
            assert provoker.stdout is not None
            pid = int(provoker.stdout.readline())
            ecli = sides.ecli(LARGE, pid, json=True)
            tool = {"c": sides.c_tool(LARGE, pid, json=True), "ecli": ecli}.get(name) or _with(ecli, "--wakeup", name)
            process = Process(tool, env=sides.env(), read=False, output=write)
            os.close(write)
            try:
                process.wait_attached()
                answer, _ = provoker.communicate("go\n", timeout=120)
            finally:
                process.end()
        found[name] = answer.split()

    def text(name: str) -> str:
        median, late, worst = found[name]
        return f"{median} µs, p99 {late}, worst {worst}"

    rows = [[f"a lone event until its line is out, of {events}", text("ecli"), "C tool", text("c"), "–", "< 1 ms"]]
    rows += [["the same, --wakeup " + way, text(way), "adaptive", text("ecli"), "–", "–"] for way in ("each", "batch")]
    return rows


def _written_after(process: Process, provoke: Callable[[], object]) -> int:
    """Return how many bytes a process writes because of what is provoked."""
    before = process.written()
    provoke()
    time.sleep(BATCH_SECONDS)
    process.settle()
    return process.written() - before


def _attached(sides: Sides, flood: Flood, events: int) -> Callable[[], float]:
    """Return a measurement of the flood with a program that does nothing."""

    def once() -> float:
        argv = [*sides.command("ecli"), "run", sides.package("empty"), "--target_pid", str(flood.pid)]
        process = Process(argv, env=sides.env(), read=False)
        try:
            process.wait_attached()
            return flood.send(events)
        finally:
            process.end()

    return once


def _with(argv: list[str | Path], *options: str) -> list[str | Path]:
    """Return an `ecli run` command with more options of ecli's."""
    at = argv.index("run") + 1
    return [*argv[:at], *options, *argv[at:]]
