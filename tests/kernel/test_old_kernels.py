"""What older kernels lack is done without: each feature is refused to a command, which must come to the same result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from support import old_kernel
from support.objects import build
from support.old_kernel import OldKernel, Refusal

# Both ways in one source, as libbpf-tools have it: which one is taken, the kernel's types decide before it is verified.
BOTH = """
struct event { int pid; char comm[16]; int more; }; /* 24 bytes: a perf buffer pads them to 28 */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, int);
    __type(value, struct event);
} heap SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } events SEC(".maps");
const volatile int target = 0;

static __always_inline void *reserve_buf(__u64 size)
{
    static const int zero = 0;
    if (bpf_core_type_exists(struct bpf_ringbuf))
        return bpf_ringbuf_reserve(&events, sizeof(struct event), 0);
    return bpf_map_lookup_elem(&heap, &zero);
}

static __always_inline long submit_buf(void *ctx, void *buf, __u64 size)
{
    if (bpf_core_type_exists(struct bpf_ringbuf)) {
        bpf_ringbuf_submit(buf, 0);
        return 0;
    }
    return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, buf, size);
}

SEC("tracepoint/syscalls/sys_enter_kill") int on_kill(void *ctx)
{
    int pid = bpf_get_current_pid_tgid() >> 32;
    if (target && pid != target)
        return 0;
    struct event *e = reserve_buf(sizeof(*e));
    if (!e)
        return 0;
    e->pid = pid;
    bpf_get_current_comm(e->comm, sizeof(e->comm));
    submit_buf(ctx, e, sizeof(*e));
    return 0;
}
"""

RING_ONLY = """
struct event { int pid; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } events SEC(".maps");
SEC("tracepoint/syscalls/sys_enter_kill") int on_kill(void *ctx)
{
    struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
    if (!e)
        return 0;
    e->pid = bpf_get_current_pid_tgid() >> 32;
    bpf_ringbuf_submit(e, 0);
    return 0;
}
"""

# Counts in a map and in globals, from several kinds of program.
COUNTS = """
const volatile int target = 0;
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, int);
    __type(value, long);
} counts SEC(".maps");
struct event { int pid; };
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } events SEC(".maps");
long hits = 0;
static __always_inline int count(void *ctx, int key)
{
    long one = 1, *seen = bpf_map_lookup_elem(&counts, &key);
    struct event e = {.pid = bpf_get_current_pid_tgid() >> 32};
    if (e.pid != target)
        return 0;
    if (seen)
        __sync_fetch_and_add(seen, 1);
    else
        bpf_map_update_elem(&counts, &key, &one, BPF_ANY);
    __sync_fetch_and_add(&hits, 1);
    bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));
    return 0;
}
SEC("tracepoint/syscalls/sys_enter_kill") int by_tracepoint(void *ctx) { return count(ctx, 1); }
SEC("raw_tp/sys_enter") int by_raw_tracepoint(struct bpf_raw_tracepoint_args *ctx)
{
    return ctx->args[1] == KILL ? count(ctx, 2) : 0;
}
SEC("uprobe/libc.so.6:kill") int by_uprobe(void *ctx) { return count(ctx, 3); }
"""
KILL = {"x86_64": 62, "aarch64": 129}[os.uname().machine]

# Runs in the command: loads the package, makes it count, prints what came of it as JSON.
SCRIPT = """
import ctypes, json, os, resource, sys
import eunomia
libc = ctypes.CDLL("libc.so.6")
with eunomia.Package.open(sys.argv[1]).load({"target": os.getpid()}) as live:
    live.attach()
    with live.events("events") as stream:
        for _ in range(3):
            libc.kill(os.getpid(), 0)
        live.detach(wait=True)
        seen = [event.pid for event in stream.take()]
        account = stream.account()
    print(json.dumps({
        "counts": {str(key): value for key, value in live.maps["counts"].items()} if "counts" in live.maps else {},
        "types": {name: each.type for name, each in live.maps.items()},
        "seen": len(seen), "own": set(seen) == {os.getpid()},
        "account": [account.produced, account.delivered],
        "soft": resource.getrlimit(resource.RLIMIT_MEMLOCK)[0],
    }))
"""


def made(tmp_path: Path, source: str) -> Path:
    path = tmp_path / "package.json"
    path.write_text(build(tmp_path, source.replace("KILL", str(KILL))).to_json())
    return path


def outcome(kernel: OldKernel, package: Path, before: str = "") -> dict[str, Any]:
    result = kernel.run([sys.executable, "-c", before + SCRIPT, str(package)])
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize(
    "lack",
    [
        old_kernel.no_batches,
        old_kernel.no_links,
        old_kernel.no_cookies,
        old_kernel.no_mapped_arrays,
        old_kernel.no_names,
        old_kernel.no_btf,
        old_kernel.no_lost_counters,
        old_kernel.no_memory_groups,
    ],
    ids=lambda lack: lack.__name__,
)
def test_tool_counts_the_same_without(lack: Refusal, tmp_path: Path) -> None:
    package = made(tmp_path, COUNTS)
    kernel = OldKernel(lack)
    whole, without = outcome(OldKernel(), package), outcome(kernel, package)

    assert whole["counts"] == {"1": 3, "2": 3, "3": 3}
    assert (whole["seen"], whole["own"]) == (9, True)
    assert {**without, "soft": 0} == {**whole, "soft": 0}
    assert kernel.refused[lack.__name__] > 0  # else nothing was tested


def test_all_of_it_together_is_done_without(tmp_path: Path) -> None:
    kernel = OldKernel(
        old_kernel.no_batches,
        old_kernel.no_links,
        old_kernel.no_cookies,
        old_kernel.no_mapped_arrays,
        old_kernel.no_names,
        old_kernel.no_btf,
        old_kernel.no_ring_buffers,
        old_kernel.no_tokens,
    )

    assert outcome(kernel, made(tmp_path, COUNTS))["counts"] == {"1": 3, "2": 3, "3": 3}


def test_ring_buffer_becomes_a_perf_buffer_where_the_source_knows_both(tmp_path: Path) -> None:
    package = made(tmp_path, BOTH)
    kernel = OldKernel(old_kernel.no_ring_buffers)
    whole, without = outcome(OldKernel(), package), outcome(kernel, package)

    assert (whole["types"]["events"], without["types"]["events"]) == (27, 4)
    for found in (whole, without):
        assert (found["seen"], found["own"], found["account"]) == (3, True, [3, 3])
    assert kernel.refused["no_ring_buffers"] > 0


def test_ecli_run_reads_the_perf_buffer_as_it_reads_the_ring(tmp_path: Path) -> None:
    words = ["ecli", "run", "-j", "--max-events", "20", "--ring-size", "1M", str(made(tmp_path, BOTH)), "--target"]
    child = OldKernel(old_kernel.no_ring_buffers).start(
        [*words, str(os.getpid())], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 30
    while child.poll() is None and time.monotonic() < deadline:
        os.kill(os.getpid(), 0)
        time.sleep(0.01)
    child.terminate()
    out, err = child.communicate()

    assert [json.loads(line)["pid"] for line in out.splitlines()] == [os.getpid()] * 20, err
    assert "none lost" in err


def test_source_that_knows_rings_only_is_told_so_in_a_line(tmp_path: Path) -> None:
    package = made(tmp_path, RING_ONLY)

    result = OldKernel(old_kernel.no_ring_buffers).run(["ecli", "run", str(package)])

    assert result.returncode == 1
    assert result.stderr.startswith(
        "ecli: load object probe_bpf: this kernel has no ring buffers (Linux 5.8 and newer do)"
    )
    assert result.stderr.count("\n") == 1


XDP = """
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, int);
    __type(value, long);
} seen SEC(".maps");
SEC("xdp") int count(struct xdp_md *ctx)
{
    int zero = 0;
    long *value = bpf_map_lookup_elem(&seen, &zero);
    if (value)
        __sync_fetch_and_add(value, 1);
    return XDP_PASS;
}
"""


def test_xdp_attaches_by_netlink_and_goes_again_without_links(tmp_path: Path) -> None:
    script = """
import socket, subprocess, sys
import eunomia
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
with eunomia.Package.open(sys.argv[1]).load() as live:
    live.attach(targets={"count": ["iface:lo,generic"]})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", ("127.0.0.1", 9))
    during = subprocess.run(["ip", "link", "show", "lo"], capture_output=True, text=True).stdout
    print(live.maps["seen"][0] >= 1, "xdp" in during)
print("xdp" in subprocess.run(["ip", "link", "show", "lo"], capture_output=True, text=True).stdout)
"""
    kernel = OldKernel(old_kernel.no_links)

    result = kernel.run(["unshare", "--net", sys.executable, "-c", script, str(made(tmp_path, XDP))])

    assert result.stdout.split() == ["True", "True", "False"], result.stderr
    assert kernel.refused["no_links"] > 0


LOWERED = "import resource; resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 1 << 22))\n"


def test_memory_limit_is_raised_only_where_the_kernel_counts_bpf_memory_against_it(tmp_path: Path) -> None:
    package = made(tmp_path, COUNTS)
    counting = OldKernel(old_kernel.no_memory_groups)

    assert outcome(OldKernel(), package, LOWERED)["soft"] == 65536
    raised = outcome(counting, package, LOWERED)
    assert raised["soft"] in (1 << 22, -1)  # to its hard limit; with CAP_SYS_RESOURCE libbpf lifts it
    assert raised["counts"] == {"1": 3, "2": 3, "3": 3}
    assert counting.refused["no_memory_groups"] > 0


def test_no_feature_is_read_off_the_kernels_version(root: Path) -> None:
    named = [path.name for path in (root / "native").glob("*.c") if "uname(" in path.read_text()]

    assert named == []
