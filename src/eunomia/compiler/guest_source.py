"""A guest's C as it was meant: `long` has 64 bits in sources that were written beside BPF programs, and 32 on wasm32.

Structures that both sides share, `sizeof(unsigned long)`, addresses of the kernel: all count on 64 bits. So `long` is
read as `long long` in the user's own files (not in system headers, whose functions are compiled already), after the
preprocessor; printf and scanf formats that then do not fit are corrected as clang proposes.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# The widest each; strtol("0xffffffff81000000") must not be cut either.
_NAMES = {
    "strtol": "strtoll",
    "strtoul": "strtoull",
    "atol": "atoll",
    "labs": "llabs",
    "ldiv": "lldiv",
    "ldiv_t": "lldiv_t",
}
_SPECIFIERS = {"long", "int", "unsigned", "signed", "const", "volatile", "double", "static", "extern", "char", "short"}
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f\v]+)|(?P<text>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*"|(?:[uUL])?'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<number>\.?[0-9](?:[eEpP][+-]|[0-9A-Za-z_.'])*)|(?P<name>[A-Za-z_]\w*)|(?P<other>.)""",
    re.DOTALL,
)
_MARKER = re.compile(r'# \d+ "((?:\\.|[^"\\])*)"((?: \d)*)$')
_INTEGER = re.compile(r"(0[xX][0-9a-fA-F']+|0[bB][01']+|[0-9][0-9']*)([uU]?[lL]|[lL][uU])$")


def widen(text: str, is_ours: Callable[[str], bool], is_shared: Callable[[str], bool] = lambda path: False) -> str:
    """Return preprocessed C in which `long` of the user's files has 64 bits; lines stay where they are.

    Args:
        text: with line markers.
        is_ours: tells whether a path is of the SDK, whose files are left as they are.
        is_shared: tells whether a header is one that a BPF program includes, too: size_t and pointers in its
            structures have 64 bits there.
    """
    out = []
    theirs, shared, depth = False, False, 0
    for line in text.split("\n"):
        marker = _MARKER.match(line)
        if marker:
            theirs = "3" not in marker[2].split() and not marker[1].startswith("<") and not is_ours(marker[1])
            shared = theirs and is_shared(marker[1])
            depth = depth if shared else 0
        wide = _widened(line) if theirs and not marker and not line.startswith("#") else line
        out.append(_as_in_bpf(wide, depth) if shared and not marker else wide)
        if shared and not marker:
            depth += line.count("{") - line.count("}")
    return "\n".join(out)


_SIZES = {"size_t": "unsigned long long", "ssize_t": "long long"}
_SIZE = re.compile(r"\b(?:s?size_t)\b")
# Members of which one may be a pointer: `const struct x *name;`, `char *names[4], first;`.
_MEMBERS = re.compile(
    r"(?<=[{;])(\s*)((?:(?:const|volatile|struct|union|enum|unsigned|signed)\s+)*\w+\b)([^;{}():=]*\*[^;{}():=]*);"
)


def _as_in_bpf(line: str, depth: int) -> str:
    """A line of a header that both sides include, with the layout that it has in the BPF program.

    A pointer keeps its 32 bits, the lower half of the kernel's, with 32 more behind it.
    """
    line = _SIZE.sub(lambda match: _SIZES[match[0]], line)

    def padded(match: re.Match[str]) -> str:
        before = match.string[: match.start()]
        if depth + before.count("{") - before.count("}") < 2:  # the one that was put in front
            return match[0]
        members = []
        for each in match[3].split(","):
            name = each.strip().lstrip("* \t")
            members.append(f"{match[2]} {each.strip()};")
            if "*" in each:
                members[-1] = f"__attribute__((aligned(8))) {members[-1]} unsigned eu_upper_{name};"
        return match[1] + " ".join(members)

    wide = _MEMBERS.sub(padded, "{" + line)  # a member may stand first in its line
    return wide[1:]


def _widened(line: str) -> str:
    if "long" not in line and not _SUSPECT.search(line):
        return line
    tokens = [(str(match.lastgroup), match[0]) for match in _TOKEN.finditer(line)]
    return "".join(_wide(tokens, index) for index in range(len(tokens)))


def _wide(tokens: list[tuple[str, str]], index: int) -> str:
    """The token itself, or the one of 64 bits."""
    kind, word = tokens[index]
    if kind == "number":
        match = _INTEGER.match(word)
        return match[1] + ("u" if "u" in match[2].lower() else "") + "ll" if match else word
    if kind == "name":
        return "long long" if word == "long" and _is_long(tokens, index) else _NAMES.get(word, word)
    return word


_SUSPECT = re.compile(r"[0-9a-fA-F][uU]?[lL]|strto|atol|labs|ldiv")


def _is_long(tokens: list[tuple[str, str]], index: int) -> bool:
    """Tell whether this `long` is the only one of its declaration, and no `long double`."""
    near = [*_specifiers(reversed(tokens[:index])), *_specifiers(tokens[index + 1 :])]
    return "long" not in near and "double" not in near


def _specifiers(tokens: Iterable[tuple[str, str]]) -> Iterator[str]:
    for kind, word in tokens:
        if kind == "space":
            continue
        if word not in _SPECIFIERS:
            return
        yield word


_FIX = re.compile(r'^fix-it:"(?:\\.|[^"\\])*":\{(\d+):(\d+)-(\d+):(\d+)\}:"((?:\\.|[^"\\])*)"$', re.MULTILINE)


def fix_formats(text: str, said: str) -> str:
    """Return the text with the corrections that clang proposes (-fdiagnostics-parseable-fixits), of formats only."""
    lines = text.split("\n")
    fixes = set()
    for match in _FIX.finditer(said):
        first, start, last, end = (int(match[index]) for index in range(1, 5))
        new = re.sub(r"\\(.)", r"\1", match[5])
        if first == last <= len(lines) and new.startswith("%"):
            fixes.add((first - 1, start - 1, end - 1, new))
    for row, start, end, new in sorted(fixes, reverse=True):
        line = lines[row].encode()  # columns are bytes
        lines[row] = (line[:start] + new.encode() + line[end:]).decode()
    return "\n".join(lines)


def numbered(text: str) -> str:
    """Return the text without line markers, so that columns and lines of diagnostics are its own."""
    return "\n".join("" if line.startswith("# ") else line for line in text.split("\n"))


# A function that takes a format and what it is of, without saying so.
_FORMATTER = re.compile(r"\b(\w+)(\s*\(([^(){};]*\bchar\s*(?:const\s*)?\*\s*(?:const\s*)?\w*\s*),\s*\.\.\.\s*\))")
_NO_FORMATTER = re.compile(r"scan|exec|__attribute__|format|printf")


def told(text: str) -> str:
    """Return the text with the functions marked that take formats as printf() does, so that clang looks at these.

    What is in one line with a text in quotes stays as it is: columns of corrections are those of the text itself.
    """

    def marked(match: re.Match[str]) -> str:
        start = match.string.rfind("\n", 0, match.start()) + 1
        end = match.string.find("\n", match.end())
        if _NO_FORMATTER.search(match[1]) or '"' in match.string[start : end if end >= 0 else None]:
            return match[0]
        place = match[3].count(",") + 1
        return f"__attribute__((format(printf, {place}, {place + 1}))) {match[0]}"

    return _FORMATTER.sub(marked, text)
