"""kill -9 at any moment leaves no program, filter, qdisc, route, struct_ops map, control group attachment or pin."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.package.model import Package
from support.commands import Command
from support.networks import cgroup, inside, ip, network, with_own_bpffs

SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
SEC("xdp") int packets(struct xdp_md *ctx) { return XDP_PASS; }
SEC("tc") int shape(struct __sk_buff *ctx) { return -1; }
SEC("lwt_xmit") int route(struct __sk_buff *ctx) { return 0; }
SEC("tracepoint/syscalls/sys_enter_getpgid") int calls(void *ctx) { return 0; }
SEC("cgroup_skb/egress") int group(struct __sk_buff *ctx) { return 1; }
SEC("struct_ops") void BPF_PROG(begin, struct sock *sk) {}
SEC("struct_ops") __u32 BPF_PROG(threshold, struct sock *sk) { return 2; }
SEC("struct_ops") void BPF_PROG(avoid, struct sock *sk, __u32 ack, __u32 acked) {}
SEC("struct_ops") __u32 BPF_PROG(undo, struct sock *sk) { return 10; }
SEC(".struct_ops") struct tcp_congestion_ops ours = {
    .init = (void *)begin,
    .ssthresh = (void *)threshold,
    .cong_avoid = (void *)avoid,
    .undo_cwnd = (void *)undo,
    .name = "eunomia_kill",
};
"""
OTHERS = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }
SEC("tc") int theirs(struct __sk_buff *ctx) { return -1; }
"""
AVAILABLE = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")
MOMENTS = 50
SEED = 20261121
pytestmark = pytest.mark.usefixtures("places")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    path = tmp_path_factory.mktemp("killed") / "killed.bpf.c"
    path.write_text(SOURCE)
    return compile_source(str(path))


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An object for iproute2, which does not take struct_ops."""
    folder = tmp_path_factory.mktemp("others")
    (folder / "others.bpf.c").write_text(OTHERS)
    path = folder / "others.o"
    path.write_bytes(compile_source(str(folder / "others.bpf.c")).object)
    return path


@pytest.fixture
def file(package: Package, tmp_path: Path) -> Path:
    path = tmp_path / "killed.json"
    path.write_text(package.to_json())
    return path


@pytest.fixture
def net(others: Path) -> Iterator[str]:
    """A network where another's XDP program is on v1, and lo has a prefix to route."""
    with network() as name, inside(name):
        with_own_bpffs("ip", "link", "set", "dev", "v1", "xdpgeneric", "obj", str(others), "sec", "xdp")
        yield name


def words(file: Path, group: Path) -> list[str]:
    """What attaches one of each kind: three that only a guardian undoes among them, all on hooks of the test's own."""
    targets = {
        "packets": "iface:v1,replace",
        "shape": "tc:v0:egress",
        "route": "route:198.51.100.0/24,dev=v0",
        "group": f"cgroup:{group}",
    }
    return ["run", *(word for name, to in targets.items() for word in ("--attach", f"{name}={to}")), str(file)]


def xdp_id(device: str) -> int:
    link = json.loads(ip("-j", "link", "show", device))[0]
    return int(link.get("xdp", {}).get("prog", {}).get("id", 0))


def state_of(net: str) -> dict[str, object]:
    """All that these programs would leave on the network."""
    return {
        "qdiscs": with_own_bpffs("tc", "qdisc", "show", "dev", "v0"),
        "filters": with_own_bpffs("tc", "filter", "show", "dev", "v0", "egress"),
        "routes": ip("-n", net, "route", "show", "table", "all", "198.51.100.0/24"),
        "xdp": xdp_id("v1"),
        "struct_ops": "eunomia_kill" in AVAILABLE.read_text().split(),
    }


def until_same(ask: Callable[[], object], wanted: object, seconds: float = 5) -> None:
    """Wait until ask gives what is wanted."""
    deadline = time.monotonic() + seconds
    while (found := ask()) != wanted:
        assert time.monotonic() < deadline, f"left: {found}, before: {wanted}"
        time.sleep(0.02)


def is_attached(net: str) -> bool:
    found = state_of(net)
    return bool(found["filters"] and found["routes"] and found["struct_ops"])


def guardians_of(places: Path) -> list[int]:
    """The guardians that keep a journal in the test's directory."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if Path(f"/proc/{name}/comm").read_text() != "ecli-guardian\n":
                continue
            kept = [os.readlink(each) for each in Path(f"/proc/{name}/fd").iterdir()]
        except OSError:
            continue
        if any(target.startswith(str(places)) for target in kept):
            found.append(int(name))
    return found


def test_killed_at_fifty_moments_nothing_is_left(ecli: Command, file: Path, net: str, places: Path) -> None:
    before = state_of(net)
    chance = random.Random(SEED)
    with cgroup() as group:
        start = time.monotonic()
        running = ecli.start(*words(file, group))
        until_same(lambda: is_attached(net), True, 20)
        took = time.monotonic() - start
        running.stop(signal.SIGKILL)
        until_same(lambda: state_of(net), before)
        attached = 0
        for _ in range(MOMENTS):
            running = ecli.start(*words(file, group))
            time.sleep(chance.uniform(0.3, 1.3) * took)
            attached += is_attached(net)
            running.stop(signal.SIGKILL)

            until_same(lambda: state_of(net), before)

    assert attached  # some moments were late enough for there to be something
    assert ecli("clean").returncode == 0
    assert list((places / "run").iterdir()) == []


def test_killed_with_its_whole_group_nothing_is_left(ecli: Command, file: Path, net: str) -> None:
    before = state_of(net)
    with cgroup() as group:
        running = subprocess.Popen([*ecli.argv, *words(file, group)], start_new_session=True)
        until_same(lambda: is_attached(net), True, 20)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()

        until_same(lambda: state_of(net), before)


def test_killed_with_its_guardian_the_journal_tells_what_to_clean(
    ecli: Command, file: Path, net: str, places: Path
) -> None:
    before = state_of(net)
    with cgroup() as group:
        running = ecli.start(*words(file, group))
        until_same(lambda: is_attached(net), True, 20)
        for guardian in guardians_of(places):
            os.kill(guardian, signal.SIGKILL)
        running.stop(signal.SIGKILL)
        left = state_of(net)

        dry = ecli("clean", "--dry-run")
        still = state_of(net)
        cleaned = ecli("clean", "-j")

        assert left == still != before
        assert "tc filter 0x1 of priority 1 at egress of interface" in dry.stdout
        assert {each["outcome"] for each in json.loads(cleaned.stdout)} == {"removed"}
        assert cleaned.returncode == 0
        assert state_of(net) == {**before, "xdp": 0}  # nobody has kept the program that was replaced
    assert ecli("clean").stdout == "nothing was left\n"


def test_next_run_cleans_what_a_killed_guardian_left(ecli: Command, file: Path, net: str, places: Path) -> None:
    before = state_of(net)
    with cgroup() as group:
        running = ecli.start(*words(file, group))
        until_same(lambda: is_attached(net), True, 20)
        for guardian in guardians_of(places):
            os.kill(guardian, signal.SIGKILL)
        running.stop(signal.SIGKILL)

        ecli("run", "--duration", "100ms", "sigsnoop")

        assert state_of(net) == {**before, "xdp": 0}


def test_run_without_its_guardian_undoes_things_itself(ecli: Command, file: Path, net: str, places: Path) -> None:
    before = state_of(net)
    with cgroup() as group:
        running = ecli.start(*words(file, group))
        until_same(lambda: is_attached(net), True, 20)
        for guardian in guardians_of(places):
            os.kill(guardian, signal.SIGKILL)
        cleaned = ecli("clean")
        lives = is_attached(net)
        ended = running.stop()

        assert "tc filter" not in cleaned.stdout  # its process lives
        assert lives
        assert ended.returncode == 0
        assert state_of(net) == before


def test_filter_that_somebody_put_in_our_place_stays(net: str, package: Package, others: Path) -> None:
    before = state_of(net)
    with package.load() as obj:
        obj.programs["shape"].attach("tc:v0:egress")
        with_own_bpffs(
            "tc", "filter", "replace", "dev", "v0", "egress", "prio", "1", "handle", "1", "bpf", "da", "obj",
            str(others), "sec", "tc",
        )  # fmt: skip

    after = state_of(net)
    with_own_bpffs("tc", "qdisc", "del", "dev", "v0", "clsact")

    assert "theirs" in str(after["filters"])
    assert state_of(net) == before


def test_python_program_that_is_killed_leaves_nothing(file: Path, net: str, tmp_path: Path) -> None:
    before = state_of(net)
    code = (
        "import sys, time, eunomia\n"
        "obj = eunomia.Package.open(sys.argv[1]).load()\n"
        "obj.programs['shape'].attach('tc:v0:egress')\n"
        "print('attached', flush=True)\n"
        "time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    line = child.stdout.readline()
    during = state_of(net)
    child.kill()
    child.wait()
    rest = child.stdout.read()  # the guardian does not hold the pipe open
    child.stdout.close()

    assert line == "attached\n"
    assert "shape" in str(during["filters"])
    assert rest == ""
    until_same(lambda: state_of(net), before)


def test_guardian_ends_with_the_last_attachment_that_needs_one(package: Package, net: str, places: Path) -> None:
    with package.load() as obj:
        first = obj.programs["shape"].attach("tc:v0:egress")
        during = guardians_of(places)
        journal = [each.name for each in (places / "run").iterdir()]
        first.detach()

        assert len(during) == 1
        assert [name.endswith(".journal") for name in journal] == [True]
        until_same(lambda: guardians_of(places), [])
        until_same(lambda: list((places / "run").iterdir()), [])


def test_process_without_standard_input_keeps_what_it_attached(file: Path, net: str) -> None:
    before = state_of(net)
    code = (
        "import os, sys, time, eunomia\n"
        "os.closerange(0, 1)\n"
        "obj = eunomia.Package.open(sys.argv[1]).load()\n"
        "obj.programs['shape'].attach('tc:v0:egress')\n"
        "time.sleep(1)  # a guardian that takes its process for dead undoes it at once\n"
        "print('attached', flush=True)\n"
        "time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    line = child.stdout.readline()
    during = state_of(net)
    child.kill()
    child.wait()
    child.stdout.close()

    assert line == "attached\n"
    assert "shape" in str(during["filters"])
    until_same(lambda: state_of(net), before)


def test_forked_child_undoes_its_own_attachments_alone(file: Path, net: str) -> None:
    before = state_of(net)
    code = (
        "import os, sys, eunomia\n"
        "package = eunomia.Package.open(sys.argv[1])\n"
        "theirs, ours = package.load(), package.load()\n"
        "theirs.programs['shape'].attach('tc:v0:egress,prio=7')\n"
        "if not os.fork():\n"
        "    ours.programs['shape'].attach('tc:v0:egress,prio=9')\n"
        "    theirs.close()\n"
        "    print('attached', flush=True)\n"
        "    sys.stdin.read()\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )
    words = [sys.executable, "-c", code, str(file)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        during = str(state_of(net)["filters"])

    assert line == "attached\n"
    assert [number for number in ("pref 7 bpf", "pref 9 bpf") if number not in during] == []
    until_same(lambda: state_of(net), before)
