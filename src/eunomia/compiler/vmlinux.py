"""vmlinux.h: made from a kernel's BTF, kept in the cache, and its precompiled form."""

from __future__ import annotations

import os

from eunomia.compiler import cache, process
from eunomia.errors import CompileError, PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.compiler.toolchain import Toolchain

KERNEL_BTF = "/sys/kernel/btf/vmlinux"
# Changes when native/vmlinux.c prints another header for the same BTF.
_FORMAT = "1"
# Changes when compiler/registers.py puts other structures into it.
_REGISTERS = "1"


class KernelHeader:
    """A folder with a vmlinux.h for the compiler's search path.

    Attributes:
        folder: goes into -I.
        identity: names this header's text.
        is_ours: made from BTF by us, so that its precompiled form may stand for it.
    """

    __slots__ = ("folder", "identity", "is_ours")

    def __init__(self, folder: str, identity: str, *, is_ours: bool) -> None:
        self.folder = folder
        self.identity = identity
        self.is_ours = is_ours

    @property
    def path(self) -> str:
        """The header itself."""
        return os.path.join(self.folder, "vmlinux.h")


def renamed(names: list[str], kernel: KernelHeader | None, helpers: str, work: str) -> KernelHeader:
    """Return headers with some names out of the way; they lie in `work`.

    Args:
        names: what is renamed.
        kernel: the vmlinux.h that was made for the source, None where it brings its own.
        helpers: libbpf's bpf_helpers.h.
        work: the caller's folder.
    """
    folder = os.path.join(work, "renamed")
    os.makedirs(os.path.join(folder, "bpf"), exist_ok=True)
    before = "".join(f"#define {name} {name}___vmlinux\n" for name in names)
    after = "".join(f"#undef {name}\n" for name in names)
    wrapped = [("bpf/bpf_helpers.h", "__BPF_HELPERS__", helpers)]
    if kernel:
        wrapped.append(("vmlinux.h", "__VMLINUX_H__", kernel.path))
    for entry in os.scandir(os.path.dirname(helpers)):  # they include each other from where they lie
        link = os.path.join(folder, "bpf", entry.name)
        if entry.path != helpers and not os.path.lexists(link):
            os.symlink(entry.path, link)
    for name, guard, path in wrapped:
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(f'#ifndef {guard}\n{before}#include "{path}"\n{after}#endif\n')
    return KernelHeader(folder, kernel.identity if kernel else "", is_ours=False)


def kernel_header(source: str | None, work: str, arch: str) -> KernelHeader | None:
    """Return vmlinux.h for a compile, from the cache where it is there already.

    Args:
        source: BTF (raw or in an ELF file) or a C header; None for the running kernel's BTF.
        arch: whose registers the header is to have, by the kernel's name.
        work: a private folder of the caller's, used where there is no cache.

    Returns:
        None when `source` is None and the kernel has no BTF.

    Raises:
        CompileError: `source` cannot be read or is neither BTF nor a header.
    """
    if source is None:
        if not os.access(KERNEL_BTF, os.R_OK):
            return None
        kernel = os.uname()
        size = os.stat(KERNEL_BTF).st_size
        identity = cache.key("vmlinux", _FORMAT, kernel.release, kernel.version, kernel.machine, str(size))
        return _for_arch(_generated(None, identity, work), arch, work)
    try:
        with open(source, "rb") as file:
            start = file.read(1024)
    except OSError as exc:
        raise CompileError(
            f"read {source}: {(exc.strerror or str(exc)).lower()} [--vmlinux takes BTF or a C header]"
        ) from exc
    identity = cache.key("vmlinux", _FORMAT, cache.file_key(source))
    if start[:2] in (b"\x9f\xeb", b"\xeb\x9f") or start[:4] == b"\x7fELF" or _is_packed(start):
        return _for_arch(_generated(source, identity, work), arch, work)
    own = for_arch(source, arch, work)
    if own:
        return KernelHeader(os.path.dirname(own), identity, is_ours=False)
    if os.path.basename(source) == "vmlinux.h":
        return KernelHeader(os.path.dirname(os.path.abspath(source)), identity, is_ours=False)
    return _linked(os.path.abspath(source), identity, work)


def _is_packed(start: bytes) -> bool:
    """Whether a file may be a kernel that libbpf does not read by itself: vmlinuz, Image, .deb."""
    from eunomia.btf.deb import MAGIC
    from eunomia.btf.image import is_image

    return start.startswith(MAGIC) or is_image(start)


def _unpacked(source: str, work: str) -> str:
    """The path of raw BTF: of the source itself, or taken out of it."""
    from eunomia.btf.kernels import is_raw_btf, read_kernel_btf

    if is_raw_btf(source):
        return source
    path = os.path.join(work, "kernel.btf")
    try:
        with open(path, "wb") as file:
            file.write(read_kernel_btf(source))
    except PackageError as exc:
        raise CompileError(f"{exc} [--vmlinux takes BTF, a kernel image or a C header]") from exc
    return path


def _generated(source: str | None, identity: str, work: str) -> KernelHeader:
    base = cache.folder()
    folder = os.path.join(base or work, f"vmlinux-{identity}")
    header = KernelHeader(folder, identity, is_ours=True)
    if os.path.exists(header.path):
        return header
    from eunomia._native import check, ffi, lib

    if source:
        source = _unpacked(source, work)
    os.makedirs(folder, exist_ok=True)
    partial = cache.unfinished(header.path)
    try:
        check(lib.eu_dump_vmlinux(os.fsencode(source) if source else ffi.NULL, os.fsencode(partial)), "write vmlinux.h")
        os.replace(partial, header.path)
    except OSError as exc:
        cache.remove(partial)
        raise CompileError(f"make vmlinux.h: {exc.strerror or exc}") from exc
    return header


def _for_arch(header: KernelHeader, arch: str, work: str) -> KernelHeader:
    """The same header with the registers of another architecture, kept beside it."""
    from eunomia.compiler.registers import adapted, arch_of_header

    note = f"{header.path}.arch"  # asking takes reading three megabytes
    try:
        with open(note, encoding="ascii") as file:
            own = file.read()
        text = ""
    except OSError:
        text = _read(header.path)
        own = arch_of_header(text) or ""
        _write(note, own)
    if own in ("", arch):
        return header
    identity = cache.key(header.identity, "registers", _REGISTERS, arch)
    made = KernelHeader(os.path.join(cache.folder() or work, f"vmlinux-{identity}"), identity, is_ours=True)
    if not os.path.exists(made.path):
        os.makedirs(made.folder, exist_ok=True)
        _write(made.path, adapted(text or _read(header.path), arch))
    return made


def for_arch(path: str, arch: str, work: str) -> str | None:
    """Return a copy of someone else's vmlinux.h with an architecture's registers; None where it is to stay as it is."""
    from eunomia.compiler.registers import adapted, arch_of_header, is_guarded

    text = _read(path)
    if arch_of_header(text) in (None, arch) or not is_guarded(text):
        return None
    folder = os.path.join(work, "adapted")
    os.makedirs(folder, exist_ok=True)
    made = os.path.join(folder, "vmlinux.h")
    _write(made, adapted(text, arch))
    return made


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError as exc:
        raise CompileError(f"read {path}: {(exc.strerror or str(exc)).lower()}") from exc


def _write(path: str, text: str) -> None:
    partial = cache.unfinished(path)
    try:
        with open(partial, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        os.replace(partial, path)
    except OSError as exc:
        cache.remove(partial)
        raise CompileError(f"make vmlinux.h: {exc.strerror or exc}") from exc


def _linked(path: str, identity: str, work: str) -> KernelHeader:
    """A header of another name: let it be found as vmlinux.h."""
    folder = os.path.join(work, "vmlinux")
    os.makedirs(folder, exist_ok=True)
    os.symlink(path, os.path.join(folder, "vmlinux.h"))
    return KernelHeader(folder, identity, is_ours=False)


def precompiled(toolchain: Toolchain, header: KernelHeader, flags: list[str]) -> str | None:
    """Return the precompiled form of a header that we made, writing it when it is not there yet (about a second).

    Args:
        toolchain: who will read it: each compiler writes its own.
        header: from kernel_header().
        flags: those of the compile that change how a header is read, without -D and -I.

    Returns:
        Its path, or None where there is none to be had: the header itself serves then, with the same result.
    """
    if not header.is_ours:
        return None
    # In the cache, or, without one, beside the header in the caller's own folder: the result may not depend on that.
    name = f"vmlinux-{cache.key(toolchain.identity, toolchain.version, header.identity, *flags)}.pch"
    base = os.path.dirname(header.folder)
    path = os.path.join(base, name)
    if os.path.exists(path):
        return path
    partial = cache.unfinished(path)
    status, _said = process.run([*toolchain.command, *flags, "-w", "-x", "c-header", header.path, "-o", partial])
    if status or not os.path.exists(partial):
        cache.remove(partial)
        return None
    os.replace(partial, path)
    cache.prune(base, ".pch")
    return path
