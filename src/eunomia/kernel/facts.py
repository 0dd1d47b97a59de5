"""What the kernel says of programs, maps and links that exist, whoever loaded them: by descriptor, id and process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eunomia._native import ffi, lib
from eunomia.btf.types import Btf
from eunomia.errors import PackageError
from eunomia.kernel.preflight.tables import name_of


@dataclass(frozen=True, slots=True)
class ProgramFacts:
    """A program of the kernel. `run_time_ns` and `run_count` are 0 as long as nobody has the kernel measure them."""

    id: int
    name: str
    type: str
    tag: str
    memory: int
    run_time_ns: int
    run_count: int
    missed: int


@dataclass(frozen=True, slots=True)
class MapFacts:
    """A map of the kernel; sizes in bytes."""

    id: int
    name: str
    type: str
    key_size: int
    value_size: int
    max_entries: int
    memory: int


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """A link of the kernel: what holds a program attached."""

    id: int
    type: str
    program: int


Facts = ProgramFacts | MapFacts | LinkFacts


def process_facts(pid: int) -> Iterator[Facts]:
    """Yield the kernel's objects that a process holds descriptors of; none where it may not be looked into."""
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in sorted(names, key=int):
        try:
            if not os.readlink(f"{folder}/{name}").startswith("anon_inode:bpf"):
                continue
            with open(f"/proc/{pid}/fdinfo/{name}", "rb") as file:
                facts = facts_of(parse_fdinfo(file.read()))
        except (OSError, ValueError):
            continue
        if facts is not None:
            yield facts


def fd_facts(fd: int) -> Facts | None:
    """Return what a descriptor of this process is, None where it is no program, map or link."""
    return facts_of(fd_info(fd))


def fd_info(fd: int) -> dict[str, str]:
    """Return what /proc/self/fdinfo says of a descriptor."""
    with open(f"/proc/self/fdinfo/{fd}", "rb") as file:
        return parse_fdinfo(file.read())


def parse_fdinfo(data: bytes) -> dict[str, str]:
    """Return the lines `key: value` of a file of /proc/PID/fdinfo."""
    pairs = (line.partition(":") for line in data.decode(errors="replace").splitlines())
    return {key: value.strip() for key, _, value in pairs}


def facts_of(info: dict[str, str]) -> Facts | None:
    """Return the facts that fdinfo has, with names where the kernel gives them to us."""
    number = {key: int(value) for key, value in info.items() if value.isdecimal()}
    if "link_id" in number:
        return LinkFacts(number["link_id"], info.get("link_type", ""), number.get("prog_id", 0))
    if "map_id" in number:
        facts = kernel_facts(lib.EU_MAP, number["map_id"], "struct eu_map_facts *", lib.eu_map_facts)
        return MapFacts(
            number["map_id"],
            short_name(facts),
            name_of("map type", number.get("map_type", -1)),
            number.get("key_size", 0),
            number.get("value_size", 0),
            number.get("max_entries", 0),
            number.get("memlock", 0),
        )
    if "prog_id" not in number:
        return None
    facts = kernel_facts(lib.EU_PROGRAM, number["prog_id"], "struct eu_program_facts *", lib.eu_program_facts)
    return ProgramFacts(
        number["prog_id"],
        full_name(facts),
        name_of("program type", number.get("prog_type", -1)),
        info.get("prog_tag", ""),
        number.get("memlock", 0),
        number.get("run_time_ns", 0),
        number.get("run_cnt", 0),
        number.get("recursion_misses", 0),
    )


def kernel_facts(kind: int, number: int, struct: str, ask: Any) -> Any:
    """Return what the kernel says of an object by its id, None where it does not tell us."""
    fd = lib.eu_open_id(kind, number)
    if fd < 0:
        return None
    facts = ffi.new(struct)
    try:
        return facts if ask(fd, facts) == 0 else None
    finally:
        os.close(fd)


def short_name(facts: Any) -> str:
    """Return the name that the kernel keeps, at most 15 characters of it."""
    return ffi.string(facts.name).decode(errors="replace") if facts is not None else ""


def full_name(facts: Any) -> str:
    """Return the whole name of a program's function out of its BTF, else what the kernel keeps of it."""
    short = short_name(facts)
    if len(short) < 15 or not facts.btf_id or not facts.func_type:
        return short
    types = kernel_btf(facts.btf_id)
    return types.type(facts.func_type).name if types is not None else short


def kernel_btf(number: int) -> Btf | None:
    """Return the types of a BTF of the kernel by its id, None where it does not give them to us."""
    size = lib.eu_btf_bytes(number, ffi.NULL, 0)
    if size <= 0:
        return None
    room = ffi.new("char[]", size)
    if lib.eu_btf_bytes(number, room, size) != size:
        return None
    try:
        return Btf.from_bytes(ffi.buffer(room, size)[:])
    except PackageError:
        return None
