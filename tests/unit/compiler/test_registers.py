"""Kernel headers of one architecture with the registers of another."""

from __future__ import annotations

import pytest

from eunomia.compiler.registers import STRUCTURES, adapted, arch_of_header, is_guarded

X86 = """#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef int pid_t;

struct pt_regs {
\tlong unsigned int r15;
\tlong unsigned int orig_ax;
\tunion {
\t\tu16 cs;
\t};
};

typedef struct pt_regs bpf_user_pt_regs_t;

struct user_regs_struct {
\tlong unsigned int r15;
};

struct task_struct {
\tint pid;
};

struct fred_frame {
\tstruct pt_regs regs;
};

#endif
"""
ARM64 = X86.replace("struct pt_regs {", "struct user_pt_regs {\n\tu64 pc;\n};\n\nstruct pt_regs {").replace(
    "orig_ax", "orig_x0"
)


def test_header_tells_its_architecture() -> None:
    assert arch_of_header(X86) == "x86"
    assert arch_of_header(ARM64) == "arm64"
    assert arch_of_header("struct task_struct {\n\tint pid;\n};\n") is None
    assert arch_of_header("struct pt_regs {\n\tint unheard_of;\n};\n") is None


@pytest.mark.parametrize("arch", STRUCTURES)
@pytest.mark.parametrize("header", [X86, ARM64], ids=["x86", "arm64"])
def test_each_structure_is_defined_once_where_the_headers_was(header: str, arch: str) -> None:
    made = adapted(header, arch)

    assert made.count("struct pt_regs {") == 1
    assert made.count(" bpf_user_pt_regs_t;") == 1
    assert made.count("user_pt_regs {") <= 1
    assert made.count("struct user_regs_struct {") == 1
    assert STRUCTURES[arch] in made
    assert made.index("typedef int pid_t;") < made.index("struct pt_regs {") < made.index("struct fred_frame {")
    assert "struct task_struct {\n\tint pid;\n};\n" in made
    assert is_guarded(made)


def test_header_without_registers_stays_as_it_is() -> None:
    assert adapted("struct task_struct {\n\tint pid;\n};\n", "arm64") == "struct task_struct {\n\tint pid;\n};\n"


def test_header_without_a_guard_is_known() -> None:
    assert not is_guarded("#pragma once\nstruct pt_regs {\n};\n")
    assert not is_guarded("#ifndef A\n#define B\n")
