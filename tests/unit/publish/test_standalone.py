"""Standalone executables and `eunomia-run`, as far as no kernel is asked: pages, options, damaged files."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from eunomia.builtin import names, read
from eunomia.compiler import compile_source
from eunomia.errors import UnsupportedError
from eunomia.package.model import Package
from eunomia.publish import standalone
from support.commands import Command
from support.standalone import runner, under_one_name

SOURCE = r"""
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
/// process to trace
/// @cmdarg {"short": "p", "long": "pid"}
const volatile int pid_target = 0;
/// @range {"min": 1, "max": 5}
const volatile unsigned char level = 2;
const volatile bool quick_x = false;
/// @cmdarg {"default": true}
const volatile bool fancy = true;
const volatile char name[8] = "abc";
const volatile unsigned long long big = 0;
const volatile long long neg = -5;
enum mode { OFF, SLOW = 3, FAST };
const volatile enum mode mode = SLOW;
const volatile int list[4] = {1, 2};
const volatile double ratio = 0.5;
const volatile float narrow = 1e-7;
const volatile char letter = 'x';
const volatile char words[3][4] = {};
/// @choices [1, 10, 100]
const volatile int step = 10;
const volatile bool flags[3] = {};
int dynamic = 7;
/// a long text that does not fit into the line that the option begins on, and goes on in the next ones of the page
const volatile int a_very_long_name_of_an_option = 1;
/// @cmdarg {"long": "help"}
const volatile int helper = 0;
extern int CONFIG_HZ __kconfig;
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} events SEC(".maps");
struct event {
    int pid, value;
};
SEC("tracepoint/syscalls/sys_enter_getppid")
int f(void *ctx) {
    struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
    if (!e)
        return 0;
    e->pid = pid_target + level + quick_x + fancy + name[0] + big + neg + mode + list[1] + letter + step + flags[0];
    e->value = list[3] + dynamic + helper + CONFIG_HZ + words[0][1] + a_very_long_name_of_an_option;
    bpf_ringbuf_submit(e, 0);
    return 0;
}
"""
SKELETON = (
    '{{"bpf_object": "{}", "bpf_object_size": 1, "meta": {{"bpf_skel": {{"obj_name": "a", "data_sections": [], '
    '"maps": null, "progs": {}}}}}}}'
)
REFUSED = """--pid
--pid x
--pid 99999999999
-p 0x10 --level 6
--level 0
--level 256
--level -1
--no-fancy=maybe
--fancy
--name abcdefgh
--big 0x1ffffffffffffffff
--neg -9223372036854775809
--mode slow --mode 77 --mode x
--mode 4294967296
--list 1,2,3,4,5
--list 1,x
--letter ab
--letter 300
--words ab,cdef
--words a,b,c,d
--step 11
--flags 1,0,maybe
--dynamic 08
--foobar=1
-z
--set-help x
--CONFIG_HZ x
operand
-- x
--json=1
--duration 0
--duration x
--max-events 0
--format xml
--format csv --json
--output
--sample 1/x
--sample 2
--drill-loss 2
--rate-limit 0
--rotate-size 5
--perf-pages 3
--perf-pages x
--queue 1T
--cpu 4096
--fields nothing
--fields pid,valu
--count-by nothing
--sort value
--top 3 --sort nothing
--duration=
--ratio x
--narrow 1e39
--pidd 4
--quite"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with options of every kind."""
    folder = tmp_path_factory.mktemp("standalone")
    (folder / "kinds.bpf.c").write_text(SOURCE)
    package = compile_source(str(folder / "kinds.bpf.c"))
    (folder / "kinds.json").write_text(package.to_json())
    return folder / "kinds.json"


def run(*words: object, data: bytes | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(word) for word in words], input=data, capture_output=True, timeout=60, check=False)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def tools_part(page: str, end: str) -> list[str]:
    return [line for line in page.partition(end)[0].splitlines() if not line.startswith("Usage:")]


@pytest.mark.parametrize("columns", ["44", "100"])
def test_help_of_a_tool_is_as_ecli_shows_it(
    ecli: Command, made: Path, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    ours, theirs = run(runner(), made, "--help"), ecli("run", made, "--help")

    assert ours.returncode == theirs.returncode == 0, ours
    assert "Options of the tool:" in ours.stdout
    assert tools_part(ours.stdout, "\nOutput:") == tools_part(theirs.stdout, "\nOptions of ecli")


def test_help_of_every_built_in_tool_is_as_its_page(tmp_path: Path) -> None:
    from eunomia.cli.tool_help import tool_page

    for name in names():
        (tmp_path / name).write_bytes(read(name))
        page = tool_page(Package.from_bytes(read(name), name), name)
        shown = run(runner(), tmp_path / name, "--help").stdout
        assert tools_part(shown, "\nOutput:") == tools_part(page, "\nOptions of ecli"), name


@pytest.mark.parametrize("line", REFUSED.splitlines())
def test_a_wrong_command_line_is_refused_in_the_words_of_ecli(made: Path, line: str) -> None:
    import contextlib
    import io

    from eunomia.cli.main import guarded
    from eunomia.cli.run import main

    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = guarded("ecli", main, [str(made), *shlex.split(line)])
    ours = run(runner(), made, *shlex.split(line))

    assert (ours.returncode, ours.stdout) == (code, "") == (2, "")
    assert under_one_name(ours.stderr) == under_one_name(said.getvalue())


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b'{"bpf_object": 1, "bpf_object_size": 1, "meta": 1}',
        b'{"bpf_object": "eJw=", "bpf_object_size": 1, "meta": {"bpf_skel": {}}}',
        b'{"a": 01}',
        b'{"a" 1}',
        b'{"a": "\\x"}',
        b'{"a": "\x01"}',
        b'{"a": nul}',
        b'{"a": 1} x',
        b'{"a": [1 2]}',
        b"[" * 300,
        SKELETON.format("=", '[{"name": 1}]').encode(),
        SKELETON.format("!!!!", "null").encode(),
        SKELETON.format("AAAA", "null").encode(),
    ],
)
def test_what_is_no_package_is_one_line(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_bytes(damage)
    done = run(runner(), tmp_path / "p.json")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("eunomia-run: ")
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda tree: tree["meta"].pop("bpf_skel"), "`$.meta.bpf_skel`: required, but missing"),
        (lambda tree: tree["meta"]["bpf_skel"].update(progs=3), "`$.meta.bpf_skel.progs`: expected array, got int"),
        (lambda tree: tree.update(bpf_object_size="x"), "`$.bpf_object_size`: expected int, got str"),
        (lambda tree: tree.update(bpf_object_size=7), "`$.bpf_object_size`: 7 in the package, but the object inflates"),
        (lambda tree: tree["meta"]["eunomia"].update(guest={"wasm": ""}), "the package carries a Wasm guest"),
        (lambda tree: tree["meta"]["eunomia"].pop("plan"), "the package carries no plan"),
        (lambda tree: tree["meta"]["eunomia"].update(plan="eJw="), "`$.meta.eunomia.plan`: malformed compressed data"),
        (lambda tree: tree["meta"]["eunomia"].update(options=[[1]]), "`$.meta.eunomia.options[0]`: expected [name"),
        (lambda tree: tree["meta"]["eunomia"].update(arch=["mips"]), "made for mips, and this machine is "),
    ],
)
def test_damage_in_a_package_is_named_by_its_place(made: Path, tmp_path: Path, change, line: str) -> None:
    tree = json.loads(made.read_text())
    change(tree)
    (tmp_path / "p.json").write_text(json.dumps(tree))

    done = run(runner(), tmp_path / "p.json")
    assert done.returncode == 1
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_package_comes_from_standard_input_too(made: Path) -> None:
    done = run(runner(), "-", "--version", data=made.read_bytes())

    assert (done.returncode, done.stdout) == (0, "kinds_bpf 0.1.0\n"), done.stderr


def test_an_executable_knows_when_it_was_cut_off_or_changed(made: Path, tmp_path: Path) -> None:
    data = standalone.build(Package.open(made))
    for name, bytes_ in (
        ("whole", data),
        ("cut", data[:-1]),
        ("long", data + b"x"),
        ("changed", data[:-9] + b"X" + data[-8:]),
    ):
        (tmp_path / name).write_bytes(bytes_)
        (tmp_path / name).chmod(0o755)

    assert run(tmp_path / "whole", "--version").stdout == "kinds_bpf 0.1.0\n"
    for name in ("cut", "long", "changed"):
        done = run(tmp_path / name, "--version")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), name
        assert done.stderr.startswith(f"{name}: ")
        assert "[copy it again]" in done.stderr


def test_every_built_in_tool_makes_an_executable_under_a_megabyte() -> None:
    runner("x86_64"), runner("aarch64")
    for name in names():
        package = Package.from_bytes(read(name), name)
        for arch in package.architectures or ["x86", "arm64"]:
            if arch in standalone.MACHINES:
                assert len(standalone.build(package, arch)) < 1_000_000, (name, arch)


def test_it_holds_one_architecture_and_nothing_that_only_others_read(made: Path) -> None:
    payload = standalone.payload(Package.open(made))
    tree = json.loads(payload[payload.index(b'{"bpf_skel"') :])

    assert sorted(tree) == ["bpf_skel", "eunomia"]
    assert sorted(tree["eunomia"]) == ["options", "version"]
    assert [each["name"] for each in tree["bpf_skel"]["progs"]] == ["f"]


def test_what_cannot_be_made_is_refused(made: Path, ecc: Command, tmp_path: Path) -> None:
    package = Package.open(made)
    with pytest.raises(UnsupportedError, match="there is no runner for riscv"):
        standalone.build(package, "riscv64")
    package.meta["eunomia"]["guest"] = {"name": "x", "wasm": ""}
    with pytest.raises(UnsupportedError, match="carries a Wasm guest"):
        standalone.build(package)
    both = ecc("-s", "--yaml", made, "-o", tmp_path / "x")
    assert (both.returncode, both.stderr) == (2, "ecc: --yaml and --standalone exclude each other\n")
    gone = ecc("-s", tmp_path / "gone.json")
    assert gone.returncode == 1
    assert gone.stderr == f"ecc: open {tmp_path}/gone.json: no such file or directory\n"


def test_ecc_writes_an_executable_beside_the_package(made: Path, ecc: Command, tmp_path: Path) -> None:
    (tmp_path / "kinds.json").write_bytes(made.read_bytes())
    done = ecc("-s", tmp_path / "kinds.json")

    assert (done.returncode, done.stderr) == (0, "")
    assert os.access(tmp_path / "kinds", os.X_OK)
    assert run(tmp_path / "kinds", "--version").stdout == "kinds_bpf 0.1.0\n"
    assert "libelf" in run(tmp_path / "kinds", "--licenses").stdout


def test_its_options_are_those_of_the_page(root: Path) -> None:
    import re

    page = (root / "docs/standalone.md").read_text()
    shown = run(runner(), "--help").stdout
    options = set(re.findall(r"--(?:no-|\[no-\])?([a-z][a-z-]+)", shown.partition("Output:")[2]))
    listed = set(
        re.findall(r"`--(?:no-|\[no-\])?([a-z][a-z-]+)`", page.partition("## Options")[2].partition("\n## ")[0])
    )
    assert {"json", "max-events", "ring-size", "licenses"} <= options
    assert listed >= options - {"help", "version"}
