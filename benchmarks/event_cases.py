"""Measurements of what happens to events that are not written: filters, and memory over many events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cases import Row, draining
from measure import Flood, Process, interleave, ratio
from sides import BACKLOG, Sides


def filtering(sides: Sides, rounds: int, records: int) -> list[Row]:
    """CPU time of a waiting record that a filter drops, or that is counted, against a C loop that only consumes."""
    flood = Flood(sides.work / "flood", "null")
    ecli = sides.ecli(BACKLOG, flood.pid, json=True)
    at = ecli.index("run") + 1

    def drained(argv: list[str | Path]) -> Callable[[], float]:
        return draining(sides.env(), flood, argv, records, (0, 1000 / records))  # else they were not dropped

    runs = {"c": drained([sides.tool(BACKLOG), "-c", "-p", str(flood.pid)])}
    options = {
        "filter that drops everything, pid": ["--filter", "pid == 1"],
        "filter that drops everything, three fields": [
            "--filter",
            'uid == 4294967294 || sig < 0 || comm ~ "no*such"',
        ],
        "counted by comm and signal": ["--count-by", "comm,sig"],
        "counted by comm, with a histogram": ["--count-by", "comm", "--hist", "ppid"],
    }
    for name, words in options.items():
        runs[name] = drained([*ecli[:at], *words, *ecli[at:]])
    try:
        samples = interleave(rounds, runs)
    finally:
        flood.close()
    c = f"{samples['c'].text(1)} ns"
    return [
        [
            name,
            f"{samples[name].text(1)} ns",
            "C loop that only consumes",
            c,
            f"{ratio(samples, name, 'c'):.2f}",
            "≤ 2" if name.endswith("pid") else "–",
        ]
        for name in options
    ]


def soak(sides: Sides, events: int) -> list[Row]:
    """Resident memory over as many events as an hour at 50,000 a second brings."""
    flood = Flood(sides.work / "flood", "null")
    process = Process(sides.ecli("plain", flood.pid, json=True), env=sides.env(), read=False)
    resident = []
    try:
        process.wait_attached()
        for _ in range(10):
            flood.send(events // 10)
            process.settle()
            resident.append(process.resident_kib())
    finally:
        process.end()
        flood.close()
    grown = resident[-1] - resident[4]
    what = f"memory over {events / 1e6:.0f} million events"
    mine = f"{resident[0] / 1024:.1f} MiB after a tenth, {resident[-1] / 1024:.1f} at the end"
    return [[what, mine, "second half", f"{grown:+d} KiB", "–", "< 1 MB"]]
