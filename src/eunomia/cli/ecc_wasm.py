"""`ecc build-wasm` and `ecc gen-wasm-skel`: guests, from a project's folder."""

from __future__ import annotations

import os
import sys

from eunomia.cli.parser import VERBOSE, Command, Opt, UsageError

_OUT, _CC = "Output", "Compiler"
BUILD = Command(
    "build-wasm",
    "[DIR|SOURCE]",
    "build the Wasm guests of a folder: its BPF objects, and the programs in C, C++, Rust or Go that carry them",
    (
        Opt("output-path", "o", "file", "the guest (ends in .wasm), or the folder for it", "FILE|DIR", group=_OUT),
        Opt("include", "I", "file", "search this folder for headers first", "DIR", repeat=True, group=_CC),
        Opt("define", "D", "text", "define a macro", "NAME[=VALUE]", repeat=True, group=_CC),
        Opt("additional-cflags", "a", "text", "one more word for the guest's compiler", "FLAG", repeat=True, group=_CC),
        Opt("vmlinux", "", "file", "make vmlinux.h of this BTF or image, or use this header", "FILE", group=_CC),
        Opt("toolchain", "", "text", "compiler of the BPF objects: clang, zig or a path", "NAME|PATH", group=_CC),
        Opt("guest-cc", "", "text", "compiler of the guest: zig, clang or a path", "NAME|PATH", group=_CC),
        Opt("verbose", "v", "verbose", "say what is done", default=0),
    ),
    prog="ecc",
    details="For each source with a main() one guest, NAME.wasm. Every NAME.bpf.c is compiled; its skeleton, as\n"
    "bpftool makes it, is what #include NAME.skel.h finds. Cargo.toml or go.mod: a project in Rust or Go.",
    examples=(
        ("ecc build-wasm", "the guests of this folder"),
        ("ecc build-wasm libbpf-tools/opensnoop.c", "one of several"),
        ("sudo ecli run bootstrap.wasm", "runs it"),
    ),
)
LANGUAGES = ("c", "rust", "go")
NEW = Command(
    "gen-wasm-skel",
    "[DIR]",
    "make a project of a Wasm guest that builds and runs at once",
    (Opt("lang", "l", "choice", "language of the guest", default="c", choices=LANGUAGES), VERBOSE),
    prog="ecc",
    examples=(
        ("ecc gen-wasm-skel hello", "a guest in C, in a new folder"),
        ("ecc gen-wasm-skel", "here: a guest for the .bpf.c that is here"),
    ),
)


def build(argv: list[str]) -> int:
    """Build the guests of a folder."""
    values = BUILD.parse(argv)
    values.no_more_than(1)
    from eunomia.compiler.guest_projects import build_project

    place = values.operands[0] if values.operands else "."
    if not os.path.exists(place):
        raise UsageError(f"{place}: no such folder or source [ecc build-wasm DIR]")
    for path in build_project(
        place,
        output=values["output-path"],
        include=values["include"],
        defines=values["define"],
        cflags=values["additional-cflags"],
        vmlinux=values["vmlinux"],
        toolchain=values["toolchain"],
        guest_cc=values["guest-cc"],
        on_warning=_write,
        on_note=(lambda line: _write(f"ecc: {line}\n")) if values["verbose"] else None,
    ):
        print(f"{path}: {os.path.getsize(path)} bytes")
    return 0


def new(argv: list[str]) -> int:
    """Make a project."""
    values = NEW.parse(argv)
    values.no_more_than(1)
    from eunomia.compiler.guest_templates import create

    folder = values.operands[0] if values.operands else "."
    paths = create(folder, values["lang"])
    for path in paths:
        print(path)
    guest = next((path for path in paths if path.endswith(".c") and not path.endswith(".bpf.c")), "")
    name = os.path.basename(guest.removesuffix(".c") or os.path.abspath(folder))
    go = "" if os.path.samefile(folder, ".") else f"cd {folder} && "
    print(f"\nnext: {go}ecc build-wasm && sudo ecli run {name}.wasm")
    return 0


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
