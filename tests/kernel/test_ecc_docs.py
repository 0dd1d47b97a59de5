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
