"""Architectures: their names, and where the system keeps their headers."""

from __future__ import annotations

import os

from eunomia.compiler import cache, process
from eunomia.errors import CompileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.compiler.toolchain import Toolchain

# uname -m and the names people use: the suffix of __TARGET_ARCH_ (bpf_tracing.h), and Debian's multiarch directory.
ARCHES = {
    "x86": ("x86", "x86_64-linux-gnu", "x86"),
    "arm64": ("arm64", "aarch64-linux-gnu", "aarch64"),
    "arm": ("arm", "arm-linux-gnueabihf", "arm"),
    "riscv": ("riscv", "riscv64-linux-gnu", "riscv"),
    "powerpc": ("powerpc", "powerpc64le-linux-gnu", "powerpc"),
    "s390": ("s390", "s390x-linux-gnu", "s390x"),
    "mips": ("mips", "mips64el-linux-gnuabi64", "mips"),
    "loongarch": ("loongarch", "loongarch64-linux-gnu", "loongarch"),
}
_ALIASES = {
    **dict.fromkeys(("x86_64", "x86-64", "amd64", "i686", "i386"), "x86"),
    **dict.fromkeys(("aarch64", "aarch64_be", "armv8l"), "arm64"),
    **dict.fromkeys(("armv7l", "armv6l", "armhf"), "arm"),
    **dict.fromkeys(("ppc64le", "ppc64", "powerpc64", "powerpc64le", "ppc64el"), "powerpc"),
    **dict.fromkeys(("riscv64",), "riscv"),
    **dict.fromkeys(("s390x",), "s390"),
    **dict.fromkeys(("mips64", "mips64el", "mipsel"), "mips"),
    **dict.fromkeys(("loongarch64",), "loongarch"),
}


def target_arch(name: str | None) -> str:
    """Return the kernel's name of an architecture, as in __TARGET_ARCH_x86; None: this machine's.

    Raises:
        CompileError: it is not known.
    """
    wanted = (name or os.uname().machine).lower()
    wanted = _ALIASES.get(wanted, wanted)
    if wanted not in ARCHES:
        raise CompileError(f"target architecture {name}: not known [one of {', '.join(ARCHES)}]")
    return wanted


def system_includes(toolchain: Toolchain, multiarch: str, zig_name: str) -> list[str]:
    """Return the folders of the system's headers (<linux/...>, <asm/...>), in the compiler's order."""
    candidates = [f"/usr/include/{multiarch}", "/usr/include"]
    if toolchain.kind == "zig":
        shipped = os.path.join(os.path.dirname(os.path.realpath(toolchain.path)), "lib/libc/include")
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
    host = ARCHES.get(_ALIASES.get(os.uname().machine, ""), ("", "", ""))[1]
    folders = [folder for folder in folders if not (multiarch != host and folder.endswith(f"/{host}"))]
    folders += [folder for folder in candidates if folder not in folders and os.path.isdir(folder)]
    cache.write_text(name, "\n".join(folders))
    return folders
