"""One source for several architectures: compile each, and keep those objects that differ in one package."""

from __future__ import annotations

import os

from eunomia.compiler.build import Build, Options
from eunomia.compiler.pipeline import Compiled, run
from eunomia.compiler.targets import target_arch
from eunomia.package.arches import join

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eunomia.btf.object import ObjectBtf
    from eunomia.compiler.toolchain import Toolchain
    from eunomia.package.model import Package


def run_each(
    path: str,
    text: bytes,
    toolchain: Toolchain,
    each: Sequence[Options],
    work: str,
    *,
    header: str | None,
    on_warning: Callable[[str], None] | None,
    on_note: Callable[[str], None] | None,
    on_build: Callable[[Build], None] | None = None,
) -> Package:
    """Compile one source for each architecture; see `compile_source` for the arguments.

    Returns:
        The package; the first architecture's object is its own.
    """
    warn, note = _once(on_warning), _once(on_note)
    made = list[Compiled]()
    for options in each:
        folder = os.path.join(work, options.arch)
        os.mkdir(folder)
        made.append(run(path, text, toolchain, options, folder, header=header, on_warning=warn, on_note=note))
        if on_build:
            on_build(made[-1].build)
    first = made[0]
    same = _same_as(first, made[1:])
    others = [one for one in made[1:] if not one.is_big_endian]
    if first.is_big_endian:
        portable = False
    elif others:
        portable = len(same) == len(others)
    else:
        portable = not _is_specific(first, text, work)
    if len(made) == 1 and portable:
        return first.package
    return join([(one.arch, one.package) for one in made], same, portable=portable)


def _once(tell: Callable[[str], None] | None) -> Callable[[str], None] | None:
    """The same function, which is not told anything twice."""
    if tell is None:
        return None
    said = set[str]()

    def told(text: str) -> None:
        if text not in said:
            said.add(text)
            tell(text)

    return told


def _same_as(first: Compiled, others: Sequence[Compiled]) -> list[str]:
    """The architectures whose objects do what the first one's does."""
    from eunomia.compiler.portable import is_same_code

    return [
        one.arch
        for one in others
        if not (first.is_big_endian or one.is_big_endian)
        and one.package.meta["bpf_skel"] == first.package.meta["bpf_skel"]
        and is_same_code(first.types, one.types)
    ]


def _is_specific(one: Compiled, text: bytes, work: str) -> bool:
    """Whether an object is of use on its architecture alone; it is compiled for another one only where that tells."""
    from eunomia.compiler.portable import is_specific

    build = one.build

    def other() -> ObjectBtf:
        arch = target_arch("arm64" if one.arch != "arm64" else "x86")
        folder = os.path.join(work, f"other-{arch}")
        os.mkdir(folder)
        return Build(build.source, text, build.toolchain, build.options.with_arch(arch), folder).types()

    return is_specific(one.types, build.source, [build.folder, *build.options.include], other)
