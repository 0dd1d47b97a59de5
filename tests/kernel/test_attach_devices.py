"""XDP, tc and tcx programs on devices of a network namespace of the test's own."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eunomia.package.model import Package
from support.commands import Command
from support.networks import inside, ip, network, send_datagrams, with_own_bpffs

SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64);
} hits SEC(".maps");
static __always_inline void hit(__u32 at)
{
    __u64 *value = bpf_map_lookup_elem(&hits, &at);
    if (value)
        __sync_fetch_and_add(value, 1);
}
SEC("xdp") int packets(struct xdp_md *ctx) { hit(0); return XDP_PASS; }
SEC("tc") int shape(struct __sk_buff *ctx)
{
    __u32 leaving = 2, before = 3;
    __u64 *count = bpf_map_lookup_elem(&hits, &leaving);
    hit(1);
    if (count)
        bpf_map_update_elem(&hits, &before, count, 0);
    return -1;
}
SEC("tcx/egress") int leaving(struct __sk_buff *ctx) { hit(2); return -1; }
"""


@pytest.fixture
def file(package: Package, tmp_path: Path) -> Path:
    path = tmp_path / "devices.json"
    path.write_text(package.to_json())
    return path


@pytest.fixture
def net() -> Iterator[str]:
    with network() as name, inside(name):
        yield name


def filters(device: str, side: str) -> list[dict[str, object]]:
    shown = with_own_bpffs("tc", "-j", "filter", "show", "dev", device, side)
    return [each for each in json.loads(shown or "[]") if "options" in each]


def has_clsact(device: str) -> bool:
    return "clsact" in with_own_bpffs("tc", "qdisc", "show", "dev", device)


def xdp_mode(device: str) -> str:
    link = json.loads(ip("-j", "link", "show", device))[0]
    return {1: "native", 2: "generic", 3: "offload"}.get(link.get("xdp", {}).get("mode", 0), "none")


def xdp_id(device: str) -> int:
    return int(json.loads(ip("-j", "link", "show", device))[0].get("xdp", {}).get("prog", {}).get("id", 0))


@pytest.mark.parametrize(("words", "mode"), [("", "native"), (",native", "native"), (",generic", "generic")])
def test_xdp_attaches_by_name_in_the_mode_that_was_chosen(package: Package, net: str, words: str, mode: str) -> None:
    with package.load() as obj:
        obj.programs["packets"].attach(f"iface:v1{words}")
        during = xdp_mode("v1")

    assert (during, xdp_mode("v1")) == (mode, "none")


def test_xdp_counts_packets_of_the_interface_that_it_was_attached_to(package: Package, net: str) -> None:
    with package.load() as obj, obj.programs["packets"].attach("iface:lo,generic"):
        send_datagrams(5)

        assert obj.maps["hits"][0] == 5


def test_a_taken_xdp_slot_names_who_has_it(package: Package, net: str) -> None:
    with package.load() as first, package.load() as second:
        first.programs["packets"].attach("iface:v1")

        with pytest.raises(
            OSError, match=r"another XDP program is attached there \(id \d+, packets\) \[by a link, which"
        ):
            second.programs["packets"].attach("iface:v1")
        with pytest.raises(OSError, match="by a link, which nobody else can replace"):
            second.programs["packets"].attach("iface:v1,replace")


@pytest.mark.parametrize("mode", ["xdpgeneric", "xdpdrv"])
def test_a_replaced_xdp_program_comes_back(package: Package, net: str, mode: str, tmp_path: Path) -> None:
    section = tmp_path / "pass.o"
    section.write_bytes(package.object)
    with_own_bpffs("ip", "link", "set", "dev", "v1", mode, "obj", str(section), "sec", "xdp")
    before = xdp_id("v1")
    with package.load() as obj:
        link = obj.programs["packets"].attach("iface:v1,replace")
        during = xdp_id("v1")
        link.detach()

    assert during not in (before, 0)
    assert xdp_id("v1") == before


def test_native_mode_where_a_driver_has_none_says_so(package: Package, net: str) -> None:
    with (
        package.load() as obj,
        pytest.raises(OSError, match=r"interface lo: its driver has no native XDP mode \[iface:NAME,generic"),
    ):
        obj.programs["packets"].attach("iface:lo,native")


def test_a_tc_filter_has_the_handle_and_priority_that_were_chosen(package: Package, net: str) -> None:
    with package.load() as obj:
        obj.programs["shape"].attach("tc:lo:egress,handle=0x10,prio=7")
        there = filters("lo", "egress")
        send_datagrams(3)
        hits = obj.maps["hits"][1]

    assert [(each["pref"], each["options"]["handle"]) for each in there] == [(7, "0x10")]  # type: ignore[index]
    assert hits == 3
    assert not has_clsact("lo")


def test_detaching_removes_the_own_tc_filter_and_no_other(package: Package, net: str) -> None:
    with package.load() as other, package.load() as obj:
        link = obj.programs["shape"].attach("tc:lo:ingress,prio=7")
        other.programs["shape"].attach("tc:lo:ingress,prio=3")
        during = {each["pref"] for each in filters("lo", "ingress")}
        link.detach()  # the qdisc is ours, and has come to be needed

        assert during == {3, 7}
        assert {each["pref"] for each in filters("lo", "ingress")} == {3}
        assert has_clsact("lo")


def test_a_tc_filter_in_the_way_is_named(package: Package, net: str) -> None:
    with package.load() as first, package.load() as second:
        first.programs["shape"].attach("tc:lo:ingress,handle=2,prio=9")

        with pytest.raises(OSError, match="interface lo: a filter with handle 2 and priority 9 is there already"):
            second.programs["shape"].attach("tc:lo:ingress,handle=2,prio=9")


@pytest.mark.parametrize(("word", "ran_before"), [("first", 1), ("last", 2)])
def test_tcx_attaches_by_link_first_or_last(package: Package, net: str, word: str, ran_before: int) -> None:
    with package.load() as obj:
        obj.programs["leaving"].attach("iface:lo")
        obj.programs["shape"].attach(f"tcx:lo:egress,{word}")
        send_datagrams(2)

        hits = obj.maps["hits"]
        assert (hits[1], hits[2], hits[3]) == (2, 2, ran_before)


def test_one_program_attaches_to_several_interfaces(ecli: Command, file: Path, net: str) -> None:
    words = ["--iface", "v0", "--iface", "v1", "--skip", "shape", "--skip", "leaving"]
    running = ecli.start("run", *words, file).wait_attached(2)
    during = (xdp_mode("v0"), xdp_mode("v1"))
    running.stop()

    assert during == ("native", "native")
    assert (xdp_mode("v0"), xdp_mode("v1")) == ("none", "none")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--iface", "l0"], "attach program packets (xdp): interface l0: no such interface"),
        (["--attach", "packets=ifac:lo"], "target ifac:lo: unknown kind ifac [did you mean iface?]"),
        (["--attach", "packets=cgroup:/x"], "attach program packets (xdp): cgroup:/x is no target for it [iface:NAME"),
        (["--attach", "packets=iface:lo,natve"], "target iface:lo,natve: unknown option natve [iface:NAME[,native|"),
        (["--attach", "packets=iface:lo,native,generic"], "native, generic and offload exclude each other"),
        (["--attach", "packet=iface:lo"], "--attach: no program packet (did you mean packets?)"),
        (["--attach", "cgroup:/x"], "no program of the package can be attached to cgroup:/x [they take iface, netkit"),
        (["--attach", "shape=tc:lo:sideways"], "sideways is neither ingress nor egress"),
        (["--attach", "shape=tc:lo,prio=a"], "target tc:lo,prio=a: prio= takes a whole number from 1 to 65535"),
        (["--attach", "shape=netkit:lo"], "netkit, interface lo: "),
        (["--attach", "lo"], "--attach: 'lo' names no target"),
        (["--enable", "packet"], "--enable: no program packet (did you mean packets?)"),
    ],
)
def test_a_wrong_target_is_one_line(ecli: Command, file: Path, net: str, words: list[str], message: str) -> None:
    done = ecli("run", *words, file)

    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not has_clsact("lo")


def test_an_interface_that_goes_away_is_said_for_each_of_its_programs(ecli: Command, file: Path, net: str) -> None:
    running = ecli.start("run", "--iface", "v1", file).wait_attached(1)
    ip("link", "del", "v1")
    running.process.wait(10)
    done = running.finish()

    assert done.returncode == 1, done
    assert sorted(done.stderr.splitlines()) == [
        f"ecli: interface v1 is gone: program {name} sees nothing more of it"
        for name in ("leaving", "packets", "shape")
    ]


def test_a_killed_run_leaves_nothing_that_is_attached_by_link(ecli: Command, file: Path, net: str) -> None:
    words = ["--iface", "v1", "--attach", "leaving=tcx:v1:egress", "--skip", "shape"]
    running = ecli.start("run", *words, file).wait_attached(2)
    during = xdp_mode("v1")
    running.stop(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while xdp_mode("v1") != "none" and time.monotonic() < deadline:
        time.sleep(0.02)  # the kernel frees links after the process

    assert during == "native"
    assert xdp_mode("v1") == "none"


@pytest.mark.parametrize(
    ("targets", "error", "said"),
    [
        ({"packet": ["tcx:v0:egress"]}, ValueError, r"no program packet \(there are packets, .*\)"),
        ({"packets": []}, ValueError, "none for program packets"),
        (["iface:v0"], TypeError, "expected targets by program.* got list"),
    ],
)
def test_targets_of_no_program_attach_nothing(
    package: Package, net: str, targets: Any, error: type[Exception], said: str
) -> None:
    with package.load() as obj:
        with pytest.raises(error, match=said):
            obj.attach(targets=targets)

        assert not any(program.attached for program in obj.programs.values())


def test_one_target_stands_for_itself(package: Package, net: str) -> None:
    with package.load() as obj:
        others = [name for name in obj.programs if name != "packets"]
        obj.attach(skip=others, targets={"packets": "iface:v0,generic"})

        assert xdp_mode("v0") == "generic"


@pytest.mark.parametrize(("word", "mode"), [("native", "native"), ("generic", "generic")])
def test_iface_takes_the_words_of_its_target_and_verbose_says_where(
    ecli: Command, file: Path, net: str, word: str, mode: str
) -> None:
    running = ecli.start("run", "-v", "--iface", f"v0,{word}", "--skip", "shape", "--skip", "leaving", file)
    running.wait_attached()
    during = xdp_mode("v0")
    done = running.stop()

    assert during == mode
    assert f"ecli: program packets is attached to iface:v0,{word}\n" in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--attach", "packets=iface:"], 2),
        (["--attach", "packets=iface:v0,bogus"], 2),
        (["--attach", "shape=tc:v0:sideways"], 2),
        (["--attach", "shape=tc:v0,handle=x"], 2),
        (["--iface", "nosuch"], 1),
    ],
)
def test_words_that_are_no_target_are_usage_and_what_is_not_there_is_failure(
    ecli: Command, file: Path, net: str, words: list[str], code: int
) -> None:
    done = ecli("run", *words, file)

    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done
