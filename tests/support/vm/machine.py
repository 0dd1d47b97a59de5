"""One QEMU process: a kernel; userland, eunomia and a job's files as its file system; the console as its voice."""

from __future__ import annotations

import json
import os
import secrets
import selectors
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from . import VmError
from .cpio import Archive
from .kernels import Kernel

GUEST = Path(__file__).parent / "guest"
BOOT_TIMEOUT = 180.0  # two busy cores; 2 s on idle ones
GRACE = 20.0  # after the agent should have ended a cell that is late: only a kernel that hangs keeps it from that
TAIL = 4000  # bytes of the console that an error shows

# Self-tests of ciphers and loading of certificates take half a second under TCG, and nothing here needs them.
_QUICK = (
    "rcupdate.rcu_expedited=1 cryptomgr.notests=1 "
    "initcall_blacklist=load_system_certificate_list,jent_mod_init,crypto_kdf108_init"
)
# -cx16: QEMU 7.2 spoils the flags in cmpxchg16b under TCG, and kernels since 6.x die of it in one boot of ten.
# Without cmpxchg16b kernels since 7.0 cannot allocate timers for programs, unless their slabs are debugged.
# no_timer_check: on a busy host the timer of one boot in many is found wanting, and the kernel gives up.
# One CPU: with two, QEMU 7.2 loses the race that patches kernel text. cortex-a72: `max` is three times slower.
_QEMU = {
    "amd64": ("qemu-system-x86_64", "q35", "max,-cx16", "ttyS0", "qemu-system-x86"),
    "arm64": ("qemu-system-aarch64", "virt", "cortex-a72", "ttyAMA0", "qemu-system-arm"),
    "riscv64": ("qemu-system-riscv64", "virt", "rv64", "ttyS0", "qemu-system-misc"),
}


def qemu(arch: str) -> str:
    """Return the path of the QEMU for an architecture.

    Raises:
        VmError: it is not installed.
    """
    name, *_, package = _QEMU[arch]
    if (path := shutil.which(name)) is None:
        raise VmError(f"no {name} (apt-get install --no-install-recommends {package})")
    return path


class Machine:
    """A machine that is booted once, runs the cells of a job, and is gone."""

    def __init__(
        self,
        kernel: Kernel,
        archives: Iterable[Path],
        *,
        lsm: bool = True,
        btf: bool = True,
        modules: Iterable[str] = (),
        append: str = "",
        memory: int = 1024,
    ) -> None:
        """Describe a machine; nothing is started.

        Args:
            kernel: what to boot.
            archives: cpio archives that make its file system, in order.
            lsm: whether "bpf" is among the active security modules; 5.10 has it only when told so.
            btf: whether /sys/kernel/btf shows anything.
            modules: kernel modules to load, with those they need.
            append: more words for the kernel's command line.
            memory: MiB.
        """
        self.kernel, self._archives, self._memory = kernel, list(archives), memory
        self._lsm, self._btf, self._append = lsm, btf, append
        self._modules = kernel.modules(*modules)
        self._word = f"VM{secrets.token_hex(8)} "
        self._process: subprocess.Popen[bytes] | None = None
        self._console = bytearray()
        self._deadline = 0.0

    def run(
        self, cells: list[dict[str, Any]], files: dict[str, bytes | str | Path], preload: Iterable[str] = ()
    ) -> Iterator[dict[str, Any]]:
        """Boot, run the cells one after the other, and yield the agent's messages as they come.

        Args:
            cells: each has a `name`, a `timeout` in seconds, and `script` (a path) or `call` (`module:function`),
                with `arguments`.
            files: what to put below /job (or elsewhere, by absolute path): contents, or a path on the host.
            preload: modules that the agent imports before it forks the cells.

        Raises:
            VmError: the machine died, or was not ready or not done in time; the console's tail is in it.
        """
        job = {"word": self._word, "preload": list(preload), "cells": cells}
        initrd = self._initrd(job, files)
        try:
            self._process = subprocess.Popen(
                self._command(f"/dev/fd/{initrd}"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                pass_fds=[initrd],
            )
        finally:
            os.close(initrd)
        try:
            yield from self._messages(cells)
        finally:
            self.kill()

    def kill(self) -> None:
        """End QEMU, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()

    @property
    def console(self) -> str:
        """What came over the console that was no message: the kernel's and the init script's words."""
        return self._console.decode(errors="replace")

    def _messages(self, cells: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        limit, what = BOOT_TIMEOUT, "the boot"
        self._deadline = time.monotonic() + limit
        for line in self._lines():
            if line is None:
                raise self._failed(f"{what} took more than {limit:.0f} s")
            if not line.startswith(self._word.encode()):
                self._console += line + b"\n" if line else b""
                continue
            message = json.loads(line[len(self._word) :])
            yield message
            if message["kind"] == "done":
                return
            if message["kind"] == "begin":
                what = f"cell {message['cell']}"
                limit = next(cell["timeout"] for cell in cells if cell["name"] == message["cell"]) + GRACE
            self._deadline = time.monotonic() + limit
        raise self._failed(f"the machine ended in {what}")

    def _lines(self) -> Iterator[bytes | None]:
        """Yield the console's lines as they come, and None once when the deadline has passed."""
        assert self._process is not None
        assert self._process.stdout is not None
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(max(self._deadline - time.monotonic(), 0)):
                    yield None
                    return
                data = os.read(self._process.stdout.fileno(), 65536)
                *lines, rest = (rest + data).split(b"\n")
                yield from (line.rstrip(b"\r") for line in lines)
                if not data:
                    self._console += rest
                    return

    def _failed(self, what: str) -> VmError:
        tail = self._console[-TAIL:].decode(errors="replace").strip()
        return VmError(f"{self.kernel.release}: {what}; the console's end:\n{tail or '(nothing)'}")

    def _initrd(self, job: dict[str, Any], files: dict[str, bytes | str | Path]) -> int:
        """Return a descriptor of the file system: in memory, so that nothing can be left behind."""
        mine = Archive()
        mine.add("init", (GUEST / "init").read_bytes(), 0o755)
        for name in ("agent.py", "guest.py"):
            mine.add(f"job/{name}", (GUEST / name).read_bytes())
        mine.add("job/job.json", json.dumps(job))
        names = " ".join(name for name, _ in self._modules)
        mine.add("job/settings", f"MODULES='{names}' BTF={'yes' if self._btf else 'no'}\n")
        for name, data in self._modules:
            mine.add(f"job/modules/{name}.ko", data)
        mine.add(f"boot/config-{self.kernel.release}", self.kernel.config)  # there is no /proc/config.gz
        for name, content in files.items():
            place = name if name.startswith("/") else f"job/{name}"
            if isinstance(content, Path):
                mine.copy(content, place)
            else:
                mine.add(place, content)
        initrd = os.memfd_create("initrd")
        for data in (*(archive.read_bytes() for archive in self._archives), mine.to_bytes()):
            with open(initrd, "ab", closefd=False) as file:
                file.write(data)
        return initrd

    def _command(self, initrd: str) -> list[str]:
        _, board, cpu, console, _ = _QEMU[self.kernel.arch]
        words = [f"console={console}", "quiet", "loglevel=1", "panic=-1", _QUICK, self._append]
        if self.kernel.arch == "amd64":
            words += ["slab_debug=F,kmalloc*", "no_timer_check"]
        if self._lsm:
            words.append("lsm=landlock,lockdown,yama,bpf")
        return [
            *("setpriv", "--pdeathsig", "KILL", qemu(self.kernel.arch)),  # whatever ends us, it ends too
            *("-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot"),
            *("-M", board, "-accel", "tcg,thread=multi", "-cpu", cpu, "-smp", "1", "-m", str(self._memory)),
            *("-kernel", str(self.kernel.image), "-initrd", initrd, "-append", " ".join(filter(None, words))),
        ]
