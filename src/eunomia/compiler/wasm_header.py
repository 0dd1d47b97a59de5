"""ewasm-skel.h: a package as a C string, for guests that carry it."""

from __future__ import annotations

_ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r"}


def wasm_header(package: str) -> str:
    """Return the header: `program_data` is the text of the package, byte for byte."""
    text = package.translate(_ESCAPES)
    return (
        "#ifndef EWASM_JSON_INCLUDE_H_\n"
        "#define EWASM_JSON_INCLUDE_H_\n\n"
        f'char* program_data = "{_ascii(text)}";\n\n'
        "#endif // EWASM_JSON_INCLUDE_H_\n"
    )


def _ascii(text: str) -> str:
    """Everything but printable ASCII as three octal digits, which no digit after them can join; `??` is no trigraph."""
    text = text.replace("??", '?""?')
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if " " <= c <= "~" else "".join(f"\\{byte:03o}" for byte in c.encode("utf-8", "surrogateescape"))
        for c in text
    )
