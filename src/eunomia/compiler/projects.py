"""`ecc new`: projects that compile and run at once, from the templates in this package."""

from __future__ import annotations

import os
import re

from eunomia.errors import CompileError

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
# Template: what its tool does, for the README.
TEMPLATES = {
    "tracepoint": "Prints every program that is executed, from a tracepoint.",
    "kprobe": "Prints every file that is removed, from a kernel function's entry.",
    "uprobe": "Prints every line that is typed into a bash, from a function of a program.",
    "histogram": "Shows how long system calls take, as a histogram that is sampled from a map.",
    "perf_event": "Prints the stacks that run, sampled by a clock.",
    "xdp": "Counts packets and bytes by source address, at the network interface.",
}


def create(name: str, template: str, parent: str = ".") -> list[str]:
    """Make a project's folder.

    Args:
        name: of the tool and of its folder: a letter, then letters, digits, `-` and `_`.
        template: a key of TEMPLATES.
        parent: the folder that it goes into.

    Returns:
        The paths of its files.

    Raises:
        CompileError: the name is no name, the folder is there already, or it cannot be written.
    """
    plain = name.replace("-", "").replace("_", "")
    if not (plain.isascii() and plain.isalnum() and name[0].isalpha()):
        raise CompileError(f"new project {name!r}: a name is a letter, then letters, digits, - and _")
    if template not in TEMPLATES:
        raise CompileError(f"new project {name}: no template {template!r} [one of {', '.join(TEMPLATES)}]")
    base = os.path.join(parent, name)
    words = {"@NAME@": name, "@GUARD@": f"{name.upper().replace('-', '_')}_H", "@SUMMARY@": TEMPLATES[template]}
    files = {
        f"{name}.bpf.c": f"{template}.bpf.c",
        f"{name}.h": f"{template}.h",
        "README.md": "README.md",
        ".gitignore": "gitignore",
        ".github/workflows/package.yml": "github.yml",
        ".gitlab-ci.yml": "gitlab.yml",
    }
    try:
        os.makedirs(parent, exist_ok=True)
        os.mkdir(base)
        return [_write(os.path.join(base, target), source, words) for target, source in files.items()]
    except FileExistsError:
        raise CompileError(f"new project {name}: {base} is there already") from None
    except OSError as exc:
        raise CompileError(f"new project {name}: {(exc.strerror or str(exc)).lower()}") from exc


def _step(place: re.Match[str]) -> str:
    """Return the shell lines of a step, which are the same for each CI system, indented as the place of its name is."""
    with open(os.path.join(FOLDER, "steps", place[2].lower()), encoding="utf-8") as file:
        return "".join(f"{place[1]}{line}" for line in file)


def _write(path: str, template: str, words: dict[str, str]) -> str:
    with open(os.path.join(FOLDER, template), encoding="utf-8") as file:
        text = re.sub(r"( *)@(COMPILE|CHECK|PUSH|HUB)@\n", _step, file.read())
    for word, value in words.items():
        text = text.replace(word, value)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path
