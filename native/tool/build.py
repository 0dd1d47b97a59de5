"""Build the standalone runner: static executables `eunomia-run-ARCH`, to which `ecc --standalone` adds a package.

`python native/tool/build.py [ARCH]...` writes src/eunomia/publish/stubs/eunomia-run-{x86_64,aarch64} (default: both),
with musl, libbpf, libelf and zlib inside; with `--if-needed` only where a source is newer. EUNOMIA_LIBS: folder of
native/build_libs.sh (default: build/libs in the checkout).
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "native"), str(ROOT / "native/tool"), str(ROOT / "src")]

from build import HOT, WARNINGS, libs_for  # noqa: E402

STUBS = ROOT / "src/eunomia/publish/stubs"
ARCHES = ("x86_64", "aarch64")
CFLAGS = ["-std=gnu11", "-g0", "-fstack-protector-strong", "-DNDEBUG", "-fPIE", "-fvisibility=hidden",
          "-ffunction-sections", "-fdata-sections", "-fno-unwind-tables",
          "-fno-asynchronous-unwind-tables"]  # fmt: skip
# The core's parts that only Python, guests or the compiler use.
LEFT_OUT = ("guest*", "wasi*", "wasm_module", "wasmtime*", "sieve*", "chain*", "batch", "columns", "vmlinux", "link",
            "recorder", "recording*", "replay", "keep")  # fmt: skip
LINK = ["-static", "-pie", "-Wl,--gc-sections", "-Wl,-s", "-Wl,-z,relro,-z,now", "-Wl,--build-id=none"]


def main(words: list[str]) -> None:
    """Build what the command line names."""
    if_needed = "--if-needed" in words
    for arch in [word for word in words if word in ARCHES] or ARCHES:
        stub = STUBS / f"eunomia-run-{arch}"
        if if_needed and is_current(stub):
            continue
        build(arch, stub)
        print(f"{stub}: {stub.stat().st_size} bytes")


def is_current(stub: Path) -> bool:
    """Tell whether a stub is newer than all sources."""
    if not stub.exists():
        return False
    sources = [*(ROOT / "native").glob("*.[ch]"), *(ROOT / "native/tool").iterdir(), ROOT / "native/build_libs.sh"]
    return all(path.stat().st_mtime <= stub.stat().st_mtime for path in sources if path.is_file())


def build(arch: str, stub: Path) -> None:
    """Compile and link the runner for an architecture."""
    target = f"{arch}-linux-musl"
    libs = libs_for(ROOT, target)
    made = ROOT / "build/tool"
    prepare(made, libs)
    work = made / f"{arch}.{os.getpid()}"
    work.mkdir(parents=True)
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", target]
    include = [
        "-Wno-gnu-variable-sized-type-not-at-end",
        f"-I{ROOT / 'native'}",
        f"-I{made}",
        f"-isystem{libs / 'include'}",
    ]
    core = [
        path
        for path in sorted((ROOT / "native").glob("*.c"))
        if not any(fnmatch.fnmatch(path.stem, name) for name in LEFT_OUT)
    ]
    hot = [str(path) for path in core if any(fnmatch.fnmatch(path.stem, name) for name in HOT)]
    cold = [str(path) for path in core if str(path) not in hot]
    own = [str(path) for path in sorted((ROOT / "native/tool").glob("*.c"))]
    try:
        jobs = [(["-O2"], hot), (["-Os"], cold), (["-Os"], own)]
        for index, (level, sources) in enumerate(jobs):
            folder = work / str(index)
            folder.mkdir()
            run([*zig, *CFLAGS, *level, *WARNINGS, *include, "-c", *sources], folder)
        objects = sorted(str(path) for path in work.glob("*/*.o"))
        archives = [str(libs / "lib" / f"lib{name}.a") for name in ("bpf", "elf", "z")]
        run([*zig, *objects, *archives, *LINK, "-o", str(work / "stub")], work)
        stub.parent.mkdir(parents=True, exist_ok=True)
        os.replace(work / "stub", stub)
        keep_licenses(libs, stub.parent / "licenses")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def keep_licenses(libs: Path, folder: Path) -> None:
    """Put the texts of the licences of what is linked in beside the stubs."""
    import ziglang

    shutil.copytree(libs / "licenses", folder, dirs_exist_ok=True)
    zig = Path(ziglang.__file__).parent
    shutil.copyfile(zig / "lib/libc/musl/COPYRIGHT", folder / "musl-COPYRIGHT")
    shutil.copyfile(zig / "LICENSE", folder / "zig-LICENSE")


def prepare(made: Path, libs: Path) -> None:
    """Write the headers that are made: tables, licences, version."""
    import generate

    from eunomia import __version__

    made.mkdir(parents=True, exist_ok=True)
    generate.main(str(made / "tables.h"))
    generate.write(made / "version.h", f'#define EUNOMIA_VERSION "{__version__}"\n')
    generate.write(
        made / "licenses.h", f"static const char licenses[] =\n{generate.lines_of(generate.licenses(libs))};\n"
    )


def run(command: list[str], folder: Path) -> None:
    """Run a compiler in a folder; its messages say what is wrong."""
    if subprocess.run(command, check=False, cwd=folder).returncode:
        raise SystemExit("native/tool/build.py: failed (see above)")


if __name__ == "__main__":
    main(sys.argv[1:])
