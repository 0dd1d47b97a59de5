"""`ecc gen skeleton PROG`: an object's types, variables, maps and programs as source code in C, Rust or Go."""

from __future__ import annotations

import os
import sys

from eunomia.cli.fetch_table import FETCH_OPTIONS
from eunomia.cli.parser import VERBOSE, Command, Opt, UsageError
from eunomia.errors import CompileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values
    from eunomia.package.model import Package

COMMAND = Command(
    "gen",
    "skeleton PROG",
    "write a skeleton: the object, its event, key and value types and its variables, in C, Rust or Go",
    (
        Opt("lang", "l", "choice", "language", default="c", choices=("c", "rust", "go")),
        Opt("output-path", "o", "file", "file to write (standard output)", "FILE"),
        Opt("name", "", "text", "what generated names begin with (that of the object, as in bootstrap_bpf)", "NAME"),
        Opt(
            "types",
            "",
            "choice",
            "definitions of types: all, none (headers of your own have them), only (no skeleton)",
            default="all",
            choices=("all", "none", "only"),
        ),
        Opt("own-header", "", "file", "types that this file defines are not defined again", "FILE.h", repeat=True),
        Opt("package", "", "text", "package of the Go file", "NAME", default="main"),
        Opt(
            "object-path",
            "",
            "file",
            "write the object to this file, which Rust and Go embed (it is in the code)",
            "FILE",
        ),
        *FETCH_OPTIONS,
        VERBOSE,
    ),
    details="PROG is a package, an object, a C source, a URL, or the name of a built-in tool. Layouts are those of\n"
    "the kernel's side, with every offset told: pointers and long have 64 bits, padding is explicit, sizes are\n"
    "asserted.",
    examples=(
        ("ecc gen skeleton bootstrap.bpf.c -o bootstrap.skel.h", "for C and C++, as bpftool's"),
        ("ecc gen skeleton --lang rust package.json -o src/bootstrap.rs", "for Rust"),
        ("ecc gen skeleton --types only opensnoop", "the types of a built-in tool"),
    ),
    prog="ecc",
    choices=("@builtin", "@file"),
)


def main(argv: list[str]) -> int:
    """Write the skeleton."""
    values = COMMAND.parse(argv)
    operands = values.operands
    if operands[:1] != ["skeleton"]:
        raise UsageError("gen: what to make? [ecc gen skeleton PROG]")
    if len(operands) != 2:
        raise UsageError(f"gen skeleton: one PROG is asked for, found {len(operands) - 1} [see ecc gen --help]")
    if values["object-path"] and values["lang"] == "c":
        raise UsageError("--object-path: C has the object in its code [leave it out]")
    text = _text(values, _package(operands[1], values))
    target = values["output-path"]
    if not target or target == "-":
        sys.stdout.write(text)
    else:
        _write(target, text.encode("utf-8", "surrogateescape"))
    return 0


def _package(name: str, values: Values) -> Package:
    """The package; a source is compiled as for a guest, without counters that only `ecli run` reads."""
    if name.endswith(".bpf.c") and os.path.isfile(name):
        from eunomia.compiler import compile_source

        return compile_source(name, accounting=False)
    from eunomia.cli.fetching import fetched, limits_of
    from eunomia.registry.resolve import package_of

    found = fetched(name, limits_of(values))
    return package_of(found.data, found.origin, remote=found.is_remote)


def _text(values: Values, package: Package) -> str:
    from eunomia.compiler.skeletons import declared_names, generate

    own: set[str] = set()
    for path in values["own-header"]:
        own |= declared_names(_read(path))
    text = generate(
        package,
        values["lang"],
        values["name"],
        types=values["types"],
        without=own,
        go_package=values["package"],
        embed=_beside(values["object-path"], values["output-path"]),
    )
    if values["object-path"]:
        _write(values["object-path"], package.object)
    return text


def _beside(path: str | None, target: str | None) -> str:
    """The object's file as the generated one names it."""
    if not path:
        return ""
    folder = os.path.dirname(target) if target and target != "-" else ""
    return os.path.relpath(path, folder or ".")


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as exc:
        raise CompileError(f"read {path}: {(exc.strerror or str(exc)).lower()}") from exc


def _write(path: str, data: bytes) -> None:
    try:
        with open(path, "wb") as file:
            file.write(data)
    except OSError as exc:
        raise CompileError(f"write {path}: {(exc.strerror or str(exc)).lower()}") from exc
