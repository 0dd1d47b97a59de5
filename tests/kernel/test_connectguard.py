"""connectguard refuses what its rules say and nothing else, shows it, and leaves nothing behind."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eunomia import builtin
from eunomia.package import Package
from support.commands import Command, Running
from support.networks import cgroup, inside, joined, network
from support.tools import events

WHERE = {
    "net4": (socket.AF_INET, "10.77.0.9"),
    "other4": (socket.AF_INET, "10.77.0.8"),
    "mapped": (socket.AF_INET6, "::ffff:10.77.0.9"),
    "loopback": (socket.AF_INET, "127.0.0.1"),
    "zero": (socket.AF_INET, "0.0.0.0"),
    "net6": (socket.AF_INET6, "2001:db8::9"),
    "loopback6": (socket.AF_INET6, "::1"),
}
EPERM = "PermissionError"


@pytest.fixture
def group() -> Iterator[Path]:
    with network() as name, inside(name), cgroup() as path:
        subprocess.run(["ip", "-6", "addr", "add", "2001:db8::1/64", "dev", "v0", "nodad"], check=True)
        with joined(path):
            yield path


def start(ecli: Command, group: Path, *options: object) -> Running:
    running = ecli.start("run", "-j", "--attach-cgroup", group, "connectguard", *options)
    return running.wait_attached(links=4)


def reach(where: str, port: int = 9, kind: int = socket.SOCK_STREAM, *, send: bool = False) -> str:
    """Begin a connection, or send a datagram; return what came of it: "" or an error's name."""
    family, address = WHERE[where]
    with socket.socket(family, kind) as sender:
        sender.setblocking(False)
        try:
            if send:
                sender.sendto(b"x", (address, port))
            else:
                sender.connect((address, port))
        except BlockingIOError:
            return ""
        except OSError as exc:
            return type(exc).__name__
    return ""


def test_networks_are_refused_for_both_families_and_calls(ecli: Command, group: Path) -> None:
    running = start(ecli, group, "--deny", "10.77.0.9,2001:db8::/64")
    udp = socket.SOCK_DGRAM
    refused = [reach("net4"), reach("mapped"), reach("net6"), reach("net4", 53, udp), reach("net6", 53, udp, send=True)]
    refused.append(reach("net4", 53, udp, send=True))
    passed = [reach("other4"), reach("loopback", 53, udp), reach("other4", 53, udp, send=True)]

    seen = events(running)
    assert refused == [EPERM] * 6
    assert passed == [""] * 3
    keys = ("verdict", "call", "protocol", "daddr", "dport", "cause")
    assert [tuple(event[key] for key in keys) for event in seen] == [
        ("DENIED", "connect", "TCP", "10.77.0.9", 9, "deny"),
        ("DENIED", "connect", "TCP", "10.77.0.9", 9, "deny"),
        ("DENIED", "connect", "TCP", "2001:db8::9", 9, "deny"),
        ("DENIED", "connect", "UDP", "10.77.0.9", 53, "deny"),
        ("DENIED", "sendmsg", "UDP", "2001:db8::9", 53, "deny"),
        ("DENIED", "sendmsg", "UDP", "10.77.0.9", 53, "deny"),
    ]
    assert {event["pid"] for event in seen} == {os.getpid()}
    assert {event["uid"] for event in seen} == {os.getuid()}
    assert reach("net4") == ""  # it has ended, and so have its rules


def test_allow_goes_before_deny_and_both_before_the_default(ecli: Command, group: Path) -> None:
    options = ("--default", "deny", "--allow", "10.77.0.9", "--allow-port", "53,443", "--deny-port", "443,9")
    running = start(ecli, group, *options, "--all")
    results = [reach("net4", 9), reach("other4", 443), reach("other4", 9), reach("other4", 80)]

    assert results == ["", "", EPERM, EPERM]
    assert [(event["verdict"], event["dport"], event["cause"]) for event in events(running)] == [
        ("ALLOWED", 9, "allow"),
        ("ALLOWED", 443, "allow"),
        ("DENIED", 9, "deny"),
        ("DENIED", 80, "default"),
    ]


def test_loopback_passes_until_it_is_asked_for(ecli: Command, group: Path) -> None:
    here = ("loopback", "zero", "loopback6")
    with_it = start(ecli, group, "--default", "deny")
    free = [reach(where) for where in here]
    quiet = events(with_it)
    start(ecli, group, "--default", "deny", "--loopback")
    judged = [reach(where) for where in here]

    assert EPERM not in free
    assert quiet == []
    assert judged == [EPERM] * 3


def test_audit_refuses_nothing_and_shows_what_it_would(ecli: Command, group: Path) -> None:
    running = start(ecli, group, "--deny", "10.77.0.0/24", "--audit")

    assert (reach("net4"), reach("net4", 53, socket.SOCK_DGRAM, send=True)) == ("", "")
    assert [event["verdict"] for event in events(running)] == ["WOULD_DENY"] * 2


def test_rules_are_for_one_user_only(ecli: Command, group: Path) -> None:
    running = start(ecli, group, "--default", "deny", "--uid", 65534)
    words = ["bash", "-c", "echo > /dev/tcp/10.77.0.1/9"]
    nobody = subprocess.run(words, user=65534, capture_output=True, text=True, check=False)

    assert reach("other4") == ""
    assert "Operation not permitted" in nobody.stderr
    assert [event["uid"] for event in events(running)] == [65534]


def test_other_groups_are_left_alone(ecli: Command, group: Path) -> None:
    with cgroup() as other:
        running = start(ecli, other, "--default", "deny")

        assert reach("net4") == ""
        assert events(running) == []


def key(address: str, bits: int) -> dict[str, Any]:
    packed = socket.inet_pton(socket.AF_INET6, address)
    return {"prefixlen": bits, "addr": list(packed)}


def test_rules_that_are_made_while_it_runs_go_first_the_longest_prefix_before_others(group: Path) -> None:
    allow, deny = 1, 2
    package = Package.from_bytes(builtin.read("connectguard"), "connectguard")
    with package.load({"denied": ["10.77.0.8"]}) as obj:
        obj.attach(targets={name: [f"cgroup:{group}"] for name in obj.programs})
        before = [reach("net4"), reach("other4")]
        rules = obj.maps["rules"]
        rules[key("::ffff:10.77.0.0", 120)] = {"decision": deny, "port": 0}
        wide = [reach("net4"), reach("other4"), reach("net6")]
        rules[key("::ffff:10.77.0.8", 128)] = {"decision": allow, "port": 0}
        rules[key("2001:db8::", 64)] = {"decision": deny, "port": 25}
        narrow = [reach("net4"), reach("other4"), reach("net6", 25), reach("net6", 9)]
        del rules[key("::ffff:10.77.0.0", 120)]
        after = reach("net4")

    assert before == ["", EPERM]
    assert wide == [EPERM, EPERM, ""]
    assert narrow == [EPERM, "", EPERM, ""]
    assert after == ""


def test_rules_are_made_and_taken_away_from_another_terminal(ecli: Command, group: Path) -> None:
    running = start(ecli, group, "--deny-port", 25)
    rule = ("connectguard.rules", "::ffff:10.77.0.0/120")
    made = ecli("map", "set", *rule, '{"decision": "deny", "port": 9}')
    during = [reach("net4", 9), reach("net4", 10)]
    taken = ecli("map", "delete", *rule)
    after = reach("net4", 9)

    assert (made.returncode, taken.returncode) == (0, 0), (made, taken)
    assert during == [EPERM, ""]
    assert after == ""
    assert [event["cause"] for event in events(running)] == ["rule"]


def test_its_rules_end_with_it_after_a_kill_too(ecli: Command, group: Path) -> None:
    running = start(ecli, group, "--default", "deny")
    during = reach("net4")
    running.process.kill()
    running.process.wait()

    deadline = time.monotonic() + 10
    while reach("net4") and time.monotonic() < deadline:  # the kernel lets go of a dead process's links in its own time
        time.sleep(0.02)
    assert during == EPERM
    assert reach("net4") == ""


def test_without_a_group_it_says_what_it_needs(ecli: Command) -> None:
    result = ecli("run", "connectguard", "--deny", "10.0.0.0/8")

    assert result.returncode == 1
    assert "cgroup" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_rule_that_is_no_network_stops_it_before_anything_is_loaded(ecli: Command, group: Path) -> None:
    result = ecli("run", "--attach-cgroup", group, "connectguard", "--deny", "10.0.0.1/8")

    assert result.returncode == 2, result
    assert "option --deny: 10.0.0.1/8 has host bits set" in result.stderr


def test_without_a_group_the_way_to_name_one_is_all_the_advice(ecli: Command) -> None:
    done = ecli("run", "connectguard")

    assert done.returncode == 1
    assert "--attach-cgroup PATH" in done.stderr
    assert "--skip" not in done.stderr
