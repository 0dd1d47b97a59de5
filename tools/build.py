"""Compile the built-in tools to src/eunomia/builtin/NAME.json: `tools/build.py [-f] [FOLDER/] [NAME…]`.

Only what changed since the last time is compiled: a tool's sources, the shared headers, or the compiler (-f: all).
The packages are the same for x86-64 and arm64, so the architecture for which a wheel is made does not matter here.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(os.path.dirname(HERE), "src")
BUILTIN = os.path.join(SOURCE, "eunomia", "builtin")
MADE_BY = ("btf", "compiler", "package")  # what of eunomia decides over a package's bytes


def tool_names() -> list[str]:
    """Return the folders of tools/ that hold a tool."""
    return sorted(name for name in os.listdir(HERE) if os.path.exists(source_of(name)))


def source_of(name: str) -> str:
    """Return the path of a tool's source."""
    return os.path.join(HERE, name, name + ".bpf.c")


def digest(name: str) -> str:
    """Return a digest of everything that a tool's package is made from."""
    files = [os.path.join(HERE, name, entry) for entry in os.listdir(os.path.join(HERE, name))]
    folders = [os.path.join(HERE, "include"), *(os.path.join(SOURCE, "eunomia", room) for room in MADE_BY)]
    for folder in folders:
        for root, _, entries in os.walk(folder):
            files += [os.path.join(root, entry) for entry in entries]
    sha = hashlib.sha256()
    for path in sorted(files):
        if path.endswith((".c", ".h", ".py")):
            with open(path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()
            sha.update(f"{os.path.relpath(path, SOURCE)} {content}\n".encode())
    return sha.hexdigest()


def build(name: str, folder: str, force: bool) -> bool:
    """Compile one tool if it must be; return whether it was compiled."""
    output, stamp = os.path.join(folder, f"{name}.json"), os.path.join(folder, f".{name}.digest")
    wanted = digest(name)
    if not force and os.path.exists(output) and os.path.exists(stamp):
        with open(stamp) as file:
            if file.read() == wanted:
                return False
    from eunomia.compiler import compile_source

    package = compile_source(source_of(name), on_warning=lambda text: print(text, file=sys.stderr, end=""))
    text = package.to_json()
    _write(output, text if isinstance(text, bytes) else text.encode())
    _write(stamp, wanted.encode())
    return True


def _write(path: str, data: bytes) -> None:
    with open(f"{path}.new", "wb") as file:
        file.write(data)
    os.replace(f"{path}.new", path)


def main(arguments: list[str]) -> int:
    """Compile what is out of date, drop packages of tools that are gone."""
    from eunomia.errors import EunomiaError

    force = "-f" in arguments
    words = [word for word in arguments if word != "-f"]
    folder = os.path.abspath(words[0]) if words and os.path.sep in words[0] else BUILTIN
    chosen = [word for word in words if os.path.sep not in word]
    known = tool_names()
    unknown = [name for name in chosen if name not in known]
    if unknown:
        print(f"tools/build.py: {unknown[0]}: no such tool (there are: {' '.join(known)})", file=sys.stderr)
        return 2
    os.makedirs(folder, exist_ok=True)
    start, made = time.monotonic(), 0
    for name in chosen or known:
        try:
            made += build(name, folder, force)
        except EunomiaError as exc:
            print(getattr(exc, "diagnostics", "") or "", file=sys.stderr, end="")
            print(f"tools/build.py: {name}: {exc}", file=sys.stderr)
            return 1
    for entry in os.listdir(folder):
        if entry.endswith(".json") and entry[:-5] not in known:
            os.unlink(os.path.join(folder, entry))
    print(
        f"built-in tools: {made} compiled, {len(chosen or known) - made} up to date ({time.monotonic() - start:.1f} s)"
    )
    return 0


if __name__ == "__main__":
    sys.path.append(SOURCE)  # behind PYTHONPATH: the wheel hook brings its own
    sys.exit(main(sys.argv[1:]))
