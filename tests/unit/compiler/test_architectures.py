"""One source for several architectures: which objects are kept, and what the package says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from eunomia.btf.object import ObjectBtf
from eunomia.compiler import compile_source
from eunomia.compiler.portable import asks_for_architecture, reads_registers
from eunomia.compiler.targets import ALL, target_arches
from eunomia.errors import CompileError

HEADER = """#ifndef __VMLINUX_H__
#define __VMLINUX_H__
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
typedef unsigned char __u8; typedef unsigned short __u16; typedef unsigned int __u32; typedef unsigned long long __u64;
typedef signed char __s8; typedef short __s16; typedef int __s32; typedef long long __s64; typedef _Bool bool;
typedef __u16 __be16; typedef __u32 __be32; typedef __u32 __wsum; typedef __u64 u64; typedef __u32 u32;
enum { BPF_MAP_TYPE_ARRAY = 2, BPF_F_CURRENT_CPU = 0xffffffff };
struct pt_regs {
\tunsigned long di;
\tunsigned long si;
\tunsigned long dx;
\tunsigned long cx;
\tunsigned long r8;
\tunsigned long orig_ax;
\tunsigned long ax;
\tunsigned long sp;
\tunsigned long bp;
\tunsigned long ip;
};
struct task_struct {
\tint pid;
};
#pragma clang attribute pop
#endif
"""
START = '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_tracing.h>\n'
READS = START + (
    'long seen;\nSEC("kprobe/do_exit")\nint BPF_KPROBE(probe, long code) {\n    seen = code;\n    return 0;\n}\n'
    'char LICENSE[] SEC("license") = "GPL";\n'
)
PLAIN = START + (
    'long seen;\nSEC("raw_tp/sched_switch")\nint probe(void *ctx) {\n    seen++;\n    return 0;\n}\n'
    'char LICENSE[] SEC("license") = "GPL";\n'
)
UNREAD = PLAIN.replace("raw_tp/sched_switch", "kprobe/do_exit").replace("void *ctx", "struct pt_regs *ctx")
ASKS = PLAIN.replace("    seen++;", "#ifdef __TARGET_ARCH_arm64\n    seen += 2;\n#else\n    seen++;\n#endif")


def source(folder: Path, text: str, header: str = HEADER) -> Path:
    (folder / "vmlinux.h").write_text(header)
    path = folder / "tool.bpf.c"
    path.write_text(text)
    return path


def test_list_of_architectures_is_read_in_order_and_once() -> None:
    assert target_arches("x86_64, aarch64,amd64") == ["x86", "arm64"]
    assert target_arches("arm64,all") == ["arm64", *(name for name in ALL if name != "arm64")]
    with pytest.raises(CompileError, match=r"target architecture vax: not known \[one of x86, "):
        target_arches("x86,vax")


def test_program_that_reads_registers_has_an_object_for_each(tmp_path: Path) -> None:
    package = compile_source(source(tmp_path, READS), target_arch="x86,arm64,riscv")
    arm64 = package.for_arch("arm64")

    assert package.architectures == ["x86", "arm64", "riscv"]
    assert "portable" not in package.meta["eunomia"]
    assert len({package.object, arm64.object, package.for_arch("riscv64").object}) == 3
    assert package.object == compile_source(tmp_path / "tool.bpf.c", target_arch="x86").object
    assert arm64.object == compile_source(tmp_path / "tool.bpf.c", target_arch="arm64").object
    assert b"user_pt_regs" in arm64.object
    assert b"user_regs_struct" in package.for_arch("riscv").object


def test_object_of_a_big_endian_machine_is_big_endian(tmp_path: Path) -> None:
    package = compile_source(source(tmp_path, READS), target_arch="x86,s390x")

    assert package.architectures == ["x86", "s390"]
    assert package.object[:6] == b"\x7fELF\2\1"
    assert package.for_arch("s390").object[:6] == b"\x7fELF\2\2"
    assert package.for_arch("s390").options()[0].name == "seen"


def test_header_of_the_right_architecture_is_taken_as_it_is(tmp_path: Path) -> None:
    notes: list[str] = []
    compile_source(source(tmp_path, READS), target_arch="x86", on_note=notes.append)
    assert notes == []

    compile_source(tmp_path / "tool.bpf.c", target_arch="arm64", on_note=notes.append)
    assert notes == [f"{tmp_path / 'vmlinux.h'} is of another architecture: taken with the registers of arm64"]


@pytest.mark.parametrize(
    ("text", "specific"), [(READS, True), (PLAIN, False), (UNREAD, False), (ASKS, True)],
    ids=["reads registers", "plain", "has registers and reads none", "asks the preprocessor"],
)  # fmt: skip
def test_object_for_one_architecture_says_so_only_where_it_is(tmp_path: Path, text: str, specific: bool) -> None:
    package = compile_source(source(tmp_path, text), target_arch="x86")

    assert package.architectures == (["x86"] if specific else [])


@pytest.mark.parametrize("text", [PLAIN, UNREAD], ids=["plain", "has registers and reads none"])
def test_object_that_serves_all_is_kept_once(tmp_path: Path, text: str) -> None:
    package = compile_source(source(tmp_path, text), target_arch="x86,arm64")

    assert package.architectures == ["x86", "arm64"]
    assert package.meta["eunomia"]["portable"] is True
    assert "objects" not in package.meta["eunomia"]


def test_header_of_its_own_that_asks_is_found(tmp_path: Path) -> None:
    path = source(tmp_path, START + '#include "mine.h"\n')
    (tmp_path / "mine.h").write_text('#include "deeper/other.h"\n')
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "other.h").write_text("int nothing;\n")
    assert not asks_for_architecture(str(path), [])

    (tmp_path / "deeper" / "other.h").write_text("#if defined(__TARGET_ARCH_x86)\n#endif\n")
    assert asks_for_architecture(str(path), [])


def test_flavours_that_ask_first_serve_all(tmp_path: Path) -> None:
    text = START + (
        "struct pt_regs___x { unsigned long di; } __attribute__((preserve_access_index));\n"
        'long seen;\nSEC("kprobe/do_exit")\nint probe(struct pt_regs___x *ctx) {\n'
        "    seen = ctx->di;\n    return 0;\n}\n"
        'char LICENSE[] SEC("license") = "GPL";\n'
    )
    package = compile_source(source(tmp_path, text), target_arch="x86")

    assert not reads_registers(ObjectBtf(package.object))
    assert package.architectures == []


def test_failure_for_another_architecture_names_it(tmp_path: Path) -> None:
    text = PLAIN.replace("seen++", "seen += ((struct pt_regs *)ctx)->di")

    with pytest.raises(CompileError, match=r"tool\.bpf\.c for arm64: clang refused it"):
        compile_source(source(tmp_path, text), target_arch="x86,arm64")
