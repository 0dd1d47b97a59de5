"""The usual mistakes are recognised on every kernel, whatever its verifier says; their page is what is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vm import mistakes

# Where another kernel takes a source for another mistake, or takes it as it is: none at the moment.
OTHERWISE: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="module", params=["5.10", "6.1", "6.12", "newest"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """Return a kernel and what became of each source there."""
    return request.param, mistakes.run(request.param, tmp_path_factory.mktemp("mistakes"))


def test_every_mistake_is_recognised(told: tuple[str, dict[str, Any]]) -> None:
    kernel, rows = told
    wanted = {name: OTHERWISE.get((kernel, name), name) for name in mistakes.SOURCES}

    assert {name: row["tree"]["verified"][0]["mistake"] for name, row in rows.items()} == wanted


def test_the_marked_line_is_named(told: tuple[str, dict[str, Any]]) -> None:
    _, rows = told
    wrong = {}
    for name, row in rows.items():
        marked = [
            n for n, line in enumerate(mistakes.SOURCES[name].read_text().splitlines(), 1) if "/* here */" in line
        ]
        file, _, line = row["tree"]["verified"][0]["where"].rpartition(":")
        if file != f"{name}.bpf.c" or (marked and int(line) not in (marked[0] - 1, marked[0])):
            wrong[name] = row["tree"]["verified"][0]["where"]

    assert wrong == {}


def test_the_line_of_a_run_carries_the_advice(told: tuple[str, dict[str, Any]]) -> None:
    _, rows = told
    without = [name for name, row in rows.items() if row["tree"]["verified"][0]["advice"] not in row["line"]]

    assert without == []


def test_the_page_is_what_is_printed(told: tuple[str, dict[str, Any]]) -> None:
    kernel, rows = told
    if kernel == mistakes.KERNEL:
        assert mistakes.text(rows) == Path(mistakes.PAGE).read_text(), "PYTHONPATH=src:tests python -m vm.mistakes"
    assert len(rows) == len(mistakes.SOURCES) >= 20
