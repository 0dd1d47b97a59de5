"""Programs of control groups: each type attaches to a group of the test's own, fires there, and nowhere else."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.package.model import Package
from support.commands import Command
from support.networks import cgroup, inside, joined, network, send_datagrams

SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 32);
    __type(key, __u32);
    __type(value, __u64);
} hits SEC(".maps");
static __always_inline int hit(__u32 at)
{
    __u64 *value = bpf_map_lookup_elem(&hits, &at);
    if (value)
        __sync_fetch_and_add(value, 1);
    return 1;
}
#define PROGRAM(section, name, type) SEC(section) int name(type *ctx) { return hit(__COUNTER__); }
PROGRAM("cgroup_skb/ingress", skb_in, struct __sk_buff)
PROGRAM("cgroup_skb/egress", skb_out, struct __sk_buff)
PROGRAM("cgroup/skb", skb_either, struct __sk_buff)
PROGRAM("cgroup/sock_create", sock_create, struct bpf_sock)
PROGRAM("cgroup/sock_release", sock_release, struct bpf_sock)
PROGRAM("cgroup/post_bind4", post_bind4, struct bpf_sock)
PROGRAM("cgroup/post_bind6", post_bind6, struct bpf_sock)
PROGRAM("cgroup/bind4", bind4, struct bpf_sock_addr)
PROGRAM("cgroup/bind6", bind6, struct bpf_sock_addr)
PROGRAM("cgroup/connect4", connect4, struct bpf_sock_addr)
PROGRAM("cgroup/connect6", connect6, struct bpf_sock_addr)
PROGRAM("cgroup/sendmsg4", sendmsg4, struct bpf_sock_addr)
PROGRAM("cgroup/sendmsg6", sendmsg6, struct bpf_sock_addr)
PROGRAM("cgroup/recvmsg4", recvmsg4, struct bpf_sock_addr)
PROGRAM("cgroup/recvmsg6", recvmsg6, struct bpf_sock_addr)
PROGRAM("cgroup/getpeername4", getpeername4, struct bpf_sock_addr)
PROGRAM("cgroup/getsockname4", getsockname4, struct bpf_sock_addr)
PROGRAM("cgroup/getsockopt", getsockopt, struct bpf_sockopt)
PROGRAM("cgroup/setsockopt", setsockopt, struct bpf_sockopt)
PROGRAM("cgroup/sysctl", sysctl, struct bpf_sysctl)
PROGRAM("cgroup/dev", dev, struct bpf_cgroup_dev_ctx)
PROGRAM("sockops", socket_ops, struct bpf_sock_ops)
"""
NAMES = [line.split(", ")[1] for line in SOURCE.splitlines() if line.startswith("PROGRAM(")]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    path = tmp_path_factory.mktemp("groups") / "groups.bpf.c"
    path.write_text(SOURCE)
    return compile_source(str(path))


@pytest.fixture
def net() -> Iterator[str]:
    with network() as name, inside(name):
        yield name


def udp(family: int, address: str) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as taker, socket.socket(family, socket.SOCK_DGRAM) as sender:
        taker.bind((address, 7001))
        sender.sendto(b"x", (address, 7001))
        taker.recvfrom(10)


def tcp(family: int, address: str) -> None:
    with socket.socket(family) as server, socket.socket(family) as client:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        server.bind((address, 7002))
        server.listen()
        client.connect((address, 7002))
        client.getpeername()
        client.getsockname()
        server.accept()[0].close()


def read_sysctl() -> None:
    Path("/proc/sys/kernel/ostype").read_bytes()


def open_device() -> None:
    os.close(os.open("/dev/zero", os.O_RDONLY))


FIRES: dict[str, Callable[[], None]] = {
    **dict.fromkeys(
        ("skb_in", "skb_out", "skb_either", "sock_create", "sock_release"), lambda: udp(socket.AF_INET, "127.0.0.1")
    ),
    **dict.fromkeys(("bind4", "post_bind4", "sendmsg4", "recvmsg4"), lambda: udp(socket.AF_INET, "127.0.0.1")),
    **dict.fromkeys(("bind6", "post_bind6", "sendmsg6", "recvmsg6"), lambda: udp(socket.AF_INET6, "::1")),
    **dict.fromkeys(
        ("connect4", "getpeername4", "getsockname4", "socket_ops"), lambda: tcp(socket.AF_INET, "127.0.0.1")
    ),
    **dict.fromkeys(("getsockopt", "setsockopt"), lambda: tcp(socket.AF_INET, "127.0.0.1")),
    "connect6": lambda: tcp(socket.AF_INET6, "::1"),
    "sysctl": read_sysctl,
    "dev": open_device,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_program_fires_in_its_group_and_nowhere_else(package: Package, net: str, name: str) -> None:
    with cgroup() as group, package.load() as obj:
        link = obj.programs[name].attach(f"cgroup:{group}")
        FIRES[name]()
        outside = obj.maps["hits"][NAMES.index(name)]
        with joined(group):
            FIRES[name]()
        within = obj.maps["hits"][NAMES.index(name)]
        link.detach()
        with joined(group):
            FIRES[name]()

        assert outside == 0
        assert within > 0
        assert obj.maps["hits"][NAMES.index(name)] == within


def test_a_group_below_the_mount_is_found_by_its_name(package: Package, net: str) -> None:
    with cgroup() as group, package.load() as obj, joined(group):
        obj.programs["skb_either"].attach(f"cgroup:{group.name},egress")
        send_datagrams(3)

        assert obj.maps["hits"][NAMES.index("skb_either")] == 3


def test_the_whole_package_attaches_with_one_option(ecli: Command, package: Package, net: str, tmp_path: Path) -> None:
    path = tmp_path / "groups.json"
    path.write_text(package.to_json())
    with cgroup() as group:
        running = ecli.start("run", "-v", "--attach-cgroup", group, path).wait_attached(len(NAMES))
        shown = subprocess.run(["bpftool", "cgroup", "show", group], capture_output=True, text=True, check=True).stdout
        done = running.stop()
        after = subprocess.run(["bpftool", "cgroup", "show", group], capture_output=True, text=True, check=True).stdout

    assert f"attached {len(NAMES)} programs" in done.stderr
    assert all(f" {name[:15]}" in shown for name in NAMES if name not in ("getpeername4", "getsockname4"))
    assert after.strip() == ""


def test_a_group_that_is_removed_ends_the_run_of_all_its_programs(
    ecli: Command, package: Package, tmp_path: Path
) -> None:
    path = tmp_path / "groups.json"
    path.write_text(package.to_json())
    with cgroup() as group:
        running = ecli.start("run", "--attach-cgroup", group, path).wait_attached(len(NAMES))
        watches = [each for each in Path(f"/proc/{running.pid}/fd").iterdir() if "inotify" in os.readlink(each)]
        group.rmdir()
        running.process.wait(10)
        done = running.finish()
        group.mkdir()

    assert len(watches) == 1
    assert done.returncode == 1
    assert done.stderr == f"ecli: cgroup {group} is gone: {len(NAMES)} programs see nothing more of it\n"


def test_a_program_without_a_group_says_how_to_name_one(package: Package) -> None:
    with (
        package.load() as obj,
        pytest.raises(
            OSError,
            match=r"does not say where to attach \[--attach-cgroup PATH, or --attach connect4=cgroup:PATH\]",
        ),
    ):
        obj.programs["connect4"].attach()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("cgroup:/nosuch/group", r"cgroup /nosuch/group: no such file or directory \[cgroup v2 is mounted at /"),
        ("cgroup:nosuch", r"cgroup .*/nosuch: no such file or directory \[cgroup v2"),
        ("cgroup:/tmp", r"cgroup /tmp: not a directory of cgroup v2 \[cgroup v2 is mounted at"),
        ("cgroup:/etc/passwd", "cgroup /etc/passwd: not a directory"),
        ("cgroup:", r"nothing behind the colon \[cgroup:PATH\]"),
        ("cgroup:/,egress", "ingress and egress are for cgroup_skb programs"),
        ("iface:lo", r"iface:lo is no target for it \[cgroup:PATH\]"),
    ],
)
def test_a_group_that_is_none_is_named(package: Package, target: str, message: str) -> None:
    with package.load() as obj, pytest.raises(OSError, match=message):
        obj.programs["connect4"].attach(target)


def test_a_group_that_allows_no_others_says_so(package: Package, tmp_path: Path) -> None:
    bpffs = tmp_path / "bpf"
    bpffs.mkdir()
    subprocess.run(["mount", "-t", "bpf", "none", bpffs], check=True)
    try:
        with cgroup() as group, package.load() as other, package.load() as obj:
            identifier = other.programs["connect4"].fd
            pinned = bpffs / "connect4"
            _pin(identifier, pinned)
            words = ["bpftool", "cgroup", "attach", str(group), "connect4", "pinned", str(pinned)]
            subprocess.run(words, check=True, capture_output=True)

            with pytest.raises(OSError, match="a program attached to it, or above it, allows no others"):
                obj.programs["connect4"].attach(f"cgroup:{group}")
            pinned.unlink()
    finally:
        subprocess.run(["umount", bpffs], check=True)


def _pin(fd: int, path: Path) -> None:
    import ctypes

    class Attributes(ctypes.Structure):
        _fields_ = [("pathname", ctypes.c_uint64), ("bpf_fd", ctypes.c_uint32), ("file_flags", ctypes.c_uint32)]

    text = ctypes.create_string_buffer(str(path).encode())
    attributes = Attributes(ctypes.addressof(text), fd, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(321, 6, ctypes.byref(attributes), ctypes.sizeof(attributes)):  # BPF_OBJ_PIN
        raise OSError(ctypes.get_errno(), "pin")
