"""Build the conformance guests: `python tests/conformance/build.py FOLDER [NAME...]` writes NAME.wasm there.

A guest is made anew when anything that it is made of has changed, so that a folder that is kept costs nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "src")]  # run as a script

from conformance.skeleton import skeleton  # noqa: E402

RUSTC = os.environ.get("EUNOMIA_RUSTC", "/usr/bin/rustc")  # Debian's has a standard library for wasm32-wasi
_ZIG = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi"]


def guests() -> dict[str, dict[str, Any]]:
    """Return the guests of guests.toml by name."""
    return {guest["name"]: guest for guest in tomllib.loads((HERE / "guests.toml").read_text())["guest"]}


class Builder:
    """Builds into one folder.

    Args:
        folder: made if need be; also keeps the objects.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        common = [*sorted((HERE / "include").iterdir()), HERE / "guests/check.h", HERE / "skeleton.py", Path(__file__)]
        self._common = b"".join(path.read_bytes() for path in common)
        self._objects: dict[str, bytes] = {}

    def guest(self, name: str) -> Path:
        """Build one guest of guests.toml, and return NAME.wasm.

        Raises:
            RuntimeError: a compiler failed; what it said.
        """
        return self.build(HERE / "guests", **guests()[name])

    def build(self, sources: Path, *, name: str, source: str, **how: Any) -> Path:
        """Build a guest from a source of this folder; the other words are those of guests.toml."""
        path, made = sources / source, self.folder / f"{name}.wasm"
        kernel_side = how.get("object") or how.get("package") or ""
        objects = Path(how.get("objects", HERE / "objects"))
        parts = [self._common, path.read_bytes(), json.dumps(how, sort_keys=True, default=str).encode()]
        if kernel_side:
            parts.append((objects / f"{kernel_side}.bpf.c").read_bytes())
        digest = hashlib.sha256(b"\0".join(parts)).hexdigest()
        stamp = made.with_suffix(".stamp")
        if made.exists() and stamp.exists() and stamp.read_text() == digest:
            return made
        work = self.folder / f"{name}.d"
        work.mkdir(exist_ok=True)
        if kernel_side:
            self._kernel_side(objects / f"{kernel_side}.bpf.c", kernel_side, work, how)
        part = self.folder / f"{name}.{os.getpid()}.part"
        {".c": self._c, ".rs": self._rust, ".wat": self._text}[path.suffix](path, part, work, how)
        part.replace(made)
        stamp.write_text(digest)
        return made

    def _kernel_side(self, source: Path, name: str, work: Path, how: dict[str, Any]) -> None:
        from eunomia.compiler import compile_source

        package = compile_source(str(source), accounting=False)
        (work / f"{name}.bpf.o").write_bytes(package.object)
        (work / f"{name}.skel.h").write_text(skeleton(name, package.object, how.get("form", "hex")))
        if "package" in how:
            (work / "ewasm-skel.h").write_text(
                f"static const char program_data[] = {json.dumps(package.to_json())};\n"  # JSON's string is C's
            )

    def _c(self, source: Path, made: Path, work: Path, how: dict[str, Any]) -> None:
        defines = [f"-DHEADER={how.get('header', 2023)}"]
        if "module" in how:
            defines.append(f'-DMODULE="{how["module"]}"')
        flags = ["-O2", "-s", "-Wall", "-Wextra", "-Wl,--export-table", f"-I{HERE / 'include'}", f"-I{work}"]
        link = how.get("link", [])
        if "-Wl,--no-export-table" in link:
            flags.remove("-Wl,--export-table")
            link = [word for word in link if word != "-Wl,--no-export-table"]
        _run([*_ZIG, *flags, *defines, *link, "-o", made, source])

    def _rust(self, source: Path, made: Path, work: Path, how: dict[str, Any]) -> None:
        copy = work / source.name
        copy.write_text(source.read_text())  # beside the object that it includes
        words = ["--edition", "2021", "--target", "wasm32-wasi", "-O", "-C", "link-arg=--export-table"]
        _run([RUSTC, *words, "-C", "strip=symbols", "-o", made, copy])
        section = b"\x15component-type:import" + b"left over"  # as wit-bindgen put it into the first guests
        made.write_bytes(made.read_bytes() + bytes((0, len(section))) + section)

    def _text(self, source: Path, made: Path, work: Path, how: dict[str, Any]) -> None:
        import wasmtime

        text = source.read_text()
        if "object" in how:
            data = (work / f"{how['object']}.bpf.o").read_bytes()
            text = text.replace('"OBJECT"', '"' + "".join(f"\\{byte:02x}" for byte in data) + '"')
            text = re.sub(r"\bSIZE\b", str(len(data)), text)
        made.write_bytes(wasmtime.wat2wasm(text))


def build_target(folder: Path) -> None:
    """Build `target` there, a program of this machine in which guests put their uprobes."""
    _run([sys.executable, "-m", "ziglang", "cc", "-O1", "-o", folder / "target", HERE / "guests/target.c"])


def _run(words: list[Any]) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(str(word) for word in words)}: {done.stderr}")


def main() -> int:
    """Build all guests, or those that are named."""
    if len(sys.argv) < 2:
        print("usage: build.py FOLDER [NAME...]", file=sys.stderr)
        return 2
    builder = Builder(Path(sys.argv[1]))
    for name in sys.argv[2:] or guests():
        print(builder.guest(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
