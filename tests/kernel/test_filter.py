"""`--filter`, `--pid`, `--follow`, `--comm`, `--uid`, `--cgroup` and `--container` on real tools and real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from eunomia._native import lib
from eunomia.events.filter.groups import find_group, hierarchy
from eunomia.events.filter.members import Members
from support import provoke
from support.commands import Command, Running
from support.objects import HEADERS, build

OPENS = "while read path; do cat $path; (cat $path; exit); done 2>/dev/null"
OPENSNOOP_LINKS = 6 if os.uname().machine == "x86_64" else 4  # arm64 has no open(2)
ID = "0123456789abcdef" * 4


def start(ecli: Command, tool: str, *options: object) -> Running:
    """Start a tool with options of ecli and wait until it is attached: beside it may be what follows processes."""
    links = OPENSNOOP_LINKS if tool == "opensnoop" else 1
    helper = 2 if {"--follow", "--cgroup", "--container"} & set(options) and tool == "opensnoop" else 0
    return ecli.start("run", "-j", *options, tool).wait_attached(links + helper)


def events(running: Running) -> list[dict[str, Any]]:
    """Stop a tool; return its events."""
    time.sleep(0.15)
    result = running.stop()
    assert result.returncode == 0, result
    return result.events


class Shell:
    """A shell that opens a file in two of its children for each path that it is told."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            ["sh", "-c", OPENS], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def open(self, *paths: str) -> None:
        """Let its children open files."""
        assert self.process.stdin is not None
        for path in paths:
            self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Wait for it and its children."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@pytest.fixture
def shell() -> Iterator[Shell]:
    made = Shell()
    yield made
    made.end()


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group of our own, with one below it."""
    made = Path(hierarchy()) / f"eunomia-test-{os.getpid()}"
    (made / "inner").mkdir(parents=True)
    yield made
    for folder in (made / "inner", made):
        for line in (folder / "cgroup.procs").read_text().split():
            Path(hierarchy(), "cgroup.procs").write_text(line)
        folder.rmdir()


def test_filter_selects_events_by_several_fields(ecli: Command) -> None:
    running = start(ecli, "opensnoop", "--filter", f'pid == {os.getpid()} && path ~ "/nonexistent/*" && err == ENOENT')
    for path in ("/nonexistent/a", "/nonexistent/b", "/etc/hostname"):
        with suppress(OSError):
            provoke.open_file(path)

    assert [event["path"] for event in events(running)] == ["/nonexistent/a", "/nonexistent/b"]


def test_comparison_goes_into_the_kernel_where_a_variable_makes_it_too(ecli: Command) -> None:
    running = start(ecli, "sigsnoop", "-v", "--filter", f"sig == SIGUSR1 && pid == {os.getpid()} && tpid > 1")
    victim = provoke.signals(count=3)

    result = running.stop()
    assert "ecli: sig is filtered in the kernel: target_signal = 10\n" in result.stderr
    assert f"ecli: pid is filtered in the kernel: sender_pid = {os.getpid()}\n" in result.stderr
    assert "tpid is filtered" not in result.stderr
    assert [event["tpid"] for event in result.events] == [victim] * 3


def test_own_option_of_a_tool_stays_as_it_is_given(ecli: Command) -> None:
    running = ecli.start("run", "-v", "--filter", "pid == 1", "opensnoop", "--pid", "2").wait_attached()

    result = running.stop()
    assert result.returncode == 0
    assert "filtered in the kernel" not in result.stderr


def test_pid_of_a_tool_without_such_a_field_is_filtered_in_the_kernel(ecli: Command) -> None:
    result = ecli("run", "-v", "--duration", "0.2", "--pid", os.getpid(), "cpudist")

    assert result.returncode == 0
    assert f"ecli: pid is filtered in the kernel: target_pid = {os.getpid()}\n" in result.stderr


def test_follow_takes_children_of_children_and_nobody_else(ecli: Command, shell: Shell, tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    Path(path).write_text("")
    running = start(ecli, "opensnoop", "--pid", shell.pid, "--follow", "--filter", f'path == "{path}"')
    provoke.open_file(path)
    shell.open(path, path)
    shell.end()

    seen = events(running)
    assert len(seen) == 4
    assert {event["comm"] for event in seen} == {"cat"}
    assert shell.pid not in {event["pid"] for event in seen}


def test_pid_alone_does_not_take_children(ecli: Command, shell: Shell, tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    Path(path).write_text("")
    running = start(ecli, "opensnoop", "--pid", f"{shell.pid},{os.getpid()}", "--filter", f'path == "{path}"')
    shell.open(path)
    shell.end()
    provoke.open_file(path)

    assert [event["pid"] for event in events(running)] == [os.getpid()]


THREAD_TOOL = """
struct event { int pid; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } rb SEC(".maps");
SEC("tp/syscalls/sys_enter_kill")
int on_kill(void *ctx)
{
    struct event *e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0);
    if (!e)
        return 0;
    e->pid = (int)bpf_get_current_pid_tgid();
    bpf_ringbuf_submit(e, 0);
    return 0;
}
"""


def test_pid_takes_threads_where_a_tool_calls_them_so(ecli: Command, tmp_path: Path) -> None:
    package = build(tmp_path, THREAD_TOOL)
    (tmp_path / "tool.json").write_text(package.to_json())
    code = "import os, sys, threading; thread = threading.Thread(target=lambda: os.kill(os.getpid(), 0))"
    code += (
        "; print(flush=True); sys.stdin.readline(); thread.start(); tid = thread.native_id; thread.join(); print(tid)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    running = ecli.start("run", "-j", "--pid", process.pid, tmp_path / "tool.json").wait_attached(2)
    os.kill(os.getpid(), 0)
    tid = int(process.communicate("\n")[0])

    assert [event["pid"] for event in events(running)] == [tid]
    assert tid != process.pid


def test_follow_knows_children_that_were_there_before(ecli: Command, tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    code = "import os, sys; pid = os.fork(); sys.stdin.readline() if not pid else os.waitpid(pid, 0)"
    code += f"; open({path!r}, 'w')"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, text=True)
    running = start(ecli, "opensnoop", "--pid", process.pid, "--follow", "--filter", f'path == "{path}"')
    process.communicate("\n")

    seen = [event["pid"] for event in events(running)]
    assert len(seen) == 2
    assert process.pid in seen


def test_group_takes_those_in_it_and_below_it(ecli: Command, group: Path, shell: Shell, tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    Path(path).write_text("")
    (group / "inner" / "cgroup.procs").write_text(str(shell.pid))
    running = start(ecli, "opensnoop", "--cgroup", group, "--filter", f'path == "{path}"')
    shell.open(path)
    provoke.open_file(path)
    shell.end()

    assert [event["comm"] for event in events(running)] == ["cat", "cat"]


def test_group_follows_processes_that_are_moved(ecli: Command, group: Path, tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("before", "within", "after")]
    code = "import sys, threading\ndef run():\n for line in sys.stdin:\n  open(line.strip(), 'w')\n"
    code += "  print('.', flush=True)\n"
    code += "thread = threading.Thread(target=run); thread.start(); thread.join()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    running = start(ecli, "opensnoop", "--cgroup", group.name, "--filter", f'path ~ "{tmp_path}/*"')
    for path, folder in zip(paths, (None, group, group.parent), strict=True):
        if folder:
            (folder / "cgroup.procs").write_text(str(process.pid))
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        process.stdout.readline()
        if folder == group:
            running.wait_for(path)
        time.sleep(0.05)  # an event is judged when it is read
    process.communicate()

    assert [event["path"] for event in events(running)] == [paths[1]]


CGROUP_TOOL = """
struct event { unsigned long long cgroup_id; int pid; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } rb SEC(".maps");
SEC("tp/sched/sched_process_exec")
int on_exec(void *ctx)
{
    struct event *e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0);
    if (!e)
        return 0;
    e->cgroup_id = bpf_get_current_cgroup_id();
    e->pid = bpf_get_current_pid_tgid() >> 32;
    bpf_ringbuf_submit(e, 0);
    return 0;
}
"""


def test_group_is_told_by_its_id_where_events_carry_it(ecli: Command, group: Path, tmp_path: Path) -> None:
    package = build(tmp_path, CGROUP_TOOL)
    (tmp_path / "tool.json").write_text(package.to_json())
    running = start(ecli, str(tmp_path / "tool.json"), "--cgroup", group)
    provoke.exec_program("/bin/true")
    new = group / "later"
    new.mkdir()
    child = subprocess.Popen(["sh", "-c", f"echo $$ > {new}/cgroup.procs; exec sleep 0.4"])
    child.wait()

    seen = events(running)
    assert [(event["pid"], event["cgroup_id"]) for event in seen] == [(child.pid, new.stat().st_ino)]
    new.rmdir()


def test_container_is_found_by_its_id_in_the_name_of_its_group(ecli: Command, shell: Shell, tmp_path: Path) -> None:
    group = Path(hierarchy()) / f"docker-{ID}.scope"
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text(str(shell.pid))
        path = str(tmp_path / "file")
        Path(path).write_text("")
        running = start(ecli, "opensnoop", "--container", ID[:12], "--filter", f'path == "{path}"')
        shell.open(path)
        provoke.open_file(path)
        shell.end()

        assert [event["comm"] for event in events(running)] == ["cat", "cat"]
    finally:
        group.rmdir()


def test_user_of_events_without_one_is_asked_of_proc(ecli: Command) -> None:
    running = start(ecli, "sigsnoop", "--uid", "65534", "--filter", "sig == SIGUSR1")
    code = "import os, signal, time; os.setuid(65534); signal.signal(10, lambda *_: 0)"
    code += "; os.kill(os.getpid(), 10); time.sleep(0.5)"
    child = subprocess.Popen([sys.executable, "-c", code])
    provoke.signals()
    child.wait()

    assert [event["pid"] for event in events(running)] == [child.pid]


def test_process_that_is_not_there_is_said(ecli: Command) -> None:
    result = ecli("run", "--duration", "0.1", "--pid", "4194303", "opensnoop")

    assert result.returncode == 0
    assert result.stderr.startswith("ecli: --pid: there is no process 4194303 now\n")


def test_name_of_a_task_may_be_a_pattern(ecli: Command, tmp_path: Path) -> None:
    running = start(ecli, "execsnoop", "--comm", "tr[u]?", "--uid", "root")
    pid = provoke.exec_program("/bin/true")
    provoke.exec_program("/bin/echo")

    assert [event["pid"] for event in events(running) if event["ppid"] == os.getpid()] == [pid]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--filter", "pid == 1 && pth == 2"], "--filter: no field pth [did you mean path? fields: pid,"),
        (["--pid", "12x"], "--pid: '12x' is not a process id"),
        (["--uid", "nosuchuser"], "--uid: no user 'nosuchuser'"),
        (["--follow"], "--follow needs --pid"),
        (["--cgroup", "/nosuch/group"], "--cgroup: no control group /nosuch/group [looked below "),
        (["--container", "nosuchbox"], "--container: no container nosuchbox [searched: control groups below "),
        (["--container", "a", "--cgroup", "/"], "--cgroup and --container exclude each other"),
    ],
)
def test_mistake_is_said_before_anything_is_loaded(ecli: Command, options: list[str], message: str) -> None:
    result = ecli("run", *options, "opensnoop")

    assert result.returncode == (1 if message.startswith(("--cgroup: no", "--container: no")) else 2)
    assert result.stderr.startswith(f"ecli: {message}")


def test_place_of_a_mistake_is_shown(ecli: Command) -> None:
    result = ecli("run", "--filter", "pid == 1 && comm == ssh", "opensnoop")

    assert result.stderr.splitlines()[1:] == ["  pid == 1 && comm == ssh", "                      ^^^"]


def test_histogram_that_does_not_say_whose_it_is_cannot_be_filtered(ecli: Command) -> None:
    result = ecli("run", "--pid", "1", "biolatency")

    assert result.returncode == 2
    assert "--pid: the events do not say of which process they are [fields: " in result.stderr


def test_hierarchy_that_is_not_mounted_is_mounted_for_us_alone(group: Path, tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text("")

    folder = find_group(group.name, mountinfo=str(tmp_path / "mountinfo"))
    members = Members({"group"}, [], folder, follow=False, helper=b"")
    try:
        ids = [path.stat().st_ino for path in (group, group / "inner", group.parent)]
        assert folder.startswith("/proc/self/fd/")
        assert [lib.eu_members_has_group(members.handle, each) for each in (*ids, 1 << 50)] == [1, 1, 0, 0]
    finally:
        members.close()
        os.close(int(folder.split("/")[4]))


def test_many_groups_are_remembered(group: Path) -> None:
    members = Members({"group"}, [], str(group), follow=False, helper=b"")
    inner = (group / "inner").stat().st_ino
    try:
        found = [lib.eu_members_has_group(members.handle, each) for each in range(1 << 40, (1 << 40) + 40_000)]
        assert sum(found) == 0
        assert lib.eu_members_has_group(members.handle, inner) == 1
    finally:
        members.close()


FILTERING_TOOL = """
/// @filter {"field": "siz", "op": ">="}
const volatile unsigned least = 0;
/// @filter tid
const volatile unsigned thread = 0;
/// @filter at.x
const volatile unsigned place = 0;
struct point { int x; };
struct event { unsigned size; struct point at; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } rb SEC(".maps");
SEC("tp/syscalls/sys_enter_kill")
int on_kill(void *ctx)
{
    struct event *e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0);
    if (!e)
        return 0;
    e->size = least + thread + place;
    bpf_ringbuf_submit(e, 0);
    return 0;
}
"""


def test_annotation_of_a_field_that_is_not_there_is_a_warning(ecc: Command, tmp_path: Path) -> None:
    source = tmp_path / "tool.bpf.c"
    source.write_text(HEADERS + FILTERING_TOOL)

    result = ecc(source, "-o", tmp_path / "tool.json")

    assert result.returncode == 0
    warnings = [line for line in result.stderr.splitlines() if "warning" in line]
    assert warnings == [f"{source}:7:13: warning: @filter: no field siz [did you mean size? fields: size, at.x]"]
