"""Reading modules, and what is hidden in their data; bytes that are none give a line, whatever they are."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eunomia.btf.elf import ElfFile
from eunomia.cli.inspect import main as inspect
from eunomia.cli.parser import Verbosity
from eunomia.errors import GuestError
from eunomia.package import Package
from eunomia.package.calls import calls_of
from eunomia.wasm.describe import describe, options
from eunomia.wasm.embedded import cut, find
from eunomia.wasm.module import Module
from support import wasm_writer as writer

DATA = Path(__file__).parents[2] / "data"
ELF = (DATA / "torture.bpf.o").read_bytes()
GUEST = writer.module(
    [("wasm_bpf", "wasm_load_bpf_object", "ii:I"), ("wasi_snapshot_preview1", "proc_exit", "i:")],
    data=[(1024, b"hello\0"), (2048, ELF)],
    custom=[("producers", b"x")],
)


def test_a_module_is_read_whole() -> None:
    module = Module(GUEST)

    assert [(each.module, each.name, each.kind, each.type) for each in module.imports] == [
        ("wasm_bpf", "wasm_load_bpf_object", "function", "(i32, i32) -> i64"),
        ("wasi_snapshot_preview1", "proc_exit", "function", "(i32) -> ()"),
    ]
    assert [(each.name, each.kind, each.type) for each in module.exports] == [
        ("_start", "function", "() -> ()"),
        ("memory", "memory", ""),
    ]
    assert module.memory == (2, None)
    assert module.sections[0] == ('custom "producers"', 11)
    assert module.data[0][0] == 1024
    assert module.data[0][1].startswith(b"hello\0\0")


def test_data_that_was_cut_at_zeroes_is_joined() -> None:
    middle = ELF.index(bytes(24))
    pieces = [(4096 + middle + 24, ELF[middle + 24 :]), (4096, ELF[:middle]), (-1, b"passive")]

    module = Module(writer.module(data=pieces))

    assert [piece for _, piece in module.data] == [ELF, b"passive"]
    assert [one.elf for one in find(iter([ELF]))] == [ELF]


@pytest.mark.parametrize(
    ("wasm", "words"),
    [
        (b"", "not a Wasm module: it begins with nothing"),
        (b"#!/bin/sh\n", "not a Wasm module: it begins with 23 21 2f 62"),
        (b"\0asm\1", "truncated: 5 bytes"),
        (b"\0asm\2\0\0\0", "Wasm version 2, expected 1"),
        (b"\0asm\x0d\0\1\0", "a component, expected a core module [ecli run takes components"),
        (GUEST[:-100], "(truncated?)"),
        (writer.HEADER + b"\x20\1\0", "unknown section 32"),
        (writer.HEADER + writer.section(2, b"\xff\xff\xff\xff\x0f"), "4294967295 items, 0 bytes are left"),
        (writer.HEADER + b"\1" + b"\xff" * 11, "a number without end"),
        (writer.HEADER + writer.section(1, b"\0more"), "4 bytes more than it has content"),
    ],
)
def test_what_is_no_module_is_refused_in_a_line(wasm: bytes, words: str) -> None:
    with pytest.raises(GuestError) as failure:
        Module(wasm, "x.wasm")

    assert words in str(failure.value)
    assert "x.wasm" in str(failure.value)
    assert "\n" not in str(failure.value)


@settings(max_examples=300)
@given(st.integers(0, len(GUEST) - 1), st.binary(min_size=1, max_size=8))
@example(1814, b"\0\0\0\0\0\0\x80")  # a map's type of 31 bits
def test_a_module_with_any_bytes_in_it_is_read_or_refused(at: int, junk: bytes) -> None:
    damaged = GUEST[:at] + junk + GUEST[at + len(junk) :]

    found: object = damaged
    with contextlib.suppress(GuestError):
        found = describe(damaged, "x.wasm")["size"]

    assert found in (damaged, len(damaged))


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_sections_are_read_or_refused(junk: bytes) -> None:
    found = 0
    with contextlib.suppress(GuestError):
        found = len(Module(writer.HEADER + junk).sections)

    assert found <= len(junk)


def package_text() -> str:
    return Package.from_object(ELF, "torture.bpf.o").to_json()


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b"xyz" + ELF + b"after", "ELF"),
        (b"\0" + base64.b64encode(ELF) + b"\0", "base64"),
        (b"\0" + base64.b64encode(ELF).rstrip(b"=") + b"\0", "base64"),
        (b"\0" + ELF.hex().encode() + b"\0", "hexadecimal"),
        (b"\0" + ELF.hex().upper().encode() + b"\0", "hexadecimal"),
        (b"ab" + zlib.compress(ELF) + b"\0after", "zlib"),
        (b"first\0" + package_text().encode() + b"\0after", "package"),
    ],
)
def test_an_object_is_found_in_every_form(data: bytes, form: str) -> None:
    found = find(iter([data]))

    assert [(one.form, one.elf) for one in found] == [(form, ELF)]
    assert (found[0].package is not None) == (form == "package")


def test_an_object_that_is_there_twice_is_found_once_and_others_besides() -> None:
    other = (DATA / "torture.bpf.o").read_bytes()[:-1]

    assert len(find(iter([ELF + bytes(9) + ELF, base64.b64encode(ELF)]))) == 1
    assert cut(other) == b""
    assert cut(ELF + b"more") == ELF
    x86 = bytearray(ELF)
    x86[18] = 62
    assert cut(bytes(x86)) == b""


def test_a_guest_is_described_with_what_it_must_be_allowed() -> None:
    found = describe(GUEST, "guest.wasm")

    assert found["entry"] == "_start"
    assert [(row["name"], row["known"], row["interface"]) for row in found["imports"]] == [
        ("wasm_load_bpf_object", True, "first"),
        ("proc_exit", True, "WASI"),
    ]
    (found_object,) = found["objects"]
    assert found_object["size"] == len(ELF)
    assert {"name": "first", "type": "tp", "attach": "tp/sched/sched_process_exec", "autoload": True,
            "instructions": 73, "allowed": True} in found_object["programs"]  # fmt: skip
    assert found["policy"] == []


def test_imports_that_nobody_has_are_named_and_ages_told_apart() -> None:
    wasm = writer.module(
        [
            ("env", "wasm_load_bpf_object", "ii:I"),
            ("env", "create_bpf", "ii:i"),
            ("callback-wrapper", "wasm_bpf_buffer_poll", "Iiiiii:i"),
            ("wasm_bpf", "wasm_attach_bpf_program_fd", "Iii:i"),
            ("wasm_bpf", "wasm_bpf_map_operate", "iiIIII:i"),
            ("wasm_bpf", "wasm_bpf_map_operate", "iiiiii:i"),
            ("host_func_test", "plus_i32", "ii:i"),
        ]
    )

    found = describe(wasm, "x")

    assert [row["interface"] for row in found["imports"]] == ["env", "2022", "TinyGo", "2026", "first", "", ""]
    assert found["runs_here"] is False
    assert found["imports"][5]["expected"] == [
        "(i32, i32, i32, i32, i32, i64) -> i32",
        "(i32, i32, i64, i64, i64, i64) -> i32",
    ]


def test_what_changes_is_an_option() -> None:
    row = {
        "programs": [
            {"name": "a", "type": "xdp", "attach": "xdp", "allowed": False, "autoload": True},
            {"name": "b", "type": "tp", "attach": "tp/a/b", "allowed": True, "autoload": True},
        ],
        "maps": [{"name": "m", "pinned": True}],
        "helpers": ["send_signal"],
        "kfuncs": ["bpf_sock_destroy"],
    }

    assert options([row, row]) == [
        "--allow prog-type=xdp",
        "--allow helper=send_signal",
        "--allow kfunc=bpf_sock_destroy",
        "--allow pin=/sys/fs/bpf/m",
    ]


def test_no_call_of_an_observing_object_changes_anything() -> None:
    assert calls_of(ElfFile(ELF)) == (set(), set())


def test_inspect_shows_a_guest_without_root(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Verbosity, "level", 0)  # as it was, after -v
    path = tmp_path / "guest.wasm"
    path.write_bytes(GUEST)

    assert inspect([str(path)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]

    assert lines[0] == f"{path}: a Wasm guest, {len(GUEST)} bytes"
    assert "interface wasm-bpf; WASI preview 1" in lines
    assert not any("wasm_load_bpf_object" in line for line in lines)
    imports = next(at for at, line in enumerate(lines) if line.startswith("Imports ("))
    assert lines[imports - 3 : imports - 1] == ["Policy", "nothing to allow: its programs only observe"]
    assert lines[imports].endswith(", -v shows each)")
    assert re.fullmatch(r"wasm-bpf \d+", lines[imports + 1])
    assert f"BPF object 1 ({len(ELF)} bytes)" in lines
    assert "first tp/sched/sched_process_exec tp 73 instructions" in lines
    assert "nothing to allow: its programs only observe" in lines

    assert inspect(["-v", str(path)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "wasm_bpf.wasm_load_bpf_object (i32, i32) -> i64 wasm-bpf" in lines
    assert "_start function () -> ()" in lines

    assert inspect(["-j", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "guest"


def test_inspect_knows_a_guest_of_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "filter.wasm"
    path.write_bytes(writer.module([("eunomia", "every", "i:i")], export="on_event"))

    assert inspect([str(path)]) == 0

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "entry on_event: for a tool's events, ecli run --guest FILE TOOL" in lines
    assert "events of a package (ecli run --guest) 1" in lines
    assert "nothing to allow: a guest of events has no BPF of its own" in lines
    path.write_bytes(writer.module([("eunomia", "every", "i:i")]))
    inspect([str(path)])
    assert "NOT HERE: unknown" in capsys.readouterr().out  # what runs by itself is not offered this


def test_escapes_in_names_do_not_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "guest.wasm"
    path.write_bytes(writer.module([("a\x1b[31m", "b\n", "i:")]))

    inspect([str(path)])

    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert (
        "a\\x1b[31m.b\\n (i32) -> () NOT HERE: yours to give (--link a\\x1b[31m=MODULE, or Guest.register)"
        in " ".join(out.split())
    )
