"""Programs of routes (lwt_in, lwt_out, lwt_xmit): a route of our own is made and removed, and nobody else's."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eunomia.kernel.object import Object
from eunomia.package.model import Package
from support.commands import Command
from support.networks import inside, ip, network
from support.objects import build

SOURCE = """
int hits;
SEC("lwt_xmit") int leaving(struct __sk_buff *ctx) { __sync_fetch_and_add(&hits, 1); return BPF_OK; }
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return build(tmp_path_factory.mktemp("routes"), SOURCE)


@pytest.fixture
def net() -> Iterator[str]:
    with network() as name, inside(name):
        yield name


@pytest.fixture
def obj(package: Package, net: str) -> Iterator[Object]:
    with package.load() as loaded:
        yield loaded


@pytest.fixture(scope="module")
def long_name(tmp_path_factory: pytest.TempPathFactory) -> Package:
    source = f'SEC("lwt_xmit") int leaving_{"x" * 80}(struct __sk_buff *ctx) {{ return BPF_OK; }}\n'
    return build(tmp_path_factory.mktemp("long"), source)


def routes(net: str, *words: str) -> str:
    return ip("-n", net, *words, "route", "show", "10.79.0.0/24").strip()


def send(address: str = "10.79.0.5") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", (address, 7000))


def hits(obj: Object) -> int:
    bss = next(each for each in obj.maps.values() if each.section == ".bss")
    return int.from_bytes(bytes(bss[0])[:4], "little")


def test_a_route_is_there_while_its_program_is_attached(obj: Object, net: str) -> None:
    with obj.programs["leaving"].attach("route:10.79.0.0/24,dev=v0,headroom=14"):
        during = routes(net)
        send()
    send_after = routes(net)

    assert "encap bpf xmit leaving" in during
    assert hits(obj) == 1
    assert send_after == ""


def test_a_program_with_a_long_name_has_a_route_too(long_name: Package, net: str) -> None:
    with long_name.load() as obj, next(iter(obj.programs.values())).attach("route:10.79.0.0/24,dev=v0"):
        during = routes(net)

    assert "encap bpf xmit leaving_xxx" in during


def test_a_gateway_and_a_metric_are_taken(obj: Object, net: str) -> None:
    ip("-n", net, "route", "add", "10.79.0.0/24", "dev", "v0", "metric", "5")
    with obj.programs["leaving"].attach("route:10.79.0.0/24,via=10.77.0.9,metric=7"):
        during = routes(net).splitlines()
    after = routes(net)

    assert len(during) == 2
    assert "via 10.77.0.9 dev v0" in during[1]
    assert "metric 7" in during[1]
    assert "metric 5" in after
    assert "bpf" not in after


def test_a_route_of_a_prefix_of_ipv6_is_made_too(obj: Object, net: str) -> None:
    with obj.programs["leaving"].attach("route:fd79::/64,dev=v0"):
        during = ip("-n", net, "-6", "route", "show", "fd79::/64")

    assert "encap bpf" in during
    assert ip("-n", net, "-6", "route", "show", "fd79::/64") == ""


def test_a_route_that_somebody_else_put_in_our_place_stays(obj: Object, net: str) -> None:
    obj.programs["leaving"].attach("route:10.79.0.0/24,dev=v0")
    ip("-n", net, "route", "replace", "10.79.0.0/24", "dev", "v1")
    obj.detach()

    assert "dev v1" in routes(net)


def test_an_interface_that_goes_away_takes_the_route_and_ends_nothing(obj: Object, net: str) -> None:
    obj.programs["leaving"].attach("route:10.79.0.0/24,dev=v0")
    ip("-n", net, "link", "del", "v0")
    obj.detach()

    assert routes(net) == ""


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("route:10.79.0.0/33,dev=v0", "not an address and the length of its prefix"),
        ("route:10.79.0.1/24,dev=v0", "not an address and the length of its prefix"),
        ("route:nowhere,dev=v0", "not an address and the length of its prefix"),
        ("route:10.79.0.0/,dev=v0", "not an address and the length of its prefix"),
        ("route:10.79.0.0/24,dev=nosuch0", "interface nosuch0: no such interface"),
        ("route:10.79.0.0/24,via=fd79::1", "via=fd79::1 is no address of the same family"),
        ("route:10.79.0.0/24,via=10.99.0.1", "its gateway is not reachable"),
        ("route:10.79.0.0/24", r"a route leads to an interface or a gateway \[route:PREFIX,dev=IFACE"),
        ("route:10.79.0.0/24,dev=v0,headroom=999", "headroom= takes a whole number from 0 to 256"),
        (
            "route:10.77.0.0/24,dev=v0",
            r"^\[Errno 17\] attach program leaving .*there is one with this prefix and metric",
        ),
        ("iface:v0", r"is no target for it \[route:PREFIX,dev=IFACE"),
        (None, r"does not say where to attach \[--attach leaving=route:PREFIX"),
    ],
)
def test_a_wrong_route_says_what_is_wrong(obj: Object, net: str, target: str | None, message: str) -> None:
    before = ip("-n", net, "route").replace(" linkdown", "")  # a link may still be coming up
    with pytest.raises(OSError, match=message):
        obj.programs["leaving"].attach(target)

    assert ip("-n", net, "route").replace(" linkdown", "") == before


def test_the_command_line_makes_the_route_and_removes_it(
    ecli: Command, package: Package, net: str, tmp_path: Path
) -> None:
    path = tmp_path / "routes.json"
    path.write_text(package.to_json())
    running = ecli.start("run", "-v", "--attach", "route:10.79.0.0/24,dev=v0", path)
    deadline = time.monotonic() + 20
    while not (during := routes(net)) and time.monotonic() < deadline:
        time.sleep(0.02)
    done = running.stop()

    assert done.returncode == 0, done
    assert "encap bpf" in during
    assert routes(net) == ""
