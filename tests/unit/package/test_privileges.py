"""The table of capabilities: its rows, what an object needs, and the page that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from eunomia.package.privileges import NUMBERS, command, lacking, markdown, row_of


@pytest.mark.parametrize(
    ("section", "title"),
    [
        ("tp/syscalls/sys_enter_open", "tracepoints"),
        ("tp_btf/sched_switch", "raw tracepoints"),
        ("raw_tp.w/nbd", "raw tracepoints"),
        ("kprobe/do_exit", "kprobes"),
        ("kprobe.multi/tcp_*", "kprobes of several functions"),
        ("?uprobe//bin/bash:readline", "uprobes"),
        ("uprobe.s", "uprobes"),
        ("uprobe.multi.s/libc:open*", "uprobes of several functions"),
        ("fentry.s/vfs_read", "fentry and the like"),
        ("lsm_cgroup/socket_bind", "LSM"),
        ("tc/ingress", "tc"),
        ("tcx/egress", "tcx, netkit"),
        ("cgroup_skb/egress", "traffic of control groups"),
        ("cgroup/connect4", "control groups"),
        ("socket", "socket filters"),
        ("sk_skb/stream_parser", "socket maps"),
        ("sk_reuseport/migrate", "socket choice"),
        ("struct_ops.s/init", "struct_ops"),
        ("xdp.frags", "XDP"),
    ],
)
def test_a_section_has_the_row_of_its_longest_beginning(section: str, title: str) -> None:
    row = row_of(section)

    assert row is not None
    assert row.title == title


def test_a_section_that_libbpf_does_not_know_has_no_row() -> None:
    assert row_of(".text") is None
    assert row_of("tpfoo/x") is None


def test_what_is_lacking_in_words() -> None:
    bpf, perfmon = 1 << NUMBERS["CAP_BPF"], 1 << NUMBERS["CAP_PERFMON"]

    assert lacking(("CAP_BPF", "CAP_PERFMON"), bpf | perfmon) == ""
    assert lacking(("CAP_BPF", "CAP_PERFMON"), bpf) == "CAP_PERFMON"
    assert lacking(("CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"), 0) == "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"
    assert lacking(("CAP_BPF", "CAP_PERFMON"), 1 << NUMBERS["CAP_SYS_ADMIN"]) == ""


def test_the_command_gives_just_these() -> None:
    words = command(["CAP_BPF", "CAP_NET_ADMIN"])

    assert words.endswith("--inh-caps +bpf,+net_admin --ambient-caps +bpf,+net_admin")


def test_the_page_has_the_table(root: Path) -> None:
    page = (root / "docs/reference/privileges.md").read_text()

    assert page.partition("compares -->\n")[2].partition("<!-- end -->")[0] == markdown()
