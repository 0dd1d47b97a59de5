"""Measure the matrix: which built-in tools and program types run on which kernel, and whether that was predicted."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from support.vm import VmError
from vm.matrix import compare, page
from vm.matrix.measure import KERNELS, ROOT, Measurement

LAST = ROOT / "build/matrix.json"
TABLE, PAGE = ROOT / "docs/matrix.json", ROOT / "docs/matrix.md"


def main(words: list[str]) -> int:
    """Measure, print what is wrong, write the page where that is asked for; return 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="scripts/matrix", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/matrix.md and docs/matrix.json")
    parser.add_argument("--last", action="store_true", help="take what was measured last, by this or by the test suite")
    parser.add_argument(
        "-k", "--kernel", action="append", metavar="SERIES/ARCH", help="only this kernel, e.g. 6.12/arm64"
    )
    parser.add_argument("-t", "--tool", action="append", metavar="NAME", help="only these tools and programs")
    parser.add_argument("-p", "--program", action="append", metavar="NAME", help="only these programs and tools")
    options = parser.parse_args(words)
    if options.write and (options.kernel or options.tool or options.program):
        parser.error("--write needs all kernels, tools and programs")
    try:
        kernels = json.loads(LAST.read_text()) if options.last else measure(options)
    except VmError as exc:
        print(f"matrix: {exc}", file=sys.stderr)
        return 1
    if options.write:
        write(compare.table(kernels, time.strftime("%Y-%m-%d", time.gmtime())))
    return int(any(compare.all_wrong(kernel) for kernel in kernels))


def measure(options: argparse.Namespace) -> list[compare.Document]:
    """Measure the chosen kernels, and say what came of each as it is done."""
    chosen = [tuple(each.split("/", 1)) for each in options.kernel] if options.kernel else KERNELS
    some = options.tool or options.program
    measurement = Measurement(*((options.tool or [], options.program or []) if some else ()))
    started, kernels = time.monotonic(), []
    for kernel in measurement.run(chosen):
        kernels.append(kernel)
        for line in summary(kernel):
            print(line, flush=True)
    print(f"{len(kernels)} kernels in {time.monotonic() - started:.0f} s")
    if not some and not options.kernel:
        keep(kernels)
    return kernels


def summary(kernel: compare.Document) -> list[str]:
    """Return the line of a kernel, and one for each thing that is wrong."""
    counts = dict.fromkeys(("fired", "refused", "attached", "failed"), 0)
    for cell in kernel["cells"]:
        counts[cell["outcome"]] += 1
    told = ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number)
    command = kernel["command"]
    times = f"`ecli run` to its first event {command.get('run')} s, Python alone {command.get('python')} s"
    head = f"{compare.column(kernel)} ({kernel['release']}): {told}; {kernel['seconds']} s; {times}"
    return [head, *(f"    {line}" for line in compare.all_wrong(kernel))]


def keep(kernels: list[compare.Document]) -> None:
    """Leave a measurement for `--last`."""
    LAST.parent.mkdir(exist_ok=True)
    LAST.write_text(json.dumps(kernels))


def write(table: compare.Document, folder: Path = ROOT / "docs") -> None:
    """Write the table and the page."""
    (folder / TABLE.name).write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    (folder / PAGE.name).write_text(page.render(table))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
