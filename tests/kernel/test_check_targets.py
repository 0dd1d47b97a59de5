"""`ecli check` with the words of a run: targets, alternatives, programs that are off, maps; on the running kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

import eunomia
from eunomia.errors import EunomiaError
from support.commands import Command
from support.networks import inside, network
from support.objects import build

CGROUP = 'SEC("cgroup_skb/egress") int probe(struct __sk_buff *skb) { return 1; }'
XDP = 'SEC("xdp") int probe(struct xdp_md *ctx) { return XDP_PASS; }'
OFF = """
SEC("tp/syscalls/sys_enter_getpid") int on(void *ctx) { return 0; }
SEC("?tp/syscalls/no_such_event") int off(void *ctx) { return 0; }
"""
GROUP = """
/// @alternative getpid
SEC("tp/syscalls/%s") int first(void *ctx) { return 0; }
/// @alternative getpid
SEC("tp/syscalls/%s") int second(void *ctx) { return 0; }
"""
CONTROL = """
SEC("struct_ops") __u32 BPF_PROG(threshold, struct sock *sk) { return 2; }
SEC("struct_ops") void BPF_PROG(avoid, struct sock *sk, __u32 ack, __u32 acked) {}
SEC("struct_ops") __u32 BPF_PROG(undo, struct sock *sk) { return 10; }
SEC(".struct_ops") struct tcp_congestion_ops ours = {
    .ssthresh = (void *)threshold, .cong_avoid = (void *)avoid, .undo_cwnd = (void *)undo, .name = "eunomia_twice",
};
"""


def cgroup_root() -> str:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return next((row[1] for row in mounts if row[2] == "cgroup2"), "")


def blocking(report: eunomia.Report) -> list[tuple[str, str]]:
    return [(each.kind, each.detail) for each in report.blocking]


def attaches(package: eunomia.Package, targets: dict[str, list[str]]) -> str:
    try:
        with package.load() as obj:
            obj.attach(targets=targets)
    except (EunomiaError, OSError):
        return "no"
    return "yes"


def test_a_program_that_needs_a_target_runs_with_one_only(tmp_path: Path) -> None:
    package = build(tmp_path, CGROUP)
    there = {"probe": [f"cgroup:{cgroup_root()}"]}

    assert blocking(package.check()) == [("attach target", "its section does not say where to attach")]
    assert package.check(targets=there).runs == attaches(package, there) == "yes"
    (missing,) = package.check(targets={"probe": ["cgroup:/no/such/group"]}).blocking
    assert "cgroup /no/such/group: no such file or directory" in missing.detail
    assert "[" not in missing.detail
    assert missing.advice


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("iface:lo,generic", ""),
        ("iface:nosuch0", "interface nosuch0: no such interface"),
        ("iface:lo,native", "interface lo: its driver has no native XDP mode"),
        ("iface:lo,sideways", "target iface:lo,sideways: unknown option sideways"),
        ("cgroup:/", "cgroup:/ is no target for it"),
    ],
)
def test_a_target_of_an_interface_is_judged_as_attaching_does(tmp_path: Path, target: str, said: str) -> None:
    package = build(tmp_path, XDP)

    report = package.check(targets={"probe": [target]})

    assert report.runs == attaches(package, {"probe": [target]}) == ("no" if said else "yes")
    assert all(said in each.detail for each in report.blocking)


def test_a_program_that_is_off_is_judged_where_it_is_enabled(tmp_path: Path) -> None:
    package = build(tmp_path, OFF)

    assert package.check().runs == "yes"
    report = package.check(enable=["off"])
    assert [each.name for each in report.blocking] == ["tp/syscalls/no_such_event"]
    assert package.check(enable=["off"], skip=["off"]).runs == "yes"  # loaded and not attached, as in a run
    with pytest.raises(KeyError, match="no program other"):
        package.check(enable=["other"])


@pytest.mark.parametrize(
    ("first", "second", "runs"),
    [
        ("sys_enter_getpid", "no_such", "first"),
        ("no_such", "sys_enter_getpid", "second"),
        ("no_such", "neither", ""),
    ],
)
def test_of_alternatives_one_is_enough(tmp_path: Path, first: str, second: str, runs: str) -> None:
    package = build(tmp_path, GROUP % (first, second))

    report = package.check()

    (group,) = (each for each in report.findings if each.kind == "alternative")
    assert report.runs == attaches(package, {}) == ("yes" if runs else "no")
    assert group.detail.startswith(f"{runs} (tp/syscalls/" if runs else "none of first")


def test_a_program_that_others_call_needs_no_target(tmp_path: Path) -> None:
    source = """
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 1); __type(key, u32);
         __array(values, int (void *)); }
    later SEC(".maps") = { .values = { [0] = (void *)&called } };
SEC("cgroup_skb/egress") int called(struct __sk_buff *skb) { return 1; }
SEC("cgroup_skb/egress") int calls(struct __sk_buff *skb) { bpf_tail_call(skb, &later, 0); return 1; }
"""
    source = "int called(struct __sk_buff *skb);\n" + source
    package = build(tmp_path, source)
    there = {"calls": [f"cgroup:{cgroup_root()}"]}

    assert package.check(targets=there).runs == attaches(package, there) == "yes"


def test_values_of_a_cpu_that_are_too_large_are_named(tmp_path: Path) -> None:
    source = """
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, u32);
         __type(value, char[65536]); }
    large SEC(".maps");
SEC("tp/syscalls/sys_enter_getpid") int probe(void *ctx) { u32 key = 0; return !bpf_map_lookup_elem(&large, &key); }
"""
    package = build(tmp_path, source)

    assert attaches(package, {}) == "no"
    assert blocking(package.check()) == [
        ("map", "its values have 65536 bytes on each CPU, the kernel allows 32768"),
    ]


def test_values_of_options_decide_what_is_looked_at(tmp_path: Path) -> None:
    source = """
struct task_struct___future { int rank; } __attribute__((preserve_access_index));
const volatile bool ranks = 0;
u64 seen;
SEC("tp/syscalls/sys_enter_getpid") int probe(void *ctx) {
    struct task_struct___future *task = (void *)bpf_get_current_task();
    if (ranks)
        seen = BPF_CORE_READ(task, rank);
    return 0;
}
"""
    package = build(tmp_path, source)

    assert package.check().runs == "yes"
    assert [each.name for each in package.check(values={"ranks": True}).blocking] == ["field task_struct.rank"]


def test_the_command_takes_the_words_of_a_run(ecli: Command, tmp_path: Path) -> None:
    build(tmp_path, XDP)
    source = str(tmp_path / "probe.bpf.c")

    missing = ecli("check", source, "--iface", "nosuch0")

    assert missing.returncode == 1
    assert "missing  attach target: iface:nosuch0" in missing.stdout.splitlines()
    assert ecli("check", source, "--iface", "lo").returncode == 0
    assert ecli("check", "--iface", "lo", source, "--skip", "nothing").returncode == 2
    wrong = ecli("check", source, "--attach", "cgroup:/")
    assert (wrong.returncode, "no program of the package can be attached" in wrong.stderr) == (2, True)


def test_the_transcript_in_the_reference_is_what_is_printed(ecli: Command, root: Path, tmp_path: Path) -> None:
    page = (root / "docs/reference/check.md").read_text()
    shown = page.partition("$ sudo ecli check unlink.bpf.c\n")[2].partition("```")[0]
    source = page.partition("## The package above")[2].partition("```c\n")[2].partition("```")[0]
    (tmp_path / "unlink.bpf.c").write_text(source)

    printed = ecli("check", str(tmp_path / "unlink.bpf.c"))

    assert printed.returncode == 1
    # what is missing on every kernel; what kprobes and fentry lack differs from kernel to kernel
    common = [block for block in shown.split("\n\n") if "kprobe" not in block and block.startswith("missing")]
    assert len(common) == 5
    assert [block for block in common if block.rstrip() not in printed.stdout] == []


def test_a_slot_that_a_link_holds_cannot_be_replaced(tmp_path: Path) -> None:
    package, targets = build(tmp_path, XDP), {"probe": ["iface:lo,generic,replace"]}
    with network() as name, inside(name):
        assert package.check(targets=targets).runs == "yes"
        with package.load() as holder:
            holder.attach(targets={"probe": ["iface:lo,generic"]})
            report = package.check(targets=targets)

            assert report.runs == attaches(package, targets) == "no"
            assert "its XDP slot is held by link" in report.blocking[0].detail


def test_a_congestion_control_whose_name_is_taken_is_not_attached(tmp_path: Path) -> None:
    package = build(tmp_path, CONTROL)

    assert package.check().runs == "yes"
    with package.load() as holder:
        holder.attach()
        assert blocking(package.check()) == [
            ("attach target", "another congestion control named eunomia_twice is registered")
        ]
        assert attaches(package, {}) == "no"


def test_a_struct_ops_program_that_is_no_member_is_told(tmp_path: Path) -> None:
    package = build(tmp_path, CONTROL + 'SEC("struct_ops") void BPF_PROG(lone, struct sock *sk) {}')

    assert attaches(package, {}) == package.check().runs == "no"
    assert [each.programs for each in package.check().blocking] == [("lone",)]


def test_a_function_with_nearly_the_name_is_offered(tmp_path: Path) -> None:
    package = build(tmp_path, 'SEC("uprobe/libc.so.6:mallocc") int probe(void *ctx) { return 0; }')

    assert [each.advice for each in package.check().blocking] == ["did you mean malloc?"]


def test_programs_that_lack_the_same_control_group_are_one_line(ecli: Command) -> None:
    lines = ecli("check", "connectguard").lines

    assert sum("its section does not say where to attach" in line for line in lines) == 1
    assert "         programs connect_ipv4, connect_ipv6, sendmsg_ipv4, sendmsg_ipv6" in lines
    assert "         > ecli run --attach-cgroup PATH" in lines
