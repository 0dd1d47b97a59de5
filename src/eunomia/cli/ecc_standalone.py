"""`ecc --standalone SOURCE|PACKAGE`: an executable that needs neither ecli nor Python."""

from __future__ import annotations

import os

from eunomia.cli.parser import UsageError
from eunomia.errors import EunomiaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from eunomia.cli.ecc_papers import Papers
    from eunomia.cli.parser import Values
    from eunomia.package.model import Package

SOURCES = (".c", ".cc", ".cpp", ".cxx")
_OTHERS = (
    "yaml",
    "no-generate-package-json",
    "wasm-header",
    "btfgen",
    "kernels",
    "btfhub-archive",
    "guest",
)


def make_standalone(
    values: Values,
    operands: list[str],
    compile_one: Callable[[str, Papers | None], Package],
    note: Callable[[str], None],
) -> int:
    """Make executables, one for each architecture that was asked for; return the exit code.

    Args:
        values: of ecc's options.
        operands: a source, or a package (JSON, tar, YAML, an object), or the name of a built-in tool.
        compile_one: compiles a source.
        note: says what is done.

    Raises:
        UsageError: options exclude each other, or there are several operands.
        OSError: a file cannot be read or written.
    """
    clash = next((name for name in _OTHERS if values[name]), None)
    if clash:
        raise UsageError(f"--{clash} and --standalone exclude each other")
    if len(operands) != 1:
        raise UsageError(f"--standalone takes one source or package, found {len(operands)} [one after the other]")
    operand = operands[0]
    papers = _papers(operand, values) if values["provenance"] else None
    package = compile_one(operand, papers) if operand.endswith(SOURCES) else _read(operand)
    if package.btf_archive:
        note(f"{operand}: its BTF of other kernels stays out of the executable, which has --btf FILE")
    from eunomia.publish.standalone import build

    wanted = [word for word in (values["target-arch"] or "").split(",") if word]
    if wanted == ["all"]:
        from eunomia.publish.standalone import MACHINES

        wanted = list(MACHINES)
    path = _path(operand, package, values["output-path"] or values["output"])
    for arch in wanted or [""]:
        target = f"{path}-{arch}" if len(wanted) > 1 else path
        data = build(package, arch)
        _put(target, data)
        note(f"wrote {target} ({len(data)} bytes)")
        for path_of_paper, paper in papers.write(package, {target: data}, are_executables=True) if papers else ():
            _put(path_of_paper, paper, mode=0o644)
    return 0


def _papers(operand: str, values: Values) -> Papers:
    from eunomia.cli.ecc_papers import Papers

    if not operand.endswith(SOURCES):
        raise UsageError(f"--provenance: {operand} was compiled elsewhere [give its source]")
    if values["output-path"] == "-" or values["output"] == "-":
        raise UsageError("--provenance: standard output is no file that something can lie beside [-o FILE]")
    return Papers(operand, values)


def _read(operand: str) -> Package:
    """Return the package that an operand names: a file, else a built-in tool."""
    from eunomia.builtin import names, read
    from eunomia.package.model import Package

    if not os.path.exists(operand) and operand in names():
        return Package.from_bytes(read(operand), operand)
    try:
        return Package.open(operand)
    except OSError as exc:
        raise OSError(exc.errno, f"open {operand}: {(exc.strerror or str(exc)).lower()}") from exc


def _path(operand: str, package: Package, given: str | None) -> str:
    """Return where the executable goes: as told, else beside the source or package, by the tool's name."""
    if given == "-":
        return "/dev/stdout"
    stem = os.path.basename(operand).partition(".")[0]
    if stem in ("", "package"):
        stem = package.name.removesuffix("_bpf")
        stem = "".join(c if c.isalnum() or c in "_-" else "_" for c in stem) or "tool"
    if given and (os.path.isdir(given) or given.endswith("/")):
        return os.path.join(given, stem)
    if given:
        return given
    path = os.path.join(os.path.dirname(operand), stem)
    return path if not os.path.isdir(path) and path != operand else f"{path}.run"


def _put(path: str, data: bytes, mode: int = 0o755) -> None:
    """Write a file, mostly an executable one, whole or not at all."""
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # a pipe or a device
            with open(path, "wb") as file:
                file.write(data)
            return
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        partial = f"{path}.{os.getpid()}.part"
        try:
            with open(partial, "wb") as file:
                file.write(data)
            os.chmod(partial, mode)
            os.replace(partial, path)
        finally:
            if os.path.exists(partial):
                os.unlink(partial)
    except OSError as exc:
        raise EunomiaError(f"write {path}: {(exc.strerror or str(exc)).lower()}") from exc
