"""Compile the extension: C core + cffi glue + static libbpf, libelf and zlib -> eunomia/_native/_core.abi3.so.

EUNOMIA_LIBS    folder made by native/build_libs.sh (default: build/libs in the checkout)
EUNOMIA_TARGET  zig target triple, e.g. aarch64-linux-gnu.2.28 (default: this machine, glibc 2.28)

`python native/build.py` builds it into src/ for development.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

CFLAGS = ["-std=gnu11", "-O2", "-g0", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-DNDEBUG", "-fPIC",
          "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections", "-DPy_LIMITED_API=0x030b0000"]  # fmt: skip


def default_target() -> str:
    """Return the target to build for: EUNOMIA_TARGET or this machine with glibc 2.28."""
    return os.environ.get("EUNOMIA_TARGET") or f"{platform.machine()}-linux-gnu.2.28"


def build_extension(root: Path, target: str, output: Path) -> None:
    """Compile the extension for target into output (replaced atomically)."""
    libs = Path(os.environ.get("EUNOMIA_LIBS") or root / "build/libs") / target
    if not (libs / "lib/libbpf.a").exists():
        raise SystemExit(f"no libbpf for {target} in {libs.parent}: run native/build_libs.sh {libs.parent} {target} first")
    sys.path.insert(0, str(root / "native"))
    try:
        from ffi_build import make
    finally:
        del sys.path[0]
    work = root / "build" / target
    work.mkdir(parents=True, exist_ok=True)
    glue, partial = work / "_core.c", work / f"_core.{os.getpid()}.so"
    make().emit_c_code(str(glue))
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", target]
    include = [f"-I{root / 'native'}", f"-isystem{libs / 'include'}", f"-isystem{sysconfig.get_path('include')}"]
    sources = sorted(str(path) for path in (root / "native").glob("*.c"))
    archives = [str(libs / "lib" / f"lib{name}.a") for name in ("bpf", "elf", "z")]
    link = ["-shared", "-Wl,--gc-sections", f"-Wl,--version-script={root / 'native/exports.map'}", "-Wl,-s"]
    subprocess.run([*zig, *CFLAGS, "-w", *include, "-c", str(glue), "-o", f"{partial}.o"], check=True)
    subprocess.run(
        [*zig, *CFLAGS, "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", *include, f"{partial}.o", *sources, *archives, *link, "-o", str(partial)],
        check=True,
    )
    os.unlink(f"{partial}.o")
    os.replace(partial, output)


if __name__ == "__main__":
    checkout = Path(__file__).resolve().parent.parent
    build_extension(checkout, default_target(), checkout / "src/eunomia/_native/_core.abi3.so")
