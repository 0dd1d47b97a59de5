"""Real events as CSV, with chosen fields, of several types at once, and values that only the kernel can explain."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from eunomia.events.run import Run, RunOptions
from eunomia.kernel.object import Object

SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
const volatile int only = 0;
struct where { __u64 cgroup; __u64 when; };
struct killed { int pid; struct where where; __u32 op; __u8 mac[6]; char comm[16]; };
struct other { int pid; __u64 twice; };
/// @decode {"where.cgroup": "cgroup", "where.when": "ktime_ns",
///   "op": {"decoder": "static_map", "map": {"7": "seven, or so"}}}
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 16); } rb SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 16); } more SEC(".maps");
SEC("raw_tp/sys_enter") int on_kill(struct bpf_raw_tracepoint_args *ctx)
{
    struct killed *killed;
    struct other other = {.pid = bpf_get_current_pid_tgid() >> 32, .twice = 14};
    if (ctx->args[1] != 62 || other.pid != only)
        return 0;
    killed = bpf_ringbuf_reserve(&rb, sizeof(*killed), 0);
    if (!killed)
        return 0;
    killed->pid = other.pid;
    killed->where.cgroup = bpf_get_current_cgroup_id();
    killed->where.when = bpf_ktime_get_ns();
    killed->op = 7;
    __builtin_memset(killed->mac, 2, 6);
    bpf_get_current_comm(killed->comm, sizeof(killed->comm));
    bpf_ringbuf_submit(killed, 0);
    bpf_ringbuf_output(&more, &other, sizeof(other), 0);
    return 0;
}
"""


def lines(live: Object, **options: Any) -> list[str]:
    """What one kill(2) writes: a record in each ring."""
    out = os.memfd_create("lines")
    with os.fdopen(out, "r+") as file:
        with Run(live, live.package.plan(), RunOptions(out_fd=out, max_events=2, duration=10, **options)) as run:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(999_999_999, 0)
            run.loop()
        file.seek(0)
        return file.read().splitlines()


def cgroup_path() -> str:
    """Where /proc says that we are."""
    own = Path("/proc/self/cgroup").read_text().splitlines()
    return next(line[3:] for line in own if line.startswith("0::"))


def test_csv_of_two_types_has_one_header(live: Object) -> None:
    header, *rows = csv.reader(lines(live, format="csv"))

    assert header == ["event", "pid", "where.cgroup", "where.when", "op", "mac", "comm", "twice"]
    by_type = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    killed = by_type["killed"]
    assert killed["where.cgroup"].endswith(cgroup_path().rstrip("/"))
    assert (killed["op"], killed["mac"], killed["twice"]) == ("seven, or so", "02:02:02:02:02:02", "")
    assert by_type["other"]["twice"] == "14"
    assert {row[1] for row in rows} == {str(os.getpid())}


def test_json_says_of_which_type_an_event_is(live: Object) -> None:
    events = {event["event"]: event for event in map(json.loads, lines(live, format="json", event_names=True))}

    assert next(iter(events["killed"])) == "event"
    assert events["killed"]["where"]["when"].startswith(time.strftime("%Y-%m-%dT", time.gmtime()))
    assert events["other"] == {"event": "other", "pid": os.getpid(), "twice": 14}


def test_chosen_fields_are_shown_in_their_order(live: Object) -> None:
    shown = lines(live, format="text", fields=["mac[1]", "op", "pid"], raw_values=True)

    assert [line.split() for line in shown if line.startswith("killed")] == [["killed", "2", "7", str(os.getpid())]]
    assert [line.split() for line in shown if line.startswith("other")] == [["other", "-", "-", str(os.getpid())]]


def test_a_field_that_does_not_exist_is_said_before_anything_is_attached(package: Any) -> None:
    with package.load() as obj, pytest.raises(OSError, match=r"--fields: no field com \[did you mean comm\?"):
        Run(obj, obj.package.plan(), RunOptions(fields=["com"]))
