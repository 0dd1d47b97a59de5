"""Minimal BTF gives the instructions that libbpf gives with the whole kernel BTF; what needs the whole gets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import eunomia
from eunomia.errors import LoadError, UnsupportedError
from support.objects import build, tag

BUILTIN = sorted((Path(__file__).parents[2] / "src/eunomia/builtin").glob("*.json"))

EVERY_KIND = """
struct task_struct___old { long state; } __attribute__((preserve_access_index));
struct no_such_type_at_all { int x; } __attribute__((preserve_access_index));
enum no_such_enum { NO_SUCH_VALUE = 5 };
typedef void (*btf_trace_sched_switch___other)(void *, struct task_struct *);
typedef int (*initcall_t___mine)(void);
long out[18];
SEC("tracepoint/syscalls/sys_enter_kill") int core(void *ctx)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct task_struct___old *old = (void *)task;
    out[0] = BPF_CORE_READ(task, real_parent, tgid);
    out[1] = BPF_CORE_READ(task, mm, arg_start);
    out[2] = bpf_core_field_exists(old->state);
    out[3] = bpf_core_field_exists(task->__state);
    out[4] = bpf_core_type_exists(struct no_such_type_at_all);
    out[5] = bpf_core_type_size(struct task_struct);
    out[6] = bpf_core_enum_value(enum pid_type, PIDTYPE_SID);
    out[7] = bpf_core_enum_value_exists(enum no_such_enum, NO_SUCH_VALUE);
    out[8] = bpf_core_field_size(task->comm);
    out[9] = bpf_core_field_offset(struct task_struct, signal);
    out[10] = BPF_CORE_READ(task, signal, rlim[3].rlim_cur);
    out[11] = BPF_CORE_READ_BITFIELD_PROBED(task, in_execve);
    out[12] = bpf_core_type_exists(pid_t);
    out[13] = bpf_core_type_exists(struct task_struct___old);
    out[15] = bpf_core_type_exists(btf_trace_sched_switch___other);
    out[16] = bpf_core_type_exists(initcall_t___mine);
    out[17] = bpf_core_type_size(initcall_t___mine);
    return 0;
}
SEC("tp_btf/sched_switch") int BPF_PROG(switched, bool preempt, struct task_struct *prev, struct task_struct *next)
{
    out[14] = prev->pid + next->tgid;
    return 0;
}
"""

TYPE_ID = """
int id;
SEC("tracepoint/syscalls/sys_enter_kill") int whole(void *ctx)
{
    id = bpf_core_type_id_kernel(struct task_struct);
    return 0;
}
"""

KFUNC = """
int pid;
SEC("tp_btf/sched_switch") int BPF_PROG(typed, bool preempt, struct task_struct *prev)
{
    bpf_rcu_read_lock();
    pid = prev->real_parent->pid;
    bpf_rcu_read_unlock();
    return 0;
}
"""

LONE = 'SEC("tracepoint/syscalls/sys_enter_kill") int lone(void *ctx) { return 0; }\n'


def tags(live: eunomia.Object) -> dict[str, str]:
    return {name: tag(program.fd) for name, program in live.programs.items() if program.fd >= 0}


def test_every_kind_of_record_relocates_as_libbpf_does(tmp_path: Path) -> None:
    package = build(tmp_path, EVERY_KIND)
    with package.load() as ours, package.load(plain_btf=True) as plain:
        assert (ours.used_minimal_btf, plain.used_minimal_btf) == (True, False)
        assert tags(ours) == tags(plain)
        assert len(tags(ours)) == 2


@pytest.mark.parametrize("path", BUILTIN, ids=lambda path: path.stem)
def test_built_in_tool_relocates_as_libbpf_does(path: Path) -> None:
    package = eunomia.Package.open(path)
    with package.load() as ours, package.load(plain_btf=True) as plain:
        assert tags(ours) == tags(plain)


def test_tools_that_are_compared_are_there() -> None:
    assert len(BUILTIN) >= 18


@pytest.mark.parametrize("source", [TYPE_ID, KFUNC], ids=["kernel type id", "kfunc"])
def test_what_needs_the_whole_kernel_btf_gets_it(tmp_path: Path, source: str) -> None:
    with build(tmp_path, source).load() as live:
        assert not live.used_minimal_btf
        assert len(tags(live)) == 1


@pytest.mark.parametrize("broken", ["cut", "no ELF", "empty"])
def test_damaged_object_is_a_load_error(tmp_path: Path, broken: str) -> None:
    package = build(tmp_path, LONE)
    package.object = {"cut": package.object[:200], "no ELF": b"MZ" * 300, "empty": b""}[broken]
    with pytest.raises(LoadError) as caught:
        eunomia.Object.open(package)

    assert "\n" not in str(caught.value)


def test_program_type_that_the_kernel_locks_away_is_not_blamed_on_ulimit(tmp_path: Path) -> None:
    package = build(tmp_path, 'SEC("fentry/do_exit") int BPF_PROG(entry) { return 0; }\n')
    try:
        live = package.load()
    except UnsupportedError as exc:
        said = str(exc)
    else:  # a kernel that has fentry
        live.close()
        return
    assert "load program entry" in said
    assert "ulimit" not in said


def test_without_capabilities_it_says_which_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "package.json"
    path.write_text(build(tmp_path, LONE).to_json())
    script = (
        f"import eunomia\ntry:\n    eunomia.Package.open({str(path)!r}).load()\n"
        "except PermissionError as exc:\n    print(exc)\n"
    )
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", script]
    said = subprocess.run(bare, capture_output=True, text=True, check=False)

    assert "CAP_BPF" in said.stdout, said.stderr
    assert "sudo" in said.stdout
