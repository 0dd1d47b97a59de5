"""Which clang compiles: the system's, the one inside PyPI's ziglang, or the one that was named."""

from __future__ import annotations

import os

from eunomia.compiler import process
from eunomia.errors import CompileError, MissingDependencyError

VERSIONS = range(30, 13, -1)
INSTALL = "install one: apt-get install clang, or pip install ziglang"


class Toolchain:
    """A compiler with a BPF target.

    Attributes:
        kind: "clang" or "zig".
        command: the words every call starts with.
        version: as in "14.0.6".
        identity: names this very build: a new file or another version changes it.
    """

    __slots__ = ("command", "identity", "kind", "version")

    def __init__(self, kind: str, command: list[str], version: str, identity: str) -> None:
        self.kind = kind
        self.command = command
        self.version = version
        self.identity = identity

    @property
    def path(self) -> str:
        """The executable."""
        return self.command[0]

    @property
    def major(self) -> int:
        """The first number of the version; 0 if it could not be told."""
        first = self.version.partition(".")[0]
        return int(first) if first.isdigit() else 0

    def describe(self) -> str:
        """Return one line for people: what it is and where."""
        name = "clang of ziglang" if self.kind == "zig" else "clang"
        return f"{name} {self.version or '(unknown version)'} ({self.path})"


def find(choice: str | None = None) -> Toolchain:
    """Return the toolchain that a choice names, or the first that this machine has.

    Args:
        choice: "clang", "zig", a command's name or a path; None: `clang`, `clang-NN` (newest first), ziglang.

    Raises:
        MissingDependencyError: there is none; the message says how to install one.
        CompileError: it was named and is not there, or cannot be run.
    """
    if choice in (None, "", "auto"):
        found = _system_clang() or _zig()
        if not found:
            raise MissingDependencyError(f"find a compiler: no clang and no ziglang here [{INSTALL}]")
        return found
    if choice == "zig":
        found = _zig()
        if not found:
            raise MissingDependencyError(
                "find compiler zig: the Python package ziglang is not installed [pip install ziglang]"
            )
        return found
    if choice == "clang":
        found = _system_clang()
        if not found:
            raise MissingDependencyError(f"find compiler clang: not on PATH [{INSTALL}]")
        return found
    path = process.which(str(choice))
    if not path:
        raise CompileError(f"find compiler {choice}: no such program [name another with --clang-bin, or {INSTALL}]")
    return _zig_at(path) if os.path.basename(path) in ("zig", "zig.exe") else _clang_at(path)


def installed() -> list[Toolchain]:
    """Return every toolchain that find() would consider, best first."""
    paths = [process.which("clang"), *(process.which(f"clang-{version}") for version in VERSIONS)]
    seen: set[str] = set()
    found: list[Toolchain] = []
    for path in paths:
        if path and os.path.realpath(path) not in seen:
            seen.add(os.path.realpath(path))
            found.append(_clang_at(path))
    zig = _zig()
    return [*found, zig] if zig else found


def _system_clang() -> Toolchain | None:
    for name in ("clang", *(f"clang-{version}" for version in VERSIONS)):
        path = process.which(name)
        if path:
            return _clang_at(path)
    return None


def _clang_at(path: str) -> Toolchain:
    return _probed("clang", [path])


def _zig() -> Toolchain | None:
    from importlib.util import find_spec

    spec = find_spec("ziglang")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = os.path.join(folder, "zig")
        if os.access(path, os.X_OK):
            return _zig_at(path)
    return None


def _zig_at(path: str) -> Toolchain:
    # `zig clang` is clang's own driver; its resource directory is not where that looks for it.
    return _probed(
        "zig", [path, "clang", "-resource-dir", os.path.join(os.path.dirname(os.path.realpath(path)), "lib")]
    )


def _probed(kind: str, command: list[str]) -> Toolchain:
    """Ask the compiler for its version, once a build of it: the answer is kept under the file's size and time."""
    from eunomia.compiler import cache

    real = os.path.realpath(command[0])
    facts = os.stat(real)
    stamp = cache.key("toolchain", real, str(facts.st_size), str(facts.st_mtime_ns))
    kept = cache.read_text(f"toolchain-{stamp}")
    if kept is None:
        kept = _version(command)
        cache.write_text(f"toolchain-{stamp}", kept)
    return Toolchain(kind, command, kept, stamp)


def _version(command: list[str]) -> str:
    try:
        status, output = process.run([*command, "--version"])
    except OSError as exc:
        raise CompileError(f"run compiler {command[0]}: {(exc.strerror or str(exc)).lower()}") from exc
    line = output.decode(errors="replace").partition("\n")[0]
    words = line.split()
    version = words[words.index("version") + 1] if "version" in words[:-1] else ""
    if status or "clang" not in line:
        raise CompileError(f"run compiler {command[0]}: it is not clang (it says {line[:80]!r})")
    return version.partition("-")[0].partition("+")[0].partition("~")[0]
