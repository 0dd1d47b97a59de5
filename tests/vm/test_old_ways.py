"""What only old kernels need, on old kernels: the limit of locked memory, probes through tracefs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.objects import build
from support.vm.lab import Vm

Lab = Callable[..., Vm]

BIG = """
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1000000);
    __type(key, int);
    __type(value, long);
} big SEC(".maps");
SEC("tracepoint/syscalls/sys_enter_kill") int prog(void *ctx)
{
    int zero = 0;
    return bpf_map_lookup_elem(&big, &zero) != 0;
}
"""
# With the limit as the kernel boots (64 KiB on 5.10), then without the capability that raises it.
LIMITED = """
import resource, subprocess, sys
from guest import emit
SCRIPT = '''
import resource
import eunomia
try:
    eunomia.Package.open("/job/big.json").load().close()
    said = "loaded"
except OSError as exc:
    said = str(exc)
print(resource.getrlimit(resource.RLIMIT_MEMLOCK)[0], said, sep="|")
'''
def outcome(hard, *before):
    run = subprocess.run([*before, sys.executable, "-c", SCRIPT], capture_output=True, text=True,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, hard)))
    limit, _, said = run.stdout.strip().partition("|")
    return [int(limit), said] if limit else [0, run.stderr]
bare = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"]
emit(root=outcome(65536), enough=outcome(1 << 26, *bare), bare=outcome(65536, *bare))
"""


def test_memory_limit_is_raised_on_a_kernel_that_counts_by_it(vm: Lab, tmp_path: Path) -> None:
    files = {"big.json": build(tmp_path, BIG).to_json().encode()}

    (seen,) = vm("5.10").run(LIMITED, files=files)

    assert seen["root"] == [-1, "loaded"]  # lifted
    assert seen["enough"] == [1 << 26, "loaded"]  # to the hard limit
    assert "counts BPF memory against RLIMIT_MEMLOCK, which is 65536 bytes here [ulimit -l unlimited" in seen["bare"][1]
    assert "\n" not in seen["bare"][1]


def test_memory_limit_is_left_alone_on_a_kernel_that_does_not(vm: Lab, tmp_path: Path) -> None:
    files = {"big.json": build(tmp_path, BIG).to_json().encode()}

    (seen,) = vm("6.1").run(LIMITED, files=files)

    assert seen == {"root": [65536, "loaded"], "enough": [65536, "loaded"], "bare": [65536, "loaded"]}


PROBES = """
long hits[4];
static __always_inline int hit(int n) { hits[n]++; return 0; }
SEC("kprobe/vfs_read") int entered(void *ctx) { return hit(0); }
SEC("kretprobe/vfs_read") int left(void *ctx) { return hit(1); }
SEC("uprobe/libc.so.6:getpriority") int called(void *ctx) { return hit(2); }
SEC("uretprobe/libc.so.6:getpriority") int returned(void *ctx) { return hit(3); }
"""
# Kernels before 4.17 have no PMU for probes: hidden here, so that they are made in tracefs.
BY_TRACEFS = """
import os, struct, subprocess
from guest import emit
if not os.path.isdir("/sys/kernel/tracing/events"):
    subprocess.run(["mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing"], check=True)
os.mkdir("/job/empty")
hide = ["mount", "--bind", "/job/empty", "/sys/bus/event_source/devices"]
subprocess.run(hide, check=True)
import eunomia
def probes():
    return [open(f"/sys/kernel/tracing/{kind}_events").read() for kind in ("kprobe", "uprobe")]
with eunomia.Package.open("/job/probes.json").load() as live:
    live.attach()
    during = [len(text.splitlines()) for text in probes()]
    for _ in range(5):
        os.getpriority(os.PRIO_PROCESS, 0)
        open("/proc/self/comm").read()
    live.detach(wait=True)
    value = next(live.maps[name][0] for name in live.maps if name.endswith("bss"))
if isinstance(value, bytes):
    value = {"hits": struct.unpack("<4q", value[:32])}
emit(during=during, after=probes(), hits=list(value["hits"]))
"""


@pytest.mark.parametrize(("series", "arch"), [("5.10", "amd64"), ("6.12", "amd64"), ("6.1", "arm64")])
def test_probes_are_made_through_tracefs_where_the_kernel_has_no_pmu_for_them(
    vm: Lab, tmp_path: Path, series: str, arch: str
) -> None:
    files = {"probes.json": build(tmp_path, PROBES).to_json().encode()}

    (seen,) = vm(series, arch).run(BY_TRACEFS, files=files)

    assert seen["during"] == [2, 2]
    assert seen["after"] == ["", ""]  # nothing is left behind
    assert min(seen["hits"]) >= 5


MANY = 'SEC("kprobe/vfs_*") int many(void *ctx) { return 0; }\n'
FEW = """
import os, resource
from guest import emit
import eunomia
obj = eunomia.Package.open("/job/many.json").load()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
try:
    obj.programs["many"].attach()
    said = "attached"
except OSError as exc:
    said = str(exc)
paths = [f"/proc/self/fd/{number}" for number in range(3, 64)]
left = sum("perf_event" in os.readlink(path) for path in paths if os.path.islink(path))
emit(said=said, left=left)
"""


def test_probes_for_which_descriptors_run_out_are_not_left_out_in_silence(vm: Lab, tmp_path: Path) -> None:
    files = {"many.json": build(tmp_path, MANY).to_json().encode()}

    (seen,) = vm("5.10").run(FEW, files=files)

    assert "vfs_*: too many open files after " in seen["said"].lower()
    assert "[ulimit -n 65536, or a narrower pattern]" in seen["said"]
    assert seen["left"] == 0
