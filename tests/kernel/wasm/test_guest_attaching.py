"""Attaching a guest's programs: by section, by plain strings, by KIND:NAME, by a directory; and detaching."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from eunomia.wasm import Guest, Policy
from support.networks import cgroup, inside, joined, network, send_datagrams

BPF = """
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64);
} hits SEC(".maps");
static int hit(__u32 at) {
    __u64 *value = bpf_map_lookup_elem(&hits, &at);
    if (value) __sync_fetch_and_add(value, 1);
    return 1;
}
SEC("xdp") int packets(struct xdp_md *ctx) { hit(0); return XDP_PASS; }
SEC("xdp.frags") int fragments(struct xdp_md *ctx) { hit(0); return XDP_PASS; }
SEC("tc") int shape(struct __sk_buff *ctx) { hit(1); return -1; }
SEC("cgroup_skb/egress") int leaving(struct __sk_buff *ctx) { return hit(2); }
SEC("sockops") int options(struct bpf_sock_ops *ctx) { return hit(3); }
SEC("socket") int filter(struct __sk_buff *ctx) { return hit(4); }
SEC("tp/sched/sched_switch") int switches(void *ctx) { return hit(5); }
SEC("raw_tp") int raw(void *ctx) { return hit(6); }
SEC("perf_event") int samples(void *ctx) { return hit(7); }
SEC("uprobe") int user(void *ctx) { return hit(6); }
SEC("?tp_btf/no_such_tracepoint") int bound(void *ctx) { return hit(6); }
"""

GUEST = r"""
#include <unistd.h>
__attribute__((import_module("test"), import_name("links"))) int links(void);
__attribute__((import_module("test"), import_name("traffic"))) void traffic(void);
static object o;
static int hits(uint32_t at) {
    uint64_t value = 0;
    operate(map_fd(o, "hits"), LOOKUP, &at, &value, 0, 0);
    return value;
}
static void plain(char *group) {
    SHOW(attach(o, "packets", "lo")); SHOW(attach(o, "leaving", group)); SHOW(attach(o, "options", group));
    SHOW(links()); traffic(); SHOW(hits(0) > 0); SHOW(hits(2) > 0);
    SHOW(attach(o, "packets", "no-such")); SHOW(attach(o, "options", "/no/such")); SHOW(attach(o, "options", "/tmp"));
    SHOW(close_object(o)); SHOW(links());
}
static void named(char *group) {
    char target[4096];
    snprintf(target, sizeof(target), "cgroup:%s", group);
    int xdp = link_attach(o, "fragments", "iface:lo,generic"), tc = link_attach(o, "shape", "tc:lo:ingress"),
        skb = link_attach(o, "leaving", target), filter = link_attach(o, "filter", "socket:lo"),
        raw = link_attach(o, "raw", "raw_tp:sched_switch"), perf = link_attach(o, "samples", "perf:cpu-clock,freq=50");
    printf("%d %d %d %d %d %d\n", xdp, tc, skb, filter, raw, perf);
    traffic();
    for (int i = 0; i < 1000 && !hits(6); i++) usleep(1000);
    SHOW(hits(0) > 0); SHOW(hits(1) > 0); SHOW(hits(2) > 0); SHOW(hits(4) > 0); SHOW(hits(6) > 0);
    SHOW(link_detach(skb)); int before = hits(2); traffic(); SHOW(hits(2) - before);
    SHOW(link_detach(xdp)); before = hits(0); traffic(); SHOW(hits(0) - before);
    SHOW(link_detach(skb)); SHOW(link_detach(0)); SHOW(link_detach(-5)); SHOW(link_detach(tc)); SHOW(link_detach(perf));
    SHOW(attach(o, "packets", "cgroup:/sys")); puts(last_error()); SHOW(attach(o, "shape", "tc:v0:sideways"));
    SHOW(attach(o, "filter", "socket:,fd=5")); SHOW(attach(o, "packets", "iface:no-such"));
}
static void none(char *group) {
    const char *needy[] = {"packets", "fragments", "shape", "leaving", "options", "filter", "raw", "samples"};
    for (int i = 0; i < 8; i++) printf("%s %d %d\n", needy[i], attach(o, needy[i], ""), attach(o, needy[i], 0));
    puts(last_error());
    SHOW(attach(o, "switches", "")); SHOW(close_object(o)); o = load(elf, sizeof(elf)); puts(last_error());
    SHOW(attach(o, "switches", "ignored")); SHOW(links());
    SHOW(attach(o, "nobody", "")); SHOW(attach(77, "switches", "")); SHOW(attach(o, (void *)-1, ""));
    SHOW(attach(o, "switches", (void *)-1));
    SHOW(attach(o, "bound", "")); puts(last_error());
}
static void words(char *group) {
    SHOW(attach(o, "samples", "cpu-clock")); SHOW(attach(o, "user", "/bin/sh")); SHOW(attach(o, "raw", "sched_switch"));
    SHOW(attach(o, "packets", "xdp:lo")); SHOW(attach(o, "switches", "sched_switch")); SHOW(links());
}
static void directory(char *group) {
    SHOW(attach_fd(o, "leaving", 3)); SHOW(attach_fd(o, "options", 3)); SHOW(links()); traffic(); SHOW(hits(2) > 0);
    SHOW(attach_fd(o, "leaving", 4)); SHOW(attach_fd(o, "leaving", 1)); puts(last_error());
    SHOW(attach_fd(o, "packets", 3)); SHOW(attach_fd(o, "options", -1)); SHOW(attach_fd(o, "switches", 3));
}
static void twice(char *group) {
    for (int i = 0; i < 3; i++) SHOW(attach(o, "raw", "raw_tp:sched_switch"));
    SHOW(links()); SHOW(close_object(o)); SHOW(links());
}
static void refused(char *group) {
    SHOW(attach(o, "packets", "lo")); puts(last_error()); SHOW(attach(o, "switches", 0)); SHOW(links());
}
int main(int argc, char **argv) {
    o = open_object(elf, sizeof(elf), "probe");
    program_set(o, "bound", 1, !strcmp(argv[1], "binds"));
    if (!strcmp(argv[1], "binds")) {
        SHOW(program_bind(o, "bound", "sched_switch"));
        SHOW(program_bind(o, "packets", "tcp_connect")); puts(last_error());
        SHOW(program_bind(o, "bound", "")); SHOW(load_object(o)); SHOW(attach(o, "bound", 0)); SHOW(links());
        SHOW(program_bind(o, "bound", "sched_switch"));
        return 0;
    }
    if (load_object(o)) puts(last_error());
#define RUN(name) if (!strcmp(argv[1], #name)) name(argv[2]);
    RUN(plain) RUN(named) RUN(none) RUN(words) RUN(directory) RUN(twice) RUN(refused)
    return 0;
}
"""


def answers(lines: list[str]) -> list[int]:
    return [int(line.rpartition(" = ")[2]) for line in lines if " = " in line]


def links() -> int:
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found += "bpf_link" in os.readlink(f"/proc/self/fd/{name}").replace("-", "_")
    return found


@pytest.fixture
def group() -> Iterator[Path]:
    with cgroup() as path, network() as name, inside(name), joined(path):
        yield path


def run(
    wasm: bytes, what: str, group: Path | str = "", policy: tuple[str, ...] = ("all",), **options: Any
) -> list[str]:
    guest = Guest(wasm, "guest.wasm")
    guest.register("test", "links", "() -> i32", links)
    guest.register("test", "traffic", "() -> ()", send_datagrams)
    with guest.run([what, str(group)], policy=Policy(list(policy)), thread=False, **options) as run:
        assert (run.ending, run.text) == ("returned", ""), run.stderr
        return run.stdout.splitlines()


def test_plain_strings_are_interfaces_and_control_groups_and_closing_detaches(wasm: bytes, group: Path) -> None:
    assert answers(run(wasm, "plain", group)) == [0, 0, 0, 3, 1, 1, -19, -2, -9, 0, 0]


def test_targets_reach_every_kind_and_links_are_detached_one_by_one(wasm: bytes, group: Path) -> None:
    text = run(wasm, "named", group)

    assert text[0] == "1 2 3 4 5 6"
    assert answers(text)[:5] == [1, 1, 1, 1, 1]
    assert answers(text)[5:9] == [0, 0, 0, 0]
    assert answers(text)[9:] == [-9, -9, -9, 0, 0, -22, -22, -9, -19]
    assert "cgroup:/sys is no target for it" in "".join(text)


def test_without_a_target_only_what_the_section_says_is_attached(wasm: bytes) -> None:
    text = run(wasm, "none")

    assert [line.split()[1:] for line in text[:8]] == [["-95", "-95"]] * 8
    assert text[8] == (
        "attach program samples (perf_event): its section does not say where, and no target was given"
        " [perf:EVENT[,freq=N|period=N][,pid=N][,cpu=N]]"
    )
    assert answers(text) == [0, 0, 0, 1, -2, -22, -14, -14, -22]
    assert text[-1] == "attach program bound (tp_btf/no_such_tracepoint): it is not loaded"


def test_a_word_that_is_no_target_is_one_line_that_says_what_to_write(wasm: bytes) -> None:
    failures: list[str] = []
    found = run(wasm, "words", on_failure=lambda line, _said: failures.append(line))

    assert answers(found) == [-95, -95, -95, -19, 0, 1]
    assert failures == [
        (
            "attach program samples (perf_event): its section does not say where, nor does the target cpu-clock"
            " [perf:cpu-clock,freq=99]"
        ),
        "attach program user (uprobe): its section does not say where, nor does the target /bin/sh [uprobe:PATH:FUNC]",
        "attach program raw (raw_tp): its section does not say where, nor does the target sched_switch [raw_tp:NAME]",
        "attach program packets (xdp): xdp:lo is no interface [iface:lo]",
        (
            "program switches (tp/sched/sched_switch): target sched_switch is passed over, its section says where it"
            " attaches"
        ),
    ]


def test_a_directory_that_was_given_is_a_target(wasm: bytes, group: Path) -> None:
    text = run(wasm, "directory", group, dirs=[f"{group}:/group:token"])

    assert answers(text) == [0, 0, 2, 1, -9, -9, -22, -95, 0]
    assert "descriptor 1 is no directory that was given to the guest [--dir HOST:GUEST]" in "".join(text)


def test_each_attach_is_a_link_and_all_end_with_the_object(wasm: bytes) -> None:
    assert answers(run(wasm, "twice")) == [0, 0, 0, 3, 0, 0]


def test_a_program_is_bound_to_another_function_before_load(wasm: bytes) -> None:
    text = run(wasm, "binds")

    assert answers(text) == [0, -22, -22, 0, 0, 1, -16]
    assert text[2] == "program packets (xdp): attaches to no type of the kernel"


def test_the_policy_refuses_with_its_reason_and_the_rest_goes_on(wasm: bytes, group: Path) -> None:
    text = run(
        wasm,
        "refused",
        group,
        policy=("prog-type=tp,xdp,tc,cgroup,sockops,socket,raw_tp,perf_event", "attach=iface:v1"),
    )

    assert answers(text) == [-1, 0, 1]
    assert text[1].startswith("refused: ")
