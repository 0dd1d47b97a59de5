"""Guests of 2022 (ewasm): a JSON package within, bpf_main and process_event."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from eunomia.wasm import Guest, Policy
from support.objects import build

BPF = """
struct event { __u64 number; char text[9000]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 20); } rb SEC(".maps");
const volatile int size = 16;
struct event event;
SEC("tp/sched/sched_switch") int switches(void *ctx) {
    event.number++;
    bpf_ringbuf_output(&rb, &event, size == 16 ? 16 : 9008, 0);
    return 0;
}
"""
GUEST = r"""
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define HOST(name) __attribute__((import_module("env"), import_name(#name)))
HOST(create_bpf) int create_bpf(const char *json, int size);
HOST(run_bpf) int run_bpf(int id);
HOST(wait_and_poll_bpf) int wait_and_poll_bpf(int id);
static const char package[] = {
#embed "package.json"
    , 0};
static int seen;
static uint64_t last;
__attribute__((export_name("process_event"))) int process_event(int context, char *event, int size) {
    uint64_t number;
    memcpy(&number, event, 8);
    printf("%d bytes, %s\n", size, !seen || number == last + 1 ? "in order" : "not in order");
    last = number;
    if (++seen == 3) exit(9);
    return 0;
}
__attribute__((export_name("bpf_main"))) int bpf_main(const char *arguments, int size) {
    printf("%s %d\n", arguments, size == (int)strlen(arguments));
    if (strstr(arguments, "bad")) { printf("%d\n", create_bpf("{}", 2)); return 300; }
    if (strstr(arguments, "wild")) {
        printf("%d %d\n", create_bpf((char *)-1, 9), run_bpf(5));
        return wait_and_poll_bpf(1);
    }
    int id = create_bpf(package, sizeof(package) - 1), err = run_bpf(id);
    printf("%d %d\n", id, err);
    return err ? 1 : wait_and_poll_bpf(id);
}
"""


def make(folder: Path, size: int, more: str = "") -> bytes:
    """A guest whose events have `size` bytes, and `more` programs: built as those were, without _start."""
    package = json.loads(build(folder, BPF.replace("size = 16", f"size = {size}") + more).to_json())
    (folder / "package.json").write_text(json.dumps(package))
    (folder / "guest.c").write_text(GUEST)
    linker = ["-Wl,--no-entry", "-Wl,--export=bpf_main", "-Wl,--export=process_event"]
    command = [*("-target", "wasm32-wasi", "-O1", "-std=gnu23", "-mexec-model=reactor"), *linker]
    subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", *command, "-o", "old.wasm", "guest.c"], cwd=folder, check=True
    )
    return (folder / "old.wasm").read_bytes()


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make(tmp_path_factory.mktemp("old"), 16)


def test_it_gets_its_arguments_and_its_events(old: bytes) -> None:
    with Guest(old, "old.wasm").run(['a"b\\', "\n"], policy=Policy(["all"])) as run:
        run.wait(30)

        assert run.stdout.splitlines()[0] == '["old.wasm", "a\\"b\\\\", "\\u000a"] 1'
        assert run.stdout.splitlines()[1:] == ["1 0", *["16 bytes, in order"] * 3]
        assert (run.ending, run.exit_code) == ("exited", 9)


def test_events_that_the_first_hosts_dropped_come_whole(tmp_path: Path) -> None:
    with Guest(make(tmp_path, 9008), "old.wasm").run(policy=Policy(["all"])) as run:
        run.wait(30)

        assert run.stdout.splitlines()[2:] == ["9008 bytes, in order"] * 3


def test_a_package_that_is_none_and_ids_that_are_none_are_errors(old: bytes) -> None:
    said = []
    for what in ("bad", "wild"):
        with Guest(old, "old.wasm").run([what], policy=Policy(["all"])) as run:
            run.wait(30)
            said.append((run.stdout.splitlines()[1:], run.ending, run.exit_code, bool(run.failures)))

    assert said == [(["-22"], "exited", 300 & 0xFF, True), (["-14 -22"], "exited", -22 & 0xFF, False)]


def test_programs_of_a_package_that_attach_are_counted(tmp_path: Path) -> None:
    other = 'SEC("tp/sched/sched_process_exit") int other(void *ctx) { return 0; }'

    with Guest(make(tmp_path, 16, other), "old.wasm").run(policy=Policy(["all", "links=1"])) as run:
        run.wait(30)

        assert run.stdout.splitlines()[1:] == ["1 -24"]
        assert run.failures == [
            "attach: the guest has 1 programs attached, as many as it may [Policy(allow=['links=N'])]",
        ]
