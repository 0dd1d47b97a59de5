"""From a project's sources to a Wasm guest: its BPF objects by ecc's own way, the rest by a compiler for WASI."""

from __future__ import annotations

import os
import re

from eunomia.compiler import process
from eunomia.compiler.guest_compiler import STRIP, GuestCompiler
from eunomia.compiler.guest_source import fix_formats, numbered, told, widen
from eunomia.errors import CompileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_CXX = (".cpp", ".cc", ".cxx", ".C")
_SUFFIXES = (".c", *_CXX)
_PROJECTS = {".rs": "Cargo.toml", ".go": "go.mod"}
# What was a warning for the compilers that many sources were written with.
_LENIENT = ["-Wno-error=int-conversion", "-Wno-error=incompatible-pointer-types"]
_MAIN = re.compile(r"^[ \t]*(?:static[ \t]+)?(?:int|void|auto)[ \t\n]+main[ \t]*\(", re.MULTILINE)
_EVENTS = re.compile(r"^[^\n;#/*]*\bon_(?:event|batch)[ \t]*\([^;{]*\{|\bexport_name[ \t]*\(", re.MULTILINE)
# Helpers that libbpf-tools share, by the guard of their headers: the SDK has its own, which need no ELF library, no
# shell and no other process.
HELPERS = {
    "trace_helpers": "__TRACE_HELPERS_H",
    "uprobe_helpers": "__UPROBE_HELPERS_H",
    "map_helpers": "__MAP_HELPERS_H",
    "errno_helpers": "__ERRNO_HELPERS_H",
    "syscall_helpers": "__SYSCALL_HELPERS_H",
    "btf_helpers": "__BTF_HELPERS_H",
    "compat": "__COMPAT_H",
}


class Guest:
    """One guest of a project.

    Attributes:
        name: of the file that is made, without `.wasm`.
        sources: in C and C++.
        objects: the `.bpf.c` files whose skeletons it includes.
    """

    __slots__ = ("name", "objects", "sources")

    def __init__(self, name: str, sources: list[str], objects: list[str]) -> None:
        self.name = name
        self.sources = sources
        self.objects = objects


def plan(folder: str, only: str | None = None) -> list[Guest]:
    """Return the guests of a folder: one for each source with a main(), all others belong to every one of them.

    Args:
        folder: with the sources, or with `src/`.
        only: path of one source with a main(): no other guest.

    Raises:
        CompileError: there is no source, or none with a main().
    """
    found = [path for path in _files(folder) if path.endswith(_SUFFIXES)]
    objects = [path for path in found if path.endswith(".bpf.c")]
    sources = [path for path in found if path not in objects and not _is_replaced(path)]
    texts = {path: read_source(path) for path in sources}
    mains = [path for path in sources if _MAIN.search(texts[path]) or _EVENTS.search(texts[path])]
    nr_guests = len(mains)
    if only:
        mains = [path for path in mains if os.path.samefile(path, only)]
    if only and only.endswith((".rs", ".go")):
        raise CompileError(
            f"build a guest of {only}: it is a source of a project [give the folder with its {_PROJECTS[only[-3:]]}]"
        )
    if not mains:
        what = (
            f"{only} has no main(), on_event() or function with export_name()"
            if only
            else f"no .c or .cpp file with a main() in {folder}"
        )
        raise CompileError(f"build a guest: {what} [ecc gen-wasm-skel DIR makes a project]")
    rest = [path for path in sources if not (_MAIN.search(texts[path]) or _EVENTS.search(texts[path]))]
    guests = []
    for path in mains:
        used = [path, *_needed(rest, path, nr_guests)]
        included = "\n".join([*(texts[each] for each in used), *_headers(folder, used, texts)])
        wanted = [each for each in objects if f"{_stem(each)}.skel.h" in included]
        guests.append(Guest(_stem(path), used, wanted))
    return guests


def _needed(rest: list[str], main: str, nr_guests: int) -> list[str]:
    """The sources without a main() that a guest is made of: all; of several guests those whose headers it includes."""
    stems = {_stem(path) for path in own_headers([main])}
    return [path for path in rest if nr_guests == 1 or _stem(path) in stems]


def _headers(folder: str, sources: list[str], texts: dict[str, str]) -> Iterable[str]:
    """The texts of the project's own headers that sources include, which may include a skeleton."""
    included = set(re.findall(r'#[ \t]*include[ \t]*"([^"\n]+)"', "\n".join(texts[path] for path in sources)))
    for name in included:
        path = os.path.join(folder, name)
        if not name.endswith(".skel.h") and os.path.isfile(path):
            yield read_source(path)


_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*["<]([^">\n]+)[">]', re.MULTILINE)


def own_headers(sources: Sequence[str]) -> frozenset[str]:
    """Return the real paths of the headers that sources, and these, include from beside them or from include/."""
    found, left = set[str](), list(sources)
    while left:
        path = left.pop()
        folder = os.path.dirname(path) or "."
        for name in _INCLUDE.findall(read_source(path)):
            places = (os.path.join(folder, each, name) for each in ("", "include", "../include"))
            header = os.path.realpath(next(filter(os.path.isfile, places), ""))
            if os.path.isfile(header) and header not in found:
                found.add(header)
                left.append(header)
    return frozenset(found)


def _files(folder: str) -> list[str]:
    found: list[str] = []
    for place in (folder, os.path.join(folder, "src")):
        try:
            found += sorted(entry.path for entry in os.scandir(place) if entry.is_file())
        except OSError as exc:
            if place == folder:
                raise CompileError(f"build a guest of {folder}: {(exc.strerror or str(exc)).lower()}") from exc
    return found


def read_source(path: str) -> str:
    """Return the text of a source.

    Raises:
        CompileError: it cannot be read.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError as exc:
        raise CompileError(f"read {path}: {(exc.strerror or str(exc)).lower()}") from exc


def _stem(path: str) -> str:
    name = os.path.basename(path)
    return name.removesuffix(".bpf.c") if name.endswith(".bpf.c") else os.path.splitext(name)[0]


def _is_replaced(path: str) -> bool:
    """Tell whether the SDK has its own of this source, because its header is the one of libbpf-tools."""
    guard = HELPERS.get(_stem(path))
    header = os.path.splitext(path)[0] + ".h"
    return guard is not None and os.path.isfile(header) and guard in read_source(header)


class GuestBuild:
    """Compiles and links guests.

    Attributes:
        compiler: for WASI.
        sdk: the folder of the SDK for C.
        work: a private folder.
        include: the user's folders for headers; `flags` words for the compiler.
        notes: what was done otherwise than usual.
    """

    __slots__ = ("_shared", "compiler", "flags", "include", "notes", "sdk", "work")

    def __init__(
        self, compiler: GuestCompiler, sdk: str, work: str, include: Sequence[str] = (), flags: Sequence[str] = ()
    ) -> None:
        self.compiler = compiler
        self.sdk = os.path.join(sdk, "include")
        self.work = work
        self.include = list(include)
        self.flags = list(flags)
        self.notes = list[str]()
        self._shared: frozenset[str] = frozenset()

    def build(self, guest: Guest, output: str, on_warning: Callable[[str], None] | None = None) -> None:
        """Make one guest.

        Args:
            guest: its skeletons are in the work folder already.
            output: path of the .wasm.
            on_warning: gets what the compiler warns of.

        Raises:
            CompileError: a source does not compile, or they do not link.
        """
        folder = os.path.join(self.work, guest.name)
        os.makedirs(folder, exist_ok=True)
        self._shared = own_headers(guest.objects)
        made = [
            self._prepared(path, os.path.join(folder, f"{index}-{_stem(path)}"), on_warning)
            for index, path in enumerate(guest.sources)
        ]
        is_cxx = any(path.endswith(_CXX) for path in guest.sources)
        driver = self.compiler.cxx if is_cxx else self.compiler.c
        is_reactor = not any(
            _MAIN.search(read_source(path)) for path in guest.sources
        )  # it gets events: on_event(), on_batch()
        model = ["-mexec-model=reactor"] if is_reactor else []
        is_named = any(each in ("-g", "-g1", "-ggdb") for each in self.flags)
        link = [each for each in self.compiler.link if each != STRIP or not is_named]
        status, said = process.run(
            [*driver, "-Os", *link, *model, "-w", *self._own_flags(), *made, "-lm", "-o", output]
        )
        if status:
            raise CompileError(f"link {guest.name}.wasm: {_undefined(said)}", said.decode(errors="replace"))
        if is_named:
            _keep_names(output)
        mask = os.umask(0o022)
        os.umask(mask)
        os.chmod(output, 0o666 & ~mask)  # linkers make it executable

    def _prepared(self, source: str, stem: str, on_warning: Callable[[str], None] | None) -> str:
        """Preprocess a source, widen it, compile it: the path of what links."""
        is_cxx = source.endswith(_CXX)
        driver = self.compiler.cxx if is_cxx else self.compiler.c
        path, made = f"{stem}{'.cpp' if is_cxx else '.c'}", f"{stem}.o"
        status, said = process.run([*driver, *self._flags(source), "-E", source, "-o", path])
        if status:
            raise self._refused(source, said)
        text = read_source(path)
        wide = widen(text, lambda name: name.startswith(self.sdk), lambda name: os.path.realpath(name) in self._shared)
        self._write(path, self._formatted(wide, is_cxx))
        words = [*driver, "-Os", "-Wall", *_LENIENT, *self._own_flags(), "-c", path, "-o", made]
        status, said = process.run(words)
        if status:
            self._as_written(source, driver, made)
        elif said and on_warning:
            on_warning(said.decode(errors="replace"))
        return made

    def _as_written(self, source: str, driver: list[str], made: str) -> None:
        """Compile the source itself: for its diagnostics; where it compiles, `long` has 32 bits in it."""
        status, said = process.run([*driver, "-Os", "-w", *_LENIENT, *self._flags(source), "-c", source, "-o", made])
        if status:
            raise self._refused(source, said)
        self.notes.append(f"{source}: compiled with a long of 32 bits: it does not compile with 64")

    def _formatted(self, text: str, is_cxx: bool) -> str:
        """Correct the formats of printf and scanf that no longer fit."""
        path = os.path.join(self.work, "formats.cpp" if is_cxx else "formats.c")
        self._write(path, told(numbered(text)))
        _, said = process.run(
            [
                *self.compiler.clang,
                *("-fsyntax-only", "-Wno-everything", "-Wformat", "-fdiagnostics-parseable-fixits", "-ferror-limit=0"),
                *(["-x", "c++-cpp-output", "-std=gnu++20"] if is_cxx else ["-x", "cpp-output"]),
                path,
            ]
        )
        return fix_formats(text, said.decode(errors="replace"))

    def _flags(self, source: str) -> list[str]:
        folders = [*self.include, os.path.dirname(source) or ".", self.work, self.sdk]
        forced = ["-include", "eunomia/wide.h", *self._helpers(source)]
        if not source.endswith(_CXX):  # in C++ it is defined
            forced.append("-D_GNU_SOURCE=")
        return [*forced, *(word for folder in folders for word in ("-I", folder)), *self._own_flags()]

    def _helpers(self, source: str) -> list[str]:
        """Our own of the shared helpers that a source includes go first: their guards leave the project's out."""
        folder = os.path.dirname(source) or "."
        included = own_headers([source])
        words = []
        for name in HELPERS:
            own = os.path.join(folder, f"{name}.c")
            if os.path.realpath(f"{own[:-2]}.h") in included and _is_replaced(own):
                words += ["-include", os.path.join(self.sdk, f"{name}.h")]
        return words

    def _own_flags(self) -> list[str]:
        return self.flags

    def _refused(self, source: str, said: bytes) -> CompileError:
        return CompileError(f"compile {source}: the compiler refused it", said.decode(errors="replace"))

    def _write(self, path: str, text: str) -> None:
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)


def _undefined(said: bytes) -> str:
    """The functions that are missing, in a line."""
    names = list(dict.fromkeys(re.findall(r"undefined symbol: (\S+)", said.decode(errors="replace"))))
    if not names:
        return "the linker refused it"
    return f"no such function in a guest: {', '.join(names[:8])}" + (
        f" and {len(names) - 8} more" if len(names) > 8 else ""
    )


def _keep_names(path: str) -> None:
    """Leave out what debuggers read, ten times as large as the guest, and keep functions' names, which traps tell."""
    with open(path, "rb") as file:
        data = file.read()
    kept, at = bytearray(data[:8]), 8
    while at < len(data):
        size, body = _leb(data, at + 1)
        length, name = _leb(data, body)
        if data[at] or not data[name : name + length].startswith(b".debug"):
            kept += data[at : body + size]
        at = body + size
    with open(path, "wb") as file:
        file.write(kept)


def _leb(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of a Wasm file, and the place behind it."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        if data[at] < 0x80:
            return value, at + 1
        at, shift = at + 1, shift + 7
