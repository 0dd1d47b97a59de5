"""`vm(series, arch)`: what tests use; machines by kernel, and scripts run in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from . import VmError, eunomia
from .kernels import Kernel, kernel
from .machine import Machine, qemu
from .userland import userland


class Vm:
    """A kind of machine: a kernel and how it is booted. Every run boots a new one."""

    def __init__(self, series: str, arch: str, wheel: Path | None = None, **options: Any) -> None:
        qemu(arch)
        self.kernel: Kernel = kernel(series, arch)
        self.wheel, self.options = wheel, options
        self.output = ""
        """What the last run printed, standard output and error together."""

    def machine(self) -> Machine:
        """Return a machine that is not started yet."""
        arch = self.kernel.arch
        content = eunomia.from_wheel(self.wheel, arch) if self.wheel else eunomia.from_sources(arch)
        return Machine(self.kernel, [userland(arch), content], **self.options)

    def run(
        self,
        script: str | Path,
        *,
        files: dict[str, bytes | str | Path] | None = None,
        arguments: Iterable[str] = (),
        timeout: float = 60,
    ) -> list[dict[str, Any]]:
        """Boot, run a Python script as root, and return what it emitted (`from guest import emit`).

        Args:
            script: its text, or a path.
            files: what to put below /job (or elsewhere, by absolute path): contents, or a path on the host.
            arguments: of the script.
            timeout: seconds that the script may take.

        Raises:
            VmError: the script failed or took too long, or the machine died; what it printed is in the text.
        """
        text = script.read_bytes() if isinstance(script, Path) else script.encode()
        cell = {"name": "script", "script": "/job/script.py", "arguments": list(arguments), "timeout": timeout}
        results, output, status = [], [], None
        for message in self.machine().run([cell], {"script.py": text, **(files or {})}):
            if message["kind"] == "result":
                results.append(message["value"])
            elif message["kind"] == "output":
                output.append(message["text"])
            elif message["kind"] == "end":
                status = message["status"]
        self.output = "\n".join(output)
        if status != 0:
            raise VmError(f"{self.kernel.release}: the script ended with {status}:\n{self.output}")
        return results

    def cells(
        self,
        cells: list[dict[str, Any]],
        files: dict[str, bytes | str | Path] | None = None,
        preload: Iterable[str] = (),
    ) -> Iterator[dict[str, Any]]:
        """Boot, run many cells, each in a process of its own; see `Machine.run`."""
        yield from self.machine().run(cells, files or {}, preload)
