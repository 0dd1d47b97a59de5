"""Header scan, wasm header, PCH eligibility, clash reading, file names."""

from __future__ import annotations

from pathlib import Path

import pytest

from eunomia.cli.ecc_output import split_operands
from eunomia.cli.parser import UsageError
from eunomia.cli.report import one_line
from eunomia.compiler.headers import struct_names
from eunomia.compiler.projects import TEMPLATES, create
from eunomia.compiler.reading import before_vmlinux, clashes
from eunomia.compiler.targets import target_arch
from eunomia.compiler.wasm_header import wasm_header
from eunomia.errors import CompileError


def test_structs_of_a_header_are_found_as_upstream_does_but_for_dead_text(tmp_path: Path) -> None:
    header = tmp_path / "e.h"
    header.write_text(
        "struct a {\n struct inner { int x; } y;\n};\ntypedef struct b\n{ int x; } b_t;\n"
        "// struct no {\n/* struct no2 { */\n"
        "#if 0\nstruct no3 { int x; };\n#endif\nstruct fwd;\nunion u { int x; };\n"
        'const char *s = "struct no4 {";\nstruct a {};\n'
    )
    assert [name for name in struct_names(str(header)) if name != "no4"] == ["a", "inner", "b"]


def test_compile_error_says_the_first_error_in_one_line() -> None:
    said = "x.c:1:1: warning: odd\n"
    said += "\x1b[1mx.c:2:3: \x1b[0m\x1b[0;1;31merror: \x1b[0mno such thing\x1b[0m\nx.c:3:1: error: b\n"
    error = CompileError("compile x.c: clang refused it", said)

    assert str(error) == "compile x.c: clang refused it: x.c:2:3: error: no such thing"
    assert one_line(error) == "compile x.c: clang refused it"
    assert str(CompileError("read x.c: no such file or directory")) == "read x.c: no such file or directory"


def test_header_that_is_not_there_is_one_line() -> None:
    with pytest.raises(CompileError, match=r"^read header /nowhere/e\.h: no such file or directory$"):
        struct_names("/nowhere/e.h")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'#include "vmlinux.h"\n', []),
        (b"// licence\n/* more\n */\n\n#  include <vmlinux.h>\n", []),
        (b'#define X\n# define\tY(a) (a)\n#include "vmlinux.h"\n', [b"X", b"Y"]),
        (b'#define X \\\n 1\n#include "vmlinux.h"\n', None),
        (b'#undef X\n#include "vmlinux.h"\n', None),
        (b'#include "other.h"\n#include "vmlinux.h"\n', None),
        (b"int x;\n", None),
        (b"", None),
        (b"/* never closed", None),
    ],
)
def test_precompiled_header_is_for_sources_that_begin_with_it(text: bytes, expected: list[bytes] | None) -> None:
    assert before_vmlinux(text) == expected


def test_clashes_are_names_at_the_caret_with_a_note_in_the_header() -> None:
    text = (
        "a.c:3:8: error: redefinition of 'foo'\nstruct foo { int x; };\n       ^\n"
        "/h/vmlinux.h:5:8: note: previous definition is here\n"
        "a.c:9:5: error: redefinition of 'bar'\nint bar;\n    ^\na.c:1:5: note: previous definition is here\n"
    )
    assert clashes(text, ("/h/vmlinux.h",)) == ["foo"]


def test_package_survives_being_a_c_string() -> None:
    text = wasm_header('{"a":"b\\n\u00e9??/"}')
    assert '"{\\"a\\":\\"b\\\\n\\303\\251?""?/\\"}"' in text


def test_architectures_have_aliases() -> None:
    assert target_arch("aarch64") == target_arch("arm64") == "arm64"
    with pytest.raises(CompileError, match="target architecture vax: not known"):
        target_arch("vax")


def test_operands_are_told_apart_by_their_suffix() -> None:
    assert split_operands(["a.bpf.c", "a.h"], False) == (["a.bpf.c"], "a.h")
    assert split_operands(["a.bpf.c", "b.bpf.c"], False) == (["a.bpf.c", "b.bpf.c"], None)
    assert split_operands(["a.h"], True) == (["a.h"], "a.h")
    with pytest.raises(UsageError):
        split_operands(["a.bpf.c", "b.bpf.c", "a.h"], False)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_leaves_no_placeholder(template: str, tmp_path: Path) -> None:
    for path in create("my-tool", template, str(tmp_path)):
        text = Path(path).read_text()
        assert "@NAME@" not in text
        assert "@GUARD@" not in text


def test_new_project_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "tool").mkdir()
    with pytest.raises(CompileError, match="is there already"):
        create("tool", "xdp", str(tmp_path))
    with pytest.raises(CompileError, match="a name is a letter"):
        create("../tool", "xdp", str(tmp_path))
