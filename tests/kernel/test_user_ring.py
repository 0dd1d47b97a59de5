"""Samples from user space to a program, by a user ring buffer."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from eunomia.kernel.object import Object
from support.objects import build

SOURCE = """
struct { __uint(type, BPF_MAP_TYPE_USER_RINGBUF); __uint(max_entries, 4096); } samples SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 2);
    __type(key, __u32);
    __type(value, __u64);
} sums SEC(".maps");
const volatile __u32 pid = 0;
static void add(__u32 at, __u64 number) {
    __u64 *sum = bpf_map_lookup_elem(&sums, &at);
    if (sum) __sync_fetch_and_add(sum, number);
}
static long take(struct bpf_dynptr *sample, void *context) {
    __u64 number = 0;
    bpf_dynptr_read(&number, sizeof(number), sample, 0, 0);
    add(0, 1);
    add(1, number);
    return 0;
}
SEC("tp/syscalls/sys_enter_fsync") int drain(void *ctx) {
    if (bpf_get_current_pid_tgid() >> 32 == pid)
        bpf_user_ringbuf_drain(&samples, take, NULL, 0);
    return 0;
}
"""
libc = ctypes.CDLL(None)


@pytest.fixture
def obj(tmp_path: Path) -> Iterator[Object]:
    with build(tmp_path, SOURCE).load({"pid": os.getpid()}) as loaded:
        loaded.attach()
        yield loaded


def test_a_program_takes_the_samples_in_the_order_they_came(obj: Object) -> None:
    for number in (5, 7):
        obj.maps["samples"].submit(struct.pack("Q", number))
    before = obj.maps["sums"][0]
    libc.fsync(-1)

    assert before == 0
    assert (obj.maps["sums"][0], obj.maps["sums"][1]) == (2, 12)


def test_a_full_ring_says_so_and_has_room_again_once_it_is_drained(obj: Object) -> None:
    sample = bytes(1000)
    for _ in range(4):
        obj.maps["samples"].submit(sample)
    with pytest.raises(OSError, match="no room for 1000 bytes: its program has not drained it yet") as full:
        obj.maps["samples"].submit(sample)
    libc.fsync(-1)
    obj.maps["samples"].submit(sample)

    assert full.value.errno == errno.ENOSPC


def test_samples_come_from_several_threads(obj: Object) -> None:
    threads = [
        threading.Thread(target=lambda: [obj.maps["samples"].submit(struct.pack("Q", 3)) for _ in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    libc.fsync(-1)

    assert (obj.maps["sums"][0], obj.maps["sums"][1]) == (80, 240)


@pytest.mark.parametrize(
    ("name", "sample", "message"),
    [
        ("samples", b"", "a sample of no bytes"),
        ("samples", bytes(5000), "5000 bytes, and it has 4096 in all"),
        ("sums", b"x", r"it is no user ring buffer"),
    ],
)
def test_what_cannot_be_submitted_says_why(obj: Object, name: str, sample: bytes, message: str) -> None:
    with pytest.raises(OSError, match=message):
        obj.maps[name].submit(sample)
