"""`ecc gen-wasm-skel`: projects of guests that build and run at once."""

from __future__ import annotations

import os

from eunomia.compiler import guest_for, sdk
from eunomia.compiler.skeletons.names import camel
from eunomia.errors import CompileError

# By language: where the template's files lie in its SDK, and what stands for the project's name there.
_FOLDER = "template"
_WORD = "@NAME@"


def create(folder: str, language: str) -> list[str]:
    """Make a project's files in a folder, which is made if need be, and return their paths.

    In a folder that has sources for the kernel, and no guest, the files are guests in C for these.

    Args:
        folder: its last part is the project's name.
        language: "c", "rust" or "go".

    Raises:
        CompileError: the name is no name, a file is there already, a source does not compile, or it cannot be written.
    """
    sources = guest_for.sources_in(folder) if language == "c" else []
    if sources:
        return guest_for.create_for(sources)
    name = os.path.basename(os.path.abspath(folder))
    plain = name.replace("-", "").replace("_", "")
    if not (plain.isascii() and plain.isalnum() and name[0].isalpha()):
        raise CompileError(f"new guest {name!r}: a name is a letter, then letters, digits, - and _")
    if (name, language) == ("eunomia", "rust"):
        raise CompileError("new guest eunomia: that is the name of the crate it depends on")
    source = os.path.join(sdk.folder(language), _FOLDER)
    files = {}
    for place, _, names in sorted(os.walk(source)):
        for each in sorted(names):
            inner = os.path.relpath(os.path.join(place, each), source)
            files[os.path.join(folder, _named(inner, name))] = os.path.join(place, each)
    if not files:
        raise CompileError(f"new guest {name}: no template for {language} in this installation")
    there = next((path for path in files if os.path.exists(path)), None)
    if there:
        raise CompileError(f"new guest {name}: {there} is there already")
    try:
        for path, template in files.items():
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(template, encoding="utf-8") as file:
                text = file.read()
            with open(path, "w", encoding="utf-8") as file:
                file.write(_named(text, name))
    except OSError as exc:
        raise CompileError(f"new guest {name}: {(exc.strerror or str(exc)).lower()}") from exc
    return list(files)


def _named(text: str, name: str) -> str:
    return (
        text.replace(_WORD, name)
        .replace("@IDENT@", name.replace("-", "_"))
        .replace("@CAMEL@", camel(name.replace("-", "_")))  # as skeletons in Go call it, in public and in private
        .replace("@LOWER@", name[0].lower() + camel(name.replace("-", "_"))[1:])
        .replace("@SDK@", os.path.dirname(sdk.folder("c")))
    )
