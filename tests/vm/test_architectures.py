"""A package compiled here, on amd64, for two architectures: both kernels run it, and each reads its own registers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from support.vm.lab import Vm

Lab = Callable[..., Vm]
SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct event { int what; long fd; long count; long sig; long result; unsigned long ip; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } events SEC(".maps");
const volatile int pid_wanted = 0;

static struct event *reserve(int what) {
    struct event *event;

    if (bpf_get_current_pid_tgid() >> 32 != pid_wanted)
        return 0;
    event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (event) {
        __builtin_memset(event, 0, sizeof(*event));
        event->what = what;
    }
    return event;
}

SEC("kprobe/ksys_read")
int BPF_KPROBE(enter, unsigned int fd, char *buf, size_t count) {
    struct event *event = reserve(1);

    if (!event)
        return 0;
    event->fd = fd;
    event->count = count;
    event->ip = PT_REGS_IP(ctx);
    bpf_ringbuf_submit(event, 0);
    return 0;
}

SEC("kretprobe/ksys_read")
int BPF_KRETPROBE(leave, long result) {
    struct event *event = reserve(2);

    if (!event)
        return 0;
    event->result = result;
    bpf_ringbuf_submit(event, 0);
    return 0;
}

SEC("ksyscall/tgkill")
int BPF_KSYSCALL(send, int tgid, int tid, int sig) {
    struct event *event = reserve(3);

    if (!event)
        return 0;
    event->fd = tgid;
    event->count = tid;
    event->sig = sig;
    bpf_ringbuf_submit(event, 0);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
"""
SCRIPT = """
import ctypes, os, threading
from eunomia import Package
from guest import emit

package = Package.open("/job/tool.json")
libc = ctypes.CDLL(None, use_errno=True)
wanted = os.open("/job/data", os.O_RDONLY)
with package.load({"pid_wanted": os.getpid()}) as obj:
    obj.attach()
    seen = []
    with obj.events("events", timeout=2) as stream:
        os.read(wanted, 4321)
        libc.syscall({"x86_64": 234, "aarch64": 131}[os.uname().machine], os.getpid(), threading.get_native_id(), 0)
        for event in stream:
            seen.append({name: getattr(event, name) for name in ("what", "fd", "count", "sig", "result", "ip")})
            if event.what == 3:
                break
symbols = {line.split()[2]: int(line.split()[0], 16) for line in open("/proc/kallsyms")}
emit(arch=package.here().architectures or package.architectures, fd=wanted, pid=os.getpid(),
     tid=threading.get_native_id(), at=symbols["ksys_read"], events=seen)
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("both")
    (folder / "both.bpf.c").write_text(SOURCE)
    made = compile_source(folder / "both.bpf.c", target_arch="x86,arm64,riscv,powerpc,s390")
    (folder / "both.json").write_text(made.to_json())
    return folder / "both.json"


@pytest.mark.parametrize(("series", "arch"), [("6.1", "amd64"), ("5.10", "arm64"), ("newest", "arm64")])
def test_one_package_reads_the_registers_of_each_machine(
    vm: Lab, package: Path, tmp_path: Path, series: str, arch: str
) -> None:
    (tmp_path / "data").write_bytes(b"twelve bytes")
    (seen,) = vm(series, arch).run(SCRIPT, files={"tool.json": package, "data": tmp_path / "data"})
    events = seen["events"]
    reads = [event for event in events if event["what"] == 1 and event["fd"] == seen["fd"]]
    (sent,) = [event for event in events if event["what"] == 3]

    assert seen["arch"][0] == {"amd64": "x86", "arm64": "arm64"}[arch]
    assert reads[0]["count"] == 4321
    assert 0 <= reads[0]["ip"] - seen["at"] <= 16  # at its first instructions, past a landing pad
    assert 12 in [event["result"] for event in events if event["what"] == 2]
    assert (sent["fd"], sent["count"], sent["sig"]) == (seen["pid"], seen["tid"], 0)
