"""What is measured against what: builds the baselines and the packages, and knows every command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ROOT / "benchmarks/baseline"
VARIANTS = ("plain", "core", "tpbtf")
BACKLOG = "backlog"
LARGE = "large"  # a ring of 8 MiB
_SCRIPT = "#!{python}\nimport sys\nfrom eunomia.cli.main import {name}\nsys.exit({name}())\n"


class Sides:
    """The programs of one bench run, made in a folder of its own under build/."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.target = f"{os.uname().machine}-linux-gnu.2.28"
        self.libs = ROOT / "build/libs" / self.target
        self.clang = shutil.which("clang") or ""
        self.arch = {"x86_64": "x86", "aarch64": "arm64"}[os.uname().machine]
        self.caches = 0
        if not (self.libs / "lib/libbpf.a").exists():
            raise SystemExit("bench: no libbpf archives in build/libs [run: make setup]")
        if not self.clang:
            raise SystemExit("bench: no clang for the plain side of the comparison [apt-get install clang]")

    def build(self) -> None:
        """Compile the C tools, the provokers and the packages."""
        self.work.mkdir(parents=True, exist_ok=True)
        header = self.work / "vmlinux.h"
        if not header.exists():
            from eunomia._native import check, lib

            check(lib.eu_dump_vmlinux(b"/sys/kernel/btf/vmlinux", os.fsencode(header)), "write vmlinux.h")
        for name in ("flood", "latency", "mapdump"):
            self.compile_c(BASELINE / f"{name}.c", self.work / name)
        for variant in (*VARIANTS, BACKLOG, LARGE):
            source, raw, linked = self.source(variant), self.work / f"{variant}.raw.o", self.work / f"{variant}.bpf.o"
            _run([*self.plain_clang(source), "-o", raw])
            self._link(raw, linked)
            self.compile_c(BASELINE / "tool.c", self.tool(variant), f'-DOBJECT="{linked}"')
            _run([*self.command("ecc"), source, "-o", self.package(variant)], env=self.env(fresh=False))

        for name in ("table", "empty"):
            _run([*self.command("ecc"), self.source(name), "-o", self.package(name)], env=self.env(fresh=False))

    def _link(self, raw: Path, linked: Path) -> None:
        from eunomia._native import check, lib

        check(lib.eu_link_object(os.fsencode(raw), os.fsencode(linked)), f"link {raw.name}")

    def compile_c(self, source: Path, output: Path, *flags: str) -> None:
        """Compile a C program on our libbpf."""
        archives = [self.libs / "lib" / f"lib{name}.a" for name in ("bpf", "elf", "z")]
        zig = [sys.executable, "-m", "ziglang", "cc", "-target", self.target]
        _run([*zig, "-O2", f"-I{self.libs}/include", f"-I{BASELINE}", *flags, source, *archives, "-o", output])

    def plain_clang(self, source: Path) -> list[str | Path]:
        """Return the clang command of every libbpf project's Makefile, without -o."""
        flags = [f"-D__TARGET_ARCH_{self.arch}", f"-I{self.work}", f"-I{self.libs}/include"]
        multiarch = f"/usr/include/{os.uname().machine}-linux-gnu"
        return [self.clang, "-g", "-O2", "-target", "bpf", *flags, "-idirafter", multiarch, "-c", source]

    def source(self, variant: str) -> Path:
        """Return the kernel side of a variant."""
        return BASELINE / f"{variant}.bpf.c"

    def tool(self, variant: str) -> Path:
        """Return the C tool of a variant."""
        return self.work / f"tool-{variant}"

    def package(self, variant: str) -> Path:
        """Return the package of a variant."""
        return self.work / f"{variant}.json"

    def command(self, name: str) -> list[Path | str]:
        """Return the command `ecli` or `ecc` of this checkout, as an installed script starts it."""
        installed = ROOT / ".venv/bin" / name
        if installed.exists():
            return [installed]
        script = self.work / name
        script.write_text(_SCRIPT.format(python=sys.executable, name=name))
        script.chmod(0o755)
        return [script]

    def env(self, *, fresh: bool = True) -> dict[str, str]:
        """Return the environment of a measured process; fresh: with an empty cache, so that every run is the first."""
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.work / "home")}
        if "PYTHONPATH" in os.environ:  # a work tree beside the installed one
            env["PYTHONPATH"] = os.environ["PYTHONPATH"]
        if fresh:
            self.caches += 1
            env["XDG_CACHE_HOME"] = str(self.work / f"cache-{os.getpid()}-{self.caches}")
        else:
            env["XDG_CACHE_HOME"] = str(self.work / "cache")
        return env

    def c_tool(self, variant: str, pid: int, *, json: bool) -> list[str | Path]:
        """Return the command line of the C tool."""
        return [self.tool(variant), *(["-j"] if json else []), "-p", str(pid)]

    def ecli(self, variant: str, pid: int, *, json: bool) -> list[str | Path]:
        """Return the command line of `ecli run` on the same kernel side."""
        return [
            *self.command("ecli"),
            "run",
            *(["-j"] if json else []),
            self.package(variant),
            "--target_pid",
            str(pid),
        ]

    def standalone(self, variant: str, pid: int, *, json: bool) -> list[str | Path]:
        """Return the command line of a standalone executable of the same kernel side, made by `ecc -s`."""
        made = self.work / f"standalone-{variant}"
        if not made.exists():
            _run([*self.command("ecc"), "-s", self.package(variant), "-o", made])
        return [made, *(["-j"] if json else []), "--target_pid", str(pid)]

    def bcc(self, pid: int) -> list[str | Path] | None:
        """Return the command line of the same tool on bcc, None where bcc does not work (it needs kernel headers)."""
        line = ["/usr/bin/python3", BASELINE / "bcc_tool.py", str(pid)]
        probe = subprocess.run([*map(str, line), "--probe"], capture_output=True, check=False)
        return line if probe.returncode == 0 else None

    def bpftrace(self, pid: int) -> list[str | Path] | None:
        """Return the command line of a bpftrace one-liner that prints the same, or None."""
        program = shutil.which("bpftrace")
        if program is None:
            return None
        fields = '{\\"ts\\":%llu,\\"pid\\":%u,\\"uid\\":%u,\\"sig\\":%d,\\"comm\\":\\"%s\\"}\\n'
        probe = f"tracepoint:syscalls:sys_enter_kill /pid == {pid}/"
        return [program, "-e", f'{probe} {{ printf("{fields}", nsecs, pid, uid, args->sig, comm); }}']


def private_mounts() -> None:
    """Give this process a mount namespace with tracefs, where libbpf, bcc and bpftrace look for it."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    new_namespace, private, recursive = 0x20000, 1 << 18, 1 << 14
    if libc.unshare(new_namespace) or libc.mount(b"none", b"/", None, private | recursive, None):
        raise SystemExit(f"bench: unshare: {os.strerror(ctypes.get_errno())} [run as root]")
    if not os.path.exists("/sys/kernel/tracing/events"):
        libc.mount(b"tracefs", b"/sys/kernel/tracing", b"tracefs", 0, None)
    if not os.path.exists("/sys/kernel/debug/tracing"):
        libc.mount(b"debugfs", b"/sys/kernel/debug", b"debugfs", 0, None)
    lend_headers(libc)


def lend_headers(libc: Any) -> None:
    """Let bcc find some kernel's headers where the running one's are not installed, in this namespace only.

    The tool that is measured uses no kernel structure, so that their version does not matter.
    """
    own = Path("/lib/modules", os.uname().release)
    lent = next((path for path in sorted(Path("/lib/modules").glob("*/build")) if path.is_dir()), None)
    if lent is None or (own / "build").exists():
        return
    links = {name: os.path.realpath(lent.parent / name) for name in ("build", "source")}
    libc.mount(b"tmpfs", b"/lib/modules", b"tmpfs", 0, None)
    own.mkdir()
    for name, target in links.items():
        (own / name).symlink_to(target)


def work_folder() -> Path:
    """Return a new folder for one run; the caller removes it."""
    (ROOT / "build").mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "build"))


def _run(argv: list[str | Path], env: dict[str, str] | None = None) -> None:
    done = subprocess.run([str(part) for part in argv], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(map(str, argv))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
