"""In a user namespace tools load by the token of a BPF file system that delegates; without it they are refused."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import old_kernel
from support.objects import build
from support.old_kernel import OldKernel

COUNTER = """
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
FSOPEN, FSCONFIG, FSMOUNT, MOVE_MOUNT = 430, 431, 432, 429
CREATE = 6

# In the namespace: a bpffs that it begins and its owner, who may delegate, completes; then the tool.
INSIDE = f"""
import ctypes, json, os, socket, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
with socket.socket(fileno=int(sys.argv[1])) as owner:
    context = libc.syscall({FSOPEN}, b"bpf", 0)
    socket.send_fds(owner, [b"x"], [context])
    _, (root,), _, _ = socket.recv_fds(owner, 1, 1)
os.close(context)
if libc.syscall({MOVE_MOUNT}, root, b"", -100, sys.argv[2].encode(), 4):
    raise OSError(ctypes.get_errno(), "mount")
os.close(root)
os.environ.update(dict(word.split("=") for word in sys.argv[4:]))
import eunomia
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
try:
    with eunomia.Package.open(sys.argv[3]).load() as live:
        live.attach(targets={{"count": ["iface:lo,generic"]}})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"x", ("127.0.0.1", 9))
        print(json.dumps(live.maps["seen"][0]))
except PermissionError as exc:
    print(json.dumps(str(exc)))
"""


def in_namespace(package: Path, place: Path, delegate: str, *env: str) -> Any:
    """Run the tool as root of a user namespace, with a bpffs at `place` that delegates something or nothing."""
    ours, theirs = socket.socketpair()
    words = ["unshare", "--user", "--map-root-user", "--mount", "--net", sys.executable, "-c", INSIDE]
    child = subprocess.Popen(
        [*words, str(theirs.fileno()), str(place), str(package), *env],
        pass_fds=[theirs.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    theirs.close()
    with ours:
        _, (context,), _, _ = socket.recv_fds(ours, 1, 1)
        libc = ctypes.CDLL(None, use_errno=True)
        for name in ("cmds", "maps", "progs", "attachs"):
            if delegate and libc.syscall(FSCONFIG, context, 1, f"delegate_{name}".encode(), delegate.encode(), 0):
                raise OSError(ctypes.get_errno(), f"delegate {name}")
        if libc.syscall(FSCONFIG, context, CREATE, None, None, 0):
            raise OSError(ctypes.get_errno(), "make a bpffs")
        root = libc.syscall(FSMOUNT, context, 0, 0)
        os.close(context)
        socket.send_fds(ours, [b"y"], [root])
        os.close(root)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    return json.loads(out)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "package.json"
    path.write_text(build(tmp_path, COUNTER).to_json())
    return path


def test_token_of_the_usual_bpffs_is_used_without_being_told(package: Path) -> None:
    assert in_namespace(package, Path("/sys/fs/bpf"), "any") >= 1


def test_token_of_another_bpffs_is_used_where_the_environment_names_it(package: Path, tmp_path: Path) -> None:
    place = tmp_path / "bpf"
    place.mkdir()

    assert in_namespace(package, place, "any", f"LIBBPF_BPF_TOKEN_PATH={place}") >= 1


def test_without_delegation_the_refusal_says_what_is_missing(package: Path) -> None:
    said = in_namespace(package, Path("/sys/fs/bpf"), "")

    assert "operation not permitted" in said.lower()
    assert "\n" not in said


def test_kernel_without_tokens_loads_as_before(package: Path, tmp_path: Path) -> None:
    """There is a bpffs at the usual place, so that one is asked for; a process with capabilities needs none."""
    kernel = OldKernel(old_kernel.no_tokens)
    script = f"import eunomia\nwith eunomia.Package.open({str(package)!r}).load() as live:\n    print(live.loaded)\n"
    mount = 'mount -t bpf bpf /sys/fs/bpf && exec "$@"'
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh", sys.executable, "-c", script]

    result = kernel.run(words)

    assert result.stdout == "True\n", result.stderr
    assert kernel.refused["no_tokens"] > 0
