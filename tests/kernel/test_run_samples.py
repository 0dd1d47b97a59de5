"""Sampled maps and stack traces, as they are printed: elements are put into real maps from here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from struct import pack
from typing import Any

import pytest

from eunomia._native import ffi, lib
from eunomia.compiler import compile_source
from eunomia.events.run import Run, RunOptions
from eunomia.kernel.object import Object

SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
#define MAP(name, map_type, key_type, value_type, entries) \\
    struct { __uint(type, map_type); __uint(max_entries, entries); __type(key, key_type); \\
             __type(value, value_type); } name SEC(".maps")
struct pair { __u32 pid; char comm[16]; };
struct hist { __u32 slots[40]; char comm[16]; };
struct bucket { __u32 dev; __u64 slot; };
struct sum { __u64 count; __u64 total; char comm[8]; };
/// @sample {"interval": 100, "type": "default_kv"}
MAP(counts, BPF_MAP_TYPE_HASH, struct pair, __u64, 64);
/// @sample {"interval": 100, "type": "log2_hist", "unit": "usecs"}
MAP(hists, BPF_MAP_TYPE_HASH, __u32, struct hist, 64);
/// @sample {"interval": 100, "type": "linear_hist", "unit": "sectors"}
MAP(buckets, BPF_MAP_TYPE_HASH, struct bucket, __u64, 64);
/// @sample {"interval": 100, "type": "default_kv"}
MAP(percpu, BPF_MAP_TYPE_LRU_PERCPU_HASH, __u32, struct sum, 64);
/// @sample {"interval": 100, "type": "default_kv", "clear_map": true}
MAP(slots, BPF_MAP_TYPE_ARRAY, __u32, __u32, 8);
SEC("raw_tp/sched_switch") int unused(void *ctx) { return !bpf_map_lookup_elem(&counts, &(struct pair){}); }
"""
STACKS = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct key { __u32 pid; int kern_stack_id; int user_stack_id; char comm[16]; };
struct {
    __uint(type, BPF_MAP_TYPE_STACK_TRACE);
    __uint(max_entries, 1024);
    __uint(key_size, 4);
    __uint(value_size, 127 * 8);
} stackmap SEC(".maps");
/// @sample {"interval": 0, "type": "default_kv"}
/// @intepreter {"stack_trace": {"with_symbols": true, "stack_map": "stackmap"}}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, struct key);
    __type(value, __u64);
} counts SEC(".maps");
const volatile int only = 0;
SEC("raw_tp/sys_enter") int on_kill(struct bpf_raw_tracepoint_args *ctx)
{
    struct key key = {.pid = bpf_get_current_pid_tgid() >> 32};
    __u64 one = 1, *count;
    if (ctx->args[1] != 62 || key.pid != only)
        return 0;
    key.kern_stack_id = bpf_get_stackid(ctx, &stackmap, 0);
    key.user_stack_id = bpf_get_stackid(ctx, &stackmap, BPF_F_USER_STACK);
    bpf_get_current_comm(key.comm, sizeof(key.comm));
    count = bpf_map_lookup_elem(&counts, &key);
    if (count)
        *count += 1;
    else
        bpf_map_update_elem(&counts, &key, &one, 0);
    return 0;
}
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("samples") / "sampled.bpf.c"
    path.write_text(SOURCE)
    return compile_source(path)


@pytest.fixture
def live(package: Any) -> Iterator[Object]:
    with package.load() as obj:
        yield obj


def put(live: Object, name: str, key: bytes, value: bytes) -> None:
    handle = live.handle()
    assert lib.eu_map_update(handle, lib.eu_map_find(handle, name.encode()), key, value, 0) == 0


def read_map(live: Object, **options: Any) -> str:
    """Let the loop sample once, and return what it wrote."""
    read, write = os.pipe()
    got: list[bytes] = []
    drain = threading.Thread(target=lambda: got.extend(iter(lambda: os.read(read, 1 << 16), b"")))
    drain.start()
    options.setdefault("duration", 0.05)
    with Run(live, live.package.plan(), RunOptions(out_fd=write, **options)) as reader:
        reader.loop()
    os.close(write)
    drain.join()
    os.close(read)
    return b"".join(got).decode()


def pair(pid: int, comm: bytes) -> bytes:
    return pack("<I16s", pid, comm)


def test_tables_are_aligned_and_the_largest_count_is_first(live: Object) -> None:
    for pid, comm, count in ((1, b"init", 5), (4242, b"a-long-name", 1234), (7, b"x\x1by", 30)):
        put(live, "counts", pair(pid, comm), pack("<Q", count))

    assert read_map(live) == (
        " PID  COMM         COUNT\n4242  a-long-name   1234\n   7  x\\x1by          30\n   1  init             5\n"
    )


def test_json_is_a_line_for_each_element(live: Object) -> None:
    put(live, "counts", pair(1, b"init"), pack("<Q", 5))
    put(live, "buckets", pack("<I4xQ", 8, 3), pack("<Q", 9))

    lines = [json.loads(line) for line in read_map(live, format="json").splitlines()]

    assert lines == [
        {"map": "counts", "key": {"pid": 1, "comm": "init"}, "value": 5},
        {"map": "buckets", "unit": "sectors", "key": {"dev": 8, "slot": 3}, "value": 9},
    ]


def test_log2_histogram_of_slots_in_the_value(live: Object) -> None:
    put(live, "hists", pack("<I", 42), pack("<40I", 1, 8, 138, 512, 1029, 16, *[0] * 34) + b"bash".ljust(16, b"\0"))

    assert read_map(live) == (
        "key = 42, comm = bash\n"
        "     usecs               : count    distribution\n"
        "         0 -> 1          : 1        |                                        |\n"
        "         2 -> 3          : 8        |                                        |\n"
        "         4 -> 7          : 138      |*****                                   |\n"
        "         8 -> 15         : 512      |*******************                     |\n"
        "        16 -> 31         : 1029     |****************************************|\n"
        "        32 -> 63         : 16       |                                        |\n\n"
    )


def test_log2_histogram_wider_than_32_slots_and_larger_than_32_bits(live: Object) -> None:
    slots = [0] * 40
    slots[36], slots[3] = 0xFFFFFFFF, 0x80000000
    put(live, "hists", pack("<I", 1), pack("<40I", *slots) + bytes(16))

    lines = read_map(live).splitlines()

    assert lines[1] == " " * 15 + "usecs".ljust(29) + " : count    distribution"
    assert lines[5] == f"{8:20d} -> {15:<20d} : 2147483648 |**********          |"
    assert lines[-2].endswith(" : 4294967295 |********************|")


def test_compatible_log2_histogram(live: Object) -> None:
    put(live, "hists", pack("<I", 305419896), pack("<40I", 0, 3, *[0] * 38) + b"COMM-STR".ljust(16, b"\0"))

    printed = read_map(live, compat=True)
    at = printed.index("key =")

    assert printed[at:].startswith(
        "key =  305419896\ncomm = COMM-STR\n\n     usecs               : count    distribution\n"
        "         0 -> 1          : 0        |                                        |\n"
        "         2 -> 3          : 3        |****************************************|\n\n"
    )


def test_linear_histogram_of_slots_in_the_key(live: Object) -> None:
    for dev, slot, count in ((8, 3, 4), (8, 5, 8), (9, 1, 1)):
        put(live, "buckets", pack("<I4xQ", dev, slot), pack("<Q", count))

    assert read_map(live) == (
        "dev = 8\n"
        "     sectors         : count    distribution\n"
        f"{3:20d} : 4        |{'*' * 20:40}|\n"
        f"{4:20d} : 0        |{'':40}|\n"
        f"{5:20d} : 8        |{'*' * 40}|\n\n"
        "dev = 9\n"
        "     sectors         : count    distribution\n"
        f"{1:20d} : 1        |{'*' * 40}|\n\n"
    )


def test_values_of_all_cpus_are_summed_or_apart(live: Object) -> None:
    cpus = lib.eu_possible_cpus()
    each = b"".join(pack("<QQ8s", cpu + 1, 10, b"name" if cpu == 0 else b"") for cpu in range(cpus))
    put(live, "percpu", pack("<I", 7), each)

    summed = [json.loads(line) for line in read_map(live, format="json").splitlines()]
    apart = [json.loads(line) for line in read_map(live, format="json", per_cpu=True).splitlines()]

    assert summed[0]["value"] == {"count": cpus * (cpus + 1) // 2, "total": 10 * cpus, "comm": "name"}
    assert [(line["cpu"], line["value"]["count"]) for line in apart] == [(cpu, cpu + 1) for cpu in range(cpus)]


def test_arrays_leave_empty_slots_out_and_are_cleared(live: Object) -> None:
    put(live, "slots", pack("<I", 3), pack("<I", 11))

    assert read_map(live) == "KEY  COUNT\n  3     11\n"
    value = ffi.new("uint32_t *", 9)
    handle = live.handle()
    assert lib.eu_map_lookup(handle, lib.eu_map_find(handle, b"slots"), pack("<I", 3), value, 0) == 0
    assert value[0] == 0


def test_intervals_repeat_and_clearing_can_be_forbidden(live: Object) -> None:
    put(live, "slots", pack("<I", 3), pack("<I", 11))

    printed = read_map(live, interval=0.1, duration=0.36, clear=False)

    assert printed.count("  3     11") >= 3


def test_compatible_tables(live: Object) -> None:
    put(live, "counts", pair(1, b"init"), pack("<Q", 5))

    lines = [line for line in read_map(live, compat=True).splitlines() if "COMM" in line or "init" in line]

    assert lines[0] == "TIME     PID    COMM   __U64  "
    assert lines[1][8:] == ' {"comm":"init","pid":1} {"__u64":5}'


@pytest.fixture
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Object]:
    path = tmp_path_factory.mktemp("stacks") / "stacks.bpf.c"
    path.write_text(STACKS)
    with compile_source(path).load({"only": os.getpid()}) as obj:
        obj.attach()
        for _ in range(3):
            os.kill(os.getpid(), 0)
        yield obj


def test_stack_ids_become_symbols(killed: Object) -> None:
    elements = [json.loads(line) for line in read_map(killed, format="json").splitlines()]

    assert sum(element["value"] for element in elements) >= 3
    kernel = [frame.split()[-1].split("+")[0] for frame in elements[0]["key"]["kern_stack_id"]]
    user = [frame.split()[-1].split("+")[0] for frame in elements[0]["key"]["user_stack_id"]]
    assert "do_syscall_64" in kernel
    assert any("kill" in name for name in user)


def test_stacks_fold_for_flame_graphs(killed: Object) -> None:
    lines = read_map(killed, format="folded").splitlines()

    stack, _, count = lines[0].rpartition(" ")
    frames = stack.split(";")
    assert sum(int(line.rpartition(" ")[2]) for line in lines) >= 3
    assert count.isdigit()
    assert any(frame.endswith("do_syscall_64_[k]") for frame in frames)


def test_an_id_without_a_stack_is_shown_as_missing(killed: Object) -> None:
    key = pack("<Iii16s", 1, -17, -14, b"full")
    put(killed, "counts", key, pack("<Q", 1))

    assert "[missing kernel stack" in read_map(killed)


def test_symbols_of_a_process_with_a_jit_map(tmp_path: Any) -> None:
    code = "import mmap, time\nm = mmap.mmap(-1, 4096, prot=7)\nimport ctypes\n"
    code += "print(ctypes.addressof(ctypes.c_char.from_buffer(m)), flush=True)\ntime.sleep(20)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        address = int(child.stdout.readline())
        jit = f"/tmp/perf-{child.pid}.map"
        with open(jit, "w") as file:
            file.write(f"{address:x} 40 py::hot\x1b[1m loop\n")
        try:
            out = ffi.new("char[]", 256)
            length = lib.eu_symbol_user(child.pid, address + 5, out, 256)
            outside = lib.eu_symbol_user(child.pid, 16, ffi.new("char[]", 256), 256)
        finally:
            os.unlink(jit)
            child.kill()

    assert bytes(ffi.buffer(out, length)) == b"py::hot\\x1b[1m loop+0x5"
    assert outside == len("[unknown]")
