"""`ecc watch`: what runs is what was saved last and compiles."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import provoke
from support.commands import Command, Running

SOURCE = """
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "edition.h"
struct event { int edition; int pid; };
const volatile int only = 0;
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } events SEC(".maps");
SEC("tracepoint/syscalls/sys_enter_openat")
int tell(void *ctx)
{
    struct event *event;
    if (bpf_get_current_pid_tgid() >> 32 != only)
        return 0;
    event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (!event)
        return 0;
    event->edition = EDITION;
    event->pid = only;
    bpf_ringbuf_submit(event, 0);
    return 0;
}
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A tool whose events say which edition of its header it was compiled with."""
    (tmp_path / "edition.h").write_text("#define EDITION 1\n")
    path = tmp_path / "tell.bpf.c"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def watch(ecc: Command, source: Path) -> Iterator[Running]:
    """The command, watching it."""
    running = ecc.start("watch", str(source), "--", "--json", "--only", str(os.getpid()))
    yield running
    running.stop()


def until(running: Running, seen: Callable[[], bool]) -> None:
    """Cause events until this is so."""
    deadline = time.monotonic() + 60
    while not seen():
        assert running.process.poll() is None, running.finish()
        assert time.monotonic() < deadline, running.stop()
        provoke.open_file()
        time.sleep(0.05)


def test_a_saved_header_is_compiled_and_run(watch: Running, source: Path) -> None:
    until(watch, lambda: '{"edition":1,' in watch.stdout)
    (source.parent / "edition.h.new").write_text("#define EDITION 2\n")
    (source.parent / "edition.h.new").rename(source.parent / "edition.h")  # as vim and others save
    until(watch, lambda: '{"edition":2,' in watch.stdout)
    result = watch.stop()

    assert result.returncode == 0, result
    assert {json.loads(line)["pid"] for line in result.lines if "edition" in line} == {os.getpid()}


def test_what_does_not_compile_leaves_the_run(watch: Running, source: Path) -> None:
    until(watch, lambda: '{"edition":1,' in watch.stdout)
    (source.parent / "edition.h").write_text("#define EDITION nothing\n")
    until(watch, lambda: "waiting for the next save" in watch.stderr)
    seen = watch.stdout.count("edition")
    until(watch, lambda: watch.stdout.count("edition") > seen)
    (source.parent / "edition.h").write_text("#define EDITION 3\n")
    until(watch, lambda: '{"edition":3,' in watch.stdout)

    assert "ecc: compile tell.bpf.c: clang refused it" in watch.stderr.replace(f"{source.parent}/", "")


def test_without_a_source_it_is_wrong_usage(ecc: Command, tmp_path: Path) -> None:
    assert ecc("watch").stderr == "ecc: watch: no source given [ecc watch SOURCE.bpf.c]\n"
    assert ecc("watch").returncode == 2

    missing = ecc("watch", str(tmp_path / "no.bpf.c"))
    assert (missing.returncode, missing.stderr) == (1, f"ecc: watch {tmp_path}/no.bpf.c: no such file\n")
