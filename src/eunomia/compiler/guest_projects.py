"""Building the guests of a folder, whatever language they are written in."""

from __future__ import annotations

import os

from eunomia.errors import CompileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eunomia.compiler.guest import Guest
    from eunomia.package.model import Package


def build_project(
    place: str,
    *,
    output: str | None = None,
    include: Sequence[str] = (),
    defines: Sequence[str] = (),
    cflags: Sequence[str] = (),
    vmlinux: str | None = None,
    toolchain: str | None = None,
    guest_cc: str | None = None,
    on_warning: Callable[[str], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> list[str]:
    """Build the guests of a folder, or the one of a source; return their paths.

    Args:
        place: the folder, or a source with a main().
        output: a file that ends in .wasm, or a folder; None: beside the sources.
        include: folders for -I, of objects and guests.
        defines: `NAME` or `NAME=VALUE`, for the guests.
        cflags: words for the guests' compiler.
        vmlinux: see compile_source().
        toolchain: of the BPF objects; see compile_source().
        guest_cc: of the guests; see guest_compiler.find().
        on_warning: gets what the compilers warn of.
        on_note: gets lines about what is done.

    Raises:
        CompileError: something does not compile; `diagnostics` is what its compiler said.
        MissingDependencyError: a compiler is missing.
    """
    from eunomia.compiler import _WorkFolder, compile_source

    note = on_note or (lambda line: None)
    folder = place if os.path.isdir(place) else os.path.dirname(place) or "."

    def compiled(source: str, more: Sequence[str] = (), flags: Sequence[str] = ()) -> Package:
        note(f"compile {source}")
        return compile_source(
            source,
            cflags=flags,
            include=[*include, *more, *(each for each in (os.path.join(folder, "include"),) if os.path.isdir(each))],
            toolchain=toolchain,
            vmlinux=vmlinux,
            accounting=False,  # the guest counts what it takes; nothing else reads these counters
            on_warning=on_warning,
            on_note=on_note,
        )

    other = next((name for name in ("Cargo.toml", "go.mod") if os.path.exists(os.path.join(folder, name))), None)
    if other:
        from eunomia.compiler.guest_languages import build_go, build_rust

        return (build_rust if other == "Cargo.toml" else build_go)(folder, output, compiled, note)
    from eunomia.compiler import guest_compiler, sdk
    from eunomia.compiler.guest import GuestBuild, plan

    guests = plan(folder, None if os.path.isdir(place) else place)
    if output and output.endswith(".wasm") and len(guests) > 1:
        raise CompileError(f"build guests of {folder}: one file for {len(guests)} guests [-o DIR, or name one source]")
    compiler = guest_compiler.find(guest_cc)
    note(f"guests by {compiler.path}")
    made, skeletons = list[str](), set[str]()
    with _WorkFolder() as work:
        flags = [*(f"-D{each}" for each in defines), *cflags]
        build = GuestBuild(compiler, sdk.folder("c"), work, include, flags)
        for guest in guests:
            for source in guest.objects:
                own = f"{source.removesuffix('.bpf.c')}.skel.h"
                if os.path.exists(own):
                    note(f"{own} is there: it is taken as it is, {source} is not compiled")
                elif source not in skeletons:
                    _write_skeleton(compiled(source), source, guest, work)
                    skeletons.add(source)
            path = _output(output, folder, guest.name)
            note(f"compile {', '.join(guest.sources)}")
            build.build(guest, path, on_warning)
            made.append(path)
        for line in build.notes:
            (on_warning or note)(f"ecc: {line}\n")
    return made


def _output(output: str | None, folder: str, name: str) -> str:
    if output and output.endswith(".wasm"):
        return output
    target = output or folder
    try:
        os.makedirs(target, exist_ok=True)
    except OSError as exc:
        raise CompileError(f"make folder {target}: {(exc.strerror or str(exc)).lower()}") from exc
    return os.path.join(target, f"{name}.wasm")


def _write_skeleton(package: Package, source: str, guest: Guest, work: str) -> None:
    """Put NAME.skel.h where the guest's compiler finds it; types that its sources define are not defined again."""
    from eunomia.compiler.guest import own_headers, read_source
    from eunomia.compiler.skeletons import declared_names, generate

    stem = os.path.basename(source).removesuffix(".bpf.c")
    own = set().union(*(declared_names(read_source(each)) for each in [*guest.sources, *own_headers(guest.sources)]))
    with open(os.path.join(work, f"{stem}.skel.h"), "w", encoding="utf-8") as file:
        file.write(generate(package, "c", f"{stem.replace('-', '_')}_bpf", without=own))
