"""Every failure that a user can meet: one line that says what happened and what to do, and its exit code.

What is left in the kernel is looked for after this module (conftest); the rest is asserted here.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support import no_bpf
from support.commands import Command, Result

HEAD = """\
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
"""
GETPID = "tp/syscalls/sys_enter_getpid"


def failed(result: Result, code: int, *parts: str) -> str:
    """Assert that a command failed as it should, and return its line."""
    assert result.returncode == code, result
    assert "Traceback" not in result.stderr, result
    lines = [line for line in result.stderr.splitlines() if line.startswith(("ecli: ", "ecc: "))]
    assert len(lines) == 1, result
    assert result.stderr.splitlines()[-1] == lines[0], result
    for part in parts:
        assert part in lines[0], result
    return lines[0]


@pytest.fixture
def source(tmp_path: Path) -> Any:
    """`source(text) -> path` of a C source with the usual head."""

    def write(text: str, name: str = "tool") -> Path:
        path = tmp_path / f"{name}.bpf.c"
        path.write_text(HEAD + text)
        return path

    return write


@pytest.fixture
def simple(root: Path, tmp_path: Path) -> dict[str, Any]:
    """A package of upstream's as a document, to be damaged."""
    document: dict[str, Any] = json.loads((root / "tests/data/simple-0.3.3.json").read_bytes())
    return document


# privileges


def test_no_root(ecli: Command) -> None:
    result = ecli("run", "opensnoop", prefix=["setpriv", "--reuid=65534", "--clear-groups"])

    line = failed(result, 1)
    assert line == (
        "ecli: run opensnoop: needs CAP_BPF and CAP_PERFMON "
        "[run with sudo; `ecli check opensnoop` prints the command with no more]"
    )


def test_root_without_the_capabilities(ecli: Command) -> None:
    prefix = ["setpriv", "--bounding-set=-sys_admin,-bpf", "--inh-caps=-all"]

    failed(ecli("run", "opensnoop", prefix=prefix), 1, "run opensnoop: needs CAP_BPF [run with sudo")


def test_a_container_that_refuses_bpf(ecli: Command) -> None:
    refused = [sys.executable, no_bpf.__file__]

    line = failed(ecli("run", "opensnoop", prefix=refused), 1)
    assert line == (
        "ecli: load object opensnoop_bpf: bpf() is refused to this process, by a container's seccomp filter or a"
        " security module [run the container with --privileged, or with --cap-add SYS_ADMIN]"
    )


def test_help_inspect_and_lists_need_no_root(ecli: Command) -> None:
    prefix = ["setpriv", "--reuid=65534", "--clear-groups"]

    for words in (("run", "opensnoop", "--help"), ("inspect", "opensnoop"), ("list",), ("--version",)):
        result = ecli(*words, prefix=prefix)
        assert result.returncode == 0, result


# the kernel


def without_btf(tmp_path: Path) -> list[str]:
    """Return a prefix that hides the kernel's BTF from a command."""
    script = tmp_path / "hide"
    script.write_text('#!/bin/sh\nmount -t tmpfs none /sys/kernel/btf && exec "$@"\n')
    script.chmod(0o755)
    return ["unshare", "--mount", str(script)]


def test_no_kernel_types(ecli: Command, tmp_path: Path) -> None:
    result = ecli("run", "biosnoop", "--duration", "1", prefix=without_btf(tmp_path))

    failed(result, 1, "BTF", "--btf")


def test_a_btf_file_that_is_not_there(ecli: Command) -> None:
    failed(ecli("run", "--btf", "/no/such.btf", "biosnoop"), 1, "/no/such.btf", "no such file")


def test_a_btf_file_that_is_none(ecli: Command, tmp_path: Path) -> None:
    path = tmp_path / "text.btf"
    path.write_text("no types here")

    failed(ecli("run", "--btf", path, "biosnoop"), 1, "text.btf")


def test_a_section_of_an_unknown_program_type(ecli: Command, source: Any) -> None:
    path = source('SEC("nonsense/there") int f(void *ctx) { return 0; }')

    failed(ecli("run", path), 1, "nonsense/there")


REFUSED = f"""
SEC("{GETPID}") int refused(void *ctx)
{{
    unsigned long address = *(volatile unsigned long *)(ctx + 8);
    return *(volatile int *)address;
}}
"""


def test_the_verifier_refuses(ecli: Command, source: Any) -> None:
    path = source(REFUSED)

    line = failed(ecli("run", path), 1, "refused")
    assert "invalid mem access" in line


def test_the_verifiers_whole_log_is_shown_with_verbosity(ecli: Command, source: Any) -> None:
    result = ecli("run", "-v", source(REFUSED))

    assert result.returncode == 1
    assert "processed" in result.stderr
    assert "0: " in result.stderr


def test_an_attach_target_that_is_missing_suggests_near_names(ecli: Command, source: Any) -> None:
    path = source('SEC("tp/syscalls/sys_enter_opnat") int f(void *ctx) { return 0; }')

    failed(ecli("run", path), 1, "program f", "sys_enter_opnat", "sys_enter_openat")


TWO = f"""
SEC("{GETPID}") int good(void *ctx) {{ return 0; }}
SEC("tp/syscalls/sys_enter_nothing_here") int bad(void *ctx) {{ return 0; }}
"""


def test_of_two_programs_one_cannot_attach(ecli: Command, source: Any) -> None:
    failed(ecli("run", source(TWO)), 1, "program bad", "--skip bad")


def test_skip_runs_without_a_program(ecli: Command, source: Any) -> None:
    result = ecli("run", "-v", source(TWO), "--skip", "bad", "--duration", "0.2")

    assert result.returncode == 0, result
    assert "attached 1 program\n" in result.stderr


def test_an_unknown_program_to_skip(ecli: Command, source: Any) -> None:
    failed(ecli("run", source(TWO), "--skip", "goood"), 2, "--skip: no program goood (did you mean good?)")


def test_an_optional_program_that_cannot_attach_is_passed_over_with_a_warning(ecli: Command, source: Any) -> None:
    text = TWO.replace('SEC("tp/syscalls/sys_enter_nothing', '/// @optional true\nSEC("tp/syscalls/sys_enter_nothing')

    result = ecli("run", source(text), "--duration", "0.2")

    assert result.returncode == 0, result
    assert "program bad is optional and left out: " in result.stderr


# options


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--pidd", "1"), ("unknown option --pidd (did you mean --pid?)", "ecli run opensnoop --help")),
        (("--pid", "99999999999"), ("--pid", "out of range")),
        (("--pid", "many"), ("--pid", "expected a number")),
        (("--pid",), ("--pid needs a value",)),
        (("--name", "a name that is far too long for it"), ("--name", "do not fit")),
        (("--duration", "never"), ("--duration", "is not a time")),
        (("word",), ("unexpected argument 'word'",)),
        (("-j",), ("ecli's short options go before PROG",)),
    ],
)
def test_words_after_the_tool_that_are_wrong(ecli: Command, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    failed(ecli("run", "opensnoop", *words), 2, *parts)


# what a program is


def test_a_file_that_is_not_there(ecli: Command, tmp_path: Path) -> None:
    for name in ("nothing.json", "./nothing", f"{tmp_path}/x.o", "x.bpf.c"):
        line = failed(ecli("run", name, cwd=tmp_path), 1)
        assert line == f"ecli: open {name}: no such file"


def test_a_name_near_a_built_in_tools(ecli: Command, tmp_path: Path) -> None:
    failed(ecli("opensnop", cwd=tmp_path), 1, "no such file or built-in tool [did you mean opensnoop")


def test_a_file_that_cannot_be_read(ecli: Command, tmp_path: Path) -> None:
    path = tmp_path / "secret.json"
    path.write_text("{}")
    path.chmod(0)
    tmp_path.chmod(0o755)

    prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", "--reuid=65534"]
    failed(ecli("inspect", path, prefix=prefix), 1, "denied")


def damaged(document: dict[str, Any], change: str) -> bytes:
    packed = document["bpf_object"]
    if change == "base64":
        document["bpf_object"] = packed[:10] + "*" + packed[11:]
    elif change == "zlib":
        document["bpf_object"] = packed[:200] + "AAAA" + packed[204:]
    elif change == "size":
        document["bpf_object_size"] += 1
    elif change == "meta":
        document["meta"]["bpf_skel"]["maps"][0]["name"] = 7
    text = json.dumps(document).encode()
    return text[: len(text) // 2] if change == "truncated" else text


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ("base64", "`$.bpf_object`"),
        ("zlib", "`$.bpf_object`"),
        ("size", "2193"),
        ("meta", "`$.meta.bpf_skel.maps[0].name`: expected str, got int"),
        ("truncated", "JSON"),
    ],
)
def test_a_damaged_package(ecli: Command, simple: dict[str, Any], tmp_path: Path, change: str, part: str) -> None:
    path = tmp_path / "damaged.json"
    path.write_bytes(damaged(simple, change))

    failed(ecli("run", path), 1, part)


@pytest.mark.parametrize(
    "data", [b"", b"#!/bin/sh\n", b"<html></html>", b"{}", b"[]", b"\x7fELF\2\1\1", os.urandom(64)]
)
def test_a_file_that_is_no_package(ecli: Command, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "what.json"
    path.write_bytes(data)

    failed(ecli("run", path), 1)


def test_a_guest_is_recognised_by_its_bytes(ecli: Command, tmp_path: Path) -> None:
    path = tmp_path / "package.json"
    path.write_bytes(b"\0asm\1\0\0\0")

    failed(ecli("run", path), 1, "the module exports no function _start")


def test_an_image_reference_is_recognised(ecli: Command) -> None:
    failed(ecli("run", "--offline", "ghcr.io/eunomia-bpf/sigsnoop:latest"), 1, "not in the cache, and --offline")


# URLs


class Handler(BaseHTTPRequestHandler):
    """/slow says nothing for a while, /large much, anything else is not there."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(2)
        elif self.path == "/large":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * 100_000)
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are the point
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("/x.json",), "HTTP status 404"),
        (("/slow", "--timeout", "300ms"), "timed out after 0.3 s [--timeout SECONDS]"),
        (("/large", "--max-size", "10K"), "too large"),
        (("/large", "--sha256", "0" * 64), f"expected {'0' * 64}"),
    ],
)
def test_downloads_that_fail(ecli: Command, url: str, words: tuple[str, ...], part: str) -> None:
    result = ecli("run", *words[1:], url + words[0], env={"no_proxy": "*"})

    failed(result, 1, part)


# output


def test_a_full_disk(ecli: Command) -> None:
    result = ecli("run", "-o", "/dev/full", "opensnoop", "--duration", "5")

    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "ecli: write /dev/full: no space left on device"


def test_an_output_that_cannot_be_opened(ecli: Command) -> None:
    failed(ecli("run", "-o", "/no/such/folder/x", "opensnoop"), 1, "/no/such/folder/x", "no such file")


def test_a_closed_pipe_is_a_quiet_end(ecli: Command) -> None:
    prefix = ["bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "bash"]

    result = ecli("run", "opensnoop", "--duration", "10", prefix=prefix)

    assert (result.returncode, result.stderr) == (0, ""), result


# compiling


def test_a_source_that_does_not_compile(ecli: Command, source: Any) -> None:
    path = source("int f(void) { return nothing; }")

    result = ecli("run", path)

    failed(result, 1, "tool.bpf.c")
    assert "use of undeclared identifier 'nothing'" in result.stderr
    assert "tool.bpf.c:4:" in result.stderr


def test_no_compiler(source: Any, tmp_path: Path) -> None:
    import subprocess

    code = (
        "import sys; sys.modules['ziglang'] = None; sys.argv[0] = 'ecli'; "
        "from eunomia.cli.main import ecli; sys.exit(ecli())"
    )
    environment = {**os.environ, "PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", code, "run", source("")], env=environment, capture_output=True, text=True, check=False
    )

    failed(Result(["ecli"], run.returncode, run.stdout, run.stderr), 1, "clang", "install")


# events


SHORT = f"""
struct event {{ unsigned int pid; unsigned long long number; char text[16]; }};
struct {{ __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); }} rb SEC(".maps");
volatile const int only_pid = 0;
int count;
SEC("{GETPID}") int f(void *ctx)
{{
    struct event e = {{}};
    if ((int)(bpf_get_current_pid_tgid() >> 32) != only_pid)
        return 0;
    e.pid = 7;
    e.number = ++count;
    bpf_ringbuf_output(&rb, &e, count % 2 ? 3 : sizeof(e), 0);
    return 0;
}}
"""


def test_an_event_that_cannot_be_decoded_is_counted_and_the_run_goes_on(ecli: Command, source: Any) -> None:
    running = ecli.start("run", "-j", source(SHORT), "--only_pid", os.getpid()).wait_attached()
    for _ in range(6):
        os.getpid()
    time.sleep(0.3)
    result = running.stop()

    assert result.returncode == 0, result
    assert [event["number"] for event in result.events][:3] == [2, 4, 6]
    assert '"cause":"undecodable"}}}' in result.stdout
    assert re.search(r"events: produced \d+ = delivered 3 \+ lost \d \(undecodable \d\)\n$", result.stderr), result


FLOOD = f"""
struct event {{ unsigned long long number; char text[240]; }};
struct {{ __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); }} pb SEC(".maps");
volatile const int only_pid = 0;
SEC("{GETPID}") int f(void *ctx)
{{
    struct event e = {{}};
    if ((int)(bpf_get_current_pid_tgid() >> 32) != only_pid)
        return 0;
#pragma unroll
    for (int i = 0; i < 60; i++)
        bpf_perf_event_output(ctx, &pb, BPF_F_CURRENT_CPU, &e, sizeof(e));
    return 0;
}}
"""


def test_lost_events_are_told_and_fail_the_run_on_request(ecli: Command, source: Any, tmp_path: Path) -> None:
    out = tmp_path / "events"
    words = ("run", "-j", "-o", out, "--perf-pages", "1", "--fail-on-loss", source(FLOOD), "--only_pid", os.getpid())
    running = ecli.start(*words).wait_attached()
    for _ in range(5):  # the kernel tells what it dropped with the next record that fits
        for _ in range(20):
            os.getpid()
        time.sleep(0.1)
    result = running.stop()

    assert result.returncode == 3, result
    assert re.search(r"lost \d+ \(perf buffer full \d+\) \[--perf-pages 64\]\n$", result.stderr), result
    told = [json.loads(line)["$eunomia"] for line in out.read_text().splitlines() if line.startswith('{"$eunomia"')]
    account = told.pop()["account"]
    assert {each["lost"]["cause"] for each in told} == {"perf buffer full"}
    assert sum(each["lost"]["count"] for each in told) == account["lost"]["perf buffer full"] > 0
    assert account["produced"] == account["delivered"] + account["lost"]["perf buffer full"]
