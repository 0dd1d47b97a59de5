"""Build libeunomia: shared and static library, header, pkg-config file, licences.

`python native/libeunomia/build.py [--arch ARCH] [--sanitize] PREFIX` installs into PREFIX/{lib,include,share}, for
x86_64 or aarch64 and glibc 2.28 and newer. EUNOMIA_LIBS: folder of native/build_libs.sh (default: build/libs).
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "native/libeunomia"
sys.path[:0] = [str(ROOT / "native"), str(ROOT / "native/tool"), str(ROOT / "src")]

from build import HOT, WARNINGS, libs_for  # noqa: E402
from resolve import resolve  # noqa: E402  (beside this file)

from eunomia import __version__  # noqa: E402

SONAME = "libeunomia.so.0"
NOT_OURS = (
    "main.c",
    "run_tool.c",
    "command.c",
    "arguments.c",
    "help.c",
    "wrap.c",
    "adjust.c",
    "iterate.c",
    "losses.c",
    "convert.c",
    "targets.c",
)
PKG_CONFIG = """\
prefix=${{pcfiledir}}/../..
libdir=${{prefix}}/lib
includedir=${{prefix}}/include

Name: eunomia
Description: Run eunomia packages: eBPF programs with options and events
Version: {version}
Libs: -L${{libdir}} -leunomia
Libs.private: -lpthread -lm
Cflags: -I${{includedir}}
"""


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description="build libeunomia")
    parser.add_argument("--arch", choices=("x86_64", "aarch64"), default=os.uname().machine)
    parser.add_argument("--sanitize", action="store_true", help="the static library alone, for AddressSanitizer")
    parser.add_argument("prefix", type=Path)
    given = parser.parse_args()
    target = f"{given.arch}-linux-gnu.2.28"
    libs = libs_for(ROOT, target)
    lib = given.prefix / "lib"
    lib.mkdir(parents=True, exist_ok=True)
    tool = stub_recipe()
    made = ROOT / "build/tool"
    tool.prepare(made, libs)
    with tempfile.TemporaryDirectory(prefix="libeunomia-") as folder:
        objects = compile_all(tool, target, libs, Path(folder), sanitize=given.sanitize)
        archives = [str(libs / "lib" / f"lib{name}.a") for name in ("bpf", "elf", "z")]
        link_static(Path(folder), objects, archives, lib / "libeunomia.a", sanitize=given.sanitize)
        if given.sanitize:
            return
        link_shared(target, objects, archives, lib)
    install(given.prefix, libs)
    for name in (f"{SONAME}.{version_rest()}", "libeunomia.a"):
        print(f"{lib / name}: {(lib / name).stat().st_size} bytes")


def stub_recipe() -> Any:
    """Return native/tool/build.py, which has the flags and the parts of the core that need no Python."""
    spec = importlib.util.spec_from_file_location("tool_build", ROOT / "native/tool/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compile_all(tool: Any, target: str, libs: Path, folder: Path, *, sanitize: bool) -> list[str]:
    """Compile the core, the tool's part of it and the library; return the objects."""
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", target]
    flags = ["-fPIC" if flag == "-fPIE" else flag for flag in tool.CFLAGS]
    if sanitize:
        zig = ["clang"]
        flags += ["-g", "-fsanitize=address,undefined", "-fno-sanitize=alignment,function", "-fno-omit-frame-pointer"]
    include = ["-Wno-gnu-variable-sized-type-not-at-end", f"-I{ROOT / 'native'}", f"-I{ROOT / 'build/tool'}",
               f"-isystem{libs / 'include'}"]  # fmt: skip
    core = [path for path in sorted((ROOT / "native").glob("*.c")) if not matches(path, tool.LEFT_OUT)]
    hot = [path for path in core if matches(path, HOT)]
    own = [path for path in sorted((ROOT / "native/tool").glob("*.c")) if path.name not in NOT_OURS]
    cold = [path for path in core if path not in hot] + own
    for level, name, sources in (("-O2", "hot", hot), ("-Os", "cold", cold), ("-Os", "own", sorted(HERE.glob("*.c")))):
        (folder / name).mkdir()
        words = [*zig, *flags, "-O1" if sanitize else level, *WARNINGS, *include, "-c", *map(str, sources)]
        run(words, folder / name)
    return sorted(str(path) for path in folder.glob("*/*.o"))


def matches(path: Path, names: tuple[str, ...]) -> bool:
    """Tell whether a source is one of these."""
    return any(fnmatch.fnmatch(path.stem, name) for name in names)


def link_shared(target: str, objects: list[str], archives: list[str], lib: Path) -> None:
    """Link the shared library; only what exports.map names can be seen."""
    name = f"{SONAME}.{version_rest()}"
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", target]
    link = ["-shared", f"-Wl,-soname,{SONAME}", f"-Wl,--version-script={HERE / 'exports.map'}", "-Wl,--gc-sections",
            "-Wl,-s", "-Wl,-z,relro,-z,now", "-Wl,-z,defs"]  # fmt: skip
    run([*zig, *link, *objects, *archives, "-lpthread", "-o", str(lib / name)])
    for link_name in (SONAME, "libeunomia.so"):
        (lib / link_name).unlink(missing_ok=True)
        (lib / link_name).symlink_to(name)


def link_static(folder: Path, objects: list[str], archives: list[str], output: Path, *, sanitize: bool) -> None:
    """Link all into one object whose other names are local: a program may have a libbpf of its own beside it."""
    merged, kept = folder / "libeunomia.o", folder / "names"
    kept.write_text("\n".join(exported()) + "\n")
    roots = [f"--undefined={name}" for name in exported()]
    lld = [sys.executable, "-m", "ziglang", "ld.lld", "-r", "--gc-sections", *roots, "-T", str(HERE / "merge.ld")]
    run([*lld, *objects, *archives, "-o", str(merged)])
    run([objcopy(), f"--keep-global-symbols={kept}", str(merged)])
    if not sanitize:
        resolve(merged)
        run([objcopy(), "--strip-unneeded", str(merged)])
    output.unlink(missing_ok=True)
    run([sys.executable, "-m", "ziglang", "ar", "rcsD", str(output), str(merged)])


def exported() -> list[str]:
    """Return the names of exports.map."""
    return re.findall(r"(\w+);", (HERE / "exports.map").read_text())


def objcopy() -> str:
    """Return LLVM's objcopy, which knows every architecture."""
    names = ["llvm-objcopy", *(f"llvm-objcopy-{version}" for version in range(20, 13, -1))]
    found = next((path for name in names if (path := shutil.which(name))), None)
    if not found:
        raise SystemExit("native/libeunomia/build.py: no llvm-objcopy (install: apt-get install llvm)")
    return found


def install(prefix: Path, libs: Path) -> None:
    """Install the header, the pkg-config file and the licences."""
    shutil.copytree(HERE / "include", prefix / "include", dirs_exist_ok=True)
    folder = prefix / "lib/pkgconfig"
    folder.mkdir(exist_ok=True)
    (folder / "eunomia.pc").write_text(PKG_CONFIG.format(version=__version__))
    licences = prefix / "share/licenses/libeunomia"
    licences.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "LICENSE", licences / "LICENSE")
    for path in (libs / "licenses").iterdir():
        shutil.copy(path, licences / path.name)


def version_rest() -> str:
    """Return what comes behind the soname's number: `1.0` of 0.1.0."""
    return __version__.partition(".")[2]


def run(command: list[str], folder: Path | None = None) -> None:
    """Run a compiler in a folder; its messages say what is wrong."""
    if subprocess.run(command, check=False, cwd=folder).returncode:
        raise SystemExit("native/libeunomia/build.py: failed (see above)")


if __name__ == "__main__":
    main()
