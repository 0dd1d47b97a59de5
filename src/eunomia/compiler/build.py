"""From a C source to a BPF object without DWARF: flags, precompiled header, the forced header, clang's diagnostics."""

from __future__ import annotations

import os

from eunomia.compiler import cache, process, vmlinux
from eunomia.compiler.reading import before_vmlinux, clashes, macros_at_fault, relative_paths, without_trace
from eunomia.compiler.targets import ARCHES, system_includes, target_arch
from eunomia.errors import CompileError
from eunomia.package.arches import machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from eunomia.btf.object import ObjectBtf
    from eunomia.compiler.toolchain import Toolchain

HEADERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "include")
SITES = os.path.join(HEADERS, "eunomia_sites.h")
ACCOUNTING = os.path.join(HEADERS, "eunomia_accounting.h")


class Options:
    """What the caller of a compile chooses; see `compile_source` for their meaning."""

    __slots__ = ("accounting", "arch", "cflags", "color", "defines", "include", "macros", "vmlinux")

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
        accounting: bool = True,
    ) -> None:
        self.accounting = accounting
        self.include = [os.fspath(path) for path in include]
        self.defines = list(defines)
        self.cflags = list(cflags)
        self.arch = target_arch(arch)
        self.vmlinux = vmlinux
        self.color = color
        self.macros = macros

    def with_arch(self, arch: str) -> Options:
        """Return the same for another architecture."""
        return Options(
            include=self.include,
            defines=self.defines,
            cflags=self.cflags,
            arch=arch,
            vmlinux=self.vmlinux,
            macros=self.macros,
            accounting=self.accounting,
        )


class Build:
    """One source on its way to an object.

    Attributes:
        has_sites: whether the object holds what the forced header leaves.
        notes: what was done otherwise than usual, for -v.
        warnings: what clang said of a source that compiled, unchanged.
    """

    __slots__ = (
        "_adapted",
        "_code_flags",
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
        self.notes = list[str]()
        self.warnings = ""
        own = self._own_kernel_header()
        self._needs_kernel = own is None
        self._header = vmlinux.kernel_header(options.vmlinux, work, options.arch) if own is None else None
        self._adapted = vmlinux.for_arch(own, options.arch, work) if own is not None else None
        if self._adapted:
            self.notes.append(f"{own} is of another architecture: taken with the registers of {options.arch}")
        self._process: process.Process | None = None
        self._quiet: list[str] = []
        self._tail = ""
        self._code_flags = _CODE_FLAGS
        self.has_sites = options.macros

    @property
    def folder(self) -> str:
        """The source's own folder, absolute."""
        return os.path.dirname(os.path.abspath(self.source))

    def flags(self) -> list[str]:
        """Return the flags that say what the source means: for clang, and for libclang as well."""
        options = self.options
        arch = ARCHES[options.arch]
        flags = ["-D__TARGET_ARCH_" + options.arch, *_MEMBERS, *_QUIET]
        if self._adapted:  # before the source's own, which its guard leaves out then
            flags += ["-include", self._adapted]
        flags += [f"-D{define}" for define in options.defines]
        for folder in [*options.include, self.folder, *([self._header.folder] if self._header else ()), HEADERS]:
            flags += ["-I", folder]
        for folder in system_includes(self.toolchain, *arch):
            flags += ["-idirafter", folder]
        return [*flags, *options.cflags]

    def start(self, tail: str = "") -> None:
        """Start compiling; finish() waits for it.

        Args:
            tail: declarations in C that the object's BTF is to hold besides the source's own.
        """
        self._tail = tail
        pch = self._precompiled()
        forced = ["-include", SITES, _OURS] if self.options.macros else []
        if forced and self.options.accounting:
            forced = ["-include", ACCOUNTING, *forced]
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
        if status and self._precompiled_words():
            status, said = self._without_precompiled(said)
        if status:
            status, said = self._without_clashes(status, said)
        if status or said:
            self._explain(status, said)
        return self._linked()

    def _without_precompiled(self, said: bytes) -> tuple[int, bytes]:
        """The header itself instead: the precompiled one may be stale, or the flags may not suit it."""
        words = self._precompiled_words()
        self._quiet = self._quiet[len(words) :]
        status, now = process.run(self._command(self._quiet, "full.o"))
        if not status and said:
            cache.remove(words[1])
        return status, now

    def _without_clashes(self, status: int, said: bytes) -> tuple[int, bytes]:
        """Let the source's own definitions win over those of the same name in vmlinux.h and libbpf's headers.

        Sources bring types, enumerators, kfuncs and helpers that their headers did not have, and ours, newer, do.
        Types renamed with three underscores still mean the same to CO-RE, which compares names up to these.
        """
        header, names = self._header, list[str]()
        ours = header if header and header.is_ours else None
        headers = (ours.path, HEADERS) if ours else (HEADERS,)
        helpers = os.path.join(HEADERS, "bpf", "bpf_helpers.h")
        for _ in range(_ROUNDS):
            found = [name for name in clashes(said.decode(errors="replace"), headers) if name not in names]
            if not status or not found:
                break
            names += found
            self._header = vmlinux.renamed(names, ours, helpers, self.work)
            status, said = process.run(self._command(self._quiet, "full.o"))
        if status and clashes(said.decode(errors="replace"), headers):
            self._header = header  # renaming did not help: the errors are to be those of the source as it is
        elif names:
            self.notes.append(f"the source's own definitions replace those of our headers: {', '.join(names)}")
        return status, said

    def again(self, tail: str, maps: Sequence[str] = ()) -> bytes | None:
        """Compile a source that is known to compile once more, with other declarations after it; see start().

        Args:
            tail: the declarations.
            maps: that counted calls may mean without naming them; `tail` has their names.

        Returns:
            The object; None where these declarations do not compile.
        """
        self._tail = tail
        words = self._with_maps(maps) if maps else self._quiet
        status, _ = process.run(self._command(words, "full.o"))
        return None if status else self._linked()

    def types(self) -> ObjectBtf:
        """Compile, and return the object's types."""
        from eunomia.btf.object import ObjectBtf

        return ObjectBtf(self.finish())

    def inputs(self) -> list[str]:
        """Return the paths of the files that a source which is known to compile was made of, the source first.

        Raises:
            CompileError: clang does not name them.
        """
        path = os.path.join(self.work, "inputs.d")
        words = [word for word in self._quiet if word not in self._precompiled_words()]
        status, said = process.run([*self._command(words, "inputs.o"), "-E", "-M", "-MT", "x", "-MF", path])
        if status:
            raise self._refused(status, said.decode(errors="replace"))
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read().partition(":")[2].replace("\\\n", " ")
        found = [word.replace("\0", " ") for word in text.replace("\\ ", "\0").split()]
        own = os.path.abspath(self.source)
        others = {os.path.abspath(each.replace("$$", "$").replace("\\#", "#")) for each in found} - {own}
        return [own, *sorted(each for each in others if not each.endswith("/tail.c"))]

    @property
    def flags_in_words(self) -> list[str]:
        """The flags as a reader elsewhere may see them: folders of this machine by the names that the object has."""
        return [self.called(word) for word in [*self._code_flags, *self.flags()]]

    def called(self, path: str) -> str:
        """Return what a file or folder of this build is called by those who do not know this machine."""
        for folder, name in sorted(self.places(), key=lambda each: -len(each[0])):
            if path == folder or path.startswith(f"{folder}/"):
                return f"{name}{path[len(folder) :]}".lstrip("/") or "."
        return path

    def big_endian(self) -> bytes:
        """Return the object for a big-endian machine, of a source that is known to compile.

        All that reads objects here is little-endian: the meta is made of such a twin, whose layouts are the same.
        """
        self._quiet = self._quiet[len(self._precompiled_words()) :]  # it is for the other byte order
        self._code_flags = [*_CODE_FLAGS[:-1], "bpfeb"]
        status, said = process.run(self._command(self._quiet, "full.o"))
        if status:
            raise self._refused(status, said.decode(errors="replace"))
        return self._linked()

    def _with_maps(self, maps: Sequence[str]) -> list[str]:
        """The words before the source; a header before the accounting says how many maps a site may mean."""
        from eunomia.compiler.counters import head

        path = os.path.join(self.work, "maps.h")
        with open(path, "w", encoding="utf-8") as file:
            file.write(head(list(maps)))
        at = self._quiet.index(ACCOUNTING) - 1
        return [*self._quiet[:at], "-include", path, *self._quiet[at:]]

    def _without_macros(self, said: bytes) -> bool:
        """Compile without those of our macros whose names the source uses for something else; tell whether that helps.

        Accounts are left out then, unless the macro only tells a type: a count that leaves out calls is none. They are
        left out too where only they are too much, for 512 bytes of stack.
        """
        names = macros_at_fault(said.decode(errors="replace"), (ACCOUNTING, SITES))
        words = list(self._quiet)
        if ACCOUNTING in words and names != [_TYPE_ONLY]:
            at = words.index(ACCOUNTING)
            del words[at - 1 : at + 1]
        if names:
            path = os.path.join(self.work, "undefined.h")
            with open(path, "w", encoding="utf-8") as file:
                file.writelines(f"#undef {name}\n" for name in names)
            words += ["-include", path]
        if words == self._quiet or process.run(self._command(words, "full.o"))[0]:
            return False
        self._quiet = words
        self.notes.append(
            f"the source's own definitions replace our macros: {', '.join(names)}"
            if names
            else "compiled without accounting: with it the source does not compile (see --no-accounting)"
        )
        return True

    def _explain(self, status: int, failed: bytes) -> None:
        """Compile as the user would have: no diagnostic may show our macros. Fall back where only they are at fault."""
        shown = [
            *(["-fcolor-diagnostics"] if self.options.color else []),
            *(self._precompiled_words() if not status else []),
        ]
        plain, said = process.run(self._command(shown, "plain.o", as_typed=True))
        text = said.decode(errors="replace")
        if plain:
            raise self._refused(plain, text)
        self.warnings = text
        if not status or self._without_macros(failed):
            return
        self.notes.append("compiled without the header that tells event types: the source's own macros clash with it")
        self._tail, self._quiet, self.has_sites = "", [], False
        again, said = process.run(self._command([], "full.o"))
        if again:
            raise self._refused(again, said.decode(errors="replace"))

    def _precompiled_words(self) -> list[str]:
        return self._quiet[:2] if self._quiet[:1] == ["-include-pch"] else []

    def _refused(self, status: int, text: str) -> CompileError:
        options = self.options
        is_other = options.arch != machine()
        what = f"compile {self.source}{f' for {options.arch}' if is_other else ''}"
        if status < 0:
            return CompileError(f"{what}: {self.toolchain.describe()} died from signal {-status}", text)
        if self._header is None and self._needs_kernel and "vmlinux.h' file not found" in text:
            return CompileError(
                f"{what}: it includes vmlinux.h, and this kernel has no BTF to make it from"
                f" ({vmlinux.KERNEL_BTF}) [give --vmlinux FILE, BTF or a C header]"
            )
        if "Invalid usage of the XADD return value" in text:
            hint = "it uses what an atomic add returns, instructions of kernel 5.12 [-a=-mcpu=v3]"
            return CompileError(f"{what}: {hint}", without_trace(text))
        more = ""
        if is_other and self._header and _MISSING_TYPE in text:
            more = f" [types that only a kernel of {options.arch} has: --vmlinux {options.arch}=FILE, its BTF]"
        return CompileError(f"{what}: clang refused it{more}", without_trace(text))

    def _linked(self) -> bytes:
        from eunomia._native import check, lib

        full, small = os.path.join(self.work, "full.o"), os.path.join(self.work, "small.o")
        relative_paths(full, self.places())
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
            *self._code_flags,
            *first,
            *self.flags(),
            *self._same_anywhere(),
            *("-x", "c", "-c", source, "-o", os.path.join(self.work, output)),
        ]

    def _same_anywhere(self) -> list[str]:
        """Flags by which a source gives the same bytes wherever it lies; for paths in BTF see relative_paths()."""
        return ["-fdebug-compilation-dir=.", f"-fmacro-prefix-map={self.folder}/="]

    def places(self) -> list[tuple[str, str]]:
        """Folders whose files the object may name, and what it is to call them."""
        places = [(self.folder, ""), (HEADERS, "eunomia"), (self.work, "eunomia")]
        places += [(path, os.path.basename(path)) for path in map(os.path.abspath, self.options.include)]
        return [*places, *([(self._header.folder, "kernel")] if self._header else [])]

    def _with_tail(self) -> str:
        """A file that includes the source and then declares the tail: the source itself may not change."""
        path = os.path.join(self.work, "tail.c")
        source = os.path.abspath(self.source).replace("\\", "\\\\").replace('"', '\\"')
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f'#include "{source}"\n{self._tail}')
        return path

    def _own_kernel_header(self) -> str | None:
        """The vmlinux.h that the source finds before ours."""
        paths = (os.path.join(folder, "vmlinux.h") for folder in (self.folder, *self.options.include))
        return next((path for path in paths if os.path.exists(path)), None)

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
            arch = f"-D__TARGET_ARCH_{self.options.arch}"
            return vmlinux.precompiled(self.toolchain, header, [*_CODE_FLAGS, arch, *_MEMBERS, *_QUIET, *cflags])
        except OSError:
            return None


_ROUNDS = 5
_MISSING_TYPE = "incomplete definition of type"

# libbpf's macros (BPF_CORE_READ) make clang 21 and newer warn wherever they are used; older ones do not know the name.
_QUIET = ["-Wno-unknown-attributes", "-Wno-unknown-warning-option", "-Wno-default-const-init-var-unsafe"]

_TYPE_ONLY = "bpf_dynptr_write"

# What the macros leave in a function that is inline and not static.
_OURS = "-Wno-static-local-in-inline"

# Kernels since 6.19 are compiled with -fms-extensions: their vmlinux.h has members like `struct __filename_head;`, the
# members of which are the outer structure's.
_MEMBERS = ["-fms-extensions", "-Wno-microsoft-anon-tag"]

_CODE_FLAGS = ["-g", "-O2", "-target", "bpf"]
