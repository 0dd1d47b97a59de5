"""Uprobes that write through their context change the process: found in their code, however it gets there."""

from __future__ import annotations

from pathlib import Path

import pytest

from eunomia import builtin
from eunomia.btf.elf import ElfFile
from eunomia.package.model import Package
from eunomia.package.registers import may_change_registers
from eunomia.wasm import Guest, Policy
from support.bpf_guests import compile_guest, compile_object

R = "#define R(context) (((u64 *)(context))[2])\n"
CHANGING = {
    "at once": 'SEC("uprobe") int p(struct pt_regs *c) { R(c) = 1; return 0; }',
    "in a function": """
static __noinline int f(struct pt_regs *c, long v) { R(c) = v; return 0; }
SEC("?uretprobe/x:y") int p(struct pt_regs *c) { return f(c, R(c)); }""",
    "through what a function returns": """
static __noinline struct pt_regs *f(struct pt_regs *c) { asm volatile("" :: "r"(c)); return c; }
SEC("uprobe.multi/x:*") int p(struct pt_regs *c) { R(f(c)) = 3; return 0; }""",
    "from the stack": """
SEC("usdt") int p(struct pt_regs *c) { struct pt_regs *volatile s = c; bpf_get_smp_processor_id(); R(s) = 1;
                                         return 0; }""",
    "from the caller's stack": """
struct s { struct pt_regs *c; long n; };
static __noinline int f(struct s *s) { R(s->c) = s->n; return 0; }
SEC("uprobe") int p(struct pt_regs *c) { struct s s = {c, 4}; return f(&s); }""",
    "put into the stack by a function": """
struct s { struct pt_regs *c; };
static __noinline int f(struct s *s, struct pt_regs *c) { s->c = c; return 0; }
SEC("uprobe") int p(struct pt_regs *c) { struct s s = {}; f(&s, c); R(s.c) = 1; return 0; }""",
    "in a callback": """
struct s { struct pt_regs *c; };
static int back(u32 i, struct s *s) { R(s->c) = i; return 0; }
SEC("uprobe.s") int p(struct pt_regs *c) { struct s s = {c}; bpf_loop(3, back, &s, 0); return 0; }""",
    "in one branch": """
SEC("uprobe") int p(struct pt_regs *c) {
    long zero = 0, *at = R(c) ? &zero : (long *)c;
    asm volatile("*(u64 *)(%0 + 0) = %1" :: "r"(at), "r"(R(c)) : "memory");
    return zero;
}""",
}
LOOKING = {
    "reads": 'SEC("uprobe") int p(struct pt_regs *c) { return R(c) == 1; }',
    "a function gives what it read": """
static __noinline int f(struct pt_regs *c, long *v) { *v = R(c); return 0; }
SEC("uprobe") int p(struct pt_regs *c) { long x = 0; f(c, &x); return x; }""",
    "writes into a map": """
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 9); __type(key, u64); __type(value, u64); }
    m SEC(".maps");
static __noinline u64 *g(struct pt_regs *c) { u64 k = R(c), z = 0; bpf_map_update_elem(&m, &k, &z, 0);
                                              return bpf_map_lookup_elem(&m, &k); }
SEC("uprobe") int p(struct pt_regs *c) { u64 *v = g(c); if (v) *v = R(c); return 0; }""",
    "another program's context": """
SEC("uprobe") int p(struct pt_regs *c) { return 0; }
SEC("tc") int q(struct __sk_buff *skb) { skb->mark = 1; return 0; }""",
}  # fmt: skip


def sections_of(elf: ElfFile, *heads: str) -> set[str]:
    return {section.name for section in elf.sections if section.name.removeprefix("?").startswith(heads)}


@pytest.mark.parametrize("how", [*CHANGING, *LOOKING])
def test_a_write_through_the_context_is_found(how: str, tmp_path: Path) -> None:
    elf = ElfFile(compile_object(tmp_path, R + {**CHANGING, **LOOKING}[how]))

    assert may_change_registers(elf, sections_of(elf, "u")) is (how in CHANGING)


def test_no_program_that_observes_is_taken_for_one_that_writes() -> None:
    heads = ("u", "k", "tp", "tracepoint", "raw_tp", "fentry", "fexit", "perf_event")
    looked_at = 0

    for name in builtin.names():
        elf = ElfFile(Package.from_bytes(builtin.read(name), name).object)
        sections = sections_of(elf, *heads)
        looked_at += len(sections)
        assert not may_change_registers(elf, sections), name
    assert looked_at > 50


def test_a_guest_with_one_is_refused_with_the_rule(tmp_path: Path) -> None:
    elf = compile_object(tmp_path, R + CHANGING["in a function"].replace("?", ""))
    guest = Guest.open(compile_guest(tmp_path, "int main(void) { return load(elf, sizeof(elf)) ? 0 : 3; }", elf))

    with guest.run() as run:
        assert run.check() == 3
        (line,) = run.failures
        assert line == (
            "refused: it may change registers of a process, which changes what it observes: not allowed by default"
            " [Policy(allow=['helper=registers'])]"
        )
    with guest.run(policy=Policy(["helper=registers"])) as run:
        run.check()
        assert not any("refused: " in line for line in run.failures)
