"""Minimal BTF and attach ids of our own load what libbpf loads with the kernel's whole BTF, and faster; modules too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.objects import build
from support.vm.kernels import ARCHITECTURES, SERIES
from support.vm.lab import Vm

Lab = Callable[..., Vm]
KERNELS = [(series, arch) for arch in ARCHITECTURES for series in SERIES]

READ = "BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), real_parent, tgid)"
BODY = f"{{ hits++; parent = {READ}; return 0; }}"
# A program for each family of sections that attaches by a BTF id, with a relocation in it.
SECTIONS = {
    "tp_btf": 'SEC("tp_btf/sched_switch") int BPF_PROG(prog)',
    "fentry": 'SEC("fentry/vfs_read") int BPF_PROG(prog)',
    "fentry_s": 'SEC("fentry.s/security_file_permission") int BPF_PROG(prog)',
    "fexit": 'SEC("fexit/vfs_read") int BPF_PROG(prog)',
    "fexit_s": 'SEC("fexit.s/security_file_permission") int BPF_PROG(prog)',
    "fmod_ret": 'SEC("fmod_ret/security_file_permission") int BPF_PROG(prog)',
    "fmod_ret_s": 'SEC("fmod_ret.s/security_file_permission") int BPF_PROG(prog)',
    "lsm": 'SEC("lsm/file_open") int BPF_PROG(prog)',
    "lsm_s": 'SEC("lsm.s/file_open") int BPF_PROG(prog)',
    "iter": 'SEC("iter/task") int prog(struct bpf_iter__task *ctx)',
    "iter_s": 'SEC("iter.s/task") int prog(struct bpf_iter__task *ctx)',
    "lsm_cgroup": 'SEC("lsm_cgroup/socket_create") int BPF_PROG(prog)',
    "tracepoint": 'SEC("tracepoint/syscalls/sys_enter_kill") int prog(void *ctx)',
}
RETURNS = {"lsm_cgroup": "return 1;"}

COMPARE = """
import os, sys, time
from guest import emit
import eunomia
def tag(fd):
    with open(f"/proc/self/fdinfo/{fd}") as info:
        return next(line.split()[1] for line in info if line.startswith("prog_tag:"))
def fire(live):
    program = live.programs["prog"]
    if program.section.startswith(("iter", "lsm_cgroup")):  # their targets: tests/vm/programs
        return None
    try:
        program.attach()
    except OSError as exc:
        return str(exc)
    open("/proc/self/comm").read()
    os.kill(os.getpid(), 0)
    time.sleep(0.01)
    program.detach()
    value = next(live.maps[name][0] for name in live.maps if name.endswith("bss"))
    return any(value) if isinstance(value, bytes) else any(dict(value).values() if isinstance(value, dict) else value)
def outcome(package, plain):
    begin = time.process_time()
    try:
        live = package.load(plain_btf=plain)
    except Exception as exc:
        return {"refused": str(exc), "ms": 0}, None
    took = time.process_time() - begin
    with live:
        seen = {name: tag(program.fd) for name, program in live.programs.items()}
        return {"tags": seen, "fired": fire(live), "ms": took * 1000}, live.used_minimal_btf
for name in sys.argv[1:]:
    package = eunomia.Package.open(f"/job/{name}.json")
    outcome(package, False)  # what the first of them pays for is no part of it
    runs = [(outcome(package, False), outcome(package, True)) for _ in range(2)]
    (ours, minimal), (plain, _) = (min((run[way] for run in runs), key=lambda each: each[0]["ms"]) for way in (0, 1))
    emit(name=name, ours=ours, plain=plain, minimal=minimal)
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A package for each kind of section: one object for all kernels and both architectures."""
    folder = tmp_path_factory.mktemp("packages")
    made = {}
    for name, head in SECTIONS.items():
        body = BODY.replace("return 0;", RETURNS.get(name, "return 0;"))
        made[f"{name}.json"] = build(folder, f"long hits; int parent;\n{head} {body}\n", name).to_json().encode()
    return made


def alike(each: dict[str, Any]) -> None:
    """The same instructions, the same effect, or the same refusal."""
    assert {**each["ours"], "ms": 0} == {**each["plain"], "ms": 0}, each


@pytest.mark.parametrize(("series", "arch"), KERNELS)
def test_what_loads_with_the_whole_btf_loads_alike_with_the_minimal_one(
    vm: Lab, packages: dict[str, bytes], series: str, arch: str
) -> None:
    found = vm(series, arch).run(COMPARE, files=dict(packages), arguments=SECTIONS, timeout=150)
    seen = {each["name"]: each for each in found}

    assert set(seen) == set(SECTIONS)
    for name, each in seen.items():
        print(f"{series} {arch} {name}: {each['ours']['ms']:.1f} ms, with all of it {each['plain']['ms']:.1f} ms")
        alike(each)
        assert each["minimal"] is (True if "tags" in each["ours"] else None)
    for name in ("tp_btf", "tracepoint"):
        assert seen[name]["ours"]["fired"] is True
    assert "tags" in seen["iter"]["ours"]


# A type that only a module has; the kernel's own BTF knows that there is such a struct, and not what is in it.
MODULE = {
    "core": """
struct veth_priv { u64 dropped; u64 requested_headroom; } __attribute__((preserve_access_index));
struct sctp_association___mine { int assoc_id; } __attribute__((preserve_access_index));
volatile long offsets[4];
SEC("tracepoint/syscalls/sys_enter_kill") int prog(void *ctx)
{
    offsets[0] = bpf_core_field_offset(struct veth_priv, requested_headroom);
    offsets[1] = bpf_core_field_exists(struct veth_priv, dropped);
    offsets[2] = bpf_core_field_exists(struct sctp_association___mine, assoc_id);
    offsets[3] = bpf_core_field_offset(struct sctp_association___mine, assoc_id);
    return 0;
}
""",
    "fentry": 'long hits;\nSEC("fentry/veth_newlink") int BPF_PROG(prog) { hits++; return 0; }\n',
    "fexit": 'long hits;\nSEC("fexit/veth:veth_newlink") int BPF_PROG(prog) { hits++; return 0; }\n',
    "tp_btf": 'long hits;\nSEC("tp_btf/sctp_probe") int BPF_PROG(prog) { hits++; return 0; }\n',
}
IN_MODULES = COMPARE.replace(
    'open("/proc/self/comm").read()',
    """subprocess.run(["ip", "link", "add", "eu0", "type", "veth", "peer", "name", "eu1"], check=True)
    subprocess.run(["ip", "link", "del", "eu0"], check=True)
    talk_sctp()""",
).replace(
    "import os, sys, time",
    """import os, socket, subprocess, sys, time
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
def talk_sctp():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132) as client:
            client.connect(server.getsockname())
            client.send(b"x")
            server.accept()[0].recv(1)
            time.sleep(0.3)
""",
)


@pytest.mark.parametrize(
    ("series", "arch"),
    [("6.1", "amd64"), ("6.12", "amd64"), ("newest", "amd64"), ("6.12", "arm64"), ("newest", "arm64")],
)
def test_types_and_targets_in_modules_are_found_as_libbpf_finds_them(
    vm: Lab, tmp_path: Path, series: str, arch: str
) -> None:
    files: dict[str, Any] = {
        f"{name}.json": build(tmp_path, source, name).to_json().encode() for name, source in MODULE.items()
    }

    lab = vm(series, arch, modules=["veth", "sctp"])
    seen = {each["name"]: each for each in lab.run(IN_MODULES, files=files, arguments=MODULE, timeout=150)}

    assert set(seen) == set(MODULE)
    for each in seen.values():
        alike(each)
        assert each["ours"]["fired"] is True, each
    assert seen["core"]["minimal"] is False  # libbpf knows modules: it gets the whole
