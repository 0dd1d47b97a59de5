"""Boot every kernel, two at a time, run the cells of the matrix in each, and gather what they say."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from eunomia import builtin
from support.vm import VmError
from support.vm.eunomia import ROOT
from support.vm.kernels import ARCHITECTURES, SERIES
from support.vm.lab import Vm
from support.vm.machine import Machine
from vm.matrix import packages
from vm.programs.table import CASES
from vm.tools import table

TESTS = ROOT / "tests"
TIMEOUT = 60.0
KERNELS = [(series, arch) for arch in ARCHITECTURES for series in SERIES]
PRELOAD = ["vm.matrix.warm"]
Document = dict[str, Any]


class Measurement:
    """All kernels, measured; `stop` ends it from another thread."""

    def __init__(self, tools: Iterable[str] | None = None, programs: Iterable[str] | None = None) -> None:
        """Choose cells: by default every built-in tool and every program of the table."""
        self._tools = list(builtin.names() if tools is None else tools)
        self._programs = [case.name for case in CASES] if programs is None else list(programs)
        self._machines: set[Machine] = set()
        self._stopped = threading.Event()

    def run(self, kernels: Iterable[tuple[str, str]] = KERNELS, parallel: int = 2) -> Iterator[Document]:
        """Yield one document a kernel, in order: its name, release, times and cells."""
        chosen = list(kernels)
        wheels = {arch: packages.wheel(arch) for arch in {arch for _, arch in chosen}}
        with ThreadPoolExecutor(parallel) as pool:
            pending = [pool.submit(self._kernel, series, arch, wheels[arch]) for series, arch in chosen]
            try:
                for future in pending:
                    yield future.result()
            finally:
                self.stop()

    def stop(self) -> None:
        """End the machines that run, and start no more."""
        self._stopped.set()
        for machine in list(self._machines):
            machine.kill()

    def _kernel(self, series: str, arch: str, wheel: Path) -> Document:
        modules = {module for case in CASES for module in case.modules} | set(table.MODULES)
        vm = Vm(series, arch, wheel=wheel, modules=sorted(modules))
        files = _files(bool(self._programs))
        pending = [{"name": "command", "call": "vm.matrix.guest:command", "timeout": TIMEOUT}]
        for kind, names in (("tool", self._tools), ("program", self._programs)):
            pending += [
                {"name": f"{kind} {name}", "call": f"vm.matrix.guest:{kind}", "arguments": [name], "timeout": TIMEOUT}
                for name in names
            ]
        document: Document = {"name": vm.kernel.name, "arch": arch, "series": series, "release": vm.kernel.release}
        document |= {"boots": 0, "command": {}, "cells": [], "problems": []}
        started = time.monotonic()
        while pending and not self._stopped.is_set():
            document["boots"] += 1
            nr_before = len(pending)
            self._boot(vm, files, pending, document)
            if len(pending) == nr_before:
                raise VmError(f"{vm.kernel.release}: no cell could be run: {document['problems'][-1]}")
        document["seconds"] = round(time.monotonic() - started, 1)
        return document

    def _boot(self, vm: Vm, files: dict[str, Any], pending: list[Document], document: Document) -> None:
        """Run pending cells in one machine; what was begun goes from the list, also where the machine died of it."""
        machine = vm.machine()
        self._machines.add(machine)
        output: list[str] = []
        cell = None
        try:
            for message in machine.run(list(pending), files, PRELOAD):
                if message["kind"] == "begin":
                    cell = pending.pop(0)["name"]
                    output, results = [], 0
                elif message["kind"] == "output":
                    output.append(message["text"])
                elif message["kind"] == "result":
                    results += 1
                    _take(document, message["value"])
                elif message["kind"] == "end" and (message["status"] != 0 or not results):
                    said = " | ".join(output[-8:])
                    _fail(document, message["cell"], f"ended with {message['status']}: {said}")
                elif message["kind"] == "ready":
                    document["booted"] = round(message["uptime"], 2)
        except VmError as exc:
            if not self._stopped.is_set():
                document["problems"].append(str(exc))
                if cell is not None:
                    _fail(document, cell, f"the machine died: {exc}")
        finally:
            self._machines.discard(machine)


def _take(document: Document, value: Document) -> None:
    if value["kind"] == "command":
        document["command"] = value
    else:
        document["cells"].append(value)


def _fail(document: Document, cell: str, reason: str) -> None:
    """Put down a cell that ended without an answer, unless its answer is there."""
    kind, _, name = cell.partition(" ")
    if not name:
        document["problems"].append(f"{cell}: {reason}")
        return
    document["cells"] = [each for each in document["cells"] if (each["kind"], each["cell"]) != (kind, name)]
    answer = {"kind": kind, "cell": name, "predicted": "unknown", "predicted_reason": "", "count": 0}
    document["cells"].append({**answer, "outcome": "failed", "reason": reason, "seconds": None})


def _files(programs: bool) -> dict[str, Any]:
    """Return what the machine gets below /job: the modules that the cells are, and the packages."""
    chosen = [*TESTS.glob("vm/tools/*.py"), *TESTS.glob("vm/programs/*.py")]
    chosen += [TESTS / "support/commands.py", TESTS / "vm/matrix/guest.py", TESTS / "vm/matrix/warm.py"]
    files: dict[str, Any] = {str(path.relative_to(TESTS)): path for path in chosen}
    if programs:
        files["programs"] = packages.programs()
    return files
