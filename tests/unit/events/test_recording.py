"""Recordings: written whole, read up to the last whole block, and never believed where a byte is wrong."""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import pack, pack_into, unpack_from
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plans import PlanWriter, array, chars, s, struct, u

from eunomia._native import lib
from eunomia.events.recorder import Recorder
from eunomia.events.recording import Recording, Replay
from eunomia.events.run import RunOptions

PLAN = PlanWriter().source(struct("event", ("pid", u(4)), ("ret", s(4)), ("comm", chars(8)))).to_bytes()
SECOND = 1_000_000_000
BASE, WALL = 100 * SECOND, 1_700_000_000 * SECOND  # CLOCK_MONOTONIC and CLOCK_REALTIME at the start
HEADER, BLOCK = 16, 48


def event(number: int) -> bytes:
    return pack("<Ii8s", number, -number, b"task")


def record(path: Path, count: int = 6, *, per_block: int = 2, compress: bool = False, ended: bool = True) -> bytes:
    """Write `count` events, a second apart, so many in a block; return the file's bytes."""
    with (
        open(path, "wb") as file,
        Recorder(file.fileno(), str(path), {"tool": "test"}, b"{}", PLAN, compress=compress) as recorder,
    ):
        recorder.clock(BASE, BASE + 5, WALL)
        for number in range(count):
            recorder.add(0, event(number), BASE + number * SECOND)
            if number % per_block == per_block - 1:
                recorder.flush()
        if ended:
            recorder.end()
    return path.read_bytes()


def read(path: Path) -> tuple[list[bytes], Any]:
    """Return the records of a file and what is known of it."""
    with Recording.open(path) as recording:
        records = [each.data for each in recording.records()]
        return records, recording.counts()


def blocks(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield start, end, type and count of each block."""
    at = HEADER
    while at < len(data):
        kind, _, stored = unpack_from("<HHI", data, at + 4)
        (count,) = unpack_from("<I", data, at + 32)
        yield at, at + BLOCK + stored, kind, count
        at += BLOCK + stored


def sealed(data: bytes, at: int) -> bytes:
    """Return data with the checksums of the block at `at` made right again."""
    copy = bytearray(data)
    (stored,) = unpack_from("<I", copy, at + 8)
    pack_into("<I", copy, at + 36, zlib.crc32(copy[at + BLOCK : at + BLOCK + stored]))
    pack_into("<I", copy, at + 44, zlib.crc32(copy[at : at + 44]))
    return bytes(copy)


def replay(path: Path, tmp_path: Path, how: dict[str, Any] | None = None, **options: Any) -> str:
    out = tmp_path / "out"
    with open(out, "wb") as file, Recording.open(path) as recording:
        reader = Replay(recording, RunOptions(format="json", out_fd=file.fileno(), **options), **(how or {}))
        reader.loop()
        reader.close()
    return out.read_text()


@pytest.mark.parametrize("compress", [False, True])
def test_what_was_added_comes_back(tmp_path: Path, compress: bool) -> None:
    record(tmp_path / "r", compress=compress)

    with Recording.open(tmp_path / "r") as recording:
        found = list(recording.records())
        assert [each.data for each in found] == [event(number) for number in range(6)]
        assert [each.time for each in found] == [WALL + number * SECOND for number in range(6)]
        assert {each.map for each in found} == {"rb"}
        assert recording.meta == {"tool": "test"}
        assert recording.plan() == PLAN
        counts = recording.counts()
        assert (counts.records, counts.is_whole, counts.is_cut) == (6, True, False)


def test_a_recording_of_sampled_maps_says_that_it_has_no_events(tmp_path: Path) -> None:
    plan = PlanWriter().table(u(4), u(8)).to_bytes()
    with (
        open(tmp_path / "r", "wb") as file,
        Recorder(file.fileno(), "r", {"tool": "test"}, b"{}", plan) as recorder,
    ):
        recorder.end()

    with Recording.open(tmp_path / "r") as recording, pytest.raises(ValueError, match="has sampled maps only"):
        next(recording.events())


def test_events_before_the_damage_come_before_the_error(tmp_path: Path) -> None:
    data = bytearray(record(tmp_path / "r"))
    damaged = [start for start, _, kind, _ in blocks(bytes(data)) if kind == 6][2]
    data[damaged + BLOCK] ^= 1
    (tmp_path / "r").write_bytes(data)

    with Recording.open(tmp_path / "r") as recording:
        events = recording.events()
        assert [next(events).pid for _ in range(4)] == [0, 1, 2, 3]
        with pytest.raises(OSError, match="block"):
            next(events)


def test_typed_events_and_batches_come_from_the_plan(tmp_path: Path) -> None:
    record(tmp_path / "r", 5)

    with Recording.open(tmp_path / "r") as recording:
        assert [(each.pid, each.ret, each.comm) for each in recording.events()] == [(n, -n, "task") for n in range(5)]
    with Recording.open(tmp_path / "r") as recording:
        assert [len(batch) for batch in recording.batches("rb", max_records=2)] == [2, 2, 1]
    with Recording.open(tmp_path / "r") as recording, pytest.raises(ValueError, match="map other: not an event source"):
        next(recording.batches("other"))


def test_a_file_cut_anywhere_is_read_up_to_its_last_whole_block(tmp_path: Path) -> None:
    data = record(tmp_path / "whole")
    ends = [(end, kind, count) for _, end, kind, count in blocks(data)]
    described = next(end for end, kind, _ in ends if kind == 3)
    cut = tmp_path / "cut"

    for size in range(len(data)):
        cut.write_bytes(data[:size])
        if size < described:
            with pytest.raises(OSError, match=r"not a recording|header is cut off|cut off after block"):
                read(cut)
            continue
        records, counts = read(cut)
        whole = sum(count for end, kind, count in ends if kind == 6 and end <= size)
        assert records == [event(number) for number in range(whole)], size
        assert (counts.is_cut, counts.is_whole) == (True, False)


def test_no_byte_can_be_wrong_without_an_error(tmp_path: Path) -> None:
    data = record(tmp_path / "whole", 4)
    wrong = tmp_path / "wrong"

    for at in range(len(data)):
        copy = bytearray(data)
        copy[at] ^= 1 << at % 8
        wrong.write_bytes(copy)
        with pytest.raises(OSError, match="read recording"):
            read(wrong)


def test_damage_names_block_and_offset(tmp_path: Path) -> None:
    data = bytearray(record(tmp_path / "r"))
    start, end, *_ = [each for each in blocks(bytes(data)) if each[2] == 6][1]
    data[end - 1] ^= 0xFF
    (tmp_path / "r").write_bytes(data)

    with pytest.raises(OSError, match=rf"r: block \d+ at byte {start}: checksum does not match"):
        read(tmp_path / "r")


@pytest.mark.parametrize(
    ("at", "form", "value", "cause"),
    [
        (8, "<I", 1 << 25, "header out of bounds"),
        (16, "<Q", 99, "not the one that should follow"),
        (24, "<Q", 1 << 63, "header out of bounds"),
        (32, "<I", 1 << 20, "more records than bytes"),
        (32, "<I", 1, "more bytes than records"),
        (6, "<H", 1, "cannot be unpacked"),
        (6, "<H", 8, "header out of bounds"),
        (BLOCK, "<I", 0x7FFFFFFF, "a record goes on behind the end"),
        (BLOCK + 8, "<H", 1, "a record of a source that is not there"),
    ],
)
def test_a_block_that_lies_with_right_checksums_is_an_error(
    tmp_path: Path, at: int, form: str, value: int, cause: str
) -> None:
    data = bytearray(record(tmp_path / "r"))
    start = next(each[0] for each in blocks(bytes(data)) if each[2] == 6)
    pack_into(form, data, start + at, value)
    if at != 8:
        data = bytearray(sealed(bytes(data), start))
    else:
        pack_into("<I", data, start + 44, zlib.crc32(data[start : start + 44]))
    (tmp_path / "r").write_bytes(data)

    with pytest.raises(OSError, match=cause):
        read(tmp_path / "r")


def test_a_block_of_a_later_version_is_passed_over(tmp_path: Path) -> None:
    data = bytearray(record(tmp_path / "r"))
    start = next(each[0] for each in blocks(bytes(data)) if each[2] == 4)
    pack_into("<H", data, start + 4, 200)
    (tmp_path / "r").write_bytes(sealed(bytes(data), start))

    assert len(read(tmp_path / "r")[0]) == 6


def test_another_version_of_the_file_is_refused(tmp_path: Path) -> None:
    data = bytearray(record(tmp_path / "r"))
    pack_into("<H", data, 8, 2)
    pack_into("<I", data, 12, zlib.crc32(data[:12]))
    (tmp_path / "r").write_bytes(data)

    with pytest.raises(OSError, match="version 2, expected 1"):
        read(tmp_path / "r")


@pytest.mark.parametrize("data", [b"", b"{}", b"\x7fELF", b"EUREC", b"EUREC\n\x1a" + bytes(40)])
def test_what_is_no_recording_is_said_to_be_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "r").write_bytes(data)

    with pytest.raises(OSError, match="not a recording"):
        Recording.open(tmp_path / "r")


def test_zeroes_at_the_end_are_a_cut(tmp_path: Path) -> None:
    data = record(tmp_path / "r", ended=False)
    (tmp_path / "r").write_bytes(data + bytes(4096))

    records, counts = read(tmp_path / "r")
    assert len(records) == 6
    assert counts.is_cut


@given(st.binary(max_size=200), st.integers(0, 2000))
def test_any_bytes_in_a_recording_give_records_or_an_error(patch: bytes, at: int) -> None:
    data = bytearray(_WHOLE)
    data[at : at + len(patch)] = patch
    reading, writing = os.pipe()
    os.write(writing, bytes(data))
    os.close(writing)
    with os.fdopen(reading, "rb"), contextlib.suppress(OSError), Recording(reading, "bytes") as recording:
        recording.scan()


def test_replay_writes_what_a_live_run_writes(tmp_path: Path) -> None:
    record(tmp_path / "r", 3)

    assert replay(tmp_path / "r", tmp_path) == "".join(f'{{"pid":{n},"ret":{-n},"comm":"task"}}\n' for n in range(3))


def test_replay_shows_the_recorded_time(tmp_path: Path) -> None:
    record(tmp_path / "r", 2)

    lines = [json.loads(line) for line in replay(tmp_path / "r", tmp_path, time="iso").splitlines()]
    assert [line["ts"] for line in lines] == ["2023-11-14T22:13:20.000000Z", "2023-11-14T22:13:21.000000Z"]
    ages = [json.loads(line)["ts"] for line in replay(tmp_path / "r", tmp_path, time="age").splitlines()]
    assert ages == [0.0, 1.0]


def test_replay_of_a_part_counts_the_rest_as_filtered(tmp_path: Path) -> None:
    record(tmp_path / "r")
    out = os.open(os.devnull, os.O_WRONLY)

    with Recording.open(tmp_path / "r") as recording:
        reader = Replay(recording, RunOptions(out_fd=out), since=WALL + SECOND, until=WALL + 3 * SECOND)
        reader.loop()
        (account,) = reader.accounts()
        reader.close()
    os.close(out)

    assert (account.produced, account.delivered, account.filtered) == (6, 2, 4)
    assert account.pending == 0


def test_replay_of_damage_shows_what_came_before_it(tmp_path: Path) -> None:
    data = bytearray(record(tmp_path / "r"))
    _, end, *_ = [each for each in blocks(bytes(data)) if each[2] == 6][2]
    data[end - 1] ^= 1
    (tmp_path / "r").write_bytes(data)
    out = tmp_path / "out"

    with open(out, "wb") as file, Recording.open(tmp_path / "r") as recording:
        reader = Replay(recording, RunOptions(format="json", out_fd=file.fileno()))
        with pytest.raises(OSError, match="checksum does not match"):
            reader.loop()
        reader.close()

    assert [json.loads(line)["pid"] for line in out.read_text().splitlines()] == [0, 1, 2, 3]


def test_suspend_and_steps_of_the_clock_are_in_the_times(tmp_path: Path) -> None:
    """A suspend of an hour between two events: CLOCK_MONOTONIC stands still, wall clock does not."""
    hour = 3600 * SECOND
    with open(tmp_path / "r", "wb") as file, Recorder(file.fileno(), "r", {}, b"{}", PLAN) as recorder:
        recorder.clock(BASE, BASE, WALL)
        recorder.add(0, event(1), BASE + SECOND)
        recorder.flush()
        recorder.clock(BASE + 2 * SECOND, BASE + 2 * SECOND + hour, WALL + 2 * SECOND + hour)
        recorder.add(0, event(2), BASE + 2 * SECOND)
        recorder.flush()
        recorder.end()

    with Recording.open(tmp_path / "r") as recording:
        times = [each.time for each in recording.records()]
    assert times == [WALL + SECOND, WALL + 2 * SECOND + hour]


def test_a_record_too_long_for_a_block_is_refused(tmp_path: Path) -> None:
    with open(tmp_path / "r", "wb") as file, Recorder(file.fileno(), "r", {}, b"{}", PLAN) as recorder:
        with pytest.raises(OSError, match="too many for a block"):
            recorder.add(0, bytes(17 << 20), BASE)
        recorder.add(0, bytes(16 << 19), BASE)
        recorder.flush()
        assert recorder.records == 1


def test_a_full_disk_names_the_file_and_leaves_whole_blocks() -> None:
    """/dev/full takes nothing."""
    no_space = pytest.raises(OSError, match=r"write recording full\.eurec: no space left on device")
    with open("/dev/full", "wb", buffering=0) as file, no_space:
        Recorder(file.fileno(), "full.eurec", {}, b"{}", PLAN)


def test_a_replay_outlives_its_recording_and_happens_once(tmp_path: Path) -> None:
    record(tmp_path / "r", 3)
    out = os.open(os.devnull, os.O_WRONLY)
    recording = Recording.open(tmp_path / "r")
    reader = Replay(recording, RunOptions(out_fd=out))

    reader.loop()
    with pytest.raises(OSError, match="has replayed a recording"):
        reader.loop()
    recording.close()
    (account,) = reader.accounts()
    reader.close()
    os.close(out)

    assert account.delivered == 3


def test_descriptors_and_memory_are_given_back(tmp_path: Path) -> None:
    record(tmp_path / "r")
    before = len(os.listdir("/proc/self/fd"))

    recording = Recording.open(tmp_path / "r")
    recording.close()
    recording.close()

    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ValueError, match="the recording is closed"):
        recording.counts()
    assert lib.eu_errno() >= 0


def _whole() -> bytes:
    reading, writing = os.pipe()
    with Recorder(writing, "pipe", {"tool": "test"}, b"{}", PLAN) as recorder:
        recorder.clock(BASE, BASE, WALL)
        for number in range(8):
            recorder.add(0, event(number), BASE + number)
        recorder.flush()
        recorder.end()
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        return file.read()


_WHOLE = _whole()


def with_snapshot(path: Path, plan: bytes, elements: list[tuple[bytes, bytes]], map_type: int = 1) -> Path:
    """Write a recording of one reading of a map (1: BPF_MAP_TYPE_HASH)."""
    with open(path, "wb") as file, Recorder(file.fileno(), str(path), {}, b"{}", plan) as recorder:
        recorder.clock(BASE, BASE, WALL)
    key, value = elements[0]
    content = pack("<6I", 0, map_type, len(key), len(value), 0, 0)
    content += b"".join(key for key, _ in elements) + b"".join(value for _, value in elements)
    head = pack("<4sHHIIQQIIII", b"EUBK", 7, 0, len(content), len(content), 4, BASE, len(elements), 0, 0, 0)
    data = path.read_bytes()
    path.write_bytes(sealed(data + head + content, len(data)))
    return path


@pytest.mark.parametrize(
    "options", [{"fields": ["n", "items[1000]"]}, {"fields": ["value.items[0]"]}, {"sort": ["items[9]"], "top": 1}]
)
def test_what_lies_behind_the_value_of_a_map_is_no_field(tmp_path: Path, options: dict[str, Any]) -> None:
    plan = PlanWriter().table(u(4), struct("value", ("n", u(8)), ("items", array(u(4), 0)))).to_bytes()
    path = with_snapshot(tmp_path / "r", plan, [(pack("<I", 1), pack("<Q", 7))])

    assert json.loads(replay(path, tmp_path, fields=["n"])) == {"n": 7}
    with pytest.raises(OSError, match=r"no field (value\.)?items\["):
        replay(path, tmp_path, **options)
