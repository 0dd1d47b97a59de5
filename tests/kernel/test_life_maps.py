"""Maps of runs, typed; pins, of runs and of objects, and what they keep."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eunomia._native import lib
from eunomia.compiler import compile_source
from eunomia.errors import UnsupportedError
from eunomia.kernel.map import Map
from eunomia.kernel.pinned import KernelMap
from eunomia.package.model import Package
from support.commands import Command
from support.kernel_state import bpf_ids
from support.networks import inside, network

pytestmark = pytest.mark.usefixtures("places")
SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
enum color { RED, GREEN = 7 };
struct who { __u32 pid; char comm[16]; };
struct what { __s64 count; enum color color; };
struct trie { __u32 prefixlen; __u8 data[4]; };
struct gap { __u8 small; __u32 large; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, struct gap); __type(value, __u32); } gaps SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 2); __type(key, struct who); __type(value, struct what); } a_name_that_is_long SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } cpus SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 10000); __type(key, __u32); __type(value, __u64); } numbers SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 4); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, struct trie); __type(value, __u32); } nets SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 4); __type(value, __u32); } queue SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
int hits;
const volatile int step = 5;
char text[8] = "hello";
SEC("tracepoint/syscalls/sys_enter_getpgid") int calls(void *ctx)
{
    struct who who = {};
    struct trie trie = {};
    struct gap gap = {};
    __u32 zero = 0;
    __u64 one = 1;
    __sync_fetch_and_add(&hits, step);
    text[0] = 'H';
    bpf_map_lookup_elem(&a_name_that_is_long, &who);
    bpf_map_lookup_elem(&cpus, &zero);
    bpf_map_lookup_elem(&numbers, &zero);
    bpf_map_lookup_elem(&nets, &trie);
    bpf_map_lookup_elem(&gaps, &gap);
    bpf_map_peek_elem(&queue, &zero);
    bpf_ringbuf_output(&ring, &one, sizeof(one), 0);
    return 0;
}
SEC("tc") int shape(struct __sk_buff *ctx) { return -1; }
"""  # noqa: E501 (a map a line)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    path = tmp_path_factory.mktemp("life") / "life.bpf.c"
    path.write_text(SOURCE)
    return compile_source(str(path))


@pytest.fixture
def file(package: Package, tmp_path: Path) -> Path:
    path = tmp_path / "life.json"
    path.write_text(package.to_json())
    return path


@pytest.fixture
def bpffs(tmp_path: Path) -> Iterator[Path]:
    """A BPF file system of the test's own."""
    path = tmp_path / "bpffs"
    path.mkdir()
    subprocess.run(["mount", "-t", "bpf", "none", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def until_gone(links: set[int], seconds: float = 10) -> None:
    """Wait until the kernel has freed links: it does so after their last use, a little later."""
    deadline = time.monotonic() + seconds
    while links & bpf_ids("link"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def until_there(folder: Path, seconds: float = 30) -> None:
    """Wait until a folder has its name: all pins are in it."""
    deadline = time.monotonic() + seconds
    while not folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def pins(bpffs: Path) -> list[str]:
    """What is in a BPF file system, but for the two iterators that kernels with CONFIG_BPF_PRELOAD put there."""
    return [path.name for path in bpffs.iterdir() if not path.name.endswith(".debug")]


@pytest.fixture
def run(ecli: Command, file: Path, places: Path) -> Iterator[str]:
    """A run in the background, by name."""
    result = ecli("run", "-d", "-q", "--name", "r", "--skip", "shape", file)
    assert result.returncode == 0, result
    yield "r"
    ecli("stop", "--all")


def test_all_maps_of_a_run_are_listed(ecli: Command, run: str) -> None:
    table = ecli("map", "list", run)
    found = [each for each in json.loads(ecli("map", "list", "-j").stdout) if each["run"] == run]

    assert table.stdout.split()[:4] == ["RUN", "MAP", "TYPE", "ID"]
    assert {"a_name_that_is_", "cpus", "numbers", "nets", "queue", "ring"} <= {each["name"] for each in found}
    assert re.search(r"^r +cpus +percpu_array +\d+ +4 +8 +2 +\d+$", table.stdout, re.M)


def test_elements_are_written_read_and_deleted_by_their_types(ecli: Command, run: str) -> None:
    key, value = '{"pid":1,"comm":"bash"}', '{"count":-5,"color":"GREEN"}'
    name = f"{run}.a_name_that_is_long"

    written = ecli("map", "set", name, key, value)
    text, lines = ecli("map", "dump", name).stdout, ecli("map", "dump", "-j", name).stdout
    one = ecli("map", "get", name, key).stdout
    deleted = ecli("map", "delete", name, key)
    gone = ecli("map", "get", name, key)

    assert (written.returncode, written.stdout, deleted.returncode) == (0, "", 0)
    assert text == f"{key}: {value}\n"
    assert json.loads(lines) == {"key": json.loads(key), "value": json.loads(value)}
    assert one == f"{value}\n"
    assert (gone.returncode, gone.stderr) == (1, f"ecli: map a_name_that_is_ has no element {key}\n")


def test_key_with_garbage_in_its_padding_is_named(ecli: Command, run: str) -> None:
    assert ecli("map", "set", "r.gaps", "hex:01aabbcc02000000", 7).returncode == 0
    key = '{"small":1,"large":2}'

    answers = [
        ecli("map", *words) for words in (("get", "r.gaps", key), ("set", "r.gaps", key, 8), ("delete", "r.gaps", key))
    ]

    said = f"ecli: map gaps has no element {key}, but one that differs in its padding only [hex:01aabbcc02000000]\n"
    assert [(each.returncode, each.stderr) for each in answers] == [(1, said)] * 3
    assert ecli("map", "get", "r.gaps", "hex:01aabbcc02000000").stdout == "7\n"
    assert ecli("map", "set", "r.gaps", '{"small":3}', 9).returncode == 0
    assert ecli("map", "get", "r.gaps", '{"small":4}').stderr == 'ecli: map gaps has no element {"small":4}\n'


def test_full_map_says_so(ecli: Command, run: str) -> None:
    name = f"{run}.a_name_that_is_long"
    codes = [ecli("map", "set", name, f'{{"pid":{pid}}}', "{}").returncode for pid in (1, 2)]

    third = ecli("map", "set", name, '{"pid":3}', "{}")

    assert codes == [0, 0]
    assert third.stderr == "ecli: update map a_name_that_is_: it is full, with 2 elements\n"


def test_values_of_each_cpu(ecli: Command, run: str) -> None:
    cpus = os.sysconf("SC_NPROCESSORS_CONF")
    ecli("map", "set", f"{run}.cpus", 0, 7)
    ecli("map", "set", f"{run}.cpus", 1, json.dumps(list(range(cpus))))

    shown = ecli("map", "dump", f"{run}.cpus").stdout
    wrong = ecli("map", "set", f"{run}.cpus", 1, json.dumps([1] * (cpus + 1)))

    values = [json.loads(line.partition(": ")[2]) for line in shown.splitlines()]
    assert values == [[7] * cpus, list(range(cpus))]
    assert wrong.returncode == 2
    assert f"{cpus + 1} values, expected one for all CPUs, or {cpus}, one for each" in wrong.stderr


def test_tries_have_prefixes_for_keys(ecli: Command, run: str) -> None:
    ecli("map", "set", f"{run}.nets", "10.0.0.0/8", 3)
    wrong = ecli("map", "set", f"{run}.nets", "10.0.0.1/8", 3)

    assert ecli("map", "dump", f"{run}.nets").stdout == "10.0.0.0/8: 3\n"
    assert ecli("map", "get", f"{run}.nets", "10.20.0.0/16").stdout == "3\n"  # the longest that holds it
    assert wrong.stderr == "ecli: map set: key of map nets: 10.0.0.1/8 has host bits set\n"


def test_global_variables_are_elements_by_name(ecli: Command, run: str) -> None:
    ecli("map", "set", f"{run}.bss", "hits", 40)
    os.getpgid(0)

    assert ecli("map", "get", f"{run}.bss", "hits").stdout == "45\n"
    assert ecli("map", "dump", f"{run}.data").stdout == "text: Hello\n"
    assert json.loads(ecli("map", "get", f"{run}.rodata").stdout) == {"step": 5}
    refused = ecli("map", "set", f"{run}.rodata", "step", 4)
    assert refused.returncode == 1
    assert refused.stderr.endswith("is read only: its values were fixed when it was loaded\n")
    assert "(there are hits)" in ecli("map", "get", f"{run}.bss", "nothing").stderr


def test_queues_show_their_next_element(ecli: Command, run: str) -> None:
    empty = ecli("map", "get", f"{run}.queue")
    ecli("map", "set", f"{run}.queue", 5)
    ecli("map", "set", f"{run}.queue", 6)

    assert empty.stderr == "ecli: map queue has no element to show: it is empty\n"
    assert ecli("map", "get", f"{run}.queue").stdout == "5\n"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["dump", "r.ring"], 2, "map dump: map ring is a buffer of events, which has no elements"),
        (["dump", "r.nope"], 1, "run r has no map nope (there are .data.eunomia, a_name_that_is_, cpus"),
        (["dump", "q.x"], 1, "no run q [`ecli ps` shows what runs]"),
        (["dump", "/sys/kernel"], 1, "open pin /sys/kernel: "),
        (["dump", "id:999999999"], 1, "open map 999999999: there is none with this id"),
        (["get", "r.numbers"], 2, "map get: key of map numbers: none given"),
        (["get", "r.numbers", "10000"], 2, "map get: key of map numbers: 10000 is not from 0 to 9999"),
        (["set", "r.numbers", "0", "-1"], 2, "map set: value of map numbers: -1 is not from 0 to 18446744073709551615"),
        (["delete", "r.numbers", "0"], 2, "map delete: map numbers: elements of an array are always there"),
        (["frob"], 2, "map: no action 'frob'"),
        (["get"], 2, "map get: MAP is missing"),
    ],
)
def test_mistakes_are_one_line(ecli: Command, run: str, words: list[str], code: int, message: str) -> None:
    result = ecli("map", *words)

    assert result.returncode == code, result
    assert result.stderr.startswith(f"ecli: {message}")
    assert result.stderr.count("\n") == 1


def test_dump_of_many_elements_is_whole(ecli: Command, run: str) -> None:
    lines = ecli("map", "dump", f"{run}.numbers").lines

    assert lines == [f"{number}: 0" for number in range(10000)]


def test_maps_of_a_python_program_are_found_by_its_pid(ecli: Command, file: Path) -> None:
    code = "import sys, eunomia\nobj = eunomia.Package.open(sys.argv[1]).load()\nprint('loaded', flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = {each["pid"]: each for each in json.loads(ecli("ps", "-j").stdout)}
        value = ecli("map", "get", f"{child.pid}.rodata", "step").stdout
        stopped = ecli("stop", child.pid)
        child.communicate("\n")

    assert found[child.pid]["mode"] == "python"
    assert value == "5\n"
    assert stopped.returncode == 2
    assert "is no run of ecli" in stopped.stderr


def test_pinned_run_stays_attached_until_it_is_stopped(ecli: Command, file: Path, bpffs: Path, places: Path) -> None:
    folder = bpffs / "all"
    before = bpf_ids("link")
    running = ecli.start("run", "--pin-dir", folder, "--name", "p", "--skip", "shape", file)
    until_there(folder)
    running.stop(signal.SIGKILL)

    found = {each["name"]: each for each in json.loads(ecli("ps", "-j").stdout)}["p"]
    ecli("map", "set", "p.bss", "hits", 0)
    os.getpgid(0)
    hits = ecli("map", "get", "p.bss", "hits").stdout
    cleaned = ecli("clean")
    taken = ecli("run", "--pin-dir", folder, "--name", "other", "--skip", "shape", file)
    stopped = ecli("stop", "p")

    assert (found["mode"], found["pid"], found["pins"]) == ("pinned", 0, str(folder))
    assert len(found["links"]) == 1
    assert hits == "5\n"
    assert cleaned.stdout == "nothing was left\n"  # they were asked to stay
    assert taken.returncode == 1
    assert taken.stderr.startswith(f"ecli: pin {folder}: there is something already")
    assert stopped.returncode == 0, stopped
    assert not folder.exists()
    assert bpf_ids("link") <= before
    assert "p" not in {each["name"] for each in json.loads(ecli("ps", "-j").stdout)}
    assert list((places / "run").iterdir()) == []


def test_what_cannot_be_pinned_is_said(ecli: Command, file: Path, bpffs: Path) -> None:
    with network() as name, inside(name):
        words = ["--pin-dir", bpffs / "all", "--name", "p", "--attach", "shape=tc:lo:egress"]
        running = ecli.start("run", *words, file)
        until_there(bpffs / "all")
        ended = running.stop()
        ecli("stop", "p")

    assert "program shape is detached at the end, it cannot be pinned: a tc filter is no link" in ended.stderr


def test_pins_elsewhere_than_in_bpffs_are_refused(ecli: Command, file: Path, tmp_path: Path, bpffs: Path) -> None:
    elsewhere = ecli("run", "--pin-dir", tmp_path / "pins", "--skip", "shape", file)
    dotted = ecli("run", "--pin-dir", bpffs / "a.b", "--skip", "shape", file)

    assert elsewhere.returncode == 1
    hint = "choose a folder below /sys/fs/bpf" if lib.eu_is_bpffs(b"/sys/fs/bpf") else "mount -t bpf bpf /sys/fs/bpf"
    assert elsewhere.stderr == f"ecli: pin {tmp_path}/pins: {tmp_path} is no BPF file system [{hint}]\n"
    assert dotted.returncode == 1
    assert dotted.stderr == f"ecli: pin {bpffs}/a.b: names in bpffs have no dots\n"


def test_unfinished_pins_of_the_dead_are_removed(ecli: Command, file: Path, bpffs: Path, package: Package) -> None:
    folder = bpffs / "all"
    running = ecli.start("run", "--pin-dir", folder, "--name", "p", "--skip", "shape", file)
    until_there(folder)
    running.stop(signal.SIGKILL)
    folder.rename(bpffs / "all~4194304")  # as it is while it is made

    found = ecli("clean", "--dry-run").stdout
    cleaned = ecli("clean")

    assert f"unfinished pins {bpffs}/all~4194304: would be removed\n" in found
    assert cleaned.returncode == 0
    assert pins(bpffs) == []


def test_killed_while_pinning_all_pins_are_there_or_none(ecli: Command, file: Path, bpffs: Path) -> None:
    for moment in range(12):
        folder = bpffs / f"m{moment}"
        running = ecli.start("run", "--pin-dir", folder, "--name", f"m{moment}", "--skip", "shape", file)
        while running.process.poll() is None and not pins(bpffs):
            pass
        running.stop(signal.SIGKILL)
        ecli("clean")

        names = pins(bpffs)
        assert names in ([], [folder.name])
        if names:
            assert (folder / "links" / "calls").exists()
            assert ecli("stop", f"m{moment}").returncode == 0


def test_pins_of_an_object_keep_it_until_they_are_removed(package: Package, bpffs: Path) -> None:
    folder = str(bpffs / "obj")
    with package.load() as obj:
        obj.programs["calls"].attach()
        pinned = obj.pin(folder)
        with pytest.raises(FileExistsError, match="there is something already"):
            obj.pin(folder)
    with Map.from_pinned(f"{folder}/maps/a_name_that_is_long") as found:
        found[(1, "x")] = {"count": 3, "color": 7}
        value = found[(1, "x")]
        kind = type(found)
        with pytest.raises(UnsupportedError):
            found.resize(5)
    os.getpgid(0)
    (path,) = Path(folder, "maps").glob("*_bss")
    with KernelMap.open_pin(path) as bss:
        hits = int.from_bytes(bss[0][:4], "little")
    with pytest.raises(ValueError, match="is closed"):
        len(found)

    assert pinned.left_out == {}
    assert pinned.count == sum(len(names) for _, _, names in os.walk(folder))
    assert (value.count, kind) == (3, KernelMap)
    assert hits >= 5
    subprocess.run(["find", folder, "-type", "f", "-delete"], check=True)


def test_unpinned_object_ends_as_if_it_had_never_been_pinned(package: Package, bpffs: Path) -> None:
    before = bpf_ids("link")
    with package.load() as obj:
        obj.programs["calls"].attach()
        obj.pin(str(bpffs / "obj"))
        obj.unpin()
        obj.unpin()

    assert not (bpffs / "obj").exists()
    assert bpf_ids("link") <= before


def test_pins_can_be_removed_when_the_object_is_closed(package: Package, bpffs: Path) -> None:
    before = bpf_ids("link")
    with package.load() as obj:
        obj.programs["calls"].attach()
        obj.pin(str(bpffs / "obj"))

    held = bpf_ids("link") - before
    obj.unpin()

    assert len(held) == 1
    assert obj.pinned is None
    assert not (bpffs / "obj").exists()
    until_gone(held)


def test_link_is_pinned_by_itself(package: Package, bpffs: Path) -> None:
    with package.load() as obj:
        link = obj.programs["calls"].attach()
        link.pin(str(bpffs / "calls"))
        with (
            network() as name,
            inside(name),
            obj.programs["shape"].attach("tc:lo:egress") as filter,
            pytest.raises(OSError, match="a tc filter is no link"),
        ):
            filter.pin(str(bpffs / "shape"))
        with pytest.raises(OSError, match="it is not attached"):
            filter.pin(str(bpffs / "shape"))
    found = pins(bpffs)
    (bpffs / "calls").unlink()

    assert found == ["calls"]


def test_pin_that_is_no_map_is_refused(package: Package, bpffs: Path) -> None:
    with package.load() as obj:
        obj.pin(str(bpffs / "obj"))
        with pytest.raises(OSError, match="programs/calls: it is no map"):
            Map.from_pinned(str(bpffs / "obj/programs/calls"))
        obj.unpin()
