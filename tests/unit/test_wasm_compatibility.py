"""The page that says which test proves what names cases and tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.run import cases


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    """Its first part: the table."""
    return (root / "docs/wasm-compatibility.md").read_text().partition("\n## ")[0]


def test_every_row_names_its_proof(page: str) -> None:
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| **")][1:]

    assert len(rows) > 40
    assert [row for row in rows if not re.search(r'case "|cases "|`tests/', row)] == []


def test_every_case_that_is_named_exists(page: str) -> None:
    proofs = [line.rsplit(" | ", 1)[-1] for line in page.splitlines() if line.startswith("| ")]
    named = {name for proof in proofs for name in re.findall(r'"([^"]+)"', proof)}

    assert named
    assert named - {case["name"] for case in cases()} == set()


def test_every_test_that_is_named_exists(page: str, root: Path) -> None:
    named = re.findall(r"`(tests/[\w/.]+)::(\w+)`", page)

    assert named
    assert [name for path, name in named if f"def {name}(" not in (root / path).read_text()] == []


def test_every_case_is_in_the_page_or_belongs_to_one_that_is(page: str) -> None:
    """New cases get a row: those of exit codes and traps stand for each other."""
    left_out = [case["name"] for case in cases() if case["name"] not in page]

    assert [
        name for name in left_out if not re.match(r"exit\(|exit code|trap: |a guest that takes|interrupted", name)
    ] == []
