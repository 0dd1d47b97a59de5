"""The pages of a hub: one with all tools and a search in it, and one for each tool. Static, each file whole by itself.

Whatever comes from packages is escaped. The pages ask no other host, and read without JavaScript; a policy in each
allows its own style and script by their digests, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Sequence
from html import escape
from typing import Any

from eunomia.publish import hub_markdown
from eunomia.publish.hub_files import write
from eunomia.registry import hub_index

MAX_ROWS = 300  # of a table on a page
OUTCOMES = {"fired": "good", "attached": "good", "refused": "bad", "failed": "bad"}
WORDS = {"fired": "ran", "attached": "attached", "refused": "refused", "failed": "failed"}
_SEARCH = (
    '<div class="search" hidden><input type="search" placeholder="Search: name, purpose, attach point…" '
    'aria-label="Search tools" autocomplete="off" spellcheck="false"></div>'
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def write_site(tree: dict[str, Any], out: str, base_url: str = "") -> None:
    """Write index.html and NAME/index.html of every tool of an index into the hub's folder.

    Args:
        tree: the index.
        out: the hub's folder, with its files in it.
        base_url: where the hub will be; "" where that is not known.
    """
    base = base_url.rstrip("/") + "/" if base_url else ""
    write(os.path.join(out, "index.html"), index_page(tree, base).encode())
    for tool in tree["tools"]:
        text = ""
        if tool.get("readme"):
            with open(os.path.join(out, tool["readme"]), encoding="utf-8", errors="replace") as file:
                text = file.read()
        write(os.path.join(out, tool["name"], "index.html"), tool_page(tree, tool, text, base).encode())


def index_page(tree: dict[str, Any], base: str = "") -> str:
    """Return the page with all tools."""
    tools = sorted(tree["tools"], key=lambda tool: tool["name"].lower())
    title = tree.get("title") or "eBPF tools"
    count = f"{len(tools)} tool{'' if len(tools) == 1 else 's'}"
    add = f"sudo ecli hub add {_hub_name(tree)} {base}" if base else ""
    run, find = "sudo ecli run NAME", ", or find one with <code>sudo ecli search WORDS</code>"
    body = [
        f"<header><h1>{_text(title)}</h1>",
        '<p class="lead">eBPF tools that run with one command, no compiler and no kernel headers needed.</p></header>',
        *([_line(add)] if add else []),
        f'<p class="soft">{"Then run" if add else "Run"} one of them with <code>{run}</code>{find}.</p>',
        _SEARCH,
        f'<p class="soft" id="found" role="status" data-all="{count}">{count}</p>',
        '<ul class="tools">',
        *(_tool_row(tool) for tool in tools),
        "</ul>",
    ]
    return _page(title, "\n".join(body), "index.json")


def tool_page(tree: dict[str, Any], tool: dict[str, Any], text: str = "", base: str = "") -> str:
    """Return the page of a tool.

    Args:
        tree: the index that it is in.
        tool: its entry.
        text: its README, "" for none.
        base: URL of the hub with a slash at its end, "" where that is not known.
    """
    best = hub_index.newest(tool)
    sample = hub_markdown.sample_of(text)
    version = f'<span class="tag">{_text(best["version"])}</span>' if best else ""
    title = _text(tree.get("title") or "eBPF tools")
    parts = [
        f'<p class="crumb"><a href="../index.html">{title}</a> / {_text(tool["name"])}</p>',
        f"<header><h1>{_text(tool['name'])}</h1>",
        f'<p class="lead">{_text(tool.get("summary", ""))}</p>',
        f'<div class="tags">{version}<span class="tag strong">{_text(tool["kind"])}</span>{_tags(tool)}</div></header>',
        *_withdrawn(tool, best),
        *_run(tool, best, base),
        *([f"<h2>Output</h2><pre><code>{_text(sample)}</code></pre>"] if sample else []),
        *_about(tool, text, sample),
        *_options(tool),
        *_events(tool),
        *_needs(tool),
        *_evidence(tool),
        *_versions(tool),
    ]
    return _page(f"{tool['name']}: {tool.get('summary', '')}".rstrip(": "), "\n".join(parts), "../index.json")


def _tool_row(tool: dict[str, Any]) -> str:
    best = hub_index.newest(tool)
    words = [tool["name"], tool.get("summary", ""), tool["kind"], *tool.get("attach", ()), *tool.get("types", ())]
    words += [row["help"] for row in tool.get("options", ())]
    known = " ".join(_plain(" ".join(words)).lower().split())
    return (
        f'<li data-name="{escape(tool["name"].lower())}" data-words="{escape(known)}">'
        f'<a href="{escape(tool["name"])}/index.html"><span class="name">{_text(tool["name"])}</span>'
        f'<span class="version">{_text(best["version"]) if best else "withdrawn"}</span>'
        f'<span class="summary">{_text(tool.get("summary", ""))}</span>'
        f'<span class="tags">{_tags(tool)}</span></a></li>'
    )


def _tags(tool: dict[str, Any]) -> str:
    kernel = tool.get("needs", {}).get("kernel")
    tags = [*tool.get("types", ())[:6], *([f"Linux {kernel}+"] if kernel else [])]
    if tool["kind"] == "guest":
        tags.append("WebAssembly")
    return "".join(f'<span class="tag">{_text(each)}</span>' for each in tags)


def _withdrawn(tool: dict[str, Any], best: dict[str, Any] | None) -> list[str]:
    if best is not None:
        return []
    return [f'<p class="warning">Every version is withdrawn: {_text(tool["versions"][0].get("yanked", ""))}</p>']


def _run(tool: dict[str, Any], best: dict[str, Any] | None, base: str) -> list[str]:
    allow = "".join(f" {each}" for each in tool.get("policy", ()))
    parts = ["<h2>Run</h2>", _line(f"sudo ecli run{allow} {tool['name']}")]
    if base and best is not None and "://" not in best["location"]:
        line = f"sudo ecli run{allow} {base}{best['location']}"
        parts.append(f'<p class="soft">or, without adding the hub:</p>{_line(line)}')
    if tool.get("options"):
        parts.append(f'<p class="soft"><code>ecli run {_text(tool["name"])} --help</code> shows all options.</p>')
    return parts


def _about(tool: dict[str, Any], text: str, sample: str) -> list[str]:
    shown = hub_markdown.render(_without_options(text) if tool.get("options") else text, without=sample)
    if not shown and tool.get("details"):
        shown = f"<p>{_text(tool['details'])}</p>"
    return ["<h2>What it shows</h2>", shown] if shown.strip() else []


def _without_options(text: str) -> str:
    """A README's own section of options is left out: the page has a table of them, which cannot be out of date."""
    return re.sub(r"^## Options\n.*?(?=^## |\Z)", "", text, flags=re.MULTILINE | re.DOTALL)


def _options(tool: dict[str, Any]) -> list[str]:
    rows = []
    for row in tool.get("options", ())[:MAX_ROWS]:
        spelled = f"<code>{_text(row['short'])}</code>, " if row.get("short") else ""
        default = f"<code>{_text(str(row['default']))}</code>" if row.get("default") not in (None, "") else ""
        choices = f" ({_text(', '.join(map(str, row['choices'])))})" if row.get("choices") else ""
        rows.append(
            (
                f'<span class="nowrap">{spelled}<code>{_text(row["name"])}</code></span>',
                f"<code>{_text(str(row.get('type', '')))}</code>",
                default,
                _text(row["help"]) + choices,
            )
        )
    return ["<h2>Options</h2>", _table(("option", "type", "default", "what it does"), rows)] if rows else []


def _events(tool: dict[str, Any]) -> list[str]:
    rows = []
    for row in tool.get("events", ())[:MAX_ROWS]:
        fields = " ".join(f"<code>{_text(_bare(each))}</code>" for each in row.get("fields", ()))
        rows.append((f"<code>{_text(row['map'])}</code>", _text(str(row.get("kind", ""))), fields))
    return ["<h2>Fields</h2>", _table(("source", "kind", "fields"), rows)] if rows else []


def _bare(field: str) -> str:
    return field.rpartition(" ")[2]


def _needs(tool: dict[str, Any]) -> list[str]:
    needs = tool.get("needs", {})
    rows = []
    if needs.get("kernel"):
        rows.append(("Kernel", f"Linux {_text(needs['kernel'])} or newer"))
    if needs.get("btf"):
        rows.append(("Kernel types", f"BTF of the kernel: {_text(needs['btf'])}"))
    if needs.get("capabilities"):
        rows.append(("Privileges", " ".join(f"<code>{_text(each)}</code>" for each in needs["capabilities"])))
    if tool.get("policy"):
        rows.append(("Must be allowed", " ".join(f"<code>{_text(each)}</code>" for each in tool["policy"])))
    if tool.get("architectures"):
        rows.append(("Architectures", _text(", ".join(tool["architectures"]))))
    if tool.get("licence"):
        rows.append(("Licence", _text(tool["licence"])))
    points = tool.get("attach", ())
    if points:
        more = f"<li>and {len(points) - 40} more</li>" if len(points) > 40 else ""
        listed = "".join(f"<li><code>{_text(each)}</code></li>" for each in points[:40])
        rows.append(("Attaches to", f"<ul>{listed}{more}</ul>"))
    facts = "".join(f"<dt>{title}</dt><dd>{value}</dd>" for title, value in rows)
    return ["<h2>Needs</h2>", f'<dl class="facts">{facts}</dl>'] if rows else []


def _evidence(tool: dict[str, Any]) -> list[str]:
    rows = []
    for row in tool.get("evidence", ())[:MAX_ROWS]:
        mark = OUTCOMES.get(row["outcome"], "mild")
        arch = {"x86": "x86-64"}.get(row["arch"], row["arch"])
        rows.append(
            (
                f'<span class="nowrap">{_text(row["kernel"])}</span>',
                _text(arch),
                f'<span class="{mark}">{_text(WORDS.get(row["outcome"], row["outcome"]))}</span>',
                f'<span class="nowrap">{_text(str(row.get("date", "")))}</span>',
                _text(str(row.get("reason", ""))),
            )
        )
    heading = "<h2>Kernels</h2><p>Where it was tried, and what came of it.</p>"
    return [heading, _table(("kernel", "architecture", "outcome", "tried", ""), rows)] if rows else []


def _versions(tool: dict[str, Any]) -> list[str]:
    rows = []
    for each in hub_index.best_first(tool["versions"])[:MAX_ROWS]:
        name = f"<strong>{_text(each['version'])}</strong>"
        if each.get("yanked"):
            name = f'<s>{_text(each["version"])}</s><br><span class="bad">withdrawn: {_text(each["yanked"])}</span>'
        signed = "<br>".join(_file_link(path) for path in each.get("signatures", ()))
        rows.append(
            (
                name,
                _file_link(each["location"]),
                f'<span class="nowrap">{_size(each["size"])}</span>',
                f'<code class="digest">{_text(each["digest"])}</code>',
                signed or '<span class="mild">not signed</span>',
            )
        )
    table = _table(("version", "file", "size", "digest", "signatures"), rows)
    return ["<h2>Versions</h2>", f'<div class="versions">{table}</div>']


def _file_link(location: str) -> str:
    """Link a file of the hub from a tool's page; what lies elsewhere is named."""
    if location.startswith("oci://"):
        return f"<code>{_text(location)}</code>"
    target = location if "://" in location else f"../{location}"
    return f'<a href="{escape(target)}">{_text(location.rpartition("/")[2])}</a>'


def _size(size: int) -> str:
    return f"{size} B" if size < 1000 else f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1e6:.1f} MB"


def _table(heads: tuple[str, ...], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of cells that are HTML already; columns with nothing in them are left out."""
    used = [index for index, head in enumerate(heads) if any(row[index] for row in rows)]
    head = "".join(f"<th>{heads[index]}</th>" for index in used)
    body = "".join("<tr>" + "".join(f"<td>{row[index]}</td>" for index in used) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _line(text: str) -> str:
    """Return a line to copy."""
    return f'<div class="line"><pre>{_text(text)}</pre></div>'


def _hub_name(tree: dict[str, Any]) -> str:
    """Return a name for the hub, as its title suggests."""
    words = re.findall(r"[a-z0-9]+", (tree.get("title") or "").lower())
    return "-".join(words[:3]) or "tools"


def _text(text: str) -> str:
    return escape(_plain(text))


def _plain(text: str) -> str:
    """Return text without control characters, and without those that turn the direction of what follows."""
    return _CONTROL.sub("\ufffd", text)


def _asset(name: str) -> str:
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return file.read()


def _page(title: str, body: str, index: str) -> str:
    style, script = _asset("hub.css"), _asset("hub.js")
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{_text(title)}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<div class="page">
{body}
<footer>A hub of eunomia. For programs: <a href="{index}">index.json</a></footer>
</div>
<script>{script}</script>
</body>
</html>
"""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
