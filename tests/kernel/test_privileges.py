"""The table of capabilities on this kernel, as an ordinary user: what it says is enough, and none of it is too much."""

from __future__ import annotations

import pytest

from eunomia.compiler import compile_source
from support.privileged import attempt, needs, without_each
from vm.programs.table import BY_NAME

# One of each row of the table that this kernel has: it has no kprobes, and refuses fentry, LSM and freplace.
CASES = (
    "tp", "raw_tp", "tp_btf", "uprobe", "uprobe_multi", "usdt", "iter_task", "perf_event", "xdp", "tc", "tcx", "socket",
    "sockops", "sk_msg", "sk_skb", "sk_lookup", "sk_reuseport", "flow_dissector", "netfilter", "cgroup_skb_egress",
    "cgroup_connect4", "struct_ops",
)  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_the_table_says_is_enough_and_each_of_it_is_needed(name: str, root: object) -> None:
    case, package = BY_NAME[name], compile_source(f"{root}/tests/vm/programs/{name}.bpf.c")
    steps = needs(package)

    assert attempt(case, package, **steps) == ("", ""), steps
    for step, capability, fewer in without_each(steps):
        failed, why = attempt(case, package, **fewer)

        assert failed == step, (capability, why)
        assert capability in why, why
