"""Architectures: their names, and where the system keeps their headers."""

from __future__ import annotations

import os

from eunomia.compiler import cache, process
from eunomia.errors import CompileError
from eunomia.package.arches import kernel_name, machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.compiler.toolchain import Toolchain

# By the kernel's name: Debian's multiarch folder, and zig's name of its headers.
ARCHES = {
    "x86": ("x86_64-linux-gnu", "x86"),
    "arm64": ("aarch64-linux-gnu", "aarch64"),
    "arm": ("arm-linux-gnueabihf", "arm"),
    "riscv": ("riscv64-linux-gnu", "riscv"),
    "powerpc": ("powerpc64le-linux-gnu", "powerpc"),
    "s390": ("s390x-linux-gnu", "s390x"),
    "mips": ("mips64el-linux-gnuabi64", "mips"),
    "loongarch": ("loongarch64-linux-gnu", "loongarch"),
}
ALL = (
    "x86",
    "arm64",
    "riscv",
    "powerpc",
    "s390",
    "loongarch",
)  # the 64-bit ones with a JIT and bpf_tracing.h's registers


def target_arch(name: str | None) -> str:
    """Return the kernel's name of an architecture, as in __TARGET_ARCH_x86; None: this machine's.

    Raises:
        CompileError: it is not known.
    """
    wanted = kernel_name(name) if name else machine()
    if wanted not in ARCHES:
        raise CompileError(f"target architecture {name or wanted}: not known [one of {', '.join(ARCHES)}]")
    return wanted


def target_arches(names: str | None) -> list[str]:
    """Return the architectures of a list (`x86,arm64`, or `all`), each once, in its order; None: this machine's.

    Raises:
        CompileError: one is not known.
    """
    if not names:
        return [target_arch(None)]
    words = [word for part in names.split(",") for word in (ALL if part.strip() == "all" else (part.strip(),)) if word]
    return list(dict.fromkeys(target_arch(word) for word in words)) or [target_arch(names)]


def system_includes(toolchain: Toolchain, multiarch: str, zig_name: str) -> list[str]:
    """Return the folders of the system's headers (<linux/...>, <asm/...>), in the compiler's order."""
    host = ARCHES.get(machine(), ("", ""))[0]
    candidates = [f"/usr/include/{multiarch}", "/usr/include"]
    zig = toolchain.path if toolchain.kind == "zig" else "" if multiarch == host else _zig_path()
    if zig:  # its headers know every architecture, whoever compiles
        shipped = os.path.join(os.path.dirname(os.path.realpath(zig)), "lib/libc/include")
        candidates += [f"{shipped}/{zig_name}-linux-any", f"{shipped}/any-linux-any"]
    # What is there is part of the name: headers may be installed later.
    there = [folder for folder in (*candidates, "/usr/local/include") if os.path.isdir(folder)]
    name = f"includes-{cache.key(toolchain.identity, multiarch, *there)}"
    kept = cache.read_text(name)
    if kept is not None:
        return kept.splitlines()
    folders = []
    status, said = process.run([*toolchain.command, "-v", "-E", "-x", "c", "/dev/null", "-o", "/dev/null"])
    lines = said.decode(errors="surrogateescape").splitlines() if not status else []
    if any(line.startswith("End of search list") for line in lines):
        start = next((index for index, line in enumerate(lines) if "search starts here" in line), 0)
        folders = [line.strip() for line in lines[start:] if line.startswith(" /")]
    folders = [folder for folder in folders if not (multiarch != host and folder.endswith(f"/{host}"))]
    folders += [folder for folder in candidates if folder not in folders and os.path.isdir(folder)]
    cache.write_text(name, "\n".join(folders))
    return folders


def _zig_path() -> str:
    """The zig of PyPI's ziglang, "" where it is not installed."""
    from importlib.util import find_spec

    spec = find_spec("ziglang")
    for folder in (spec and spec.submodule_search_locations) or ():
        if os.path.exists(os.path.join(folder, "zig")):
            return os.path.join(folder, "zig")
    return ""
