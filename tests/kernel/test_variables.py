"""Global variables of a live object, read by name."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from support.objects import build

SOURCE = """
struct point { __s16 x, y; };
enum colour { RED = 3, BLUE = 7 };
const volatile __u32 pid = 0;
__u64 count;
__s32 below = -5;
struct point where = {1, -2};
char name[8] = "first";
bool seen;
enum colour colour = BLUE;
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } other SEC(".maps");
SEC("tp/syscalls/sys_enter_fsync") int handle(void *ctx) {
    if (bpf_get_current_pid_tgid() >> 32 != pid)
        return 0;
    __sync_fetch_and_add(&count, 2);
    where.x = 40;
    seen = true;
    __builtin_memcpy(name, "second", 7);
    return 0;
}
"""  # noqa: E501  # a map on one line


def test_variables_are_read_as_they_are_now(tmp_path: Path) -> None:
    with build(tmp_path, SOURCE).load({"pid": os.getpid()}) as obj:
        sections = {each.section: each for each in obj.maps.values() if each.section}
        before = {**sections[".bss"].variables(), **sections[".data"].variables()}
        obj.attach()
        ctypes.CDLL(None).fsync(-1)
        after = {**sections[".bss"].variables(), **sections[".data"].variables()}

        assert before == {"count": 0, "seen": False, "below": -5, "where": (1, -2), "name": "first", "colour": 7}
        assert after == {"count": 2, "seen": True, "below": -5, "where": (40, -2), "name": "second", "colour": 7}
        assert sections[".rodata"].variables() == {"pid": os.getpid()}
        assert after["where"].x == 40


def test_a_map_without_variables_says_so(tmp_path: Path) -> None:
    with build(tmp_path, SOURCE).load() as obj, pytest.raises(ValueError, match="map other holds no variables"):
        obj.maps["other"].variables()
