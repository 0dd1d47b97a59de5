"""Skeletons and type definitions of an object in C, Rust and Go, for programs that load and read it."""

from __future__ import annotations

from eunomia.package.skeleton import object_name, sanitise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from eunomia.package.model import Package

LANGUAGES = ("c", "rust", "go")


def generate(
    package: Package,
    lang: str,
    name: str | None = None,
    *,
    types: str = "all",
    without: Collection[str] = (),
    go_package: str = "main",
    embed: str = "",
) -> str:
    """Return a skeleton: one source file that has the object, its types with explicit layouts, and names for its parts.

    Args:
        lang: one of LANGUAGES.
        name: what generated names begin with; None: libbpf's name of the object, as in `bootstrap_bpf`.
        types: "all", "none" (no definitions besides the sections' variables), "only" (definitions alone).
        without: names of types that are defined elsewhere, as `declared_names` finds them.
        go_package: the package of the Go file.
        embed: a file beside the generated one that has the object's bytes (Rust and Go); "": they are in it.

    Raises:
        PackageError: the object has no BTF, or a damaged one.
    """
    from eunomia import __version__
    from eunomia.compiler.skeletons.contents import Contents

    contents = Contents(package, sanitise(name) if name else object_name(package.name or "object"))
    source = f" from {contents.origin}" if contents.origin.isprintable() and contents.origin else ""
    made_by = f"made by ecc gen skeleton (eunomia {__version__}){source}; edits are lost".replace("*/", "")
    if lang == "c":
        from eunomia.compiler.skeletons.c import generate as c

        return c(contents, made_by, types=types, without=without)
    if lang == "rust":
        from eunomia.compiler.skeletons.rust import generate as rust

        return rust(contents, made_by, types=types, without=without, embed=embed)
    from eunomia.compiler.skeletons.go import generate as go

    return go(contents, made_by, types=types, without=without, package=go_package, embed=embed)


def declared_names(text: str) -> set[str]:
    """Return the names of structs, unions, enums, enumerators and typedefs that C source text defines."""
    import re

    text = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', " ", text, flags=re.DOTALL)
    found = set(re.findall(r"\b(?:struct|union|enum)\s+(?:__attribute__\s*\(\(.*?\)\)\s*)?(\w+)\s*\{", text))
    found.update(re.findall(r"\}\s*(?:__attribute__\s*\(\(.*?\)\)\s*)?(\w+)\s*;", text))
    for body in re.findall(r"\benum\b[^{};()]*\{([^}]*)\}", text):
        found.update(re.findall(r"(?:^|,)\s*(\w+)", body))
    return found
