"""What can be told from the text of a source, of clang's diagnostics, and of the paths in an object."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal


def clashes(diagnostics: str, headers: tuple[str, ...]) -> list[str]:
    """Return the names that a source defines other than one of these headers does, from clang's errors about it."""
    import re

    names = []
    lines = diagnostics.splitlines()
    for index, line in enumerate(lines[:-1]):
        error = re.match(r".*?:\d+:(\d+): error: (.*)", line)
        if not error or not re.search("redefinition|conflicting types|follows non-static declaration", error[2]):
            continue
        text = re.sub(r"^ *\d+ \| ", "", lines[index + 1])  # newer clangs number the line
        name = re.match(r"\w+", text[int(error[1]) - 1 :])  # from where the caret points
        after = lines[index + 1 : index + 12]
        note = next((each for each in after if ": note: previous" in each or ": error:" in each), "")
        if name and note.startswith(headers) and name[0] not in names:
            names.append(name[0])
    return names


def without_trace(diagnostics: str) -> str:
    """Return clang's diagnostics without the stack of its own that follows an error of its backend."""
    return diagnostics.partition("PLEASE submit a bug report")[0]


def macros_at_fault(diagnostics: str, headers: tuple[str, ...]) -> list[str]:
    """Return the macros of these headers that clang's errors name, in order."""
    import re

    found = re.findall(r"^([^\n]*?):\d+:\d+: note: [^\n]*?macro '(\w+)'", diagnostics, re.MULTILINE)
    return list(dict.fromkeys(name for path, name in found if path in headers and name.startswith("bpf_")))


def before_vmlinux(text: bytes) -> list[bytes] | None:
    """Return the macros that a source defines before it includes vmlinux.h; None where anything else stands there."""
    names: list[bytes] = []
    at = 0
    while True:
        while at < len(text) and text[at] in b" \t\r\n":
            at += 1
        if text.startswith(b"/*", at):
            end = text.find(b"*/", at) + 1
        elif text.startswith((b"//", b"#"), at):
            end = text.find(b"\n", at)
        else:
            return None
        words = text[at + 1 : end].replace(b"\t", b" ").strip() if text[at] == 35 else b""
        if words.startswith(b"include"):
            return names if words[7:].strip()[:11] in {b'"vmlinux.h"', b"<vmlinux.h>"} else None
        if words:
            name = words[7:].strip().partition(b" ")[0].partition(b"(")[0]
            if not words.startswith(b"define ") or not name or words.endswith(b"\\"):
                return None
            names.append(name)
        if end < 1:
            return None
        at = end + 1


_BIG_ENDIAN_BTF = b"\xeb\x9f\1\0\0\0\0\x18"  # magic, version, flags, and a header of 24 bytes: .BTF.ext has more


def _strings(image: bytes) -> tuple[int, int]:
    """Where the strings of an object's BTF begin and end; (0, 0) without BTF."""
    from eunomia.btf.elf import ElfFile

    if image[5:6] == b"\2":  # which ElfFile does not read
        start = image.find(_BIG_ENDIAN_BTF)
        order: Literal["little", "big"] = "big"
    else:
        section = ElfFile(image).section(".BTF")
        start = image.find(section.data) if section is not None and section.data else -1
        order = "little"
    if start < 0:
        return 0, 0
    header, _types, _size, strings, length = (
        int.from_bytes(image[start + at : start + at + 4], order) for at in range(4, 24, 4)
    )
    return start + header + strings, start + header + strings + length


def relative_paths(path: str, places: list[tuple[str, str]]) -> None:
    """Shorten the paths of source files in an object's BTF, in place, so that they do not say where it was made.

    clang must see the real ones: it reads the lines for BTF's line info from there. What a shorter string leaves over
    goes when the object is linked, which copies only strings that are used.

    Args:
        path: of the object.
        places: (folder, what it is called in the object).
    """
    with open(path, "r+b") as file:
        image = bytearray(file.read())
        start, end = _strings(bytes(image))
        for folder, name in sorted(places, key=lambda place: -len(place[0])):
            wanted = b"\0" + folder.rstrip("/").encode(errors="surrogateescape") + b"/"
            instead = b"\0" + (f"{name}/" if name else "").encode(errors="surrogateescape")
            at = start
            while (at := image.find(wanted, at, end)) >= 0:
                stop = image.index(b"\0", at + 1)
                short = instead + image[at + len(wanted) : stop]
                image[at:stop] = short.ljust(stop - at, b"\0")
                at += len(short)
        file.seek(0)
        file.write(image)
