"""From a C source to a BPF object without DWARF: flags, precompiled header, the forced header, clang's diagnostics."""

from __future__ import annotations

import os

from eunomia.compiler import cache, process, vmlinux
from eunomia.errors import CompileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from eunomia.compiler.toolchain import Toolchain

HEADERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "include")
SITES = os.path.join(HEADERS, "eunomia_sites.h")

# uname -m and the names people use: the suffix of __TARGET_ARCH_ (bpf_tracing.h), and Debian's multiarch directory.
ARCHES = {
    "x86": ("x86", "x86_64-linux-gnu", "x86"),
    "arm64": ("arm64", "aarch64-linux-gnu", "aarch64"),
    "arm": ("arm", "arm-linux-gnueabihf", "arm"),
    "riscv": ("riscv", "riscv64-linux-gnu", "riscv"),
    "powerpc": ("powerpc", "powerpc64le-linux-gnu", "powerpc"),
    "s390": ("s390", "s390x-linux-gnu", "s390x"),
    "mips": ("mips", "mips64el-linux-gnuabi64", "mips"),
    "loongarch": ("loongarch", "loongarch64-linux-gnu", "loongarch"),
}
_ALIASES = {
    **dict.fromkeys(("x86_64", "x86-64", "amd64", "i686", "i386"), "x86"),
    **dict.fromkeys(("aarch64", "aarch64_be", "armv8l"), "arm64"),
    **dict.fromkeys(("armv7l", "armv6l", "armhf"), "arm"),
    **dict.fromkeys(("ppc64le", "ppc64", "powerpc64", "powerpc64le", "ppc64el"), "powerpc"),
    **dict.fromkeys(("riscv64",), "riscv"),
    **dict.fromkeys(("s390x",), "s390"),
    **dict.fromkeys(("mips64", "mips64el", "mipsel"), "mips"),
    **dict.fromkeys(("loongarch64",), "loongarch"),
}


def target_arch(name: str | None) -> str:
    """Return the kernel's name of an architecture, as in __TARGET_ARCH_x86; None: this machine's.

    Raises:
        CompileError: it is not known.
    """
    wanted = (name or os.uname().machine).lower()
    wanted = _ALIASES.get(wanted, wanted)
    if wanted not in ARCHES:
        raise CompileError(f"target architecture {name}: not known [one of {', '.join(ARCHES)}]")
    return wanted


class Options:
    """What the caller of a compile chooses; see `compile_source` for their meaning."""

    __slots__ = ("arch", "cflags", "color", "defines", "include", "macros", "vmlinux")

    def __init__(
        self,
        *,
        include: Sequence[str] = (),
        defines: Sequence[str] = (),
        cflags: Sequence[str] = (),
        arch: str | None = None,
        vmlinux: str | None = None,
        color: bool = False,
        macros: bool = True,
    ) -> None:
        self.include = [os.fspath(path) for path in include]
        self.defines = list(defines)
        self.cflags = list(cflags)
        self.arch = target_arch(arch)
        self.vmlinux = vmlinux
        self.color = color
        self.macros = macros


class Build:
    """One source on its way to an object.

    Attributes:
        has_sites: whether the object holds what the forced header leaves.
        notes: what was done otherwise than usual, for -v.
        warnings: what clang said of a source that compiled, unchanged.
    """

    __slots__ = (
        "_header",
        "_needs_kernel",
        "_process",
        "_quiet",
        "_tail",
        "has_sites",
        "notes",
        "options",
        "source",
        "text",
        "toolchain",
        "warnings",
        "work",
    )

    def __init__(self, source: str, text: bytes, toolchain: Toolchain, options: Options, work: str) -> None:
        self.source = source
        self.text = text
        self.toolchain = toolchain
        self.options = options
        self.work = work
        self.notes: list[str] = []
        self.warnings = ""
        self._needs_kernel = not self._own_kernel_header()
        self._header = vmlinux.kernel_header(options.vmlinux, work) if self._needs_kernel else None
        self._process: process.Process | None = None
        self._quiet: list[str] = []
        self._tail = ""
        self.has_sites = options.macros

    @property
    def folder(self) -> str:
        """The source's own folder, absolute."""
        return os.path.dirname(os.path.abspath(self.source))

    def flags(self) -> list[str]:
        """Return the flags that say what the source means: for clang, and for libclang as well."""
        options = self.options
        arch = ARCHES[options.arch]
        flags = ["-D__TARGET_ARCH_" + arch[0], "-Wno-unknown-attributes"]
        flags += [f"-D{define}" for define in options.defines]
        for folder in [*options.include, self.folder, *([self._header.folder] if self._header else ()), HEADERS]:
            flags += ["-I", folder]
        for folder in system_includes(self.toolchain, arch[1], arch[2]):
            flags += ["-idirafter", folder]
        return [*flags, *options.cflags]

    def start(self, tail: str = "") -> None:
        """Start compiling; finish() waits for it.

        Args:
            tail: declarations in C that the object's BTF is to hold besides the source's own.
        """
        self._tail = tail
        pch = self._precompiled()
        forced = ["-include", SITES] if self.options.macros else []
        self._quiet = [*(["-include-pch", pch] if pch else []), *forced]
        self._process = process.Process(self._command(self._quiet, "full.o"))

    def finish(self) -> bytes:
        """Return the bytes of the object, without DWARF.

        Raises:
            CompileError: the source does not compile; `diagnostics` is what clang said.
        """
        if self._process is None:
            self.start()
        assert self._process is not None
        status, said = self._process.wait()
        if status and self._header and self._header.is_ours:
            status, said = self._without_clashes(status, said)
        if status or said:
            self._explain(status)
        return self._linked()

    def _without_clashes(self, status: int, said: bytes) -> tuple[int, bytes]:
        """Let the source's own definitions win over those of the same name in vmlinux.h and libbpf's headers.

        Sources bring types, enumerators, kfuncs and helpers that their headers did not have, and that ours, newer, have.
        Types renamed with three underscores still mean the same to CO-RE, which compares names up to these.
        """
        header, names = self._header, list[str]()
        assert header is not None
        for _ in range(_ROUNDS):
            found = [name for name in clashes(said.decode(errors="replace"), (header.path, HEADERS)) if name not in names]
            if not status or not found:
                break
            names += found
            self._header = header.renamed(names, self.work, os.path.join(HEADERS, "bpf", "bpf_helpers.h"))
            self._quiet = [word for word in self._quiet if word not in self._pch_only()]
            status, said = process.run(self._command(self._quiet, "full.o"))
        if status:
            self._header = header
        elif names:
            self.notes.append(f"the source's own definitions replace those of our headers: {', '.join(names)}")
        return status, said

    def again(self, tail: str) -> bytes:
        """Compile a source that is known to compile once more, with other declarations after it; see start().

        Returns:
            The object; where these declarations do not compile, the one without them.
        """
        before = self._linked()
        self._tail = tail
        status, _ = process.run(self._command(self._quiet, "full.o"))
        return before if status else self._linked()

    def _explain(self, status: int) -> None:
        """Compile as the user would have: no diagnostic may show our macros. Fall back where only they are at fault."""
        shown = [*(["-fcolor-diagnostics"] if self.options.color else []), *(self._pch_only() if not status else [])]
        plain, said = process.run(self._command(shown, "plain.o", as_typed=True))
        text = said.decode(errors="replace")
        if plain:
            raise self._refused(plain, text)
        self.warnings = text
        if not status:
            return
        self.notes.append("compiled without the header that tells event types: the source's own macros clash with it")
        self._tail, self._quiet, self.has_sites = "", [], False
        again, said = process.run(self._command([], "full.o"))
        if again:
            raise self._refused(again, said.decode(errors="replace"))

    def _pch_only(self) -> list[str]:
        return self._quiet[:2] if self._quiet[:1] == ["-include-pch"] else []

    def _refused(self, status: int, text: str) -> CompileError:
        if status < 0:
            return CompileError(f"compile {self.source}: {self.toolchain.describe()} died from signal {-status}", text)
        if self._header is None and self._needs_kernel and "vmlinux.h' file not found" in text:
            return CompileError(
                f"compile {self.source}: it includes vmlinux.h, and this kernel has no BTF to make it from"
                f" ({vmlinux.KERNEL_BTF}) [give --vmlinux FILE, BTF or a C header]"
            )
        return CompileError(f"compile {self.source}: clang refused it", text)

    def _linked(self) -> bytes:
        from eunomia._native import check, lib

        full, small = os.path.join(self.work, "full.o"), os.path.join(self.work, "small.o")
        try:
            check(lib.eu_link_object(os.fsencode(full), os.fsencode(small)), "link object")
        except OSError as exc:
            raise CompileError(f"link the object of {self.source}: {exc.strerror or exc}") from exc
        with open(small, "rb") as file:
            return file.read()

    def _command(self, first: list[str], output: str, *, as_typed: bool = False) -> list[str]:
        source = self.source if as_typed else self._with_tail() if self._tail else os.path.abspath(self.source)
        if source.startswith("-"):
            source = f"./{source}"
        return [
            *self.toolchain.command,
            *_CODE_FLAGS,
            *first,
            *self.flags(),
            *self._same_anywhere(),
            *("-x", "c", "-c", source, "-o", os.path.join(self.work, output)),
        ]

    def _same_anywhere(self) -> list[str]:
        """Flags by which the same source gives the same bytes wherever it lies."""
        maps = [
            (HEADERS, "eunomia"),
            *((os.path.abspath(path), os.path.basename(path)) for path in self.options.include),
        ]
        if self._header:
            maps.append((self._header.folder, "kernel"))
        flags = [f"-ffile-prefix-map={folder}/={name}/" for folder, name in maps]
        return ["-fdebug-compilation-dir=.", *flags, f"-ffile-prefix-map={self.folder}/="]

    def _with_tail(self) -> str:
        """A file that includes the source and then declares the tail: the source itself may not change."""
        path = os.path.join(self.work, "tail.c")
        source = os.path.abspath(self.source).replace("\\", "\\\\").replace('"', '\\"')
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f'#include "{source}"\n{self._tail}')
        return path

    def _own_kernel_header(self) -> bool:
        return any(os.path.exists(os.path.join(folder, "vmlinux.h")) for folder in (self.folder, *self.options.include))

    def _precompiled(self) -> str | None:
        """The precompiled vmlinux.h, where it stands for what the source includes first."""
        header = self._header
        macros = before_vmlinux(self.text)
        if not header or not header.is_ours or macros is None:
            return None
        cflags = self.options.cflags
        if any(flag.startswith(("-I", "-i", "-D", "-U", "-x", "-M", "-E", "-fsyntax")) for flag in cflags):
            return None
        try:
            macros += [define.partition("=")[0].partition("(")[0].encode() for define in self.options.defines]
            if macros:
                with open(header.path, "rb") as file:
                    text = file.read()
                if any(name in text for name in macros):
                    return None
            arch = f"-D__TARGET_ARCH_{ARCHES[self.options.arch][0]}"
            return vmlinux.precompiled(self.toolchain, header, [*_CODE_FLAGS, arch, "-Wno-unknown-attributes", *cflags])
        except OSError:
            return None


_ROUNDS = 5

# -gembed-source: BTF's line info takes the lines from memory, so that paths in it can be relative. DWARF is dropped.
_CODE_FLAGS = ["-g", "-O2", "-target", "bpf", "-gdwarf-5", "-gembed-source"]


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


def before_vmlinux(text: bytes) -> list[bytes] | None:
    """Return the macros that a source defines before it includes vmlinux.h; None where it does, or includes, anything else."""
    names = []
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


def system_includes(toolchain: Toolchain, multiarch: str, zig_name: str) -> list[str]:
    """Return the folders of the system's headers (<linux/...>, <asm/...>), in the compiler's order."""
    name = f"includes-{cache.key(toolchain.identity, multiarch)}"
    kept = cache.read_text(name)
    if kept is not None:
        return kept.splitlines()
    folders = []
    status, said = process.run([*toolchain.command, "-v", "-E", "-x", "c", "/dev/null", "-o", "/dev/null"])
    lines = said.decode(errors="surrogateescape").splitlines() if not status else []
    if any(line.startswith("End of search list") for line in lines):
        start = next((index for index, line in enumerate(lines) if "search starts here" in line), 0)
        folders = [line.strip() for line in lines[start:] if line.startswith(" /")]
    host = ARCHES.get(_ALIASES.get(os.uname().machine, ""), ("", "", ""))[1]
    folders = [folder for folder in folders if not (multiarch != host and folder.endswith(f"/{host}"))]
    candidates = [f"/usr/include/{multiarch}", "/usr/include"]
    if toolchain.kind == "zig":
        shipped = os.path.join(os.path.dirname(os.path.realpath(toolchain.path)), "lib/libc/include")
        candidates += [f"{shipped}/{zig_name}-linux-any", f"{shipped}/any-linux-any"]
    folders += [folder for folder in candidates if folder not in folders and os.path.isdir(folder)]
    cache.write_text(name, "\n".join(folders))
    return folders
