"""From C source to package: clang, vmlinux.h, annotations, event types."""

from __future__ import annotations

import os

from eunomia.errors import CompileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from eunomia.compiler.build import Build
    from eunomia.compiler.toolchain import Toolchain
    from eunomia.package.model import Package

__all__ = ["compile_source"]


def compile_source(
    source: str | os.PathLike[str],
    *,
    header: str | os.PathLike[str] | None = None,
    cflags: Sequence[str] = (),
    include: Sequence[str | os.PathLike[str]] = (),
    defines: Sequence[str] = (),
    target_arch: str | None = None,
    toolchain: str | Toolchain | None = None,
    vmlinux: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None = None,
    color: bool = False,
    accounting: bool = True,
    on_warning: Callable[[str], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    on_build: Callable[[Build], None] | None = None,
) -> Package:
    """Compile one libbpf-style C source to a package. Nothing is written beside the source.

    Args:
        source: a `.bpf.c` file.
        header: its structs become `export_types`, as with upstream's ecc; not needed where the source shows them.
        cflags: words for clang, as they are.
        include: folders for -I, before all others.
        defines: `NAME` or `NAME=VALUE`.
        target_arch: x86, arm64 and so on, for the register macros of bpf_tracing.h; several, as in `x86,arm64`, or
            `all`: the package has an object for each that needs its own, the first one's in the usual place; None: this
            machine's.
        toolchain: "clang", "zig", a path, or a Toolchain; None: the first that is there.
        vmlinux: BTF or C header that vmlinux.h is made from, or one for each architecture by its name; None: the
            running kernel's BTF. Registers of another architecture take the place of its own.
        accounting: whether the object counts its records and their losses, and wakes its reader as that asks for.
        color: whether diagnostics have terminal colours.
        on_warning: gets the warnings of a source that compiles, as clang prints them.
        on_note: gets lines about what was done otherwise than usual.
        on_build: gets how each object was made, while the files that were made for it are still there.

    Returns:
        The package; the same source, headers and compiler give the same bytes.

    Raises:
        CompileError: the source does not compile; `diagnostics` is what the compiler said.
        MissingDependencyError: there is no compiler.
    """
    from eunomia.compiler.build import Options
    from eunomia.compiler.targets import target_arches
    from eunomia.compiler.toolchain import Toolchain, find

    path = os.fspath(source)
    headers = _headers(vmlinux)
    each = [
        Options(
            include=[os.fspath(folder) for folder in include],
            defines=defines,
            cflags=cflags,
            arch=arch,
            vmlinux=headers.get(arch, headers.get("")),
            color=color,
            accounting=accounting,
        )
        for arch in target_arches(target_arch)
    ]
    text = _read(path)
    _refuse_other_forms(path, text)
    compiler = toolchain if isinstance(toolchain, Toolchain) else find(toolchain)
    with _WorkFolder() as work:
        from eunomia.compiler.several import run_each

        return run_each(
            path,
            text,
            compiler,
            each,
            work,
            header=os.fspath(header) if header else None,
            on_warning=on_warning,
            on_note=on_note,
            on_build=on_build,
        )


def _headers(vmlinux: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None) -> dict[str, str]:
    """Return the kernel headers by architecture, "" for all others."""
    from eunomia.compiler.targets import target_arch

    if vmlinux is None:
        return {}
    if isinstance(vmlinux, str | os.PathLike):
        return {"": os.fspath(vmlinux)}
    return {target_arch(name) if name else "": os.fspath(path) for name, path in vmlinux.items()}


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as exc:
        raise CompileError(f"read {path}: {(exc.strerror or str(exc)).lower()}") from exc


def _refuse_other_forms(path: str, text: bytes) -> None:
    """Tell what is not C in one line; clang would tell it in a hundred."""
    suffix = os.path.splitext(path)[1].lower()
    advice = "[ecli run and ecli inspect read it]"
    if text.startswith(b"\x7fELF"):
        raise CompileError(f"compile {path}: an ELF object, expected C source {advice}")
    if suffix == ".tar" or text[257:262] == b"ustar":
        raise CompileError(f"compile {path}: a tar, expected C source {advice}")
    if suffix == ".json" or text.lstrip()[:1] == b"{":
        raise CompileError(f"compile {path}: JSON, expected C source {advice}")
    if suffix in {".yaml", ".yml"}:
        raise CompileError(f"compile {path}: YAML, expected C source {advice}")
    if b"\0" in text[:_LOOKED_AT]:
        raise CompileError(f"compile {path}: binary data, expected C source")


_LOOKED_AT = 4096  # bytes in which a NUL tells binary data


class _WorkFolder:
    """A private folder that is gone afterwards. (tempfile and shutil cost 10 ms of import.)"""

    def __enter__(self) -> str:
        base = os.environ.get("TMPDIR") or "/tmp"
        self.path = os.path.join(base, f"eunomia-{os.getpid()}-{os.urandom(6).hex()}")
        try:
            os.mkdir(self.path, 0o700)
        except OSError as exc:
            raise CompileError(f"make a folder in {base}: {(exc.strerror or str(exc)).lower()} [set TMPDIR]") from exc
        return self.path

    def __exit__(self, *exc: object) -> None:
        for folder, folders, files in os.walk(self.path, topdown=False):
            for name in files:
                os.unlink(os.path.join(folder, name))
            for name in folders:
                path = os.path.join(folder, name)
                os.unlink(path) if os.path.islink(path) else os.rmdir(path)
        os.rmdir(self.path)
