"""Compiling each source of a command line, and where its outputs go."""

from __future__ import annotations

import os
import sys
import tempfile

from eunomia.cli.ecc_papers import Papers
from eunomia.cli.parser import UsageError
from eunomia.errors import CompileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eunomia.cli.parser import Values
    from eunomia.package.model import Package

MODULE = b"\0asm\1\0\0\0"
_FORMATS = {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".tar": "tar", ".o": "object", ".h": "skeleton"}
_PARTS = ("object", "skeleton")  # for loaders of other projects, which read no counters
_OF_PACKAGES = ("guest", "wasm-header", "btfgen", "kernels", "provenance", "no-generate-package-json", "yaml")
_HEADER_SUFFIXES = (".h", ".hpp")


def split_operands(operands: Sequence[str], header_only: bool) -> tuple[list[str], str | None]:
    """Return the sources, and the header that gives the event types: the operand that ends in `.h`.

    Raises:
        UsageError: several headers, or a header with several sources.
    """
    if header_only:
        if len(operands) > 2:
            raise UsageError(f"--header-only takes one header, found {len(operands)} operands")
        return [operands[0]], operands[0]
    headers = [name for name in operands if name.endswith(_HEADER_SUFFIXES)]
    sources = [name for name in operands if not name.endswith(_HEADER_SUFFIXES)]
    if not sources:
        raise UsageError(f"{operands[0]} is a header, no source given [for its types alone: --header-only]")
    if len(headers) > 1 or (headers and len(sources) > 1):
        raise UsageError("one header goes with one source [compile them one by one]")
    return sources, headers[0] if headers else None


def kernel_headers(words: Sequence[str]) -> dict[str, str] | None:
    """Return the files of --vmlinux by architecture, "" for all that have none of their own.

    Raises:
        UsageError: two for the same.
    """
    from eunomia.package.arches import NAMES, kernel_name

    found = dict[str, str]()
    for word in words:
        name, given, path = word.partition("=")
        arch = kernel_name(name) if given and kernel_name(name) in NAMES else ""
        if arch in found:
            raise UsageError(f"--vmlinux: two files for {arch or 'all architectures'} [for one of them: ARCH=FILE]")
        found[arch] = path if arch else word
    return found or None


class Job:
    """One run of ecc: its options, its sources, its outputs."""

    __slots__ = ("_header", "_made", "_sources", "_values", "_verbose")

    def __init__(self, values: Values, sources: list[str], header: str | None) -> None:
        self._values = values
        self._sources = sources
        self._header = header
        self._made: dict[str, bytes] = {}  # packages of one source that were written, by path
        self._verbose = bool(values["verbose"])

    def run(self) -> int:
        """Compile every source; return the exit code."""
        values = self._values
        if values["llvm-strip-bin"]:
            _say("ecc: --llvm-strip-bin is not needed: libbpf's linker drops DWARF")
        if values["no-generate-package-json"]:
            clash = next((name for name in ("wasm-header", "btfgen", "kernels", "provenance") if values[name]), None)
            if clash:
                raise UsageError(f"--{clash} needs the package that --no-generate-package-json leaves out")
        target = self._output()
        clash = next((name for name in _OF_PACKAGES if values[name]), None) if _is_part(target) else None
        if clash:
            raise UsageError(f"--output-path {target}: --{clash} is about packages, and this is a part of one")
        if values["provenance"] and (target.startswith("/dev/") or (os.path.exists(target) and _is_special(target))):
            raise UsageError(f"--provenance: {target} is no file that something can lie beside [-o FILE]")
        suffix = os.path.splitext(target)[1]
        if suffix and suffix not in _FORMATS and not target.endswith("/") and not os.path.exists(target):
            raise UsageError(
                f"--output-path {target}: a package ends in .json, .yaml, .yml or .tar, an object in .o, a skeleton"
                f" in .h, found {suffix}"
                f" [a folder of that name: {target}/]"
            )
        if suffix in _FORMATS and len(self._sources) > 1:
            raise UsageError(f"--output-path {target}: one file for {len(self._sources)} sources [give a folder]")
        names = [_stem(source) for source in self._sources]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice and (target or len({os.path.dirname(source) for source in self._sources}) == 1):
            raise UsageError(f"two sources would be written as {twice}.json")
        if len(self._sources) == 1:
            self._one(self._sources[0], target)
            return 0
        return self._each(target)

    def _each(self, target: str) -> int:
        """Compile several: a failure is told, and the others go on."""
        from eunomia.cli.report import report

        failed = 0
        for source in self._sources:
            try:
                self._one(source, target)
            except CompileError as exc:
                report("ecc", exc)
                failed += 1
        return 1 if failed else 0

    def _output(self) -> str:
        given: str | None = self._values["output-path"] or self._values["output"]
        return "/dev/stdout" if given == "-" else given or ""

    def compile(self, source: str, papers: Papers | None = None) -> Package:
        """Return the package of one source, without a guest; how it is made is noted in papers."""
        from eunomia.compiler import compile_source

        values = self._values
        workspace = values["workspace-path"]
        return compile_source(
            source,
            header=self._header,
            cflags=values["additional-cflags"],
            include=[*values["include"], *([os.path.join(workspace, "include")] if workspace else [])],
            defines=values["define"],
            target_arch=values["target-arch"],
            toolchain=values["clang-bin"] or values["toolchain"],
            vmlinux=kernel_headers(values["vmlinux"]),
            accounting=values["accounting"] and not _is_part(self._output()),
            color=sys.stderr.isatty() and os.environ.get("NO_COLOR") is None,
            on_warning=_write_error,
            on_note=self.note,
            on_build=papers.add if papers else None,
        )

    def _one(self, source: str, target: str) -> None:
        from eunomia.package.guest import add_guest

        papers = Papers(source, self._values) if self._values["provenance"] else None
        package = self.compile(source, papers)
        if self._values["guest"]:
            name, wasm = self._guest(self._values["guest"])
            add_guest(package, name, wasm)
        self._made.clear()
        self._write(package, source, target)
        if papers:
            for path, data in papers.write(package, self._made):
                self._put(path, data)

    def _guest(self, path: str) -> tuple[str, bytes]:
        """Return the name and the bytes of a guest of events, which is built where it is no module."""
        if not path.endswith(".wasm"):
            from eunomia.compiler.guest_projects import build_project

            with tempfile.TemporaryDirectory(prefix="ecc-") as work:
                made = build_project(path, output=work, on_warning=_write_error, on_note=self.note)
                if len(made) != 1:
                    raise UsageError(f"--guest {path}: {len(made)} guests, expected one [name one source]")
                return self._guest(made[0])
        try:
            with open(path, "rb") as file:
                wasm = file.read()
        except OSError as exc:
            raise OSError(exc.errno, f"open guest {path}: {(exc.strerror or str(exc)).lower()}") from exc
        if wasm[:8] != MODULE:
            raise UsageError(f"--guest {path}: not a Wasm module (it begins with {wasm[:8].hex(' ') or 'nothing'})")
        return os.path.basename(path), wasm

    def note(self, line: str) -> None:
        """Say what is done, with -v."""
        if self._verbose:
            _say(f"ecc: {line}")

    def _write(self, package: Package, source: str, target: str) -> None:
        values = self._values
        extension = os.path.splitext(target)[1] if target and not os.path.isdir(target) else ""
        form = _FORMATS.get(extension)
        if target and not form and os.path.exists(target) and not os.path.isdir(target):
            form = "yaml" if values["yaml"] else "json"  # /dev/stdout, or a file of another name that is there
        folder = os.path.dirname(target) if form else target or os.path.dirname(source)
        _make_folder(folder)
        if form in _PARTS:
            from eunomia.publish.export import export

            self._put(target, export(package, "bpf.o" if form == "object" else "skeleton"))
            return
        stem = _stem(source)
        if values["no-generate-package-json"]:
            self._apart(package, folder, stem)
            return
        kind = "yaml" if values["yaml"] else "json"
        name = "package" if len(self._sources) == 1 else stem
        path = target if form else os.path.join(folder, f"{name}.{kind}")
        if form == "tar" or self._kernels_wanted():
            if self._kernels_wanted():
                from eunomia.compiler.btfgen import add_archive

                package = add_archive(package, self._kernels(), self.note, lambda line: _say(f"ecc: {line}"))
            tar = path if form == "tar" else os.path.join(folder, f"{stem}.tar")
            self._put_package(tar, package.to_tar())
        if form != "tar":
            text = package.to_yaml() if "yaml" in (form, kind) and form != "json" else package.to_json()
            self._put_package(path, text.encode() if isinstance(text, str) else text)
        if values["wasm-header"]:
            from eunomia.compiler.wasm_header import wasm_header

            text = package.to_json()
            words = text if isinstance(text, str) else text.decode()
            self._put(os.path.join(folder, "ewasm-skel.h"), wasm_header(words).encode())

    def _kernels(self) -> list[str]:
        return [*(self._values["kernels"] or ()), *(self._values["btfhub-archive"] or ())]

    def _kernels_wanted(self) -> bool:
        return bool(self._values["btfgen"] or self._values["kernels"])

    def _apart(self, package: Package, folder: str, stem: str) -> None:
        """What upstream writes besides the package: the object, and the meta alone."""
        self._put(os.path.join(folder, f"{stem}.bpf.o"), package.object)
        for arch in package.architectures[1:]:
            other = package.for_arch(arch)
            if other is not package:
                self._put(os.path.join(folder, f"{stem}.{arch}.bpf.o"), other.object)
        if self._values["yaml"]:
            from eunomia.package.archive import dump_yaml

            self._put(os.path.join(folder, f"{stem}.skel.yaml"), dump_yaml(package.meta).encode())
        else:
            from eunomia.package.codec import dump_json

            self._put(os.path.join(folder, f"{stem}.skel.json"), dump_json(package.meta).encode())

    def _put_package(self, path: str, data: bytes) -> None:
        self._made[path] = data
        self._put(path, data)

    def _put(self, path: str, data: bytes) -> None:
        """Write a file whole or not at all."""
        if not os.path.exists(path) or os.path.isfile(path):
            partial = f"{path}.{os.getpid()}.part"
            _guarded(path, lambda: _replace(partial, path, data))
        else:  # a pipe or a device: /dev/stdout
            _guarded(path, lambda: _overwrite(path, data))
        if self._verbose:
            _say(f"ecc: wrote {path} ({len(data)} bytes)")


def _is_part(target: str) -> bool:
    return _FORMATS.get(os.path.splitext(target)[1]) in _PARTS and not os.path.isdir(target)


def _guarded(path: str, write: Callable[[], None]) -> None:
    try:
        write()
    except OSError as exc:
        raise CompileError(f"write {path}: {(exc.strerror or str(exc)).lower()}") from exc


def _replace(partial: str, path: str, data: bytes) -> None:
    try:
        with open(partial, "wb") as file:
            file.write(data)
        os.replace(partial, path)
    except BaseException:
        if os.path.exists(partial):
            os.unlink(partial)
        raise


def _overwrite(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _make_folder(folder: str) -> None:
    if folder and not os.path.isdir(folder):
        _guarded(folder, lambda: os.makedirs(folder, exist_ok=True))


def _is_special(path: str) -> bool:
    return not os.path.isfile(path) and not os.path.isdir(path)


def _stem(source: str) -> str:
    return os.path.basename(source).partition(".")[0] or "package"


def _say(line: str) -> None:
    _write_error(line + "\n")


def _write_error(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
