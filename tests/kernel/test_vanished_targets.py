"""A target that goes away while a run is attached to it: said at once; the last ends the run in order, exit 1."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eunomia.events.run import Run, RunOptions
from eunomia.kernel.object import Object
from eunomia.package.model import Package
from support.commands import Command, Result, Running
from support.kernel_state import qdiscs
from support.networks import cgroup, inside, ip, network

SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct event { int number; };
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} events SEC(".maps");
static __always_inline void tell(int number)
{
    struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (!event)
        return;
    event->number = number;
    bpf_ringbuf_submit(event, 0);
}
SEC("?xdp") int packets(struct xdp_md *ctx) { return XDP_PASS; }
SEC("?tc") int shape(struct __sk_buff *ctx) { return -1; }
SEC("?socket") int copies(struct __sk_buff *ctx) { return 0; }
SEC("?cgroup/connect4") int connects(void *ctx) { return 1; }
SEC("?uprobe") int user(void *ctx) { tell(1); return 0; }
SEC("?perf_event") int cpu(void *ctx) { return 0; }
SEC("?tp/sched/sched_process_exit") int other(void *ctx) { return 0; }
"""
TIMEOUT = 10


@pytest.fixture(scope="module")
def file(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vanished") / "vanished.json"
    path.write_text(package.to_json())
    return path


@pytest.fixture
def net() -> Iterator[str]:
    with network() as name, inside(name):
        yield name


def started(ecli: Command, file: Path, *targets: str, words: tuple[str, ...] = ()) -> Running:
    """Start a run of the programs of these targets, and wait for the filter of system calls, the end of its start."""
    chosen = [word for target in targets for word in ("--enable", target.partition("=")[0])]
    attach = [word for target in targets if "=" in target for word in ("--attach", target)]
    running = ecli.start("run", *words, *chosen, *attach, file)
    deadline = time.monotonic() + TIMEOUT
    while "Seccomp:\t2" not in Path(f"/proc/{running.pid}/status").read_text():
        assert running.process.poll() is None, running.finish()
        assert time.monotonic() < deadline, "not attached"
        time.sleep(0.02)
    return running


def ended_by_itself(running: Running) -> Result:
    running.process.wait(TIMEOUT)
    return running.finish()


def told(running: Running, text: str) -> str:
    """Return standard error once it has the text, and the run goes on after that."""
    deadline = time.monotonic() + TIMEOUT
    while text not in running.stderr:
        assert running.process.poll() is None, running.finish()
        assert time.monotonic() < deadline, f"not told: {running.stderr!r}"
        time.sleep(0.02)
    time.sleep(0.2)
    assert running.process.poll() is None, running.finish()
    return running.stderr


@pytest.mark.parametrize(
    ("program", "target"),
    [
        ("packets", "iface:v1"),
        ("packets", "iface:v1,generic"),
        ("shape", "tc:v1:ingress"),
        ("shape", "tcx:v1:ingress"),
        ("copies", "socket:v1"),
    ],
)
def test_the_last_interface_ends_the_run(ecli: Command, file: Path, net: str, program: str, target: str) -> None:
    running = started(ecli, file, f"{program}={target}")
    ip("link", "del", "v1")
    done = ended_by_itself(running)

    assert done.returncode == 1, done
    assert done.stderr == f"ecli: interface v1 is gone: program {program} sees nothing more of it\n"


def test_one_of_two_interfaces_is_said_and_the_run_goes_on(ecli: Command, file: Path, net: str) -> None:
    ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
    running = started(ecli, file, "shape=tc:d0:ingress", "packets=iface:v1")
    ip("link", "del", "v1")
    first = told(running, "v1 is gone")
    has_filter = ("d0", "clsact") in qdiscs()
    ip("link", "del", "d0")
    done = ended_by_itself(running)

    assert first == "ecli: interface v1 is gone: program packets sees nothing more of it\n"
    assert has_filter
    assert done.returncode == 1
    assert done.stderr == f"{first}ecli: interface d0 is gone: program shape sees nothing more of it\n"


def test_quiet_runs_say_it_too(ecli: Command, file: Path, net: str) -> None:
    running = started(ecli, file, "packets=iface:v1", "other", words=("-q",))
    ip("link", "del", "v1")
    told(running, "ecli: interface v1 is gone: program packets")
    done = running.stop()

    assert done.returncode == 0, done


def test_other_changes_of_interfaces_are_none(ecli: Command, file: Path, net: str) -> None:
    running = started(ecli, file, "packets=iface:v1,generic", words=("-q",))
    ip("link", "add", "b0", "type", "bridge")
    ip("link", "set", "v1", "master", "b0")
    ip("link", "set", "v1", "nomaster")  # told as the removal of a port
    ip("link", "set", "v1", "down")
    ip("link", "del", "b0")
    time.sleep(0.3)
    assert running.process.poll() is None, running.finish()
    done = running.stop()

    assert (done.returncode, done.stderr) == (0, "")


def test_an_interface_that_takes_its_program_to_another_namespace_is_not_gone(
    ecli: Command, file: Path, net: str
) -> None:
    running = started(ecli, file, "packets=iface:v1")
    with network() as other:
        ip("link", "set", "v1", "netns", other, "name", "moved")
        time.sleep(0.3)
        is_attached = "xdp" in ip("-n", other, "link", "show", "moved")
        goes_on = running.process.poll() is None
    done = running.stop()

    assert goes_on == is_attached, done


def test_the_last_control_group_ends_the_run(ecli: Command, file: Path) -> None:
    with cgroup() as parent:
        group, sibling = parent / "child", parent / "sibling"
        group.mkdir()
        sibling.mkdir()
        running = started(ecli, file, f"connects=cgroup:{group}")
        sibling.rmdir()
        time.sleep(0.2)
        alive = running.process.poll() is None
        group.rmdir()
        done = ended_by_itself(running)

    assert alive
    assert done.returncode == 1, done
    assert done.stderr == f"ecli: cgroup {group} is gone: program connects sees nothing more of it\n"


def test_one_of_two_control_groups_is_said(ecli: Command, file: Path) -> None:
    with cgroup() as parent:
        groups = [parent / "one", parent / "two"]
        for each in groups:
            each.mkdir()
        running = started(ecli, file, *(f"connects=cgroup:{each}" for each in groups))
        groups[1].rmdir()
        line = told(running, "is gone")
        done = running.stop()
        groups[0].rmdir()

    assert line == f"ecli: cgroup {groups[1]} is gone: program connects sees nothing more of it\n"
    assert done.returncode == 0, done


@pytest.mark.parametrize("target", ["user=uprobe:libc.so.6:get*id,pid={}", "cpu=perf:cpu_clock,freq=99,pid={}"])
def test_the_last_process_ends_the_run(ecli: Command, file: Path, target: str) -> None:
    child = subprocess.Popen(["sleep", "60"])
    running = started(ecli, file, target.format(child.pid))
    child.kill()
    child.wait()
    done = ended_by_itself(running)
    name = target.partition("=")[0]

    assert done.returncode == 1, done
    assert f"ecli: process {child.pid} has ended: program {name} sees nothing more of it\n" in done.stderr


def test_one_of_two_targets_may_be_a_process(ecli: Command, file: Path, net: str) -> None:
    child = subprocess.Popen(["sleep", "60"])
    running = started(ecli, file, f"user=uprobe:libc.so.6:getpid,pid={child.pid}", "packets=iface:v1")
    child.kill()
    child.wait()
    line = told(running, "has ended")
    done = running.stop()

    assert line == f"ecli: process {child.pid} has ended: program user sees nothing more of it\n"
    assert done.returncode == 0, done


def test_what_came_before_the_end_is_printed_and_accounted_for(ecli: Command, file: Path) -> None:
    script = "import os, sys; sys.stdin.readline(); [os.getppid() for _ in range(7)]"
    child = subprocess.Popen(["python3", "-c", script], stdin=subprocess.PIPE)
    running = started(ecli, file, f"user=uprobe:libc.so.6:getppid,pid={child.pid}", words=("-j",))
    child.communicate(b"\n")
    done = ended_by_itself(running)

    assert done.returncode == 1, done
    assert done.stdout.count('"number":1') == 7, done
    assert "7 delivered" in done.stderr.splitlines()[0], done
    assert done.stderr.splitlines()[1:] == [
        f"ecli: process {child.pid} has ended: program user sees nothing more of it"
    ]


def test_in_python_the_loop_raises(package: Package, net: str) -> None:
    raised: list[OSError] = []

    def loop(run: Run) -> None:
        try:
            run.loop()
        except OSError as exc:
            raised.append(exc)

    with Object.open(package) as obj, open(os.devnull, "w") as out:
        obj.programs["packets"].autoload = True
        obj.load()
        run = Run(obj, package.plan(), RunOptions(out_fd=out.fileno()))
        obj.programs["packets"].attach("iface:v1")
        thread = threading.Thread(target=loop, args=(run,))
        thread.start()
        ip("link", "del", "v1")
        thread.join(TIMEOUT)
        run.close()

    assert [each.strerror for each in raised] == ["interface v1 is gone: program packets sees nothing more of it"]
