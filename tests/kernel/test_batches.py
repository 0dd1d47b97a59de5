"""Batches, filters, accounts and whole maps through the Python API, on real events."""

from __future__ import annotations

import gc
import os
import signal
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.compute
import pytest

import eunomia

SOURCE = """
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum color { RED = 1, GREEN = 2 };
struct point { __u16 x, y; };
struct sent { __u32 kind; __u32 target; enum color color; struct point at; char comm[16]; };
struct probed { __u32 kind; __u64 nr; };
struct key { __u32 pid; char comm[12]; };
struct value { __u64 n; unsigned low : 3; int high : 5; struct point at[2]; };

const volatile int only = -1;
__u64 nr = 0;

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 20); } rb SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } small SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");
#define MAP(NAME, TYPE, K, V) \\
    struct { __uint(type, TYPE); __uint(max_entries, 10000); __type(key, K); __type(value, V); } NAME SEC(".maps")
MAP(hash, BPF_MAP_TYPE_HASH, struct key, struct value);
MAP(array, BPF_MAP_TYPE_ARRAY, __u32, __u64);
MAP(per_cpu, BPF_MAP_TYPE_PERCPU_HASH, __u32, __u32);
MAP(per_cpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, enum color, __u32);
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 9);
    __uint(key_size, 4);
    __uint(value_size, 6);
} untyped SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 9); __type(value, __u32); } queue SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_kill")
int on_kill(struct { __u64 common; __u64 id; __u64 pid, sig; } *ctx) {
    struct probed small_event = {.kind = 2};
    struct sent *sent;
    struct probed *probed;

    if ((int)(bpf_get_current_pid_tgid() >> 32) != only)
        return 0;
    small_event.nr = __sync_fetch_and_add(&nr, 1);
    bpf_ringbuf_output(&small, &small_event, sizeof(small_event), 0);
    if (ctx->sig) {
        sent = bpf_ringbuf_reserve(&rb, sizeof(*sent), 0);
        if (!sent)
            return 0;
        sent->kind = 1;
        sent->target = ctx->pid;
        sent->color = ctx->sig == 10 ? RED : GREEN;
        sent->at.x = 3;
        sent->at.y = 4;
        bpf_get_current_comm(sent->comm, sizeof(sent->comm));
        bpf_ringbuf_submit(sent, 0);
        bpf_perf_event_output(ctx, &perf, 0xffffffff, &small_event, sizeof(small_event));
    } else {
        probed = bpf_ringbuf_reserve(&rb, sizeof(*probed), 0);
        if (!probed)
            return 0;
        probed->kind = 2;
        probed->nr = small_event.nr;
        bpf_ringbuf_submit(probed, 0);
    }
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> eunomia.Package:
    path = tmp_path_factory.mktemp("batches") / "batches.bpf.c"
    path.write_text(SOURCE)
    return eunomia.compile(path)


@pytest.fixture
def obj(package: eunomia.Package) -> Iterator[eunomia.Object]:
    with package.load({"only": os.getpid()}) as opened:
        opened.attach()
        yield opened


def probe(count: int) -> None:
    for _ in range(count):
        os.kill(os.getpid(), 0)


@pytest.fixture
def urgent() -> Iterator[None]:
    """SIGUSR1 (10) and SIGURG, which is ignored by default, may be sent to this process."""
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGUSR1, before)


def test_batches_grow_with_what_waits_and_are_bounded(obj: eunomia.Object) -> None:
    probe(1000)
    with obj.events("rb", timeout=0.05) as stream:
        batches = list(stream.batches(max_records=300))

    assert [len(batch) for batch in batches] == [300, 300, 300, 100]
    assert [event.nr for batch in batches for event in batch] == list(range(1000))


def test_batch_in_bytes_is_bounded_too(obj: eunomia.Object) -> None:
    probe(100)
    with obj.events("rb", timeout=0.05) as stream:
        sizes = [batch.nbytes for batch in stream.batches(max_bytes=160)]

    assert sizes == [160] * 10


def test_types_of_one_ring_come_apart(obj: eunomia.Object, urgent: None) -> None:
    me = os.getpid()
    for number in (signal.SIGUSR1, 0, signal.SIGURG, 0):
        os.kill(me, number)
    with obj.events("rb", timeout=1) as stream:
        batch = next(stream.batches())

    assert batch.types == ("sent", "probed")
    assert [type(event).__name__ for event in batch] == ["sent", "probed", "sent", "probed"]
    sent = batch.to_numpy("sent")
    assert sent["target"].tolist() == [me, me]
    assert sent["at"]["y"].tolist() == [4, 4]
    table = batch.to_arrow("sent")
    assert table.column("color").to_pylist() == ["RED", "GREEN"]
    assert table.column("at").to_pylist() == [{"x": 3, "y": 4}] * 2
    assert table.column("comm").to_pylist() == [Path("/proc/self/comm").read_text().strip()] * 2
    assert batch.to_numpy("probed")["nr"].tolist() == [1, 3]


def test_array_stays_when_ring_stream_and_object_are_gone(package: eunomia.Package) -> None:
    with package.load({"only": os.getpid()}) as obj:
        obj.attach()
        probe(500)
        with obj.events("small", timeout=0) as stream:
            batch = next(stream.batches())
            probe(100)
            later = next(stream.batches())
    made, table = batch.to_numpy(), batch.to_arrow()
    del batch, obj, stream
    gc.collect()

    first = len(made)
    assert 100 <= first < 500  # 4096 bytes
    assert made["nr"].tolist() == table.column("nr").to_pylist() == list(range(first))
    assert later[0].nr == 500


def test_events_and_batches_of_one_stream_share_what_comes(obj: eunomia.Object) -> None:
    probe(1000)
    with obj.events("rb", timeout=0.05) as stream:
        first = next(stream)
        batch = next(stream.batches(max_records=10))
        rest = list(stream)

    assert [first.nr, *(event.nr for event in batch)] == list(range(11))
    assert [event.nr for event in rest] == list(range(11, 1000))


def test_iteration_that_was_left_goes_on_where_it_was(obj: eunomia.Object) -> None:
    probe(700)
    seen = []
    with obj.events("rb", timeout=0.05) as stream:
        for _ in range(3):
            for event in stream:
                seen.append(event.nr)
                if len(seen) % 100 == 0:
                    break
        before = obj.account()["rb"]
        seen += [event.nr for event in stream]

    assert (before.delivered, before.pending, before.produced) == (300, 400, 700)
    assert seen == list(range(700))


def test_max_events_leaves_the_rest_in_the_ring(obj: eunomia.Object) -> None:
    probe(50)
    with obj.events("rb", max_events=20, timeout=1) as stream:
        assert sum(len(batch) for batch in stream.batches(max_records=15)) == 20
        assert list(stream) == []
    with obj.events("rb", timeout=0.05) as stream:
        assert [event.nr for event in stream] == list(range(20, 50))


def test_perf_buffers_come_in_batches(obj: eunomia.Object, urgent: None) -> None:
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})  # one CPU's buffer, so that the order is that of the calls
    try:
        with obj.events("perf", timeout=0.1) as stream:
            for _ in range(300):
                os.kill(os.getpid(), signal.SIGURG)
            batches = list(stream.batches())
    finally:
        os.sched_setaffinity(0, cpus)

    made = numpy.concatenate([batch.to_numpy() for batch in batches])
    assert made["nr"].tolist() == list(range(300))
    assert batches[0].to_numpy().dtype.itemsize == 16  # what the kernel added to fill its words is gone


def test_filter_leaves_out_before_anything_is_copied(obj: eunomia.Object, urgent: None) -> None:
    with obj.events("rb", filter="color == GREEN", timeout=0.1) as stream:
        for number in [signal.SIGUSR1, signal.SIGURG, 0] * 20:
            os.kill(os.getpid(), number)
        batches = list(stream.batches())
        account = stream.account()

    assert sum(len(batch.of_type("sent")) for batch in batches) == 20
    assert (account.produced, account.delivered, account.filtered, account.lost) == (60, 20, 40, {})


def test_wrong_filter_says_what_is_wrong(obj: eunomia.Object) -> None:
    with pytest.raises(eunomia.EunomiaError, match="colour"):
        obj.events("rb", filter="colour == GREEN")


def test_ring_map_is_iterated(obj: eunomia.Object) -> None:
    probe(3)
    ring = obj.maps["rb"]

    assert [event.nr for _, event in zip(range(3), ring, strict=False)] == [0, 1, 2]
    probe(2)
    assert [len(batch) for batch in ring.batches(timeout=0.05, max_records=1)] == [1, 1]
    with pytest.raises(
        ValueError, match=r'map rb is a buffer of events \[its events: obj\.events\("rb"\)\.batches\(\)\]'
    ):
        ring.to_numpy()


def test_account_balances_while_events_flow_and_after_close(obj: eunomia.Object) -> None:
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            probe(200)

    flooding = threading.Thread(target=flood)
    stream = obj.events("rb", timeout=1)
    flooding.start()
    try:
        seen = 0
        for batch in stream.batches():
            seen += len(batch)
            account = stream.account()
            lost = sum(account.lost.values())
            assert account.produced == account.delivered + account.filtered + account.discarded + lost + account.pending
            assert account.delivered == seen
            if seen > 3000:
                break
    finally:
        stop.set()
        flooding.join()
        stream.close()

    last = stream.account()
    assert last.delivered == seen
    assert last.is_known
    assert obj.account()["rb"].delivered == seen


def test_full_ring_is_a_loss_with_its_cause(obj: eunomia.Object) -> None:
    probe(1000)
    with obj.events("small", timeout=0.05) as stream:
        delivered = sum(len(batch) for batch in stream.batches())
        account = stream.account()

    assert account.lost == {"ring full": 1000 - delivered}
    assert (account.produced, account.pending) == (1000, 0)


def test_hash_map_as_array_and_table(obj: eunomia.Object) -> None:
    table = obj.maps["hash"]
    for number in range(9000):
        value = struct.pack("<QBx4H6x", number, number % 8 | 0xF8, 1, 2, 3, 4)
        table[(number, f"c{number}")] = value

    made, arrow = table.to_numpy(), table.to_arrow()

    assert len(made) == 9000
    order = numpy.argsort(made["key"]["pid"])
    assert made["key"]["pid"][order].tolist() == list(range(9000))
    assert made["key"]["comm"][order][:2].tolist() == [b"c0", b"c1"]
    assert (made["value"]["n"] == made["key"]["pid"]).all()
    assert (made["value"]["low"] == made["key"]["pid"] % 8).all()
    assert (made["value"]["high"] == -1).all()
    assert made["value"]["at"]["y"][0].tolist() == [2, 4]
    arrow.validate(full=True)
    assert arrow.num_rows == 9000
    row = arrow.filter(pyarrow.compute.equal(pyarrow.compute.struct_field(arrow["key"], "pid"), 5)).to_pylist()
    at = [{"x": 1, "y": 2}, {"x": 3, "y": 4}]
    assert row == [{"key": {"pid": 5, "comm": "c5"}, "value": {"n": 5, "low": 5, "high": -1, "at": at}}]


def test_per_cpu_maps_have_an_axis_of_cpus(obj: eunomia.Object) -> None:
    cpus = len(obj.maps["per_cpu_array"][0])
    obj.maps["per_cpu"].update({key: [key * 10 + cpu for cpu in range(cpus)] for key in (1, 2, 3)})
    obj.maps["per_cpu_array"][9999] = list(range(cpus))

    made, whole = obj.maps["per_cpu"].to_numpy(), obj.maps["per_cpu_array"].to_numpy()

    assert made["value"].shape == (3, cpus)
    assert {int(row["key"]): row["value"].tolist() for row in made} == {
        key: [key * 10 + cpu for cpu in range(cpus)] for key in (1, 2, 3)
    }
    assert whole["value"].shape == (10000, cpus)
    assert whole["value"][9999].tolist() == list(range(cpus))
    arrow = obj.maps["per_cpu"].to_arrow()
    assert arrow.schema.field("value").type == pyarrow.list_(pyarrow.uint32(), cpus)
    assert sorted(map(repr, arrow.to_pylist())) == sorted(
        repr({"key": key, "value": [key * 10 + cpu for cpu in range(cpus)]}) for key in (1, 2, 3)
    )


def test_arrays_enums_and_maps_without_types(obj: eunomia.Object) -> None:
    obj.maps["array"][17] = 4
    obj.maps["lru"].update({"RED": 7, 2: 8, 55: 9})
    obj.maps["untyped"][b"\x01\0\0\0"] = b"sixbyt"

    assert obj.maps["array"].to_numpy()["value"].sum() == 4
    assert obj.maps["array"].to_numpy()["key"].tolist() == list(range(10000))
    assert dict(map(tuple, obj.maps["lru"].to_numpy().tolist())) == {1: 7, 2: 8, 55: 9}
    names: dict[Any, Any] = {row["key"]: row["value"] for row in obj.maps["lru"].to_arrow().to_pylist()}
    assert names == {"RED": 7, "GREEN": 8, "55": 9}
    assert obj.maps["untyped"].to_arrow().to_pylist() == [{"key": 1, "value": b"sixbyt"}]
    assert obj.maps["untyped"].to_numpy()["key"].tolist() == [1]


def test_maps_that_are_empty_or_no_table(obj: eunomia.Object) -> None:
    assert len(obj.maps["per_cpu"].to_numpy()) == 0
    assert obj.maps["hash"].to_arrow().num_rows == 0
    with pytest.raises(ValueError, match="map queue: type 22 is neither hash nor array"):
        obj.maps["queue"].to_numpy()
