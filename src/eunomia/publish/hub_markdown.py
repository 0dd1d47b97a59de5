"""The texts of tools (README.md) as HTML: a small part of Markdown. All of it is escaped; links lead to http(s) only.

A library would know all of Markdown, raw HTML too; what strangers write is shown on a hub's pages.
"""

from __future__ import annotations

import re
from html import escape

_LINK = re.compile(r"!?\[([^\]\[]{0,500})\]\(([^()\s]{0,1000})\)")
_EMPHASIS = re.compile(r"\*\*([^*]{1,500})\*\*")
_MARKS = re.compile(
    r"\*\*([^*]{1,500})\*\*|(?<![\w*])\*([^\s*][^*]{0,500})\*(?![\w*])|(?<!\w)_([^\s_][^_]{0,500})_(?!\w)"
)
_ITEM = re.compile(r"\s{0,3}(?:[-*+]|\d{1,3}[.)])\s+(.*)")
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*")
_RULE = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?")
MAX_LINES = 4000


def sample_of(text: str) -> str:
    """Return the first block of a terminal's lines in a text: what the tool's output looks like; "" for none."""
    found = re.search(r"^```(?:console|text|shell-session)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return found[1].rstrip("\n") if found else ""


def plain(text: str) -> str:
    """Return a paragraph without its marks: the words of links, code and emphasis."""
    parts = text.split("`")
    for index in range(0, len(parts), 2):
        part = _LINK.sub(lambda found: "" if found[0].startswith("!") else found[1], parts[index])
        parts[index] = _MARKS.sub(lambda found: found[1] or found[2] or found[3], part)
    return "".join(parts)


def render(text: str, *, without: str = "") -> str:
    """Return a text as HTML, without its title.

    Args:
        text: the Markdown.
        without: a block of code that is shown elsewhere, and is left out.
    """
    lines = text.splitlines()[:MAX_LINES]
    if lines and lines[0].startswith("# "):
        lines.pop(0)
    out: list[str] = []
    position = 0
    while position < len(lines):
        position = _block(lines, position, out, without)
    return "\n".join(out)


def inline(text: str) -> str:
    """Return the text of a line as HTML: code, links to http(s), strong words; all else is as it is."""
    parts = text.split("`")
    out = []
    for index, part in enumerate(parts):
        if index % 2 and index < len(parts) - 1:
            out.append(f"<code>{escape(part)}</code>")
        else:
            out.append(_links(("`" if index % 2 else "") + part))
    return "".join(out)


def _links(text: str) -> str:
    out, end = [], 0
    for found in _LINK.finditer(text):
        out.append(_strong(text[end : found.start()]))
        end = found.end()
        label, target = found[1], found[2]
        if re.match(r"https?://", target) and not found[0].startswith("!"):
            out.append(f'<a href="{escape(target)}" rel="noopener noreferrer nofollow">{_strong(label)}</a>')
        else:
            out.append(_strong(label))
    return "".join((*out, _strong(text[end:])))


def _strong(text: str) -> str:
    return _EMPHASIS.sub(r"<strong>\1</strong>", escape(text))


def _block(lines: list[str], at: int, out: list[str], without: str) -> int:
    """Write the block that begins at a line; return where the next one begins."""
    line = lines[at]
    if line.startswith("```"):
        return _code(lines, at, out, without)
    if not line.strip():
        return at + 1
    heading = _HEADING.fullmatch(line)
    if heading:
        level = min(len(heading[1]) + 1, 6)
        out.append(f"<h{level}>{inline(heading[2])}</h{level}>")
        return at + 1
    if line.lstrip().startswith("|") and at + 1 < len(lines) and _RULE.fullmatch(lines[at + 1].strip()):
        return _table(lines, at, out)
    if _ITEM.fullmatch(line):
        return _list(lines, at, out)
    end = at
    while end < len(lines) and lines[end].strip() and not _begins(lines[end]):
        end += 1
    end = max(end, at + 1)
    out.append(f"<p>{inline(' '.join(each.strip() for each in lines[at:end]))}</p>")
    return end


def _begins(line: str) -> bool:
    """Whether a line ends the paragraph before it without a blank line."""
    return line.startswith("```") or bool(_HEADING.fullmatch(line) or _ITEM.fullmatch(line))


def _code(lines: list[str], at: int, out: list[str], without: str) -> int:
    end = at + 1
    while end < len(lines) and not lines[end].startswith("```"):
        end += 1
    text = "\n".join(lines[at + 1 : end])
    if text.rstrip("\n") != without or not without:
        out.append(f"<pre><code>{escape(text)}</code></pre>")
    return end + 1


def _table(lines: list[str], at: int, out: list[str]) -> int:
    end = at
    while end < len(lines) and lines[end].lstrip().startswith("|"):
        end += 1
    rows = [_cells(line) for line in (lines[at], *lines[at + 2 : end])]
    head = "".join(f"<th>{inline(cell)}</th>" for cell in rows[0]) if any(rows[0]) else ""
    body = "".join("<tr>" + "".join(f"<td>{inline(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    head = f"<thead><tr>{head}</tr></thead>" if head else ""
    out.append(f'<div class="scroll"><table>{head}<tbody>{body}</tbody></table></div>')
    return end


def _cells(line: str) -> list[str]:
    text = line.strip().removeprefix("|").removesuffix("|").replace("\\|", "\0")
    return [cell.strip().replace("\0", "|") for cell in text.split("|")]


def _list(lines: list[str], at: int, out: list[str]) -> int:
    items: list[str] = []
    ordered = lines[at].lstrip()[:1].isdigit()
    while at < len(lines) and lines[at].strip():
        item = _ITEM.fullmatch(lines[at])
        if item:
            items.append(item[1])
        elif lines[at].startswith(" ") and items:
            items[-1] += f" {lines[at].strip()}"
        else:
            break
        at += 1
    word = "ol" if ordered else "ul"
    out.append(f"<{word}>" + "".join(f"<li>{inline(each)}</li>" for each in items) + f"</{word}>")
    return at
