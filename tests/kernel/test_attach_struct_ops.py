"""A TCP congestion control made of programs: registered while it is attached, and gone afterwards."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.errors import AttachError
from eunomia.package.model import Package
from support.commands import Command
from support.networks import inside, network

SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
int sockets;
SEC("struct_ops") void BPF_PROG(begin, struct sock *sk) { __sync_fetch_and_add(&sockets, 1); }
SEC("struct_ops") __u32 BPF_PROG(threshold, struct sock *sk) { return 2; }
SEC("struct_ops") void BPF_PROG(avoid, struct sock *sk, __u32 ack, __u32 acked) {}
SEC("struct_ops") __u32 BPF_PROG(undo, struct sock *sk) { return 10; }
SEC(".struct_ops") struct tcp_congestion_ops ours = {
    .init = (void *)begin,
    .ssthresh = (void *)threshold,
    .cong_avoid = (void *)avoid,
    .undo_cwnd = (void *)undo,
    .name = "eunomia_test",
};
"""
AVAILABLE = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    path = tmp_path_factory.mktemp("ops") / "ops.bpf.c"
    path.write_text(SOURCE)
    return compile_source(str(path))


def test_a_congestion_control_serves_sockets_while_it_is_attached(package: Package) -> None:
    with network() as name, inside(name), package.load() as obj:
        obj.attach()
        during = AVAILABLE.read_text().split()
        with socket.socket() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"eunomia_test")
            chosen = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0")
        obj.detach()

        assert "eunomia_test" in during
        assert chosen == b"eunomia_test"
    assert "eunomia_test" not in AVAILABLE.read_text().split()


def test_all_its_programs_count_as_attached(ecli: Command, package: Package, tmp_path: Path) -> None:
    path = tmp_path / "ops.json"
    path.write_text(package.to_json())
    running = ecli.start("run", "-v", path)
    deadline = time.monotonic() + 20
    while "attached" not in running.stderr and time.monotonic() < deadline:
        time.sleep(0.02)
    during = AVAILABLE.read_text().split()
    done = running.stop()

    assert "attached 4 programs" in done.stderr, done
    assert "eunomia_test" in during
    assert "eunomia_test" not in AVAILABLE.read_text().split()


def test_a_name_that_is_taken_is_told(package: Package) -> None:
    with package.load() as first, package.load() as second:
        first.attach()

        with pytest.raises(AttachError, match="struct_ops map ours: another with this name is registered"):
            second.attach()
