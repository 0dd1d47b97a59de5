"""Guests between a tool and its output, on real events: what they drop, change, add and print, and the account."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from eunomia.compiler import compile_source
from eunomia.compiler.guest_projects import build_project
from eunomia.errors import PackageError
from eunomia.package.guest import guest_of
from eunomia.package.model import Package
from support.commands import Command, Result
from support.objects import HEADERS

SOURCE = (
    HEADERS
    + """
const volatile __u32 only = 0; /// the process whose kill(2) count
struct event { __u32 number; char name[8]; __u64 twice; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 20); } events SEC(".maps");
SEC("tp/syscalls/sys_enter_kill") int on_kill(struct trace_event_raw_sys_enter *ctx)
{
	struct event *e;
	if (bpf_get_current_pid_tgid() >> 32 != only || (__s32)ctx->args[0] != (__s32)only)
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return 0;
	e->number = ctx->args[1] - 1000;
	e->twice = 0;
	__builtin_memcpy(e->name, "event\\0\\0", 8);
	bpf_ringbuf_submit(e, 0);
	return 0;
}
"""
)
GUEST = """
#include <eunomia/events.h>
#include <stdio.h>
struct event { unsigned number; char name[8]; unsigned pad; unsigned long long twice; };
static int judge(unsigned i, struct event *e);
#ifdef BATCH
int on_batch(void *events, unsigned size)
{
    unsigned i = 0;
    eu_for_each (event, events, size)
        event->verdict = judge(i++, (void *)event->record);
    return 0;
}
#else
int on_event(void *record, unsigned size, unsigned source, unsigned type)
{
    return judge(0, record);
}
#endif
"""
FILTER = """
static int judge(unsigned i, struct event *e)
{
    if (e->number % 3 == 0)
        return EU_DROP;
    eu_add_number(i, "half", e->number / 2);
    eu_add_text(i, "kind", e->number % 2 ? "odd" : "\\"even\\"");
    if (e->number % 3 == 1)
        return EU_PASS;
    e->twice = 2 * e->number;
    return EU_CHANGED;
}
"""
ADDER = """
static unsigned nr_events, nr_ticks;
static int judge(unsigned i, struct event *e)
{
    struct event more = {.number = 1000 + e->number, .name = "added"};
    nr_events++;
    if (e->number == 1) {
        if (eu_emit(i, 0, &more, sizeof(more)) || eu_emit(i, 0, &more, 3) != -22 || eu_emit(i, 7, &more, 32) != -22)
            __builtin_trap();
    }
    return EU_PASS;
}
int on_start(void)
{
    char name[16] = "";
    printf("start %d %s\\n", eu_source_name(0, name, sizeof(name)), name);
    return eu_every(50);
}
int on_interval(void)
{
    if (!nr_ticks++)
        printf("tick\\n");
    return 0;
}
int on_end(void)
{
    struct event last = {.number = 9999, .name = "end"};
    printf("%u events \\033[31m\\n", nr_events);
    return eu_emit(0, 0, &last, sizeof(last));
}
"""
TRAPS = """
static int judge(unsigned i, struct event *e)
{
    if (e->number == 5)
        __builtin_trap();
    return e->number % 2 ? EU_PASS : EU_DROP;
}
"""
LOOPS = "static int judge(unsigned i, struct event *e) { for (volatile int x = 0;;) x++; }"
THOUSANDTH = """
static unsigned long long nr_events;
static int judge(unsigned i, struct event *e)
{
    if (++nr_events == TRAP_AT)
        __builtin_trap();
    if (e->number % 1000 != 999)
        return EU_DROP;
    eu_add_number(i, "seen", nr_events);
    return EU_PASS;
}
"""
TWICE = """
static int judge(unsigned i, struct event *e)
{
    eu_add_text(i, "text", ",\\"later\\":");
    eu_add_number(i, "its_own", -eu_add_number(i, "number", 1));
    eu_add_number(i, "again", -eu_add_number(i, "its_own", 1));
    eu_add_number(i, "reserved", -eu_add_text(i, "$eunomia", "x"));
    eu_add_number(i, "later", -eu_add_number(i, "half", 1));
    return EU_PASS;
}
"""
BAD_THIRD = "static int judge(unsigned i, struct event *e) { return e->number == 2 ? 7 : EU_PASS; }"
ENDS_BADLY = "static int judge(unsigned i, struct event *e) { return e->number > 0; } int on_end(void) { return -1; }"
LARGE_TABLE = """(module (memory (export "memory") 3) (table 200000 funcref)
    (func (export "event_buffer") (param i32) (result i32) (i32.const 65536))
    (func (export "on_event") (param i32 i32 i32 i32) (result i32) (i32.const 1)))"""
BAD = "static int judge(unsigned i, struct event *e) { return 7; }"
LOADS = """
__attribute__((import_module("wasm_bpf"), import_name("wasm_load_bpf_object"))) long long load(const void *, unsigned);
static int judge(unsigned i, struct event *e)
{
    static const unsigned char object[] = {OBJECT};
    return load(object, sizeof(object)) ? EU_PASS : EU_DROP;
}
"""


class Tool:
    """The package, its guests, and what sends its events."""

    def __init__(self, folder: Path, ecli: Command, package: Path) -> None:
        self.folder, self.ecli, self.package = folder, ecli, package

    def guest(self, name: str, body: str, *defines: str) -> str:
        """Compile a guest, once for all tests."""
        wasm = self.folder / f"{name}.wasm"
        if not wasm.exists():
            (self.folder / f"{name}.d").mkdir()
            source = self.folder / f"{name}.d" / f"{name}.c"
            source.write_text(GUEST + body)
            build_project(str(source), output=str(wasm), defines=defines)
        return str(wasm)

    def run(self, count: int, *options: str, package: Path | None = None, command: str = "run") -> Result:
        """Run the tool while a process causes `count` events, until its output has what they leave, and stop it."""
        ready, go = os.pipe()
        child = os.fork()
        if child == 0:  # waits until the tool knows its number and is attached
            os.close(go)
            os.read(ready, 1)
            for number in range(count):
                with contextlib.suppress(OSError):
                    os.kill(os.getpid(), 1000 + number)
            os._exit(0)
        os.close(ready)
        try:
            running = self.ecli.start(command, *options, package or self.package, "--only", str(child)).wait_attached(1)
            os.write(go, b"x")
        finally:
            os.close(go)
            os.waitpid(child, 0)
        return running.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("guests")
    (made / "kills.bpf.c").write_text(SOURCE)
    (made / "package.json").write_text(compile_source(str(made / "kills.bpf.c")).to_json())
    return made


@pytest.fixture
def tool(folder: Path, ecli: Command) -> Tool:
    return Tool(folder, ecli, folder / "package.json")


def expected(count: int) -> list[dict[str, Any]]:
    """What FILTER leaves of so many events."""
    return [
        {
            "number": n,
            "name": "event",
            "twice": 2 * n if n % 3 == 2 else 0,
            "half": n // 2,
            "kind": "odd" if n % 2 else '"even"',
        }
        for n in range(count)
        if n % 3
    ]


@pytest.mark.parametrize("batch", [False, True], ids=["on_event", "on_batch"])
def test_guest_drops_changes_and_enriches_events_and_the_account_balances(tool: Tool, batch: bool) -> None:
    guest = tool.guest(f"filter{batch:d}", FILTER, *["BATCH"] * batch)

    done = tool.run(6000, "-j", "--guest", guest)

    assert done.events == expected(6000)
    assert done.stderr.splitlines() == [
        "ecli: events: produced 6000 = delivered 4000 + filtered 2000, none lost",
        f"ecli: guest filter{batch:d}.wasm: 6000 events, dropped 2000, changed 2000",
    ]
    assert done.returncode == 0


def test_text_shows_what_was_added_behind_the_line(tool: Tool) -> None:
    done = tool.run(3, "--time", "none", "--guest", tool.guest("filter1", FILTER, "BATCH"))

    rows = [line.split() for line in done.lines]
    assert rows == [["NUMBER", "NAME", "TWICE"], ["1", "event", "0", "half=0", 'kind="odd"'],
                    ["2", "event", "4", "half=1", 'kind="\\"even\\""']]  # fmt: skip


def test_two_guests_are_a_chain_in_their_order(tool: Tool) -> None:
    first, second = tool.guest("filter1", FILTER, "BATCH"), tool.guest("adder", ADDER)

    done = tool.run(5, "-j", "--guest", first, "--guest", second)

    assert [event["number"] for event in done.events] == [1001, 1, 2, 4, 9999]
    assert done.events[1]["half"] == 0
    assert "half" not in done.events[0]
    assert done.stderr.splitlines() == [
        "ecli: events: produced 5 = delivered 3 + filtered 2, none lost",
        "ecli: guest filter1.wasm: 5 events, dropped 2, changed 1",
        "ecli: guest adder.wasm: 3 events, added 2",
    ]
    texts = [json.loads(line)["$eunomia"]["guest"]["text"] for line in done.lines if "$eunomia" in line]
    assert [text for text in texts if text != "tick"] == ["start 6 events", "3 events \x1b[31m"]


@pytest.mark.parametrize("batch", [False, True], ids=["on_event", "on_batch"])
def test_a_line_has_each_member_once(tool: Tool, batch: bool) -> None:
    first = tool.guest("filter1", FILTER, "BATCH")

    done = tool.run(300, "-j", "--guest", first, "--guest", tool.guest(f"twice{batch:d}", TWICE, *["BATCH"] * batch))

    members = {"text": ',"later":', "its_own": 17, "again": 17, "reserved": 22, "later": 17}  # EEXIST, EINVAL
    assert done.events == [each | members for each in expected(300)]
    assert done.returncode == 0


def test_printed_text_has_no_terminal_escapes_and_intervals_come(tool: Tool) -> None:
    child = os.getpid()
    running = tool.ecli.start("run", "--guest", tool.guest("adder", ADDER), tool.package, "--only", str(child))
    running.wait_attached(1).wait_for("tick")

    done = running.stop()

    assert done.lines[0] == "start 6 events" or done.lines[0].startswith("TIME")
    assert "0 events ?[31m" in done.lines
    assert any(re.fullmatch(r"\S+ +9999 +end +0 *", line) for line in done.lines), done


def test_filters_come_before_the_guest_and_counts_behind_it(tool: Tool) -> None:
    guest = tool.guest("filter1", FILTER, "BATCH")

    done = tool.run(300, "-j", "--filter", "number < 30", "--guest", guest, "--count-by", "twice", "--top", "1")

    assert "ecli: events: produced 300 = delivered 20 + filtered 280, none lost" in done.stderr
    assert "guest filter1.wasm: 30 events, dropped 10, changed 10" in done.stderr
    rows = [json.loads(line) for line in done.lines]
    assert any('"twice":0' in line and "10" in line for line in done.lines), rows


def test_guest_that_traps_ends_the_run_with_its_line_and_a_balance(tool: Tool) -> None:
    done = tool.run(100, "-j", "--guest", tool.guest("traps", TRAPS))

    assert done.returncode == 1
    line = next(line for line in done.stderr.splitlines() if line.startswith("ecli: guest traps.wasm: on_event:"))
    assert "unreachable" in line
    produced, delivered, filtered, lost = account(done)
    assert produced == delivered + filtered + lost
    assert (delivered, filtered) == (len(done.events), 3)  # 0, 2 and 4 were dropped
    assert lost >= 1
    assert all(event["number"] in {1, 3} for event in done.events)
    assert f"ecli: guest traps.wasm: failed at event 6; {delivered} passed, dropped 3" in done.stderr.splitlines()


@pytest.mark.parametrize("trap_at", [0, 300_000], ids=["to the end", "until it traps"])
def test_a_million_events_balance_to_the_last(tool: Tool, trap_at: int) -> None:
    guest = tool.guest(f"thousandth{trap_at}", THOUSANDTH, "BATCH", f"TRAP_AT={trap_at}ull")

    done = tool.run(1_000_000, "-j", "--guest", guest)

    produced, delivered, filtered, failed = account(done)
    line = next(line for line in done.stderr.splitlines() if line.startswith("ecli: events: produced"))
    full = int(found[1]) if (found := re.search(r"ring full (\d+)", line)) else 0
    assert produced == delivered + filtered + full + failed, done.stderr
    assert delivered == len(done.events)
    assert all(event["number"] % 1000 == 999 for event in done.events)
    if trap_at:
        assert done.returncode == 1
        assert failed >= 1
        assert delivered + filtered < trap_at
    else:
        assert (done.returncode, produced, failed) == (0, 1_000_000, 0)
        assert f"{1_000_000 - full} events, dropped {filtered}" in done.stderr


def account(done: Result) -> tuple[int, ...]:
    """Produced, delivered, filtered, and lost for guests' failures, of the line at exit."""
    line = next(line for line in done.stderr.splitlines() if line.startswith("ecli: events: produced"))
    patterns = (r"produced (\d+)", r"delivered (\d+)", r"filtered (\d+)", r"guest failed (\d+)")
    return tuple(int(found[1]) if (found := re.search(each, line)) else 0 for each in patterns)


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("loops", LOOPS, "on_event: "),
        ("bad", BAD, "the verdict on an event is 7, expected 0 drop, 1 pass or 2 changed"),
    ],
)
def test_guest_that_misbehaves_is_ended(tool: Tool, name: str, body: str, said: str) -> None:
    done = tool.run(10, "-j", "--fuel", "10000000", "--guest", tool.guest(name, body))

    assert done.returncode == 1
    assert f"ecli: guest {name}.wasm: {said}" in done.stderr
    produced, delivered, filtered, lost = account(done)
    assert (delivered, filtered, lost) == (0, 0, produced)
    assert produced >= 1
    assert f"ecli: guest {name}.wasm: failed at event 1; 0 passed" in done.stderr.splitlines()
    assert name != "loops" or "[--fuel N allows more, 0 any number]" in done.stderr, done


@pytest.mark.parametrize(
    ("name", "body", "defines", "own"),
    [
        ("traps_in_batch", TRAPS, ["BATCH"], r"failed at (one of the )?events? \S+.*; (\d+) passed.*"),
        ("bad_third", BAD_THIRD, ["BATCH"], r"failed at( )event 3; (\d+) passed"),
        ("ends_badly", ENDS_BADLY, [], r"failed( )after 20 events; (\d+) passed, dropped 1"),
    ],
)
def test_line_of_a_guest_that_failed_agrees_with_the_account(
    tool: Tool, name: str, body: str, defines: list[str], own: str
) -> None:
    done = tool.run(20, "-j", "--guest", tool.guest(name, body, *defines))

    produced, delivered, filtered, lost = account(done)
    lines = [line for line in done.stderr.splitlines() if line.startswith(f"ecli: guest {name}.wasm: failed a")]
    found = re.fullmatch(f"ecli: guest {name}.wasm: {own}", lines[0])
    assert found, done.stderr
    assert (done.returncode, len(lines), int(found[2])) == (1, 1, delivered)
    assert produced == delivered + filtered + lost
    assert "all passed" not in done.stderr
    dropped = re.search(r"dropped (\d+)", lines[0])
    assert (int(dropped[1]) if dropped else 0) == filtered


def test_guest_with_too_large_a_table_is_told_the_option(tool: Tool) -> None:
    module = wasmtime.wat2wasm(LARGE_TABLE)
    path = tool.folder / "table.wasm"
    path.write_bytes(module)

    refused = tool.ecli("run", "-j", "--guest", str(path), tool.package)
    done = tool.run(3, "-j", "--table", "200000", "--guest", str(path))

    said = "start: table minimum size of 200000 elements exceeds table limits [--table N allows more]"
    assert (refused.returncode, refused.stderr) == (1, f"ecli: guest table.wasm: {said}\n")
    assert (done.returncode, len(done.events)) == (0, 3)
    assert done.stderr.splitlines()[-1] == "ecli: guest table.wasm: 3 events, all passed"


def test_guest_of_events_may_not_load_bpf(tool: Tool) -> None:
    elf = Package.from_bytes(tool.package.read_bytes(), "package").object
    guest = tool.guest("loads", LOADS.replace("OBJECT", ",".join(map(str, elf))))

    done = tool.run(4, "-j", "--guest", guest)

    assert (done.returncode, done.events) == (0, [])
    assert account(done) == (4, 0, 4, 0)
    assert "refused: a guest of events gets events, and has no BPF of its own" in done.stderr


def test_recordings_go_through_guests_too(tool: Tool, tmp_path: Path) -> None:
    recording, guest = str(tmp_path / "r.eurec"), tool.guest("filter1", FILTER, "BATCH")
    done = tool.run(600, "-o", recording, command="record")
    assert done.returncode == 0, done

    shown = tool.ecli("replay", "-j", "-v", "--guest", guest, recording)

    assert shown.events == expected(600)
    assert "produced 600 = delivered 400 + filtered 200, none lost" in shown.stderr


def test_tool_of_tables_has_nothing_for_a_guest(tool: Tool) -> None:
    done = tool.ecli("run", "--guest", tool.guest("filter1", FILTER, "BATCH"), "syscount")

    said = "ecli: a guest gets events, and this tool has tables only: nothing would reach it\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_package_brings_its_guest_along(tool: Tool, ecc: Command, tmp_path: Path) -> None:
    package = tmp_path / "with.json"
    assert (
        ecc("--guest", tool.guest("filter1", FILTER, "BATCH"), "-o", package, tool.folder / "kills.bpf.c").returncode
        == 0
    )

    done = tool.run(30, "-j", package=package)
    shown = tool.ecli("inspect", package)

    assert done.events == expected(30)
    assert "guest filter1.wasm: 30 events, dropped 10, changed 10" in done.stderr
    assert re.search(r"guest +filter1\.wasm, \d+ bytes, sha256:[0-9a-f]{12}: gets the events", shown.stdout)
    tree = json.loads(package.read_text())
    tree["meta"]["eunomia"]["guest"]["digest"] = "sha256:" + "0" * 64
    damaged = Package.from_bytes(json.dumps(tree).encode(), "x")
    with pytest.raises(PackageError, match=r"module's digest is sha256:\w+, expected sha256:0000"):
        guest_of(damaged)


def test_what_is_no_guest_of_events_is_told_before_anything_is_loaded(tool: Tool, tmp_path: Path) -> None:
    empty = tmp_path / "empty.wasm"
    empty.write_bytes(b"\0asm\1\0\0\0")
    text = tmp_path / "text.wasm"
    text.write_text("no module")

    for path, said in (
        (empty, "guest empty.wasm: the module exports neither on_event nor on_batch: no guest of events"),
        (text, "open text.wasm: not a Wasm module: it begins with 6e 6f 20 6d"),
        (tmp_path / "none.wasm", f"open guest {tmp_path}/none.wasm: no such file or directory"),
    ):
        done = tool.ecli("run", "--guest", path, tool.package)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"ecli: {said}\n")
