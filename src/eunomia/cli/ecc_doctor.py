"""`ecc doctor`: what compiling needs, what of it is here, and the command that installs the rest."""

from __future__ import annotations

from eunomia.cli.parser import VERBOSE, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = Command("doctor", "", "tell what compiling needs and what of it is installed", (VERBOSE,), prog="ecc")


def main(argv: list[str]) -> int:
    """Print one line for each thing; return 1 when sources cannot be compiled here."""
    COMMAND.parse(argv).no_more_than(0)
    fatal = False
    for mark, what, found, advice in _checks():
        print(f"{mark:<4} {what:<18} {found}" + (f"\n{'':<23} {advice}" if advice else ""))
        fatal = fatal or mark == "no"
    return 1 if fatal else 0


def _checks() -> Iterator[tuple[str, str, str, str]]:
    yield from _compilers()
    yield from _guest_compilers()
    yield _kernel_types()
    yield _system_headers()
    yield _cache()
    yield _python_package("libclang", "clang.cindex", "event types behind void *", "pip install libclang")
    yield _python_package("PyYAML", "yaml", "ecc --yaml", "pip install PyYAML")
    from eunomia._native import lib, text

    yield "ok", "libbpf", f"{text(lib.eu_libbpf_version())} (built in)", ""


def _compilers() -> Iterator[tuple[str, str, str, str]]:
    from eunomia.compiler.toolchain import INSTALL, installed

    found = installed()
    if not found:
        yield "no", "compiler", "none", INSTALL
        return
    for index, toolchain in enumerate(found):
        old = 0 < toolchain.major < 14
        used = " - used unless --toolchain names another" if not index and len(found) > 1 else ""
        advice = "event types need clang 14 or newer: apt-get install clang, or pip install ziglang" if old else ""
        yield "warn" if old else "ok", "compiler", toolchain.describe() + used, advice


def _guest_compilers() -> Iterator[tuple[str, str, str, str]]:
    from eunomia.compiler.guest_compiler import find
    from eunomia.compiler.guest_languages import installed
    from eunomia.errors import EunomiaError

    try:
        yield "ok", "guests in C, C++", find().path, ""
    except EunomiaError:
        yield "-", "guests in C, C++", "no compiler, only for ecc build-wasm", "pip install ziglang"
    for language, found, install in installed():
        if found:
            yield "ok", f"guests in {language}", found, ""
        else:
            yield "-", f"guests in {language}", "no compiler, only for ecc build-wasm", install


def _kernel_types() -> tuple[str, str, str, str]:
    import os

    from eunomia.compiler.vmlinux import KERNEL_BTF

    if os.access(KERNEL_BTF, os.R_OK):
        return "ok", "vmlinux.h", f"made from {KERNEL_BTF} ({os.uname().release})", ""
    return (
        "warn",
        "vmlinux.h",
        f"no kernel BTF here ({KERNEL_BTF})",
        "sources that include vmlinux.h need --vmlinux FILE (BTF or header)",
    )


def _system_headers() -> tuple[str, str, str, str]:
    import os

    from eunomia.compiler.targets import ARCHES, system_includes, target_arch
    from eunomia.compiler.toolchain import find
    from eunomia.errors import EunomiaError

    try:
        multiarch, zig = ARCHES[target_arch(None)]
        folders = system_includes(find(), multiarch, zig)
    except EunomiaError as exc:
        return "warn", "system headers", str(exc), ""
    if not any(os.path.exists(os.path.join(folder, "asm/types.h")) for folder in folders):
        return "warn", "system headers", "no <asm/types.h>", "for <linux/…>: apt-get install linux-libc-dev"
    return "ok", "system headers", ", ".join(folders), ""


def _cache() -> tuple[str, str, str, str]:
    from eunomia.compiler import cache

    folder = cache.folder()
    if folder:
        return "ok", "cache", folder, ""
    return "warn", "cache", "none that only you can write", "every compile makes vmlinux.h anew: set XDG_CACHE_HOME"


def _python_package(name: str, module: str, use: str, install: str) -> tuple[str, str, str, str]:
    from importlib.util import find_spec

    try:
        there = find_spec(module) is not None
    except ModuleNotFoundError:
        there = False
    return ("ok", name, f"for {use}", "") if there else ("-", name, f"not installed, only for {use}", install)
