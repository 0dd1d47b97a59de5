"""The verifier's words of several kernels: registers in words, mistakes by name."""

from __future__ import annotations

import pytest

from eunomia.kernel.preflight.mistakes import MISTAKES, NEEDS_PERFMON, of_null, of_privileges, recognise
from eunomia.kernel.preflight.words import describe, registers, states


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("scalar()", "any number: nothing is known of its range"),
        ("inv(id=0)", "any number: nothing is known of its range"),
        ("scalar(smin=0,smax=umax=255,var_off=(0x0; 0xff))", "a number from 0 to 255"),
        ("inv(id=0,umax_value=15,var_off=(0x0; 0xf))", "a number from 0 to 15"),
        ("7", "the number 7"),
        ("inv0", "the number 0, NULL for a pointer"),
        ("fp-16", "an address on the stack, -16 from its frame"),
        ("ctx(id=0,off=0,imm=0)", "the program's context"),
        (
            "map_value_or_null(id=2,map=m,ks=4,vs=8)",
            "a pointer into a value of 8 bytes of map m, or NULL: it was not checked",
        ),
        ("map_value(off=16,ks=4,vs=64,imm=0)", "a pointer into a value of 64 bytes of a map at offset 16"),
        ("pkt(off=14,r=0)", "a pointer into the packet at offset 14, of which 0 bytes were checked"),
        ("trusted_ptr_task_struct(off=8)", "a pointer to struct task_struct of the kernel at offset 8"),
        ("something_new(x=1)", "something_new(x=1)"),
    ],
)
def test_states_of_old_and_new_kernels_are_put_into_words(state: str, words: str) -> None:
    assert describe(state) == words


def test_the_registers_of_a_refusal_are_told_by_their_last_state() -> None:
    log = ["3: (85) call bpf_map_lookup_elem#1      ; R0_w=map_value_or_null(id=1,map=m,ks=4,vs=8)", "R1=ctx() R10=fp0"]

    told = list(registers("R0 invalid mem access 'map_value_or_null'", states(log)))

    assert told == ["R0 is a pointer into a value of 8 bytes of map m, or NULL: it was not checked"]


@pytest.mark.parametrize(
    ("refusal", "name"),
    [
        ("unknown func bpf_ringbuf_output#130", "wrong-helper"),
        ("invalid func unknown#195896080", "missing-relocation"),
        ("invalid indirect read from stack off -16+4 size 16", "uninitialised-stack"),
        ("R0 invalid mem access 'inv'", "unchecked-pointer"),
        ("invalid stack type R2 off=-520 access_size=8", "outside-the-stack"),
        ("back-edge from insn 7 to 3", "unbounded-loop"),
        ("Unreleased reference id=2 alloc_insn=7", "unreleased-reference"),
        ("At program exit the register R0 has value (0x7; 0x0) should have been in (0x0; 0x1)", "wrong-return"),
        ("invalid access to packet, off=12 size=1, R1(id=0,off=12,r=0)", "unchecked-packet"),
    ],
)
def test_refusals_of_older_kernels_are_recognised_too(refusal: str, name: str) -> None:
    found = recognise(refusal)

    assert found is not None
    assert found.name == name


def test_what_is_not_known_is_no_mistake() -> None:
    assert recognise("a refusal that no kernel has written yet") is None
    assert recognise("") is None


def test_a_pointer_that_is_null_on_this_way_is_told_by_what_gave_it() -> None:
    log = ["2: (85) call bpf_ringbuf_reserve#131  ; R0=0"]

    found = of_null("R0 invalid mem access 'scalar'", {"0": "0"}, log)

    assert found is not None
    assert found.name == "unchecked-reservation"
    assert of_null("R0 invalid mem access 'scalar'", {"0": "scalar()"}, log) is None


def test_every_mistake_has_its_own_name_and_an_advice() -> None:
    assert len({each.name for each in MISTAKES}) == len(MISTAKES)
    assert all(each.advice and not each.advice.endswith(".") for each in MISTAKES)


@pytest.mark.parametrize(
    ("refusal", "held", "name"),
    [
        ("program of this type cannot use helper bpf_get_current_comm#16", 0, NEEDS_PERFMON),
        ("program of this type cannot use helper bpf_get_current_comm#16", 1 << 38, "wrong-helper"),
        ("program of this type cannot use helper bpf_xdp_adjust_head#44", 0, "wrong-helper"),
        ("R1 has unknown scalar with mixed signed bounds, pointer arithmetic with it prohibited for !root", 0,
         NEEDS_PERFMON),
    ],
)  # fmt: skip
def test_without_perfmon_a_refusal_is_for_want_of_it(refusal: str, held: int, name: str) -> None:
    mistake = of_privileges(refusal, recognise(refusal), held)

    assert mistake is not None
    assert mistake.name == name
    assert ("CAP_PERFMON" in mistake.advice) == (name == NEEDS_PERFMON)
