"""The register structures of each architecture, put into a kernel header that was made for another one.

What a program asks of the kernel's types is relocated when it is loaded, whatever machine the header came from; only
the registers at a probe are named by other structures and members on each architecture. Names and members are what
counts here: CO-RE looks for them in the running kernel's types, and its offsets win. The members that a program may ask
for are there, the rest is left out.

Source: arch/*/include/asm/ptrace.h, arch/*/include/uapi/asm/{ptrace,bpf_perf_event}.h (Linux 6.18).
"""

from __future__ import annotations

import re

from eunomia.package.arches import arch_of_registers

_ARM64 = "unsigned long long regs[31]; unsigned long long sp; unsigned long long pc; unsigned long long pstate;"
_RISCV = (
    "unsigned long ra; unsigned long sp; unsigned long gp; unsigned long tp; unsigned long t0; unsigned long t1; "
    "unsigned long t2; unsigned long s0; unsigned long s1; unsigned long a0; unsigned long a1; unsigned long a2; "
    "unsigned long a3; unsigned long a4; unsigned long a5; unsigned long a6; unsigned long a7; unsigned long s2; "
    "unsigned long s3; unsigned long s4; unsigned long s5; unsigned long s6; unsigned long s7; unsigned long s8; "
    "unsigned long s9; unsigned long s10; unsigned long s11; unsigned long t3; unsigned long t4; unsigned long t5; "
    "unsigned long t6;"
)
_POWERPC = (
    "unsigned long gpr[32]; unsigned long nip; unsigned long msr; unsigned long orig_gpr3; unsigned long ctr; "
    "unsigned long link; unsigned long xer; unsigned long ccr; unsigned long softe; unsigned long trap; "
    "unsigned long dar; unsigned long dsisr; unsigned long result;"
)
_S390 = "unsigned long args[1]; psw_t psw; unsigned long gprs[16];"

# By the kernel's name: what takes the place of the header's own definitions.
STRUCTURES = {
    "x86": (
        "struct pt_regs { unsigned long r15; unsigned long r14; unsigned long r13; unsigned long r12; "
        "unsigned long bp; unsigned long bx; unsigned long r11; unsigned long r10; unsigned long r9; unsigned long r8; "
        "unsigned long ax; unsigned long cx; unsigned long dx; unsigned long si; unsigned long di; "
        "unsigned long orig_ax; unsigned long ip; unsigned long cs; unsigned long flags; unsigned long sp; "
        "unsigned long ss; };\n"
        "typedef struct pt_regs bpf_user_pt_regs_t;\n"
    ),
    "arm64": (
        f"struct user_pt_regs {{ {_ARM64} }};\n"
        f"struct pt_regs {{ union {{ struct user_pt_regs user_regs; struct {{ {_ARM64} }}; }}; "
        "unsigned long long orig_x0; int syscallno; };\n"
        "typedef struct user_pt_regs bpf_user_pt_regs_t;\n"
    ),
    "riscv": (
        f"struct user_regs_struct {{ unsigned long pc; {_RISCV} }};\n"
        f"struct pt_regs {{ unsigned long epc; {_RISCV} unsigned long status; unsigned long badaddr; "
        "unsigned long cause; unsigned long orig_a0; };\n"
        "typedef struct user_regs_struct bpf_user_pt_regs_t;\n"
    ),
    "powerpc": (
        f"struct user_pt_regs {{ {_POWERPC} }};\n"
        f"struct pt_regs {{ union {{ struct user_pt_regs user_regs; struct {{ {_POWERPC} }}; }}; }};\n"
        "typedef struct user_pt_regs bpf_user_pt_regs_t;\n"
    ),
    "s390": (
        "typedef struct { unsigned long mask; unsigned long addr; } psw_t;\n"
        f"typedef struct {{ {_S390} }} user_pt_regs;\n"
        f"struct pt_regs {{ union {{ user_pt_regs user_regs; struct {{ {_S390} }}; }}; unsigned long orig_gpr2; }};\n"
        "typedef user_pt_regs bpf_user_pt_regs_t;\n"
    ),
    "loongarch": (
        "struct user_pt_regs { unsigned long regs[32]; unsigned long orig_a0; unsigned long csr_era; "
        "unsigned long csr_badv; unsigned long reserved[10]; };\n"
        "struct pt_regs { unsigned long regs[32]; unsigned long orig_a0; unsigned long csr_era; "
        "unsigned long csr_badvaddr; unsigned long csr_crmd; unsigned long csr_prmd; unsigned long csr_euen; "
        "unsigned long csr_ecfg; unsigned long csr_estat; };\n"
        "typedef struct user_pt_regs bpf_user_pt_regs_t;\n"
    ),
    "mips": (
        "struct pt_regs { unsigned long regs[32]; unsigned long cp0_status; unsigned long hi; unsigned long lo; "
        "unsigned long cp0_badvaddr; unsigned long cp0_cause; unsigned long cp0_epc; };\n"
        "typedef struct pt_regs bpf_user_pt_regs_t;\n"
    ),
    "arm": "struct pt_regs { unsigned long uregs[18]; };\ntypedef struct pt_regs bpf_user_pt_regs_t;\n",
}
# The types through which a program sees the registers: what it asks of them is true of one architecture.
TYPES = frozenset(("pt_regs", "user_pt_regs", "user_regs_struct"))

_START = re.compile(r"^struct pt_regs \{$", re.MULTILINE)
_GUARD = re.compile(r"^\s*#ifndef\s+(\w+)\s*\n\s*#define\s+\1\s*$", re.MULTILINE)


def arch_of_header(text: str) -> str | None:
    """Return the architecture that a vmlinux.h is of; None where it has no registers that are known."""
    start = _START.search(text)
    if start is None:
        return None
    end = text.find("\n};", start.end())
    return arch_of_registers(set(re.findall(r"\w+", text[start.end() : end])))


def is_guarded(text: str) -> bool:
    """Tell whether a header may be included twice because it asks for a macro of its own."""
    return _GUARD.search(text[:4096]) is not None


def adapted(text: str, arch: str) -> str:
    """Return a vmlinux.h with another architecture's register structures in place of its own.

    Args:
        text: as bpftool and native/vmlinux.c write it: a definition of a struct ends with `};` at the start of a line.
        arch: the kernel's name.
    """
    start = _START.search(text)
    if start is None:
        return text
    new = STRUCTURES[arch]
    place, kept = start.start(), text
    for name in sorted(TYPES):
        if f"struct {name} {{" in new:
            kept, place = _without(kept, name, place)
    for name in ("bpf_user_pt_regs_t", "psw_t", "user_pt_regs"):
        if f" {name};\n" in new:
            kept, place = _without_typedef(kept, name, place)
    return f"{kept[:place]}{new}\n{kept[place:]}"


def _without(text: str, name: str, place: int) -> tuple[str, int]:
    """Cut the definition of a struct; `place` moves with the text before it."""
    found = re.search(rf"^struct {name} \{{$", text, re.MULTILINE)
    if found is None:
        return text, place
    end = text.find("\n};\n", found.end())
    if end < 0:
        return text, place
    return _cut(text, found.start(), end + 4, place)


def _without_typedef(text: str, name: str, place: int) -> tuple[str, int]:
    found = re.search(rf"^typedef [\w ]+ {name};\n", text, re.MULTILINE)
    if found is None:
        found = re.search(rf"^\}} {name};\n", text, re.MULTILINE)
        if found is None:
            return text, place
        start = text.rfind("\ntypedef struct {\n", 0, found.start()) + 1
        return _cut(text, start, found.end(), place)
    return _cut(text, found.start(), found.end(), place)


def _cut(text: str, start: int, end: int, place: int) -> tuple[str, int]:
    return text[:start] + text[end:], place - (end - start if start < place else 0)
