"""The page that says which test proves what: every point has a proof, and the cases and tests that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.run import cases

Row = tuple[str, str, str]


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs/wasm-compatibility.md").read_text()


def rows(page: str, title: str) -> list[Row]:
    """The rows of the table of a section: number, what, proof."""
    section = page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    return [(cells[1], cells[2], cells[3]) for cells in (re.split(r" ?\| ?", line) for line in lines)]


@pytest.mark.parametrize(("title", "points"), [("What guests rely on", 10), ("What hosts got wrong", 26)])
def test_every_point_is_there_in_its_order(title: str, points: int, page: str) -> None:
    numbers = [int(number) for number, _, _ in rows(page, title)]

    assert numbers == sorted(numbers)
    assert sorted(set(numbers)) == list(range(1, points + 1))


def test_every_row_names_its_proof(page: str) -> None:
    found = [row for title in ("What guests rely on", "What hosts got wrong", "And") for row in rows(page, title)]

    assert len(found) > 70
    assert [row for row in found if not re.search(r'cases? "|`tests/', row[2])] == []


def test_every_case_that_is_named_exists(page: str) -> None:
    named = {name for line in page.splitlines() if line.startswith("| ") for name in cases_of(line)}

    assert len(named) > 50
    assert named - {case["name"] for case in cases()} == set()


def cases_of(row: str) -> list[str]:
    return re.findall(r'"([^"]+)"', re.split(r" ?\| ?", row)[3])


def test_every_test_that_is_named_exists(page: str, root: Path) -> None:
    named = re.findall(r"`(tests/[\w/.]+)::(\w+)`", page)

    assert len(named) > 30
    assert [name for path, name in named if f"def {name}(" not in (root / path).read_text()] == []


def test_every_case_proves_something(page: str) -> None:
    assert [case["name"] for case in cases() if f'"{case["name"]}"' not in page] == []
