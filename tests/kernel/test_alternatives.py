"""Groups of programs of which one is enough, and programs that others call."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.errors import AttachError, CompileError, EunomiaError, LoadError
from eunomia.package.model import Package
from support.commands import Command
from support.networks import inside, network, send_datagrams

HEAD = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 8);
    __type(key, __u32);
    __type(value, __u64);
} hits SEC(".maps");
static __always_inline int hit(__u32 at, int result)
{
    __u64 *value = bpf_map_lookup_elem(&hits, &at);
    if (value)
        __sync_fetch_and_add(value, 1);
    return result;
}
"""
JUMP = """
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u32);
} jump SEC(".maps");
"""
XDP = """
SEC("xdp") int entry(struct xdp_md *ctx) { hit(0, 0); bpf_tail_call(ctx, &jump, 2); return hit(1, XDP_PASS); }
SEC("xdp") int second(struct xdp_md *ctx) { hit(2, 0); bpf_tail_call(ctx, &jump, 0); return XDP_PASS; }
SEC("xdp") int third(struct xdp_md *ctx) { return hit(3, XDP_PASS); }
"""


def make(tmp_path: Path, source: str) -> Package:
    path = tmp_path / "several.bpf.c"
    path.write_text(HEAD + source)
    return compile_source(str(path))


def attached(obj: object) -> list[str]:
    return [name for name, program in obj.programs.items() if program.attached]  # type: ignore[attr-defined]


def run_true() -> None:
    subprocess.run(["/bin/true"], check=True)


def test_the_first_of_a_group_that_loads_and_attaches_is_used(tmp_path: Path) -> None:
    source = """
/// @alternative exec
SEC("fentry/no_such_function_at_all") int does_not_load(void *ctx) { return hit(0, 0); }
/// @alternative exec
SEC("tp/sched/no_such_tracepoint") int does_not_attach(void *ctx) { return hit(1, 0); }
/// @alternative exec
SEC("tp/sched/sched_process_exec") int works(void *ctx) { return hit(2, 0); }
/// @alternative exec
SEC("raw_tp/sched_process_exec") int not_needed(void *ctx) { return hit(3, 0); }
SEC("tp/sched/sched_process_exit") int other(void *ctx) { return hit(4, 0); }
"""
    with make(tmp_path, source).load() as obj:
        obj.attach()
        run_true()

        assert attached(obj) == ["works", "other"]
        assert [obj.maps["hits"][at] > 0 for at in range(5)] == [False, False, True, False, True]
        assert obj.skipped == {}
        assert obj.passed_over["not_needed"] == "works runs in its place"
        assert "no_such_tracepoint" in obj.passed_over["does_not_attach"]
        assert "no_such_function_at_all" in obj.passed_over["does_not_load"]


def test_a_group_of_which_nothing_works_ends_with_its_last(tmp_path: Path) -> None:
    source = """
/// @alternative exec
SEC("tp/sched/no_such_one") int first(void *ctx) { return 0; }
/// @alternative exec
SEC("tp/sched/no_such_two") int last(void *ctx) { return 0; }
"""
    with make(tmp_path, source).load() as obj, pytest.raises(AttachError, match=r"attach program last: .*no_such_two"):
        obj.attach()


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ("tp_btf/sched_process_exec", "raw_tp/sched_process_exec"),
        ("tp_btf/sched_process_exec", "raw_tracepoint/sched_process_exec"),
    ],
)
def test_two_ways_to_one_tracepoint_are_told_by_their_names(tmp_path: Path, newer: str, older: str) -> None:
    source = f"""
SEC("{older}") int sched_process_exec_raw(void *ctx) {{ return hit(0, 0); }}
SEC("{newer}") int sched_process_exec_btf(void *ctx) {{ return hit(1, 0); }}
"""
    with make(tmp_path, source).load() as obj:
        obj.attach()
        run_true()

        assert attached(obj) == ["sched_process_exec_btf"]
        assert obj.maps["hits"][0] == 0


def test_fentry_gives_way_to_kprobe_of_the_same_name(tmp_path: Path) -> None:
    source = """
SEC("fentry/no_such_function_at_all") int fentry_work(void *ctx) { return 0; }
SEC("kprobe/no_such_function_at_all") int kprobe_work(void *ctx) { return 0; }
"""
    with make(tmp_path, source).load() as obj:
        assert obj.programs["kprobe_work"].alternative == "fentry/no_such_function_at_all"
        assert list(obj.passed_over) == ["fentry_work"]
        with pytest.raises(AttachError, match="attach program kprobe_work"):
            obj.attach()


def test_programs_of_one_tracepoint_with_names_of_their_own_both_run(tmp_path: Path) -> None:
    source = """
SEC("raw_tp/sched_process_exec") int count_all(void *ctx) { return hit(0, 0); }
SEC("tp_btf/sched_process_exec") int measure(void *ctx) { return hit(1, 0); }
"""
    with make(tmp_path, source).load() as obj:
        obj.attach()

        assert attached(obj) == ["count_all", "measure"]


def test_the_command_says_with_v_what_runs_in_whose_place(ecli: Command, tmp_path: Path) -> None:
    source = """
/// @alternative exec
SEC("tp/sched/no_such_one") int first(void *ctx) { return 0; }
/// @alternative exec
SEC("tp/sched/sched_process_exec") int second(void *ctx) { return 0; }
"""
    path = tmp_path / "several.json"
    path.write_text(make(tmp_path, source).to_json())
    loud = ecli.start("run", "-v", path).wait_attached(1).stop()
    quiet = ecli.start("run", path).wait_attached(1).stop()

    assert "program first is left out, another does its work: attach program first" in loud.stderr
    assert quiet.stderr == ""


@pytest.mark.parametrize("annotation", ['{"2": "second", "0": "third"}', '["third", null, "second"]'])
def test_prog_arrays_are_filled_from_annotations(tmp_path: Path, annotation: str) -> None:
    package = make(tmp_path, JUMP.replace("struct {", f"/// @prog_array {annotation}\nstruct {{", 1) + XDP)
    with network() as name, inside(name), package.load() as obj:
        obj.attach(targets={"entry": ["iface:lo,generic"]})
        send_datagrams(3)

        assert attached(obj) == ["entry"]
        assert [obj.maps["hits"][at] for at in range(4)] == [3, 0, 3, 3]


def test_tail_called_programs_of_other_tools_are_not_attached(tmp_path: Path) -> None:
    source = """
int called(struct xdp_md *ctx);
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 4);
    __uint(key_size, 4);
    __array(values, int(struct xdp_md *));
} jump SEC(".maps") = {.values = {[1] = (void *)&called}};
SEC("xdp") int entry(struct xdp_md *ctx) { hit(0, 0); bpf_tail_call(ctx, &jump, 1); return XDP_PASS; }
SEC("xdp") int called(struct xdp_md *ctx) { return hit(1, XDP_PASS); }
"""
    package = make(tmp_path, source)
    with network() as name, inside(name), package.load() as obj:
        obj.attach()
        send_datagrams(2)

        assert attached(obj) == ["entry"]
        assert (obj.maps["hits"][0], obj.maps["hits"][1]) == (2, 2)


def test_a_program_that_calls_itself_is_attached(tmp_path: Path) -> None:
    source = (
        JUMP.replace("struct {", '/// @prog_array ["again"]\nstruct {', 1)
        + """
SEC("xdp") int again(struct xdp_md *ctx)
{
    __u32 zero = 0;
    __u64 *value = bpf_map_lookup_elem(&hits, &zero);
    hit(0, 0);
    if (value && *value < 5)
        bpf_tail_call(ctx, &jump, 0);
    return XDP_PASS;
}
"""
    )
    package = make(tmp_path, source)
    with network() as name, inside(name), package.load() as obj:
        obj.attach()
        send_datagrams(1)

        assert obj.maps["hits"][0] == 5


@pytest.mark.parametrize(
    ("annotation", "error", "message"),
    [
        (
            '{"2": "nosuch"}',
            LoadError,
            r"fill map jump: @prog_array: no program nosuch \(there are entry, second, third\)",
        ),
        ('{"9": "second"}', LoadError, "fill map jump: @prog_array: place 9, but it has 4"),
        ('{"x": "second"}', CompileError, "@prog_array: place 'x' is no number"),
        ("second", CompileError, "@prog_array: expected a list of programs"),
        ("[]", CompileError, "@prog_array: expected a list of programs"),
    ],
)
def test_a_wrong_prog_array_is_named(tmp_path: Path, annotation: str, error: type[EunomiaError], message: str) -> None:
    with pytest.raises(error, match=message):
        make(tmp_path, JUMP.replace("struct {", f"/// @prog_array {annotation}\nstruct {{", 1) + XDP).load().close()


def test_programs_of_other_types_do_not_fit_into_an_array(tmp_path: Path) -> None:
    source = (
        JUMP.replace("struct {", '/// @prog_array ["other"]\nstruct {', 1)
        + XDP
        + 'SEC("tc") int other(void *ctx) { return 0; }\n'
    )
    with pytest.raises(
        OSError, match=r"fill map jump: place 0, program other: .* \[programs of one prog array are of one type\]"
    ):
        make(tmp_path, source).load()
