"""The line of a download: what it says, and that it is no wider than the terminal."""

from __future__ import annotations

import pytest

from eunomia.cli.progress import line, size


def test_it_says_what_how_much_of_it_and_how_fast() -> None:
    assert line("example.org/tool", 512_000, 2_000_000, 2.0, 100) == (
        "example.org/tool [######..................]  25% of 2.0 MB 256 kB/s"
    )
    assert line("example.org/tool", 512_000, -1, 2.0, 100) == "example.org/tool 512 kB 256 kB/s"


def test_a_long_name_is_cut_at_its_beginning_and_control_characters_are_shown() -> None:
    shown = line("https://example.org/" + "a" * 100 + "/tool.json", 1, 2, 1.0, 80)

    assert len(shown) == 79
    assert shown.startswith("…")
    assert "tool.json [" in shown
    assert line("a\x1b[31m", 1, -1, 1.0, 80) == "a\\x1b[31m 1 B 1 B/s"


@pytest.mark.parametrize("columns", range(2, 90))
def test_it_never_wraps(columns: int) -> None:
    assert len(line("name" * 20, 10**12, 10**13, 0.001, columns)) < columns


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (123_456, "123 kB"), (999_600, "1.0 MB"), (5 * 10**12, "5000 GB")],
)
def test_sizes_are_as_people_read_them(count: int, text: str) -> None:
    assert size(count) == text
