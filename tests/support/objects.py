"""Objects for tests of the kernel room: a few lines of C become a package."""

from __future__ import annotations

from pathlib import Path

import eunomia

HEADERS = """#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
char LICENSE[] SEC("license") = "GPL";
"""


def build(folder: Path, source: str, name: str = "probe", *, accounting: bool = True) -> eunomia.Package:
    """Compile a source behind the usual headers."""
    path = folder / f"{name}.bpf.c"
    path.write_text(HEADERS + source)
    return eunomia.compile(path, accounting=accounting)


def tag(fd: int) -> str:
    """Return the kernel's hash of a loaded program's instructions, in which map descriptors are left out.

    Source: bpf_prog_calc_tag, kernel/bpf/core.c
    """
    with open(f"/proc/self/fdinfo/{fd}") as info:
        return next(line.split()[1] for line in info if line.startswith("prog_tag:"))
