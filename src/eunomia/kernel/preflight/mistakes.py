"""The usual mistakes that the verifier refuses, by its words, and what to do about each.

tests/kernel/mistakes has a source for each that provokes it on the real kernel. Source: kernel/bpf/verifier.c, 5.10 to
6.18.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Mistake(NamedTuple):
    """A mistake: its name, what the verifier says, what to do."""

    name: str
    pattern: str
    advice: str


# The first that matches is meant: the special stand before the general.
MISTAKES = (
    Mistake(
        "missing-relocation",
        "invalid func unknown#195896080|<invalid CO-RE relocation>",
        "the kernel lacks a field, type or enum value that is used here: ask bpf_core_field_exists() (or "
        "type, enum value) first; `ecli check` names it",
    ),
    Mistake(
        "unknown-helper",
        r"invalid func unknown#\d+",
        "this kernel does not have the helper: look up its first kernel with `ecli check`, or call another one",
    ),
    Mistake(
        "sleeps",
        r"helper call might sleep|might sleep in a non-sleepable|sleepable (helper|kfunc)|"
        r"unknown func bpf_(copy_from_user|ima_\w+)#",
        'only sleepable programs may wait: SEC("fentry.s/…"), lsm.s, uprobe.s; else read with bpf_probe_read_user()',
    ),
    Mistake(
        "wrong-helper",
        "program of this type cannot use helper|unknown func bpf_|cannot call this helper",
        "programs of this type may not call this helper: `ecli features -v` lists those that may be called",
    ),
    Mistake(
        "not-gpl",
        "cannot call GPL-restricted function|non-GPL compatible|cannot call .*GPL",
        'the helper is for GPL programs: char LICENSE[] SEC("license") = "GPL";',
    ),
    Mistake(
        "missing-null-check",
        r"invalid mem access '(map_value|sock|ptr_|tcp_sock|sock_common|trusted_ptr_|mem_map)\w*_or_null'|"
        r"possibly NULL pointer passed|type=\w*map_value_or_null",
        "a lookup may find nothing: `if (!value) return 0;` before it is used",
    ),
    Mistake(
        "unchecked-reservation",
        "invalid mem access '(ringbuf_)?(alloc_)?mem_or_null'|type=(ringbuf_)?mem_or_null",
        "bpf_ringbuf_reserve() gives NULL when the buffer is full: `if (!record) return 0;`",
    ),
    Mistake(
        "unreleased-reference",
        "Unreleased reference|would lead to reference leak|reference leak",
        "on every way out the record must be submitted or discarded, the socket or object released",
    ),
    Mistake(
        "unbounded-loop",
        "infinite loop detected|back-edge from insn",
        "give the loop a bound that the verifier sees: a constant, bpf_for(i, 0, n), or bpf_loop()",
    ),
    Mistake(
        "too-complex",
        r"BPF program is too large|sequence of \d+ jumps is too complex|too many states|The sequence of",
        "too much to verify: fewer branches in loops, bpf_loop() or bpf_for(), parts as __noinline "
        "functions, or tail calls",
    ),
    Mistake(
        "stack-too-large",
        r"combined stack size|stack depth .* exceeds|the call stack of \d+ frames is too deep",
        "512 bytes of stack are all there is, over all functions called: put large variables into a per-CPU array map",
    ),
    Mistake(
        "uninitialised-stack",
        r"invalid (indirect )?read from stack|invalid indirect access to stack .*\+\d+ ",
        "part of it was never written: initialise it, padding too (= {} or __builtin_memset)",
    ),
    Mistake(
        "outside-the-stack",
        "invalid (write to|unbounded|variable-offset|access to) .*stack|invalid stack |stack pointer|"
        "unbounded-offset .*stack|variable-offset .*stack|invalid write to stack",
        "the index leaves the array on the stack: check it against the array's size right before",
    ),
    Mistake(
        "unchecked-packet",
        "invalid access to packet",
        "compare with data_end before each read: if (data + sizeof(*header) > data_end) return …;",
    ),
    Mistake(
        "outside-the-value",
        "invalid access to map value|invalid access to memory|"
        "max value is outside of the allowed memory range|outside of the allowed memory range|"
        "invalid access to map key",
        "the access leaves the value: check the index against the size of the array, or mask it (& (N - 1))",
    ),
    Mistake(
        "unbounded-index",
        "unbounded memory access|unbounded min value|min value is negative|math between .* pointer and",
        "the verifier knows no upper bound (or a negative one is possible): make it unsigned, and "
        "compare or mask it right before",
    ),
    Mistake(
        "zero-size",
        r"invalid zero-sized read|R\d+ invalid zero",
        "the size may be 0: compare it with 1 at least, or declare it so that 0 cannot be",
    ),
    Mistake(
        "unchecked-pointer",
        r"invalid mem access '(scalar|inv)'|R\d+ invalid mem access 'untrusted|invalid mem access 'ptr_'",
        "it is a number to the verifier, not a pointer: read kernel memory with BPF_CORE_READ() or "
        "bpf_probe_read_kernel(), user memory with bpf_probe_read_user()",
    ),
    Mistake(
        "read-only",
        "write into map forbidden|cannot write into rdonly|only read is supported|read-only|"
        "write to (a )?read-?only|cannot write into",
        "this memory may only be read: copy it, or let a variable that changes be no `const volatile`",
    ),
    Mistake(
        "wrong-context",
        "invalid bpf_context access",
        "the program's context has no such field at this offset and size: use the context type of this "
        "section, and read its fields whole",
    ),
    Mistake(
        "wrong-return",
        "At program exit the register R0|should have been in|R0 has .* should",
        "programs of this type may return certain values only, as 0 and 1: return one of them on every way",
    ),
    Mistake(
        "uninitialised",
        r"R\d+ !read_ok|!read_ok",
        "a variable, or the result, is used before it is set: initialise it, return a value on every way",
    ),
    Mistake(
        "pointer-arithmetic",
        "pointer arithmetic|operator .* on pointer prohibited|pointer comparison prohibited|"
        r"pointer operation|R\d+ (32-bit|tried to)",
        "with pointers only + and - of checked numbers are allowed: compute the index first, then add it",
    ),
    Mistake(
        "lock",
        "while holding a lock|bpf_spin_lock|spin_lock|lock.*held",
        "between bpf_spin_lock() and bpf_spin_unlock() no function may be called, and both must be on every way",
    ),
    Mistake(
        "wrong-map",
        r"cannot pass map_type \d+ into func",
        "this helper does not work on maps of this type: a hash or array may do, or the helper that belongs to the map",
    ),
    Mistake(
        "wrong-argument",
        r"R\d+ type=\S+ expected=|arg#\d+ (expected|pointer)|type mismatch|"
        "helper access to the packet is not allowed|must be a known constant|is not a known constant|"
        "must point to",
        "the helper wants another kind of argument: what it takes is in the manual page bpf-helpers(7)",
    ),
    Mistake(
        "dead-code",
        "unreachable insn|last insn is not an exit or jmp|jump out of range",
        "code that cannot be reached, or a function without an end: a missing return, or __builtin_unreachable()",
    ),
    Mistake(
        "misaligned",
        "misaligned .*access",
        "the address is not a multiple of the size: pack or order the members, or copy with __builtin_memcpy",
    ),
)


def recognise(refusal: str, context: str = "") -> Mistake | None:
    """Return the mistake that a refusal of the verifier speaks of, None for others.

    Args:
        refusal: its last words.
        context: some lines before them, which are looked at where the words alone do not tell.
    """
    if "allowed memory range" in refusal:  # of what memory, the line before it says
        refusal = "\n".join([*context.splitlines()[-3:], refusal])
    for text in (refusal, context):
        for mistake in MISTAKES:
            if text and re.search(mistake.pattern, text):
                return mistake
    return None


NEEDS_PERFMON = "needs-perfmon"


def of_privileges(refusal: str, mistake: Mistake | None, held: int) -> Mistake | None:
    """Return the mistake as it is where CAP_PERFMON is not held: what the verifier refuses then is mostly that.

    Args:
        refusal: its last words.
        mistake: the usual one that they speak of.
        held: the capabilities of who loaded the program, as a bit set.
    """
    from eunomia.package.perfmon import HELPERS
    from eunomia.package.privileges import PERFMON, missing

    if mistake is None or not any(missing((PERFMON,), held)):
        return mistake
    if mistake.name == "wrong-helper":
        found = re.search(r" bpf_\w+#(\d+)", refusal)
        if found is None or int(found[1]) not in HELPERS:
            return mistake
        return Mistake(
            NEEDS_PERFMON, mistake.pattern, "this helper needs CAP_PERFMON, which is not held: run with sudo"
        )
    if mistake.name in ("pointer-arithmetic", "uninitialised-stack") or "!root" in refusal:
        advice = (
            f"without CAP_PERFMON, which is not held, the verifier is stricter: run with sudo; else {mistake.advice}"
        )
        return Mistake(NEEDS_PERFMON, mistake.pattern, advice)
    return mistake


def of_null(refusal: str, states: dict[str, str], before: list[str]) -> Mistake | None:
    """Return the mistake where a pointer is used on the way on which it is NULL, a number to the verifier.

    Args:
        refusal: its last words.
        states: of registers, by number.
        before: the lines of the log up to it.
    """
    found = re.match(r"R(\d+) invalid mem access '(?:scalar|inv)'", refusal)
    if found is None or not re.fullmatch(r"(?:invP?|P|scalar\()?0\)?", states.get(found[1], "")):
        return None
    asked = re.compile(r"call bpf_(ringbuf_reserve|\w*lookup|\w*storage_get)")
    called = next((line for line in reversed(before) if asked.search(line)), "")
    name = "unchecked-reservation" if "ringbuf_reserve" in called else "missing-null-check"
    return next(each for each in MISTAKES if each.name == name)
