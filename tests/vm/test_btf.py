"""Kernels without BTF run from the package's archive or a file; minimal BTF does what libbpf does with all of it."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from eunomia import Package
from support.objects import HEADERS, build
from support.vm.kernels import ARCHITECTURES, SERIES
from support.vm.lab import Vm

Lab = Callable[..., Vm]
KERNELS = [(series, arch) for arch in ARCHITECTURES for series in SERIES]

CORE = """
struct event { int pid, parent; char comm[16]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } events SEC(".maps");
SEC("tracepoint/syscalls/sys_enter_kill") int on_kill(void *ctx)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
    if (!e)
        return 0;
    e->pid = BPF_CORE_READ(task, tgid);
    e->parent = BPF_CORE_READ(task, real_parent, tgid);
    BPF_CORE_READ_STR_INTO(&e->comm, task, comm);
    bpf_ringbuf_submit(e, 0);
    return 0;
}
"""
FENTRY = 'SEC("fentry/vfs_read") int BPF_PROG(entry) { return 0; }\n'

# Runs `ecli run` with the words of each line, sends kill(2)s, and hands back what came of it.
RUNS = """
import json, os, subprocess, sys, threading, time
from guest import emit
def outcome(*words, **env):
    run = subprocess.Popen(["ecli", "run", "-j", "--max-events", "1", *words], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, env={**os.environ, **env})
    deadline = time.monotonic() + 30
    while run.poll() is None and time.monotonic() < deadline:
        os.kill(os.getpid(), 0)
        time.sleep(0.02)
    run.kill()
    out, err = run.communicate()
    event = json.loads(out.splitlines()[0]) if out else None
    comm = open("/proc/self/comm").read().strip()
    right = event and [event["pid"], event["parent"], event["comm"]] == [os.getpid(), os.getppid(), comm]
    return {"code": run.returncode, "right": bool(right), "said": err}
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory, vm: Lab) -> dict[str, bytes]:
    """The same tool with an archive of all eight kernels, one with the archive of others, one without, a broken one."""
    folder = tmp_path_factory.mktemp("btf")
    source = folder / "tool.bpf.c"
    source.write_text(HEADERS + CORE)
    words = [word for series, arch in KERNELS for word in ("--kernels", str(vm(series, arch).kernel.image))]
    made = subprocess.run(
        ["ecc", *words, "-o", str(folder / "all.tar"), str(source)], capture_output=True, text=True, check=True
    )
    package = Package.open(folder / "all.tar")
    assert "packed BTF of 8 kernels" in made.stderr
    assert len(package.btf_archive) == 8
    assert all(100 < len(btf) < 4096 for btf in package.btf_archive.values())  # "a few KB each"
    found = {"all.tar": (folder / "all.tar").read_bytes(), "plain.json": package.to_json().encode()}
    package.btf_archive = {"any/any/x86_64/1.2.3.btf": next(iter(package.btf_archive.values()))}
    found["others.tar"] = package.to_tar()
    found["broken.tar"] = broken_archive(found["plain.json"])
    found["fentry.json"] = build(folder, FENTRY, "fentry").to_json().encode()
    return found


def broken_archive(package: bytes) -> bytes:
    """A tar whose archive is wrong in three ways: no BTF, a link out of it, and cut off behind package.json."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        link = tarfile.TarInfo("btfhub-archive/any/any/any/x.btf")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        for name, data in (
            ("btfhub-archive/y.btf", b"nothing"),
            ("package.json", package),
            ("tool", bytes(100_000)),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()[:-60_000]


HIDDEN = (
    RUNS
    + """
ways = {
    "archive": lambda: outcome("/job/all.tar"),
    "image": lambda: outcome("--btf", "/job/vmlinuz", "/job/plain.json"),
    "file": lambda: outcome("--btf", "/job/kernel.btf", "/job/plain.json"),
    "variable": lambda: outcome("/job/plain.json", BTF_FILE_PATH="/job/kernel.btf"),
    "option first": lambda: outcome("--btf", "/job/kernel.btf", "/job/plain.json", BTF_FILE_PATH="/nowhere"),
    "nothing": lambda: outcome("/job/plain.json"),
    "others": lambda: outcome("/job/others.tar"),
    "broken": lambda: outcome("/job/broken.tar"),
    "wrong": lambda: outcome("--btf", "/etc/passwd", "/job/all.tar"),
    "fentry": lambda: outcome("/job/fentry.json"),
}
emit(hidden=not os.path.exists("/sys/kernel/btf/vmlinux"), **{way: ways[way]() for way in sys.argv[1:]})
"""
)
RUN = ["archive", "image", "file", "variable", "option first"]
REFUSED = {
    "nothing": ") has no /sys/kernel/btf/vmlinux [--btf FILE",
    "others": ") has no /sys/kernel/btf/vmlinux; of the 1 in the package's archive none is for it [--btf",
    "broken": "its archive is damaged: btfhub-archive/any/any/any/x.btf is no regular file",
    "wrong": "ecli: read /etc/passwd: neither BTF, a kernel image nor",
    "fentry": "function vfs_read: sought in the kernel's own BTF, and this kernel has none",
}


@pytest.mark.parametrize(
    ("series", "arch", "ways"),
    [
        ("6.1", "amd64", [*RUN, *REFUSED]),
        *[(series, arch, ["archive", "nothing"]) for series, arch in KERNELS if (series, arch) != ("6.1", "amd64")],
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_kernel_that_hides_its_btf_runs_from_the_archive_or_a_file(
    vm: Lab, packages: dict[str, bytes], series: str, arch: str, ways: list[str]
) -> None:
    lab = vm(series, arch, btf=False)
    files: dict[str, Any] = {**packages, "kernel.btf": lab.kernel.btf(), "vmlinuz": lab.kernel.image}

    (seen,) = lab.run(HIDDEN, files=files, arguments=ways, timeout=150)

    assert seen["hidden"]
    for way in ways:
        said, right = seen[way]["said"], seen[way]["right"]
        assert (seen[way]["code"], right) == ((0, True) if way in RUN else (1, False)), (way, said)
        if way in REFUSED:
            assert REFUSED[way] in said
            assert said.count("\n") == 1
    assert lab.kernel.release in seen["nothing"]["said"]


OWN = (
    RUNS
    + """
emit(**{name: outcome(f"/job/{name}") for name in ("all.tar", "others.tar", "broken.tar")},
     stale=outcome("/job/plain.json", BTF_FILE_PATH="/nowhere"))
"""
)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_wrong_archive_never_stops_a_kernel_that_has_its_own(vm: Lab, packages: dict[str, bytes], arch: str) -> None:
    (seen,) = vm("6.12", arch).run(OWN, files=dict(packages))

    for name in ("all.tar", "others.tar", "broken.tar"):
        assert (seen[name]["code"], seen[name]["right"]) == (0, True), seen[name]
    assert seen["stale"]["code"] == 1
    assert "/nowhere" in seen["stale"]["said"]
