"""struct_ops: is a program a member of one, and is the name of a congestion control still free."""

from __future__ import annotations

from struct import iter_unpack
from typing import TYPE_CHECKING

from eunomia.btf.elf import SHT_REL
from eunomia.kernel.preflight.found import Found
from eunomia.kernel.preflight.target import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.btf.object import ObjectBtf
    from eunomia.kernel.preflight.analysis import Analysis

CONTROLS = "/proc/sys/net/ipv4/tcp_available_congestion_control"


def judge(analysis: Analysis, program: str) -> Found | None:
    """Judge a struct_ops program; None where nothing speaks against it."""
    obj = analysis.obj
    own = next((each for each in obj.elf.symbols if each.name == program), None)
    if own is None or (own.section, own.value) not in set(_members(obj)):
        return Found(
            "no",
            "no struct_ops map of the package has it as a member",
            f"name it in one: .MEMBER = (void *){program}, or leave it out with --skip {program}",
        )
    known = read(CONTROLS).split() if analysis.target.live else []
    taken = next((name for name in controls(obj) if name in known), "")
    if taken:
        detail = f"another congestion control named {taken} is registered"
        return Found("no", detail, "`bpftool struct_ops` shows those of programs; or give it another name")
    return None


def _members(obj: ObjectBtf) -> Iterator[tuple[int, int]]:
    """Yield (section, offset) of what the members of the object's struct_ops maps point to."""
    sections, symbols = obj.elf.sections, obj.elf.symbols
    for section in sections:
        if section.type != SHT_REL or section.info >= len(sections):
            continue
        if sections[section.info].name.removeprefix("?").startswith(".struct_ops"):
            for _offset, info in iter_unpack("<QQ", section.data[: len(section.data) // 16 * 16]):
                if info >> 32 < len(symbols):
                    yield symbols[info >> 32].section, symbols[info >> 32].value


def controls(obj: ObjectBtf) -> Iterator[str]:
    """Yield the names of the congestion controls that an object registers."""
    for name, section in obj.sections.items():
        data = obj.elf.section(name)
        if obj.btf is None or data is None or not name.removeprefix("?").startswith(".struct_ops"):
            continue
        for variable in section.variables:
            kind = obj.btf.type(variable.type)
            at = next((each.bit_offset for each in kind.members if each.name == "name"), -1)
            if kind.name.partition("___")[0] == "tcp_congestion_ops" and at >= 0:
                start = variable.offset + at // 8
                yield data.data[start : start + 16].partition(b"\0")[0].decode(errors="replace")
