"""Programs of namespaces, sockets and socket maps: sk_lookup, flow_dissector, netfilter, sk_msg, sk_skb, filters."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.kernel.object import Object
from eunomia.package.model import Package
from support.commands import Command
from support.networks import inside, network, send_datagrams

SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, __u64);
} hits SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_SOCKHASH);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64);
} peers SEC(".maps");
static __always_inline int hit(__u32 at, int result)
{
    __u64 *value = bpf_map_lookup_elem(&hits, &at);
    if (value)
        __sync_fetch_and_add(value, 1);
    return result;
}
SEC("sk_lookup") int lookup(struct bpf_sk_lookup *ctx) { return hit(0, SK_PASS); }
SEC("flow_dissector") int dissect(struct __sk_buff *ctx) { return hit(1, BPF_OK); }
SEC("netfilter") int hook(struct bpf_nf_ctx *ctx) { return hit(2, 1); }
SEC("socket") int filter(struct __sk_buff *ctx) { return hit(3, 0); }
SEC("sk_reuseport") int choose(struct sk_reuseport_md *ctx) { return hit(4, SK_PASS); }
SEC("sk_msg") int message(struct sk_msg_md *ctx) { return hit(5, SK_PASS); }
SEC("sk_skb/stream_parser") int parse(struct __sk_buff *ctx) { return hit(6, ctx->len); }
SEC("sk_skb/stream_verdict") int verdict(struct __sk_buff *ctx) { return hit(7, SK_PASS); }
"""
LOOKUP, DISSECT, HOOK, FILTER, CHOOSE, MESSAGE, PARSE, VERDICT = range(8)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    path = tmp_path_factory.mktemp("sockets") / "sockets.bpf.c"
    path.write_text(SOURCE)
    return compile_source(str(path))


@pytest.fixture
def net() -> Iterator[str]:
    with network() as name, inside(name):
        yield name


@pytest.fixture
def obj(package: Package, net: str) -> Iterator[Object]:
    with package.load() as loaded:
        yield loaded


def connection() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        return client, server.accept()[0]


@pytest.mark.parametrize("where", ["named", "self", "pid", "path", "default"])
def test_sk_lookup_sees_what_arrives_in_its_namespace(package: Package, where: str) -> None:
    with network() as name, network() as other, package.load() as obj:
        target = {
            "named": f"netns:{name}",
            "self": "netns:self",
            "pid": f"netns:{os.getpid()}",
            "path": f"netns:/run/netns/{name}",
            "default": None,
        }[where]
        with inside(name):
            obj.programs["lookup"].attach(target)
        with inside(other):
            send_datagrams()
            elsewhere = obj.maps["hits"][LOOKUP]
        with inside(name):
            send_datagrams()

        assert elsewhere == 0
        assert obj.maps["hits"][LOOKUP] == 1


def test_a_second_flow_dissector_is_refused_by_name(obj: Object, package: Package) -> None:
    obj.programs["dissect"].attach("netns:self")

    with package.load() as other, pytest.raises(OSError, match="as many programs as it takes are attached already"):
        other.programs["dissect"].attach("netns:self")


@pytest.mark.parametrize(
    ("hook", "hits"),
    [
        ("ipv4:local_in", 3),
        ("ipv4:input,prio=-100", 3),
        ("ipv4:postrouting,defrag", 3),
        ("ipv4:forward", 0),
        ("ipv6:input", 0),
    ],
)
def test_netfilter_programs_see_their_family_and_hook(obj: Object, hook: str, hits: int) -> None:
    obj.programs["hook"].attach(f"netfilter:{hook}")
    send_datagrams(3)

    assert obj.maps["hits"][HOOK] == hits


def test_a_socket_filter_sees_the_packets_of_an_interface(obj: Object) -> None:
    with obj.programs["filter"].attach("socket:lo"):
        send_datagrams(4)
    during = obj.maps["hits"][FILTER]
    send_datagrams(4)

    assert during == 8  # each is sent and received
    assert obj.maps["hits"][FILTER] == during


def test_a_socket_filter_goes_into_a_socket_of_ours_and_out_again(obj: Object) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        taker.bind(("127.0.0.1", 7003))
        taker.settimeout(5)
        with obj.programs["filter"].attach(taker):
            sender.sendto(b"filtered", ("127.0.0.1", 7003))
        sender.sendto(b"passed", ("127.0.0.1", 7003))

        assert taker.recv(20) == b"passed"
        assert obj.maps["hits"][FILTER] == 1


def test_a_socket_of_another_process_is_named_by_pid_and_descriptor(obj: Object) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        taker.bind(("127.0.0.1", 7004))
        child = os.fork()
        if not child:
            time.sleep(30)
            os._exit(0)
        try:
            with obj.programs["filter"].attach(f"socket:,fd={taker.fileno()},pid={child}"):
                sender.sendto(b"x", ("127.0.0.1", 7004))
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)

        assert obj.maps["hits"][FILTER] == 1


def test_a_reuseport_program_chooses_within_its_group(obj: Object) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taker.bind(("127.0.0.1", 7005))
        obj.programs["choose"].attach(taker)
        sender.sendto(b"x", ("127.0.0.1", 7005))

        assert obj.maps["hits"][CHOOSE] == 1


def test_sk_msg_and_sk_skb_attach_to_the_only_map_of_sockets(obj: Object) -> None:
    for name in ("message", "parse", "verdict"):
        obj.programs[name].attach(None if name == "message" else "map:peers")
    client, server = connection()
    with client, server:
        obj.maps["peers"][1] = client.fileno()
        obj.maps["peers"][2] = server.fileno()
        client.sendall(b"hello")
        got = server.recv(10)
    hits = [obj.maps["hits"][at] for at in (MESSAGE, PARSE, VERDICT)]

    assert got == b"hello"
    assert hits[0] == 1
    assert min(hits) >= 1, hits


@pytest.mark.parametrize(
    ("program", "target", "message"),
    [
        ("lookup", "netns:nosuch", r"network namespace /run/netns/nosuch: no such file or directory \[`ip netns`"),
        ("lookup", "netns:/etc/passwd", "network namespace /etc/passwd: not a network namespace"),
        ("lookup", "netns:999999999", "network namespace /proc/999999999/ns/net: no such file"),
        (
            "hook",
            "netfilter:ipv4:nowhere",
            r"not of the form netfilter:FAMILY:HOOK \[FAMILY: ipv4, ipv6; HOOK: prerouting",
        ),
        ("hook", "netfilter:arp:input", "not of the form netfilter:FAMILY:HOOK"),
        ("hook", None, r"does not say where to attach \[--attach hook=netfilter:ipv4\|ipv6:HOOK"),
        ("filter", None, r"\[--attach filter=socket:IFACE, or socket:,fd=N"),
        ("filter", "socket:nosuch0", "interface nosuch0: no such interface"),
        ("filter", "socket:,fd=9999", r"descriptor 9999 of process \d+: it has no such descriptor"),
        ("filter", "socket:,fd=2,pid=999999999", "descriptor 2 of process 999999999: no such process"),
        ("choose", "socket:lo", "it attaches to a socket of a group"),
        ("message", "map:hits", "the package has no sockmap or sockhash of this name"),
    ],
)
def test_what_is_not_there_is_named(obj: Object, program: str, target: str | None, message: str) -> None:
    with pytest.raises(OSError, match=message):
        obj.programs[program].attach(target)


def test_two_programs_with_one_netfilter_priority_are_told_apart(obj: Object, package: Package) -> None:
    obj.programs["hook"].attach("netfilter:ipv4:input,prio=5")

    with (
        package.load() as other,
        pytest.raises(OSError, match=r"another BPF program has this priority there \[prio=N\]"),
    ):
        other.programs["hook"].attach("netfilter:ipv4:input,prio=5")


def test_the_command_line_names_a_target_for_each(ecli: Command, package: Package, net: str, tmp_path: Path) -> None:
    path = tmp_path / "sockets.json"
    path.write_text(package.to_json())
    words = ["--attach", "hook=netfilter:ipv4:output", "--attach", "filter=socket:lo", "--skip", "choose"]
    running = ecli.start("run", "-v", *words, path).wait_attached(4)
    done = running.stop()

    assert done.returncode == 0, done
    assert "attached 7 programs" in done.stderr
