"""The built-in tools as packages: the same for each architecture, small, complete."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from eunomia import builtin
from eunomia.compiler import compile_source

TOOLS = Path(__file__).resolve().parents[2] / "tools"
NAMES = sorted(path.parent.name for path in TOOLS.glob("[a-z]*/*.bpf.c"))


def test_every_tool_has_a_package_and_no_package_is_left_over() -> None:
    assert builtin.names() == NAMES


@pytest.mark.parametrize("name", ["", "nosuchtool", "../builtin/sigsnoop", "sig\0snoop"])
def test_what_is_no_tool_is_not_read(name: str) -> None:
    with pytest.raises(FileNotFoundError):
        builtin.read(name)


@pytest.mark.parametrize("name", NAMES)
def test_object_is_the_same_for_both_architectures_and_needs_no_kernel_types(name: str, tmp_path: Path) -> None:
    no_types = tmp_path / "vmlinux.h"
    no_types.write_text("#error the built-in tools declare their own types\n")
    source = TOOLS / name / f"{name}.bpf.c"

    x86 = compile_source(source, target_arch="x86", vmlinux=no_types)
    arm64 = compile_source(source, target_arch="arm64", vmlinux=no_types)
    assert x86.object == arm64.object


@pytest.mark.parametrize("name", NAMES)
def test_package_is_small_and_says_what_it_is(name: str) -> None:
    document = json.loads(builtin.read(name))
    doc = document["meta"]["bpf_skel"]["doc"]

    assert len(json.dumps(document["meta"])) < 8192
    assert 10 < len(doc["brief"]) < 90
    assert doc["version"]


@pytest.mark.parametrize("name", NAMES)
def test_readme_shows_output_and_every_option(name: str) -> None:
    from eunomia.package import Package

    readme = (TOOLS / name / "README.md").read_text()
    options = Package.from_bytes(builtin.read(name), name).options()

    assert f"$ sudo ecli run {name}" in readme or "$ sudo ecli run --folded" in readme
    assert [option.long for option in options if f"`--{option.long}`" not in readme] == []
    assert f"### [{name}](../tools/{name}/README.md)" in (TOOLS.parent / "docs" / "tools.md").read_text()


def test_shared_headers_are_found_beside_a_copied_source(tmp_path: Path) -> None:
    shutil.copytree(TOOLS / "include", tmp_path / "include")
    shutil.copytree(TOOLS / "sigsnoop", tmp_path / "sigsnoop")

    package = compile_source(tmp_path / "sigsnoop" / "sigsnoop.bpf.c")
    assert package.object == compile_source(TOOLS / "sigsnoop" / "sigsnoop.bpf.c").object
