"""`ecc -o FILE.o` and `-o FILE.h`: the object and the skeleton for programs with a loader of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from eunomia.btf.object import ObjectBtf
from eunomia.cli.ecc import main
from eunomia.cli.parser import UsageError

SOURCE = """\
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
struct event { int pid; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
const volatile int only = 0;
SEC("tp/sched/sched_process_exec") int on_exec(void *ctx) {
    struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
    if (!e) return 0;
    e->pid = bpf_get_current_pid_tgid() >> 32;
    bpf_ringbuf_submit(e, 0);
    return 0;
}
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "execs.bpf.c"
    path.write_text(SOURCE)
    return path


def test_an_object_has_the_sources_sections_and_no_counters(source: Path) -> None:
    path = source.with_name("execs.bpf.o")

    assert main(["-o", str(path), str(source)]) == 0
    made = ObjectBtf(path.read_bytes())
    assert "events" in made.maps
    assert [section.name for section in made.data_sections] == [".rodata"]
    assert b".bss.eunomia" not in path.read_bytes()
    assert sorted(each.name for each in source.parent.iterdir()) == ["execs.bpf.c", "execs.bpf.o"]


def test_a_skeleton_is_that_of_the_object(source: Path) -> None:
    path = source.with_name("execs.skel.h")

    assert main(["-o", str(path), str(source)]) == 0
    text = path.read_text()
    assert "struct execs_bpf {" in text
    assert "struct bpf_program *on_exec;" in text
    assert "eunomia_accounting" not in text


@pytest.mark.parametrize("option", ["--guest=x.wasm", "--btfgen", "--provenance", "-n", "-y"])
def test_what_concerns_packages_is_refused(source: Path, option: str) -> None:
    with pytest.raises(UsageError, match="is about packages, and this is a part of one"):
        main([option, "-o", str(source.with_name("x.bpf.o")), str(source)])
