"""Iterators, whose text is the output, and programs that are run without an event."""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.kernel.object import Object
from eunomia.package.model import Package
from support.commands import Command

SOURCE = r"""
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, __u64);
} table SEC(".maps");
const volatile int verdict = XDP_DROP;
SEC("iter/task") int tasks(struct bpf_iter__task *ctx)
{
    struct task_struct *task = ctx->task;
    if (task && task->pid == task->tgid)
        BPF_SEQ_PRINTF(ctx->meta->seq, "%d %s\n", task->pid, task->comm);
    return 0;
}
SEC("?iter/bpf_map_elem") int entries(struct bpf_iter__bpf_map_elem *ctx)
{
    __u32 *key = ctx->key;
    __u64 *value = ctx->value;
    if (key && value)
        BPF_SEQ_PRINTF(ctx->meta->seq, "%u=%llu\n", *key, *value);
    return 0;
}
SEC("xdp") int packet(struct xdp_md *ctx)
{
    __u8 *data = (void *)(long)ctx->data;
    if (data + 14 > (__u8 *)(long)ctx->data_end)
        return XDP_ABORTED;
    data[0] = 0xaa;
    return verdict;
}
SEC("tc") int skb(struct __sk_buff *ctx) { return ctx->mark == 7 ? -1 : (int)ctx->len; }
SEC("syscall") int call(struct { __u64 one, two; } *ctx) { ctx->two = ctx->one + 1; return 5; }
SEC("raw_tp") int raw(struct bpf_raw_tracepoint_args *ctx) { return ctx->args[1]; }
SEC("kprobe") int probe(void *ctx) { return 0; }
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    path = tmp_path_factory.mktemp("iterators") / "iterators.bpf.c"
    path.write_text(SOURCE)
    return compile_source(str(path))


@pytest.fixture
def file(package: Package, tmp_path: Path) -> Path:
    path = tmp_path / "iterators.json"
    path.write_text(package.to_json())
    return path


@pytest.fixture
def obj(package: Package) -> Iterator[Object]:
    with Object.open(package) as opened:
        opened.programs["entries"].autoload = True
        opened.load()
        yield opened


SKIP = [word for name in ("packet", "skb", "call", "raw", "probe") for word in ("--skip", name)]


def test_an_iterators_text_is_the_output(ecli: Command, file: Path) -> None:
    done = ecli("run", *SKIP, file)

    assert done.returncode == 0, done
    assert f"{os.getpid()} {Path('/proc/self/comm').read_text().strip()}" in done.lines
    assert done.stderr == ""


def test_an_iterators_lines_are_json_when_asked(ecli: Command, file: Path) -> None:
    done = ecli("run", "-j", *SKIP, "--attach", f"tasks=iter:,pid={os.getpid()}", file)

    comm = Path("/proc/self/comm").read_text().strip()
    assert [json.loads(line) for line in done.lines] == [{"program": "tasks", "text": f"{os.getpid()} {comm}"}]


def test_an_iterator_walks_again_at_each_interval(ecli: Command, file: Path) -> None:
    words = ["--interval", "100ms", "--duration", "350ms", "--attach", f"tasks=iter:,pid={os.getpid()}"]
    start = time.monotonic()
    done = ecli("run", *words, *SKIP, file)

    assert len(done.lines) == 4
    assert len(set(done.lines)) == 1
    assert time.monotonic() - start >= 0.3


def test_an_iterator_walks_the_map_that_it_is_told(obj: Object) -> None:
    obj.maps["table"][3] = 33
    obj.maps["table"][4] = 44
    with obj.programs["entries"].attach("iter:,map=table"), obj.programs["entries"].iterate() as text:
        assert sorted(text.read().splitlines()) == [b"3=33", b"4=44"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (None, r"needs to be told what it walks, or does not walk such a thing \[--attach entries=iter:,map=NAME"),
        ("iter:,map=nosuch", "map nosuch: the package has no map of this name"),
        ("iter:,map=table,pid=3", "one of map=NAME, cgroup=PATH, pid=N, tid=N says what it walks"),
    ],
)
def test_an_iterator_that_knows_not_what_to_walk_says_so(obj: Object, target: str | None, message: str) -> None:
    with pytest.raises(OSError, match=message):
        obj.programs["entries"].attach(target)


def test_only_attached_iterators_are_read(obj: Object) -> None:
    with pytest.raises(OSError, match=r"iterate program tasks \(iter/task\): not an attached iterator"):
        obj.programs["tasks"].iterate()


def test_a_packet_goes_in_and_comes_out(obj: Object) -> None:
    found = obj.programs["packet"].test_run(bytes(range(60)), repeat=1000)

    assert (found.result, found.name) == (1, "XDP_DROP")
    assert found.data == b"\xaa" + bytes(range(1, 60))
    assert found.duration_ns is not None
    assert 0 < found.duration_ns < 1_000_000


def test_without_data_a_packet_of_64_zeroes_goes_in(obj: Object) -> None:
    found = obj.programs["skb"].test_run()

    assert (found.result, len(found.data)) == (64, 64)


def test_a_context_goes_in(obj: Object) -> None:
    mark = struct.pack("<III", 0, 0, 7).ljust(192, b"\0")  # struct __sk_buff: len, pkt_type, mark
    found = obj.programs["skb"].test_run(context=mark)

    assert (found.result, found.name) == (-1, "TC_ACT_UNSPEC")
    assert struct.unpack_from("<III", found.context)[2] == 7


def test_a_syscall_program_changes_its_context(obj: Object) -> None:
    before = struct.pack("<QQ", 41, 0)
    found = obj.programs["call"].test_run(context=before)

    assert found.result == 5
    assert struct.unpack("<QQ", found.context) == (41, 42)
    assert found.duration_ns is None
    assert before == struct.pack("<QQ", 41, 0)


def test_a_raw_tracepoint_gets_its_arguments(obj: Object) -> None:
    assert obj.programs["raw"].test_run(context=struct.pack("<QQ", 1, 99)).result == 99


@pytest.mark.parametrize(
    ("program", "data", "message"),
    [
        ("probe", None, r"test-run program probe \(kprobe\): this kernel does not test-run programs of this type"),
        ("tasks", None, r"test-run program tasks \(iter/task\): this kernel does not test-run programs of this type"),
        ("packet", b"\1\2", "a packet begins with an Ethernet header, 14 bytes"),
        ("raw", b"\1\2", "takes no such data or context"),
    ],
)
def test_what_cannot_be_run_says_why(obj: Object, program: str, data: bytes | None, message: str) -> None:
    with pytest.raises(OSError, match=message):
        obj.programs[program].test_run(data)


def test_repeat_is_a_positive_number(obj: Object) -> None:
    with pytest.raises(ValueError, match="repeat: expected 1 to 2147483647, got 0"):
        obj.programs["packet"].test_run(repeat=0)


def test_the_command_prints_result_time_and_data(ecli: Command, file: Path, tmp_path: Path) -> None:
    packet = tmp_path / "packet"
    packet.write_bytes(bytes(20))
    done = ecli("test-run", "--data", f"@{packet}", "--repeat", "100", file, "packet", "--verdict", "2")

    assert done.returncode == 0, done
    assert done.lines[:2] == ["program  packet", "result   2 XDP_PASS"]
    assert done.lines[2].startswith("time     ")
    assert done.lines[2].endswith(" ns a run, mean of 100")
    assert done.lines[3:] == [
        "data     20 bytes",
        "  0000  aa 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00",
        "  0010  00 00 00 00",
    ]


def test_the_command_writes_json(ecli: Command, file: Path) -> None:
    done = ecli("test-run", "-j", "--context", "29:00:00:00:00:00:00:00" + "00" * 8, file, "call")

    found = json.loads(done.stdout)
    assert found == {
        "program": "call",
        "result": 5,
        "name": None,
        "data": "",
        "context": "29000000000000002a00000000000000",
        "repeat": 1,
        "ns": None,
    }


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["FILE"], 2, "test-run: which program? (there are tasks, entries, packet, skb, call, raw, probe)"),
        (["FILE", "packets"], 2, "test-run: no program packets (did you mean packet?)"),
        (["--data", "xyz", "FILE", "packet"], 2, "--data: 'xyz' is neither hexadecimal digits nor @FILE"),
        (["--data", "@/nosuch", "FILE", "packet"], 1, "/nosuch"),
        (["FILE", "probe"], 1, "this kernel does not test-run programs of this type"),
        ([], 2, "test-run: which package?"),
    ],
)
def test_the_command_says_what_is_wrong(ecli: Command, file: Path, words: list[str], code: int, message: str) -> None:
    done = ecli("test-run", *[str(file) if word == "FILE" else word for word in words])

    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done
    assert message in done.stderr
