"""Hatch build hook: puts the extension, the built-in tools and the licences of what is linked in into the wheel."""

from __future__ import annotations

import ast
import io
import lzma
import os
import re
import runpy
import subprocess
import sys
import tarfile
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import zopfli.zlib
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))
from build import DEVELOPMENT, build_extension, default_target, is_current, is_host, libs_for

LEFT_OUT = {"target", "__pycache__", "tests", "Cargo.lock"}  # of sdk/: what builds and tests leave and need
SKIPPED = (".wasm", "_test.go")
NOT_TAKEN = (
    "libbpf-LICENSE.LGPL-2.1",
    "elfutils-COPYING-GPLV2",
)  # of two licences each we take BSD-2-Clause and LGPL-3


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Build the extension and the tools into the wheel, or into src/ for an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and tell hatchling which files to take in and what the wheel is called."""
        root, target = Path(self.root), default_target()
        machine, _, libc = target.split("-")
        plat = "musllinux_1_2" if libc == "musl" else "manylinux_2_28"
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{plat}_{machine}"
        development = root / DEVELOPMENT
        if version == "editable":
            if not is_current(root, development):
                build_extension(root, target, development)
            builtin = root / "src/eunomia/builtin"
            build_tools(root, root / "src", builtin)
            return
        staging = root / "build" / target / "wheel"
        extension = staging / "_core.abi3.so"
        build_extension(root, target, extension)
        if is_host(target):
            development = extension
        elif (
            not development.exists()
        ):  # compiling the tools runs our own compiler, which needs an extension that runs here
            build_extension(root, host_target(), development)
        with tempfile.TemporaryDirectory() as folder:
            build_tools(root, importable(root, development, Path(folder)), staging / "builtin")
        include = build_data["force_include"]
        include[str(extension)] = "eunomia/_native/_core.abi3.so"
        for package in sorted((staging / "builtin").glob("*.json")):
            include[str(package)] = f"eunomia/builtin/{package.name}"
        for text in sorted((libs_for(root, target) / "licenses").iterdir()):
            if text.name not in NOT_TAKEN:
                include[str(text)] = f"eunomia/_native/licenses/{text.name}"
        for source, name in lean_modules(root, staging):
            if not wheel_of(root, name):
                include[str(source)] = f"eunomia/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Pack the wheel as small as the format allows."""
        if version != "editable":
            repack(Path(artifact_path))


def get_build_hook() -> type[BuildHookInterface]:  # type: ignore[type-arg]
    """Tell hatchling which of the two hooks is the first wheel's."""
    return CustomBuildHook


class PartHook(BuildHookInterface):  # type: ignore[type-arg]
    """Take in what the first wheel leaves out: the part that the folder of packaging/ is called (eunomia/wheels.py)."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Tell hatchling which files to take in."""
        part, root = Path(self.root).name, Path(__file__).resolve().parent.parent
        staging = root / f"build/{part}-wheel"
        staging.mkdir(parents=True, exist_ok=True)
        files = part_files(root, part, staging)
        build_data["force_include"].update({str(path): f"eunomia/{name}" for path, name in files})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Pack the wheel as small as the format allows."""
        repack(Path(artifact_path))


def part_files(root: Path, part: str, staging: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files of a part's wheel, and their names below eunomia/."""
    if part == "compiler":
        yield sdk_archive(root, staging / "sdk.tar.xz"), "sdk.tar.xz"
        runners = [sys.executable, str(root / "native/tool/build.py"), "--if-needed"]
        if subprocess.run(runners, check=False).returncode:
            raise SystemExit("compile the standalone runners failed (see above)")
        yield from lean_headers(root, staging)
    yield from (pair for pair in lean_modules(root, staging) if wheel_of(root, pair[1]) == f"eunomia-{part}")
    for path in sorted((root / "src/eunomia").rglob("*")):
        name = path.relative_to(root / "src/eunomia")
        if (
            path.is_file()
            and wheel_of(root, str(name)) == f"eunomia-{part}"
            and path.suffix not in (".py", ".pyc")
            and (path.suffix != ".h" or "include" not in name.parts)
        ):
            yield path, str(name)


@cache
def wheels(root: Path) -> dict[str, Any]:
    """Return the names of eunomia/wheels.py, which imports nothing."""
    return runpy.run_path(str(root / "src/eunomia/wheels.py"))


def wheel_of(root: Path, name: str) -> str:
    """Return the wheel that a file below src/eunomia/ is in, "" for the first one."""
    found: str = wheels(root)["wheel_of"](name.removesuffix(".py").replace("/", "."))
    return found


def repack(path: Path) -> None:
    """Pack a wheel 3% smaller than zlib can."""
    with zipfile.ZipFile(path) as wheel:
        members = [(each, wheel.read(each)) for each in wheel.infolist()]
    path.write_bytes(packed(members))


def packed(members: list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    """Return a zip archive of these members, deflated by zopfli, which zipfile has no door for.

    Each is written with its sizes and check sum at once, then its deflated bytes are put in the place of a stored body.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as wheel:
        for each, data in members:
            body = zopfli.zlib.compress(data, numiterations=5)[2:-4]  # without zlib's header and check sum
            each.compress_type, each.flag_bits = zipfile.ZIP_STORED, 0
            wheel.writestr(each, body)
            each.compress_type, each.file_size, each.CRC = zipfile.ZIP_DEFLATED, len(data), zlib.crc32(data)
            end = archive.tell()
            archive.seek(each.header_offset)
            archive.write(each.FileHeader(zip64=False))
            archive.seek(end)
    return archive.getvalue()


def sdk_archive(root: Path, output: Path) -> Path:
    """Write the guests' SDKs, which few need, as one archive, a third smaller than file by file; return its path.

    eunomia.compiler.sdk unpacks it. The same files give the same bytes.
    """
    with tarfile.open(output, "w:xz", preset=lzma.PRESET_EXTREME | 9, format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted((root / "sdk").rglob("*")):
            place = path.relative_to(root / "sdk")
            if not path.is_file() or not LEFT_OUT.isdisjoint(place.parts) or path.name.endswith(SKIPPED):
                continue
            member = tarfile.TarInfo(str(place))
            member.size = path.stat().st_size
            with path.open("rb") as file:
                archive.addfile(member, file)
    return output


def lean_headers(root: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the headers of ecc and their names in the wheel, without comments but the first, which is the licence.

    The one of helpers has a manual page in them, three quarters of it. Lines keep their numbers elsewhere.
    """
    package = root / "src/eunomia"
    for path in sorted((package / "compiler/include").rglob("*.h")):
        name = path.relative_to(package)
        first, end, rest = path.read_text().partition("*/")
        if path.name == "bpf_helper_defs.h":
            rest = re.sub(r"/\*.*?\*/\n?", "", rest, flags=re.DOTALL)
        else:
            rest = re.sub(r"[ \t]*/\*.*?\*/", line_ends, rest, flags=re.DOTALL)
        made = folder / "headers" / name
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(first + end + rest)
        yield made, str(name)


def line_ends(comment: re.Match[str]) -> str:
    """Return the ends of a comment's lines; within a macro they are escaped, and stay so."""
    return re.sub(r"[^\\\n]|\\(?!\n)", "", comment[0])


def lean_modules(root: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield modules and their names in the wheel, internal ones without docstrings and comments, lines in place."""
    package = root / "src/eunomia"
    public = public_modules(package)
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package)
        if str(name) in public:
            yield path, str(name)
            continue
        made = folder / "modules" / name
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(without_words(path.read_text()))
        yield made, str(name)


def public_modules(package: Path) -> set[str]:
    """Return the modules with the names that `import eunomia` gives: help() shows their docstrings."""
    text = (package / "__init__.py").read_text()
    found = {name.replace(".", "/") for name in re.findall(r"^    from eunomia\.([\w.]+) import", text, re.MULTILINE)}
    return {"__init__.py", *(f"{name}.py" for name in found), *(f"{name}/__init__.py" for name in found)}


def without_words(text: str) -> str:
    """Return a module without comments and types, with empty docstrings, each line where it was.

    Types are those of functions and below `if TYPE_CHECKING:`, which are not looked at when it runs.
    """
    tree, lines = ast.parse(text), text.splitlines(keepends=True)
    cuts: list[
        tuple[int, int, int, int, str]
    ] = []  # from line and column to line and column, and what stands there then
    for token in tokenize.generate_tokens(iter(lines).__next__):
        if token.type == tokenize.COMMENT:
            cuts.append((*token.start, *token.end, ""))
    for node in ast.walk(tree):
        cuts += cuts_of(node, lines)
    for first, start, last, end, word in sorted(cuts, reverse=True):
        head, tail = lines[first - 1][:start], lines[last - 1][end:]
        if first == last:
            lines[first - 1] = head + word + tail
        else:
            lines[first - 1], lines[last - 1] = head + word + "\n", tail
            lines[first : last - 1] = ["\n"] * (last - 1 - first)
    made = "".join(line.rstrip() + "\n" for line in lines)
    compile(made, "module", "exec")
    return made


def cuts_of(node: ast.AST, lines: list[str]) -> Iterator[tuple[int, int, int, int, str]]:
    """Yield what is cut out of a node, columns in characters, inner ones of what is cut never."""

    def place(line: int, column: int) -> tuple[int, int]:  # ast counts bytes
        return line, len(lines[line - 1].encode()[:column].decode())

    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
        first = node.body[0]
        yield (
            *place(first.lineno, first.col_offset),
            *place(first.end_lineno or 0, first.end_col_offset or 0),
            '""',
        )
    if isinstance(node, ast.arg) and node.annotation is not None:
        note = node.annotation
        yield (
            *place(node.lineno, node.col_offset + len(node.arg.encode())),
            *place(note.end_lineno or 0, note.end_col_offset or 0),
            "",
        )
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
        note = node.returns
        line, column = place(note.lineno, note.col_offset)
        start = lines[line - 1].rindex("->", 0, column)
        yield line, start, *place(note.end_lineno or 0, note.end_col_offset or 0), ""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        first, last = node.body[0], node.body[-1]
        yield (
            *place(first.lineno, first.col_offset),
            *place(last.end_lineno or 0, last.end_col_offset or 0),
            "pass",
        )


def host_target() -> str:
    """Return the target of this machine, whatever is being built."""
    given = os.environ.pop("EUNOMIA_TARGET", None)
    try:
        return default_target()
    finally:
        if given is not None:
            os.environ["EUNOMIA_TARGET"] = given


def importable(root: Path, extension: Path, folder: Path) -> Path:
    """Make a folder from which `import eunomia` gives these sources with that extension; src/ is not touched.

    It is made of symbolic links, and must not be inside the project: hatchling follows them and takes no folder twice.
    """
    package = folder / "eunomia"
    native = package / "_native"
    native.mkdir(parents=True)
    for path in (root / "src/eunomia").iterdir():
        if path.name not in ("_native", "__pycache__"):
            (package / path.name).symlink_to(path)
    for path in (root / "src/eunomia/_native").iterdir():
        if path.suffix == ".py":
            (native / path.name).symlink_to(path)
    (native / "_core.abi3.so").symlink_to(extension)
    return folder


def build_tools(root: Path, path: Path, output: Path) -> None:
    """Compile tools/NAME/NAME.bpf.c to output/NAME.json with the eunomia that is found in path."""
    output.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(root / "tools/build.py"), str(output)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(path), *filter(None, sys.path)])}
    if subprocess.run(command, env=environment, check=False).returncode:
        raise SystemExit("compile the built-in tools failed (see above)")
