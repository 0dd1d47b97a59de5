"""A package compiled here for several architectures: the kernels of three run it, and each reads its own registers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.package import Package
from eunomia.package.evidence import digest
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

/* riscv takes no kprobe at the entry of a function that ftrace can trace, and so neither kretprobes nor ksyscall */
#ifdef __TARGET_ARCH_riscv
#define ENTRY(name) SEC("kprobe/" #name "+8")
#else
#define ENTRY(name) SEC("kprobe/" #name)
#endif

ENTRY(ksys_read)
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

#ifdef __TARGET_ARCH_riscv
SEC("fexit/ksys_read")
int BPF_PROG(leave, unsigned int fd, char *buf, size_t count, long result) {
#else
SEC("kretprobe/ksys_read")
int BPF_KRETPROBE(leave, long result) {
#endif
    struct event *event = reserve(2);

    if (!event)
        return 0;
    event->result = result;
    bpf_ringbuf_submit(event, 0);
    return 0;
}

#ifdef __TARGET_ARCH_riscv
ENTRY(__riscv_sys_tgkill)
int BPF_KPROBE(send, struct pt_regs *regs) {
    int tgid = PT_REGS_PARM1_CORE_SYSCALL(regs), tid = PT_REGS_PARM2_CORE_SYSCALL(regs);
    int sig = PT_REGS_PARM3_CORE_SYSCALL(regs);
#else
SEC("ksyscall/tgkill")
int BPF_KSYSCALL(send, int tgid, int tid, int sig) {
#endif
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
        libc.syscall({"x86_64": 234}.get(os.uname().machine, 131), os.getpid(), threading.get_native_id(), 0)
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


@pytest.mark.parametrize(
    ("series", "arch"), [("6.1", "amd64"), ("5.10", "arm64"), ("newest", "arm64"), ("6.12", "riscv64")]
)
def test_one_package_reads_the_registers_of_each_machine(
    vm: Lab, package: Path, tmp_path: Path, series: str, arch: str
) -> None:
    (tmp_path / "data").write_bytes(b"twelve bytes")
    (seen,) = vm(series, arch).run(SCRIPT, files={"tool.json": package, "data": tmp_path / "data"}, timeout=120)
    events = seen["events"]
    reads = [event for event in events if event["what"] == 1 and event["fd"] == seen["fd"]]
    (sent,) = [event for event in events if event["what"] == 3]

    assert seen["arch"][0] == {"amd64": "x86", "arm64": "arm64", "riscv64": "riscv"}[arch]
    assert reads[0]["count"] == 4321
    assert 0 <= reads[0]["ip"] - seen["at"] <= 16  # at its first instructions, past a landing pad
    assert 12 in [event["result"] for event in events if event["what"] == 2]
    assert (sent["fd"], sent["count"], sent["sig"]) == (seen["pid"], seen["tid"], 0)


TOOLS = """
import json, os, signal, subprocess
from guest import emit

def ecli(*words, **options):
    return subprocess.run(["ecli", *words], capture_output=True, text=True, timeout=100, **options)

PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
words = ["ecli", "run", "-v", "-j", "--filter", "path == '/job/marker'", "--max-events", "1", "opensnoop"]
running = subprocess.Popen(words, **PIPES)
for line in running.stderr:
    if "attached" in line:
        break
open("/job/marker").close()
out, err = running.communicate(timeout=60)
emit(event=json.loads(out), code=running.returncode, pid=os.getpid())
refused = ecli("run", "--duration", "1", "/job/x86.json")
emit(code=refused.returncode, error=refused.stderr)
trying = subprocess.Popen(["ecli", "evidence", "-j", "--duration", "2", "/job/tool.json"], **PIPES)
zero = os.open("/dev/zero", os.O_RDONLY)
while trying.poll() is None:
    os.read(zero, 1)
emit(evidence=json.loads(trying.stdout.read()))
"""


@pytest.fixture
def for_x86(package: Path, tmp_path: Path) -> Path:
    made = compile_source(package.with_name("both.bpf.c"), target_arch="x86")
    (tmp_path / "x86.json").write_text(made.to_json())
    return tmp_path / "x86.json"


def test_built_in_tool_and_evidence_and_refusal_on_riscv(vm: Lab, package: Path, for_x86: Path, tmp_path: Path) -> None:
    (tmp_path / "marker").touch()
    lab = vm("6.12", "riscv64")
    files = {"tool.json": package, "x86.json": for_x86, "marker": tmp_path / "marker"}
    ran, refused, tried = lab.run(TOOLS, files=files, timeout=200)

    assert (ran["code"], ran["event"]["path"], ran["event"]["pid"]) == (0, "/job/marker", ran["pid"])
    assert refused == {
        "code": 1,
        "error": "ecli: open /job/x86.json: made for x86, and this machine is riscv"
        " [compile its source again: ecc --target-arch x86,riscv]\n",
    }
    found = tried["evidence"]
    assert (found["arch"], found["kernel"], found["outcome"]) == ("riscv", lab.kernel.release, "fired")
    assert found["reason"] == "2 of 3 programs ran, not send"
    assert found["object"] == digest(Package.open(package).for_arch("riscv"))
