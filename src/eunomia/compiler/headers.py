"""The header argument of ecc: its structs are the event types, as upstream has it."""

from __future__ import annotations

import os

from eunomia.errors import CompileError


def struct_names(path: str) -> list[str]:
    """Return the names of the structs that a header defines (`struct NAME {`), outside of comments and `#if 0`.

    The text is not preprocessed otherwise, and what it includes is not looked at.

    Raises:
        CompileError: the header cannot be read.

    Source: upstream's ecc scans for `struct\\s+(\\w+)\\s*\\{`.
    """
    import re

    try:
        with open(path, "rb") as file:
            text = file.read().decode(errors="replace")
    except OSError as exc:
        raise CompileError(f"read header {os.fspath(path)}: {(exc.strerror or str(exc)).lower()}") from exc
    text = re.sub(r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/', lambda match: match[1] or " ", text, flags=re.S)
    text = re.sub(r"^[ \t]*#[ \t]*if[ \t]+0\b.*?^[ \t]*#[ \t]*(?:endif|else|elif)\b", "", text, flags=re.S | re.M)
    names = re.findall(r"\bstruct\s+(\w+)\s*\{", text)
    return list(dict.fromkeys(names))


def keep_structs(names: list[str]) -> str:
    """Return declarations after which the object's BTF has these structs, used or not, if the source defines them."""
    keep = '__attribute__((section("eunomia.types"), used))'
    return "".join(f"static struct {name} *__eu_h_{name} {keep};\n" for name in names)
