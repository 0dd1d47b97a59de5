"""Every example of docs/writing-a-tool.md compiles without a word, and every annotation has one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.compiler.rules import _RULES

DOCS = Path(__file__).parent.parent.parent / "docs"
TEXT = (DOCS / "writing-a-tool.md").read_text()
EXAMPLES = re.findall(r"^#+ ([^\n]*)\n(?:(?!^#+ ).)*?^```c\n(.*?)^```$", TEXT, re.S | re.M)


@pytest.mark.parametrize(("title", "source"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_example_compiles_without_warnings(title: str, source: str, tmp_path: Path) -> None:
    path = tmp_path / "tool.bpf.c"
    path.write_text(source)
    warnings: list[str] = []

    package = compile_source(path, on_warning=warnings.append)
    assert warnings == []
    assert package.plan()


def test_every_annotation_has_an_example_and_a_row() -> None:
    sources = "\n".join(source for _, source in EXAMPLES)
    reference = (DOCS / "reference/annotations.md").read_text()

    for _, key in _RULES:
        assert re.search(rf"@{key}\b", sources), key
        assert f"@{key}" in reference


ATTACHING = (DOCS / "attach-everything.md").read_text()
HEAD, *PROGRAMS = re.findall(r"^```c\n(.*?)^```$", ATTACHING, re.S | re.M)
TITLES = [
    title
    for title, body in re.findall(r"^## ([^\n]*)\n((?:(?!^## ).)*)", ATTACHING, re.S | re.M)
    for _ in re.findall(r"^```c$", body, re.M)
]


@pytest.mark.parametrize(("title", "source"), list(zip(TITLES, PROGRAMS, strict=True)), ids=TITLES)
def test_program_of_the_page_on_attaching_compiles_and_is_known(title: str, source: str, tmp_path: Path) -> None:
    path = tmp_path / "tool.bpf.c"
    path.write_text(HEAD + source)
    warnings: list[str] = []

    package = compile_source(path, on_warning=warnings.append)
    assert warnings == []
    named = re.findall(r"^(?:int|void|__u32) (?:BPF_\w+\()?(\w+)", source, re.M)
    assert sorted(program["name"] for program in package.meta["bpf_skel"]["progs"]) == sorted(named)
    if title not in {"The kernel's functions", "Refusing"}:  # this kernel has neither fentry nor LSM
        with package.load() as obj:
            assert sorted(obj.programs) == sorted(named)


def test_commands_of_the_page_on_attaching_are_spelled_as_ecli_has_them() -> None:
    from eunomia.cli.run_table import COMMAND

    lines = re.findall(r"^\$ sudo ecli run (.*)$", ATTACHING, re.M)
    assert len(lines) == 9
    for line in lines:
        assert COMMAND.parse(line.split()).operands[:1] == ["package.json"], line
