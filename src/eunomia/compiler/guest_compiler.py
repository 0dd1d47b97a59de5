"""Which compiler makes Wasm of C and C++: PyPI's ziglang, a wasi-sdk, or clang with wasi-libc."""

from __future__ import annotations

import glob
import os

from eunomia.compiler import process
from eunomia.errors import CompileError, MissingDependencyError

INSTALL = "install one: pip install ziglang, or apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32"
_STACK = 1 << 20
STRIP = "-Wl,--strip-all"
_LINK = ["-Wl,--export-table", STRIP, f"-Wl,-z,stack-size={_STACK}"]
_SYSROOTS = ("/usr/share/wasi-sysroot", "/opt/wasi-sdk/share/wasi-sysroot")


class GuestCompiler:
    """A compiler with a WASI target, its C library and linker.

    Attributes:
        c: the words that a compile of C starts with; `cxx` those for C++.
        link: flags of the linker: a function table for callbacks, a stack that traps when it is full.
        clang: the words of a plain clang, for checking what is preprocessed already.
        path: the executable.
    """

    __slots__ = ("c", "clang", "cxx", "link", "path")

    def __init__(self, path: str, c: list[str], cxx: list[str], clang: list[str]) -> None:
        self.path = path
        self.c = c
        self.cxx = cxx
        self.clang = clang
        # zig puts the stack first by itself, and does not know the word.
        self.link = _LINK if clang[1:2] == ["clang"] else [*_LINK, "-Wl,--stack-first"]


def find(choice: str | None = None) -> GuestCompiler:
    """Return the compiler that a choice names, or the first there is: $WASI_SDK_PATH, ziglang, clang with wasi-libc.

    Args:
        choice: "zig", "clang" or a path; None: any.

    Raises:
        MissingDependencyError: there is none; the message says how to install one.
        CompileError: the one that was named is not there.
    """
    sdk = os.environ.get("WASI_SDK_PATH")
    if choice in (None, "", "auto") and sdk:
        return _clang(os.path.join(sdk, "bin/clang"), os.path.join(sdk, "share/wasi-sysroot"))
    if choice in (None, "", "auto", "zig"):
        from eunomia.compiler import toolchain

        try:
            return _zig(toolchain.find("zig").path)
        except MissingDependencyError:
            if choice == "zig":
                raise
    if choice in (None, "", "auto", "clang"):
        found = _system()
        if found:
            return found
        raise MissingDependencyError(
            f"find a compiler for guests: no ziglang and no clang with wasi-libc here [{INSTALL}]"
        )
    path = process.which(str(choice))
    if not path:
        raise CompileError(f"find compiler {choice}: no such program [{INSTALL}]")
    if os.path.basename(path) == "zig":
        return _zig(path)
    roots = [os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(path))), "share/wasi-sysroot"), *_SYSROOTS]
    return _clang(path, next((root for root in roots if os.path.isdir(root)), ""))


def _zig(path: str) -> GuestCompiler:
    target = ["-target", "wasm32-wasi"]
    return GuestCompiler(
        path,
        [path, "cc", *target],
        [path, "c++", "-fno-exceptions", *target],
        [path, "clang", "--target=wasm32-unknown-wasi"],
    )


def _clang(path: str, sysroot: str) -> GuestCompiler:
    if not os.access(path, os.X_OK):
        raise CompileError(f"find compiler {path}: no such program [{INSTALL}]")
    target = ["--target=wasm32-wasi", *([f"--sysroot={sysroot}"] if sysroot else [])]
    return GuestCompiler(
        path, [path, *target], [path, "--driver-mode=g++", "-fno-exceptions", *target], [path, *target]
    )


def _system() -> GuestCompiler | None:
    """Debian's clang finds wasi-libc by itself; without its builtins nothing links."""
    from eunomia.compiler import toolchain

    path = process.which("clang") or next(filter(None, (process.which(f"clang-{n}") for n in toolchain.VERSIONS)), None)
    roots = [root for root in _SYSROOTS if os.path.isdir(root)]
    if path and roots:
        return _clang(path, roots[0])
    if path and os.path.isdir("/usr/lib/wasm32-wasi") and glob.glob("/usr/lib/llvm-*/lib/clang/*/lib/wasi/*.a"):
        return _clang(path, "")
    return None
