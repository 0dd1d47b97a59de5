"""Kernels that are locked down: integrity takes nothing from a tool, confidentiality is named as what is in the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eunomia.compiler import compile_source
from support.vm.lab import Vm

Lab = Callable[..., Vm]
NAMED = "the kernel is locked down (confidentiality)"
HEAD = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
"""
SOURCES = {
    "tracepoint": 'SEC("tp/sched/sched_switch") int probe(void *ctx) { return 0; }',
    "kprobe": 'SEC("kprobe/vfs_read") int probe(void *ctx) { return 0; }',
    "helper": """
u64 seen;
SEC("raw_tp/sched_switch") int probe(void *ctx)
{
    return bpf_probe_read_kernel(&seen, sizeof(seen), (void *)bpf_get_current_task());
}
""",
    "nothing": 'SEC("raw_tp/sched_switch") int probe(void *ctx) { return 0; }',
}
SCRIPT = """
import subprocess, sys
from guest import emit
def said(*words):
    done = subprocess.run(["ecli", *words], capture_output=True, text=True)
    return [done.returncode, done.stdout, done.stderr]
for name in sys.argv[1:]:
    package = f"/job/{name}.json"
    emit(name=name, check=said("check", package), run=said("run", "--duration", "300ms", package))
"""


def locked(vm: Lab, tmp_path: Path, series: str, mode: str) -> dict[str, dict[str, Any]]:
    """Return what check and run say of each source on a kernel in this mode."""
    files = {}
    for name, source in SOURCES.items():
        path = tmp_path / f"{name}.bpf.c"
        path.write_text(HEAD + source)
        files[f"{name}.json"] = tmp_path / f"{name}.json"
        files[f"{name}.json"].write_text(compile_source(str(path), target_arch="x86").to_json())
    rows = vm(series, "amd64", append=f"lockdown={mode}").run(SCRIPT, files=files, arguments=list(SOURCES), timeout=120)
    return {row["name"]: row for row in rows}


@pytest.mark.parametrize("series", ["5.10", "6.12"])
def test_confidentiality_is_foretold_and_named_where_it_refuses(vm: Lab, tmp_path: Path, series: str) -> None:
    rows = locked(vm, tmp_path, series, "confidentiality")

    for name in ("tracepoint", "kprobe", "helper"):
        (checked, page, _), (ran, _, line) = rows[name]["check"], rows[name]["run"]
        assert (checked, ran) == (1, 1), rows[name]
        assert NAMED in page
        assert NAMED in line
        assert "boot with lockdown=integrity or none" in line
        assert line.strip().count("\n") == 0
    assert (rows["nothing"]["check"][0], rows["nothing"]["run"][0]) == (0, 0), rows["nothing"]


def test_integrity_takes_nothing_away(vm: Lab, tmp_path: Path) -> None:
    for name, row in locked(vm, tmp_path, "6.12", "integrity").items():
        assert (row["check"][0], row["run"][0]) == (0, 0), (name, row)
        assert "runs here: yes" in row["check"][1]
