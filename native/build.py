"""Compile the extension: C core + cffi glue + static libbpf, libelf and zlib -> eunomia/_native/_core.abi3.so.

EUNOMIA_LIBS    folder made by native/build_libs.sh (default: build/libs in the checkout)
EUNOMIA_TARGET  zig target triple, e.g. aarch64-linux-gnu.2.28 (default: this machine, glibc 2.28)

`python native/build.py` builds it into src/ for development; with `--if-needed` only where a source is newer than it.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

# Without unwind tables: nothing unwinds through the core, and they are 17 kB of a wheel that may have 1 MB.
CFLAGS = ["-std=gnu11", "-g0", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-DNDEBUG", "-fPIC",
          "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections", "-fno-unwind-tables",
          "-fno-asynchronous-unwind-tables", "-DPy_LIMITED_API=0x030b0000"]  # fmt: skip
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]
# What runs for each record, element or type of a kernel is compiled to be fast, the rest to be small.
HOT = ("aggregate", "aggregate_key", "aggregate_stats", "aggregate_table", "batch", "btf_raw", "clock",
       "columns", "decode_*", "decoders", "fields", "filter_run", "guest_batch", "guest_fds", "guest_maps",
       "guest_poll", "heap", "histogram", "map_elements", "members", "minimal_*", "number", "out", "output",
       "perf_buffer", "pipeline", "reader*", "recorder", "render", "replay", "run", "sample*", "selection",
       "stack", "symbols", "text", "usyms", "value", "view", "wakeup", "wasmtime_*", "width")  # fmt: skip
DEVELOPMENT = "src/eunomia/_native/_core.abi3.so"


def default_target() -> str:
    """Return the target to build for: EUNOMIA_TARGET or this machine with glibc 2.28."""
    return os.environ.get("EUNOMIA_TARGET") or f"{platform.machine()}-linux-gnu.2.28"


def is_host(target: str) -> bool:
    """Tell whether what is built for target can be imported by the Python that runs this."""
    libc = "gnu" if platform.libc_ver()[0] == "glibc" else "musl"
    return target.startswith(f"{platform.machine()}-linux-{libc}")


def libs_for(root: Path, target: str) -> Path:
    """Return the folder of libbpf, libelf and zlib for target; make them where they are missing or out of date."""
    if given := os.environ.get("EUNOMIA_LIBS"):
        libs = Path(given) / target
        if not (libs / "lib/libbpf.a").exists():
            raise SystemExit(f"no libbpf for {target} in {given} (run: native/build_libs.sh {given} {target})")
        return libs
    libs = root / "build/libs" / target
    script = [str(root / "native/build_libs.sh"), str(libs.parent), target, sys.executable]
    if subprocess.run(["bash", *script], check=False).returncode:
        raise SystemExit(f"no libbpf for {target}: native/build_libs.sh failed (see above)")
    return libs


def build_extension(root: Path, target: str, output: Path) -> None:
    """Compile the extension for target into output (replaced atomically)."""
    refuse_free_threaded()
    libs = libs_for(root, target)
    sys.path.insert(0, str(root / "native"))
    try:
        from ffi_build import make
    finally:
        del sys.path[0]
    work = root / "build" / target
    work.mkdir(parents=True, exist_ok=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    glue, partial = work / f"_core.{os.getpid()}.c", work / f"_core.{os.getpid()}.so"
    with contextlib.redirect_stdout(None):  # cffi tells which file it writes
        make().emit_c_code(str(glue))
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", target]
    include = [f"-I{root / 'native'}", f"-isystem{libs / 'include'}", *python_headers(work)]
    hot, cold = split_sources(root / "native")
    archives = [str(libs / "lib" / f"lib{name}.a") for name in ("bpf", "elf", "z")]
    link = ["-shared", "-Wl,--gc-sections", f"-Wl,--version-script={root / 'native/exports.map'}", "-Wl,-s"]
    compiled = work / f"objects.{os.getpid()}"
    compiled.mkdir()
    try:
        run([*zig, *CFLAGS, "-Os", "-w", *include, "-c", str(glue)], compiled)
        run([*zig, *CFLAGS, "-O2", *WARNINGS, *include, "-c", *hot], compiled)
        run([*zig, *CFLAGS, "-Os", *WARNINGS, *include, "-c", *cold], compiled)
        objects = sorted(str(path) for path in compiled.glob("*.o"))
        run([*zig, *objects, *archives, *link, "-o", str(partial)])
        if is_host(target):  # the linker lets undefined symbols pass, they might be Python's
            load = "import ctypes, os, sys; ctypes.CDLL(sys.argv[1], os.RTLD_NOW)"
            run([sys.executable, "-c", load, str(partial)])
        os.replace(partial, output)
    finally:
        shutil.rmtree(compiled, ignore_errors=True)
        for path in (glue, partial):
            path.unlink(missing_ok=True)


def split_sources(folder: Path) -> tuple[list[str], list[str]]:
    """Return the C sources that HOT names, and the others."""
    sources = sorted(folder.glob("*.c"))
    hot = [path for path in sources if any(fnmatch.fnmatch(path.stem, name) for name in HOT)]
    return [str(path) for path in hot], [str(path) for path in sources if path not in hot]


def run(command: list[str], folder: Path | None = None) -> None:
    """Run a compiler in a folder; its messages say what is wrong, a traceback would hide them."""
    if subprocess.run(command, check=False, cwd=folder).returncode:
        raise SystemExit("compile the extension failed (see above)")


def refuse_free_threaded() -> None:
    """End with one line on a free-threaded Python: it has no stable ABI, and the core counts on the lock."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise SystemExit(
            "eunomia does not support free-threaded Python (use the ordinary build of CPython 3.11 or newer)"
        )


def python_headers(work: Path) -> list[str]:
    """Return the options that find Python.h, with what Debian's includes by a path that zig does not search."""
    include = Path(sysconfig.get_path("include"))
    if not (include / "Python.h").exists():
        raise SystemExit(f"no Python.h in {include} (install: apt-get install libpython3-dev)")
    options = [f"-isystem{include}"]
    version = include.name
    real = include.parent / f"{platform.machine()}-linux-gnu" / version / "pyconfig.h"
    if real.exists():
        shim = work / "python"
        for machine in ("x86_64", "aarch64", "riscv64"):  # they agree on all that the stable ABI's headers look at
            copy = shim / f"{machine}-linux-gnu" / version / "pyconfig.h"
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(real.read_bytes())
        options.append(f"-isystem{shim}")
    return options


def is_current(root: Path, output: Path) -> bool:
    """Tell whether output is newer than every file of native/ and than the archives."""
    if not output.exists():
        return False
    libs = Path(os.environ.get("EUNOMIA_LIBS") or root / "build/libs") / default_target()
    inputs = [path for path in (root / "native").iterdir() if path.is_file()] + [libs / "lib/libbpf.a"]
    return all(path.exists() and path.stat().st_mtime <= output.stat().st_mtime for path in inputs)


if __name__ == "__main__":
    checkout = Path(__file__).resolve().parent.parent
    extension = checkout / DEVELOPMENT
    if not is_host(default_target()):
        raise SystemExit(f"{default_target()} does not run here: EUNOMIA_TARGET is for wheels (run: scripts/wheel)")
    if "--if-needed" not in sys.argv[1:] or not is_current(checkout, extension):
        build_extension(checkout, default_target(), extension)
