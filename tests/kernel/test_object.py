"""Opening, loading, attaching and closing real objects; what failures say."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.errors import AttachError, UnsupportedError, VerifierError
from eunomia.kernel.object import Object
from eunomia.package.model import Package
from support.networks import ip, with_own_bpffs

HEAD = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
"""
COUNTER = """
struct counted { __u32 pid; char comm[16]; };
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, struct counted);
    __type(value, __u64);
} counts SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 2);
    __type(key, __u32);
    __type(value, __u32);
} percpu SEC(".maps");
const volatile int answer = 1;
int seen_in_bss;
static __always_inline int count(void)
{
    struct counted key = {.pid = bpf_get_current_pid_tgid() >> 32};
    __u64 value = answer;
    __u32 zero = 0, *mine = bpf_map_lookup_elem(&percpu, &zero);
    struct task_struct *task = (void *)bpf_get_current_task();
    bpf_get_current_comm(key.comm, sizeof(key.comm));
    if (BPF_CORE_READ(task, real_parent, tgid))
        bpf_map_update_elem(&counts, &key, &value, 0);
    if (mine)
        *mine += 1;
    return 0;
}
"""
COUNTING = HEAD + COUNTER + 'SEC("tp/sched/sched_process_exec") int on_exec(void *ctx) { return count(); }\n'


def make(tmp_path: Path, source: str, name: str = "probe") -> Package:
    path = tmp_path / f"{name}.bpf.c"
    path.write_text(source)
    return compile_source(str(path))


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[Object]:
    with make(tmp_path, COUNTING).load() as loaded:
        yield loaded


def run_true() -> int:
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    return child.pid


def test_a_tracepoint_program_counts_execs_without_a_mounted_tracefs(counting: Object) -> None:
    counting.attach()
    pid = run_true()

    assert counting.maps["counts"][(pid, "true")] == 1
    assert counting.used_minimal_btf


def test_an_option_written_before_load_reaches_the_program(tmp_path: Path) -> None:
    with make(tmp_path, COUNTING).load({"answer": 42}) as loaded:
        loaded.attach()
        pid = run_true()

        assert loaded.maps["counts"][(pid, "true")] == 42


def test_an_unknown_section_or_offset_is_refused(tmp_path: Path) -> None:
    with Object.open(make(tmp_path, COUNTING)) as opened:
        with pytest.raises(OSError, match=r"write section \.nowhere: the object has no such section"):
            opened.write(".nowhere", 0, b"x")
        with pytest.raises(OSError, match="of an initial value of 4"):
            opened.write(".rodata", 2, b"long")


def test_maps_are_typed_mappings_with_batches(counting: Object) -> None:
    counts = counting.maps["counts"]
    for pid in range(1000):
        counts[(pid, f"comm{pid}")] = pid * 2

    items = dict(counts.items())

    assert len(counts) == 1000
    assert items[(7, "comm7")] == 14
    assert next(iter(counts)).comm.startswith("comm")
    del counts[(7, "comm7")]
    assert (7, "comm7") not in counts
    with pytest.raises(KeyError):
        counts[(7, "comm7")]
    with pytest.raises(ValueError, match="key of map counts"):
        counts[(7, "a text that is longer than the array")]


def test_a_per_cpu_map_has_a_value_for_each_cpu(counting: Object) -> None:
    percpu = counting.maps["percpu"]
    percpu[1] = [10 + cpu for cpu in range(os.cpu_count() or 1)]

    assert percpu[1][0] == 10
    assert dict(percpu.items())[1] == percpu[1]


def test_closing_detaches_unloads_and_may_be_repeated(tmp_path: Path) -> None:
    loaded = make(tmp_path, COUNTING).load()
    link = loaded.attach()[0]
    link.detach()
    link.detach()
    assert not loaded.programs["on_exec"].attached
    loaded.close()
    loaded.close()

    with pytest.raises(ValueError, match="closed"):
        loaded.load()
    with pytest.raises(ValueError, match="closed"):
        assert loaded.maps


def test_programs_for_kernel_types_attach_and_fire(tmp_path: Path) -> None:
    source = (
        HEAD
        + COUNTER
        + 'SEC("tp_btf/sched_process_exec") int BPF_PROG(on_exec, struct task_struct *p) { return count(); }\n'
    )
    with make(tmp_path, source).load() as loaded:
        loaded.attach()
        pid = run_true()

        assert loaded.maps["counts"][(pid, "true")] == 1


def test_a_minimal_btf_relocates_to_the_same_instructions_as_the_whole(tmp_path: Path) -> None:
    source = (
        HEAD
        + COUNTER
        + """
struct task_struct___old { long state; } __attribute__((preserve_access_index));
SEC("raw_tp/sched_switch") int on_switch(u64 *ctx)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    __u64 sum = BPF_CORE_READ(task, mm, start_stack) + BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
    sum += BPF_CORE_READ(task, se.vruntime);
    struct task_struct___old *old = (void *)task;
    if (bpf_core_field_exists(old->state))
        sum += BPF_CORE_READ(old, state);
    if (bpf_core_type_exists(struct rq) && bpf_core_enum_value_exists(enum pid_type, PIDTYPE_TGID))
        sum += bpf_core_enum_value(enum pid_type, PIDTYPE_TGID) + bpf_core_type_size(struct file);
    sum += BPF_CORE_READ_BITFIELD_PROBED(task, sched_reset_on_fork);
    seen_in_bss = sum;
    return 0;
}
"""
    )
    package = make(tmp_path, source)
    digests = []
    for plain in (False, True):
        with package.load(plain_btf=plain) as loaded:
            assert loaded.used_minimal_btf is not plain
            digests.append(xlated(loaded.programs["on_switch"].fd))

    assert digests[0] == digests[1]
    assert len(digests[0]) > 40


def xlated(fd: int) -> list[str]:
    """The relocated instructions as the kernel shows them, without addresses of maps."""
    link = Path(f"/proc/self/fdinfo/{fd}").read_text()
    number = next(line.split()[1] for line in link.splitlines() if line.startswith("prog_id"))
    shown = subprocess.run(
        ["bpftool", "prog", "dump", "xlated", "id", number, "opcodes"], capture_output=True, text=True, check=True
    )
    return [line for line in shown.stdout.splitlines() if "map[" not in line and not line.strip().startswith("18 ")]


def test_a_misspelt_tracepoint_is_named_with_the_near_one(tmp_path: Path) -> None:
    package = make(tmp_path, HEAD + 'SEC("tp/sched/sched_proces_exec") int f(void *ctx) { return 0; }')
    with package.load() as loaded, pytest.raises(AttachError) as failed:
        loaded.attach()

    assert str(failed.value) == (
        "attach program f: tracepoint sched/sched_proces_exec: not in this kernel "
        "[did you mean sched/sched_process_exec?]"
    )


def test_a_misspelt_btf_tracepoint_is_named_with_the_near_one(tmp_path: Path) -> None:
    package = make(tmp_path, HEAD + 'SEC("tp_btf/sched_proces_exec") int f(void *ctx) { return 0; }')
    with pytest.raises(UnsupportedError) as failed:
        package.load()

    assert str(failed.value) == (
        "load program f: tracepoint sched_proces_exec: not in this kernel's BTF [did you mean sched_process_exec?]"
    )


def test_the_verifier_is_quoted_with_its_last_useful_line(tmp_path: Path) -> None:
    source = (
        HEAD
        + COUNTER
        + """SEC("tp/sched/sched_process_exec") int bad(void *ctx)
{
    struct counted key = {};
    return *(__u64 *)bpf_map_lookup_elem(&counts, &key);
}
"""
    )
    with pytest.raises(VerifierError) as failed:
        make(tmp_path, source).load()

    assert "load program bad: the verifier refuses it: R0 invalid mem access 'map_value_or_null'" in str(failed.value)
    assert "\n" not in str(failed.value)
    assert "BEGIN PROG LOAD LOG" in failed.value.log


def test_a_program_that_cannot_attach_detaches_those_before_it(tmp_path: Path) -> None:
    source = COUNTING + 'SEC("raw_tp/no_such_thing") int late(void *ctx) { return 0; }\n'
    with make(tmp_path, source).load() as loaded:
        with pytest.raises(
            AttachError, match=r"raw tracepoint no_such_thing: not in this kernel \[--skip late runs without it\]"
        ):
            loaded.attach()
        assert not loaded.programs["on_exec"].attached
        assert [link.program.name for link in loaded.attach(skip=("late",))] == ["on_exec"]


def test_an_optional_program_is_passed_over_at_load_and_at_attach(tmp_path: Path) -> None:
    source = (
        COUNTING
        + """
/// @optional true
SEC("tp_btf/no_such_tracepoint") int unloadable(void *ctx) { return 0; }
/// @optional true
SEC("raw_tp/no_such_thing") int unattachable(void *ctx) { return 0; }
"""
    )
    with make(tmp_path, source).load({"answer": 5}) as loaded:
        loaded.attach()
        pid = run_true()

        assert set(loaded.skipped) == {"unloadable", "unattachable"}
        assert "no_such_tracepoint: not in this kernel's BTF" in loaded.skipped["unloadable"]
        assert loaded.maps["counts"][(pid, "true")] == 5  # options survive the second try


def test_a_program_type_that_this_kernel_locks_away_is_named(tmp_path: Path) -> None:
    package = make(tmp_path, HEAD + 'SEC("fentry/do_sys_openat2") int BPF_PROG(f) { return 0; }')
    with pytest.raises(UnsupportedError, match=r"^load program f.*: this kernel refuses the program type even to root"):
        package.load()


def test_xdp_and_tc_attach_to_loopback_and_leave_nothing(tmp_path: Path) -> None:
    source = (
        HEAD
        + """
/// @ifindex 1
SEC("xdp") int pass_xdp(struct xdp_md *ctx) { return 2; }
/// @tchook {"ifindex": 1, "attach_point": "BPF_TC_INGRESS"}
/// @tcopts {"handle": 7, "priority": 7}
SEC("tc") int pass_tc(struct __sk_buff *skb) { return -1; }
"""
    )
    package = make(tmp_path, source)
    with package.load() as loaded:
        loaded.attach()
        assert "prog/xdp" in ip("link", "show", "lo")
        filters = with_own_bpffs("tc", "filter", "show", "dev", "lo", "ingress")
        assert "pass_tc" in filters
        assert "pref 7" in filters
        with (
            package.load() as second,
            pytest.raises(AttachError, match=r"interface lo: another XDP program is attached there"),
        ):
            second.attach()
        with (
            package.load() as second,
            pytest.raises(AttachError, match=r"a filter with handle 7 and priority 7 is there already"),
        ):
            second.attach(skip=("pass_xdp",))
        assert "pass_tc" in with_own_bpffs("tc", "filter", "show", "dev", "lo", "ingress")

    assert "prog/xdp" not in ip("link", "show", "lo")
    assert "clsact" not in qdiscs()


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("uprobe//bin/bash:no_such_symbol", r"/bin/bash has no symbol no_such_symbol"),
        ("uretprobe//bin/bash:readlin", r"/bin/bash has no symbol readlin \[did you mean readline\?\]"),
        ("uprobe/no_such_program:main", r"binary no_such_program: not found in PATH or among the libraries"),
        ("uprobe//no/such/file:main", r"binary /no/such/file: no such file or directory"),
        ("uprobe/bash", r"bash: not of the form BINARY:FUNCTION"),
        ("usdt/bash:nobody:nothing", r"bash:nobody:nothing: no such USDT probe in it"),
        ("raw_tp/sched_swich", r"raw tracepoint sched_swich: not in this kernel \[did you mean sched_switch\?\]"),
        ("socket", r"its section does not say where to attach \[--attach f=socket:IFACE"),
    ],
)
def test_a_target_that_is_missing_is_named_with_the_near_one(tmp_path: Path, section: str, said: str) -> None:
    package = make(tmp_path, HEAD + f'SEC("{section}") int f(void *ctx) {{ return 0; }}')
    with package.load() as loaded, pytest.raises(AttachError, match=said):
        loaded.attach()


def test_a_library_is_found_as_the_linker_finds_it(tmp_path: Path) -> None:
    package = make(tmp_path, HEAD + 'SEC("uprobe/libc.so.6:getaddrinfo") int f(void *ctx) { return 0; }')
    with package.load() as loaded:
        loaded.attach()
        assert loaded.programs["f"].attached


def test_a_missing_btf_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file") as failed:
        Object.open(make(tmp_path, COUNTING), btf=str(tmp_path / "none.btf"))

    assert failed.value.errno == errno.ENOENT


def test_a_file_of_kernel_types_is_used_instead_of_the_kernels(tmp_path: Path) -> None:
    copy = tmp_path / "vmlinux.btf"
    copy.write_bytes(Path("/sys/kernel/btf/vmlinux").read_bytes())
    with Object.open(make(tmp_path, COUNTING), btf=str(copy)) as loaded:
        loaded.load()
        loaded.attach()
        pid = run_true()

        assert (pid, "true") in loaded.maps["counts"]


def qdiscs() -> str:
    return with_own_bpffs("tc", "qdisc", "show", "dev", "lo")


TWO_WAYS = (
    HEAD + 'SEC("tc/ingress") int in(struct __sk_buff *skb) { return 0; }\n'
    'SEC("tc/egress") int out(struct __sk_buff *skb) { return 0; }\n'
)


@pytest.mark.parametrize("first", ["in", "out"])
def test_the_last_of_our_filters_takes_the_qdisc_with_it(tmp_path: Path, first: str) -> None:
    with make(tmp_path, TWO_WAYS).load() as loaded:
        loaded.attach()
        loaded.programs[first].detach()
        assert "clsact" in qdiscs()
        loaded.programs["out" if first == "in" else "in"].detach()
        assert "clsact" not in qdiscs()


def test_a_qdisc_that_others_use_by_now_stays(tmp_path: Path) -> None:
    ours, other = make(tmp_path, TWO_WAYS), make(tmp_path, TWO_WAYS)
    for program in other.meta["bpf_skel"]["progs"]:
        program["tcopts"] = {"handle": 2, "priority": 9}
    first = ours.load()
    try:
        first.attach()
        with other.load() as second:
            second.attach()
            first.close()
            assert "clsact" in qdiscs()
            assert all(program.attached for program in second.programs.values())
    finally:
        first.close()
        with_own_bpffs("tc", "qdisc", "del", "dev", "lo", "clsact")  # the second did not make it


def test_pinning_outside_of_a_bpf_file_system_says_so(counting: Object, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"pin map counts at .*/pinned: invalid argument \[the folder must be of a BPF"):
        counting.maps["counts"].pin(str(tmp_path / "pinned"))
