"""Logs of refusals, as kernels of several releases write them."""

from __future__ import annotations

from eunomia.kernel.preflight.refusal import read

OLD = """\
0: (85) call bpf_get_prandom_u32#7
1: R0_w=inv(id=0) R10=fp0
1: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'inv'
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""
NEW = """\
; *count += 1; @ a.bpf.c:20
7: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'

Verification failed: Register Type Safety: Invalid dereference

Reason:
  R0 may be NULL here (a nullable map value pointer). The program could dereference NULL on this
  path.

At:
  f @ a.bpf.c:20:12
  Source context:
      20 |     *count += 1;
         |     ^-- error: invalid dereference of R0

Suggestion:
  Add a NULL check before the access.

processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""


def test_the_last_telling_line_is_the_reason() -> None:
    said = read(OLD)

    assert (said.reason, said.insn, said.explanation) == ("R0 invalid mem access 'inv'", 1, "")
    assert said.mistake is not None
    assert said.mistake.name == "unchecked-pointer"


def test_the_report_of_newer_kernels_is_taken_apart() -> None:
    said = read(NEW)

    assert said.reason == "R0 invalid mem access 'map_value_or_null'"
    assert said.explanation == (
        "R0 may be NULL here (a nullable map value pointer). The program could dereference NULL on this path."
    )
    assert said.mistake is not None
    assert said.mistake.name == "missing-null-check"


def test_of_a_packet_the_line_before_says_what_memory_is_meant() -> None:
    outside = "R1 min value is outside of the allowed memory range"
    packet = f"invalid access to packet, off=0 size=8, R1(id=0,off=0,r=0)\n{outside}\n"
    value = f"invalid access to map value, value_size=64 off=120 size=8\n{outside}\n"

    names = [said.mistake.name for said in map(read, (packet, value)) if said.mistake is not None]
    assert names == ["unchecked-packet", "outside-the-value"]


def test_nothing_said_is_nothing_read() -> None:
    assert read("processed 0 insns\n\n").reason == ""
