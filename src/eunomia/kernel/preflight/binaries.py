"""Attach targets in programs and libraries: functions, and USDT probes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from eunomia._native import ffi, lib, text
from eunomia.btf.elf import ElfFile
from eunomia.errors import PackageError
from eunomia.kernel.preflight.found import Found
from eunomia.kernel.preflight.tracing import pmu

if TYPE_CHECKING:
    from eunomia.kernel.preflight.target import Target


def uprobe(target: Target, family: str, name: str, _types: tuple[int, int]) -> Found:
    if not target.live:
        return Found("unknown", "binaries of another machine are not looked at")
    if not pmu("uprobe"):
        return Found("no", "this kernel has no uprobes", "it needs CONFIG_UPROBES")
    binary, _, function = name.partition(":")
    path = _binary(binary)
    if path is None and "/" in binary:
        return Found("no", f"binary {binary}: no such file, or it may not be read", "--binary FILE names another one")
    if path is None:
        return Found(
            "no", f"binary {binary} was not found in PATH or among the libraries", "install it, or give its path"
        )
    plain = function.partition("+")[0]
    if not plain or plain.startswith("0x") or plain.isdigit() or ".multi" in family or "*" in plain:
        return Found("yes", path)
    count = int(lib.eu_probe_function(path.encode(), plain.encode()))
    if count > 0:
        return Found("yes", path)
    if count < 0:
        return Found("no", f"{path}: {os.strerror(-count).lower()}", "give the path of an ELF file")
    room = ffi.new("char[]", 256)
    lib.eu_probe_near_function(path.encode(), plain.encode(), room, 256)
    near = text(room).strip(" []")
    return Found(
        "no", f"{path} has no function {plain}", near or "stripped? its debug symbols, or another name, may help"
    )


def _binary(name: str) -> str | None:
    path = ffi.new("char[]", 4096)
    if not lib.eu_probe_binary(os.fsencode(name), path, 4096):
        return text(path)
    if "/" in name or ".so" not in name:
        return None
    # libbpf looks there too, for machines without the linker's cache: arch_specific_lib_paths() of its libbpf.c
    places = (f"/lib/{os.uname().machine}-linux-gnu", "/usr/lib64", "/usr/lib")
    return next((f"{place}/{name}" for place in places if os.access(f"{place}/{name}", os.R_OK)), None)


def usdt(target: Target, family: str, name: str, types: tuple[int, int]) -> Found:
    binary, _, probe = name.partition(":")
    if not target.live or not probe:
        return Found("unknown", "where it attaches is not in the section")
    found = uprobe(target, family, binary, types)
    if found.status != "yes":
        return found
    provider, _, event = probe.partition(":")
    try:
        with open(found.detail, "rb") as file:
            section = ElfFile(file.read(512 << 20)).section(".note.stapsdt")
    except (OSError, PackageError) as exc:
        return Found("unknown", str(exc))
    notes = section.data if section is not None else b""
    if f"{provider}\0{event}\0".encode() in notes:
        return Found("yes", found.detail)
    return Found("no", f"{found.detail} has no USDT probe {probe}", "was it built with its probes (sys/sdt.h)?")
