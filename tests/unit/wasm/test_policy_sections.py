"""The policy for every section that libbpf knows: what looks is allowed, what changes something is not."""

from __future__ import annotations

import pytest

from eunomia.wasm import kinds
from eunomia.wasm.policy import Policy, Wish
from support.sections import known_sections, only_looks

SECTIONS = known_sections()


def test_the_sections_were_found() -> None:
    heads = {section.replace("/", ".").split(".")[0] for section in SECTIONS}

    assert len(SECTIONS) >= 95
    assert heads >= {
        "socket", "sk_reuseport", "kprobe", "uretprobe", "ksyscall", "usdt", "tc", "classifier", "action", "tcx",
        "netkit", "tracepoint", "raw_tp", "tp_btf", "fentry", "fmod_ret", "fexit", "freplace", "lsm", "lsm_cgroup",
        "iter", "syscall", "xdp", "perf_event", "lwt_in", "lwt_seg6local", "sockops", "sk_skb", "sk_msg",
        "lirc_mode2", "flow_dissector", "cgroup_skb", "cgroup", "sk_lookup", "struct_ops", "netfilter",
    }  # fmt: skip


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_a_section_is_refused_unless_its_programs_only_look(section: str) -> None:
    kind, attach = SECTIONS[section]
    looks = only_looks(kind, attach)

    for written in (section, f"?{section}", f"{section}/x"):
        word = kinds.word_of(kind, attach, written)
        wish = Wish("p", word, written)
        refused = Policy(machine=False).refuse_type(wish)
        assert bool(refused) is not looks, written
        if refused:
            assert refused.endswith(f"[--allow prog-type={word}]")
            assert Policy([f"prog-type={word}"], machine=False).refuse_type(wish) == ""
        assert kinds.of_section(written) == word  # what `ecli inspect` says of it
        assert Policy(deny=[f"prog-type={word}"], machine=False).refuse_type(wish) != ""


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_a_type_that_is_set_over_a_section_is_refused_where_one_of_the_two_changes_something(section: str) -> None:
    mine = only_looks(*SECTIONS[section])

    for kind, attach in {*SECTIONS.values(), (26, 0), (33, 0), (0, 0)}:
        word = kinds.word_of(kind, attach, section)
        refused = Policy(machine=False).refuse_type(Wish("p", word, section))
        if not mine or not (only_looks(kind, attach) or kind == 0):
            handled = kind == 17 and mine  # a section's own type until it is loaded (native/handlers.c)
            assert refused or handled, (kind, attach, word)
