"""`ecli record` and `ecli replay`: what was recorded is shown as a live run shows it, whatever ended the recording."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from struct import pack
from typing import Any

import pytest

import eunomia
from eunomia._native import lib
from eunomia.events.recorder import Recorder
from eunomia.events.run import Run, RunOptions
from support import provoke
from support.commands import Command, Running
from support.objects import build

NOBODY = ["setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all", "--no-new-privs"]


def start(ecli: Command, path: Path, *words: object) -> Running:
    return ecli.start("record", "-o", path, *words).wait_attached()


def info(ecli: Command, path: Path) -> dict[str, Any]:
    done = ecli("replay", "--info", "-j", path)
    assert done.returncode == 0, done
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def balances(account: dict[str, Any]) -> bool:
    parts = sum(account[name] for name in ("delivered", "filtered", "discarded", "pending"))
    return bool(account["produced"] == parts + sum(account["lost"].values()))


def opens(count: int) -> None:
    for _ in range(count):
        os.close(os.open("/", os.O_RDONLY))


def test_replay_is_byte_for_byte_what_a_live_run_printed(ecli: Command, tmp_path: Path) -> None:
    live = ecli.start("run", "-j", "sigsnoop").wait_attached()
    recording = start(ecli, tmp_path / "r", "sigsnoop")
    pid = provoke.signals(signal.SIGUSR2, 20)
    printed = live.stop().lines
    done = recording.stop()
    replayed = ecli("replay", tmp_path / "r", "-j", env={"TZ": "Asia/Tokyo"}).lines

    def mine(lines: list[str]) -> list[str]:
        return [line for line in lines if f'"tpid":{pid},' in line]

    assert done.returncode == 0
    assert f"of sigsnoop in {tmp_path / 'r'}" in done.stderr
    assert len(mine(printed)) == 20
    assert mine(replayed) == mine(printed)


def test_accounts_of_a_recording_balance(ecli: Command, tmp_path: Path) -> None:
    recording = start(ecli, tmp_path / "r", "--filter", f"pid == {os.getpid()}", "opensnoop")
    opens(500)
    assert recording.stop().returncode == 0

    found = info(ecli, tmp_path / "r")
    account = next(each for each in found["accounts"] if each["map"] == "events")
    assert found["whole"] is True
    assert found["tool"] == "opensnoop"
    assert found["options"] == {"filter": [f"pid == {os.getpid()}"]}
    assert found["events"] == account["delivered"] >= 500
    assert balances(account)
    assert account["pending"] == 0


def test_replay_filters_and_formats_anew(ecli: Command, tmp_path: Path) -> None:
    path = tmp_path / "r"
    recording = start(ecli, path, "opensnoop")
    opens(10)
    provoke.exec_program("/bin/cat", "/etc/hostname")
    recording.stop()
    pid = os.getpid()

    mine = ("--filter", f'pid == {pid} && path == "/"')
    csv = ecli("replay", path, "--format", "csv", "--time", "none", "--fields", "path,pid", *mine)
    assert csv.lines == ["path,pid", *[f"/,{pid}"] * 10]
    counted = ecli("replay", path, "--count-by", "comm", "--filter", 'path == "/etc/hostname"', "-j").events
    assert {"comm": "cat", "count": 1} in [{"comm": each["comm"], "count": each["count"]} for each in counted]
    some = ecli("replay", path, "-j", "--max-events", 3, "-o", tmp_path / "out")
    assert some.stdout == ""
    assert len((tmp_path / "out").read_text().splitlines()) >= 3


def test_a_killed_recording_is_read_up_to_its_last_block(ecli: Command, tmp_path: Path) -> None:
    recording = start(ecli, tmp_path / "r", "opensnoop")
    opens(100)
    time.sleep(0.8)  # blocks are at most a quarter of a second old
    recording.stop(signal.SIGKILL)

    done = ecli("replay", tmp_path / "r", "-j", "--pid", os.getpid())
    assert done.returncode == 0
    assert [event["path"] for event in done.events].count("/") >= 100
    assert "cut off after block" in done.stderr
    assert info(ecli, tmp_path / "r")["cut"] is True
    with eunomia.Recording.open(tmp_path / "r") as opened:
        opened.scan()
        assert {each.why for each in opened.accounts} <= {"the recording was cut short"}


def test_a_full_disk_ends_the_recording_with_an_error_and_whole_blocks(ecli: Command, tmp_path: Path) -> None:
    """A tmpfs of its own namespace: the file is copied out before it goes."""
    words = " ".join(ecli.argv)
    flood = f"{sys.executable} -c 'import os\nfor _ in range(30000): os.close(os.open(chr(47), 0))'"
    script = f"""
        mount -t tmpfs -o size=512k none {tmp_path}/disk || exit 99
        {words} record -o {tmp_path}/disk/r opensnoop 2>{tmp_path}/said & pid=$!
        sleep 2
        {flood}
        sleep 1
        kill -INT $pid 2>/dev/null
        wait $pid; echo $? >{tmp_path}/code
        cp {tmp_path}/disk/r {tmp_path}/r
    """
    (tmp_path / "disk").mkdir()
    subprocess.run(["unshare", "-m", "sh", "-c", script], check=True, timeout=90)

    said = (tmp_path / "said").read_text()
    assert (tmp_path / "code").read_text() == "1\n"
    assert f"ecli: write recording {tmp_path}/disk/r: no space left on device" in said
    assert "Traceback" not in said
    done = ecli("replay", tmp_path / "r", "-j")
    assert done.returncode == 0
    assert len(done.events) > 1000
    assert "cut off" in done.stderr


def test_sampled_maps_and_stacks_are_shown_with_the_names_of_then(ecli: Command, tmp_path: Path) -> None:
    recording = start(ecli, tmp_path / "r", "profile")
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        opens(1000)  # stacks of the kernel
    assert recording.stop().returncode == 0

    os.chmod(tmp_path / "r", 0o644)
    with (tmp_path / "r").open("rb") as file:  # who could not read kernel symbols
        stacks = ecli.start("replay", "-", stdin=file, prefix=NOBODY).finish().stdout
    folded = ecli("replay", tmp_path / "r", "--folded").lines
    assert re.search(r"^ +ffff[0-9a-f]{12} \w+\+0x", stacks, re.MULTILINE)
    assert any(line.rsplit(" ", 1)[1].isdigit() and "_[k]" in line for line in folded)


def test_folded_stacks_of_several_readings_are_shown_once(ecli: Command, tmp_path: Path) -> None:
    recording = start(ecli, tmp_path / "r", "--interval", "0.4", "profile")
    provoke.spin(1.5)
    assert recording.stop().returncode == 0
    assert info(ecli, tmp_path / "r")["samples"] >= 2

    stacks = [line.rsplit(" ", 1)[0] for line in ecli("replay", tmp_path / "r", "--folded").lines]
    assert len(stacks) == len(set(stacks)) > 0


def test_replay_in_real_time_keeps_the_pauses(ecli: Command, tmp_path: Path) -> None:
    recording = start(ecli, tmp_path / "r", "--filter", f"pid == {os.getpid()}", "opensnoop")
    opens(1)
    time.sleep(1.5)
    opens(1)
    recording.stop()

    began = time.monotonic()
    assert len(ecli("replay", tmp_path / "r", "-j", "--realtime").events) >= 2
    slow = time.monotonic() - began
    began = time.monotonic()
    assert len(ecli("replay", tmp_path / "r", "-j").events) >= 2
    assert slow > 1.4
    assert time.monotonic() - began < slow - 0.5


def test_a_file_that_is_not_empty_is_kept_unless_forced(ecli: Command, tmp_path: Path) -> None:
    (tmp_path / "r").write_text("precious")

    refused = ecli("record", "-o", tmp_path / "r", "--duration", "0.2", "opensnoop")
    assert refused.returncode == 1
    assert refused.stderr == f"ecli: record: {tmp_path / 'r'} is not empty [--force overwrites it]\n"
    assert (tmp_path / "r").read_text() == "precious"
    forced = ecli("record", "opensnoop", "-o", tmp_path / "r", "--force", "--duration", "0.2")
    assert forced.returncode == 0
    assert info(ecli, tmp_path / "r")["whole"] is True


def test_a_tool_that_does_not_load_leaves_no_file(ecli: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.o").write_bytes(b"\x7fELF" + bytes(60))

    done = ecli("record", "-o", tmp_path / "r", tmp_path / "bad.o")
    assert done.returncode == 1
    assert not (tmp_path / "r").exists()


def test_a_pipe_takes_a_recording_and_gives_it_back(ecli: Command) -> None:
    words = " ".join(ecli.argv)
    script = f"{words} record -o - --duration 0.5 opensnoop | {words} replay - --info"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0
    assert "file      whole" in done.stdout


def test_events_of_a_live_pipe_do_not_wait_for_more(ecli: Command, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    showing = ecli.start("replay", tmp_path / "pipe", "-j", "--filter", f"pid == {os.getpid()}")
    recording = start(ecli, tmp_path / "pipe", "opensnoop")
    opens(2)

    assert '"path":"/"' in showing.wait_for('"path":"/"', timeout=5).stdout
    assert recording.stop().returncode == 0
    assert showing.finish().returncode == 0


def test_a_recording_is_typed_events_in_python(ecli: Command, tmp_path: Path) -> None:
    recording = start(ecli, tmp_path / "r", "opensnoop")
    opens(3)
    recording.stop()

    with eunomia.Recording.open(tmp_path / "r") as found:
        assert found.package.name == "opensnoop_bpf"
        mine = [each for each in found.events() if each.pid == os.getpid() and each.path == "/"]
        assert len(mine) == 3
        assert found.accounts[0].map == "events"


@pytest.mark.parametrize("words", [("--json",), ("--folded",), ("--count-by", "pid")])
def test_options_of_showing_belong_to_replay(ecli: Command, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = ecli("record", "-o", tmp_path / "r", *words, "opensnoop")

    assert done.returncode == 2
    assert f"unknown option {words[0]}" in done.stderr


def test_losses_of_a_recording_are_told_at_their_place(ecli: Command, tmp_path: Path) -> None:
    recording = start(ecli, tmp_path / "r", "--ring-size", "4K", "--filter", f"pid == {os.getpid()}", "opensnoop")
    opens(5)
    time.sleep(0.5)
    recording.process.send_signal(signal.SIGSTOP)
    opens(2000)
    recording.process.send_signal(signal.SIGCONT)
    time.sleep(1.5)
    opens(5)
    time.sleep(0.5)
    assert recording.stop().returncode == 0

    found = next(each for each in info(ecli, tmp_path / "r")["accounts"] if each["map"] == "events")
    done = ecli("replay", tmp_path / "r", "-j", "--fail-on-loss")
    lines = [json.loads(line) for line in done.lines]
    kinds = ["lost" if "$eunomia" in line and "lost" in line["$eunomia"] else "event" for line in lines]
    told = sum(line["$eunomia"]["lost"]["count"] for line, kind in zip(lines, kinds, strict=True) if kind == "lost")
    accounts = [line["$eunomia"]["account"] for line in lines if "account" in line.get("$eunomia", {})]
    assert done.returncode == 3
    assert balances(found)
    assert found["lost"]["ring full"] == told > 1000
    assert 0 < kinds.index("lost") < len(kinds) - 5
    assert accounts[0]["lost"] == {"ring full": told}


def test_a_slow_reader_slows_a_replay_and_loses_nothing(ecli: Command, tmp_path: Path) -> None:
    recording = start(ecli, tmp_path / "r", "--filter", f"pid == {os.getpid()}", "opensnoop")
    opens(5000)
    recording.stop()

    words = " ".join(ecli.argv)
    script = f"{words} replay {tmp_path / 'r'} -j | (sleep 1; cat)"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert len(done.stdout.splitlines()) == info(ecli, tmp_path / "r")["events"] >= 5000
    assert done.stderr == ""


def test_ctrl_c_ends_a_slow_replay_at_once(ecli: Command, tmp_path: Path) -> None:
    recording = start(ecli, tmp_path / "r", "opensnoop")
    opens(3)
    time.sleep(1)
    opens(1)
    recording.stop()

    running = ecli.start("replay", tmp_path / "r", "-j", "--speed", "0.01").wait_for("{")
    began = time.monotonic()
    assert running.stop().returncode == 0
    assert time.monotonic() - began < 2


def test_replay_rotates_its_output(ecli: Command, tmp_path: Path) -> None:
    recording = start(ecli, tmp_path / "r", "--filter", f"pid == {os.getpid()}", "opensnoop")
    opens(2000)
    recording.stop()

    done = ecli("replay", tmp_path / "r", "-j", "-o", tmp_path / "out", "--rotate-size", "64K")
    assert done.returncode == 0
    files = sorted(path for path in tmp_path.iterdir() if path.name.startswith("out"))
    assert len(files) > 2
    lines = sum(len(path.read_text().splitlines()) for path in files)
    assert lines == info(ecli, tmp_path / "r")["events"]


def test_behind_sudo_the_recording_is_the_users(ecli: Command, tmp_path: Path) -> None:
    done = ecli(
        "record", "-o", tmp_path / "r", "--duration", "0.2", "opensnoop", env={"SUDO_UID": "1234", "SUDO_GID": "1235"}
    )

    assert done.returncode == 0
    made = (tmp_path / "r").stat()
    assert (made.st_uid, made.st_gid, made.st_mode & 0o777) == (1234, 1235, 0o600)


def test_a_user_without_rights_replays(ecli: Command, tmp_path: Path) -> None:
    recording = start(ecli, tmp_path / "r", "opensnoop")
    opens(3)
    recording.stop()
    with (tmp_path / "r").open("rb") as file:
        done = ecli.start("replay", "-", "-j", "--pid", os.getpid(), stdin=file, prefix=NOBODY).finish()
    assert [event["path"] for event in done.events].count("/") >= 3


def test_a_tool_without_events_is_refused(ecli: Command, tmp_path: Path) -> None:
    source = tmp_path / "quiet.bpf.c"
    source.write_text(
        '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\nchar LICENSE[] SEC("license") = "GPL";\n'
        'SEC("raw_tp/sys_enter") int quiet(void *ctx) { return 0; }\n'
    )

    done = ecli("record", "-o", tmp_path / "r", source)
    assert done.returncode == 2
    assert "has neither events nor sampled maps" in done.stderr
    assert not (tmp_path / "r").exists()


SEVERAL = """
struct event { int pid; __u32 number; char comm[16]; };
struct other { int pid; __u64 twice; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 16); } rb SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } pb SEC(".maps");
SEC("raw_tp/sys_enter") int on_kill(struct bpf_raw_tracepoint_args *ctx)
{
    struct pt_regs *regs = (void *)ctx->args[0];
    struct other other = {.pid = bpf_get_current_pid_tgid() >> 32};
    unsigned long number;
    if (ctx->args[1] != 62)
        return 0;
    bpf_probe_read_kernel(&number, sizeof(number), &regs->di);
    struct event *event = bpf_ringbuf_reserve(&rb, sizeof(*event), 0);
    if (event) {
        event->pid = other.pid;
        event->number = -(int)number;
        bpf_get_current_comm(event->comm, sizeof(event->comm));
        bpf_ringbuf_submit(event, 0);
    }
    other.twice = 2 * (__u64)(__u32)-(int)number;
    bpf_perf_event_output(ctx, &pb, BPF_F_CURRENT_CPU, &other, sizeof(other));
    return 0;
}
"""


@pytest.mark.parametrize("compress", [(), ("--compress",)])
def test_ring_and_perf_buffers_are_recorded_together(ecli: Command, tmp_path: Path, compress: tuple[str, ...]) -> None:
    (tmp_path / "several.json").write_text(build(tmp_path, SEVERAL, "several").to_json())
    recording = start(ecli, tmp_path / "r", *compress, "--filter", f"pid == {os.getpid()}", tmp_path / "several.json")
    numbers = [0x100000 + number for number in range(50)]
    for number in numbers:
        with contextlib.suppress(OSError):
            os.kill(-number, 0)
    assert recording.stop().returncode == 0

    found = {each["map"]: each for each in info(ecli, tmp_path / "r")["accounts"]}
    shown = ecli("replay", tmp_path / "r", "-j", "--event-names").events
    # the signal that stopped it was one more
    assert [each["number"] for each in shown if each["event"] == "event"][:50] == numbers
    assert [each["twice"] for each in shown if each["event"] == "other"][:50] == [2 * number for number in numbers]
    assert all(balances(found[name]) and 50 <= found[name]["delivered"] <= 51 for name in ("rb", "pb"))
    with eunomia.Recording.open(tmp_path / "r") as opened:
        assert [each.twice for each in opened.events("pb")][:50] == [2 * number for number in numbers]


def test_python_records_a_run(tmp_path: Path) -> None:
    """As docs/recording.md has it."""
    package = eunomia.resolve("opensnoop")
    with (
        package.load() as obj,
        (tmp_path / "r").open("wb") as file,
        Recorder.of(package, file.fileno(), file.name) as recorder,
        Run(obj, package.plan(), RunOptions(format="raw", record=recorder, duration=0.5)) as run,
    ):
        obj.attach()
        opens(7)
        run.loop()

    with eunomia.Recording.open(tmp_path / "r") as found:
        assert [each.path for each in found.events() if each.pid == os.getpid()].count("/") == 7
        assert found.counts().is_whole


STACKS = """
struct trace { __u64 stack[32]; };
/// @sample {"interval": 0, "type": "default_kv"}
/// @decode {"stack": "kstack"}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384);
    __type(key, struct trace);
    __type(value, __u64);
} traces SEC(".maps");
SEC("raw_tp/sched_switch") int unused(void *ctx) { return !bpf_map_lookup_elem(&traces, &(struct trace){}); }
"""


def test_names_of_one_reading_may_take_more_than_a_block(tmp_path: Path) -> None:
    package, first = build(tmp_path, STACKS), 0xFFFFFFFF81000000
    with open(tmp_path / "r", "wb") as file, package.load() as obj:
        handle = obj.handle()
        place = lib.eu_map_find(handle, b"traces")
        for number in range(12000):  # 384,000 addresses: their names take more than 16 MiB
            key = pack("<32Q", *range(first + 32 * number, first + 32 * number + 32))
            assert lib.eu_map_update(handle, place, key, pack("<Q", number), 0) == 0
        with (
            Recorder.of(package, file.fileno(), "r") as recorder,
            Run(obj, package.plan(), RunOptions(duration=0.05, record=recorder)) as run,
        ):
            run.loop()

    with eunomia.Recording.open(tmp_path / "r") as found:
        found.scan()
        assert found.counts().is_whole
        assert found.counts().samples == 1
