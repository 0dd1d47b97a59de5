"""Packages as the first system's users edit them by hand: several exported types, custom members, sampled maps, stacks.

They are run with real events; nothing of ours is in them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eunomia import Package
from eunomia.btf.types import STRUCT, TYPEDEF
from eunomia.compiler import compile_source
from support import provoke
from support.commands import Command

SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
struct exec_event { int pid; int ppid; char comm[16]; };
struct exit_event { int pid; int code; };
struct counted { char comm[16]; u32 runs; };
typedef __u64 stack_trace_t[32];
struct stacktrace_event {
    __u32 pid, cpu_id; char comm[16]; __s32 kstack_sz, ustack_sz; stack_trace_t kstack, ustack;
};
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 16); } rb_exec SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 16); } rb_exit SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 16); } stacks SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 128); __type(key, u32); __type(value, struct counted);
} seen SEC(".maps");
SEC("tp/sched/sched_process_exec") int handle_exec(void *ctx)
{
    struct counted counted = {.runs = 1};
    struct exec_event *event = bpf_ringbuf_reserve(&rb_exec, sizeof(*event), 0);
    struct stacktrace_event *stack = bpf_ringbuf_reserve(&stacks, sizeof(*stack), 0);
    u32 pid = bpf_get_current_pid_tgid() >> 32;

    if (event) {
        event->pid = pid;
        event->ppid = 7;
        bpf_get_current_comm(event->comm, sizeof(event->comm));
        bpf_ringbuf_submit(event, 0);
    }
    if (stack) {
        stack->pid = pid;
        stack->cpu_id = bpf_get_smp_processor_id();
        bpf_get_current_comm(stack->comm, sizeof(stack->comm));
        stack->kstack_sz = bpf_get_stack(ctx, stack->kstack, sizeof(stack->kstack), 0);
        stack->ustack_sz = 0;
        bpf_ringbuf_submit(stack, 0);
    }
    bpf_get_current_comm(counted.comm, sizeof(counted.comm));
    bpf_map_update_elem(&seen, &pid, &counted, 0);
    return 0;
}
SEC("tp/sched/sched_process_exit") int handle_exit(void *ctx)
{
    struct exit_event *event = bpf_ringbuf_reserve(&rb_exit, sizeof(*event), 0);
    if (!event)
        return 0;
    event->pid = bpf_get_current_pid_tgid() >> 32;
    event->code = 3;
    bpf_ringbuf_submit(event, 0);
    return 0;
}
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Package:
    path = tmp_path_factory.mktemp("exports") / "multiple.bpf.c"
    path.write_text(SOURCE)
    return compile_source(str(path))


@pytest.fixture
def edited(compiled: Package, tmp_path: Path) -> Callable[..., Path]:
    """Write the package as a user of the first system has it: nothing of ours in it, the maps' entries changed."""

    def write(maps: dict[str, dict[str, Any]], **meta: Any) -> Path:
        tree = json.loads(compiled.to_json())
        tree["meta"].pop("eunomia")
        tree["meta"] |= meta
        for entry in tree["meta"]["bpf_skel"]["maps"]:
            entry.update(maps.get(entry["name"], {}))
        path = tmp_path / "package.json"
        path.write_text(json.dumps(tree))
        return path

    return write


def struct_id(package: Package, name: str, kind: int = STRUCT) -> int:
    found = package.types.btf.find(name, kind)
    assert found is not None
    return found.id


def events(ecli: Command, path: Path, *options: str) -> str:
    running = ecli.start("run", "-q", *options, path).wait_attached(2)
    provoke.exec_program("/bin/true")
    running.wait_for("true")
    result = running.stop()
    assert result.returncode == 0, result
    assert result.stderr == "", result
    return result.stdout


def test_each_ring_buffer_exports_its_own_type(compiled: Package, edited: Callable[..., Path], ecli: Command) -> None:
    path = edited(
        {
            "rb_exec": {"export_config": {"btf_type_id": struct_id(compiled, "exec_event")}},
            "rb_exit": {"export_config": {"btf_type_id": struct_id(compiled, "exit_event")}},
        },
        enable_multiple_export_types=True,
        export_types=[],
    )

    rows = [json.loads(line) for line in events(ecli, path, "-j").splitlines()]
    assert {"pid", "ppid", "comm"} in [set(row) for row in rows]
    assert next(row for row in rows if row.get("comm") == "true")["ppid"] == 7
    assert {"pid", "code"} in [set(row) for row in rows]
    assert ecli("inspect", path).returncode == 0


def test_custom_members_choose_and_rename_fields(compiled: Package, edited: Callable[..., Path], ecli: Command) -> None:
    text = next(
        member for member in compiled.types.btf.type(struct_id(compiled, "exec_event")).members if member.name == "comm"
    )
    number = next(
        member for member in compiled.types.btf.type(struct_id(compiled, "exec_event")).members if member.name == "pid"
    )
    members = [
        {"name": "comm?", "offset": 8, "btf_type_id": text.type},
        {"name": "parent", "offset": 4, "btf_type_id": number.type},
    ]
    path = edited({"rb_exec": {"export_config": {"custom_members": members}}}, enable_multiple_export_types=True)

    rows = [json.loads(line) for line in events(ecli, path, "-j").splitlines()]
    assert next(row for row in rows if row["comm?"] == "true") == {"parent": 7, "comm?": "true"}


def test_overlapping_custom_members_are_refused(compiled: Package, edited: Callable[..., Path], ecli: Command) -> None:
    number = struct_id(compiled, "u32", TYPEDEF)
    members = [{"name": "a", "offset": 0, "btf_type_id": number}, {"name": "b", "offset": 2, "btf_type_id": number}]
    path = edited({"rb_exec": {"export_config": {"custom_members": members}}}, enable_multiple_export_types=True)

    result = ecli("run", path, "--duration", "1")
    assert result.returncode == 1
    assert "overlap" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("multiple", [False, True])
def test_a_sampled_map_exports_its_elements(multiple: bool, edited: Callable[..., Path], ecli: Command) -> None:
    sample = {"sample": {"interval": 100, "type": "default_kv", "clear_map": True}, "export_config": "default"}
    path = edited({"seen": sample}, enable_multiple_export_types=multiple, export_types=[])

    output = events(ecli, path, "-j", "--max-events", "50")
    rows = [json.loads(line) for line in output.splitlines()]
    elements = [row for row in rows if "key" in row]
    assert next(row for row in elements if row["value"]["comm"] == "true")["value"]["runs"] == 1


def test_stack_traces_without_symbols_print_addresses(
    compiled: Package, edited: Callable[..., Path], ecli: Command
) -> None:
    path = edited(
        {
            "stacks": {
                "export_config": {"btf_type_id": struct_id(compiled, "stacktrace_event")},
                "intepreter": {"stack_trace": {"with_symbols": False}},
            }
        },
        enable_multiple_export_types=True,
    )

    lines = events(ecli, path, "--compat").splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("COMM: true (pid="))
    assert lines[first + 1] == "Kernel:"
    assert lines[first + 2].startswith("  0 [<ffffffff")
    assert "No Userspace Stack" in lines
